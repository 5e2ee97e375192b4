/* 2D resources: creation, backing, transfers, scanouts, flushes, cursors, UUIDs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "world.h"

/* ---- creation ---------------------------------------------------------------------------- */

static void test_create(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    static const uint32_t formats[] = {1, 2, 3, 4, 67, 68, 121, 134};
    for (uint32_t i = 0; i < 8; i++) {
        assert_ok(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D, .resource_id = i + 1,
                       .format = formats[i], .width = 10 * i + 1, .height = 7));
    }
    assert_int_equal(world_counts(world).resources, 8);
    assert_true(world_counts(world).pixel_bytes >= 8 * platform_page_size());
    for (uint32_t i = 0; i < 8; i++) {
        assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = i + 1));
    }
    assert_int_equal(world_counts(world).resources, 0);
    assert_int_equal(world_counts(world).pixel_bytes, 0);
    world_destroy(world);
}

static void test_bad_creations(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    static const struct {
        uint32_t id, format, width, height, code;
        const char *reason;
    } cases[] = {
        {0, 1, 1, 1, WIRE_ERR_INVALID_RESOURCE_ID, "resource_id 0: no number"},
        {1, 1, 1, 1, WIRE_ERR_INVALID_RESOURCE_ID, "resource_id 1: in use"},
        {2, 0, 1, 1, WIRE_ERR_INVALID_PARAMETER, "format 0"},
        {2, 8, 1, 1, WIRE_ERR_INVALID_PARAMETER, "format 8"},
        {2, UINT32_MAX, 1, 1, WIRE_ERR_INVALID_PARAMETER, "format 4294967295"},
        {2, 1, 0, 1, WIRE_ERR_INVALID_PARAMETER, "0 × 1"},
        {2, 1, 1, 0, WIRE_ERR_INVALID_PARAMETER, "1 × 0"},
        {2, 1, 16385, 1, WIRE_ERR_INVALID_PARAMETER, "16385 × 1"},
        {2, 1, 1, UINT32_MAX, WIRE_ERR_INVALID_PARAMETER, "1 × 4294967295"},
        {2, 1, 0x10000, 0x10000, WIRE_ERR_INVALID_PARAMETER, "65536 × 65536"},
        /* The default limit is 1 GiB, which is just 16384² pixels: one more does not fit. */
        {2, 1, 16384, 16384, WIRE_ERR_OUT_OF_MEMORY, "--max-pixel-bytes"},
    };
    world_2d(world, 1, 4, 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(SEND(world, wire_create_2d, WIRE_RESOURCE_CREATE_2D,
                            .resource_id = cases[i].id, .format = cases[i].format,
                            .width = cases[i].width, .height = cases[i].height),
                       cases[i].code, "RESOURCE_CREATE_2D", cases[i].reason);
    }
    assert_int_equal(world_counts(world).resources, 1);
    assert_int_equal(world_counts(world).errors, sizeof(cases) / sizeof(cases[0]));
    assert_refused(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 2),
                   WIRE_ERR_INVALID_RESOURCE_ID, "RESOURCE_UNREF", "resource_id 2: no such");
    assert_refused(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 0),
                   WIRE_ERR_INVALID_RESOURCE_ID, "RESOURCE_UNREF", "resource_id 0: no such");
    world_destroy(world);
}

/* ---- backing ----------------------------------------------------------------------------- */

static struct answer *attach_entries(struct world *world, uint32_t resource_id, uint32_t count,
                                     const struct wire_mem_entry *entries, size_t present) {
    const struct wire_attach_backing attach =
        HEADED(wire_attach_backing, WIRE_RESOURCE_ATTACH_BACKING, .resource_id = resource_id,
               .entry_count = count);
    return world_send_with(world, &attach, sizeof(attach), entries, present * sizeof(*entries));
}

static void test_backing(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    world_2d(world, 1, 4, 4);
    const struct wire_mem_entry good = {.address = WORLD_RAM, .length = 64};
    assert_ok(attach_entries(world, 1, 1, &good, 1));
    assert_refused(attach_entries(world, 1, 1, &good, 1), WIRE_ERR_UNSPEC,
                   "RESOURCE_ATTACH_BACKING", "has a backing already");
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_DETACH_BACKING, .resource_id = 1));
    assert_refused(SEND(world, wire_resource, WIRE_RESOURCE_DETACH_BACKING, .resource_id = 1),
                   WIRE_ERR_UNSPEC, "RESOURCE_DETACH_BACKING", "has no backing");
    assert_refused(SEND(world, wire_resource, WIRE_RESOURCE_DETACH_BACKING, .resource_id = 9),
                   WIRE_ERR_INVALID_RESOURCE_ID, "RESOURCE_DETACH_BACKING", "no such resource");
    assert_ok(attach_entries(world, 1, 1, &good, 1)); /* and again; it ends attached */
    world_destroy(world);
}

static void test_bad_backings(void **state) {
    (void)state;
    const struct device_options options = {.limits = {.backing_pieces = 3}};
    struct world *world = world_create(&options, 1);
    const uint64_t end = WORLD_RAM + WORLD_RAM_BYTES;
    const struct {
        struct wire_mem_entry second;
        const char *reason;
    } cases[] = {
        {{.address = 0, .length = 1}, "entry 1, 1 bytes at 0x0: not in the guest's memory"},
        {{.address = WORLD_RAM - 1, .length = 2}, "entry 1, 2 bytes at 0xfffff: not"},
        {{.address = end - 1, .length = 2}, "not in the guest's memory"},
        {{.address = end, .length = 1}, "not in the guest's memory"},
        {{.address = UINT64_MAX, .length = 2}, "at 0xffffffffffffffff: not"},
        {{.address = UINT64_MAX - 1, .length = UINT32_MAX}, "not in the guest's memory"},
        {{.address = WORLD_RAM, .length = UINT32_MAX}, "not in the guest's memory"},
        {{.address = WORLD_RAM, .length = 0}, "entry 1, 0 bytes at 0x100000: empty"},
    };
    world_2d(world, 1, 4, 4);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct wire_mem_entry entries[] = {{.address = WORLD_RAM, .length = 4},
                                                 cases[i].second};
        assert_refused(attach_entries(world, 1, 2, entries, 2), WIRE_ERR_INVALID_PARAMETER,
                       "RESOURCE_ATTACH_BACKING", cases[i].reason);
    }
    const struct wire_mem_entry good[4] = {{.address = WORLD_RAM, .length = 4},
                                           {.address = WORLD_RAM, .length = 4},
                                           {.address = WORLD_RAM, .length = 4},
                                           {.address = WORLD_RAM, .length = 4}};
    assert_refused(attach_entries(world, 1, 0, good, 1), WIRE_ERR_INVALID_PARAMETER,
                   "RESOURCE_ATTACH_BACKING", "0 entries");
    assert_refused(attach_entries(world, 1, 3, good, 2), WIRE_ERR_INVALID_PARAMETER,
                   "RESOURCE_ATTACH_BACKING", "3 entries: the request has 2");
    assert_refused(attach_entries(world, 1, UINT32_MAX, good, 2), WIRE_ERR_OUT_OF_MEMORY,
                   "RESOURCE_ATTACH_BACKING", "4294967295 entries: the limit is 3");
    assert_refused(attach_entries(world, 1, 4, good, 4), WIRE_ERR_OUT_OF_MEMORY,
                   "RESOURCE_ATTACH_BACKING", "--max-backing-pieces");
    assert_refused(attach_entries(world, 2, 1, good, 1), WIRE_ERR_INVALID_RESOURCE_ID,
                   "RESOURCE_ATTACH_BACKING", "resource_id 2: no such resource");
    assert_ok(attach_entries(world, 1, 3, good, 3));
    device_set_memory(world->device, NULL);
    world_2d(world, 2, 4, 4);
    assert_refused(attach_entries(world, 2, 1, good, 1), WIRE_ERR_UNSPEC, "RESOURCE_ATTACH_BACKING",
                   "memory is not known");
    world_destroy(world);
}

/* ---- transfers --------------------------------------------------------------------------- */

static struct answer *transfer(struct world *world, uint32_t id, struct wire_rect rect,
                               uint64_t offset) {
    return SEND(world, wire_transfer_2d, WIRE_TRANSFER_TO_HOST_2D, .resource_id = id, .rect = rect,
                .offset = offset);
}

static struct answer *set_scanout(struct world *world, uint32_t scanout, uint32_t id,
                                  struct wire_rect rect) {
    return SEND(world, wire_set_scanout, WIRE_SET_SCANOUT, .scanout_id = scanout, .resource_id = id,
                .rect = rect);
}

/* Pixel x, y of an 8 × 6 picture is 100 y + x; its bytes lie in pieces of many sizes. */
static void scatter_picture(struct world *world, uint32_t id) {
    enum { PIECES = 5 };
    static const struct wire_mem_entry entries[PIECES] = {
        {.address = WORLD_RAM + 3000, .length = 7},   {.address = WORLD_RAM + 100, .length = 1},
        {.address = WORLD_RAM + 8192, .length = 60},  {.address = WORLD_RAM + 5, .length = 30},
        {.address = WORLD_RAM + 20000, .length = 94}, /* 192 in all */
    };
    uint32_t pixels[6][8];
    for (uint32_t y = 0; y < 6; y++) {
        for (uint32_t x = 0; x < 8; x++) {
            pixels[y][x] = 100 * y + x;
        }
    }
    const uint8_t *bytes = (const uint8_t *)pixels;
    for (int i = 0; i < PIECES; i++) {
        memcpy(world->ram + (entries[i].address - WORLD_RAM), bytes, entries[i].length);
        bytes += entries[i].length;
    }
    assert_ok(attach_entries(world, id, PIECES, entries, PIECES));
}

static void test_transfer(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    world_2d(world, 1, 8, 6);
    scatter_picture(world, 1);
    assert_ok(set_scanout(world, 0, 1, (struct wire_rect){0, 0, 8, 6}));
    assert_int_equal(fake_presenter_pixel(&world->presenter, 0, 3, 3), 0);

    /* A part: 3 × 2 at 4, 1; the offset names its first pixel. */
    assert_ok(transfer(world, 1, (struct wire_rect){4, 1, 3, 2}, (1 * 8 + 4) * 4));
    for (uint32_t y = 0; y < 6; y++) {
        for (uint32_t x = 0; x < 8; x++) {
            const bool inside = x >= 4 && x < 7 && y >= 1 && y < 3;
            assert_int_equal(fake_presenter_pixel(&world->presenter, 0, x, y),
                             inside ? 100 * y + x : 0);
        }
    }
    /* The offset says where from: here the first rows to the last. */
    assert_ok(transfer(world, 1, (struct wire_rect){0, 4, 8, 2}, 0));
    assert_int_equal(fake_presenter_pixel(&world->presenter, 0, 7, 5), 107);
    /* All of it. */
    assert_ok(transfer(world, 1, (struct wire_rect){0, 0, 8, 6}, 0));
    for (uint32_t y = 0; y < 6; y++) {
        for (uint32_t x = 0; x < 8; x++) {
            assert_int_equal(fake_presenter_pixel(&world->presenter, 0, x, y), 100 * y + x);
        }
    }
    /* Nothing of it. */
    assert_ok(transfer(world, 1, (struct wire_rect){8, 6, 0, 0}, UINT64_MAX));
    world_destroy(world);
}

static void test_bad_transfers(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    world_2d(world, 1, 8, 6);
    assert_refused(transfer(world, 1, (struct wire_rect){0, 0, 8, 6}, 0), WIRE_ERR_UNSPEC,
                   "TRANSFER_TO_HOST_2D", "has no backing");
    scatter_picture(world, 1);
    static const struct {
        struct wire_rect rect;
        uint64_t offset;
        const char *reason;
    } cases[] = {
        {{0, 0, 9, 1}, 0, "9 × 1 pixels at 0, 0: outside of 8 × 6"},
        {{0, 0, 1, 7}, 0, "outside of 8 × 6"},
        {{1, 0, 8, 1}, 0, "outside of 8 × 6"},
        {{0, 6, 1, 1}, 0, "outside of 8 × 6"},
        {{UINT32_MAX, 0, 2, 1}, 0, "outside of 8 × 6"},
        {{0, UINT32_MAX, 1, 2}, 0, "outside of 8 × 6"},
        {{2, 2, UINT32_MAX, UINT32_MAX}, 0, "outside of 8 × 6"},
        {{0, 0, 8, 6}, 1, "from offset 1: the backing has 192 bytes"},
        {{0, 0, 1, 1}, 189, "from offset 189"},
        {{0, 0, 1, 1}, UINT64_MAX, "from offset 18446744073709551615"},
        {{0, 0, 1, 6}, UINT64_MAX - 100, "from offset"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_refused(transfer(world, 1, cases[i].rect, cases[i].offset),
                       WIRE_ERR_INVALID_PARAMETER, "TRANSFER_TO_HOST_2D", cases[i].reason);
    }
    assert_ok(transfer(world, 1, (struct wire_rect){0, 0, 1, 1}, 188)); /* the last pixel */
    assert_refused(transfer(world, 2, (struct wire_rect){0, 0, 1, 1}, 0),
                   WIRE_ERR_INVALID_RESOURCE_ID, "TRANSFER_TO_HOST_2D", "resource_id 2");
    world_guest_blob(world, 3, WORLD_RAM, (uint32_t)platform_page_size());
    assert_refused(transfer(world, 3, (struct wire_rect){0, 0, 1, 1}, 0),
                   WIRE_ERR_INVALID_PARAMETER, "TRANSFER_TO_HOST_2D", "resource_id 3: a blob");
    world_destroy(world);
}

/* The pieces keep their memory while the table changes under them. */
static void test_memory_table_changes(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    struct guest_region *region;
    struct guest_memory *memory;
    int fd;
    void *bytes;
    assert_int_equal(platform_shm_create("vesper-test", platform_page_size(), &fd), 0);
    assert_int_equal(platform_map_shared(fd, platform_page_size(), &bytes), 0);
    assert_int_equal(guest_region_create(fd, 0x4000, platform_page_size(), 0, &region), 0);
    assert_int_equal(guest_memory_create(&region, 1, &memory), 0);
    guest_region_unref(region);
    device_set_memory(world->device, memory);
    guest_memory_unref(memory);
    world_2d(world, 1, 2, 2);
    world_backing(world, 1, 0x4000, 16);
    device_set_memory(world->device, NULL);

    memset(bytes, 0x42, 16);
    assert_ok(transfer(world, 1, (struct wire_rect){0, 0, 2, 2}, 0));
    assert_ok(set_scanout(world, 0, 1, (struct wire_rect){0, 0, 2, 2}));
    assert_int_equal(fake_presenter_pixel(&world->presenter, 0, 1, 1), 0x42424242);
    assert_ok(SEND(world, wire_resource, WIRE_RESOURCE_UNREF, .resource_id = 1));
    platform_unmap(bytes, platform_page_size());
    world_destroy(world);
}

/* ---- UUIDs ------------------------------------------------------------------------------- */

static struct answer *assign_uuid(struct world *world, uint32_t id) {
    return SEND(world, wire_resource, WIRE_RESOURCE_ASSIGN_UUID, .resource_id = id);
}

static void test_uuid(void **state) {
    (void)state;
    struct world *world = world_create(NULL, 1);
    world_2d(world, 1, 4, 4);
    world_2d(world, 2, 4, 4);
    struct answer *first = assign_uuid(world, 1);
    assert_answered(first, WIRE_OK_RESOURCE_UUID);
    assert_int_equal(first->size, 24 + 16);
    struct answer *again = assign_uuid(world, 1);
    struct answer *other = assign_uuid(world, 2);
    assert_memory_equal(first->bytes + 24, again->bytes + 24, 16);
    assert_memory_not_equal(first->bytes + 24, other->bytes + 24, 16);
    assert_int_equal(first->bytes[24 + 6] >> 4, 4);
    assert_int_equal(first->bytes[24 + 8] >> 6, 2);
    assert_refused(assign_uuid(world, 3), WIRE_ERR_INVALID_RESOURCE_ID, "RESOURCE_ASSIGN_UUID",
                   "resource_id 3");
    world_destroy(world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),
        cmocka_unit_test(test_bad_creations),
        cmocka_unit_test(test_backing),
        cmocka_unit_test(test_bad_backings),
        cmocka_unit_test(test_transfer),
        cmocka_unit_test(test_bad_transfers),
        cmocka_unit_test(test_memory_table_changes),
        cmocka_unit_test(test_uuid),
    };
    return cmocka_run_group_tests_name("device 2D", tests, NULL, NULL) ? 1 : 0;
}
