/* The context's objects: creation tree, ids, release.
 *
 * Every function runs on a stream's thread, inside that stream's reader section, unless it says
 * otherwise; several streams may call at once. */
#ifndef VESPER_RENDERER_OBJECTS_H
#define VESPER_RENDERER_OBJECTS_H

#include "protocol/object.h"
#include "renderer/stream.h"

struct objects {
    struct id_table table;
    pthread_mutex_t tree_mutex;
};

int objects_init(struct objects *objects, uint64_t limit);
/* Frees every record; host handles must be gone. No stream may run. */
void objects_finish(struct objects *objects);

/* As vn_object_reserve, for a record of `size` bytes that begins with a struct vn_object and is
 * zero-filled behind it. `vk` is the table of the device that the object belongs to, NULL for
 * instance-level objects. */
struct vn_object *object_reserve(struct stream *stream, VkObjectType type, uint64_t id, size_t size,
                                 struct vn_object *parent, const struct vn_device_table *vk,
                                 const char *argument);

/* As vn_object_reserve for `count` objects of one type under `ids`: a temporary array of records,
 * NULL where the decoder has failed. */
struct vn_object **objects_reserve_array(struct vn_stream *stream, VkObjectType type,
                                         const uint64_t *ids, uint32_t count,
                                         struct vn_object *parent, const char *argument);

/* Ends the creation of an array of objects: handles[i] where it is not 0, otherwise failed with
 * `result`, or VK_ERROR_UNKNOWN where that is no error. Where the guest asked for a reply it knows
 * what failed: those ids are forgotten. */
void objects_publish_array(struct vn_stream *stream, struct vn_object **objects,
                           const uint64_t *handles, uint32_t count, VkResult result);

/* From now on nothing can become a child of the object: the first step of a destruction that
 * visits the children itself. */
void object_close(struct objects *objects, struct vn_object *object);

/* Takes an object out of the table and the tree, its children too (their host handles are
 * destroyed where they are not implied by the parent's), but leaves its own host handle alone.
 * The record stays readable until the stream's section ends. Returns false if another stream
 * already took it. */
bool object_take(struct objects *objects, struct vn_object *object);

/* Called on each direct child, with the tree locked: must not change the tree. */
void object_for_each_child(struct objects *objects, struct vn_object *parent,
                           void (*visit)(struct vn_object *child, void *user), void *user);

/* Drops ids of all children of `type` (descriptor pool reset and the like); no host calls. */
void object_drop_children(struct objects *objects, struct vn_object *parent, VkObjectType type);

/* Marks an object unusable with `result` (< 0). */
void object_poison(struct vn_object *object, VkResult result);
/* The result an object is poisoned with, VK_SUCCESS where it is usable. */
VkResult object_get_poison(const struct vn_object *object);

#endif
