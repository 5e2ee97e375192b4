/* A build without SDL: no windows. */
#include <errno.h>
#include <stdio.h>

#include "display/window.h"

#define WHY "this vesper was built without SDL3, and so without windows"

bool window_host_is_possible(char *reason, size_t reason_size) {
    if (reason) {
        snprintf(reason, reason_size, WHY);
    }
    return false;
}

bool window_host_feels_touch(void) {
    return false;
}

int window_host_create(const struct window_options *options, struct window_host **out, char *reason,
                       size_t reason_size) {
    (void)options;
    (void)out;
    snprintf(reason, reason_size, WHY);
    return -ENOTSUP;
}

struct presenter *window_host_get_presenter(struct window_host *host) {
    (void)host;
    return NULL;
}

void window_host_get_screen(struct window_host *host, uint32_t *out_dpi, uint32_t *out_refresh_hz) {
    (void)host;
    *out_dpi = *out_refresh_hz = 0;
}

void window_host_plug(struct window_host *host, uint32_t scanout, bool connected) {
    (void)host;
    (void)scanout;
    (void)connected;
}

int window_host_turn(struct window_host *host, uint32_t scanout, enum display_turn turn) {
    (void)host;
    (void)scanout;
    (void)turn;
    return -ENOTSUP;
}

void window_host_set_input(struct window_host *host, const struct input_seat *seat) {
    (void)host;
    (void)seat;
}

void window_host_run(struct window_host *host) {
    (void)host;
}

void window_host_stop(struct window_host *host) {
    (void)host;
}

int window_host_write_png(struct window_host *host, uint32_t scanout, const char *path,
                          uint64_t deadline_ns) {
    (void)host;
    (void)scanout;
    (void)path;
    (void)deadline_ns;
    return -ENOTSUP;
}

void window_host_destroy(struct window_host *host) {
    (void)host;
}
