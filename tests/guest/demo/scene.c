#include "scene_parts.h"

#include <string.h>

#include "../common/pipelines.h"
#include "scene.frag.h"
#include "scene.vert.h"
#include "sky.frag.h"
#include "sky.vert.h"

/* As `Frame` in shaders/scene.glsl. */
struct frame_uniforms {
    struct mat4 view_projection, light_projection;
    float eye[4], light[4], time[4];
};

/* As `Push` in shaders/scene.glsl. */
struct push {
    int32_t kind, shadow_pass;
};

static const VkDescriptorType BINDINGS[3] = {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,
                                             VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER,
                                             VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER};

/* Device-local where the device has such memory, so that the staging copy is a real one. */
static struct guest_buffer upload(const struct guest *g, const void *bytes, VkDeviceSize size,
                                  VkBufferUsageFlags usage) {
    struct guest_buffer staging = guest_staging_create(g, size);
    struct guest_buffer made = guest_buffer_create(
        g, size, usage | VK_BUFFER_USAGE_TRANSFER_DST_BIT, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    memcpy(staging.map, bytes, size);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    const VkBufferCopy copy = {0, 0, size};
    vkCmdCopyBuffer(cmd, staging.buffer, made.buffer, 1, &copy);
    guest_cmd_finish(g, cmd);
    guest_buffer_destroy(g, &staging);
    return made;
}

static void create_geometry(struct scene *s, const struct guest *g) {
    struct mesh mesh;
    GUEST_CHECK(mesh_init(&mesh), "out of memory");
    memcpy(s->parts, mesh.parts, sizeof(s->parts));
    s->vertices = upload(g, mesh.vertices, mesh.vertex_count * sizeof(*mesh.vertices),
                         VK_BUFFER_USAGE_VERTEX_BUFFER_BIT);
    s->indices = upload(g, mesh.indices, mesh.index_count * sizeof(*mesh.indices),
                        VK_BUFFER_USAGE_INDEX_BUFFER_BIT);
    mesh_finish(&mesh);
}

static void create_sets(struct scene *s, const struct guest *g) {
    const VkSamplerCreateInfo sampler = {
        .sType = VK_STRUCTURE_TYPE_SAMPLER_CREATE_INFO,
        .magFilter = VK_FILTER_LINEAR,
        .minFilter = VK_FILTER_LINEAR,
        .addressModeU = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER,
        .addressModeV = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER,
        .addressModeW = VK_SAMPLER_ADDRESS_MODE_CLAMP_TO_BORDER,
        .compareEnable = VK_TRUE,
        .compareOp = VK_COMPARE_OP_LESS_OR_EQUAL,
        .borderColor = VK_BORDER_COLOR_FLOAT_OPAQUE_WHITE,
    };
    GUEST_VK(vkCreateSampler(g->device, &sampler, NULL, &s->shadow_sampler));
    s->set_layout = guest_set_layout(g, BINDINGS, GUEST_COUNT(BINDINGS));
    s->layout = guest_pipeline_layout(g, s->set_layout, sizeof(struct push));
    s->pool = guest_descriptor_pool(g, SCENE_FRAMES, 2 * SCENE_FRAMES, 0);
    const VkDescriptorImageInfo images[2] = {
        {s->texture_sampler, s->texture.view, VK_IMAGE_LAYOUT_SHADER_READ_ONLY_OPTIMAL},
        {s->shadow_sampler, s->shadow_map.view, VK_IMAGE_LAYOUT_DEPTH_STENCIL_READ_ONLY_OPTIMAL},
    };
    for (uint32_t i = 0; i < SCENE_FRAMES; i++) {
        s->uniforms[i] = guest_buffer_create(g, sizeof(struct frame_uniforms),
                                             VK_BUFFER_USAGE_UNIFORM_BUFFER_BIT, GUEST_HOST_MEMORY);
        s->sets[i] = guest_descriptor_set(g, s->pool, s->set_layout);
        guest_write_buffer(g, s->sets[i], 0, BINDINGS[0], s->uniforms[i].buffer);
        VkWriteDescriptorSet writes[2];
        for (uint32_t j = 0; j < 2; j++) {
            writes[j] = (VkWriteDescriptorSet){
                .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
                .dstSet = s->sets[i],
                .dstBinding = 1 + j,
                .descriptorCount = 1,
                .descriptorType = BINDINGS[1 + j],
                .pImageInfo = &images[j],
            };
        }
        vkUpdateDescriptorSets(g->device, 2, writes, 0, NULL);
    }
}

static void create_pipelines(struct scene *s, const struct guest *g) {
    const VkVertexInputBindingDescription binding = {0, sizeof(struct mesh_vertex),
                                                     VK_VERTEX_INPUT_RATE_VERTEX};
    const VkVertexInputAttributeDescription attributes[] = {
        {0, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct mesh_vertex, position)},
        {1, 0, VK_FORMAT_R32G32B32_SFLOAT, offsetof(struct mesh_vertex, normal)},
        {2, 0, VK_FORMAT_R32G32_SFLOAT, offsetof(struct mesh_vertex, u)},
    };
    const VkPipelineVertexInputStateCreateInfo input = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_VERTEX_INPUT_STATE_CREATE_INFO,
        .vertexBindingDescriptionCount = 1,
        .pVertexBindingDescriptions = &binding,
        .vertexAttributeDescriptionCount = GUEST_COUNT(attributes),
        .pVertexAttributeDescriptions = attributes,
    };
    VkShaderModule object_vertex = guest_shader(g, GUEST_CODE(scene_vert));
    VkShaderModule object_fragment = guest_shader(g, GUEST_CODE(scene_frag));
    VkShaderModule sky_vertex = guest_shader(g, GUEST_CODE(sky_vert));
    VkShaderModule sky_fragment = guest_shader(g, GUEST_CODE(sky_frag));

    struct guest_graphics_info info = {
        .vertex = object_vertex,
        .layout = s->layout,
        .render_pass = s->shadow_pass,
        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
        .depth = true,
        .input = &input,
        .width = SCENE_SHADOW_SIDE,
        .height = SCENE_SHADOW_SIDE,
    };
    s->shadow_pipeline = guest_graphics_pipeline(g, &info);
    info.fragment = object_fragment;
    info.render_pass = s->picture_pass;
    info.color_count = 1;
    info.samples = s->samples;
    info.width = s->width;
    info.height = s->height;
    s->object_pipeline = guest_graphics_pipeline(g, &info);
    info.vertex = sky_vertex;
    info.fragment = sky_fragment;
    info.depth = false;
    info.input = NULL;
    s->sky_pipeline = guest_graphics_pipeline(g, &info);

    vkDestroyShaderModule(g->device, object_vertex, NULL);
    vkDestroyShaderModule(g->device, object_fragment, NULL);
    vkDestroyShaderModule(g->device, sky_vertex, NULL);
    vkDestroyShaderModule(g->device, sky_fragment, NULL);
}

void scene_init(struct scene *s, const struct guest *g, uint32_t width, uint32_t height) {
    *s = (struct scene){.width = width, .height = height};
    create_geometry(s, g);
    scene_create_texture(s, g);
    scene_create_targets(s, g);
    create_sets(s, g);
    create_pipelines(s, g);
}

void scene_finish(struct scene *s, const struct guest *g) {
    vkDestroyPipeline(g->device, s->sky_pipeline, NULL);
    vkDestroyPipeline(g->device, s->object_pipeline, NULL);
    vkDestroyPipeline(g->device, s->shadow_pipeline, NULL);
    vkDestroyDescriptorPool(g->device, s->pool, NULL);
    vkDestroyPipelineLayout(g->device, s->layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, s->set_layout, NULL);
    vkDestroySampler(g->device, s->shadow_sampler, NULL);
    for (uint32_t i = 0; i < SCENE_FRAMES; i++) {
        guest_buffer_destroy(g, &s->uniforms[i]);
    }
    scene_destroy_targets(s, g);
    scene_destroy_texture(s, g);
    guest_buffer_destroy(g, &s->indices);
    guest_buffer_destroy(g, &s->vertices);
}

static void set_uniforms(struct scene *s, uint32_t slot, float turn) {
    const struct vec3 eye = {0.9f, 3.6f, 9.0f}, center = {0.0f, 1.25f, 0.0f};
    const struct vec3 light = vec3_normal((struct vec3){-0.62f, 0.95f, 0.55f});
    const struct vec3 lamp = {light.x * 12.0f, light.y * 12.0f, light.z * 12.0f};
    const float aspect = (float)s->width / (float)s->height;
    struct mat4 view = mat4_look_at(eye, center);
    struct mat4 projection = mat4_perspective(0.75f, aspect, 0.5f, 80.0f);
    struct mat4 light_view = mat4_look_at(lamp, (struct vec3){0.0f, 0.0f, 0.0f});
    struct mat4 light_box = mat4_orthographic(6.0f, 1.0f, 25.0f);
    const struct frame_uniforms uniforms = {
        .view_projection = mat4_multiply(&projection, &view),
        .light_projection = mat4_multiply(&light_box, &light_view),
        .eye = {eye.x, eye.y, eye.z, 1.0f},
        .light = {light.x, light.y, light.z, 0.0f},
        .time = {turn, aspect, 0.0f, 0.0f},
    };
    memcpy(s->uniforms[slot].map, &uniforms, sizeof(uniforms));
}

static void draw_objects(struct scene *s, VkCommandBuffer cmd, bool shadow) {
    for (int kind = shadow ? MESH_KNOT : MESH_FLOOR; kind < MESH_PARTS; kind++) {
        const struct push push = {kind, shadow};
        vkCmdPushConstants(cmd, s->layout, VK_SHADER_STAGE_ALL, 0, sizeof(push), &push);
        vkCmdDrawIndexed(cmd, s->parts[kind].index_count, kind == MESH_CUBE ? SCENE_CUBES : 1,
                         s->parts[kind].first_index, 0, 0);
    }
}

static void begin_pass(VkCommandBuffer cmd, VkRenderPass pass, VkFramebuffer framebuffer,
                       uint32_t width, uint32_t height, const VkClearValue *clears,
                       uint32_t count) {
    const VkRenderPassBeginInfo begin = {
        .sType = VK_STRUCTURE_TYPE_RENDER_PASS_BEGIN_INFO,
        .renderPass = pass,
        .framebuffer = framebuffer,
        .renderArea = {{0, 0}, {width, height}},
        .clearValueCount = count,
        .pClearValues = clears,
    };
    vkCmdBeginRenderPass(cmd, &begin, VK_SUBPASS_CONTENTS_INLINE);
}

void scene_record(struct scene *s, VkCommandBuffer cmd, uint32_t slot, float turn) {
    const VkDeviceSize zero = 0;
    const VkClearValue far_away = {.depthStencil = {1.0f, 0}};
    const VkClearValue clears[2] = {{.color = {.float32 = {0.0f, 0.0f, 0.0f, 1.0f}}}, far_away};
    set_uniforms(s, slot, turn);
    vkCmdBindVertexBuffers(cmd, 0, 1, &s->vertices.buffer, &zero);
    vkCmdBindIndexBuffer(cmd, s->indices.buffer, 0, VK_INDEX_TYPE_UINT32);
    vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->layout, 0, 1, &s->sets[slot],
                            0, NULL);

    begin_pass(cmd, s->shadow_pass, s->shadow_framebuffer, SCENE_SHADOW_SIDE, SCENE_SHADOW_SIDE,
               &far_away, 1);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->shadow_pipeline);
    draw_objects(s, cmd, true);
    vkCmdEndRenderPass(cmd);

    begin_pass(cmd, s->picture_pass, s->picture_framebuffer, s->width, s->height, clears, 2);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->sky_pipeline);
    vkCmdDraw(cmd, 3, 1, 0, 0);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, s->object_pipeline);
    draw_objects(s, cmd, false);
    vkCmdEndRenderPass(cmd);
}
