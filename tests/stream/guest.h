/* A guest played by hand: one context, its streams, shared memory and rings. The commands are
 * written by the generated client (venus_client.h); malformed ones are made by changing bytes.
 *
 * A guest's control functions (create, destroy, blobs, fences) belong to one thread; each stream
 * belongs to one thread at a time, and several streams of one guest may be used at once. What
 * must not happen in a sound test (a deadline passes, memory is short) ends the process. */
#ifndef VESPER_TESTS_STREAM_GUEST_H
#define VESPER_TESTS_STREAM_GUEST_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "protocol/cs.h"
#include "renderer/context.h"
#include "venus_client.h"

/* Ids that guest_open gives. Tests take theirs from GUEST_FIRST_FREE_ID on. */
enum {
    GUEST_INSTANCE = 1,
    GUEST_PHYSICAL_DEVICE,
    GUEST_DEVICE,
    GUEST_QUEUE,
    GUEST_FIRST_FREE_ID = 100,
};
/* The ring_idx to which guest_open binds GUEST_QUEUE. */
#define GUEST_QUEUE_RING_IDX 1

/* A guest id in the place of a handle. */
#define ID(type, id) ((type)(uintptr_t)(uint64_t)(id))

enum { GUEST_RING_IDLE = 1, GUEST_RING_FATAL = 2, GUEST_RING_ALIVE = 4 };

/* Shared memory of blob id 0, mapped. */
struct guest_memory {
    struct guest_memory *next; /* the guest's list */
    uint32_t resource_id;
    struct storage *storage;
    uint8_t *bytes;
    uint64_t size; /* as asked for */
};

struct guest_stream;

struct guest {
    struct context *context;
    pthread_mutex_t submit_mutex; /* calls on the context come from one thread at a time */

    pthread_mutex_t mutex; /* guards what the context tells */
    pthread_cond_t cond;
    bool is_lost;
    char lost_reason[512];
    uint32_t lost_count;
    uint64_t retired[CONTEXT_RING_IDX_COUNT]; /* highest fence id */
    bool blob_answered;
    int blob_error;
    char blob_reason[256];
    struct storage *blob_storage;

    _Atomic(uint64_t) next_fence_id;
    _Atomic(uint64_t) next_id; /* guest_new_id */
    uint32_t next_resource_id;
    struct guest_memory *memories;
    struct guest_stream *context_stream;
    struct guest_stream *rings; /* live ones */
};

/* `limits` may be NULL. The driver has been set (spy_driver.h). With VESPER_TEST_DIRECT in the
 * environment the context has no thread of its own (relay.h). */
struct guest *guest_create(const struct context_limits *limits);
/* Destroys the context and frees the guest with everything in it. */
void guest_destroy(struct guest *g);
/* A guest with instance, device and queue, made on the context stream. */
struct guest *guest_create_open(const struct context_limits *limits);
void guest_open(struct guest *g);
void guest_open_instance(struct guest *g); /* instance and physical device only */

uint64_t guest_new_id(struct guest *g);

/* ---- memory ------------------------------------------------------------------------------ */

struct guest_memory *guest_create_shm(struct guest *g, uint64_t size);
/* A blob of any kind: the error that the context answers, 0 on success. The storage (own
 * reference) goes to *out_storage, which may be NULL. The reason is in g->blob_reason. */
int guest_create_blob(struct guest *g, uint32_t resource_id, uint64_t blob_id, uint32_t flags,
                      uint64_t size, struct storage **out_storage);
void guest_detach(struct guest *g, uint32_t resource_id);

/* ---- streams ----------------------------------------------------------------------------- */

/* The context stream, or a ring. */
struct guest_stream {
    struct guest *guest;
    struct guest_stream *next_ring;
    struct cs_encoder encoder; /* commands that have not been sent */
    struct guest_memory *reply;
    struct cs_arena arena;
    struct cs_decoder decoder; /* of the last reply */

    /* rings only */
    bool is_ring;
    uint64_t ring_id;
    struct guest_memory *memory;
    _Atomic(uint32_t) *head, *tail, *status;
    uint8_t *buffer, *extra;
    uint32_t buffer_size, position;
    uint64_t last_notify_ns;
};

/* A ring as Mesa lays it out: head 0, tail 64, status 128, buffer 192, 4 bytes extra. */
VkRingCreateInfoMESA guest_ring_info(uint32_t resource_id, uint32_t buffer_size);
#define GUEST_RING_MEMORY_SIZE(buffer_size) (192 + (uint64_t)(buffer_size) + 4)

/* Creates a ring and waits until it exists. `monitor_us`: 0 for no monitor. */
struct guest_stream *guest_create_ring(struct guest *g, uint32_t buffer_size, uint32_t monitor_us);
/* vkDestroyRingMESA, and waits. The stream is freed. */
void guest_destroy_ring(struct guest_stream *s);

/* Sends what has been written: submits it, or writes it at the ring's tail (waiting for room) and
 * notifies a sleeping ring, at most once per millisecond, as Mesa does. */
void guest_send(struct guest_stream *s);
/* Sends, and waits until everything has been executed. False where the context is lost. */
bool guest_finish(struct guest_stream *s);
/* The context stream has executed everything that was submitted. */
void guest_flush(struct guest *g);

/* Bytes of each stream's reply memory. */
#define GUEST_REPLY_SIZE 65536
/* Selects `size` bytes at `offset` of the stream's reply memory as its window. */
void guest_set_reply_window(struct guest_stream *s, uint64_t offset, uint64_t size);
/* A decoder at `offset` of the stream's reply memory. */
struct cs_decoder *guest_read_reply(struct guest_stream *s, uint64_t offset);

/* Writes a command without and with a reply wanted. */
#define GUEST_WRITE(s, command, ...)                                                               \
    vn_client_encode_##command(&(s)->encoder, 0, &(struct vn_##command){__VA_ARGS__})
#define GUEST_WRITE_WITH_REPLY(s, command, ...)                                                    \
    vn_client_encode_##command(&(s)->encoder, 1, &(struct vn_##command){__VA_ARGS__})

/* Executes `*a` (a struct vn_COMMAND) and decodes the reply into it. */
#define GUEST_CALL(s, command, a)                                                                  \
    do {                                                                                           \
        guest_set_reply_window((s), 0, GUEST_REPLY_SIZE);                                          \
        vn_client_encode_##command(&(s)->encoder, 1, (a));                                         \
        guest_need(guest_finish(s), #command);                                                     \
        struct cs_decoder *reply_ = guest_read_reply((s), 0);                                      \
        vn_client_decode_##command##_reply(reply_, (a));                                           \
        guest_need(!reply_->failed, "the reply to " #command);                                     \
    } while (0)

/* Ends the process with a message where `ok` is false. */
void guest_need(bool ok, const char *what);

/* ---- what the context tells -------------------------------------------------------------- */

/* Asks for a fence; gives its id. */
uint64_t guest_fence(struct guest *g, uint32_t ring_idx);
void guest_wait_fence(struct guest *g, uint32_t ring_idx, uint64_t fence_id);
bool guest_fence_has_retired(struct guest *g, uint32_t ring_idx, uint64_t fence_id);

bool guest_is_lost(struct guest *g);
/* Waits until the context is lost; the reason. */
const char *guest_wait_lost(struct guest *g);

/* Waits until *word & mask == value. False where the deadline passes. */
bool guest_wait_word(_Atomic(uint32_t) *word, uint32_t mask, uint32_t value);

/* ---- frequent commands ------------------------------------------------------------------- */

void guest_write_create_buffer(struct guest_stream *s, uint64_t id);
void guest_write_destroy_buffer(struct guest_stream *s, uint64_t id);
VkResult guest_create_buffer(struct guest_stream *s, uint64_t id); /* with a reply */
VkResult guest_allocate_memory(struct guest_stream *s, uint64_t id, uint32_t type,
                               uint64_t size); /* with a reply */
void guest_create_fence(struct guest_stream *s, uint64_t id);

/* Creates a buffer, asks for its requirements, destroys it: the stream and the context work. */
void guest_check_round_trip(struct guest_stream *s);

#endif
