#include "atomic.h"

#include <errno.h>
#include <string.h>

/* The id of an object's property, or 0. */
static uint32_t find_property(const struct card *card, uint32_t object, uint32_t type,
                              const char *name) {
    drmModeObjectProperties *list = drmModeObjectGetProperties(card->fd, object, type);
    GUEST_CHECK(list, "object %u has no properties: %s", object, strerror(errno));
    uint32_t found = 0;
    for (uint32_t i = 0; i < list->count_props && !found; i++) {
        drmModePropertyRes *property = drmModeGetProperty(card->fd, list->props[i]);
        if (property && strcmp(property->name, name) == 0) {
            found = property->prop_id;
        }
        drmModeFreeProperty(property);
    }
    drmModeFreeObjectProperties(list);
    return found;
}

bool atomic_is_offered(const struct card *card) {
    return find_property(card, card->outputs[0].crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID") != 0;
}

static void set(struct atomic *atomic, uint32_t object, uint32_t type, const char *name,
                uint64_t value) {
    const uint32_t property = find_property(atomic->card, object, type, name);
    GUEST_CHECK(property, "object %u has no property %s", object, name);
    GUEST_CHECK(drmModeAtomicAddProperty(atomic->request, object, property, value) > 0,
                "no memory for an atomic request");
}

void atomic_begin(struct atomic *atomic, const struct card *card) {
    *atomic = (struct atomic){.card = card, .request = drmModeAtomicAlloc()};
    GUEST_CHECK(atomic->request, "no memory for an atomic request");
}

static void set_plane(struct atomic *atomic, uint32_t plane, uint32_t crtc,
                      const struct framebuffer *fb, int32_t x, int32_t y) {
    const uint32_t type = DRM_MODE_OBJECT_PLANE;
    const uint32_t width = fb ? fb->width : 0, height = fb ? fb->height : 0;
    set(atomic, plane, type, "FB_ID", fb ? fb->id : 0);
    set(atomic, plane, type, "CRTC_ID", fb ? crtc : 0);
    set(atomic, plane, type, "SRC_X", 0);
    set(atomic, plane, type, "SRC_Y", 0);
    set(atomic, plane, type, "SRC_W", (uint64_t)width << 16);
    set(atomic, plane, type, "SRC_H", (uint64_t)height << 16);
    set(atomic, plane, type, "CRTC_X", (uint64_t)(int64_t)x);
    set(atomic, plane, type, "CRTC_Y", (uint64_t)(int64_t)y);
    set(atomic, plane, type, "CRTC_W", width);
    set(atomic, plane, type, "CRTC_H", height);
}

static uint32_t mode_blob(struct atomic *atomic, const drmModeModeInfo *mode) {
    uint32_t blob;
    int error = drmModeCreatePropertyBlob(atomic->card->fd, mode, sizeof(*mode), &blob);
    GUEST_CHECK(error == 0, "drmModeCreatePropertyBlob: %s", strerror(-error));
    atomic->blobs[atomic->blob_count++] = blob;
    return blob;
}

void atomic_set_mode(struct atomic *atomic, const struct card_output *output,
                     const drmModeModeInfo *mode, const struct framebuffer *fb) {
    set(atomic, output->connector, DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID", mode ? output->crtc : 0);
    set(atomic, output->crtc, DRM_MODE_OBJECT_CRTC, "MODE_ID", mode ? mode_blob(atomic, mode) : 0);
    set(atomic, output->crtc, DRM_MODE_OBJECT_CRTC, "ACTIVE", mode ? 1 : 0);
    set_plane(atomic, output->primary, output->crtc, mode ? fb : NULL, 0, 0);
}

void atomic_flip(struct atomic *atomic, const struct card_output *output,
                 const struct framebuffer *fb) {
    set(atomic, output->primary, DRM_MODE_OBJECT_PLANE, "FB_ID", fb->id);
}

void atomic_set_cursor(struct atomic *atomic, const struct card_output *output,
                       const struct framebuffer *fb, int32_t x, int32_t y) {
    GUEST_CHECK(output->cursor, "scanout %u has no cursor plane", output->scanout);
    set_plane(atomic, output->cursor, output->crtc, fb, x, y);
}

void atomic_commit(struct atomic *atomic, uint32_t flags, void *user_data) {
    int error = drmModeAtomicCommit(atomic->card->fd, atomic->request, flags, user_data);
    GUEST_CHECK(error == 0, "drmModeAtomicCommit with flags %#x: %s", flags, strerror(-error));
    drmModeAtomicFree(atomic->request);
    for (uint32_t i = 0; i < atomic->blob_count; i++) {
        drmModeDestroyPropertyBlob(atomic->card->fd, atomic->blobs[i]);
    }
}
