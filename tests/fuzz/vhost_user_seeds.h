/* What fuzz_vhost_user.c and its seeds share: the language of the inputs. Each item begins with an
 * opcode:
 *   0 … 127  message N of vhost_user_requests: a byte of flags, a byte of descriptors (their number in the
 *            low four bits, of which kind in the high ones), a byte of size, the payload
 *   128 …    see `enum opcode` */
#ifndef VESPER_TESTS_FUZZ_VHOST_USER_SEEDS_H
#define VESPER_TESTS_FUZZ_VHOST_USER_SEEDS_H

#include <stdint.h>

#include "around_device.h"
#include "frontend/vhost_user/wire.h"

#define USER_ADDRESS UINT64_C(0x7f0000000000) /* the monitor's */

enum opcode {
    OP_RAW = 128, /* a byte of size, as many bytes on the control socket */
    OP_WRITE, /* two bytes of offset in the guest's memory, a byte of size, the bytes */
    OP_KICK, /* a byte: the queue */
    OP_ANSWER, /* our oldest request; a byte: 0 well, 255 with bytes of no sense, else badly */
    OP_CONTEXTS, /* make blobs, retire fences */
    OP_RECONNECT,
    OP_CLOSE_CHANNEL,
    OP_DISPLAY, /* a byte: the size */
};

enum fd_kind { FD_RAM, FD_KICK, FD_CALL = FD_KICK + DEVICE_QUEUE_COUNT, FD_CHANNEL, FD_KINDS };

#define VHOST_USER_REQUESTS 23
extern const uint32_t vhost_user_requests[VHOST_USER_REQUESTS];

#endif
