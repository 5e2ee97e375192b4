/* Runs a fuzz target without libFuzzer, everywhere the project builds: every seed, and
 * deterministic mutations of them.
 *   PROGRAM [MUTATIONS]        runs them (default 2000)
 *   PROGRAM --write DIRECTORY  writes the seeds as files, for libFuzzer */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

struct seeds {
    uint8_t **bytes;
    size_t *sizes;
    size_t count;
};

static void fail(const char *what) {
    fprintf(stderr, "fuzz replay: %s failed\n", what);
    exit(1);
}

static void keep(const void *bytes, size_t size, void *user) {
    struct seeds *seeds = user;
    seeds->bytes = realloc(seeds->bytes, (seeds->count + 1) * sizeof(*seeds->bytes));
    seeds->sizes = realloc(seeds->sizes, (seeds->count + 1) * sizeof(*seeds->sizes));
    uint8_t *copy = malloc(size ? size : 1);
    if (!seeds->bytes || !seeds->sizes || !copy) {
        fail("memory");
        return;
    }
    memcpy(copy, bytes, size);
    seeds->bytes[seeds->count] = copy;
    seeds->sizes[seeds->count++] = size;
}

static void seeds_free(struct seeds *seeds) {
    for (size_t i = 0; i < seeds->count; i++) {
        free(seeds->bytes[i]);
    }
    free(seeds->bytes);
    free(seeds->sizes);
}

/* ---- mutations --------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = *state ^ *state >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ x >> 33;
}

static void change_word(uint8_t *bytes, size_t size, uint64_t *random) {
    static const uint32_t values[] = {0, 1, 4, 0x7fffffff, 0x80000000, UINT32_MAX - 3, UINT32_MAX};
    if (size >= 4) {
        memcpy(bytes + next_random(random) % (size - 3), &values[next_random(random) % 7], 4);
    }
}

/* Changes `bytes`; gives the new size, at most the old one. */
static size_t mutate(uint8_t *bytes, size_t size, uint64_t *random) {
    for (uint64_t i = next_random(random) % 4 + 1; i > 0 && size > 0; i--) {
        switch (next_random(random) % 4) {
        case 0:
            bytes[next_random(random) % size] ^= (uint8_t)(1 << next_random(random) % 8);
            break;
        case 1:
            bytes[next_random(random) % size] = (uint8_t)next_random(random);
            break;
        case 2:
            change_word(bytes, size, random);
            break;
        default:
            size -= next_random(random) % size / 2;
            break;
        }
    }
    return size;
}

static void run(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) {
        fail("memory");
        return;
    }
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_mutations(const struct seeds *seeds, unsigned long count) {
    uint64_t random = 20250101;
    for (unsigned long i = 0; i < count; i++) {
        const size_t seed = next_random(&random) % seeds->count;
        uint8_t *copy = malloc(seeds->sizes[seed] ? seeds->sizes[seed] : 1);
        if (!copy) {
            fail("memory");
            return;
        }
        memcpy(copy, seeds->bytes[seed], seeds->sizes[seed]);
        run(copy, mutate(copy, seeds->sizes[seed], &random));
        free(copy);
    }
}

static void write_seeds(const struct seeds *seeds, const char *directory) {
    for (size_t i = 0; i < seeds->count; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/seed-%zu", directory, i);
        FILE *file = fopen(path, "wb");
        if (!file || fwrite(seeds->bytes[i], 1, seeds->sizes[i], file) != seeds->sizes[i] ||
            fclose(file)) {
            fail(path);
        }
    }
}

int main(int argc, char **argv) {
    LLVMFuzzerInitialize(&argc, &argv);
    struct seeds seeds = {0};
    target_make_seeds(keep, &seeds);
    if (seeds.count == 0) {
        fail("making seeds");
    }
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        write_seeds(&seeds, argv[2]);
    } else {
        unsigned long mutations = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000;
        for (size_t i = 0; i < seeds.count; i++) {
            run(seeds.bytes[i], seeds.sizes[i]);
        }
        run_mutations(&seeds, mutations);
        printf("%zu seeds and %lu mutations\n", seeds.count, mutations);
    }
    seeds_free(&seeds);
    return 0;
}
