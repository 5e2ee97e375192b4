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

static struct offer make_offer(const struct memory_strategy *strategy) {
    struct offer offer;
    assert_int_equal(extension_list_offer(host, HOST_COUNT, strategy, &offer.list, &offer.count),
                     VK_SUCCESS);
    return offer;
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
    assert_true(physical_device_is_emulated("VK_KHR_external_semaphore_fd"));
    assert_true(physical_device_is_emulated("VK_KHR_external_fence_fd"));
    assert_false(physical_device_is_emulated("VK_KHR_external_memory_fd"));
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
        cmocka_unit_test(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
