/* A device that does what its requests say, instead of virtio-gpu: for tests of the transport.
 *
 * A request begins with {u32 opcode, u32 argument, u64 a, u64 b}, little-endian; shorter ones are
 * answered with nothing. The operations:
 *
 *  1 ECHO     answers {u32 queue, u32 size, u64 capacity} and the request's bytes, cut to capacity
 *  2 PARK     is answered later, as ECHO, by RELEASE of the same argument
 *  3 RELEASE  answers those parked with `argument`, newest first, then itself with their count
 *  4 LATER    is answered as ECHO from device_dispatch
 *  5 MAP      maps new memory of b bytes at offset a, whose first word is `argument`;
 *             answered with {i64 error} when that is known
 *  6 UNMAP    takes it away again; the same answer
 *  7 CONFIG   num_scanouts becomes `argument`, and the guest is told; answered at once
 *  8 READ     answers {u64 1 or 0} and b bytes of guest memory at address a, 0 if it is outside
 *  9 COUNTS   answers {u64 resets, u64 tables, u64 parked, u64 features, u64 mappings}
 * 10 SLEEP    blocks the device for `argument` milliseconds, which no device may do */
#ifndef VESPER_TEST_FAKE_DEVICE_H
#define VESPER_TEST_FAKE_DEVICE_H

#include <stdint.h>

enum fake_opcode {
    FAKE_ECHO = 1,
    FAKE_PARK,
    FAKE_RELEASE,
    FAKE_LATER,
    FAKE_MAP,
    FAKE_UNMAP,
    FAKE_CONFIG,
    FAKE_READ,
    FAKE_COUNTS,
    FAKE_SLEEP,
};

struct fake_operation {
    uint32_t opcode, argument;
    uint64_t a, b;
};

#endif
