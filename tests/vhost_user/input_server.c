/* The server of one input device, whose events come from a FIFO.
 * Usage: PROGRAM PATH KIND. Says "listening" on standard error when it does; ends with 0 by
 * SIGTERM. Lines at PATH.events: "send TYPE CODE VALUE [TYPE CODE VALUE …]" (one group), "release",
 * "say": writes counts and LEDs to standard error. Each is answered there by a line. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frontend/vhost_user/input_server.h"
#include "platform/platform.h"
#include "util/log.h"

static struct vhost_input_server *server;
static struct input_device *device;

static void stop(int signal_number) {
    (void)signal_number;
    vhost_input_server_stop(server);
}

static void send_group(char *text) {
    struct input_event events[100];
    size_t count = 0;
    char *end = text;
    while (count < 100 && *end) {
        events[count].type = (uint16_t)strtol(end, &end, 10);
        events[count].code = (uint16_t)strtol(end, &end, 10);
        events[count++].value = (uint32_t)strtol(end, &end, 10);
    }
    fprintf(stderr, "sent %d\n", input_device_send(device, events, count));
}

static void say(void) {
    struct input_counts counts;
    input_device_get_counts(device, &counts);
    fprintf(stderr, "groups=%llu dropped=%llu resyncs=%llu leds=%u.\n",
            (unsigned long long)counts.groups, (unsigned long long)counts.dropped,
            (unsigned long long)counts.resyncs, input_device_get_leds(device));
}

static void *read_events(void *argument) {
    char line[4096];
    while (fgets(line, sizeof(line), argument)) {
        line[strcspn(line, "\n")] = 0;
        if (strncmp(line, "send ", 5) == 0) {
            send_group(line + 5);
        } else if (strcmp(line, "release") == 0) {
            input_device_release_all(device);
            fprintf(stderr, "released\n");
        } else if (strcmp(line, "say") == 0) {
            say();
        } else {
            break;
        }
    }
    return NULL;
}

static enum input_kind find_kind(const char *name) {
    int kind = 0;
    while (kind < INPUT_KIND_COUNT && strcmp(name, input_kind_name((enum input_kind)kind)) != 0) {
        kind++;
    }
    return (enum input_kind)kind;
}

int main(int argc, char **argv) {
    if (argc != 3 || find_kind(argv[2]) == INPUT_KIND_COUNT) {
        return 2;
    }
    char fifo[256], reason[256];
    snprintf(fifo, sizeof(fifo), "%s.events", argv[1]);
    FILE *events = mkfifo(fifo, 0600) == 0 ? fopen(fifo, "r+") : NULL;
    if (!events || input_device_create(find_kind(argv[2]), &device) ||
        vhost_input_server_create(argv[1], device, &server, reason, sizeof(reason))) {
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    log_set_level(LOG_DEBUG);
    pthread_t thread;
    if (platform_thread_start(&thread, "events", read_events, events)) {
        return 1;
    }
    fprintf(stderr, "listening\n");
    int error = vhost_input_server_run(server);
    int to_ourselves = open(fifo, O_WRONLY);
    if (to_ourselves < 0 || write(to_ourselves, "end\n", 4) != 4) {
        return 1;
    }
    close(to_ourselves);
    pthread_join(thread, NULL);
    vhost_input_server_destroy(server);
    input_device_destroy(device);
    fclose(events);
    return error ? 1 : 0;
}
