#include "bench.h"

#include <time.h>

enum { REPLIES = 20000, PAUSES = 40, SUBMISSIONS = 2000, WARM_UP = 100 };

static VkImage make_linear_image(const struct bench *b) {
    VkImageCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_IMAGE_CREATE_INFO,
        .imageType = VK_IMAGE_TYPE_2D,
        .format = VK_FORMAT_R8G8B8A8_UNORM,
        .extent = {16, 16, 1},
        .mipLevels = 1,
        .arrayLayers = 1,
        .samples = VK_SAMPLE_COUNT_1_BIT,
        .tiling = VK_IMAGE_TILING_LINEAR,
        .usage = VK_IMAGE_USAGE_TRANSFER_DST_BIT,
        .initialLayout = VK_IMAGE_LAYOUT_UNDEFINED,
    };
    VkImage image;
    bench_check(vkCreateImage(b->device, &info, NULL, &image), "vkCreateImage");
    return image;
}

/* The guest driver keeps no copy of subresource layouts, so each of these crosses to the host. */
static void ask_layouts(const struct bench *b, VkImage image, uint32_t count) {
    VkImageSubresource part = {.aspectMask = VK_IMAGE_ASPECT_COLOR_BIT};
    for (uint32_t i = 0; i < count; i++) {
        VkSubresourceLayout layout = {0};
        vkGetImageSubresourceLayout(b->device, image, &part, &layout);
        if (layout.rowPitch < 64) {
            bench_fail("vkGetImageSubresourceLayout returned an impossible row pitch");
        }
    }
}

static void measure_reply(const struct bench *b, VkImage image) {
    if (!bench_wants(b, "reply")) {
        return;
    }
    ask_layouts(b, image, WARM_UP);

    uint64_t start = bench_start(b, "reply");
    ask_layouts(b, image, REPLIES);
    bench_report(b, "reply", bench_us_each(start, REPLIES), "us");
}

/* After 20 ms without a call the server sleeps: this is a reply with the wake-up before it. */
static void measure_idle_reply(const struct bench *b, VkImage image) {
    if (!bench_wants(b, "reply_after_idle")) {
        return;
    }
    ask_layouts(b, image, WARM_UP);

    bench_start(b, "reply_after_idle");
    double sum = 0;
    for (uint32_t i = 0; i < PAUSES; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        uint64_t start = bench_now();
        ask_layouts(b, image, 1);
        sum += bench_us_each(start, 1);
    }
    bench_report(b, "reply_after_idle", sum / PAUSES, "us");
}

static void measure_submit(const struct bench *b) {
    if (!bench_wants(b, "submit_fence")) {
        return;
    }
    VkFence fence = bench_make_fence(b);
    for (uint32_t i = 0; i < WARM_UP; i++) {
        bench_drain(b, fence);
    }

    uint64_t start = bench_start(b, "submit_fence");
    for (uint32_t i = 0; i < SUBMISSIONS; i++) {
        bench_drain(b, fence);
    }
    bench_report(b, "submit_fence", bench_us_each(start, SUBMISSIONS), "us");

    vkDestroyFence(b->device, fence, NULL);
}

void bench_latency(struct bench *b) {
    bench_open(b);
    VkImage image = make_linear_image(b);
    measure_reply(b, image);
    measure_idle_reply(b, image);
    vkDestroyImage(b->device, image, NULL);

    measure_submit(b);
    bench_close(b);
}
