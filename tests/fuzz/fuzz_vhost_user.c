/* The vhost-user front: the input is what a monitor sends, what its guest writes into the rings and
 * what the monitor answers to us, in front of the real device, whose contexts and presenter need
 * nothing. The inputs' language: vhost_user_seeds.h. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "around_device.h"
#include "frontend/vhost_user/control.h"
#include "input.h"
#include "need.h"
#include "target.h"
#include "util/log.h"
#include "vhost_user_seeds.h"

static bool call_contexts(struct vhost_thread *of, void *argument) {
    (void)of, (void)argument;
    fuzz_contexts_answer();
    return true;
}

/* ---- the server: one for all inputs ------------------------------------------------------ */

static struct vhost_thread thread;
static struct vhost_control control;
static struct fuzz_presenter presenter = {.answers_at_once = true};
static int ram_fd;
static uint8_t *ram;

static void *device_main(void *argument) {
    (void)argument;
    need(vhost_thread_run(&thread) == 0, "the device thread");
    return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    static pthread_t device_thread;
    struct device_options options;
    fuzz_device_options(&presenter, &options);
    log_set_level(LOG_SILENT);
    signal(SIGPIPE, SIG_IGN);
    need(platform_shm_create("vesper-fuzz", FUZZ_RAM_BYTES, &ram_fd) == 0, "the guest's memory");
    ram = mmap(NULL, FUZZ_RAM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ram_fd, 0);
    need(ram != MAP_FAILED, "the guest's memory");
    need(vhost_thread_init(&thread, &options) == 0, "the device");
    vhost_control_init(&control, &thread, FUZZ_REGION_BYTES);
    need(platform_thread_start(&device_thread, "fuzz-device", device_main, NULL) == 0,
         "the device thread");
    return 0;
}

static bool call_nothing(struct vhost_thread *of, void *argument) {
    (void)of, (void)argument;
    return true;
}

/* A call is answered before the queues are served: behind the second, a whole turn has been. */
static void wait_turn(void) {
    vhost_thread_call(&thread, call_nothing, NULL);
    vhost_thread_call(&thread, call_nothing, NULL);
}

/* ---- the monitor ------------------------------------------------------------------------- */

struct monitor {
    int fd; /* -1: not connected */
    int kicks[DEVICE_QUEUE_COUNT][2], call[2], channel[2];
};

static void drain(int fd) {
    uint8_t bytes[4096];
    int fds[VHOST_FDS_MAX];
    size_t count;
    while (platform_socket_receive_fds(fd, bytes, sizeof(bytes), fds, VHOST_FDS_MAX, &count) > 0) {
        for (size_t i = 0; i < count; i++) {
            close(fds[i]);
        }
    }
}

static void disconnect(struct monitor *monitor) {
    if (monitor->fd >= 0) {
        close(monitor->fd);
        monitor->fd = -1;
    }
    vhost_control_disconnect(&control);
}

static void connect_again(struct monitor *monitor) {
    int pair[2];
    disconnect(monitor);
    need(platform_socket_pair(pair) == 0, "a connection");
    monitor->fd = pair[0];
    vhost_control_connect(&control, pair[1]);
}

static void begin(struct monitor *monitor) {
    for (int i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        need(pipe(monitor->kicks[i]) == 0, "a pipe");
    }
    need(pipe(monitor->call) == 0, "a pipe");
    need(platform_socket_pair(monitor->channel) == 0, "a channel");
    monitor->fd = -1;
    memset(ram, 0, FUZZ_RAM_BYTES);
    connect_again(monitor);
}

static void close_both(int fds[2]) {
    for (int i = 0; i < 2; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
        fds[i] = -1;
    }
}

/* The server takes what there is, as its loop does. */
static void serve(struct monitor *monitor) {
    struct pollfd ready = {control.connection.fd, vhost_connection_events(&control.connection), 0};
    while (control.connection.fd >= 0 && poll(&ready, 1, 0) > 0) {
        if (!vhost_connection_handle(&control.connection, ready.revents)) {
            disconnect(monitor);
            return;
        }
        drain(monitor->fd);
        ready.events = vhost_connection_events(&control.connection);
    }
}

static void send_bytes(struct monitor *monitor, const void *bytes, size_t size, const int *fds,
                       size_t count) {
    if (monitor->fd >= 0) {
        (void)platform_socket_send_fds(monitor->fd, bytes, size, fds, count);
        serve(monitor);
    }
}

static int get_fd(const struct monitor *monitor, uint32_t kind) {
    switch (kind) {
    case FD_RAM:
        return ram_fd;
    case FD_CALL:
        return monitor->call[1];
    case FD_CHANNEL:
        return monitor->channel[0];
    default:
        return monitor->kicks[kind - FD_KICK][0];
    }
}

static void answer(struct monitor *monitor, uint8_t how) {
    struct vhost_header asked;
    uint8_t payload[64];
    int fd = -1;
    if (monitor->channel[1] < 0 ||
        platform_socket_receive(monitor->channel[1], &asked, sizeof(asked), &fd) !=
            (long)sizeof(asked)) {
        return;
    }
    if (fd >= 0) {
        close(fd);
    }
    need(asked.size <= sizeof(payload), "a request of ours");
    if (asked.size > 0) {
        (void)platform_socket_receive(monitor->channel[1], payload, asked.size, &fd);
    }
    struct {
        struct vhost_header header;
        uint8_t value[8];
    } reply = {{asked.request, VHOST_FLAGS_VERSION | VHOST_FLAGS_REPLY, 8}, {how}};
    if (how == UINT8_MAX) {
        memset(&reply, how, sizeof(reply));
    }
    (void)platform_socket_send(monitor->channel[1], &reply, sizeof(reply), -1);
}

/* Nothing of a monitor that has gone is left, and the next one is answered. */
static void end(struct monitor *monitor, int first_free_fd) {
    connect_again(monitor);
    struct {
        struct vhost_header header;
        uint64_t features;
    } reply = {.features = 0};
    reply.header = (struct vhost_header){VHOST_GET_FEATURES, VHOST_FLAGS_VERSION, 0};
    need(platform_socket_send(monitor->fd, &reply.header, sizeof(reply.header), -1) ==
             (long)sizeof(reply.header),
         "a request");
    need(vhost_connection_handle(&control.connection, POLLIN), "a connection that lives");
    need(read(monitor->fd, &reply, 20) == 20, "an answer");
    disconnect(monitor);
    for (int i = 0; i < DEVICE_QUEUE_COUNT; i++) {
        close_both(monitor->kicks[i]);
    }
    close_both(monitor->call);
    close_both(monitor->channel);
    struct device_counts counts;
    device_get_counts(thread.device, &counts);
    need(!counts.contexts && !counts.resources && !counts.mappings && !counts.parked &&
             !counts.pixel_bytes,
         "a device that begins anew");
    uint64_t storages, storage_bytes;
    storage_get_totals(&storages, &storage_bytes);
    need(storages == 0 && storage_bytes == 0, "no storage left");
    const int fd = dup(ram_fd);
    close(fd);
    need(fd == first_free_fd, "no descriptor left open");
}

/* ---- the input --------------------------------------------------------------------------- */

static void send_message(struct monitor *monitor, uint8_t opcode, struct input *input) {
    struct {
        struct vhost_header header;
        uint8_t payload[UINT8_MAX];
    } message = {.header = {.request = vhost_user_requests[opcode % VHOST_USER_REQUESTS]}};
    message.header.flags = take_byte(input);
    const uint8_t descriptors = take_byte(input);
    message.header.size = take_byte(input);
    take_bytes(input, message.payload, message.header.size);
    int fds[VHOST_FDS_MAX];
    const size_t count = descriptors % 16 < VHOST_FDS_MAX ? descriptors % 16 : VHOST_FDS_MAX;
    for (size_t i = 0; i < count; i++) {
        fds[i] = get_fd(monitor, descriptors / 16 % FD_KINDS);
    }
    for (size_t i = 0; i < count; i++) {
        if (fds[i] < 0) {
            return;
        }
    }
    send_bytes(monitor, &message, sizeof(message.header) + message.header.size, fds, count);
}

static void act(struct monitor *monitor, uint8_t opcode, struct input *input) {
    uint8_t bytes[UINT8_MAX];
    size_t offset, size;
    switch (opcode) {
    case OP_RAW:
        size = take_byte(input);
        send_bytes(monitor, bytes, take_bytes(input, bytes, size), NULL, 0);
        break;
    case OP_WRITE:
        offset = take_byte(input);
        offset |= (size_t)take_byte(input) << 8;
        size = take_byte(input);
        size = take_bytes(input, bytes, size);
        memcpy(ram + offset, bytes,
               size < FUZZ_RAM_BYTES - offset ? size : FUZZ_RAM_BYTES - offset);
        break;
    case OP_KICK:
        (void)!write(monitor->kicks[take_byte(input) % DEVICE_QUEUE_COUNT][1], "12345678", 8);
        wait_turn();
        break;
    case OP_ANSWER:
        answer(monitor, take_byte(input));
        wait_turn();
        break;
    case OP_CONTEXTS:
        vhost_thread_call(&thread, call_contexts, NULL);
        wait_turn();
        break;
    case OP_RECONNECT:
        connect_again(monitor);
        break;
    case OP_CLOSE_CHANNEL:
        close_both(monitor->channel);
        wait_turn();
        break;
    case OP_DISPLAY:
        size = take_byte(input);
        device_set_display(thread.device, size % 4,
                           &(struct device_display){.connected = size & 8,
                                                    .width = (uint32_t)size * 70,
                                                    .height = (uint32_t)size * 60});
        wait_turn();
        break;
    default:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct monitor monitor;
    const int first_free_fd = dup(ram_fd);
    close(first_free_fd);
    begin(&monitor);
    while (input.size > 0) {
        const uint8_t opcode = take_byte(&input);
        if (opcode < OP_RAW) {
            send_message(&monitor, opcode, &input);
        } else {
            act(&monitor, opcode, &input);
        }
    }
    end(&monitor, first_free_fd);
    return 0;
}
