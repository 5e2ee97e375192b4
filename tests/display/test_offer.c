/* What is chosen of what surfaces offer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "display/swapchain/offer.h"

#define BGRA8 VK_FORMAT_B8G8R8A8_UNORM
#define RGBA8 VK_FORMAT_R8G8B8A8_UNORM
#define BGRA8_CURVE VK_FORMAT_B8G8R8A8_SRGB
#define BGR10 VK_FORMAT_A2B10G10R10_UNORM_PACK32
#define RGB10 VK_FORMAT_A2R10G10B10_UNORM_PACK32
#define HALVES VK_FORMAT_R16G16B16A16_SFLOAT
#define SRGB VK_COLOR_SPACE_SRGB_NONLINEAR_KHR
#define P3 VK_COLOR_SPACE_DISPLAY_P3_NONLINEAR_EXT
#define LINEAR VK_COLOR_SPACE_EXTENDED_SRGB_LINEAR_EXT
#define HDR10 VK_COLOR_SPACE_HDR10_ST2084_EXT
#define HLG VK_COLOR_SPACE_HDR10_HLG_EXT

#define OFFERS_MAX 8
#define NONE {VK_FORMAT_UNDEFINED, SRGB}

struct offer {
    VkSurfaceFormatKHR offered[OFFERS_MAX]; /* up to VK_FORMAT_UNDEFINED */
    VkSurfaceFormatKHR plain, deep, high;   /* what should be chosen */
};

static const struct offer offers[] = {
    /* A monitor of eight bits. */
    {{{BGRA8_CURVE, SRGB}, {BGRA8, SRGB}}, {BGRA8, SRGB}, {BGRA8, SRGB}, {BGRA8, SRGB}},
    {{{RGBA8, SRGB}, {BGRA8, SRGB}}, {BGRA8, SRGB}, {BGRA8, SRGB}, {BGRA8, SRGB}},
    {{{RGBA8, SRGB}}, {RGBA8, SRGB}, {RGBA8, SRGB}, {RGBA8, SRGB}},
    /* Of ten. */
    {{{RGB10, SRGB}, {BGRA8, SRGB}}, {BGRA8, SRGB}, {RGB10, SRGB}, {RGB10, SRGB}},
    {{{RGB10, SRGB}, {BGR10, SRGB}}, {BGR10, SRGB}, {BGR10, SRGB}, {BGR10, SRGB}},
    /* Of high dynamic range. */
    {{{BGRA8, SRGB}, {HALVES, LINEAR}, {BGRA8, P3}, {BGR10, HDR10}},
     {BGRA8, SRGB},
     {BGRA8, SRGB},
     {BGR10, HDR10}},
    {{{RGB10, HDR10}, {RGB10, SRGB}, {BGRA8, SRGB}}, {BGRA8, SRGB}, {RGB10, SRGB}, {RGB10, HDR10}},
    {{{BGRA8, SRGB}, {HALVES, LINEAR}, {BGR10, P3}},
     {BGRA8, SRGB},
     {BGRA8, SRGB},
     {HALVES, LINEAR}},
    {{{BGRA8, SRGB}, {BGRA8, P3}}, {BGRA8, SRGB}, {BGRA8, SRGB}, {BGRA8, P3}},
    {{{BGRA8, SRGB}, {BGRA8, P3}, {RGB10, P3}}, {BGRA8, SRGB}, {BGRA8, SRGB}, {RGB10, P3}},
    /* Pairs that mean other things than they seem to. */
    {{{BGRA8, SRGB},
      {HALVES, SRGB},
      {BGRA8, HDR10},
      {HALVES, HDR10},
      {BGR10, HLG},
      {BGR10, LINEAR}},
     {BGRA8, SRGB},
     {BGRA8, SRGB},
     {BGRA8, SRGB}},
    /* Nothing but high dynamic range: everything is shown there. */
    {{{BGR10, HDR10}}, {BGR10, HDR10}, {BGR10, HDR10}, {BGR10, HDR10}},
    {{{BGR10, HDR10}, {HALVES, LINEAR}}, {HALVES, LINEAR}, {HALVES, LINEAR}, {BGR10, HDR10}},
    /* Nothing that is known. */
    {{{BGRA8_CURVE, SRGB}, {VK_FORMAT_R5G6B5_UNORM_PACK16, SRGB}}, NONE, NONE, NONE},
    {{NONE}, NONE, NONE, NONE},
};

static void expect(const struct offer *offer, enum screen_content content,
                   const VkSurfaceFormatKHR *wanted) {
    uint32_t count = 0;
    while (count < OFFERS_MAX && offer->offered[count].format) {
        count++;
    }
    VkSurfaceFormatKHR chosen;
    const bool found = screen_offer_choose(offer->offered, count, content, &chosen);
    assert_true(found == (wanted->format != VK_FORMAT_UNDEFINED));
    if (found) {
        assert_int_equal(chosen.format, wanted->format);
        assert_int_equal(chosen.colorSpace, wanted->colorSpace);
    }
}

static void test_every_offer(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++) {
        expect(&offers[i], SCREEN_CONTENT_PLAIN, &offers[i].plain);
        expect(&offers[i], SCREEN_CONTENT_DEEP, &offers[i].deep);
        expect(&offers[i], SCREEN_CONTENT_HIGH, &offers[i].high);
    }
}

static void test_what_pictures_are(void **state) {
    (void)state;
    assert_int_equal(screen_content_of(PRESENTER_XRGB8888, false), SCREEN_CONTENT_PLAIN);
    assert_int_equal(screen_content_of(PRESENTER_RGBA8888, false), SCREEN_CONTENT_PLAIN);
    assert_int_equal(screen_content_of(PRESENTER_XRGB2101010, false), SCREEN_CONTENT_DEEP);
    assert_int_equal(screen_content_of(PRESENTER_ABGR2101010, true), SCREEN_CONTENT_HIGH);
    assert_int_equal(screen_content_of(PRESENTER_XBGR16161616F, false), SCREEN_CONTENT_HIGH);
}

static void test_what_pairs_mean(void **state) {
    (void)state;
    assert_int_equal(screen_offer_colour(&(VkSurfaceFormatKHR){BGRA8, SRGB}), DISPLAY_COLOUR_SRGB);
    assert_int_equal(screen_offer_colour(&(VkSurfaceFormatKHR){BGR10, P3}), DISPLAY_COLOUR_P3);
    assert_int_equal(screen_offer_colour(&(VkSurfaceFormatKHR){HALVES, LINEAR}),
                     DISPLAY_COLOUR_LINEAR);
    assert_int_equal(screen_offer_colour(&(VkSurfaceFormatKHR){BGR10, HDR10}), DISPLAY_COLOUR_PQ);
    assert_int_equal(screen_offer_bytes(HALVES), 8);
    assert_int_equal(screen_offer_bytes(BGR10), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_offer),
        cmocka_unit_test(test_what_pictures_are),
        cmocka_unit_test(test_what_pairs_mean),
    };
    return cmocka_run_group_tests_name("display_offer", tests, NULL, NULL) ? 1 : 0;
}
