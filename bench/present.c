/* vesper-bench-present: how long a guest's frame takes to the screen, by the swapchain presenter, by the
 * software presenter, beside a memcpy of it, and beside the path that forks of others take: memory
 * mapped, copied to a staging buffer, copied to the image, waited for without bound.
 *
 * Headless surfaces; VK_DRIVER_FILES chooses the driver. Every round shows a frame in every way, one
 * after the other. Medians, and ratios of medians. */
#include "present.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"

enum { ROUNDS = 31 };

static const struct present_way *const ways[] = {&present_memcpy, &present_zero_copy,
                                                 &present_kept,   &present_software,
                                                 &present_notes,  &present_notes_mapped};
enum { MEMCPY, NOTES = 4, WAYS = sizeof(ways) / sizeof(ways[0]) };

void present_check(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "vesper-bench-present: %s failed\n", what);
        exit(1);
    }
}

static void make_frame(struct present_frame *frame, uint32_t width, uint32_t height) {
    *frame = (struct present_frame){.width = width, .height = height};
    for (int i = 0; i < 2; i++) {
        void *bytes = NULL;
        present_check(storage_create_shm("vesper-bench", 4 * (uint64_t)width * height,
                                         &frame->storages[i]) == 0 &&
                          storage_map(frame->storages[i], &bytes) == 0,
                      "making storage");
        frame->pixels[i] = bytes;
        for (uint32_t at = 0; at < width * height; at++) {
            frame->pixels[i][at] = at * 2654435761u + (uint32_t)i;
        }
    }
}

static int compare(const void *a, const void *b) {
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static double median_us(uint64_t *times) {
    qsort(times, ROUNDS, sizeof(*times), compare);
    return (double)times[ROUNDS / 2] / 1000;
}

static void measure(uint32_t width, uint32_t height) {
    static uint64_t answered[WAYS][ROUNDS], presented[WAYS][ROUNDS];
    struct present_frame frame;
    void *states[WAYS];
    make_frame(&frame, width, height);
    for (int i = 0; i < WAYS; i++) {
        states[i] = ways[i]->open(&frame);
    }
    for (uint32_t round = 0; round < ROUNDS + 2; round++) {
        for (int i = 0; i < WAYS; i++) {
            struct present_times times = {0};
            if (states[i]) {
                ways[i]->show(states[i], round, &times);
            }
            if (round >= 2) { /* the first frames pay for what is kept */
                answered[i][round - 2] = times.answered;
                presented[i][round - 2] = times.presented;
            }
        }
    }
    printf("\n%u x %u, %d rounds\n%-44s %12s %12s %10s %10s\n", width, height, ROUNDS, "",
           "answered us", "presented us", "/ memcpy", "/ forks");
    const double copy = median_us(presented[MEMCPY]), notes = median_us(presented[NOTES]);
    for (int i = 0; i < WAYS; i++) {
        if (!states[i]) {
            printf("%-44s not here\n", ways[i]->name);
            continue;
        }
        const double shown = median_us(presented[i]);
        printf("%-44s %12.0f %12.0f %10.2f %10.2f\n", ways[i]->name, median_us(answered[i]), shown,
               shown / copy, shown / notes);
        ways[i]->close(states[i]);
    }
    storage_unref(frame.storages[0]);
    storage_unref(frame.storages[1]);
}

int main(void) {
    measure(1280, 800);
    measure(3840, 2160);
    return 0;
}
