/* What a guest is offered: no more than the codec knows and the host and the strategy can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/extension_list.h"
#include "renderer/memory_strategy.h"
#include "renderer/physical_device.h"

static const VkExtensionProperties host[] = {
    {"VK_EXT_custom_border_color", 99}, /* the codec knows 12 */
    {"VK_EXT_external_memory_dma_buf", 1},
    {"VK_EXT_external_memory_host", 1},
    {"VK_EXT_image_drm_format_modifier", 1}, /* the codec knows 2 */
    {"VK_EXT_tooling_info", 1},
    {"VK_KHR_external_memory_fd", 1},
    {"VK_KHR_external_semaphore_fd", 1},
    {"VK_KHR_surface", 25},
    {"VK_KHR_swapchain", 70},
    {"VK_VESPER_unheard_of", 1},
};
enum { HOST_COUNT = sizeof(host) / sizeof(host[0]) };

struct offer {
    VkExtensionProperties *list;
    uint32_t count;
};

static struct offer make_offer_of(uint32_t host_count, const struct memory_plan *plan) {
    struct offer offer;
    assert_int_equal(extension_list_offer(host, host_count, plan, &offer.list, &offer.count),
                     VK_SUCCESS);
    return offer;
}

static struct offer make_offer(const struct memory_strategy *strategy) {
    return make_offer_of(HOST_COUNT, &(struct memory_plan){.strategy = strategy});
}

/* How often it is listed, and its last version. */
static uint32_t count_of(const struct offer *offer, const char *name, uint32_t *out_version) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < offer->count; i++) {
        if (strcmp(offer->list[i].extensionName, name) == 0) {
            *out_version = offer->list[i].specVersion;
            count++;
        }
    }
    return count;
}

static void test_offer_is_an_intersection(void **state) {
    (void)state;
    struct offer offer = make_offer(&memory_strategy_host_import);
    uint32_t version = 0;
    assert_int_equal(count_of(&offer, "VK_EXT_custom_border_color", &version), 1);
    assert_int_equal(version, 12);
    static const char *const absent[] = {
        "VK_EXT_external_memory_host", "VK_EXT_tooling_info", "VK_KHR_surface", "VK_KHR_swapchain",
        "VK_VESPER_unheard_of",        "VK_KHR_maintenance5",
    };
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        assert_int_equal(count_of(&offer, absent[i], &version), 0);
    }
    free(offer.list);
}

static void test_sync_files_are_always_offered(void **state) {
    (void)state;
    struct offer offer = make_offer(&memory_strategy_host_import);
    uint32_t version;
    assert_int_equal(count_of(&offer, "VK_KHR_external_semaphore_fd", &version), 1);
    assert_int_equal(count_of(&offer, "VK_KHR_external_fence_fd", &version), 1);
    const struct physical_device device = {.memory.strategy = &memory_strategy_host_import};
    assert_true(physical_device_is_emulated(&device, "VK_KHR_external_semaphore_fd"));
    assert_true(physical_device_is_emulated(&device, "VK_KHR_external_fence_fd"));
    assert_false(physical_device_is_emulated(&device, "VK_KHR_external_memory_fd"));
    free(offer.list);
}

static void test_memory_descriptors_need_dma_bufs(void **state) {
    (void)state;
    static const char *const names[] = {
        "VK_EXT_external_memory_dma_buf",
        "VK_EXT_image_drm_format_modifier",
        "VK_KHR_external_memory_fd",
    };
    struct offer import = make_offer(&memory_strategy_host_import);
    struct offer dma_buf = make_offer(&memory_strategy_dma_buf);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        uint32_t version;
        assert_int_equal(count_of(&import, names[i], &version), 0);
        assert_int_equal(count_of(&dma_buf, names[i], &version), 1);
        assert_int_equal(version, 1);
    }
    free(import.list);
    free(dma_buf.list);
}

static const char *const dma_buf_names[] = {
    "VK_EXT_external_memory_dma_buf",
    "VK_EXT_image_drm_format_modifier",
    "VK_EXT_queue_family_foreign",
    "VK_KHR_external_memory_fd",
};
enum { DMA_BUF_NAMES = sizeof(dma_buf_names) / sizeof(dma_buf_names[0]) };

/* Offered once, in the codec's version, whatever the host has: all, some or nothing of it. */
static void test_dma_bufs_are_emulated(void **state) {
    (void)state;
    const struct memory_plan plan = {
        .strategy = &memory_strategy_host_import,
        .emulates_dma_buf = true,
    };
    for (uint32_t host_count = 0; host_count <= HOST_COUNT; host_count++) {
        struct offer offer = make_offer_of(host_count, &plan);
        for (size_t i = 0; i < DMA_BUF_NAMES; i++) {
            uint32_t version;
            assert_int_equal(count_of(&offer, dma_buf_names[i], &version), 1);
            assert_int_equal(
                version, strcmp(dma_buf_names[i], "VK_EXT_image_drm_format_modifier") == 0 ? 2 : 1);
        }
        free(offer.list);
    }
}

static void test_hosts_are_not_told_of_what_is_emulated(void **state) {
    (void)state;
    VkExtensionProperties has_all[DMA_BUF_NAMES] = {{{0}, 0}};
    for (size_t i = 0; i < DMA_BUF_NAMES; i++) {
        strcpy(has_all[i].extensionName, dma_buf_names[i]);
    }
    struct physical_device device = {
        .memory = {.strategy = &memory_strategy_host_import, .emulates_dma_buf = true},
        .host_extensions = has_all,
        .host_extension_count = DMA_BUF_NAMES,
    };
    assert_true(physical_device_is_emulated(&device, "VK_EXT_external_memory_dma_buf"));
    assert_true(physical_device_is_emulated(&device, "VK_EXT_image_drm_format_modifier"));
    assert_true(physical_device_is_emulated(&device, "VK_KHR_external_memory_fd"));
    assert_false(physical_device_is_emulated(&device, "VK_EXT_queue_family_foreign"));
    device.host_extension_count = 0;
    assert_true(physical_device_is_emulated(&device, "VK_EXT_queue_family_foreign"));
    device.memory.emulates_dma_buf = false;
    for (size_t i = 0; i < DMA_BUF_NAMES; i++) {
        assert_false(physical_device_is_emulated(&device, dma_buf_names[i]));
    }
}

static void test_answers(void **state) {
    (void)state;
    uint32_t count = 12345; /* means nothing without an array */
    assert_int_equal(extension_list_answer(host, HOST_COUNT, &count, NULL), VK_SUCCESS);
    assert_int_equal(count, HOST_COUNT);

    VkExtensionProperties out[HOST_COUNT + 1];
    memset(out, 0x55, sizeof(out));
    count = 3;
    assert_int_equal(extension_list_answer(host, HOST_COUNT, &count, out), VK_INCOMPLETE);
    assert_int_equal(count, 3);
    assert_int_equal(memcmp(out, host, 3 * sizeof(out[0])), 0);
    assert_int_equal(out[3].extensionName[0], 0x55);

    count = HOST_COUNT + 1;
    assert_int_equal(extension_list_answer(host, HOST_COUNT, &count, out), VK_SUCCESS);
    assert_int_equal(count, HOST_COUNT);
    assert_int_equal(out[HOST_COUNT].extensionName[0], 0x55);
    count = 0;
    assert_int_equal(extension_list_answer(host, HOST_COUNT, &count, out), VK_INCOMPLETE);
    assert_int_equal(count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offer_is_an_intersection),
        cmocka_unit_test(test_sync_files_are_always_offered),
        cmocka_unit_test(test_memory_descriptors_need_dma_bufs),
        cmocka_unit_test(test_dma_bufs_are_emulated),
        cmocka_unit_test(test_hosts_are_not_told_of_what_is_emulated),
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
