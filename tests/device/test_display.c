/* Display information, EDID, the configuration space, capability sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "device/edid.h"
#include "world.h"

static const struct wire_display_info *get_info(struct world *world) {
    struct wire_header request = {.type = WIRE_GET_DISPLAY_INFO};
    struct answer *answer = world_send(world, &request, sizeof(request));
    assert_answered(answer, WIRE_OK_DISPLAY_INFO);
    assert_int_equal(answer->size, 24 + 384);
    return (const struct wire_display_info *)(const void *)(answer->bytes + 24);
}

static void test_display_info(void **state) {
    (void)state;
    const struct device_options options = {.width = 1024, .height = 600, .connected = 2};
    struct world *world = world_create(&options, 3);
    const struct wire_display_info *info = get_info(world);
    for (int i = 0; i < WIRE_SCANOUTS_MAX; i++) {
        assert_int_equal(info->modes[i].enabled, i < 2);
        assert_int_equal(info->modes[i].rect.x, i == 1 ? 1024 : 0);
        assert_int_equal(info->modes[i].rect.y, 0);
        assert_int_equal(info->modes[i].rect.width, i < 2 ? 1024 : 0);
        assert_int_equal(info->modes[i].rect.height, i < 2 ? 600 : 0);
        assert_int_equal(info->modes[i].flags, 0);
    }
    world_destroy(world);
}

static uint32_t read_config(struct world *world, uint32_t offset) {
    uint32_t value;
    assert_int_equal(device_read_config(world->device, offset, &value, 4), 0);
    return value;
}

static void test_config(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    assert_int_equal(read_config(world, 0), 0);
    assert_int_equal(read_config(world, 4), 0);
    assert_int_equal(read_config(world, 8), 2);
    assert_int_equal(read_config(world, 12), 1);
    assert_int_equal(read_config(world, 16), platform_page_size());
    uint8_t all[DEVICE_CONFIG_SIZE + 1];
    assert_int_equal(device_read_config(world->device, 0, all, DEVICE_CONFIG_SIZE), 0);
    assert_int_equal(all[8], 2);
    assert_int_equal(device_read_config(world->device, 9, all, 1), 0);
    assert_int_equal(all[0], 0);
    assert_int_equal(device_read_config(world->device, 0, all, 21), -EINVAL);
    assert_int_equal(device_read_config(world->device, 20, all, 1), -EINVAL);
    assert_int_equal(device_read_config(world->device, UINT32_MAX, all, 2), -EINVAL);
    assert_int_equal(device_write_config(world->device, 18, all, 4), -EINVAL);
    /* Nothing but events_clear can be written. */
    memset(all, 0xff, sizeof(all));
    assert_int_equal(device_write_config(world->device, 0, all, DEVICE_CONFIG_SIZE), 0);
    assert_int_equal(read_config(world, 8), 2);
    world_destroy(world);
}

static void test_mode_change(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    assert_int_equal(get_info(world)->modes[0].rect.width, 1280);
    assert_int_equal(get_info(world)->modes[0].rect.height, 800);

    assert_int_equal(world_set_display(world, 0, 1920, 1080), 0);
    assert_int_equal(get_info(world)->modes[0].rect.width, 1280); /* not before the dispatch */
    world_dispatch(world);
    assert_int_equal(world->config_changes, 1);
    assert_int_equal(read_config(world, 0), WIRE_EVENT_DISPLAY);
    assert_int_equal(get_info(world)->modes[0].rect.width, 1920);

    /* The guest clears the event. */
    const uint32_t clear = WIRE_EVENT_DISPLAY;
    assert_int_equal(device_write_config(world->device, 4, &clear, 4), 0);
    assert_int_equal(read_config(world, 0), 0);

    /* What is so already is no event. */
    assert_int_equal(world_set_display(world, 0, 1920, 1080), 0);
    world_dispatch(world);
    assert_int_equal(world->config_changes, 1);

    /* Unplugged, plugged, another plugged: several before one dispatch are one change each. */
    assert_int_equal(world_set_display(world, 0, 0, 0), 0);
    assert_int_equal(world_set_display(world, 1, 800, 600), 0);
    world_dispatch(world);
    assert_int_equal(world->config_changes, 3);
    assert_int_equal(get_info(world)->modes[0].enabled, 0);
    assert_int_equal(get_info(world)->modes[1].enabled, 1);
    assert_int_equal(get_info(world)->modes[1].rect.x, 0);
    assert_int_equal(get_info(world)->modes[1].rect.height, 600);

    /* A reset of the guest's driver leaves displays plugged. */
    device_reset(world->device);
    assert_int_equal(get_info(world)->modes[1].rect.width, 800);

    assert_int_equal(world_set_display(world, 2, 800, 600), -EINVAL);
    assert_int_equal(world_set_display(world, 0, 16385, 600), -EINVAL);
    assert_int_equal(world_set_display(world, 0, 800, 16385), -EINVAL);
    assert_int_equal(world_set_display(world, 0, 800, 0), -EINVAL);
    assert_int_equal(world_set_display(world, 0, 0, 600), -EINVAL);
    static const struct device_display wrong[] = {
        {.refresh_hz = 23}, {.refresh_hz = 501}, {.dpi = 9}, {.dpi = 1001}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(device_set_display(world->device, 0, &wrong[i]), -EINVAL);
    }
    assert_false(world_is_pollable(world));
    world_destroy(world);
}

/* Of a display that is not plugged the guest sees no change; plugged, it has what was left. */
static void test_display_is_kept(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    struct device_display display = {.width = 640, .height = 480, .refresh_hz = 75, .dpi = 200};
    assert_int_equal(device_set_display(world->device, 1, &display), 0);
    world_dispatch(world);
    assert_int_equal(world->config_changes, 0);
    display = (struct device_display){.connected = true, .refresh_hz = 120};
    assert_int_equal(device_set_display(world->device, 1, &display), 0);
    assert_int_equal(device_get_display(world->device, 1, &display), 0); /* before the dispatch */
    assert_true(display.connected);
    assert_int_equal(display.width, 640);
    assert_int_equal(display.height, 480);
    assert_int_equal(display.refresh_hz, 120);
    assert_int_equal(display.dpi, 200);
    world_dispatch(world);
    assert_int_equal(world->config_changes, 1);
    struct answer *answer = SEND(world, wire_get_edid, WIRE_GET_EDID, .scanout_id = 1);
    assert_answered(answer, WIRE_OK_EDID);
    const struct wire_edid *edid = (const struct wire_edid *)(const void *)(answer->bytes + 24);
    assert_int_equal(edid->bytes[21], 8); /* 81 mm */
    display = (struct device_display){.connected = true, .dpi = 100};
    assert_int_equal(device_set_display(world->device, 1, &display), 0);
    world_dispatch(world);
    assert_int_equal(world->config_changes, 2);
    assert_int_equal(device_get_display(world->device, 2, &display), -EINVAL);
    world_destroy(world);
}

static void test_window_resized(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    world->presenter.listener.resized(world->presenter.user, 0, 700, 500);
    world->presenter.listener.resized(world->presenter.user, 0, 720, 520);
    world->presenter.listener.resized(world->presenter.user, 77, 1, 1); /* no such window */
    world_dispatch(world);
    assert_int_equal(world->config_changes, 1);
    assert_int_equal(get_info(world)->modes[0].rect.width, 720);
    world->presenter.listener.resized(world->presenter.user, 0, 0, 0);
    world_dispatch(world);
    assert_int_equal(get_info(world)->modes[0].enabled, 0);
    /* A window does not plug what was unplugged. */
    world->presenter.listener.resized(world->presenter.user, 0, 100000, 500);
    assert_false(world_is_pollable(world));
    assert_int_equal(get_info(world)->modes[0].enabled, 0);
    assert_int_equal(device_set_display(world->device, 0, &(struct device_display){.connected = 1}),
                     0);
    world_dispatch(world);
    assert_int_equal(get_info(world)->modes[0].rect.width, 720);
    assert_int_equal(get_info(world)->modes[0].rect.height, 520);
    world->presenter.listener.resized(world->presenter.user, 0, 100000, 500);
    world_dispatch(world);
    assert_int_equal(get_info(world)->modes[0].rect.width, 16384);
    world_destroy(world);
}

/* ---- EDID -------------------------------------------------------------------------------- */

static void check_sum(const uint8_t *bytes, size_t size) {
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += bytes[i];
    }
    assert_int_equal(sum & 0xff, 0);
}

static size_t make_edid(uint8_t *out, uint32_t number, uint32_t width, uint32_t height) {
    const struct gpu_edid of = {
        .number = number, .width = width, .height = height, .refresh_hz = 60, .dpi = 96};
    return gpu_edid_make(out, &of);
}

/* Members of the first detailed timing. */
struct detailed {
    uint32_t clock_10khz, width, h_blank, height, v_blank, width_mm, height_mm;
};

static struct detailed read_detailed(const uint8_t *edid) {
    const uint8_t *at = edid + 54;
    return (struct detailed){
        .clock_10khz = at[0] | (uint32_t)at[1] << 8,
        .width = at[2] | (at[4] & 0xf0u) << 4,
        .h_blank = at[3] | (at[4] & 0x0fu) << 8,
        .height = at[5] | (at[7] & 0xf0u) << 4,
        .v_blank = at[6] | (at[7] & 0x0fu) << 8,
        .width_mm = at[12] | (at[14] & 0xf0u) << 4,
        .height_mm = at[13] | (at[14] & 0x0fu) << 8,
    };
}

/* Frames a second, in thousandths. */
static uint64_t refresh_mhz(const struct detailed *timing) {
    return timing->clock_10khz * UINT64_C(10000) * 1000 /
           ((uint64_t)(timing->width + timing->h_blank) * (timing->height + timing->v_blank));
}

static void test_edid(void **state) {
    (void)state;
    static const uint32_t modes[][2] = {{1, 1},       {640, 480},   {1280, 800}, {1366, 768},
                                        {1920, 1080}, {2560, 1600}, {3840, 2160}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        uint8_t edid[GPU_EDID_BYTES_MAX];
        assert_int_equal(make_edid(edid, 2, modes[i][0], modes[i][1]), GPU_EDID_BLOCK_BYTES);
        check_sum(edid, GPU_EDID_BLOCK_BYTES);
        assert_memory_equal(edid, "\0\xff\xff\xff\xff\xff\xff\0", 8);
        assert_int_equal(edid[8] << 8 | edid[9], 0x5a70); /* VSP */
        assert_int_equal(edid[12], 3);
        assert_int_equal(edid[126], 0);
        assert_non_null(strstr((const char *)edid + 77, "Vesper 3\n"));
        const struct detailed timing = read_detailed(edid);
        assert_int_equal(timing.width, modes[i][0]);
        assert_int_equal(timing.height, modes[i][1]);
        if (modes[i][0] >= 640) {
            assert_in_range(refresh_mhz(&timing), 59900, 60100);
            /* 96 dots per inch, to a millimetre. */
            assert_in_range(timing.width_mm * 960 / 254, modes[i][0] - 4, modes[i][0]);
            assert_in_range(timing.height_mm * 960 / 254, modes[i][1] - 4, modes[i][1]);
        }
        /* At least CVT's blanking of 460 µs. */
        assert_true((uint64_t)timing.v_blank * (timing.width + timing.h_blank) * 100 >=
                    UINT64_C(460) * timing.clock_10khz);
    }
}

static uint32_t less_one(const uint8_t *at) {
    return (at[0] | (uint32_t)(at[1] & 0x7f) << 8) + 1;
}

/* A block whose data blocks are those that a monitor needs, with one timing. */
static void check_displayid(const uint8_t *block, uint32_t width, uint32_t height,
                            uint32_t refresh_hz) {
    check_sum(block, GPU_EDID_BLOCK_BYTES);
    assert_int_equal(block[0], 0x70);
    check_sum(block + 1, 5 + block[2]); /* the section: header, data, checksum */
    unsigned tags = 0;
    const uint8_t *timing = NULL;
    for (const uint8_t *data = block + 5; data < block + 5 + block[2]; data += 3 + data[2]) {
        tags |= 1u << data[0];
        timing = data[0] == 3 ? data + 3 : timing;
    }
    assert_int_equal(tags, 1u << 0x00 | 1u << 0x01 | 1u << 0x03 | 1u << 0x0f);
    assert_int_equal(less_one(timing + 4), width);
    assert_int_equal(less_one(timing + 12), height);
    const uint64_t total =
        (uint64_t)(width + less_one(timing + 6)) * (height + less_one(timing + 14));
    const uint64_t clock = (timing[0] | (uint32_t)timing[1] << 8 | (uint32_t)timing[2] << 16) + 1;
    const uint64_t rate = clock * 10000 * 1000 / total;
    assert_in_range(rate, refresh_hz * 1000 - 100, refresh_hz * 1000 + 100);
}

static void test_edid_of_large_modes(void **state) {
    (void)state;
    static const uint32_t modes[][4] = {{4096, 2160, 2048, 1080},
                                        {5120, 2880, 2560, 1440},
                                        {3840, 4320, 1920, 2160},
                                        {16384, 16384, 2048, 2048}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        uint8_t edid[GPU_EDID_BYTES_MAX];
        assert_int_equal(make_edid(edid, 0, modes[i][0], modes[i][1]), 2 * GPU_EDID_BLOCK_BYTES);
        check_sum(edid, GPU_EDID_BLOCK_BYTES);
        assert_int_equal(edid[126], 1);
        const struct detailed timing = read_detailed(edid);
        assert_int_equal(timing.width, modes[i][2]);
        assert_int_equal(timing.height, modes[i][3]);
        /* Both say the same size, as far as they can. */
        assert_int_equal((timing.width_mm + 5) / 10, edid[21]);
        assert_int_equal((timing.height_mm + 5) / 10, edid[22]);
        check_displayid(edid + GPU_EDID_BLOCK_BYTES, modes[i][0], modes[i][1], 60);
    }
}

/* The clock of DisplayID ends at 167.8 GHz. */
static void test_edid_of_fast_modes(void **state) {
    (void)state;
    static const uint32_t modes[][4] = {
        {2560, 1440, 240, 240}, {3840, 2160, 144, 144}, {16384, 16384, 500, 437}};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        uint8_t edid[GPU_EDID_BYTES_MAX];
        const struct gpu_edid of = {
            .width = modes[i][0], .height = modes[i][1], .refresh_hz = modes[i][2], .dpi = 200};
        assert_int_equal(gpu_edid_make(edid, &of), 2 * GPU_EDID_BLOCK_BYTES);
        check_displayid(edid + GPU_EDID_BLOCK_BYTES, modes[i][0], modes[i][1], modes[i][3]);
    }
}

/* A clock has 10 MHz or more. */
static void test_edid_of_slow_modes(void **state) {
    (void)state;
    uint8_t edid[GPU_EDID_BYTES_MAX];
    const struct gpu_edid of = {.width = 1, .height = 1, .refresh_hz = 24, .dpi = 10};
    assert_int_equal(gpu_edid_make(edid, &of), GPU_EDID_BLOCK_BYTES);
    const struct detailed timing = read_detailed(edid);
    assert_in_range(timing.clock_10khz, 1000, 1010);
    assert_in_range(refresh_mhz(&timing), 23900, 24100);
}

static void test_edid_with_hdr(void **state) {
    (void)state;
    for (uint32_t width = 1280; width <= 5120; width += 3840) {
        uint8_t edid[GPU_EDID_BYTES_MAX];
        const struct gpu_edid of = {
            .width = width, .height = 800, .refresh_hz = 60, .dpi = 96, .hdr = true};
        const size_t size = gpu_edid_make(edid, &of);
        assert_int_equal(size, (width > 4095 ? 3 : 2) * GPU_EDID_BLOCK_BYTES);
        assert_int_equal(edid[126], size / GPU_EDID_BLOCK_BYTES - 1);
        assert_int_equal(edid[20], 0xb0);
        for (size_t at = 0; at < size; at += GPU_EDID_BLOCK_BYTES) {
            check_sum(edid + at, GPU_EDID_BLOCK_BYTES);
        }
        assert_int_equal(edid[GPU_EDID_BLOCK_BYTES], 0x02);
        if (width > 4095) {
            check_displayid(edid + 2 * GPU_EDID_BLOCK_BYTES, width, 800, 60);
        }
    }
}

static void test_get_edid(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 2);
    for (uint32_t scanout = 0; scanout < 2; scanout++) { /* the second is not plugged */
        struct answer *answer = SEND(world, wire_get_edid, WIRE_GET_EDID, .scanout_id = scanout);
        assert_answered(answer, WIRE_OK_EDID);
        assert_int_equal(answer->size, 24 + 8 + 1024);
        const struct wire_edid *edid = (const struct wire_edid *)(const void *)(answer->bytes + 24);
        assert_int_equal(edid->size, GPU_EDID_BLOCK_BYTES);
        check_sum(edid->bytes, GPU_EDID_BLOCK_BYTES);
        assert_int_equal(edid->bytes[12], scanout + 1);
    }
    assert_refused(SEND(world, wire_get_edid, WIRE_GET_EDID, .scanout_id = 2),
                   WIRE_ERR_INVALID_SCANOUT_ID, "GET_EDID", "scanout 2: there are 2");
    device_set_features(world->device, 0);
    assert_refused(SEND(world, wire_get_edid, WIRE_GET_EDID, .scanout_id = 0), WIRE_ERR_UNSPEC,
                   "GET_EDID", "has not accepted feature bit 1");
    world_destroy(world);
}

/* ---- capability sets --------------------------------------------------------------------- */

static void test_capset(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct answer *answer =
        SEND(world, wire_get_capset_info, WIRE_GET_CAPSET_INFO, .capset_index = 0);
    assert_answered(answer, WIRE_OK_CAPSET_INFO);
    const uint32_t info[] = {4, 0, 160, 0};
    assert_int_equal(answer->size, 24 + 16);
    assert_memory_equal(answer->bytes + 24, info, 16);
    assert_refused(SEND(world, wire_get_capset_info, WIRE_GET_CAPSET_INFO, .capset_index = 1),
                   WIRE_ERR_INVALID_PARAMETER, "GET_CAPSET_INFO", "capset_index 1");

    answer = SEND(world, wire_get_capset, WIRE_GET_CAPSET, .capset_id = 4);
    assert_answered(answer, WIRE_OK_CAPSET);
    assert_int_equal(answer->size, 24 + 160);
    for (int i = 0; i < 160; i++) {
        assert_int_equal(answer->bytes[24 + i], i + 1);
    }
    assert_refused(SEND(world, wire_get_capset, WIRE_GET_CAPSET, .capset_id = 2),
                   WIRE_ERR_INVALID_PARAMETER, "GET_CAPSET", "capset_id 2");
    assert_refused(SEND(world, wire_get_capset, WIRE_GET_CAPSET, .capset_id = 4, .version = 1),
                   WIRE_ERR_INVALID_PARAMETER, "GET_CAPSET", "version 1");
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_display_info),
        cmocka_unit_test(test_config),
        cmocka_unit_test(test_mode_change),
        cmocka_unit_test(test_display_is_kept),
        cmocka_unit_test(test_window_resized),
        cmocka_unit_test(test_edid),
        cmocka_unit_test(test_edid_of_large_modes),
        cmocka_unit_test(test_edid_of_fast_modes),
        cmocka_unit_test(test_edid_of_slow_modes),
        cmocka_unit_test(test_edid_with_hdr),
        cmocka_unit_test(test_get_edid),
        cmocka_unit_test(test_capset),
    };
    return cmocka_run_group_tests_name("device displays", tests, NULL, NULL) ? 1 : 0;
}
