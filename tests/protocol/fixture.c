#include "fixture.h"

static void release(struct id_entry *entry, void *owner) {
    (void)entry, (void)owner;
}

void fixture_init(struct fixture *f) {
    *f = (struct fixture){0};
    id_table_init(&f->table, FIXTURE_OBJECTS, release, NULL);
    cs_arena_init(&f->arena, (size_t)64 << 20);
    cs_encoder_init(&f->encoder);
    cs_encoder_reset(&f->encoder, (size_t)16 << 20);
    f->decoder.arena = &f->arena;
    f->decoder.objects = &f->table;
}

void fixture_finish(struct fixture *f) {
    cs_encoder_finish(&f->encoder);
    cs_arena_finish(&f->arena);
    id_table_finish(&f->table);
}

struct vn_object *fixture_add(struct fixture *f, VkObjectType type, uint64_t id,
                              const struct vn_device_table *vk) {
    struct vn_object *object = &f->objects[f->object_count++];
    object->entry.id = id;
    object->type = type;
    object->vk = vk;
    atomic_store(&object->handle, id);
    if (id_table_insert(&f->table, &object->entry) != 0) {
        return NULL;
    }
    return object;
}

void fixture_read(struct fixture *f, const void *bytes, size_t size) {
    struct cs_decoder *d = &f->decoder;
    cs_arena_reset(&f->arena);
    cs_decoder_set_bytes(d, bytes, size);
    d->vk = NULL;
    d->poison = NULL;
    d->failed = false;
    d->argument = NULL;
    d->reason = NULL;
}
