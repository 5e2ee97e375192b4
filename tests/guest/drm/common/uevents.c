#include "uevents.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>

int uevents_open(void) {
    int uevents = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
    GUEST_CHECK(uevents >= 0, "netlink socket: %s", strerror(errno));
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    GUEST_CHECK(bind(uevents, (const struct sockaddr *)&address, sizeof(address)) == 0,
                "netlink bind: %s", strerror(errno));
    return uevents;
}

/* A message is words that end with a zero each: ACTION@PATH, then NAME=VALUE. */
static bool is_hotplug(const char *message, size_t size) {
    bool drm = false, hotplug = false;
    for (size_t at = 0; at < size; at += strnlen(message + at, size - at) + 1) {
        drm = drm || strncmp(message + at, "SUBSYSTEM=drm", size - at) == 0;
        hotplug = hotplug || strncmp(message + at, "HOTPLUG=1", size - at) == 0;
    }
    return drm && hotplug;
}

bool uevents_wait_hotplug(int uevents, double seconds) {
    const double deadline = guest_now() + seconds;
    char message[8192];
    for (;;) {
        const double left = deadline - guest_now();
        if (left <= 0) {
            return false;
        }
        struct pollfd poll_for = {uevents, POLLIN, 0};
        int ready = poll(&poll_for, 1, (int)(left * 1000) + 1);
        GUEST_CHECK(ready >= 0 || errno == EINTR, "poll: %s", strerror(errno));
        if (ready <= 0) {
            continue;
        }
        ssize_t size = recv(uevents, message, sizeof(message) - 1, 0);
        GUEST_CHECK(size >= 0, "netlink: %s", strerror(errno));
        message[size] = '\0';
        if (is_hotplug(message, (size_t)size)) {
            return true;
        }
    }
}
