/* A context without Vulkan, for tests of frontends: it keeps the contract of renderer/context.h
 * with threads of its own and executes a tiny language instead of Venus.
 *
 * A command is an opcode dword and its arguments; {R, O, V} stand for a resource id, the byte
 * offset of a word in it (a multiple of 4), and a value:
 *   1 WAIT R O V            the stream goes on when the word is V
 *   2 STORE R O V           sets the word
 *   3 ADD R O V             adds to the word
 *   4 BIND I                binds ring_idx I
 *   5 HOLD I R O V          fences made later on ring_idx I retire when the word is V
 *   6 LOSE                  ends the context
 *   7 DESTROY_WAIT R O V    destroy waits for the word (10 s at most)
 *   8 VANISH                ends the context, which says so and answers nothing ever after, as
 *                           one whose process has died
 * Anything else ends the context. Blob id 0 gives shared memory, 1 … 999 shared memory as well,
 * 1000 and above are refused with "no such memory". */
#ifndef VESPER_TESTS_FAKE_CONTEXT_H
#define VESPER_TESTS_FAKE_CONTEXT_H

#include "renderer/context.h"

/* Same contract as renderer_context_create. */
int fake_context_create(const char *name, const struct context_limits *limits,
                        const struct context_listener *listener, void *user, struct context **out);
/* Byte N is N. */
void fake_get_capset(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]);

#endif
