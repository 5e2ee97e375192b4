/*
 * Pipeline caches: created empty, from their own data, from data of another driver, and merged.
 * The data itself belongs to the driver and is not compared; that it is accepted and harmless is.
 */
#include "common/pipelines.h"
#include "common/resources.h"

#include <stdlib.h>
#include <string.h>

#include "mix.comp.h"

enum { VALUES = 256 };

/* What every pipeline here is made from. */
struct maker {
    VkShaderModule shader;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
};

static VkPipelineCache create_cache(const struct guest *g, const void *data, size_t size) {
    const VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = size,
        .pInitialData = data,
    };
    VkPipelineCache cache;
    GUEST_VK(vkCreatePipelineCache(g->device, &info, NULL, &cache));
    return cache;
}

static VkResult try_pipeline(const struct guest *g, const struct maker *maker,
                             VkPipelineCache cache, uint32_t factor, VkPipelineCreateFlags flags,
                             VkPipeline *pipeline) {
    const uint32_t constants[2] = {64, factor};
    const VkSpecializationMapEntry entries[] = {{0, 0, 4}, {1, 4, 4}};
    const VkSpecializationInfo special = {2, entries, sizeof(constants), constants};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = flags,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = maker->shader,
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = maker->layout,
    };
    return vkCreateComputePipelines(g->device, cache, 1, &info, NULL, pipeline);
}

static VkPipeline make_pipeline(const struct guest *g, const struct maker *maker,
                                VkPipelineCache cache, uint32_t factor) {
    VkPipeline pipeline;
    GUEST_VK(try_pipeline(g, maker, cache, factor, 0, &pipeline));
    return pipeline;
}

/* The pipeline must do its work, wherever it came from. */
static void run(struct guest *g, const struct maker *maker, VkPipeline pipeline, uint32_t factor,
                const char *name) {
    const VkBufferUsageFlags usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT;
    struct guest_buffer from = guest_buffer_create(g, VALUES * 4, usage, GUEST_HOST_MEMORY);
    struct guest_buffer to = guest_buffer_create(g, VALUES * 4, usage, GUEST_HOST_MEMORY);
    for (uint32_t i = 0; i < VALUES; i++) {
        ((uint32_t *)from.map)[i] = i;
    }
    VkDescriptorPool pool = guest_descriptor_pool(g, 1, 2, 0);
    VkDescriptorSet set = guest_descriptor_set(g, pool, maker->set_layout);
    guest_write_buffer(g, set, 0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, from.buffer);
    guest_write_buffer(g, set, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, to.buffer);
    const uint32_t push[2] = {VALUES, 1};
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, maker->layout, 0, 1, &set, 0,
                            NULL);
    vkCmdPushConstants(cmd, maker->layout, VK_SHADER_STAGE_ALL, 0, 8, push);
    vkCmdDispatch(cmd, VALUES / 64, 1, 1);
    guest_cmd_finish(g, cmd);
    for (uint32_t i = 0; i < VALUES; i++) {
        GUEST_CHECK(((uint32_t *)to.map)[i] == i * factor + 1, "%s: value %u", name, i);
    }
    guest_result(g, name, to.map, to.size);
    vkDestroyDescriptorPool(g->device, pool, NULL);
    guest_buffer_destroy(g, &from);
    guest_buffer_destroy(g, &to);
}

struct cache_header {
    uint32_t size, version, vendor, device;
    uint8_t uuid[VK_UUID_SIZE];
};

/* Reads the data in the ways that the specification allows; the caller frees it. */
static void *read_data(const struct guest *g, VkPipelineCache cache, size_t *size) {
    GUEST_VK(vkGetPipelineCacheData(g->device, cache, size, NULL));
    struct cache_header header;
    GUEST_CHECK(*size >= sizeof(header), "the cache's data has %zu bytes", *size);
    void *data = malloc(*size);
    GUEST_CHECK(data, "out of memory");
    GUEST_VK(vkGetPipelineCacheData(g->device, cache, size, data));
    memcpy(&header, data, sizeof(header));
    GUEST_CHECK(header.size == sizeof(header) &&
                    header.version == VK_PIPELINE_CACHE_HEADER_VERSION_ONE,
                "header size %u, version %u", header.size, header.version);
    GUEST_CHECK(header.vendor == g->properties.vendorID && header.device == g->properties.deviceID,
                "the header names vendor %#x, device %#x", header.vendor, header.device);
    GUEST_CHECK(memcmp(header.uuid, g->properties.pipelineCacheUUID, VK_UUID_SIZE) == 0,
                "the header has another UUID than the device");
    return data;
}

static void caches(struct guest *g, const struct maker *maker) {
    VkPipelineCache first = create_cache(g, NULL, 0), second = create_cache(g, NULL, 0);
    VkPipeline three = make_pipeline(g, maker, first, 3), five = make_pipeline(g, maker, second, 5);
    run(g, maker, three, 3, "first cache");
    run(g, maker, five, 5, "second cache");
    size_t size;
    void *data = read_data(g, first, &size);
    VkPipelineCache again = create_cache(g, data, size);
    VkPipeline three_again = make_pipeline(g, maker, again, 3);
    run(g, maker, three_again, 3, "cache from data");

    /* As another driver, or another version of this one, would have made it: to be ignored. */
    memset((char *)data + offsetof(struct cache_header, uuid), 0xa5, VK_UUID_SIZE);
    VkPipelineCache foreign = create_cache(g, data, size);
    VkPipeline seven = make_pipeline(g, maker, foreign, 7);
    run(g, maker, seven, 7, "foreign data");

    const VkPipelineCache sources[3] = {first, second, foreign};
    VkPipelineCache merged = create_cache(g, NULL, 0);
    GUEST_VK(vkMergePipelineCaches(g->device, merged, 3, sources));
    VkPipeline five_again = make_pipeline(g, maker, merged, 5);
    run(g, maker, five_again, 5, "merged caches");
    free(data);
    free(read_data(g, merged, &size));

    const VkPipeline pipelines[] = {three, five, three_again, seven, five_again};
    const VkPipelineCache all[] = {first, second, again, foreign, merged};
    for (uint32_t i = 0; i < GUEST_COUNT(pipelines); i++) {
        vkDestroyPipeline(g->device, pipelines[i], NULL);
        vkDestroyPipelineCache(g->device, all[i], NULL);
    }
}

/* Asked to fail rather than compile, the driver's answer is the result, and is no disaster. */
static void compile_required(struct guest *g, const struct maker *maker) {
    VkPipelineCache cache = create_cache(g, NULL, 0);
    int32_t answers[2];
    for (uint32_t i = 0; i < 2; i++) {
        VkPipeline pipeline = VK_NULL_HANDLE;
        VkResult result =
            try_pipeline(g, maker, cache, 1234 + i,
                         VK_PIPELINE_CREATE_FAIL_ON_PIPELINE_COMPILE_REQUIRED_BIT, &pipeline);
        GUEST_CHECK(result == VK_SUCCESS || result == VK_PIPELINE_COMPILE_REQUIRED, "%s",
                    guest_result_name(result));
        GUEST_CHECK((result == VK_SUCCESS) == (pipeline != VK_NULL_HANDLE), "result and handle");
        vkDestroyPipeline(g->device, pipeline, NULL);
        answers[i] = result;
    }
    guest_result(g, "compile required", answers, sizeof(answers));
    VkPipeline after = make_pipeline(g, maker, cache, 11);
    run(g, maker, after, 11, "after the refusal");
    vkDestroyPipeline(g->device, after, NULL);
    vkDestroyPipelineCache(g->device, cache, NULL);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "pipeline_cache");
    VkPhysicalDeviceVulkan13Features offered = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    if (g.api_version >= VK_API_VERSION_1_3) {
        VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                         .pNext = &offered};
        vkGetPhysicalDeviceFeatures2(g.physical, &all);
    }
    bool control = offered.pipelineCreationCacheControl;
    const VkPhysicalDeviceVulkan13Features wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
        .pipelineCreationCacheControl = VK_TRUE};
    guest_create_device(&g, NULL, 0, control ? &wanted : NULL);
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
    struct maker maker = {.shader = guest_shader(&g, GUEST_CODE(mix_comp)),
                          .set_layout = guest_set_layout(&g, types, 2)};
    maker.layout = guest_pipeline_layout(&g, maker.set_layout, 8);
    caches(&g, &maker);
    if (control) {
        compile_required(&g, &maker);
    }
    vkDestroyPipelineLayout(g.device, maker.layout, NULL);
    vkDestroyDescriptorSetLayout(g.device, maker.set_layout, NULL);
    vkDestroyShaderModule(g.device, maker.shader, NULL);
    return guest_finish(&g);
}
