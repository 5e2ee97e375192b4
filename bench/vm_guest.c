/*
 * What things cost inside a virtual machine: an empty submission with its fence, host-visible
 * memory allocated, mapped and freed beside ever more live mappings, and page flips.  Prints a line
 * `NAME VALUE UNIT` per figure.
 *
 * `--only submit|memory|flips` leaves the others out, `--live N` ends the growth at N mappings
 * (5000), `--size BYTES` is the size of each (65536).  With `--host` (drm/common/script.h) it asks
 * for `mark NAME` before and after the rounds of memory, so that the host can tell where the time
 * went.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "common/framebuffer.h"
#include "common/script.h"
#include "common/venus.h"

enum { SUBMITS = 2000, ROUNDS = 200, FLIPS = 300, LIVE_MOST = 100000 };
enum { NEW_SIZES = 50, SIZE_STEP = 4096, BULK = 100, BULKS = 10 };

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, uint32_t count) {
    qsort(values, count, sizeof(*values), compare);
    return values[count / 2];
}

static void report(const char *name, double value, const char *unit) {
    guest_say("%s %.2f %s", name, value, unit);
}

static void measure_submit(const struct guest *g) {
    static double times[SUBMITS];
    const VkSubmitInfo empty = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkFence fence;
    GUEST_VK(vkCreateFence(g->device, &info, NULL, &fence));
    for (uint32_t i = 0; i < SUBMITS; i++) {
        const double start = guest_now();
        GUEST_VK(vkQueueSubmit(g->queues[0], 1, &empty, fence));
        GUEST_VK(vkWaitForFences(g->device, 1, &fence, VK_TRUE, UINT64_MAX));
        times[i] = (guest_now() - start) * 1e6;
        GUEST_VK(vkResetFences(g->device, 1, &fence));
    }
    vkDestroyFence(g->device, fence, NULL);
    report("submit_fence", median(times, SUBMITS), "us");
}

/* ---- memory ------------------------------------------------------------------------------ */

struct live {
    const struct guest *g;
    struct script script;
    VkDeviceSize size;
    uint32_t type, count;
    VkDeviceMemory memories[LIVE_MOST];
};

static VkResult allocate_and_map(const struct live *live, VkDeviceSize size,
                                 VkDeviceMemory *memory) {
    const VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .allocationSize = size,
        .memoryTypeIndex = live->type,
    };
    VkResult result = vkAllocateMemory(live->g->device, &info, NULL, memory);
    if (result != VK_SUCCESS) {
        return result;
    }
    void *map;
    result = vkMapMemory(live->g->device, *memory, 0, VK_WHOLE_SIZE, 0, &map);
    if (result != VK_SUCCESS) {
        vkFreeMemory(live->g->device, *memory, NULL);
        return result;
    }
    *(volatile char *)map = 1;
    return VK_SUCCESS;
}

/* False at the cap, of which it says what and where it is. */
static bool grow(struct live *live, uint32_t count) {
    const uint32_t before = live->count;
    const double start = guest_now();
    while (live->count < count) {
        VkResult result = allocate_and_map(live, live->size, &live->memories[live->count]);
        if (result != VK_SUCCESS) {
            guest_say("live_mappings_cap %u %s", live->count, guest_result_name(result));
            return false;
        }
        live->count++;
    }
    if (live->count > before) {
        char name[64];
        snprintf(name, sizeof(name), "allocate_map_up_to_%u", count);
        report(name, (guest_now() - start) * 1e6 / (live->count - before), "us");
    }
    return true;
}

static void mark(struct live *live, const char *name) {
    if (live->script.folder) {
        script_ask(&live->script, "mark %s", name);
        script_wait(&live->script);
    }
}

/* `count` rounds; each of another size than those before where `step` is not 0. */
static bool measure_rounds(struct live *live, const char *what, uint32_t count, uint32_t step) {
    static double times[ROUNDS];
    char name[64];
    snprintf(name, sizeof(name), "%s_beside_%u", what, live->count);
    mark(live, name);
    for (uint32_t i = 0; i < count; i++) {
        VkDeviceMemory memory;
        const double start = guest_now();
        VkResult result =
            allocate_and_map(live, live->size + (i + 1) * (VkDeviceSize)step, &memory);
        if (result != VK_SUCCESS) {
            guest_say("live_mappings_cap %u %s", live->count, guest_result_name(result));
            return false;
        }
        vkFreeMemory(live->g->device, memory, NULL);
        times[i] = (guest_now() - start) * 1e6;
    }
    mark(live, name);
    report(name, median(times, count), "us");
    return true;
}

/* Many at once, freed together, again and again. */
static bool measure_bulk(struct live *live) {
    static double times[BULKS];
    static VkDeviceMemory memories[BULK];
    mark(live, "bulk_allocate_map_free");
    for (uint32_t i = 0; i < BULKS; i++) {
        const double start = guest_now();
        for (uint32_t j = 0; j < BULK; j++) {
            VkResult result = allocate_and_map(live, live->size, &memories[j]);
            if (result != VK_SUCCESS) {
                guest_say("live_mappings_cap %u %s", j, guest_result_name(result));
                return false;
            }
        }
        for (uint32_t j = 0; j < BULK; j++) {
            vkFreeMemory(live->g->device, memories[j], NULL);
        }
        times[i] = (guest_now() - start) * 1e6 / BULK;
    }
    mark(live, "bulk_allocate_map_free");
    report("bulk_allocate_map_free", median(times, BULKS), "us");
    return true;
}

static void measure_memory(const struct guest *g) {
    static struct live live;
    const uint32_t steps[] = {0, 1, 100, 1000, 5000, LIVE_MOST};
    const uint32_t most = guest_option_number(g, "--live", 5000, LIVE_MOST);
    live = (struct live){
        .g = g,
        .size = guest_option_number(g, "--size", 65536, 1u << 30),
        .type = guest_memory_type(g, UINT32_MAX, GUEST_HOST_MEMORY),
    };
    script_init(&live.script, g);
    bool go_on = true;
    for (uint32_t i = 0; i < GUEST_COUNT(steps) && steps[i] <= most && go_on; i++) {
        go_on = grow(&live, steps[i]) && measure_rounds(&live, "allocate_map_free", ROUNDS, 0) &&
                measure_rounds(&live, "new_size_map_free", NEW_SIZES, SIZE_STEP);
    }
    const double start = guest_now();
    for (uint32_t i = 0; i < live.count; i++) {
        vkFreeMemory(g->device, live.memories[i], NULL);
    }
    if (live.count) {
        report("free_each", (guest_now() - start) * 1e6 / live.count, "us");
    }
    if (go_on && most >= BULK) {
        measure_bulk(&live);
    }
}

/* ---- flips ------------------------------------------------------------------------------- */

static void on_flip(int fd, unsigned sequence, unsigned seconds, unsigned microseconds,
                    void *data) {
    (void)fd, (void)sequence, (void)seconds, (void)microseconds;
    *(bool *)data = true;
}

static void flip(const struct card *card, const struct card_output *output, uint32_t fb) {
    bool done = false;
    int error = drmModePageFlip(card->fd, output->crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, &done);
    GUEST_CHECK(error == 0, "drmModePageFlip: %s", strerror(-error));
    while (!done) {
        struct pollfd poll_for = {card->fd, POLLIN, 0};
        GUEST_CHECK(poll(&poll_for, 1, 20000) == 1, "a page flip has no event after 20 s");
        drmEventContext context = {.version = 2, .page_flip_handler = on_flip};
        GUEST_CHECK(drmHandleEvent(card->fd, &context) == 0, "drmHandleEvent: %s", strerror(errno));
    }
}

static void measure_flips(const struct guest *g) {
    struct card card;
    card_open(&card, g);
    struct card_output *output = card_pick_output(&card, g);
    const drmModeModeInfo mode = output->modes[0];
    struct framebuffer buffers[2];
    for (uint32_t i = 0; i < 2; i++) {
        struct picture scene = picture_scene(mode.hdisplay, mode.vdisplay, i);
        buffers[i] = framebuffer_create_dumb(&card, mode.hdisplay, mode.vdisplay);
        framebuffer_draw(&buffers[i], &scene);
        picture_destroy(&scene);
    }
    card_set_crtc(&card, output, &mode, buffers[0].id, 0, 0);
    const double start = guest_now();
    for (uint32_t i = 0; i < FLIPS; i++) {
        flip(&card, output, buffers[(i + 1) % 2].id);
    }
    report("page_flips", FLIPS / (guest_now() - start), "flips/s");
    framebuffer_destroy(&buffers[0]);
    framebuffer_destroy(&buffers[1]);
    card_close(&card);
}

static bool wants(const struct guest *g, const char *figure) {
    const char *only = guest_option(g, "--only", figure);
    return strcmp(only, figure) == 0;
}

int main(int argc, char **argv) {
    struct guest g = {.name = "vm_bench", .argc = argc, .argv = argv};
    if (wants(&g, "submit") || wants(&g, "memory")) {
        venus_init(&g, argc, argv, g.name);
        guest_create_device(&g, NULL, 0, NULL);
        if (wants(&g, "submit")) {
            measure_submit(&g);
        }
        if (wants(&g, "memory")) {
            measure_memory(&g);
        }
        guest_finish(&g);
    }
    if (wants(&g, "flips")) {
        measure_flips(&g);
    }
    return 0;
}
