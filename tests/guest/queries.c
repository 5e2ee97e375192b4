/*
 * Queries: exact occlusion counts, availability, results by copy and by call in 32 and 64 bits,
 * resets by host and device, pipeline statistics, timestamps that never run backwards.
 */
#include "common/passes.h"
#include "common/shapes.h"

#include <string.h>

enum { SIDE = 128, OCCLUSION = 6, UNUSED = 5 };

/* Pixels of a quad of half the target's side. */
static const uint64_t QUAD_SAMPLES = (SIDE / 2) * (SIDE / 2);

static VkQueryPool create_pool(const struct guest *g, VkQueryType type, uint32_t count,
                               VkQueryPipelineStatisticFlags statistics) {
    const VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = type,
        .queryCount = count,
        .pipelineStatistics = statistics,
    };
    VkQueryPool pool;
    GUEST_VK(vkCreateQueryPool(g->device, &info, NULL, &pool));
    return pool;
}

struct stage {
    struct shapes shapes;
    struct guest_target target;
    VkPipeline pipeline;
};

static void begin_pass(const struct stage *stage, VkCommandBuffer cmd) {
    guest_target_begin(&stage->target, cmd, VK_SUBPASS_CONTENTS_INLINE, NULL);
    shapes_bind(&stage->shapes, cmd);
    vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_GRAPHICS, stage->pipeline);
}

/* Queries: a quad in front; one behind it; a star; nothing; two quads side by side; unused. */
static void record_occlusion(const struct stage *stage, VkCommandBuffer cmd, VkQueryPool pool,
                             VkQueryControlFlags flags) {
    const struct shape_push front = {-0.5f, -0.5f, 0.3f, 0.5f, {1, 1, 1, 1}};
    const struct shape_push behind = {-0.5f, -0.5f, 0.6f, 0.25f, {1, 0, 0, 1}};
    const struct shape_push star = {0.5f, -0.5f, 0.3f, 0.45f, {1, 1, 1, 1}};
    const struct shape_push left = {-0.5f, 0.5f, 0.3f, 0.5f, {0, 1, 0, 1}};
    const struct shape_push right = {0.5f, 0.5f, 0.3f, 0.5f, {0, 0, 1, 1}};
    vkCmdBeginQuery(cmd, pool, 0, flags);
    shapes_quad(&stage->shapes, cmd, &front);
    vkCmdEndQuery(cmd, pool, 0);
    vkCmdBeginQuery(cmd, pool, 1, flags);
    shapes_quad(&stage->shapes, cmd, &behind);
    vkCmdEndQuery(cmd, pool, 1);
    vkCmdBeginQuery(cmd, pool, 2, flags);
    shapes_star(&stage->shapes, cmd, &star);
    vkCmdEndQuery(cmd, pool, 2);
    vkCmdBeginQuery(cmd, pool, 3, flags);
    vkCmdEndQuery(cmd, pool, 3);
    vkCmdBeginQuery(cmd, pool, 4, flags);
    shapes_quad(&stage->shapes, cmd, &left);
    shapes_quad(&stage->shapes, cmd, &right);
    vkCmdEndQuery(cmd, pool, 4);
}

static void check_counts(const uint64_t *counts, uint32_t stride) {
    GUEST_CHECK(counts[0] == QUAD_SAMPLES, "the quad: %llu samples", (unsigned long long)counts[0]);
    GUEST_CHECK(counts[stride] == 0, "the hidden quad: %llu", (unsigned long long)counts[stride]);
    GUEST_CHECK(counts[2 * stride] > 0, "the star: no samples");
    GUEST_CHECK(counts[3 * stride] == 0, "nothing drawn: %llu",
                (unsigned long long)counts[3 * stride]);
    GUEST_CHECK(counts[4 * stride] == 2 * QUAD_SAMPLES, "two quads: %llu",
                (unsigned long long)counts[4 * stride]);
}

static void occlusion(struct guest *g, const struct stage *stage, bool precise) {
    VkQueryPool pool = create_pool(g, VK_QUERY_TYPE_OCCLUSION, OCCLUSION, 0);
    struct guest_buffer copied = guest_staging_create(g, OCCLUSION * 2 * sizeof(uint64_t));
    memset(copied.map, 0xee, copied.size);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdResetQueryPool(cmd, pool, 0, OCCLUSION);
    begin_pass(stage, cmd);
    record_occlusion(stage, cmd, pool, precise ? VK_QUERY_CONTROL_PRECISE_BIT : 0);
    vkCmdEndRenderPass(cmd);
    vkCmdCopyQueryPoolResults(cmd, pool, 0, UNUSED, copied.buffer, 0, 2 * sizeof(uint64_t),
                              VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT |
                                  VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);
    guest_cmd_finish(g, cmd);

    uint64_t counts[UNUSED];
    GUEST_VK(vkGetQueryPoolResults(g->device, pool, 0, UNUSED, sizeof(counts), counts, 8,
                                   VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
    uint32_t small[OCCLUSION][2];
    memset(small, 0xee, sizeof(small));
    VkResult result =
        vkGetQueryPoolResults(g->device, pool, 0, OCCLUSION, sizeof(small), small, sizeof(small[0]),
                              VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);
    GUEST_CHECK(result == VK_NOT_READY, "with an unused query: %s", guest_result_name(result));
    GUEST_CHECK(small[UNUSED][1] == 0, "the unused query is available");
    for (uint32_t i = 0; i < UNUSED; i++) {
        GUEST_CHECK(small[i][1] != 0, "query %u is not available", i);
        GUEST_CHECK(small[i][0] == (uint32_t)counts[i], "query %u in 32 bits: %u", i, small[i][0]);
    }
    const uint64_t *by_copy = copied.map;
    for (uint32_t i = 0; i < UNUSED; i++) {
        GUEST_CHECK(by_copy[i * 2] == counts[i] && by_copy[i * 2 + 1] != 0, "copied query %u", i);
    }
    if (precise) {
        check_counts(counts, 1);
        check_counts(by_copy, 2);
        guest_result(g, "occlusion", counts, sizeof(counts));
    }
    guest_buffer_destroy(g, &copied);
    vkDestroyQueryPool(g->device, pool, NULL);
}

/* A reset query is unavailable until it is used again, whoever reset it. */
static void reset(struct guest *g, const struct stage *stage, bool from_host) {
    VkQueryPool pool = create_pool(g, VK_QUERY_TYPE_OCCLUSION, OCCLUSION, 0);
    const struct shape_push quad = {0, 0, 0.3f, 0.5f, {1, 1, 1, 1}};
    for (uint32_t round = 0; round < 3; round++) {
        VkCommandBuffer cmd = guest_cmd_begin(g);
        if (from_host) {
            vkResetQueryPool(g->device, pool, 0, OCCLUSION);
        } else {
            vkCmdResetQueryPool(cmd, pool, 0, OCCLUSION);
        }
        begin_pass(stage, cmd);
        vkCmdBeginQuery(cmd, pool, round, 0);
        shapes_quad(&stage->shapes, cmd, &quad);
        vkCmdEndQuery(cmd, pool, round);
        vkCmdEndRenderPass(cmd);
        guest_cmd_finish(g, cmd);
        for (uint32_t i = 0; i < 3; i++) {
            uint64_t value[2] = {0, 77};
            VkResult result = vkGetQueryPoolResults(
                g->device, pool, i, 1, sizeof(value), value, sizeof(value),
                VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WITH_AVAILABILITY_BIT);
            VkResult expected = i == round ? VK_SUCCESS : VK_NOT_READY;
            GUEST_CHECK(result == expected, "round %u, query %u: %s", round, i,
                        guest_result_name(result));
            GUEST_CHECK((value[1] != 0) == (i == round), "round %u, query %u: availability %llu",
                        round, i, (unsigned long long)value[1]);
        }
    }
    if (from_host) {
        vkResetQueryPool(g->device, pool, 0, OCCLUSION);
        uint64_t value;
        VkResult result = vkGetQueryPoolResults(g->device, pool, 2, 1, sizeof(value), &value, 8,
                                                VK_QUERY_RESULT_64_BIT);
        GUEST_CHECK(result == VK_NOT_READY, "after vkResetQueryPool: %s",
                    guest_result_name(result));
    }
    vkDestroyQueryPool(g->device, pool, NULL);
}

static void statistics(struct guest *g, const struct stage *stage) {
    const VkQueryPipelineStatisticFlags asked =
        VK_QUERY_PIPELINE_STATISTIC_INPUT_ASSEMBLY_VERTICES_BIT |
        VK_QUERY_PIPELINE_STATISTIC_INPUT_ASSEMBLY_PRIMITIVES_BIT |
        VK_QUERY_PIPELINE_STATISTIC_VERTEX_SHADER_INVOCATIONS_BIT |
        VK_QUERY_PIPELINE_STATISTIC_CLIPPING_INVOCATIONS_BIT |
        VK_QUERY_PIPELINE_STATISTIC_FRAGMENT_SHADER_INVOCATIONS_BIT;
    const struct shape_push quad = {0, 0, 0.3f, 0.5f, {1, 1, 1, 1}};
    VkQueryPool pool = create_pool(g, VK_QUERY_TYPE_PIPELINE_STATISTICS, 1, asked);
    VkCommandBuffer cmd = guest_cmd_begin(g);
    vkCmdResetQueryPool(cmd, pool, 0, 1);
    begin_pass(stage, cmd);
    vkCmdBeginQuery(cmd, pool, 0, 0);
    shapes_quad(&stage->shapes, cmd, &quad);
    shapes_star(&stage->shapes, cmd, &quad);
    vkCmdEndQuery(cmd, pool, 0);
    vkCmdEndRenderPass(cmd);
    guest_cmd_finish(g, cmd);
    uint64_t counts[5];
    GUEST_VK(vkGetQueryPoolResults(g->device, pool, 0, 1, sizeof(counts), counts, sizeof(counts),
                                   VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
    GUEST_CHECK(counts[0] == SHAPE_QUAD_COUNT + SHAPE_STAR_COUNT, "%llu vertices",
                (unsigned long long)counts[0]);
    GUEST_CHECK(counts[1] == 12, "%llu primitives", (unsigned long long)counts[1]);
    GUEST_CHECK(counts[4] >= QUAD_SAMPLES, "%llu fragments", (unsigned long long)counts[4]);
    guest_result(g, "statistics", counts, sizeof(counts));
    vkDestroyQueryPool(g->device, pool, NULL);
}

/* Checked, never compared: no two runs have the same. */
static void timestamps(struct guest *g, const struct stage *stage) {
    const struct shape_push quad = {0, 0, 0.3f, 0.5f, {1, 1, 1, 1}};
    VkQueryPool pool = create_pool(g, VK_QUERY_TYPE_TIMESTAMP, 3, 0);
    uint32_t bits = g->family_properties.timestampValidBits;
    uint64_t mask = bits >= 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    uint64_t last = 0;
    for (uint32_t round = 0; round < 4; round++) {
        VkCommandBuffer cmd = guest_cmd_begin(g);
        vkCmdResetQueryPool(cmd, pool, 0, 3);
        vkCmdWriteTimestamp(cmd, VK_PIPELINE_STAGE_TOP_OF_PIPE_BIT, pool, 0);
        begin_pass(stage, cmd);
        shapes_quad(&stage->shapes, cmd, &quad);
        vkCmdEndRenderPass(cmd);
        vkCmdWriteTimestamp(cmd, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, pool, 1);
        guest_cmd_barrier(cmd);
        vkCmdWriteTimestamp(cmd, VK_PIPELINE_STAGE_ALL_COMMANDS_BIT, pool, 2);
        guest_cmd_finish(g, cmd);
        uint64_t times[3];
        GUEST_VK(vkGetQueryPoolResults(g->device, pool, 0, 3, sizeof(times), times, 8,
                                       VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT));
        for (uint32_t i = 0; i < 3; i++) {
            GUEST_CHECK((times[i] & ~mask) == 0, "timestamp %u has more than %u bits", i, bits);
            GUEST_CHECK(times[i] >= last, "timestamp %u of round %u runs backwards", i, round);
            last = times[i];
        }
    }
    GUEST_CHECK(last > 0, "every timestamp is 0");
    vkDestroyQueryPool(g->device, pool, NULL);
}

int main(int argc, char **argv) {
    struct guest g;
    struct stage stage;
    guest_init(&g, argc, argv, "queries");
    VkPhysicalDeviceVulkan12Features newer = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    bool is_newer = g.api_version >= VK_API_VERSION_1_2;
    VkPhysicalDeviceFeatures2 offered = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                         .pNext = is_newer ? &newer : NULL};
    vkGetPhysicalDeviceFeatures2(g.physical, &offered);
    VkPhysicalDeviceVulkan12Features newer_wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .hostQueryReset = newer.hostQueryReset};
    const VkPhysicalDeviceFeatures2 wanted = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = is_newer ? &newer_wanted : NULL,
        .features = {.occlusionQueryPrecise = offered.features.occlusionQueryPrecise,
                     .pipelineStatisticsQuery = offered.features.pipelineStatisticsQuery},
    };
    guest_create_device(&g, NULL, 0, &wanted);
    shapes_init(&stage.shapes, &g);
    stage.target = guest_target_create(
        &g, &(struct guest_target_info){.width = SIDE,
                                        .height = SIDE,
                                        .color_format = VK_FORMAT_R8G8B8A8_UNORM,
                                        .depth_format = VK_FORMAT_D16_UNORM});
    stage.pipeline =
        guest_graphics_pipeline(&g, &(struct guest_graphics_info){
                                        .vertex = stage.shapes.vertex,
                                        .fragment = stage.shapes.fragment,
                                        .layout = stage.shapes.layout,
                                        .render_pass = stage.target.pass,
                                        .color_count = 1,
                                        .topology = VK_PRIMITIVE_TOPOLOGY_TRIANGLE_LIST,
                                        .depth = true,
                                        .input = &stage.shapes.input,
                                        .width = SIDE,
                                        .height = SIDE,
                                    });
    const unsigned char decisions[] = {
        wanted.features.occlusionQueryPrecise != 0, wanted.features.pipelineStatisticsQuery != 0,
        newer.hostQueryReset != 0, g.family_properties.timestampValidBits != 0};
    guest_result(&g, "offered queries", decisions, sizeof(decisions));
    occlusion(&g, &stage, decisions[0]);
    reset(&g, &stage, false);
    if (decisions[2]) {
        reset(&g, &stage, true);
    }
    if (decisions[1]) {
        statistics(&g, &stage);
    }
    if (decisions[3]) {
        timestamps(&g, &stage);
    }
    vkDestroyPipeline(g.device, stage.pipeline, NULL);
    guest_target_destroy(&g, &stage.target);
    shapes_finish(&stage.shapes, &g);
    return guest_finish(&g);
}
