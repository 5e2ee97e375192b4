#include "cli/requests.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static bool parse_mode(const char *text, uint32_t *width, uint32_t *height) {
    int end = 0;
    *width = *height = 0;
    if (strcmp(text, "off") == 0) {
        return true;
    }
    return sscanf(text, "%" SCNu32 "x%" SCNu32 "%n", width, height, &end) == 2 && !text[end];
}

static void set_display(const struct requests *requests, const char *line, char *answer,
                        size_t size) {
    unsigned scanout;
    uint32_t width, height;
    int mode = 0;
    if (sscanf(line, "display %u %n", &scanout, &mode) != 1 || !mode ||
        !parse_mode(line + mode, &width, &height)) {
        answer_error(answer, size,
                     "expected: display SCANOUT WIDTHxHEIGHT, or: display SCANOUT off");
        return;
    }
    if (device_set_display(requests->device, scanout, width, height)) {
        answer_error(answer, size, "there is no such scanout, or a side is not 1 to 16384");
        return;
    }
    snprintf(answer, size, "ok");
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
    } else if (strcmp(line, "counts") == 0) {
        count(requests, answer, answer_size);
    } else {
        answer_error(answer, answer_size, "unknown request; there are capture, display, counts");
    }
}
