/* What each fuzz target gives: libFuzzer's two functions, and seeds. */
#ifndef VESPER_TESTS_FUZZ_TARGET_H
#define VESPER_TESTS_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Calls `emit` with inputs that are good ones, from which mutations start. */
typedef void (*target_emit)(const void *bytes, size_t size, void *user);
void target_make_seeds(target_emit emit, void *user);

#endif
