/* What the fuzz targets put around a virtio-gpu device: contexts and a presenter that need nothing
 * and check what they are asked. */
#ifndef VESPER_TESTS_FUZZ_AROUND_DEVICE_H
#define VESPER_TESTS_FUZZ_AROUND_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "device/device.h"

#define FUZZ_RAM_BYTES 0x10000
#define FUZZ_RAM_ADDRESS 0x10000 /* the guest's */
#define FUZZ_REGION_BYTES (UINT64_C(1) << 24)
#define FUZZ_SCANOUTS 2

struct fuzz_presenter {
    struct presenter base;
    struct presenter_listener listener;
    void *user;
    bool answers_at_once; /* flushes; else whoever made it does */
    bool shown[FUZZ_SCANOUTS];
    uint64_t token; /* of the last flush */
};

/* Sets `presenter` up, whose members are zero but for answers_at_once, and *out for a device with
 * small limits in front of it and of the contexts below. */
void fuzz_device_options(struct fuzz_presenter *presenter, struct device_options *out);

/* What a context says. Any thread. */
enum fuzz_word {
    FUZZ_ANSWER_BLOB, /* the oldest that was asked for, with fresh memory */
    FUZZ_REFUSE_BLOB,
    FUZZ_RETIRE, /* the last fence on ring `argument` % 64 */
    FUZZ_LOSE,
};
/* Says it of context `index` modulo their number, where there is one. */
void fuzz_context_speak(uint32_t index, enum fuzz_word word, uint32_t argument);
/* All contexts answer all blobs and retire all fences. */
void fuzz_contexts_answer(void);
bool fuzz_contexts_are_gone(void);

#endif
