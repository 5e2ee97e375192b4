/*
 * Eight threads create pipelines at the same time, record with pools of their own and submit to
 * one queue that they share under a mutex; more than once, so that threads also come and go.
 */
#include "common/pipelines.h"
#include "common/resources.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "mix.comp.h"

enum { THREADS = 8, ROUNDS = 3, PIPELINES = 6, VALUES = 512 };

struct crew {
    const struct guest *g;
    VkShaderModule shader;
    VkDescriptorSetLayout set_layout;
    VkPipelineLayout layout;
    VkPipelineCache cache; /* shared by all threads */
    pthread_mutex_t queue_lock;
    struct guest_buffer source;
};

struct worker {
    struct crew *crew;
    uint32_t number;
    pthread_t thread;
    uint32_t values[PIPELINES * VALUES];
};

static VkPipeline make_pipeline(const struct crew *crew, uint32_t factor) {
    const uint32_t constants[2] = {64, factor};
    const VkSpecializationMapEntry entries[] = {{0, 0, 4}, {1, 4, 4}};
    const VkSpecializationInfo special = {2, entries, sizeof(constants), constants};
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = crew->shader,
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = crew->layout,
    };
    VkPipeline pipeline;
    GUEST_VK(vkCreateComputePipelines(crew->g->device, crew->cache, 1, &info, NULL, &pipeline));
    return pipeline;
}

static void submit_and_wait(struct crew *crew, VkCommandBuffer cmd) {
    const struct guest *g = crew->g;
    const VkFenceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const VkSubmitInfo submit = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &cmd};
    VkFence fence;
    GUEST_VK(vkCreateFence(g->device, &info, NULL, &fence));
    pthread_mutex_lock(&crew->queue_lock);
    GUEST_VK(vkQueueSubmit(g->queues[0], 1, &submit, fence));
    pthread_mutex_unlock(&crew->queue_lock);
    GUEST_VK(vkWaitForFences(g->device, 1, &fence, VK_TRUE, UINT64_MAX));
    vkDestroyFence(g->device, fence, NULL);
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct crew *crew = worker->crew;
    const struct guest *g = crew->g;
    const VkCommandPoolCreateInfo pool_info = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                               .queueFamilyIndex = g->family};
    VkCommandPool pool;
    GUEST_VK(vkCreateCommandPool(g->device, &pool_info, NULL, &pool));
    const VkCommandBufferAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    VkCommandBuffer cmd;
    GUEST_VK(vkAllocateCommandBuffers(g->device, &allocate, &cmd));
    struct guest_buffer target =
        guest_buffer_create(g, VALUES * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT, GUEST_HOST_MEMORY);
    VkDescriptorPool descriptors = guest_descriptor_pool(g, 1, 2, 0);
    VkDescriptorSet set = guest_descriptor_set(g, descriptors, crew->set_layout);
    guest_write_buffer(g, set, 0, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, crew->source.buffer);
    guest_write_buffer(g, set, 1, VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, target.buffer);

    for (uint32_t i = 0; i < PIPELINES; i++) {
        const VkCommandBufferBeginInfo begin = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
            .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
        const uint32_t factor = worker->number * 100 + i + 1, push[2] = {VALUES, i};
        VkPipeline pipeline = make_pipeline(crew, factor);
        GUEST_VK(vkResetCommandPool(g->device, pool, 0));
        GUEST_VK(vkBeginCommandBuffer(cmd, &begin));
        vkCmdBindPipeline(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
        vkCmdBindDescriptorSets(cmd, VK_PIPELINE_BIND_POINT_COMPUTE, crew->layout, 0, 1, &set, 0,
                                NULL);
        vkCmdPushConstants(cmd, crew->layout, VK_SHADER_STAGE_ALL, 0, 8, push);
        vkCmdDispatch(cmd, VALUES / 64, 1, 1);
        guest_cmd_barrier(cmd);
        GUEST_VK(vkEndCommandBuffer(cmd));
        submit_and_wait(crew, cmd);
        for (uint32_t j = 0; j < VALUES; j++) {
            GUEST_CHECK(((uint32_t *)target.map)[j] == j * factor + i, "thread %u, pipeline %u",
                        worker->number, i);
        }
        memcpy(worker->values + i * VALUES, target.map, VALUES * 4);
        vkDestroyPipeline(g->device, pipeline, NULL);
    }
    vkDestroyDescriptorPool(g->device, descriptors, NULL);
    guest_buffer_destroy(g, &target);
    vkDestroyCommandPool(g->device, pool, NULL);
    return NULL;
}

static void round_of_threads(struct guest *g, struct crew *crew, bool last) {
    static struct worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        memset(workers[i].values, 0, sizeof(workers[i].values));
        workers[i].crew = crew;
        workers[i].number = i;
        GUEST_CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0,
                    "no thread %u", i);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        char name[32];
        pthread_join(workers[i].thread, NULL);
        if (last) {
            snprintf(name, sizeof(name), "thread %u", i);
            guest_result(g, name, workers[i].values, sizeof(workers[i].values));
        }
    }
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "threads");
    guest_create_device(&g, NULL, 0, NULL);
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
    const VkPipelineCacheCreateInfo cache_info = {.sType =
                                                      VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
    struct crew crew = {
        .g = &g,
        .shader = guest_shader(&g, GUEST_CODE(mix_comp)),
        .set_layout = guest_set_layout(&g, types, 2),
        .source = guest_buffer_create(&g, VALUES * 4, VK_BUFFER_USAGE_STORAGE_BUFFER_BIT,
                                      GUEST_HOST_MEMORY),
    };
    for (uint32_t i = 0; i < VALUES; i++) {
        ((uint32_t *)crew.source.map)[i] = i;
    }
    crew.layout = guest_pipeline_layout(&g, crew.set_layout, 8);
    GUEST_VK(vkCreatePipelineCache(g.device, &cache_info, NULL, &crew.cache));
    pthread_mutex_init(&crew.queue_lock, NULL);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        round_of_threads(&g, &crew, i == ROUNDS - 1);
    }
    pthread_mutex_destroy(&crew.queue_lock);
    guest_buffer_destroy(&g, &crew.source);
    vkDestroyPipelineCache(g.device, crew.cache, NULL);
    vkDestroyPipelineLayout(g.device, crew.layout, NULL);
    vkDestroyDescriptorSetLayout(g.device, crew.set_layout, NULL);
    vkDestroyShaderModule(g.device, crew.shader, NULL);
    return guest_finish(&g);
}
