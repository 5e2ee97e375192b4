#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "../unit/open_descriptors.h"
#include "expect.h"
#include "renderer/driver.h"
#include "renderer/storage.h"
#include "spy_driver.h"

static struct {
    struct guest *guest;
    struct guest_stream *ring;
    int descriptors;
    uint64_t storages;
} witness;

static uint64_t count_storages(void) {
    uint64_t count, bytes;
    storage_get_totals(&count, &bytes);
    return count;
}

int expect_setup(void **state) {
    (void)state;
    driver_set_entry(spy_driver_entry);
    witness.descriptors = count_open_descriptors();
    witness.storages = count_storages();
    witness.guest = guest_create_open(NULL);
    witness.ring = guest_create_ring(witness.guest, 16384, 0);
    return 0;
}

int expect_teardown(void **state) {
    (void)state;
    spy_reset();
    expect_witness_is_well();
    guest_destroy(witness.guest);
    guest_need(spy_live_objects() == 0, "no host object is left behind");
    guest_need(count_storages() == witness.storages, "no storage is left behind");
    guest_need(count_open_descriptors() == witness.descriptors, "no descriptor is left behind");
    return 0;
}

int expect_reset(void **state) {
    (void)state;
    spy_reset();
    return 0;
}

void expect_witness_is_well(void) {
    guest_check_round_trip(witness.guest->context_stream);
    guest_check_round_trip(witness.ring);
    assert_false(guest_is_lost(witness.guest));
    assert_int_equal(atomic_load(witness.ring->status) & GUEST_RING_FATAL, 0);
}

void expect_refusal(struct guest *g, const char *reason) {
    assert_string_equal(guest_wait_lost(g), reason);
    for (struct guest_stream *ring = g->rings; ring; ring = ring->next_ring) {
        assert_true(guest_wait_word(ring->status, GUEST_RING_FATAL, GUEST_RING_FATAL));
    }
    guest_flush(g);
    guest_wait_fence(g, 5, guest_fence(g, 5));
    assert_int_equal(guest_create_blob(g, 0x7fffffff, 0, CONTEXT_BLOB_MAPPABLE, 4096, NULL), -EIO);
    assert_string_equal(g->blob_reason, "the context is lost");
    assert_int_equal(g->lost_count, 1);
    guest_destroy(g);
    expect_witness_is_well();
}
