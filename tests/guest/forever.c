/*
 * forever [--seconds N]: allocates, maps, records, submits and waits in a loop, with a thread that
 * creates pipelines beside it, until it is killed (or for N seconds).
 */
#include "common/pipelines.h"
#include "common/resources.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "mix.comp.h"

static atomic_bool finished;

static void *make_pipelines(void *argument) {
    const struct guest *g = argument;
    const VkDescriptorType types[] = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
                                      VK_DESCRIPTOR_TYPE_STORAGE_BUFFER};
    VkShaderModule shader = guest_shader(g, GUEST_CODE(mix_comp));
    VkDescriptorSetLayout set_layout = guest_set_layout(g, types, 2);
    VkPipelineLayout layout = guest_pipeline_layout(g, set_layout, 8);
    while (!atomic_load(&finished)) {
        VkPipeline pipeline = guest_compute_pipeline(g, shader, layout, NULL);
        vkDestroyPipeline(g->device, pipeline, NULL);
    }
    vkDestroyPipelineLayout(g->device, layout, NULL);
    vkDestroyDescriptorSetLayout(g->device, set_layout, NULL);
    vkDestroyShaderModule(g->device, shader, NULL);
    return NULL;
}

int main(int argc, char **argv) {
    struct guest g;
    guest_init(&g, argc, argv, "forever");
    uint32_t seconds = guest_option_number(&g, "--seconds", 3600, 3600);
    guest_create_device(&g, NULL, 0, NULL);
    pthread_t thread;
    GUEST_CHECK(pthread_create(&thread, NULL, make_pipelines, &g) == 0, "no thread");
    double end = guest_now() + seconds;
    for (uint32_t round = 0; guest_now() < end; round++) {
        struct guest_buffer from = guest_staging_create(&g, 65536);
        struct guest_buffer to = guest_staging_create(&g, 65536);
        memset(from.map, (int)(round & 0xff), from.size);
        VkCommandBuffer cmd = guest_cmd_begin(&g);
        const VkBufferCopy copy = {0, 0, 65536};
        vkCmdCopyBuffer(cmd, from.buffer, to.buffer, 1, &copy);
        guest_cmd_finish(&g, cmd);
        GUEST_CHECK(memcmp(from.map, to.map, from.size) == 0, "round %u", round);
        guest_buffer_destroy(&g, &to);
        guest_buffer_destroy(&g, &from);
    }
    atomic_store(&finished, true);
    pthread_join(thread, NULL);
    return guest_finish(&g);
}
