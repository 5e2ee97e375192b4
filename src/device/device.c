#include "device/device.h"

#include <errno.h>
#include <stdlib.h>

#include "device/core.h"
#include "device/map_blob.h"
#include "platform/platform.h"
#include "util/log.h"

#define DEFAULT_WIDTH 1280
#define DEFAULT_HEIGHT 800

#define BLOB_ALIGNMENT_MAX (UINT32_C(1) << 30)
/* The page of guests whose drivers align nothing further. */
#define GUEST_PAGE 4096

/* ---- life -------------------------------------------------------------------------------- */

static void default_u32(uint32_t *value, uint32_t otherwise) {
    if (*value == 0) {
        *value = otherwise;
    }
}

struct device_limits device_limits_default(void) {
    return (struct device_limits){
        .contexts = 256,
        .resources = 65536,
        .mappings = 4096,
        .parked = 65536,
        .backing_pieces = 1048576,
        .pixel_bytes = UINT64_C(1) << 30,
    };
}

static void fill_in(struct device_options *options) {
    const struct device_limits otherwise = device_limits_default();
    default_u32(&options->limits.contexts, otherwise.contexts);
    default_u32(&options->limits.resources, otherwise.resources);
    default_u32(&options->limits.mappings, otherwise.mappings);
    default_u32(&options->limits.parked, otherwise.parked);
    default_u32(&options->limits.backing_pieces, otherwise.backing_pieces);
    if (options->limits.pixel_bytes == 0) {
        options->limits.pixel_bytes = otherwise.pixel_bytes;
    }
    default_u32(&options->connected, 1);
    default_u32(&options->refresh_hz, 60);
    default_u32(&options->dpi, 96);
    default_u32(&options->blob_alignment, (uint32_t)platform_page_size());
    if (options->width == 0 || options->height == 0) {
        options->width = DEFAULT_WIDTH;
        options->height = DEFAULT_HEIGHT;
    }
}

/* What is taken out of a table is freed by who took it out. */
static void release_nothing(struct id_entry *entry, void *owner) {
    (void)entry, (void)owner;
}

static void init_scanouts(struct device *device) {
    device->scanout_count = device->options.presenter->scanout_count;
    for (uint32_t i = 0; i < device->scanout_count; i++) {
        device->scanouts[i].display = (struct device_display){
            .connected = i < device->options.connected,
            .width = device->options.width,
            .height = device->options.height,
            .refresh_hz = device->options.refresh_hz,
            .dpi = device->options.dpi,
            .hdr = device->options.hdr,
        };
        device->inbox.displays[i] = device->scanouts[i].display;
    }
}

static void init_mappings(struct device *device) {
    const struct gpu_mappings_options options = {
        .transport = &device->transport,
        .user = device->user,
        .done = gpu_map_done,
        .owner = device,
        .region_bytes = device->options.host_visible_bytes,
        .page_bytes = device->options.blob_alignment,
        .limit = device->options.limits.mappings,
    };
    gpu_mappings_init(&device->mappings, &options);
}

static int init_tables(struct device *device) {
    int error =
        id_table_init(&device->resources, device->options.limits.resources, release_nothing, NULL);
    if (error) {
        return error;
    }
    error =
        id_table_init(&device->contexts, device->options.limits.contexts, release_nothing, NULL);
    if (error) {
        id_table_finish(&device->resources);
    }
    return error;
}

static bool options_are_sound(const struct device_options *options) {
    return options->create_context && options->get_capset && options->presenter &&
           options->presenter->scanout_count >= 1 &&
           options->presenter->scanout_count <= WIRE_SCANOUTS_MAX &&
           options->host_visible_bytes <= INT64_MAX &&
           gpu_display_is_sound(options->width, options->height, options->refresh_hz,
                                options->dpi) &&
           (options->blob_alignment & (options->blob_alignment - 1)) == 0 &&
           options->blob_alignment <= BLOB_ALIGNMENT_MAX;
}

int device_create(const struct device_options *options, const struct device_transport *transport,
                  void *user, struct device **out) {
    if (!options_are_sound(options)) {
        return -EINVAL;
    }
    struct device *device = calloc(1, sizeof(*device));
    if (!device) {
        return -ENOMEM;
    }
    device->options = *options;
    fill_in(&device->options);
    device->transport = *transport;
    device->user = user;
    device->features = UINT64_MAX;
    gpu_lanes_init(&device->lanes,
                   (uint64_t)(uintptr_t)device * UINT64_C(0x9e3779b97f4a7c15) ^ platform_now_ns());
    init_mappings(device);
    int error = init_tables(device);
    if (error) {
        goto error_device;
    }
    error = gpu_inbox_init(&device->inbox);
    if (error) {
        goto error_tables;
    }
    error = gpu_reaper_init(&device->reaper);
    if (error) {
        goto error_inbox;
    }
    init_scanouts(device);
    struct presenter *presenter = device->options.presenter;
    presenter->ops->set_listener(presenter, &gpu_inbox_presenter_listener, &device->inbox);
    *out = device;
    return 0;

error_inbox:
    gpu_inbox_finish(&device->inbox);
error_tables:
    id_table_finish(&device->contexts);
    id_table_finish(&device->resources);
error_device:
    free(device);
    return error;
}

void device_reset(struct device *device) {
    gpu_contexts_reset(device); /* first: mailboxes point into requests */
    gpu_requests_forget(device);
    gpu_scanouts_reset(device);
    gpu_mappings_clear(&device->mappings);
    gpu_resources_reset(device);
    device->features = UINT64_MAX;
    device->events_read = 0;
}

void device_destroy(struct device *device) {
    if (!device) {
        return;
    }
    struct presenter *presenter = device->options.presenter;
    device_reset(device);
    presenter->ops->set_listener(presenter, NULL, NULL);
    gpu_reaper_finish(&device->reaper);
    gpu_inbox_finish(&device->inbox);
    id_table_finish(&device->contexts);
    id_table_finish(&device->resources);
    guest_memory_unref(device->memory);
    free(device);
}

/* ---- what the transport tells ------------------------------------------------------------ */

void device_set_memory(struct device *device, struct guest_memory *memory) {
    struct guest_memory *before = device->memory;
    device->memory = memory ? guest_memory_ref(memory) : NULL;
    guest_memory_unref(before);
}

void device_set_features(struct device *device, uint64_t features) {
    device->features = features;
    const uint32_t alignment = device->options.blob_alignment;
    if (alignment > GUEST_PAGE && !gpu_has_feature(device, DEVICE_F_BLOB_ALIGNMENT)) {
        log_warning(
            "virtio-gpu: the guest's kernel has not accepted BLOB_ALIGNMENT (Linux 7.2 is the "
            "first that does): what it asks to map at no multiple of %u bytes is refused "
            "(--blob-alignment)",
            alignment);
    } else if (alignment > GUEST_PAGE) {
        log_info(
            "virtio-gpu: the guest's kernel keeps to multiples of %u bytes; where its Mesa does "
            "not (before 26.2), programs find no memory (--blob-alignment)",
            alignment);
    }
}

void device_mapped(struct device *device, uint64_t token, int error) {
    gpu_mappings_answer(&device->mappings, token, error);
    gpu_requests_run(device);
}

/* ---- what contexts and the presenter left ------------------------------------------------ */

int device_get_poll_fd(const struct device *device) {
    return device->inbox.wake.read_fd;
}

static void receive_mail(struct device *device) {
    struct gpu_mail mail;
    struct gpu_mailbox *mailbox;
    while ((mailbox = gpu_inbox_take(&device->inbox, &mail))) {
        struct gpu_context *context =
            (struct gpu_context *)(void *)((char *)mailbox - offsetof(struct gpu_context, mailbox));
        gpu_context_receive(device, context, &mail);
    }
}

static void receive_display(struct device *device) {
    uint64_t flushed;
    uint32_t changed;
    struct device_display displays[PRESENTER_SCANOUTS_MAX];
    gpu_inbox_take_displays(&device->inbox, &flushed, &changed, displays);
    gpu_flushes_done(device, flushed);
    for (; changed; changed &= changed - 1) {
        const uint32_t scanout = (uint32_t)__builtin_ctz(changed);
        gpu_scanout_set_display(device, scanout, &displays[scanout]);
    }
}

void device_dispatch(struct device *device) {
    gpu_inbox_begin(&device->inbox);
    receive_mail(device);
    receive_display(device);
    gpu_requests_run(device);
}

void device_get_counts(struct device *device, struct device_counts *out) {
    const struct gpu_counters *counters = &device->counters;
    const struct gpu_mapping_times *times = &device->mappings.times;
    *out = (struct device_counts){
        .contexts = atomic_load_explicit(&counters->contexts, memory_order_relaxed),
        .resources = atomic_load_explicit(&counters->resources, memory_order_relaxed),
        .mappings = atomic_load_explicit(&counters->mappings, memory_order_relaxed),
        .parked = atomic_load_explicit(&counters->parked, memory_order_relaxed),
        .requests = atomic_load_explicit(&counters->requests, memory_order_relaxed),
        .errors = atomic_load_explicit(&counters->errors, memory_order_relaxed),
        .pixel_bytes = atomic_load_explicit(&counters->pixel_bytes, memory_order_relaxed),
        .maps = atomic_load_explicit(&times->maps, memory_order_relaxed),
        .maps_ns = atomic_load_explicit(&times->maps_ns, memory_order_relaxed),
        .unmaps = atomic_load_explicit(&times->unmaps, memory_order_relaxed),
        .unmaps_ns = atomic_load_explicit(&times->unmaps_ns, memory_order_relaxed),
        .maps_own_ns = atomic_load_explicit(&times->own_ns, memory_order_relaxed),
    };
}
