/* The mathematics of colours, against numbers from the standards. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "display/colour.h"
#include "display/tone.h"

#define expect_near(seen, wanted, error) assert_true(fabs((double)(seen) - (wanted)) <= (error))

/* ST 2084 says which code is which light: 58 % is 203 cd/m², three quarters are 983. */
static void test_pq(void **state) {
    (void)state;
    static const struct {
        double code, nits;
    } points[] = {{0.14995, 1},   {0.29970, 10},   {0.44028, 50},   {0.50808, 100},
                  {0.58069, 203}, {0.75183, 1000}, {0.90257, 4000}, {1.00000, 10000}};
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        const float light = display_colour_from_pq((float)points[i].code);
        expect_near(light * 203, points[i].nits, points[i].nits * 0.004 + 0.0001);
        expect_near(display_colour_to_pq((float)(points[i].nits / 203)), points[i].code, 0.0001);
    }
    for (int i = 0; i < 1024; i++) {
        expect_near(display_colour_to_pq(display_colour_from_pq((float)i / 1023)) * 1023, i, 0.1);
    }
    expect_near(display_colour_from_pq(0), 0, 0);
    expect_near(display_colour_to_pq(-1), display_colour_to_pq(0), 0);
    expect_near(display_colour_to_pq(1e6f), 1, 1e-6);
}

static void test_srgb(void **state) {
    (void)state;
    expect_near(display_colour_from_srgb(0.5f), 0.21404, 1e-5);
    expect_near(display_colour_from_srgb(0.04f), 0.04 / 12.92, 1e-6);
    expect_near(display_colour_from_srgb(1), 1, 1e-6);
    expect_near(display_colour_to_srgb(0.18f), 0.46136, 1e-5);
    expect_near(display_colour_to_srgb(4), 1.8248, 1e-4); /* continued */
    for (int i = -1024; i < 2048; i++) {
        const float code = (float)i / 512;
        expect_near(display_colour_to_srgb(display_colour_from_srgb(code)), code, 1e-5);
    }
}

static void test_halves(void **state) {
    (void)state;
    static const struct {
        uint16_t half;
        double light;
    } points[] = {{0x0000, 0},       {0x3c00, 1},         {0xbc00, -1}, {0x3555, 0.333252},
                  {0x0001, 5.96e-8}, {0x03ff, 6.0976e-5}, {0x4500, 5},  {0x7bff, 49.26},
                  {0x7c00, 49.26},   {0xfc00, -49.26},    {0x7c01, 0},  {0xffff, 0}};
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        expect_near(display_colour_from_half(points[i].half), points[i].light,
                    fabs(points[i].light) * 0.001);
    }
    for (uint32_t half = 0; half < 0x10000; half++) {
        assert_true(fabsf(display_colour_from_half((uint16_t)half)) < 50);
    }
}

static void expect_rgb(const float rgb[3], double red, double green, double blue, double error) {
    expect_near(rgb[0], red, error);
    expect_near(rgb[1], green, error);
    expect_near(rgb[2], blue, error);
}

/* SDR keeps its look wherever it is shown. */
static void test_sdr(void **state) {
    (void)state;
    static const struct display_light light = {2.5f, 3};
    for (int i = 0; i < 256; i++) {
        const float code = (float)i / 255;
        float rgb[3] = {code, code, code};
        display_colour_take(DISPLAY_COLOUR_SRGB, DISPLAY_COLOUR_PQ, &light, rgb);
        display_colour_give(DISPLAY_COLOUR_PQ, &light, rgb);
        expect_near(display_colour_from_pq(rgb[0]), display_colour_from_srgb(code), 1e-4);
        float linear[3] = {code, 0, code};
        display_colour_take(DISPLAY_COLOUR_SRGB, DISPLAY_COLOUR_LINEAR, &light, linear);
        display_colour_give(DISPLAY_COLOUR_LINEAR, &light, linear);
        const double wanted = 2.5 * (double)display_colour_from_srgb(code);
        expect_rgb(linear, wanted, 0, wanted, 1e-4);
    }
    /* White is 203 cd/m², code 594 of 1023; red is a colour inside of BT.2020 and P3. */
    float white[3] = {1, 1, 1}, red[3] = {1, 0, 0};
    display_colour_take(DISPLAY_COLOUR_SRGB, DISPLAY_COLOUR_PQ, &light, white);
    display_colour_give(DISPLAY_COLOUR_PQ, &light, white);
    expect_rgb(white, 0.5807, 0.5807, 0.5807, 1e-4);
    display_colour_take(DISPLAY_COLOUR_SRGB, DISPLAY_COLOUR_P3, &light, red);
    display_colour_give(DISPLAY_COLOUR_P3, &light, red);
    expect_rgb(red, 0.9175, 0.2003, 0.1386, 1e-4);
}

/* What a screen can show of light passes as it is. */
static void test_high_on_high(void **state) {
    (void)state;
    static const struct display_light light = {1, DISPLAY_PEAK};
    float pq[3] = {0.2f, 0.5f, 0.7f}, linear[3] = {-0.25f, 3, 0.5f}, p3[3] = {1, -0.2f, 0};
    display_colour_take(DISPLAY_COLOUR_PQ, DISPLAY_COLOUR_PQ, &light, pq);
    display_colour_give(DISPLAY_COLOUR_PQ, &light, pq);
    expect_rgb(pq, 0.2, 0.5, 0.7, 1e-4);
    display_colour_take(DISPLAY_COLOUR_LINEAR, DISPLAY_COLOUR_LINEAR, &light, linear);
    display_colour_give(DISPLAY_COLOUR_LINEAR, &light, linear);
    expect_rgb(linear, -0.25, 3, 0.5, 1e-4);
    /* P3's red is what lies below 0 in BT.709, and not cut off here. */
    float red[3] = {1.2249f, -0.0420f, -0.0196f};
    display_colour_take(DISPLAY_COLOUR_LINEAR, DISPLAY_COLOUR_P3, &(struct display_light){1, 8},
                        red);
    assert_true(red[0] > 0.9f && red[1] < 0.05f && red[2] < 0.05f);
    display_colour_take(DISPLAY_COLOUR_LINEAR, DISPLAY_COLOUR_SRGB, &light, p3);
    assert_true(p3[1] == 0);
}

/* The fold leaves alone what is dark, never turns round, keeps hues, and ends at the headroom. */
static void test_fold(void **state) {
    (void)state;
    static const float headrooms[] = {1, 1.5f, 3};
    for (size_t i = 0; i < sizeof(headrooms) / sizeof(headrooms[0]); i++) {
        const float headroom = headrooms[i];
        float before = -1;
        for (int step = 0; step < 1000; step++) {
            const float in = (float)step * 0.005f;
            float rgb[3] = {in, in / 2, in / 4};
            display_colour_fold(headroom, rgb);
            assert_true(rgb[0] >= before - 1e-5f);
            assert_true(rgb[0] <= headroom * 1.00001f);
            assert_true(in > 0.75f * headroom || rgb[0] == in);
            expect_rgb(rgb, rgb[0], rgb[0] / 2, rgb[0] / 4, 1e-5);
            before = rgb[0];
        }
        float peak[3] = {DISPLAY_PEAK, 0, 0}, beyond[3] = {40, 40, 40};
        display_colour_fold(headroom, peak);
        expect_near(peak[0], headroom, 1e-4);
        display_colour_fold(headroom, beyond);
        expect_near(beyond[0], headroom, 1e-4);
    }
    float enough[3] = {40, 2, 0};
    display_colour_fold(DISPLAY_PEAK, enough);
    expect_rgb(enough, 40, 2, 0, 0);
}

/* The processor's tables are within a step of the mathematics. */
static void test_tables(void **state) {
    (void)state;
    static const struct display_light light = {1, 1};
    for (uint32_t half = 0; half < 0x10000; half += 3) {
        const uint16_t in[4]
            __attribute__((aligned(8))) = {(uint16_t)half, (uint16_t)half, 0x3000, 0};
        uint32_t out;
        display_tone_row(PRESENTER_ABGR16161616F, in, 1, &out);
        float rgb[3] = {display_colour_from_half(in[0]), display_colour_from_half(in[1]),
                        display_colour_from_half(in[2])};
        display_colour_take(DISPLAY_COLOUR_LINEAR, DISPLAY_COLOUR_SRGB, &light, rgb);
        display_colour_give(DISPLAY_COLOUR_SRGB, &light, rgb);
        assert_int_equal(out >> 24, 0xff);
        for (int i = 0; i < 3; i++) {
            expect_near(out >> (16 - 8 * i) & 0xff, rgb[i] * 255, 1);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pq),           cmocka_unit_test(test_srgb),
        cmocka_unit_test(test_halves),       cmocka_unit_test(test_sdr),
        cmocka_unit_test(test_high_on_high), cmocka_unit_test(test_fold),
        cmocka_unit_test(test_tables),
    };
    return cmocka_run_group_tests_name("display_colour", tests, NULL, NULL) ? 1 : 0;
}
