/* Ends the program where something that must hold does not: the fuzzer keeps the input. */
#ifndef VESPER_TESTS_FUZZ_NEED_H
#define VESPER_TESTS_FUZZ_NEED_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void need(bool ok, const char *what) {
    if (!ok) {
        fprintf(stderr, "fuzz: %s: failed\n", what);
        abort();
    }
}

#endif
