/* Thousands of frames leave nothing behind: descriptors, threads, mappings and memory are the same after
 * them as they were before. */
#include <dirent.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/open_descriptors.h"
#include "display/update.h"
#include "stand.h"

enum {
    WARM_UP = 1000, /* frames after which, twice, all that is kept has been made */
    FRAMES = 10000,
    /* What the allocator and the driver may do as they like: less than 27 bytes a frame, which is
     * less than what any structure of ours has. */
    HEAP_SLACK = 256 << 10,
    RESIDENT_SLACK = 4 << 20,
    MAPPINGS_SLACK = 2
};

static const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 64, .height = 48};

struct size {
    int descriptors, threads, mappings;
    long long heap, resident; /* bytes */
    uint32_t objects;
};

static int count_lines(const char *path) {
    FILE *file = fopen(path, "r");
    int count = 0;
    for (int c = file ? fgetc(file) : EOF; c != EOF; c = fgetc(file)) {
        count += c == '\n';
    }
    if (file) {
        fclose(file);
    }
    return count;
}

static int count_threads(void) {
    DIR *folder = opendir("/proc/self/task");
    int count = 0;
    while (folder && readdir(folder)) {
        count++;
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

/* The size that follows the last `key` of the allocator's report: that of all arenas. */
static long long find_size(const char *report, const char *key) {
    const char *last = NULL;
    for (const char *at = report; (at = strstr(at, key)); at++) {
        last = at;
    }
    const char *size = last ? strstr(last, "size=\"") : NULL;
    return size ? strtoll(size + strlen("size=\""), NULL, 10) : 0;
}

static long long count_heap(void) {
    char *report = NULL;
    size_t length = 0;
    FILE *file = open_memstream(&report, &length);
    assert_non_null(file);
    assert_int_equal(malloc_info(0, file), 0);
    fclose(file);
    const long long heap =
        find_size(report, "<system type=\"current\"") + find_size(report, "<total type=\"mmap\"") -
        find_size(report, "<total type=\"fast\"") - find_size(report, "<total type=\"rest\"");
    free(report);
    return heap;
}

static long long count_resident(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long long all = 0, resident = 0;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lld %lld", &all, &resident), 2);
    fclose(file);
    return resident * 4096;
}

static struct size measure(void) {
    struct host_counts counts;
    stand_control()->get_counts(&counts);
    return (struct size){.descriptors = count_open_descriptors(),
                         .threads = count_threads(),
                         .mappings = count_lines("/proc/self/maps"),
                         .heap = count_heap(),
                         .resident = count_resident(),
                         .objects = counts.objects};
}

static void compare(const char *what, const struct size *before, const struct size *after) {
    print_message("%s: %d frames, heap %+lld bytes, resident %+lld bytes, mappings %+d\n", what,
                  FRAMES, after->heap - before->heap, after->resident - before->resident,
                  after->mappings - before->mappings);
    assert_int_equal(after->descriptors, before->descriptors);
    assert_int_equal(after->threads, before->threads);
    assert_int_equal(after->objects, before->objects);
    assert_true(after->mappings <= before->mappings + MAPPINGS_SLACK);
    assert_true(after->heap < before->heap + HEAP_SLACK);
    assert_true(after->resident < before->resident + RESIDENT_SLACK);
}

/* ---- frames ---------------------------------------------------------------------------------- */

struct play {
    struct stand stand;
    struct canvas canvases[2];
    uint32_t cursor[DISPLAY_CURSOR_PIXELS];
    bool flips;
};

static void show_frames(struct play *play, int count) {
    struct stand *stand = &play->stand;
    const struct presenter_ops *ops = stand->presenter->ops;
    for (int i = 0; i < count; i++) {
        const struct presenter_rect part = {(uint32_t)i % 40, (uint32_t)i % 30, 20, 15};
        if (play->flips || i == 0) {
            stand_show(stand, 0, &play->canvases[i % 2], NULL);
        } else {
            stand_flush(stand, 0, &part);
        }
        ops->move_cursor(stand->presenter, 0, i % 70, i % 50);
        if (i % 50 == 0) {
            ops->set_cursor(stand->presenter, 0, i % 100 ? play->cursor : NULL, 1, 2);
        }
    }
    /* What is measured next is at rest. */
    free(keeper_read(&stand->keeper, stand->presenter, 0).pixels);
}

static void init_play(struct play *play, bool flips) {
    *play = (struct play){.flips = flips};
    canvas_init(&play->canvases[0], CANVAS_STORAGE, &shape);
    canvas_init(&play->canvases[1], CANVAS_ONE_PIECE, &shape);
}

static void run_play(struct play *play, const char *what) {
    show_frames(play, WARM_UP);
    show_frames(play, WARM_UP);
    const struct size before = measure();
    show_frames(play, FRAMES);
    const struct size after = measure();
    compare(what, &before, &after);
    stand_close(&play->stand);
    canvas_finish(&play->canvases[0]);
    canvas_finish(&play->canvases[1]);
}

static void run(bool flips, bool by_processor, const char *what) {
    static struct play play;
    static const struct stand_options options = {.scanout_count = 1, .read_images = true};
    init_play(&play, flips);
    stand_control()->set_trouble(NULL);
    assert_true(stand_open(&play.stand, &options));
    if (by_processor) {
        screens_use_processor(play.stand.screens, 0);
    } else {
        stand_open_window(&play.stand, 0);
    }
    run_play(&play, what);
}

static void test_swapchain_flipping(void **state) {
    (void)state;
    run(true, false, "swapchain, flipping");
}

static void test_swapchain_drawing_again(void **state) {
    (void)state;
    run(false, false, "swapchain, drawing again");
}

static void test_software_flipping(void **state) {
    (void)state;
    run(true, true, "software, flipping");
}

static void test_software_drawing_again(void **state) {
    (void)state;
    run(false, true, "software, drawing again");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_swapchain_flipping), cmocka_unit_test(test_swapchain_drawing_again),
        cmocka_unit_test(test_software_flipping), cmocka_unit_test(test_software_drawing_again)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
