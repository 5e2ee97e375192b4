/* Every function of Vulkan that the swapchain presenter calls fails, with every result that the
 * specification allows there: its first call, a later one, or all. Meanwhile all flushes are answered
 * and what is read back is right; afterwards Vulkan shows it again, and in the end nothing is left.
 *
 * test_faults [CALL]: all, or the one of this name, with * and ?. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../unit/open_descriptors.h"
#include "display/update.h"
#include "platform/platform.h"
#include "renderer/context.h"
#include "renderer/driver.h"
#include "stand.h"

struct fault_call {
    const char *name;
    const VkResult *results;
    uint32_t count;
};

#include "fault_calls.h"

enum { CALLS = sizeof(fault_calls) / sizeof(fault_calls[0]), TRIES = 5 };
static struct CMUnitTest tests[CALLS + 1];

static const struct stand_options options = {.scanout_count = 1, .read_images = true};
static const struct canvas_shape shape = {.format = PRESENTER_XRGB8888, .width = 48, .height = 32};
static const struct canvas_shape other_shape = {
    .format = PRESENTER_XRGB8888, .width = 53, .height = 29, .stride = 256};

/* ---- what no layer sees ---------------------------------------------------------------------- */

static PFN_vkGetInstanceProcAddr library_entry;

/* The loader answers this one itself. */
static VKAPI_ATTR VkResult VKAPI_CALL enumerate(const char *layer, uint32_t *count,
                                                VkExtensionProperties *out) {
    VkResult trouble;
    if (stand_control()->comes("vkEnumerateInstanceExtensionProperties", &trouble)) {
        return trouble;
    }
    PFN_vkEnumerateInstanceExtensionProperties real =
        (PFN_vkEnumerateInstanceExtensionProperties)library_entry(
            NULL, "vkEnumerateInstanceExtensionProperties");
    const VkResult result = real(layer, count, out);
    return result ? result : trouble;
}

static PFN_vkVoidFunction entry(VkInstance instance, const char *name) {
    return strcmp(name, "vkEnumerateInstanceExtensionProperties") == 0
               ? (PFN_vkVoidFunction)enumerate
               : library_entry(instance, name);
}

/* ---- what is shown --------------------------------------------------------------------------- */

struct play {
    struct stand stand;
    struct canvas still, flipped, scattered;
    struct model model;
    uint32_t cursor[DISPLAY_CURSOR_PIXELS];
    bool sees; /* what is shown can be read back */
};

static struct play *make_play(void) {
    struct play *play = calloc(1, sizeof(*play));
    assert_non_null(play);
    canvas_init(&play->still, CANVAS_STORAGE, &shape);
    canvas_init(&play->flipped, CANVAS_ONE_PIECE, &shape);
    canvas_init(&play->scattered, CANVAS_CRUMBS, &other_shape);
    for (size_t i = 0; i < DISPLAY_CURSOR_PIXELS; i++) {
        play->cursor[i] = 0x80402010;
    }
    play->sees = true;
    return play;
}

static void free_play(struct play *play) {
    canvas_finish(&play->still);
    canvas_finish(&play->flipped);
    canvas_finish(&play->scattered);
    model_finish(&play->model);
    free(play);
}

static void check(struct play *play) {
    if (play->sees) {
        stand_check(&play->stand, 0, &play->model);
    }
}

/* A picture, again with damage, and read in place after another. */
static void act_pictures(struct play *play) {
    struct stand *stand = &play->stand;
    const struct presenter_rect whole = canvas_whole(&play->still), part = {3, 5, 20, 11};
    stand_show(stand, 0, &play->still, &play->model);
    check(play);
    canvas_scribble(&play->still);
    stand_flush(stand, 0, &whole);
    model_flush(&play->model, &play->still, &whole, &whole);
    check(play);
    stand_flush(stand, 0, &part);
    stand_show(stand, 0, &play->flipped, &play->model);
    check(play);
    stand_show(stand, 0, &play->still, &play->model);
    check(play);
}

static void act_cursor(struct play *play) {
    const struct presenter_ops *ops = play->stand.presenter->ops;
    ops->set_cursor(play->stand.presenter, 0, play->cursor, 1, 2);
    ops->move_cursor(play->stand.presenter, 0, 7, 8);
    model_cursor(&play->model, play->cursor, 7, 8, 1, 2);
    check(play);
    ops->set_cursor(play->stand.presenter, 0, NULL, 0, 0);
    model_cursor(&play->model, NULL, 0, 0, 0, 0);
}

/* Another mode, of memory that cannot be imported; and nothing. */
static void act_modes(struct play *play) {
    struct stand *stand = &play->stand;
    stand_show(stand, 0, &play->scattered, &play->model);
    check(play);
    stand->presenter->ops->detach(stand->presenter, 0);
    model_detach(&play->model);
    check(play);
    stand_show(stand, 0, &play->flipped, &play->model);
    check(play);
}

static void act(struct play *play) {
    act_pictures(play);
    act_cursor(play);
    act_modes(play);
}

/* Nothing fails any more: a window that Vulkan has failed in gets another one, as a person's does, and
 * then Vulkan shows it. */
static void recover(struct play *play) {
    struct stand *stand = &play->stand;
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    uint64_t before, now = 0;
    screens_get_path(stand->screens, 0, &before);
    play->sees = true;
    do {
        if (screens_is_by_processor(stand->screens, 0)) {
            stand_close_window(stand, 0);
            stand_open_window(stand, 0);
        }
        stand_show(stand, 0, &play->still, &play->model);
        check(play);
        stand_show(stand, 0, &play->flipped, &play->model);
        check(play);
        screens_get_path(stand->screens, 0, &now);
        assert_true(platform_now_ns() < deadline);
    } while (screens_is_by_processor(stand->screens, 0) || now < before + 2);
}

/* ---- what is left ---------------------------------------------------------------------------- */

struct left {
    struct host_counts counts;
    int descriptors, threads;
};

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

static struct left count_left(void) {
    struct left left = {.descriptors = count_open_descriptors(), .threads = count_threads()};
    stand_control()->get_counts(&left.counts);
    return left;
}

static void check_left(const struct left *before) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    struct left now = count_left();
    /* A thread that was joined may be in the list a little longer. */
    while (now.threads > before->threads && platform_now_ns() < deadline) {
        now = count_left();
    }
    assert_int_equal(now.counts.instances, before->counts.instances);
    assert_int_equal(now.counts.devices, before->counts.devices);
    assert_int_equal(now.counts.surfaces, before->counts.surfaces);
    assert_int_equal(now.counts.objects, before->counts.objects);
    assert_int_equal(now.counts.leaks, before->counts.leaks);
    assert_int_equal(now.counts.mapped_bytes, before->counts.mapped_bytes);
    assert_int_equal(now.descriptors, before->descriptors);
    assert_int_equal(now.threads, before->threads);
}

/* ---- one fault ------------------------------------------------------------------------------- */

/* An image that never comes is a window that nobody sees: it is waited for. */
static bool hides(const char *call, VkResult result, uint32_t number) {
    return number == 0 && strcmp(call, "vkAcquireNextImageKHR") == 0 &&
           (result == VK_TIMEOUT || result == VK_NOT_READY);
}

static void wait_for_call(const char *call) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    while (stand_control()->count_calls(call) == 0) {
        assert_true(platform_now_ns() < deadline);
        platform_cpu_relax();
    }
}

/* Whether the call that should fail was made: frames that come late join, and need fewer. */
static bool run_fault(const char *call, VkResult result, uint32_t number) {
    struct play *play = make_play();
    const struct left before = count_left();
    char fail[128];
    snprintf(fail, sizeof(fail), "%s:%u:%d", call, number, (int)result);
    stand_control()->set_trouble(fail);
    bool is_open = stand_open(&play->stand, &options);
    if (is_open) {
        play->sees = !hides(call, result, number);
        stand_open_window(&play->stand, 0);
        if (!play->sees) {
            wait_for_call(call); /* nothing else waits for the window */
        }
        act(play);
    }
    const uint32_t wanted = number > 0 ? number : 1;
    const bool came = stand_control()->count_calls(call) >= wanted;
    if (is_open && (!came || (number == 0 && result == VK_ERROR_OUT_OF_HOST_MEMORY))) {
        /* A session may end while nothing works; another one comes after that. */
        stand_close(&play->stand);
        check_left(&before);
        is_open = false;
    }
    const bool failed = stand_control()->count_calls(call) >= wanted;
    stand_control()->set_trouble(NULL);
    if (!is_open) {
        assert_true(stand_open(&play->stand, &options));
        stand_open_window(&play->stand, 0);
    }
    recover(play);
    stand_close(&play->stand);
    check_left(&before);
    free_play(play);
    return failed;
}

static void must_fault(const char *call, VkResult result, uint32_t number) {
    int tries = 0;
    while (!run_fault(call, result, number)) {
        if (++tries == TRIES) {
            fail_msg("call %u of %s does not come", number, call);
        }
    }
}

/* How often the function is called where nothing fails. */
static uint32_t count_calls(const char *call) {
    struct play *play = make_play();
    stand_control()->set_trouble(NULL);
    assert_true(stand_open(&play->stand, &options));
    stand_open_window(&play->stand, 0);
    act(play);
    stand_close(&play->stand);
    free_play(play);
    return stand_control()->count_calls(call);
}

static void test_faults(void **state) {
    const struct fault_call *call = *state;
    const uint32_t calls = count_calls(call->name);
    if (calls == 0) {
        fail_msg("%s is never called here: what it may do wrong is not tested", call->name);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        const VkResult result = call->results[i];
        print_message("%s gives %d\n", call->name, (int)result);
        must_fault(call->name, result, 1);
        must_fault(call->name, result, 0);
        if (calls > 1) {
            must_fault(call->name, result, calls / 4 + 2); /* frames may join: not too late */
        }
    }
}

/* ---- a device that is lost, whatever it is asked ------------------------------------------------ */

/* Rules for all calls of a device that may say so. */
static void list_lost(char *out, size_t size) {
    *out = '\0';
    for (int i = 0; i < CALLS; i++) {
        const struct fault_call *call = &fault_calls[i];
        for (uint32_t j = 0; j < call->count; j++) {
            if (call->results[j] == VK_ERROR_DEVICE_LOST && strcmp(call->name, "vkCreateDevice")) {
                const size_t length = strlen(out);
                snprintf(out + length, size - length, "%s%s:0:%d", length ? "," : "", call->name,
                         (int)VK_ERROR_DEVICE_LOST);
            }
        }
    }
}

static void test_lost_device(void **state) {
    struct play *play = make_play();
    const struct left before = count_left();
    char fail[512];
    (void)state;
    list_lost(fail, sizeof(fail));
    assert_non_null(strstr(fail, "vkWaitForFences"));
    stand_control()->set_trouble(NULL);
    assert_true(stand_open(&play->stand, &options));
    stand_open_window(&play->stand, 0);
    act(play);
    stand_control()->set_trouble(fail);
    act(play);
    assert_true(screens_is_by_processor(play->stand.screens, 0));
    stand_control()->set_trouble(NULL);
    recover(play);
    stand_control()->set_trouble(fail);
    act(play);
    stand_close(&play->stand);
    stand_control()->set_trouble(NULL);
    check_left(&before);
    free_play(play);
}

int main(int argc, char **argv) {
    char reason[256];
    if (renderer_open_driver(reason, sizeof(reason))) {
        printf("skipped: %s\n", reason);
        return 77;
    }
    library_entry = driver_get_entry();
    stand_control(); /* holds the driver, by the library's own entry */
    driver_set_entry(entry);
    for (int i = 0; i < CALLS; i++) {
        tests[i] = (struct CMUnitTest){.name = fault_calls[i].name,
                                       .test_func = test_faults,
                                       .initial_state = (void *)(uintptr_t)&fault_calls[i]};
    }
    tests[CALLS] = (struct CMUnitTest)cmocka_unit_test(test_lost_device);
    if (argc == 2) {
        cmocka_set_test_filter(argv[1]);
    }
    const int failed = _cmocka_run_group_tests("faults", tests, CALLS + 1, NULL, NULL);
    return failed ? 1 : 0;
}
