#include "fake_device.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "device/device.h"
#include "platform/platform.h"
#include "util/checked.h"

struct parked {
    struct parked *next;
    struct device_request *request;
    enum device_queue queue;
    struct fake_operation operation;
    uint64_t token;
};

struct device {
    struct device_transport transport;
    void *user;
    struct platform_wake wake;
    struct guest_memory *memory;
    struct parked *parked, *later, *mapping;
    uint64_t last_token;
    uint64_t resets, tables, features, mappings;
    uint32_t config[DEVICE_CONFIG_SIZE / 4];
};

int device_create(const struct device_options *options, const struct device_transport *transport,
                  void *user, struct device **out) {
    (void)options;
    struct device *device = calloc(1, sizeof(*device));
    if (!device) {
        return -ENOMEM;
    }
    device->transport = *transport;
    device->user = user;
    device->config[2] = 1;
    device->config[3] = 1;
    device->config[4] = (uint32_t)platform_page_size();
    int error = platform_wake_init(&device->wake);
    if (error) {
        free(device);
        return error;
    }
    *out = device;
    return 0;
}

/* ---- requests --------------------------------------------------------------------------- */

struct device_request *device_request_create(size_t size) {
    struct device_request *request = malloc(sizeof(*request) + size);
    if (request) {
        request->bytes = (uint8_t *)(request + 1);
        request->size = size;
    }
    return request;
}

void device_request_destroy(struct device_request *request) {
    free(request);
}

static size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Answers and frees. */
static void finish(struct device *device, struct device_request *request, const void *response,
                   size_t size) {
    device->transport.complete(device->user, request->tag, response,
                               min_size(size, request->response_capacity));
    device_request_destroy(request);
}

static void finish_error(struct device *device, struct device_request *request, int error) {
    const int64_t value = error;
    finish(device, request, &value, sizeof(value));
}

static void echo(struct device *device, enum device_queue queue, struct device_request *request) {
    struct {
        uint32_t queue, size;
        uint64_t capacity;
    } head = {(uint32_t)queue, (uint32_t)request->size, request->response_capacity};
    const size_t size = sizeof(head) + request->size;
    uint8_t *response = malloc(size);
    if (!response) {
        abort();
    }
    memcpy(response, &head, sizeof(head));
    memcpy(response + sizeof(head), request->bytes, request->size);
    finish(device, request, response, size);
    free(response);
}

static struct parked *park(struct parked **list, enum device_queue queue,
                           struct device_request *request, const struct fake_operation *operation) {
    struct parked *parked = calloc(1, sizeof(*parked));
    if (!parked) {
        abort();
    }
    *parked = (struct parked){*list, request, queue, *operation, 0};
    *list = parked;
    return parked;
}

static void drop(struct parked **list) {
    while (*list) {
        struct parked *parked = *list;
        *list = parked->next;
        device_request_destroy(parked->request);
        free(parked);
    }
}

static void release(struct device *device, struct device_request *request, uint32_t argument) {
    uint64_t count = 0;
    for (struct parked **link = &device->parked; *link;) {
        struct parked *parked = *link;
        if (parked->operation.argument != argument) {
            link = &parked->next;
            continue;
        }
        *link = parked->next;
        echo(device, parked->queue, parked->request);
        free(parked);
        count++;
    }
    finish(device, request, &count, sizeof(count));
}

static void map(struct device *device, enum device_queue queue, struct device_request *request,
                const struct fake_operation *operation) {
    struct storage *storage;
    void *bytes;
    int error = storage_create_shm("fake-device", operation->b, &storage);
    if (error) {
        finish_error(device, request, error);
        return;
    }
    if (storage_map(storage, &bytes) == 0) {
        memcpy(bytes, &operation->argument, sizeof(operation->argument));
    }
    const uint64_t token = ++device->last_token;
    error = device->transport.map(device->user, storage, operation->a, operation->b, token);
    storage_unref(storage);
    if (error) {
        finish_error(device, request, error);
        return;
    }
    park(&device->mapping, queue, request, operation)->token = token;
}

static void unmap(struct device *device, enum device_queue queue, struct device_request *request,
                  const struct fake_operation *operation) {
    const uint64_t token = ++device->last_token;
    int error = device->transport.unmap(device->user, operation->a, operation->b, token);
    if (error) {
        finish_error(device, request, error);
        return;
    }
    park(&device->mapping, queue, request, operation)->token = token;
}

static void read_guest(struct device *device, struct device_request *request,
                       const struct fake_operation *operation) {
    const uint64_t size = operation->b < 4096 ? operation->b : 4096;
    uint8_t response[8 + 4096] = {0};
    const void *bytes =
        device->memory ? guest_memory_translate(device->memory, operation->a, size) : NULL;
    if (bytes) {
        response[0] = 1;
        memcpy(response + 8, bytes, size);
    }
    finish(device, request, response, 8 + size);
}

static uint64_t count_parked(const struct device *device) {
    uint64_t count = 0;
    for (const struct parked *parked = device->parked; parked; parked = parked->next) {
        count++;
    }
    return count;
}

static void answer_counts(struct device *device, struct device_request *request) {
    const uint64_t counts[] = {device->resets, device->tables, count_parked(device),
                               device->features, device->mappings};
    finish(device, request, counts, sizeof(counts));
}

static void sleep_ms(uint32_t ms) {
    nanosleep(&(struct timespec){ms / 1000, (long)(ms % 1000) * 1000000}, NULL);
}

static void change_config(struct device *device, struct device_request *request, uint32_t value) {
    device->config[2] = value;
    device->transport.config_changed(device->user);
    finish(device, request, NULL, 0);
}

void device_submit(struct device *device, enum device_queue queue, struct device_request *request) {
    struct fake_operation operation = {0};
    if (request->size >= sizeof(operation)) {
        memcpy(&operation, request->bytes, sizeof(operation));
    }
    switch (operation.opcode) {
    case FAKE_ECHO:
        echo(device, queue, request);
        return;
    case FAKE_PARK:
        park(&device->parked, queue, request, &operation);
        return;
    case FAKE_RELEASE:
        release(device, request, operation.argument);
        return;
    case FAKE_LATER:
        park(&device->later, queue, request, &operation);
        platform_wake_signal(&device->wake);
        return;
    case FAKE_MAP:
        map(device, queue, request, &operation);
        return;
    case FAKE_UNMAP:
        unmap(device, queue, request, &operation);
        return;
    case FAKE_CONFIG:
        change_config(device, request, operation.argument);
        return;
    case FAKE_READ:
        read_guest(device, request, &operation);
        return;
    case FAKE_COUNTS:
        answer_counts(device, request);
        return;
    case FAKE_SLEEP:
        sleep_ms(operation.argument);
        break;
    default:
        break;
    }
    finish(device, request, NULL, 0);
}

void device_mapped(struct device *device, uint64_t token, int error) {
    for (struct parked **link = &device->mapping; *link; link = &(*link)->next) {
        struct parked *parked = *link;
        if (parked->token != token) {
            continue;
        }
        *link = parked->next;
        const bool is_map = parked->operation.opcode == FAKE_MAP;
        device->mappings += error ? 0 : is_map ? 1 : UINT64_MAX;
        finish_error(device, parked->request, error);
        free(parked);
        return;
    }
}

/* ---- the rest --------------------------------------------------------------------------- */

void device_reset(struct device *device) {
    drop(&device->parked);
    drop(&device->later);
    drop(&device->mapping);
    device->mappings = 0;
    device->resets++;
}

void device_destroy(struct device *device) {
    if (!device) {
        return;
    }
    device_reset(device);
    guest_memory_unref(device->memory);
    platform_wake_finish(&device->wake);
    free(device);
}

void device_set_memory(struct device *device, struct guest_memory *memory) {
    struct guest_memory *before = device->memory;
    device->memory = memory ? guest_memory_ref(memory) : NULL;
    device->tables++;
    guest_memory_unref(before);
}

void device_set_features(struct device *device, uint64_t features) {
    device->features = features;
}

int device_get_poll_fd(const struct device *device) {
    return device->wake.read_fd;
}

void device_dispatch(struct device *device) {
    platform_wake_drain(&device->wake);
    while (device->later) {
        struct parked *parked = device->later;
        device->later = parked->next;
        echo(device, parked->queue, parked->request);
        free(parked);
    }
}

int device_read_config(struct device *device, uint32_t offset, void *out, uint32_t size) {
    if (!checked_range_u64(offset, size, DEVICE_CONFIG_SIZE)) {
        return -EINVAL;
    }
    memcpy(out, (const uint8_t *)device->config + offset, size);
    return 0;
}

int device_write_config(struct device *device, uint32_t offset, const void *bytes, uint32_t size) {
    if (!checked_range_u64(offset, size, DEVICE_CONFIG_SIZE)) {
        return -EINVAL;
    }
    memcpy((uint8_t *)device->config + offset, bytes, size);
    return 0;
}
