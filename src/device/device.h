/* A virtio-gpu device as the guest sees it: displays, resources, blobs, contexts, fences. Knows
 * neither how requests travel (vhost-user, a library's calls) nor Vulkan.
 *
 * Format and rules: the virtio specification, "GPU Device"; what Linux adds is in
 * docs/virtio-gpu.md. Everything in a request is hostile.
 *
 * One thread, the device thread, calls all functions unless they say otherwise. What comes from
 * other threads (contexts, the presenter) is kept until device_dispatch. No call blocks: a request
 * that must wait for a renderer, a mapping, a fence or a display is parked and completed later.
 * Requests are ordered per context, per resource and per scanout, not globally. */
#ifndef VESPER_DEVICE_DEVICE_H
#define VESPER_DEVICE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "device/guest_memory.h"
#include "display/presenter.h"
#include "renderer/context.h"

struct device;

enum device_queue {
    DEVICE_QUEUE_CONTROL = 0,
    DEVICE_QUEUE_CURSOR = 1,
    DEVICE_QUEUE_COUNT = 2,
};

/* Feature bits of virtio-gpu that the device needs or offers (bit numbers). */
enum {
    DEVICE_F_VIRGL = 0,
    DEVICE_F_EDID = 1,
    DEVICE_F_RESOURCE_UUID = 2,
    DEVICE_F_RESOURCE_BLOB = 3,
    DEVICE_F_CONTEXT_INIT = 4,
    DEVICE_F_BLOB_ALIGNMENT = 5,
};

/* Shared-memory region with mappable blobs. */
#define DEVICE_SHMID_HOST_VISIBLE 1

/* Configuration space: events_read, events_clear, num_scanouts, num_capsets, blob_alignment; all
 * u32, little-endian. */
#define DEVICE_CONFIG_SIZE 20

/* Limits; 0 in a member stands for the default. */
struct device_limits {
    uint32_t contexts;       /* default 256 */
    uint32_t resources;      /* default 65 536 */
    uint32_t mappings;       /* blobs mapped at once; default 4096 */
    uint32_t parked;         /* requests not answered yet; default 65 536 */
    uint32_t backing_pieces; /* entries of one backing; default 1 048 576 */
    uint64_t pixel_bytes;    /* host copies of 2D resources; default 1 GiB */
};

/* What stands for zeroes. */
struct device_limits device_limits_default(void);

/* What the device asks of the transport; on the device thread, from inside device calls. None of
 * them calls back into the device. */
struct device_transport {
    /* Answers the request of `tag`: `response` (`size` ≤ the response capacity that the request
     * came with) goes to the guest. Each request is completed exactly once, unless a reset came. */
    void (*complete)(void *user, void *tag, const void *response, size_t size);
    /* Maps the first `size` bytes of `storage` at `offset` of the host-visible region: both whole
     * pages of the host, no overlap with another mapping, inside the region. Answered by
     * device_mapped(token), later; a negative errno where it cannot even be asked for. */
    int (*map)(void *user, struct storage *storage, uint64_t offset, uint64_t size, uint64_t token);
    /* Takes a mapping away again: exactly as it was made. Answered by device_mapped(token). */
    int (*unmap)(void *user, uint64_t offset, uint64_t size, uint64_t token);
    /* The configuration space has changed: the guest is told. */
    void (*config_changed)(void *user);
};

struct device_options {
    struct device_limits limits;
    struct context_limits context_limits;
    /* How contexts are made, and the capset: renderer_context_create, context_get_capset. */
    int (*create_context)(const char *name, const struct context_limits *limits,
                          const struct context_listener *listener, void *user,
                          struct context **out);
    void (*get_capset)(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]);
    uint64_t host_visible_bytes; /* size of the host-visible region */
    /* What a blob's size, and the offset at which it is mapped, must be multiples of: a power of
     * two, at most 1 GiB; 0: the host's page size. It is the hypervisor that asks for it, and an
     * emulated machine maps smaller pages than its host's. */
    uint32_t blob_alignment;
    /* Borrowed; outlives the device, which is its listener and uses all of its scanouts. */
    struct presenter *presenter;
    uint32_t width, height; /* first mode of every scanout, pixels; 0: 1280 × 800 */
    uint32_t refresh_hz; /* of every scanout, 24 … 500; 0: 60 */
    uint32_t dpi; /* pixels per inch, of every scanout, 10 … 1000; 0: 96 */
    bool hdr; /* scanouts show high dynamic range: EDIDs say so */
    uint32_t connected; /* scanouts connected from the start, from number 0; 0: one */
};

/* 0 or a negative errno. `transport` is copied; `user` is handed to it. */
int device_create(const struct device_options *options, const struct device_transport *transport,
                  void *user, struct device **out);
/* Ends all contexts and waits for that; nothing is completed any more. NULL is ignored. */
void device_destroy(struct device *device);

/* What a driver's reset of the device means: contexts, resources, mappings (the front end's are
 * gone already: no unmap is asked for), scanouts, requests: all forgotten, none completed.
 * Contexts end on a thread of their own. Connected displays and their modes stay. */
void device_reset(struct device *device);

/* The table that addresses in requests mean from now on; NULL: none. Takes its own reference. */
void device_set_memory(struct device *device, struct guest_memory *memory);

/* The features (bits DEVICE_F_*) that the driver has accepted; others' commands are refused from
 * then on. Until it is called, and again after a reset, all are taken as accepted. */
void device_set_features(struct device *device, uint64_t features);

/* Descriptor that polls readable while device_dispatch has something to do. Borrowed. */
int device_get_poll_fd(const struct device *device);
/* Handles what contexts and the presenter left. Never blocks. */
void device_dispatch(struct device *device);

/* One request, made by the transport. `bytes` … are the device-readable bytes, copied out of the
 * guest's memory by the caller before device_submit. */
struct device_request {
    uint8_t *bytes; /* `size` bytes, 8-byte aligned, in one block with the request */
    size_t size;
    size_t response_capacity; /* device-writable bytes of the descriptor chain */
    void *tag; /* handed to complete */
};
/* Room for a request of `size` bytes (0 … SIZE_MAX/2). NULL: no memory. Any thread. */
struct device_request *device_request_create(size_t size);
/* Frees a request that was not submitted. NULL is ignored. */
void device_request_destroy(struct device_request *request);

/* Takes the request and executes it, now or later. */
void device_submit(struct device *device, enum device_queue queue, struct device_request *request);

/* The answer to map or unmap of `token`: 0 or a negative errno. Unknown tokens (of before a
 * reset) are ignored. */
void device_mapped(struct device *device, uint64_t token, int error);

/* Reads the configuration space; offset + size ≤ DEVICE_CONFIG_SIZE, -EINVAL otherwise. */
int device_read_config(struct device *device, uint32_t offset, void *out, uint32_t size);
/* Writes it: only events_clear does anything; -EINVAL as above. */
int device_write_config(struct device *device, uint32_t offset, const void *bytes, uint32_t size);

#define DEVICE_SIDE_MAX 16384 /* pixels of a display's side */
#define DEVICE_REFRESH_MIN 24 /* Hz */
#define DEVICE_REFRESH_MAX 500
#define DEVICE_DPI_MIN 10
#define DEVICE_DPI_MAX 1000

/* A display, as the guest learns of it. */
struct device_display {
    bool connected;
    uint32_t width, height; /* preferred mode, pixels: 1 … 16384 */
    uint32_t refresh_hz; /* 24 … 500 */
    uint32_t dpi; /* pixels per inch: 10 … 1000 */
    bool hdr; /* only as device_options say: not changed here */
};
/* Plugs scanout `scanout`, changes it, or unplugs it, and tells the guest. Members but `connected`
 * that are 0 stay what they were, also while it is unplugged; width and height go together. -EINVAL:
 * no such scanout, or not in these ranges. Any thread. */
int device_set_display(struct device *device, uint32_t scanout,
                       const struct device_display *display);
/* What was last wanted of a display, here or by its window. -EINVAL: no such scanout. Any
 * thread. */
int device_get_display(struct device *device, uint32_t scanout, struct device_display *out);

/* For messages, tests and the control socket. Any thread. */
struct device_counts {
    uint32_t contexts, resources, mappings, parked;
    uint64_t requests, errors, pixel_bytes;
    /* Mappings that the transport made and took away so far, the time from asking to its answers,
     * and what else making them took here, ns. */
    uint64_t maps, maps_ns, unmaps, unmaps_ns, maps_own_ns;
};
void device_get_counts(struct device *device, struct device_counts *out);

#endif
