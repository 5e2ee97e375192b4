/*
 * Compute: storage buffers, push and specialization constants, indirect and based dispatches,
 * every way to update descriptors, dynamic offsets, storage images and texel buffers.
 */
#include "common/pipelines.h"
#include "common/resources.h"

#include <string.h>

#include "mix.comp.h"
#include "paint.comp.h"
#include "reduce.comp.h"

enum { VALUES = 4096, SIDE = 64 };

static const VkBufferUsageFlags STORAGE =
    VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT;

static struct guest_buffer random_source(const struct guest *g, uint32_t seed) {
    struct guest_buffer made =
        guest_buffer_create(g, VALUES * sizeof(uint32_t), STORAGE, GUEST_HOST_MEMORY);
    uint32_t *values = made.map;
    for (uint32_t i = 0; i < VALUES; i++) {
        values[i] = guest_random(&seed);
    }
    return made;
}

struct mix_constants {
    uint32_t local_size, factor;
    VkBool32 flip;
};

static VkPipeline mix_pipeline(const struct guest *g, VkShaderModule shader,
                               VkPipelineLayout layout, const struct mix_constants *constants) {
    const VkSpecializationMapEntry entries[] = {
        {0, offsetof(struct mix_constants, local_size), sizeof(uint32_t)},
        {1, offsetof(struct mix_constants, factor), sizeof(uint32_t)},
        {2, offsetof(struct mix_constants, flip), sizeof(VkBool32)},
    };
    const VkSpecializationInfo info = {GUEST_COUNT(entries), entries, sizeof(*constants),
                                       constants};
    return guest_compute_pipeline(g, shader, layout, &info);
}

/* Direct, indirect and based dispatches of one shader specialized in two ways. */
static void mix(struct guest *g) {
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
    VkShaderModule shader = guest_shader(g, GUEST_CODE(mix_comp));
    VkDescriptorSetLayout set_layout = guest_set_layout(g, types, 2);
    VkPipelineLayout layout = guest_pipeline_layout(g, set_layout, 8);
    const struct mix_constants plain = {64, 3, VK_FALSE}, flipped = {32, 5, VK_TRUE};
    VkPipeline direct = mix_pipeline(g, shader, layout, &plain);
    VkPipeline inverse = mix_pipeline(g, shader, layout, &flipped);

    struct guest_buffer source = random_source(g, 42);
    struct guest_buffer first = guest_buffer_create(g, source.size, STORAGE, GUEST_HOST_MEMORY);
    struct guest_buffer second = guest_buffer_create(g, source.size, STORAGE, GUEST_HOST_MEMORY);
    struct guest_buffer indirect =
        guest_buffer_create(g, 64, VK_BUFFER_USAGE_INDIRECT_BUFFER_BIT, GUEST_HOST_MEMORY);
    const VkDispatchIndirectCommand groups = {VALUES / 32 / 2, 1, 1};
    memcpy((char *)indirect.map + 16, &groups, sizeof(groups));

    VkDescriptorPool pool = guest_descriptor_pool(g, 2, 4, 0);
    VkDescriptorSet sets[2];
    for (uint32_t i = 0; i < 2; i++) {
        sets[i] = guest_descriptor_set(g, pool, set_layout);
        guest_write_buffer(g, sets[i], 0, types[0], i ? first.buffer : source.buffer);
        guest_write_buffer(g, sets[i], 1, types[1], i ? second.buffer : first.buffer);
    }

    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdFillBuffer(cmd, second.buffer, 0, VK_WHOLE_SIZE, 0xabcdef01);
    guest_cmd_barrier(cmd);
    const uint32_t push_first[2] = {VALUES - 7, 100}, push_second[2] = {VALUES, 9};
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, direct);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &sets[0], 0, NULL);
    vkCmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, 8, push_first);
    vkCmdDispatch(cmd, VALUES / 64, 1, 1);
    guest_cmd_barrier(cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, inverse);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &sets[1], 0, NULL);
    vkCmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 0, 4, &push_second[0]);
    vkCmdPushConstants(cmd, layout, VK_SHADER_STAGE_ALL, 4, 4, &push_second[1]);
    vkCmdDispatchIndirect(cmd, indirect.buffer, 16);
    guest_cmd_finish(g, cmd);

    const uint32_t *from = source.map, *middle = first.map, *to = second.map;
    for (uint32_t i = 0; i < VALUES - 7; i++) {
        GUEST_CHECK(middle[i] == from[i] * 3 + 100, "direct dispatch, value %u", i);
    }
    for (uint32_t i = 0; i < VALUES; i++) {
        uint32_t expected = i < VALUES / 2 ? ~(middle[i] * 5 + 9) : 0xabcdef01;
        GUEST_CHECK(to[i] == expected, "indirect dispatch, value %u", i);
    }
    guest_result(g, "direct", middle, (VALUES - 7) * sizeof(uint32_t));
    guest_result(g, "indirect", to, VALUES * sizeof(uint32_t));

    vkDestroyDescriptorPool(g->device, pool, NULL);
    guest_buffer_destroy(g, &indirect);
    guest_buffer_destroy(g, &second);
    guest_buffer_destroy(g, &first);
    guest_buffer_destroy(g, &source);
    vkDestroyPipeline(g->device, direct, NULL);
    vkDestroyPipeline(g->device, inverse, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, set_layout, NULL);
    vkDestroyShaderModule(g->device, shader, NULL);
}

struct template_data {
    VkDescriptorBufferInfo source, target;
};

static VkDescriptorUpdateTemplate buffer_template(const struct guest *g,
                                                  VkDescriptorSetLayout layout) {
    const VkDescriptorUpdateTemplateEntry entries[] = {
        {0, 0, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, offsetof(struct template_data, source), 0},
        {1, 0, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, offsetof(struct template_data, target), 0},
    };
    const VkDescriptorUpdateTemplateCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_UPDATE_TEMPLATE_CREATE_INFO,
        .descriptorUpdateEntryCount = GUEST_COUNT(entries),
        .pDescriptorUpdateEntries = entries,
        .templateType = VK_DESCRIPTOR_UPDATE_TEMPLATE_TYPE_DESCRIPTOR_SET,
        .descriptorSetLayout = layout,
    };
    VkDescriptorUpdateTemplate made;
    GUEST_VK(vkCreateDescriptorUpdateTemplate(g->device, &info, NULL, &made));
    return made;
}

/*
 * Shared memory and atomics; the sets are written by template, by copy and by plain update, and
 * the uniform buffer is chosen by a dynamic offset.
 */
static void reduce(struct guest *g) {
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC};
    VkShaderModule shader = guest_shader(g, GUEST_CODE(reduce_comp));
    VkDescriptorSetLayout set_layout = guest_set_layout(g, types, 3);
    VkPipelineLayout layout = guest_pipeline_layout(g, set_layout, 0);
    VkPipeline pipeline = guest_compute_pipeline(g, shader, layout, NULL);
    VkDescriptorUpdateTemplate template = buffer_template(g, set_layout);

    struct guest_buffer source = random_source(g, 77);
    const VkDeviceSize result_size = (64 + 5) * sizeof(uint32_t);
    struct guest_buffer results[2];
    uint32_t stride = (uint32_t)g->properties.limits.minUniformBufferOffsetAlignment;
    stride = stride < 16 ? 16 : stride;
    struct guest_buffer settings =
        guest_buffer_create(g, 2 * stride, VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT, GUEST_HOST_MEMORY);
    const uint32_t masks[2] = {0xffff, 0xff00ff};
    VkDescriptorPool pool = guest_descriptor_pool(g, 2, 4, 0);
    VkDescriptorSet sets[2];
    for (uint32_t i = 0; i < 2; i++) {
        results[i] = guest_buffer_create(g, result_size, STORAGE, GUEST_HOST_MEMORY);
        memset(results[i].map, 0, result_size);
        memcpy((char *)settings.map + i * stride, &masks[i], sizeof(masks[i]));
        sets[i] = guest_descriptor_set(g, pool, set_layout);
    }

    const struct template_data data = {{source.buffer, 0, VK_WHOLE_SIZE},
                                       {results[0].buffer, 0, VK_WHOLE_SIZE}};
    vkUpdateDescriptorSetWithTemplate(g->device, sets[0], template, &data);
    const VkDescriptorBufferInfo uniform = {settings.buffer, 0, 16};
    const VkDescriptorBufferInfo target = {results[1].buffer, 0, VK_WHOLE_SIZE};
    const VkWriteDescriptorSet set_uniform = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = sets[0],
        .dstBinding = 2,
        .descriptorCount = 1,
        .descriptorType = types[2],
        .pBufferInfo = &uniform,
    };
    vkUpdateDescriptorSets(g->device, 1, &set_uniform, 0, NULL);
    const VkWriteDescriptorSet set_target = {
        .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
        .dstSet = sets[1],
        .dstBinding = 1,
        .descriptorCount = 1,
        .descriptorType = types[1],
        .pBufferInfo = &target,
    };
    const VkCopyDescriptorSet copies[] = {
        {.sType = VK_STRUCTURE_TYPE_COPY_DESCRIPTOR_SET,
         .srcSet = sets[0],
         .srcBinding = 0,
         .dstSet = sets[1],
         .dstBinding = 0,
         .descriptorCount = 1},
        {.sType = VK_STRUCTURE_TYPE_COPY_DESCRIPTOR_SET,
         .srcSet = sets[0],
         .srcBinding = 2,
         .dstSet = sets[1],
         .dstBinding = 2,
         .descriptorCount = 1},
    };
    vkUpdateDescriptorSets(g->device, 1, &set_target, GUEST_COUNT(copies), copies);

    VkCommandBuffer cmd = guest_cmd_begin(g);
    guest_cmd_barrier(cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t offset = i * stride;
        vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &sets[i], 1,
                                &offset);
        vkCmdDispatch(cmd, VALUES / 64, 1, 1);
    }
    guest_cmd_finish(g, cmd);

    for (uint32_t i = 0; i < 2; i++) {
        const uint32_t *from = source.map, *to = results[i].map;
        uint32_t total = 0, most = 0;
        for (uint32_t j = 0; j < VALUES; j++) {
            uint32_t value = from[j] & masks[i];
            total += value;
            most = value > most ? value : most;
        }
        GUEST_CHECK(to[64] == total, "total %u is %u, expected %u", i, to[64], total);
        GUEST_CHECK(to[65] == most, "maximum %u is %u, expected %u", i, to[65], most);
        GUEST_CHECK(to[66] == VALUES / 64, "group count is %u", to[66]);
        guest_result(g, i ? "reduced by copied set" : "reduced by template", to, result_size);
        guest_buffer_destroy(g, &results[i]);
    }

    vkDestroyDescriptorUpdateTemplate(g->device, template, NULL);
    vkDestroyDescriptorPool(g->device, pool, NULL);
    guest_buffer_destroy(g, &settings);
    guest_buffer_destroy(g, &source);
    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, set_layout, NULL);
    vkDestroyShaderModule(g->device, shader, NULL);
}

static VkBufferView texel_view(const struct guest *g, const struct guest_buffer *buffer,
                               VkFormat format) {
    const VkBufferViewCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
        .buffer = buffer->buffer,
        .format = format,
        .range = VK_WHOLE_SIZE,
    };
    VkBufferView view;
    GUEST_VK(vkCreateBufferView(g->device, &info, NULL, &view));
    return view;
}

static void write_paint_set(const struct guest *g, VkDescriptorSet set,
                            const VkDescriptorImageInfo *images, const VkBufferView *views) {
    const VkDescriptorType types[] = {
        VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, VK_DESCRIPTOR_TYPE_STORAGE_IMAGE,
        VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER};
    VkWriteDescriptorSet writes[4];
    for (uint32_t i = 0; i < 4; i++) {
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = types[i],
            .pImageInfo = i < 2 ? &images[i] : NULL,
            .pTexelBufferView = i < 2 ? NULL : &views[i - 2],
        };
    }
    vkUpdateDescriptorSets(g->device, 4, writes, 0, NULL);
}

/* A texture enlarged bilinearly into a storage image, tinted from a texel buffer. */
static void paint(struct guest *g) {
    const VkDescriptorType types[] = {
        VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER, VK_DESCRIPTOR_TYPE_STORAGE_IMAGE,
        VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER, VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER};
    VkShaderModule shader = guest_shader(g, GUEST_CODE(paint_comp));
    VkDescriptorSetLayout set_layout = guest_set_layout(g, types, 4);
    VkPipelineLayout layout = guest_pipeline_layout(g, set_layout, 0);
    VkPipeline pipeline = guest_compute_pipeline(g, shader, layout, NULL);

    struct guest_image source =
        guest_image_create(g, &(struct guest_image_info){.format = VK_FORMAT_R8G8B8A8_UNORM,
                                                         .width = 16,
                                                         .height = 16,
                                                         .usage = VK_IMAGE_USAGE_SAMPLED_BIT |
                                                                  VK_IMAGE_USAGE_TRANSFER_DST_BIT});
    struct guest_image target =
        guest_image_create(g, &(struct guest_image_info){.format = VK_FORMAT_R8G8B8A8_UNORM,
                                                         .width = SIDE,
                                                         .height = SIDE,
                                                         .usage = VK_IMAGE_USAGE_STORAGE_BIT |
                                                                  VK_IMAGE_USAGE_TRANSFER_SRC_BIT});
    struct guest_buffer texels = guest_staging_create(g, 16 * 16 * 4);
    uint32_t seed = 5;
    for (uint32_t i = 0; i < 16 * 16; i++) {
        ((uint32_t *)texels.map)[i] = guest_random(&seed);
    }
    struct guest_buffer tint =
        guest_buffer_create(g, 16, VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT, GUEST_HOST_MEMORY);
    const uint32_t tints[4] = {0xffffffff, 0xff80ff40, 0xff00ffff, 0xffff00ff};
    memcpy(tint.map, tints, sizeof(tints));
    struct guest_buffer counters = guest_buffer_create(
        g, 8 * sizeof(uint32_t), VK_BUFFER_USAGE_STORAGE_TEXEL_BUFFER_BIT, GUEST_HOST_MEMORY);
    memset(counters.map, 0, counters.size);
    const VkBufferView views[2] = {texel_view(g, &tint, VK_FORMAT_R8G8B8A8_UNORM),
                                   texel_view(g, &counters, VK_FORMAT_R32_UINT)};
    const VkSamplerCreateInfo sampler_info = {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
        .magFilter = VK_FILTER_LINEAR,
        .minFilter = VK_FILTER_LINEAR,
        .addressModeU = VK_SAMPLER_ADDRESS_MODE_MIRRORED_REPEAT,
        .addressModeV = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_EDGE,
    };
    VkSampler sampler;
    GUEST_VK(vkCreateSampler(g->device, &sampler_info, NULL, &sampler));
    VkDescriptorPool pool = guest_descriptor_pool(g, 1, 4, 0);
    VkDescriptorSet set = guest_descriptor_set(g, pool, set_layout);
    const VkDescriptorImageInfo images[2] = {
        {sampler, source.view, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL},
        {VK_NULL_HANDLE, target.view, VK_IMAGE_LAYOUT_GENERAL},
    };
    write_paint_set(g, set, images, views);

    struct guest_buffer pixels = guest_staging_create(g, SIDE * SIDE * 4);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    const VkBufferImageCopy upload = {.imageSubresource = {VK_IMAGE_ASPECT_COLOR_BIT, 0, 0, 1},
                                      .imageExtent = {16, 16, 1}};
    guest_cmd_layout(cmd, &source, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL);
    vkCmdCopyBufferToImage(cmd, texels.buffer, source.image, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                           1, &upload);
    guest_cmd_layout(cmd, &source, VK_IMAGE_LAYOUT_TRANSFER_DST_OPTIMAL,
                     VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL);
    guest_cmd_layout(cmd, &target, VK_IMAGE_LAYOUT_UNDEFINED, VK_IMAGE_LAYOUT_GENERAL);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &set, 0, NULL);
    vkCmdDispatch(cmd, SIDE / 8, SIDE / 8, 1);
    guest_cmd_layout(cmd, &target, VK_IMAGE_LAYOUT_GENERAL, VK_IMAGE_LAYOUT_TRANSFER_SRC_OPTIMAL);
    guest_cmd_read_image(cmd, &target, VK_IMAGE_ASPECT_COLOR_BIT, &pixels, 0);
    guest_cmd_finish(g, cmd);
    for (uint32_t i = 0; i < 8; i++) {
        GUEST_CHECK(((uint32_t *)counters.map)[i] == 64 * 8, "counter %u is %u", i,
                    ((uint32_t *)counters.map)[i]);
    }
    guest_result(g, "painted", pixels.map, pixels.size);

    vkDestroyDescriptorPool(g->device, pool, NULL);
    vkDestroySampler(g->device, sampler, NULL);
    vkDestroyBufferView(g->device, views[0], NULL);
    vkDestroyBufferView(g->device, views[1], NULL);
    guest_buffer_destroy(g, &pixels);
    guest_buffer_destroy(g, &counters);
    guest_buffer_destroy(g, &tint);
    guest_buffer_destroy(g, &texels);
    guest_image_destroy(g, &target);
    guest_image_destroy(g, &source);
    vkDestroyPipeline(g->device, pipeline, NULL);
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, set_layout, NULL);
    vkDestroyShaderModule(g->device, shader, NULL);
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "compute");
    guest_create_device(&g, NULL, 0, NULL);
    mix(&g);
    reduce(&g);
    paint(&g);
    return guest_finish(&g);
}
