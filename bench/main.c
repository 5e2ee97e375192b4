#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct program {
    const char *name;
    void (*run)(struct bench *b);
    const char *about;
} programs[] = {
    {"draws", bench_draws, "draws and descriptor updates per second"},
    {"latency", bench_latency, "a call with a reply; an empty submission and its fence"},
    {"memory", bench_memory, "allocations, mappings, buffers"},
    {"transfer", bench_transfer, "many fills; one large copy"},
    {"start", bench_first_submit, "process start to first completed submission"},
    {"hold", bench_hold, "hold a device and memory, so that the server can be looked at"},
};
#define PROGRAM_COUNT (sizeof(programs) / sizeof(programs[0]))

static int usage(FILE *out) {
    fprintf(out, "usage: vesper-bench PROGRAM [--only FIGURE] [--step] [--started NS]\n\n");
    for (size_t i = 0; i < PROGRAM_COUNT; i++) {
        fprintf(out, "  %-9s %s\n", programs[i].name, programs[i].about);
    }
    fprintf(out, "\nPrints `NAME VALUE UNIT` for each figure.\n"
                 "--only FIGURE measure this figure of the program alone\n"
                 "--step        wait for a line on stdin before and after each figure\n"
                 "--started NS  CLOCK_MONOTONIC at which this process was started\n");
    return out == stdout ? 0 : 2;
}

int main(int argc, char **argv) {
    struct bench bench = {.started_ns = bench_now()};
    if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
        return usage(stdout);
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--step") == 0) {
            bench.step = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            bench.only = argv[++i];
        } else if (strcmp(argv[i], "--started") == 0 && i + 1 < argc) {
            bench.started_ns = strtoull(argv[++i], NULL, 10);
        } else {
            return usage(stderr);
        }
    }
    for (size_t i = 0; argc >= 2 && i < PROGRAM_COUNT; i++) {
        if (strcmp(argv[1], programs[i].name) == 0) {
            programs[i].run(&bench);
            return 0;
        }
    }
    return usage(stderr);
}
