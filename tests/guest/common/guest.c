#include "guest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void guest_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

_Noreturn void guest_skip(const char *format, ...) {
    va_list arguments;
    printf("skipped: ");
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    _Exit(GUEST_SKIP);
}

_Noreturn void guest_fail(const char *file, int line, const char *format, ...) {
    const char *slash = strrchr(file, '/');
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "FAILED at %s:%d: ", slash ? slash + 1 : file, line);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    /* Not exit(): a driver's exit handlers may wait for ever for a server that has gone. */
    fflush(stderr);
    _Exit(1);
}

const char *guest_result_name(VkResult result) {
    switch (result) {
    case VK_SUCCESS:
        return "VK_SUCCESS";
    case VK_NOT_READY:
        return "VK_NOT_READY";
    case VK_TIMEOUT:
        return "VK_TIMEOUT";
    case VK_EVENT_SET:
        return "VK_EVENT_SET";
    case VK_EVENT_RESET:
        return "VK_EVENT_RESET";
    case VK_INCOMPLETE:
        return "VK_INCOMPLETE";
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return "VK_ERROR_OUT_OF_HOST_MEMORY";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return "VK_ERROR_OUT_OF_DEVICE_MEMORY";
    case VK_ERROR_INITIALIZATION_FAILED:
        return "VK_ERROR_INITIALIZATION_FAILED";
    case VK_ERROR_DEVICE_LOST:
        return "VK_ERROR_DEVICE_LOST";
    case VK_ERROR_MEMORY_MAP_FAILED:
        return "VK_ERROR_MEMORY_MAP_FAILED";
    case VK_ERROR_LAYER_NOT_PRESENT:
        return "VK_ERROR_LAYER_NOT_PRESENT";
    case VK_ERROR_EXTENSION_NOT_PRESENT:
        return "VK_ERROR_EXTENSION_NOT_PRESENT";
    case VK_ERROR_FEATURE_NOT_PRESENT:
        return "VK_ERROR_FEATURE_NOT_PRESENT";
    case VK_ERROR_INCOMPATIBLE_DRIVER:
        return "VK_ERROR_INCOMPATIBLE_DRIVER";
    case VK_ERROR_TOO_MANY_OBJECTS:
        return "VK_ERROR_TOO_MANY_OBJECTS";
    case VK_ERROR_FORMAT_NOT_SUPPORTED:
        return "VK_ERROR_FORMAT_NOT_SUPPORTED";
    case VK_ERROR_FRAGMENTED_POOL:
        return "VK_ERROR_FRAGMENTED_POOL";
    case VK_ERROR_OUT_OF_POOL_MEMORY:
        return "VK_ERROR_OUT_OF_POOL_MEMORY";
    default:
        return "VkResult ?";
    }
}

const char *guest_option(const struct guest *g, const char *option, const char *otherwise) {
    for (int i = 1; i + 1 < g->argc; i++) {
        if (strcmp(g->argv[i], option) == 0) {
            return g->argv[i + 1];
        }
    }
    return otherwise;
}

uint32_t guest_option_number(const struct guest *g, const char *option, uint32_t otherwise,
                             uint32_t most) {
    const char *text = guest_option(g, option, NULL);
    if (!text) {
        return otherwise;
    }
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    GUEST_CHECK(end != text && *end == '\0' && value <= most, "%s %s: not a number from 0 to %u",
                option, text, most);
    return (uint32_t)value;
}

void guest_result(struct guest *g, const char *name, const void *data, size_t size) {
    guest_say("  %-28s %8zu bytes, hash %016llx", name, size,
              (unsigned long long)guest_hash(data, size));
    if (!g->out) {
        return;
    }
    fprintf(g->out, "section %s %zu\n", name, size);
    fwrite(data, 1, size, g->out);
    fputc('\n', g->out);
    GUEST_CHECK(!ferror(g->out), "cannot write the result file");
}

uint32_t guest_random(uint32_t *state) {
    uint32_t x = *state ? *state : 0x9e3779b9u;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *state = x;
    return x;
}

uint64_t guest_hash(const void *data, size_t size) {
    const unsigned char *bytes = data;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    }
    return hash;
}

double guest_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
