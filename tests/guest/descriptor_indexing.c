/*
 * Descriptor indexing: a large array of buffers with holes, of variable size, updated after it
 * was bound, and indexed with a value that differs between invocations.
 */
#include "common/pipelines.h"
#include "common/resources.h"

#include <string.h>

#include "gather.comp.h"

enum { SLOTS = 64, USED = 48, VALUES = 256 };

static VkDescriptorSetLayout bindless_layout(const struct guest *g) {
    const VkDescriptorSetLayoutBinding bindings[2] = {
        {0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1, VK_SHADER_STAGE_ALL, NULL},
        {1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, SLOTS, VK_SHADER_STAGE_ALL, NULL},
    };
    const VkDescriptorBindingFlags flags[2] = {
        VK_DESCRIPTOR_BINDING_UPDATE_AFTER_BIND_BIT,
        VK_DESCRIPTOR_BINDING_UPDATE_AFTER_BIND_BIT | VK_DESCRIPTOR_BINDING_PARTIALLY_BOUND_BIT |
            VK_DESCRIPTOR_BINDING_VARIABLE_DESCRIPTOR_COUNT_BIT |
            VK_DESCRIPTOR_BINDING_UPDATE_UNUSED_WHILE_PENDING_BIT,
    };
    const VkDescriptorSetLayoutBindingFlagsCreateInfo binding_flags = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_BINDING_FLAGS_CREATE_INFO,
        .bindingCount = 2,
        .pBindingFlags = flags,
    };
    const VkDescriptorSetLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .pNext = &binding_flags,
        .flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_UPDATE_AFTER_BIND_POOL_BIT,
        .bindingCount = 2,
        .pBindings = bindings,
    };
    VkDescriptorSetLayoutSupport support = {.sType =
                                                VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_SUPPORT};
    vkGetDescriptorSetLayoutSupport(g->device, &info, &support);
    GUEST_CHECK(support.supported, "the set layout is not supported");
    VkDescriptorSetLayout layout;
    GUEST_VK(vkCreateDescriptorSetLayout(g->device, &info, NULL, &layout));
    return layout;
}

static VkDescriptorSet bindless_set(const struct guest *g, VkDescriptorPool pool,
                                    VkDescriptorSetLayout layout) {
    const uint32_t count = USED;
    const VkDescriptorSetVariableDescriptorCountAllocateInfo variable = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_VARIABLE_DESCRIPTOR_COUNT_ALLOCATE_INFO,
        .descriptorSetCount = 1,
        .pDescriptorCounts = &count,
    };
    const VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .pNext = &variable,
        .descriptorPool = pool,
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    VkDescriptorSet set;
    GUEST_VK(vkAllocateDescriptorSets(g->device, &info, &set));
    return set;
}

static void point_slot(const struct guest *g, VkDescriptorSet set, uint32_t slot, VkBuffer buffer) {
    const VkDescriptorBufferInfo target = {buffer, 0, VK_WHOLE_SIZE};
    const VkWriteDescriptorSet write = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = set,
        .dstBinding = 1,
        .dstArrayElement = slot,
        .descriptorCount = 1,
        .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .pBufferInfo = &target,
    };
    vkUpdateDescriptorSets(g->device, 1, &write, 0, NULL);
}

static void gather(struct guest *g) {
    VkShaderModule shader = guest_shader(g, GUEST_CODE(gather_comp));
    VkDescriptorSetLayout set_layout = bindless_layout(g);
    VkPipelineLayout layout = guest_pipeline_layout(g, set_layout, 0);
    VkPipeline pipeline = guest_compute_pipeline(g, shader, layout, NULL);
    VkDescriptorPool pool =
        guest_descriptor_pool(g, 1, SLOTS + 1, VK_DESCRIPTOR_POOL_CREATE_UPDATE_AFTER_BIND_BIT);
    VkDescriptorSet set = bindless_set(g, pool, set_layout);
    struct guest_buffer target = guest_buffer_create(
        g, VALUES * sizeof(uint32_t), VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, GUEST_HOST_MEMORY);
    struct guest_buffer sources[USED] = {{0}};
    guest_write_buffer(g, set, 0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, target.buffer);

    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
    /* After the set was bound: every third slot, the only ones that the shader touches. */
    for (uint32_t i = 0; i < USED; i += 3) {
        sources[i] =
            guest_buffer_create(g, 64, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, GUEST_HOST_MEMORY);
        for (uint32_t j = 0; j < 16; j++) {
            ((uint32_t *)sources[i].map)[j] = i * 1000 + j;
        }
        point_slot(g, set, i, sources[i].buffer);
    }
    vkCmdDispatch(cmd, VALUES / 64, 1, 1);
    guest_cmd_finish(g, cmd);
    const uint32_t *values = target.map;
    for (uint32_t i = 0; i < VALUES; i++) {
        uint32_t expected = (i * 7 % 16) * 3 * 1000 + i % 16;
        GUEST_CHECK(values[i] == expected, "value %u is %u, expected %u", i, values[i], expected);
    }
    guest_result(g, "gathered", values, target.size);

    for (uint32_t i = 0; i < USED; i += 3) {
        guest_buffer_destroy(g, &sources[i]);
    }
    guest_buffer_destroy(g, &target);
    vkDestroyDescriptorPool(g->device, pool, NULL);
    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, set_layout, NULL);
    vkDestroyShaderModule(g->device, shader, NULL);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "descriptor_indexing");
    if (g.api_version < VK_API_VERSION_1_2) {
        guest_skip("the device is older than Vulkan 1.2");
    }
    VkPhysicalDeviceVulkan12Features offered = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &offered};
    vkGetPhysicalDeviceFeatures2(g.physical, &all);
    if (!offered.shaderStorageBufferArrayNonUniformIndexing || !offered.runtimeDescriptorArray ||
        !offered.descriptorBindingStorageBufferUpdateAfterBind ||
        !offered.descriptorBindingPartiallyBound ||
        !offered.descriptorBindingUpdateUnusedWhilePending ||
        !offered.descriptorBindingVariableDescriptorCount) {
        guest_skip("no descriptor indexing for storage buffers");
    }
    const VkPhysicalDeviceVulkan12Features wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .descriptorIndexing = offered.descriptorIndexing,
        .shaderStorageBufferArrayNonUniformIndexing = VK_TRUE,
        .runtimeDescriptorArray = VK_TRUE,
        .descriptorBindingStorageBufferUpdateAfterBind = VK_TRUE,
        .descriptorBindingPartiallyBound = VK_TRUE,
        .descriptorBindingUpdateUnusedWhilePending = VK_TRUE,
        .descriptorBindingVariableDescriptorCount = VK_TRUE,
    };
    guest_create_device(&g, NULL, 0, &wanted);
    gather(&g);
    return guest_finish(&g);
}
