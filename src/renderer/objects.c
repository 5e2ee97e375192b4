#include "renderer/objects.h"

#include <errno.h>
#include <stdlib.h>

#include "renderer/device.h"
#include "renderer/instance.h"
#include "renderer/memory.h"
#include "renderer/physical_device.h"
#include "renderer/queue.h"
#include "renderer/renderer.h"

/* The last reader has left: frees what the record holds, then the record. */
static void release_record(struct id_entry *entry, void *owner) {
    (void)owner;
    struct vn_object *object = (struct vn_object *)entry;
    switch (object->type) {
    case VK_OBJECT_TYPE_INSTANCE:
        instance_finish((struct instance *)object);
        break;
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE:
        physical_device_finish((struct physical_device *)object);
        break;
    case VK_OBJECT_TYPE_DEVICE:
        device_finish((struct device *)object);
        break;
    case VK_OBJECT_TYPE_DEVICE_MEMORY:
        memory_finish((struct memory *)object);
        break;
    default:
        break;
    }
    free(object);
}

int objects_init(struct objects *objects, uint64_t limit) {
    int error = id_table_init(&objects->table, limit, release_record, NULL);
    if (error) {
        return error;
    }
    pthread_mutex_init(&objects->tree_mutex, NULL);
    return 0;
}

void objects_finish(struct objects *objects) {
    id_table_finish(&objects->table);
    pthread_mutex_destroy(&objects->tree_mutex);
}

static size_t record_size(VkObjectType type) {
    switch (type) {
    case VK_OBJECT_TYPE_INSTANCE:
        return sizeof(struct instance);
    case VK_OBJECT_TYPE_PHYSICAL_DEVICE:
        return sizeof(struct physical_device);
    case VK_OBJECT_TYPE_DEVICE:
        return sizeof(struct device);
    case VK_OBJECT_TYPE_DEVICE_MEMORY:
        return sizeof(struct memory);
    case VK_OBJECT_TYPE_SEMAPHORE:
        return sizeof(struct semaphore);
    case VK_OBJECT_TYPE_QUEUE:
        return sizeof(struct queue_object);
    default:
        return sizeof(struct vn_object);
    }
}

static bool link_child(struct objects *objects, struct vn_object *parent, struct vn_object *child) {
    pthread_mutex_lock(&objects->tree_mutex);
    bool alive = !parent->destroyed && !parent->closed;
    if (alive) {
        child->parent = parent;
        child->next = parent->first_child;
        if (child->next) {
            child->next->previous = child;
        }
        parent->first_child = child;
    }
    pthread_mutex_unlock(&objects->tree_mutex);
    return alive;
}

/* With the tree locked. */
static void unlink_child(struct vn_object *child) {
    if (!child->parent) {
        return;
    }
    if (child->previous) {
        child->previous->next = child->next;
    } else {
        child->parent->first_child = child->next;
    }
    if (child->next) {
        child->next->previous = child->previous;
    }
    child->parent = child->next = child->previous = NULL;
}

static const char *insert_refusal(int error) {
    switch (error) {
    case -EEXIST:
        return "the id of the new object is in use";
    case -EINVAL:
        return "the id of the new object is 0";
    case -ENOSPC:
        return "the context holds as many objects as its limit allows (--max-objects)";
    default:
        return "no memory for the object table";
    }
}

struct vn_object *object_reserve(struct stream *stream, VkObjectType type, uint64_t id, size_t size,
                                 struct vn_object *parent, const struct vn_device_table *vk,
                                 const char *argument) {
    struct objects *objects = &stream->context->objects;
    struct cs_decoder *d = &stream->base.decoder;
    struct vn_object *object = calloc(1, size);
    if (!object) {
        cs_fail(d, argument, "no memory for the object");
        return NULL;
    }
    object->entry.id = id;
    object->type = type;
    object->vk = vk;
    atomic_init(&object->poison, VK_NOT_READY);

    int error = id_table_insert(&objects->table, &object->entry);
    if (error) {
        free(object);
        cs_fail(d, argument, insert_refusal(error));
        return NULL;
    }
    if (parent && !link_child(objects, parent, object)) {
        id_table_remove(&objects->table, &object->entry);
        cs_fail(d, argument, "the parent of the new object is being destroyed");
        return NULL;
    }
    return object;
}

struct vn_object *vn_object_reserve(struct vn_stream *stream, VkObjectType type, uint64_t id,
                                    struct vn_object *parent, const char *argument) {
    return object_reserve(stream_from(stream), type, id, record_size(type), parent,
                          parent ? parent->vk : NULL, argument);
}

static void publish(struct vn_object *object, uint64_t handle, VkResult result) {
    atomic_store_explicit(&object->handle, handle, memory_order_relaxed);
    int32_t poison = VK_SUCCESS;
    if (result < 0) {
        poison = result;
    } else if (!handle) {
        poison = VK_ERROR_UNKNOWN;
    }
    atomic_store_explicit(&object->poison, poison, memory_order_release);
}

void vn_object_publish(struct vn_stream *stream, struct vn_object *object, uint64_t handle,
                       VkResult result) {
    if (!handle && stream->decoder.reply_wanted) {
        object_take(&stream_from(stream)->context->objects, object);
    } else {
        publish(object, handle, result);
    }
}

struct vn_object **objects_reserve_array(struct vn_stream *stream, VkObjectType type,
                                         const uint64_t *ids, uint32_t count,
                                         struct vn_object *parent, const char *argument) {
    struct vn_object **objects = cs_temp(&stream->decoder, count, sizeof(*objects), argument);
    for (uint32_t i = 0; objects && i < count; i++) {
        objects[i] = vn_object_reserve(stream, type, ids[i], parent, argument);
        if (!objects[i]) {
            return NULL;
        }
    }
    return objects;
}

void objects_publish_array(struct vn_stream *stream, struct vn_object **objects,
                           const uint64_t *handles, uint32_t count, VkResult result) {
    for (uint32_t i = 0; i < count; i++) {
        vn_object_publish(stream, objects[i], handles[i], handles[i] ? VK_SUCCESS : result);
    }
}

/* The host destroys these with their pool (or they have no destructor): only the ids go. */
static bool is_implied_by_parent(VkObjectType type) {
    return type == VK_OBJECT_TYPE_COMMAND_BUFFER || type == VK_OBJECT_TYPE_DESCRIPTOR_SET ||
           type == VK_OBJECT_TYPE_QUEUE || type == VK_OBJECT_TYPE_PHYSICAL_DEVICE;
}

static void destroy_host_handle(const struct vn_object *object) {
    uint64_t handle = vn_object_handle(object);
    if (handle && object->vk && !is_implied_by_parent(object->type)) {
        vn_destroy_handle(object->vk, object->type, handle);
    }
}

static struct vn_object *take_first_child(struct objects *objects, struct vn_object *parent) {
    pthread_mutex_lock(&objects->tree_mutex);
    struct vn_object *child = parent->first_child;
    if (child) {
        unlink_child(child);
        child->destroyed = true;
    }
    pthread_mutex_unlock(&objects->tree_mutex);
    return child;
}

/* Two levels at most below a device: pools and what they hold. */
static void destroy_children(struct objects *objects, struct vn_object *parent) {
    struct vn_object *child;
    while ((child = take_first_child(objects, parent))) {
        destroy_children(objects, child);
        destroy_host_handle(child);
        id_table_remove(&objects->table, &child->entry);
    }
}

void object_close(struct objects *objects, struct vn_object *object) {
    pthread_mutex_lock(&objects->tree_mutex);
    object->closed = true;
    pthread_mutex_unlock(&objects->tree_mutex);
}

bool object_take(struct objects *objects, struct vn_object *object) {
    pthread_mutex_lock(&objects->tree_mutex);
    bool first = !object->destroyed;
    if (first) {
        object->destroyed = true;
        unlink_child(object);
    }
    pthread_mutex_unlock(&objects->tree_mutex);
    if (!first) {
        return false;
    }
    destroy_children(objects, object);
    id_table_remove(&objects->table, &object->entry);
    return true;
}

void vn_object_destroy(struct vn_stream *base, struct vn_object *object) {
    struct stream *stream = stream_from(base);
    if (!object) {
        return;
    }
    if (!object_take(&stream->context->objects, object)) {
        cs_fail(&base->decoder, NULL, "another ring is destroying the object");
        return;
    }
    destroy_host_handle(object);
}

void object_for_each_child(struct objects *objects, struct vn_object *parent,
                           void (*visit)(struct vn_object *child, void *user), void *user) {
    pthread_mutex_lock(&objects->tree_mutex);
    for (struct vn_object *child = parent->first_child; child; child = child->next) {
        visit(child, user);
    }
    pthread_mutex_unlock(&objects->tree_mutex);
}

static struct vn_object *take_child_of_type(struct objects *objects, struct vn_object *parent,
                                            VkObjectType type) {
    pthread_mutex_lock(&objects->tree_mutex);
    struct vn_object *child = parent->first_child;
    while (child && child->type != type) {
        child = child->next;
    }
    if (child) {
        unlink_child(child);
        child->destroyed = true;
    }
    pthread_mutex_unlock(&objects->tree_mutex);
    return child;
}

void object_drop_children(struct objects *objects, struct vn_object *parent, VkObjectType type) {
    struct vn_object *child;
    while ((child = take_child_of_type(objects, parent, type))) {
        id_table_remove(&objects->table, &child->entry);
    }
}

void object_poison(struct vn_object *object, VkResult result) {
    atomic_store_explicit(&object->poison, result < 0 ? result : VK_ERROR_UNKNOWN,
                          memory_order_release);
}

VkResult object_get_poison(const struct vn_object *object) {
    return atomic_load_explicit(&object->poison, memory_order_acquire);
}
