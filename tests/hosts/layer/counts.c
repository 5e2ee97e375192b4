/* What a presenter has made and not destroyed, and how many bytes it moves. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "layer.h"

enum { MAPPINGS_MAX = 256, SHADOW_BYTE = 0xa5 };

struct mapping {
    VkDeviceMemory memory; /* VK_NULL_HANDLE: unused */
    uint64_t size;
    uint8_t *shadow; /* NULL: the caller sees the driver's memory */
};

static _Atomic(int32_t) instances, devices, surfaces, objects;
static _Atomic(uint32_t) leaks;
static _Atomic(uint64_t) moved[MOVED_KINDS], submissions, presents;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct mapping mappings[MAPPINGS_MAX];
static bool shadows;

/* ---- what is there -------------------------------------------------------------------------- */

void counts_add_object(struct below_device *below, enum object kind, int32_t change) {
    below->objects[kind] += change;
    objects += change;
}

void counts_add_surface(struct below_instance *below, int32_t change) {
    below->surfaces += change;
    surfaces += change;
}

void counts_add_instance(int32_t change) {
    instances += change;
}

void counts_add_device(int32_t change) {
    devices += change;
}

static void note_leak(const char *name, int32_t count) {
    if (count && profile_get()->plain) {
        fprintf(stderr, LAYER_NAME ": %d of %s are left\n", (int)count, name);
        leaks++;
    }
}

void counts_check_device(const struct below_device *below) {
#define NAME(kind) [OBJECT_##kind] = #kind,
    static const char *const names[OBJECT_KINDS] = {
        LAYER_OBJECTS(NAME)[OBJECT_Memory] = "Memory", [OBJECT_Pipeline] = "Pipeline",
        [OBJECT_Swapchain] = "Swapchain"};
#undef NAME
    for (int i = 0; i < OBJECT_KINDS; i++) {
        note_leak(names[i], below->objects[i]);
    }
    counts_add_device(-1);
}

void counts_check_instance(const struct below_instance *below) {
    note_leak("Surface", below->surfaces);
    counts_add_instance(-1);
}

/* ---- what is moved -------------------------------------------------------------------------- */

void counts_add_moved(enum moved kind, uint64_t bytes) {
    moved[kind] += bytes;
}

void counts_add_submission(void) {
    submissions++;
}

void counts_add_present(void) {
    presents++;
}

/* ---- mapped memory -------------------------------------------------------------------------- */

static uint8_t *make_shadow(uint64_t size) {
    void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) {
        return NULL;
    }
    memset(bytes, SHADOW_BYTE, size);
    return bytes;
}

void *counts_map(VkDeviceMemory memory, uint64_t size, void *bytes) {
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAPPINGS_MAX; i++) {
        struct mapping *mapping = &mappings[i];
        if (!mapping->memory) {
            *mapping = (struct mapping){memory, size, shadows ? make_shadow(size) : NULL};
            bytes = mapping->shadow ? mapping->shadow : bytes;
            break;
        }
    }
    pthread_mutex_unlock(&mutex);
    return bytes;
}

void counts_unmap(VkDeviceMemory memory) {
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAPPINGS_MAX && memory; i++) {
        struct mapping *mapping = &mappings[i];
        if (mapping->memory == memory) {
            if (mapping->shadow) {
                munmap(mapping->shadow, mapping->size);
            }
            *mapping = (struct mapping){0};
        }
    }
    pthread_mutex_unlock(&mutex);
}

void counts_shadow(bool on) {
    pthread_mutex_lock(&mutex);
    shadows = on;
    pthread_mutex_unlock(&mutex);
}

/* ---- for the test ---------------------------------------------------------------------------- */

static uint64_t count_written(const struct mapping *mapping) {
    uint64_t count = 0;
    for (uint64_t i = 0; mapping->shadow && i < mapping->size; i++) {
        count += mapping->shadow[i] != SHADOW_BYTE;
    }
    return count;
}

void counts_get(struct host_counts *out) {
    *out = (struct host_counts){
        .instances = (uint32_t)instances,
        .devices = (uint32_t)devices,
        .surfaces = (uint32_t)surfaces,
        .objects = (uint32_t)objects,
        .leaks = leaks,
        .buffer_bytes = moved[MOVED_BUFFER],
        .buffer_to_image_bytes = moved[MOVED_TO_IMAGE],
        .image_to_buffer_bytes = moved[MOVED_TO_BUFFER],
        .pass_bytes = moved[MOVED_BY_PASS],
        .submissions = submissions,
        .presents = presents,
    };
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < MAPPINGS_MAX; i++) {
        out->mapped_bytes += mappings[i].memory ? mappings[i].size : 0;
        out->written_bytes += count_written(&mappings[i]);
    }
    pthread_mutex_unlock(&mutex);
}
