#include "scene.h"

/*
 * Command buffers of DRAWS draws, one after the other without pause.
 *
 * The record_* figures never submit: on a software driver, executing a draw costs a hundred times
 * what recording it does and would hide everything between the program and the driver. They end
 * when the driver has consumed the last recording.
 *
 * The draw* figures submit every command buffer, SLOTS in flight, so that recording, decoding and
 * executing overlap as they do in a real program.
 */
enum { SLOTS = 3, DRAWS = 2000, WARM_UP = 10 };

struct slot {
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkFence fence;
    bool in_flight;
    VkDescriptorSet sets[DRAWS]; /* one a draw: a bound set may not change before it has run */
};

struct draws {
    const struct bench *b;
    struct scene scene;
    VkDescriptorPool pool;
    VkDescriptorSet moving, fixed;
    VkFence fence;
    struct slot slots[SLOTS];
};

typedef void (*record_fn)(struct draws *d, struct slot *slot);

static void bind_set(struct draws *d, VkCommandBuffer commands, uint32_t index, VkDescriptorSet set,
                     uint32_t offset) {
    vkCmdBindDescriptorSets(commands, VK_PIPELINE_BIND_POINT_GRAPHICS, d->scene.layout, index, 1,
                            &set, index == 0, &offset);
}

static void record_plain(struct draws *d, struct slot *slot) {
    (void)d;
    for (uint32_t i = 0; i < DRAWS; i++) {
        vkCmdDraw(slot->commands, 3, 1, 0, 0);
    }
}

/* Draws nothing, so that executing costs the driver as little as it can. */
static void record_empty(struct draws *d, struct slot *slot) {
    (void)d;
    for (uint32_t i = 0; i < DRAWS; i++) {
        vkCmdDraw(slot->commands, 3, 0, 0, 0);
    }
}

static void record_vertex_buffer(struct draws *d, struct slot *slot) {
    VkDeviceSize offset = 0;
    for (uint32_t i = 0; i < DRAWS; i++) {
        vkCmdBindVertexBuffers(slot->commands, 0, 1, &d->scene.vertices[i & 1].buffer, &offset);
        vkCmdDraw(slot->commands, 3, 1, 0, 0);
    }
}

static void record_push(struct draws *d, struct slot *slot) {
    for (uint32_t i = 0; i < DRAWS; i++) {
        float pushed[SCENE_PUSH_SIZE / sizeof(float)] = {(float)(i & 1)};
        vkCmdPushConstants(slot->commands, d->scene.layout, VK_SHADER_STAGE_VERTEX_BIT, 0,
                           sizeof(pushed), pushed);
        vkCmdDraw(slot->commands, 3, 1, 0, 0);
    }
}

static void record_offset(struct draws *d, struct slot *slot) {
    for (uint32_t i = 0; i < DRAWS; i++) {
        bind_set(d, slot->commands, 0, d->moving, (i & 1) * (uint32_t)d->scene.uniform_stride);
        vkCmdDraw(slot->commands, 3, 1, 0, 0);
    }
}

static void record_update(struct draws *d, struct slot *slot) {
    for (uint32_t i = 0; i < DRAWS; i++) {
        scene_write_set(d->b, &d->scene, slot->sets[i], VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, i & 1);
        bind_set(d, slot->commands, 1, slot->sets[i], 0);
        vkCmdDraw(slot->commands, 3, 1, 0, 0);
    }
}

static void record(struct draws *d, struct slot *slot, record_fn fn) {
    bench_check(vkResetCommandPool(d->b->device, slot->pool, 0), "vkResetCommandPool");
    bench_begin_commands(slot->commands);
    scene_begin(&d->scene, slot->commands);
    float pushed[SCENE_PUSH_SIZE / sizeof(float)] = {0};
    vkCmdPushConstants(slot->commands, d->scene.layout, VK_SHADER_STAGE_VERTEX_BIT, 0,
                       sizeof(pushed), pushed);
    bind_set(d, slot->commands, 0, d->moving, 0);
    bind_set(d, slot->commands, 1, d->fixed, 0);
    fn(d, slot);
    vkCmdEndRenderPass(slot->commands);
    bench_check(vkEndCommandBuffer(slot->commands), "vkEndCommandBuffer");
}

static void settle(struct draws *d, struct slot *slot) {
    if (slot->in_flight) {
        bench_wait(d->b, slot->fence);
        slot->in_flight = false;
    }
}

static void repeat(struct draws *d, record_fn fn, uint32_t rounds, bool submitted) {
    for (uint32_t i = 0; i < rounds; i++) {
        struct slot *slot = &d->slots[i % SLOTS];
        settle(d, slot);
        record(d, slot, fn);
        if (submitted) {
            bench_submit(d->b, slot->commands, slot->fence);
            slot->in_flight = true;
        }
    }
    for (uint32_t i = 0; i < SLOTS; i++) {
        settle(d, &d->slots[i]);
    }
    bench_drain(d->b, d->fence);
}

static void measure(struct draws *d, const char *name, record_fn fn, uint32_t rounds,
                    bool submitted) {
    if (!bench_wants(d->b, name)) {
        return;
    }
    repeat(d, fn, WARM_UP, submitted);
    uint64_t start = bench_start(d->b, name);
    repeat(d, fn, rounds, submitted);
    bench_report(d->b, name, 1.0 / bench_us_each(start, rounds * DRAWS), "M/s");
}

static void measure_update_only(struct draws *d, uint32_t rounds) {
    if (!bench_wants(d->b, "update_set")) {
        return;
    }
    uint64_t start = bench_start(d->b, "update_set");
    for (uint32_t i = 0; i < rounds; i++) {
        for (uint32_t j = 0; j < DRAWS; j++) {
            scene_write_set(d->b, &d->scene, d->slots[0].sets[j], VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER,
                            j & 1);
        }
    }
    bench_drain(d->b, d->fence);
    bench_report(d->b, "update_set", 1.0 / bench_us_each(start, rounds * DRAWS), "M/s");
}

static void allocate_sets(struct draws *d, VkDescriptorSetLayout layout, uint32_t count,
                          VkDescriptorSet *sets) {
    VkDescriptorSetLayout layouts[DRAWS];
    for (uint32_t i = 0; i < count; i++) {
        layouts[i] = layout;
    }
    VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorPool = d->pool,
        .descriptorSetCount = count,
        .pSetLayouts = layouts,
    };
    bench_check(vkAllocateDescriptorSets(d->b->device, &info, sets), "vkAllocateDescriptorSets");
}

static void make_sets(struct draws *d) {
    const VkDescriptorPoolSize sizes[2] = {
        {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 1},
        {VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, SLOTS * DRAWS + 1},
    };
    VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = SLOTS * DRAWS + 2,
        .poolSizeCount = 2,
        .pPoolSizes = sizes,
    };
    bench_check(vkCreateDescriptorPool(d->b->device, &info, NULL, &d->pool),
                "vkCreateDescriptorPool");

    allocate_sets(d, d->scene.layouts[0], 1, &d->moving);
    scene_write_set(d->b, &d->scene, d->moving, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC, 0);
    allocate_sets(d, d->scene.layouts[1], 1, &d->fixed);
    scene_write_set(d->b, &d->scene, d->fixed, VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER, 0);
    for (uint32_t i = 0; i < SLOTS; i++) {
        allocate_sets(d, d->scene.layouts[1], DRAWS, d->slots[i].sets);
    }
}

static void make_slots(struct draws *d) {
    for (uint32_t i = 0; i < SLOTS; i++) {
        struct slot *slot = &d->slots[i];
        VkCommandPoolCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
            .queueFamilyIndex = d->b->family,
        };
        bench_check(vkCreateCommandPool(d->b->device, &info, NULL, &slot->pool),
                    "vkCreateCommandPool");
        slot->commands = bench_make_commands(d->b, slot->pool);
        slot->fence = bench_make_fence(d->b);
    }
}

void bench_draws(struct bench *b) {
    static struct draws draws;
    struct draws *d = &draws;
    bench_open(b);
    d->b = b;
    d->fence = bench_make_fence(b);
    scene_create(b, &d->scene);
    make_sets(d);
    make_slots(d);

    measure(d, "record", record_plain, 2000, false);
    measure(d, "record_vertex_buffer", record_vertex_buffer, 500, false);
    measure(d, "record_push", record_push, 500, false);
    measure(d, "record_offset", record_offset, 500, false);
    measure(d, "record_update", record_update, 250, false);
    measure_update_only(d, 500);
    measure(d, "draw", record_plain, 100, true);
    measure(d, "draw_empty", record_empty, 500, true);
    measure(d, "draw_vertex_buffer", record_vertex_buffer, 100, true);
    measure(d, "draw_update", record_update, 100, true);

    for (uint32_t i = 0; i < SLOTS; i++) {
        vkDestroyFence(b->device, d->slots[i].fence, NULL);
        vkDestroyCommandPool(b->device, d->slots[i].pool, NULL);
    }
    vkDestroyDescriptorPool(b->device, d->pool, NULL);
    scene_destroy(b, &d->scene);
    vkDestroyFence(b->device, d->fence, NULL);
    bench_close(b);
}
