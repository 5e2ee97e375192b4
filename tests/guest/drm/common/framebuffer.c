#include "framebuffer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/virtgpu_drm.h>
#include <drm_fourcc.h>

static int add(struct framebuffer *fb) {
    const uint32_t handles[4] = {fb->handle}, strides[4] = {fb->stride}, offsets[4] = {fb->offset};
    return -drmModeAddFB2(fb->card, fb->width, fb->height, fb->format, handles, strides, offsets,
                          &fb->id, 0);
}

static void map(struct framebuffer *fb, uint64_t offset) {
    fb->map = mmap(NULL, fb->size, PROT_READ | PROT_WRITE, MAP_SHARED, fb->card, (off_t)offset);
    GUEST_CHECK(fb->map != MAP_FAILED, "mmap of %zu bytes: %s", fb->size, strerror(errno));
}

struct framebuffer framebuffer_create_dumb(const struct card *card, uint32_t width,
                                           uint32_t height) {
    struct framebuffer fb = {
        .card = card->fd,
        .width = width,
        .height = height,
        .format = DRM_FORMAT_XRGB8888,
    };
    uint64_t size, offset;
    int error =
        drmModeCreateDumbBuffer(fb.card, width, height, 32, 0, &fb.handle, &fb.stride, &size);
    GUEST_CHECK(error == 0, "dumb buffer of %u x %u: %s", width, height, strerror(-error));
    fb.size = size;
    error = add(&fb);
    GUEST_CHECK(error == 0, "drmModeAddFB2 of a dumb buffer: %s", strerror(error));
    error = drmModeMapDumbBuffer(fb.card, fb.handle, &offset);
    GUEST_CHECK(error == 0, "drmModeMapDumbBuffer: %s", strerror(-error));
    map(&fb, offset);
    return fb;
}

static void create_blob(struct framebuffer *fb) {
    struct drm_virtgpu_resource_create_blob create = {
        .blob_mem = VIRTGPU_BLOB_MEM_GUEST,
        .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE | VIRTGPU_BLOB_FLAG_USE_SHAREABLE,
        .size = fb->size,
    };
    GUEST_CHECK(drmIoctl(fb->card, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &create) == 0,
                "a blob of %zu bytes of guest memory: %s", fb->size, strerror(errno));
    fb->handle = create.bo_handle;
    struct drm_virtgpu_map where = {.handle = fb->handle};
    GUEST_CHECK(drmIoctl(fb->card, DRM_IOCTL_VIRTGPU_MAP, &where) == 0, "VIRTGPU_MAP: %s",
                strerror(errno));
    map(fb, where.offset);
}

struct framebuffer framebuffer_create_blob(const struct card *card, uint32_t width, uint32_t height,
                                           uint32_t format, uint32_t gap, uint32_t offset) {
    if (!card_parameter(card, VIRTGPU_PARAM_RESOURCE_BLOB)) {
        guest_skip("the device has no blobs (VIRTIO_GPU_F_RESOURCE_BLOB)");
    }
    struct framebuffer fb = {
        .card = card->fd,
        .width = width,
        .height = height,
        .format = format,
        .stride = width * 4 + gap,
        .offset = offset,
    };
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t needed = offset + (size_t)fb.stride * height;
    fb.size = (needed + page - 1) / page * page;
    create_blob(&fb);
    int error = add(&fb);
    GUEST_CHECK(error == 0, "drmModeAddFB2 of a blob: %s", strerror(error));
    return fb;
}

int framebuffer_import(const struct card *card, int dma_buf, uint32_t width, uint32_t height,
                       uint32_t stride, struct framebuffer *out) {
    *out = (struct framebuffer){
        .card = card->fd,
        .width = width,
        .height = height,
        .stride = stride,
        .format = DRM_FORMAT_XRGB8888,
    };
    if (drmPrimeFDToHandle(card->fd, dma_buf, &out->handle) != 0) {
        return errno;
    }
    int error = add(out);
    if (error) {
        drmCloseBufferHandle(card->fd, out->handle);
        out->handle = 0;
    }
    return error;
}

void framebuffer_draw(const struct framebuffer *fb, const struct picture *picture) {
    const struct picture_rect all = {0, 0, fb->width, fb->height};
    framebuffer_draw_rect(fb, picture, &all);
}

void framebuffer_draw_rect(const struct framebuffer *fb, const struct picture *picture,
                           const struct picture_rect *rect) {
    GUEST_CHECK(picture->width == fb->width && picture->height == fb->height,
                "a picture of %u x %u for a framebuffer of %u x %u", picture->width,
                picture->height, fb->width, fb->height);
    for (uint32_t y = rect->y; y < rect->y + rect->height; y++) {
        memcpy(fb->map + fb->offset + (size_t)y * fb->stride + (size_t)rect->x * 4,
               picture->pixels + (size_t)y * picture->width + rect->x, (size_t)rect->width * 4);
    }
}

void framebuffer_dirty(const struct framebuffer *fb, const struct picture_rect *rects,
                       uint32_t count) {
    drmModeClip clips[16];
    GUEST_CHECK(count <= GUEST_COUNT(clips), "too many rectangles");
    for (uint32_t i = 0; i < count; i++) {
        clips[i] = (drmModeClip){
            .x1 = (uint16_t)rects[i].x,
            .y1 = (uint16_t)rects[i].y,
            .x2 = (uint16_t)(rects[i].x + rects[i].width),
            .y2 = (uint16_t)(rects[i].y + rects[i].height),
        };
    }
    int error = drmModeDirtyFB(fb->card, fb->id, count ? clips : NULL, count);
    GUEST_CHECK(error == 0, "drmModeDirtyFB with %u clips: %s", count, strerror(-error));
}

const char *framebuffer_memory(int card, uint32_t handle) {
    struct drm_virtgpu_resource_info info = {.bo_handle = handle};
    GUEST_CHECK(drmIoctl(card, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info) == 0,
                "VIRTGPU_RESOURCE_INFO: %s", strerror(errno));
    switch (info.blob_mem) {
    case 0:
        return "classic";
    case VIRTGPU_BLOB_MEM_GUEST:
        return "guest blob";
    case VIRTGPU_BLOB_MEM_HOST3D:
        return "host3d blob";
    case VIRTGPU_BLOB_MEM_HOST3D_GUEST:
        return "host3d guest blob";
    default:
        return "unknown";
    }
}

void framebuffer_destroy(struct framebuffer *fb) {
    if (fb->map) {
        GUEST_CHECK(munmap(fb->map, fb->size) == 0, "munmap: %s", strerror(errno));
    }
    if (fb->id) {
        int error = drmModeRmFB(fb->card, fb->id);
        GUEST_CHECK(error == 0, "drmModeRmFB: %s", strerror(-error));
    }
    if (fb->handle) {
        GUEST_CHECK(drmCloseBufferHandle(fb->card, fb->handle) == 0, "GEM_CLOSE: %s",
                    strerror(errno));
    }
    *fb = (struct framebuffer){0};
}
