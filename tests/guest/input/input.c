/* guest_input [--led]: takes all input devices called "Vesper …" and writes what they tell, a
 * line each: DEVICE TYPE CODE VALUE, numbers as the kernel has them, DEVICE without its "Vesper ".
 * First a line "device NAME" for each, and then "ready". --led: lights the keyboard's caps lock
 * first. Ends by a signal. */
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICES_MAX 16
#define PREFIX "Vesper "

struct device {
    char name[64];
    int fd;
};

static struct device devices[DEVICES_MAX];
static size_t device_count;

static void open_device(int number) {
    char path[32], name[64] = "";
    snprintf(path, sizeof(path), "/dev/input/event%d", number);
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (ioctl(fd, EVIOCGNAME(sizeof(name) - 1), name) < 0 ||
        strncmp(name, PREFIX, strlen(PREFIX)) != 0 || device_count == DEVICES_MAX) {
        close(fd);
        return;
    }
    /* The console does not act upon what is typed here. */
    if (ioctl(fd, EVIOCGRAB, 1) < 0) {
        perror(path);
    }
    struct device *device = &devices[device_count++];
    device->fd = fd;
    snprintf(device->name, sizeof(device->name), "%s", name + strlen(PREFIX));
    printf("device %s\n", device->name);
}

static void light(void) {
    const struct input_event events[] = {{.type = EV_LED, .code = LED_CAPSL, .value = 1},
                                         {.type = EV_SYN, .code = SYN_REPORT}};
    for (size_t i = 0; i < device_count; i++) {
        if (strcmp(devices[i].name, "Keyboard") == 0 &&
            write(devices[i].fd, events, sizeof(events)) != (ssize_t)sizeof(events)) {
            perror("light");
        }
    }
}

/* False: the device is gone. */
static int say_events(const struct device *device) {
    struct input_event events[64];
    const ssize_t size = read(device->fd, events, sizeof(events));
    if (size < (ssize_t)sizeof(events[0])) {
        return size < 0 && errno == EINTR;
    }
    for (size_t i = 0; i < (size_t)size / sizeof(events[0]); i++) {
        printf("%s %u %u %d\n", device->name, events[i].type, events[i].code, events[i].value);
    }
    fflush(stdout);
    return 1;
}

int main(int argc, char **argv) {
    for (int i = 0; i < 32; i++) {
        open_device(i);
    }
    if (argc > 1 && strcmp(argv[1], "--led") == 0) {
        light();
    }
    puts("ready");
    fflush(stdout);
    while (1) {
        struct pollfd polls[DEVICES_MAX];
        for (size_t i = 0; i < device_count; i++) {
            polls[i] = (struct pollfd){devices[i].fd, POLLIN, 0};
        }
        if (poll(polls, device_count, -1) < 0 && errno != EINTR) {
            return 1;
        }
        for (size_t i = 0; i < device_count; i++) {
            if (polls[i].revents && !say_events(&devices[i])) {
                return 1;
            }
        }
    }
}
