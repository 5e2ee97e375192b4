#include "cli/requests.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/status.h"
#include "platform/platform.h"
#include "renderer/storage.h"

/* How long a picture may take. */
#define CAPTURE_TIMEOUT_NS (UINT64_C(5) * 1000 * 1000 * 1000)

static void answer_error(char *answer, size_t size, const char *text) {
    snprintf(answer, size, "error %s", text);
}

static void capture(const struct requests *requests, const char *line, char *answer, size_t size) {
    unsigned scanout;
    int path = 0;
    if (sscanf(line, "capture %u %n", &scanout, &path) != 1 || !path || !line[path]) {
        answer_error(answer, size, "expected: capture SCANOUT FILE");
        return;
    }
    const uint64_t deadline_ns = platform_now_ns() + CAPTURE_TIMEOUT_NS;
    int error = cli_display_write(requests->display, scanout, line + path, deadline_ns);
    if (error) {
        snprintf(answer, size, "error %s cannot be written: %s", line + path, strerror(-error));
        return;
    }
    snprintf(answer, size, "ok %s", line + path);
}

/* A number of up to five digits, 1 or more; what follows it, or NULL. */
static const char *parse_count(const char *text, uint32_t *out) {
    const size_t digits = strspn(text, "0123456789");
    *out = digits <= 5 ? (uint32_t)strtoul(text, NULL, 10) : 0;
    return *out > 0 ? text + digits : NULL;
}

/* "WxH", "WxH@HZ", "connect" or "off". */
static bool parse_change(const char *text, struct device_display *out) {
    *out = (struct device_display){.connected = strcmp(text, "off") != 0};
    if (!out->connected || strcmp(text, "connect") == 0) {
        return true;
    }
    const char *end = parse_count(text, &out->width);
    end = end && *end == 'x' ? parse_count(end + 1, &out->height) : NULL;
    end = end && *end == '@' ? parse_count(end + 1, &out->refresh_hz) : end;
    return end && !*end;
}

static void turn_display(const struct requests *requests, uint32_t scanout, const char *degrees,
                         char *answer, size_t size) {
    enum display_turn turn;
    if (!display_turn_parse(degrees, &turn)) {
        answer_error(answer, size, "expected: display SCANOUT rotate=0, 90, 180 or 270");
    } else if (!cli_display_turn(requests->display, scanout, turn)) {
        answer_error(answer, size, "there is no such display, or it has no window");
    } else {
        snprintf(answer, size, "ok");
    }
}

static void set_display(const struct requests *requests, const char *line, char *answer,
                        size_t size) {
    unsigned scanout;
    struct device_display display;
    int change = 0;
    if (sscanf(line, "display %u %n", &scanout, &change) == 1 && change &&
        strncmp(line + change, "rotate=", strlen("rotate=")) == 0) {
        turn_display(requests, scanout, line + change + strlen("rotate="), answer, size);
        return;
    }
    if (sscanf(line, "display %u %n", &scanout, &change) != 1 || !change ||
        !parse_change(line + change, &display)) {
        answer_error(
            answer, size,
            "expected: display SCANOUT WIDTHxHEIGHT[@HZ], or connect, off, or rotate=DEGREES");
        return;
    }
    if (device_set_display(requests->device, scanout, &display)) {
        answer_error(answer, size,
                     "there is no such display, or a side is not 1 to 16384, or Hz not 24 to 500");
        return;
    }
    cli_display_plug(requests->display, scanout, display.connected);
    snprintf(answer, size, "ok");
}

static void list_displays(const struct requests *requests, char *answer, size_t size) {
    struct device_display display;
    size_t length = (size_t)snprintf(answer, size, "ok");
    for (uint32_t i = 0; device_get_display(requests->device, i, &display) == 0; i++) {
        length += (size_t)snprintf(answer + length, size - length,
                                   " %" PRIu32 "=%s,%" PRIu32 "x%" PRIu32 "@%" PRIu32, i,
                                   display.connected ? "connected" : "disconnected", display.width,
                                   display.height, display.refresh_hz);
        if (length >= size) {
            return; /* not with 16 displays */
        }
    }
}

/* Nothing of displays that have shown nothing. */
static void list_rates(const struct requests *requests, char *answer, size_t size) {
    struct display_rate rate;
    size_t length = (size_t)snprintf(answer, size, "ok");
    for (uint32_t i = 0; cli_display_get_rate(requests->display, i, &rate); i++) {
        if (rate.path && length < size) {
            length += (size_t)snprintf(answer + length, size - length,
                                       " %" PRIu32 "=%s,%.1f,%.1f,%.1f", i, rate.path,
                                       rate.frames_per_second, rate.mean_ms, rate.longest_ms);
        }
    }
}

static void count(const struct requests *requests, char *answer, size_t size) {
    struct device_counts counts;
    device_get_counts(requests->device, &counts);
    uint64_t storages, storage_bytes;
    storage_get_totals(&storages, &storage_bytes);
    snprintf(answer, size,
             "ok contexts=%u resources=%u mappings=%u parked=%u requests=%llu errors=%llu "
             "pixel_bytes=%llu storages=%llu storage_bytes=%llu maps=%llu maps_ns=%llu "
             "unmaps=%llu unmaps_ns=%llu maps_own_ns=%llu",
             counts.contexts, counts.resources, counts.mappings, counts.parked,
             (unsigned long long)counts.requests, (unsigned long long)counts.errors,
             (unsigned long long)counts.pixel_bytes, (unsigned long long)storages,
             (unsigned long long)storage_bytes, (unsigned long long)counts.maps,
             (unsigned long long)counts.maps_ns, (unsigned long long)counts.unmaps,
             (unsigned long long)counts.unmaps_ns, (unsigned long long)counts.maps_own_ns);
}

void requests_execute(void *user, const char *line, char *answer, size_t answer_size) {
    const struct requests *requests = user;
    if (strncmp(line, "capture ", 8) == 0) {
        capture(requests, line, answer, answer_size);
    } else if (strncmp(line, "display ", 8) == 0) {
        set_display(requests, line, answer, answer_size);
    } else if (strcmp(line, "displays") == 0) {
        list_displays(requests, answer, answer_size);
    } else if (strcmp(line, "rates") == 0) {
        list_rates(requests, answer, answer_size);
    } else if (strcmp(line, "counts") == 0) {
        count(requests, answer, answer_size);
    } else {
        answer_error(answer, answer_size,
                     "unknown request; there are capture, display, displays, rates, counts");
    }
}
