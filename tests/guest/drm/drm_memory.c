/*
 * The memory test of the project's first notes: HOST_VISIBLE memory of the Venus device, mapped,
 * written, and verified through the GPU; in many sizes, then with `--mappings N` (100) alive at
 * once and freed in an odd order.
 */
#include "common/venus.h"

#include "../common/pipelines.h"

#include <stdlib.h>
#include <string.h>

#include "mix.comp.h"

enum { MAPPING_SIZE = 5000, FACTOR = 3, ADDEND = 17 };

static void fill(void *bytes, size_t size, uint32_t seed) {
    unsigned char *to = bytes;
    for (size_t i = 0; i < size; i++) {
        to[i] = (unsigned char)(guest_random(&seed) >> 24);
    }
}

static void copy(const struct guest *g, VkBuffer from, VkBuffer to, VkDeviceSize size) {
    VkCommandBuffer cmd = guest_cmd_begin(g);
    const VkBufferCopy region = {0, 0, size};
    guest_cmd_barrier(cmd);
    vkCmdCopyBuffer(cmd, from, to, 1, &region);
    guest_cmd_finish(g, cmd);
}

/* CPU → mapping → GPU copy → mapping → CPU. */
static void check_size(const struct guest *g, VkDeviceSize size) {
    struct guest_buffer from = guest_staging_create(g, size);
    struct guest_buffer to = guest_staging_create(g, size);
    fill(from.map, size, (uint32_t)size);
    memset(to.map, 0xa5, size);
    copy(g, from.buffer, to.buffer, size);
    GUEST_CHECK(memcmp(from.map, to.map, size) == 0, "%llu bytes were not copied as written",
                (unsigned long long)size);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

static void sizes(const struct guest *g) {
    const VkDeviceSize list[] = {
        1, 3, 255, 4095, 4096, 4097, 12289, 65535, 65536, 65537, 131268, 1000003, 4194304, 8388609,
    };
    for (uint32_t i = 0; i < GUEST_COUNT(list); i++) {
        check_size(g, list[i]);
    }
    guest_say("sizes: %zu, 1 to %llu bytes", GUEST_COUNT(list),
              (unsigned long long)list[GUEST_COUNT(list) - 1]);
}

/* ---- compute ----------------------------------------------------------------------------- */

struct mixer {
    VkShaderModule shader;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipeline pipeline;
    VkDescriptorPool pool;
    VkDescriptorSet set;
};

static struct mixer mixer_create(const struct guest *g) {
    static const uint32_t constants[] = {64, FACTOR, VK_FALSE};
    static const VkSpecializationMapEntry entries[] = {{0, 0, 4}, {1, 4, 4}, {2, 8, 4}};
    const VkSpecializationInfo info = {GUEST_COUNT(entries), entries, sizeof(constants), constants};
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
    struct mixer made = {.shader = guest_shader(g, GUEST_CODE(mix_comp))};
    made.set_layout = guest_set_layout(g, types, GUEST_COUNT(types));
    made.layout = guest_pipeline_layout(g, made.set_layout, 8);
    made.pipeline = guest_compute_pipeline(g, made.shader, made.layout, &info);
    made.pool = guest_descriptor_pool(g, 1, 2, 0);
    made.set = guest_descriptor_set(g, made.pool, made.set_layout);
    return made;
}

static void mixer_destroy(const struct guest *g, struct mixer *mixer) {
    vkDestroyDescriptorPool(g->device, mixer->pool, NULL);
    vkDestroyPipeline(g->device, mixer->pipeline, NULL);
    vkDestroyPipelineLayout(g->device, mixer->layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, mixer->set_layout, NULL);
    vkDestroyShaderModule(g->device, mixer->shader, NULL);
}

/* A shader reads one mapping and writes another. */
static void compute(const struct guest *g) {
    const uint32_t count = 64 * 1000;
    const VkBufferUsageFlags usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
    struct guest_buffer from = guest_buffer_create(g, count * 4, usage, GUEST_HOST_MEMORY);
    struct guest_buffer to = guest_buffer_create(g, count * 4, usage, GUEST_HOST_MEMORY);
    struct mixer mixer = mixer_create(g);
    fill(from.map, count * 4, 99);
    guest_write_buffer(g, mixer.set, 0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, from.buffer);
    guest_write_buffer(g, mixer.set, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, to.buffer);
    const uint32_t push[2] = {count, ADDEND};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, mixer.pipeline);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, mixer.layout, 0, 1, &mixer.set, 0,
                            NULL);
    vkCmdPushConstants(cmd, mixer.layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), push);
    vkCmdDispatch(cmd, count / 64, 1, 1);
    guest_cmd_finish(g, cmd);
    const uint32_t *source = from.map, *result = to.map;
    for (uint32_t i = 0; i < count; i++) {
        GUEST_CHECK(result[i] == source[i] * FACTOR + ADDEND, "compute, value %u", i);
    }
    guest_say("compute: %u values", count);
    mixer_destroy(g, &mixer);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

/* ---- many mappings ----------------------------------------------------------------------- */

/* One of the lives of mapping `i`: made, filled. */
static struct guest_buffer live_create(const struct guest *g, uint32_t i, uint32_t life) {
    struct guest_buffer made = guest_staging_create(g, MAPPING_SIZE);
    fill(made.map, MAPPING_SIZE, 1 + i * 2 + life);
    return made;
}

static void check_live(const struct guest *g, const struct guest_buffer *buffers, uint32_t count,
                       const uint32_t *lives, struct guest_buffer *all) {
    static unsigned char expected[MAPPING_SIZE];
    memset(all->map, 0, all->size);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_barrier(cmd);
    for (uint32_t i = 0; i < count; i++) {
        if (buffers[i].buffer) {
            const VkBufferCopy region = {0, (VkDeviceSize)i * MAPPING_SIZE, MAPPING_SIZE};
            vkCmdCopyBuffer(cmd, buffers[i].buffer, all->buffer, 1, &region);
        }
    }
    guest_cmd_finish(g, cmd);
    for (uint32_t i = 0; i < count; i++) {
        memset(expected, 0, MAPPING_SIZE);
        if (buffers[i].buffer) {
            fill(expected, MAPPING_SIZE, 1 + i * 2 + lives[i]);
        }
        GUEST_CHECK(memcmp(expected, (char *)all->map + (size_t)i * MAPPING_SIZE, MAPPING_SIZE) ==
                        0,
                    "mapping %u of %u has not the bytes written to it", i, count);
    }
}

/* A number that has no factor in common with `count`: steps of it reach everything once. */
static uint32_t coprime_step(uint32_t count) {
    for (uint32_t step = count / 2 + count / 8 + 1;; step++) {
        uint32_t a = step, b = count;
        while (b) {
            const uint32_t rest = a % b;
            a = b;
            b = rest;
        }
        if (a == 1) {
            return step;
        }
    }
}

static void many(const struct guest *g, uint32_t count) {
    struct guest_buffer *buffers = calloc(count, sizeof(*buffers));
    uint32_t *lives = calloc(count, sizeof(*lives));
    GUEST_CHECK(buffers && lives, "out of memory");
    struct guest_buffer all = guest_staging_create(g, (VkDeviceSize)count * MAPPING_SIZE);
    for (uint32_t i = 0; i < count; i++) {
        buffers[i] = live_create(g, i, 0);
    }
    check_live(g, buffers, count, lives, &all);
    guest_say("mappings: %u alive at once", count);

    const uint32_t step = coprime_step(count), half = (count + 1) / 2;
    for (uint32_t i = 0; i < half; i++) {
        guest_buffer_destroy(g, &buffers[(uint64_t)i * step % count]);
    }
    check_live(g, buffers, count, lives, &all);
    for (uint32_t i = 0; i < half; i += 2) {
        const uint32_t place = (uint32_t)((uint64_t)i * step % count);
        lives[place] = 1;
        buffers[place] = live_create(g, place, 1);
    }
    check_live(g, buffers, count, lives, &all);
    guest_say("mappings: %u freed, %u made again", half, (half + 1) / 2);
    for (uint32_t i = count; i-- > 0;) {
        if (buffers[i].buffer) {
            guest_buffer_destroy(g, &buffers[i]);
        }
    }
    guest_buffer_destroy(g, &all);
    free(lives);
    free(buffers);
}

int main(int argc, char **argv) {
    struct guest g;
    venus_init(&g, argc, argv, "drm_memory");
    guest_create_device(&g, NULL, 0, NULL);
    const uint32_t count = guest_option_number(&g, "--mappings", 100, 100000);
    sizes(&g);
    compute(&g);
    if (count) {
        many(&g, count);
    }
    return guest_finish(&g);
}
