/* What every stream test shares: a healthy second guest in the same process, and the assertion
 * that a context has ended for exactly one reason. Include behind cmocka.h. */
#ifndef VESPER_TESTS_STREAM_EXPECT_H
#define VESPER_TESTS_STREAM_EXPECT_H

#include "guest.h"

/* Group fixtures: the spy driver is put in place; at the end nothing may be left behind. */
int expect_setup(void **state);
int expect_teardown(void **state);
/* Test fixture: what the test before has set up in the driver ends. */
int expect_reset(void **state);

/* The context is lost, told once, with exactly this reason; all its rings are FATAL, its fences
 * retire, and blobs are refused. Destroys `g`; the second guest has not been harmed. */
void expect_refusal(struct guest *g, const char *reason);

/* The second guest, which lives as long as the group, does a round trip on both its streams. */
void expect_witness_is_well(void);

#endif
