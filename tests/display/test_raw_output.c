/* Raw frames: their format, readers that are slow, gone, late; FIFOs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../unit/open_descriptors.h"
#include "backend.h"
#include "canvas.h"
#include "display/capture.h"
#include "display/raw_output.h"
#include "model.h"
#include "platform/platform.h"

/* Larger than a pipe: a frame is never written at once. */
static const struct canvas_shape shape = {
    .format = PRESENTER_XRGB8888, .width = 320, .height = 240};

static struct presenter *presenter;
static struct answers answers;
static struct canvas canvas;
static struct presenter_rect whole;
static struct test_folder folder;
static uint64_t token;

static void begin(int fd, const char *path) {
    const struct capture_options options = {.scanout_count = 2, .raw_fd = fd, .raw_path = path};
    assert_int_equal(capture_presenter_create(&options, &presenter), 0);
    presenter->ops->set_listener(presenter, &answers_listener, &answers);
}

static void attach(uint32_t scanout) {
    assert_int_equal(presenter->ops->attach(presenter, scanout, &canvas.picture, &whole), 0);
}

static int setup(void **state) {
    (void)state;
    answers_init(&answers);
    canvas_init(&canvas, CANVAS_STORAGE, &shape);
    whole = canvas_whole(&canvas);
    test_folder_make(&folder);
    token = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    presenter->ops->destroy(presenter);
    test_folder_remove(&folder);
    canvas_finish(&canvas);
    answers_finish(&answers);
    return 0;
}

static void flush(uint32_t scanout, const struct presenter_rect *damage) {
    presenter->ops->flush(presenter, scanout, damage, ++token);
    answers_wait(&answers, token);
}

/* Every pixel gets the same word; the screen then shows that colour. */
static void paint(uint32_t word) {
    for (uint32_t y = 0; y < shape.height; y++) {
        for (uint32_t x = 0; x < shape.width; x++) {
            canvas_put(&canvas, x, y, word);
        }
    }
}

/* ---- reading ----------------------------------------------------------------------------- */

struct frame {
    uint32_t scanout, flags, width, height, stride, format;
    uint64_t serial;
    struct presenter_rect damage;
    uint8_t *rows;
};

static uint32_t get_u32(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t get_u64(const uint8_t *bytes) {
    return get_u32(bytes) | (uint64_t)get_u32(bytes + 4) << 32;
}

/* All of it, or the test fails. */
static void read_all(int fd, uint8_t *out, size_t size) {
    while (size > 0) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&polled, 1, (int)(BACKEND_PATIENCE_NS / 1000000)), 1);
        ssize_t count = read(fd, out, size);
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
            continue;
        }
        assert_true(count > 0);
        out += count;
        size -= (size_t)count;
    }
}

static struct frame read_frame(int fd) {
    uint8_t header[RAW_OUTPUT_HEADER_SIZE];
    read_all(fd, header, sizeof(header));
    assert_memory_equal(header, "VESPERFB", 8);
    assert_int_equal(get_u32(header + 8), 1);
    assert_int_equal(get_u32(header + 12), 72);
    struct frame frame = {
        .scanout = get_u32(header + 16),
        .flags = get_u32(header + 20),
        .serial = get_u64(header + 24),
        .width = get_u32(header + 32),
        .height = get_u32(header + 36),
        .stride = get_u32(header + 40),
        .format = get_u32(header + 44),
        .damage = {get_u32(header + 48), get_u32(header + 52), get_u32(header + 56),
                   get_u32(header + 60)},
    };
    assert_int_equal(frame.format, PRESENTER_XRGB8888);
    assert_int_equal(frame.stride, 4 * frame.width);
    assert_true(frame.damage.width > 0 && frame.damage.height > 0);
    assert_true(frame.damage.x + frame.damage.width <= frame.width);
    assert_true(frame.damage.y + frame.damage.height <= frame.height);
    const uint64_t size = get_u64(header + 64);
    assert_true(size == (uint64_t)frame.stride * frame.height);
    frame.rows = malloc(size);
    assert_non_null(frame.rows);
    read_all(fd, frame.rows, size);
    return frame;
}

static uint32_t pixel_of(const struct frame *frame, uint32_t x, uint32_t y) {
    return get_u32(frame->rows + (size_t)frame->stride * y + 4 * (size_t)x);
}

static void check_frame(const struct frame *frame, const struct model *model) {
    assert_int_equal(frame->width, model->width);
    assert_int_equal(frame->height, model->height);
    for (uint32_t y = 0; y < frame->height; y++) {
        for (uint32_t x = 0; x < frame->width; x++) {
            assert_int_equal(pixel_of(frame, x, y), model_pixel(model, x, y));
        }
    }
}

static void check_damage(const struct frame *frame, uint32_t x, uint32_t y, uint32_t width,
                         uint32_t height) {
    const struct presenter_rect expected = {x, y, width, height};
    assert_memory_equal(&frame->damage, &expected, sizeof(expected));
}

/* Nothing comes for a while. */
static void check_silence(int fd) {
    struct pollfd polled = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&polled, 1, 50), 0);
}

static int make_pipe(void) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    begin(ends[1], NULL);
    return ends[0];
}

/* ---- format ------------------------------------------------------------------------------ */

static void test_frames_follow_flushes(void **state) {
    (void)state;
    struct model model = {0};
    int reader = make_pipe();
    attach(1);
    flush(1, &whole);
    model_show(&model, &canvas, &whole);
    struct frame frame = read_frame(reader);
    assert_int_equal(frame.scanout, 1);
    assert_int_equal(frame.flags, 1);
    assert_int_equal(frame.serial, 1);
    check_damage(&frame, 0, 0, 320, 240);
    check_frame(&frame, &model);
    free(frame.rows);
    const struct presenter_rect part = {10, 20, 30, 40};
    canvas_scribble(&canvas);
    flush(1, &part);
    model_flush(&model, &canvas, &whole, &part);
    frame = read_frame(reader);
    assert_int_equal(frame.serial, 2);
    check_damage(&frame, 10, 20, 30, 40);
    check_frame(&frame, &model);
    free(frame.rows);
    flush(1, &(struct presenter_rect){0, 0, 0, 0}); /* changes nothing */
    check_silence(reader);
    model_finish(&model);
    close(reader);
}

static void test_cursors_make_frames(void **state) {
    (void)state;
    static uint32_t image[PRESENTER_CURSOR_SIZE * PRESENTER_CURSOR_SIZE];
    struct model model = {0};
    int reader = make_pipe();
    memset(image, 0x7f, sizeof(image));
    attach(0);
    flush(0, &whole);
    free(read_frame(reader).rows);
    model_show(&model, &canvas, &whole);
    presenter->ops->set_cursor(presenter, 0, image, 0, 0);
    model_cursor(&model, image, 0, 0, 0, 0);
    struct frame frame = read_frame(reader);
    check_damage(&frame, 0, 0, 64, 64);
    check_frame(&frame, &model);
    free(frame.rows);
    presenter->ops->move_cursor(presenter, 0, 100, -10);
    model_cursor(&model, image, 100, -10, 0, 0);
    frame = read_frame(reader);
    check_damage(&frame, 0, 0, 164, 64);
    check_frame(&frame, &model);
    free(frame.rows);
    model_finish(&model);
    close(reader);
}

static void test_detached_is_a_black_frame(void **state) {
    (void)state;
    int reader = make_pipe();
    attach(0);
    flush(0, &whole);
    free(read_frame(reader).rows);
    presenter->ops->detach(presenter, 0);
    struct frame frame = read_frame(reader);
    assert_int_equal(frame.flags, 0);
    assert_int_equal(pixel_of(&frame, 5, 5), 0xff000000);
    check_damage(&frame, 0, 0, 320, 240);
    free(frame.rows);
    close(reader);
}

static void test_pictures_on_request_are_no_frames(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s/a.png", folder.path);
    int reader = make_pipe();
    attach(0);
    flush(0, &whole);
    free(read_frame(reader).rows);
    assert_int_equal(capture_presenter_write_and_wait(presenter, 0, path,
                                                      platform_now_ns() + BACKEND_PATIENCE_NS),
                     0);
    check_silence(reader);
    close(reader);
}

/* ---- readers that do not keep up --------------------------------------------------------- */

enum { COLOURS = 200 };

/* A reader that only takes over what damage names. */
struct screen {
    uint32_t colour;
    uint8_t rows[4 * 320 * 240];
};

/* Reads until the colour `last` comes; each frame must be of one colour, later than the one
 * before. Returns how many there were. */
static unsigned read_colours(int reader, struct screen *screen, uint32_t last) {
    unsigned count = 0;
    while (screen->colour != last) {
        struct frame frame = read_frame(reader);
        const uint32_t colour = pixel_of(&frame, 0, 0) & 0xffffff;
        assert_true(colour > screen->colour && colour <= last);
        screen->colour = colour;
        count++;
        for (uint32_t y = frame.damage.y; y < frame.damage.y + frame.damage.height; y++) {
            const size_t at = (size_t)frame.stride * y + 4 * (size_t)frame.damage.x;
            memcpy(screen->rows + at, frame.rows + at, 4 * (size_t)frame.damage.width);
        }
        assert_memory_equal(screen->rows, frame.rows, sizeof(screen->rows));
        for (size_t at = 0; at < sizeof(screen->rows); at += 4) {
            assert_int_equal(get_u32(screen->rows + at), 0xff000000 | colour);
        }
        free(frame.rows);
    }
    return count;
}

static void test_a_slow_reader_gets_the_newest(void **state) {
    (void)state;
    static struct screen screen;
    int reader = make_pipe();
    attach(0);
    for (uint32_t i = 1; i <= COLOURS; i++) {
        paint(i);
        flush(0, &whole); /* comes back, although nobody reads */
    }
    /* The first frame was begun; the next one is the newest. */
    assert_int_equal(read_colours(reader, &screen, COLOURS), 2);
    close(reader);
}

static void test_a_reader_that_keeps_up_now_and_then(void **state) {
    (void)state;
    static struct screen screen;
    int reader = make_pipe();
    attach(0);
    for (uint32_t i = 1; i <= COLOURS; i++) {
        paint(i);
        flush(0, &whole);
        if (i % 20 == 0) {
            assert_in_range(read_colours(reader, &screen, i), 1, 20);
        }
    }
    close(reader);
}

static void test_damage_adds_up_for_a_slow_reader(void **state) {
    (void)state;
    struct model model = {0};
    int reader = make_pipe();
    attach(0);
    flush(0, &whole);
    model_show(&model, &canvas, &whole);
    /* The first frame fills the pipe; these cannot be sent. */
    const struct presenter_rect parts[] = {{10, 10, 5, 5}, {200, 100, 7, 9}};
    for (int i = 0; i < 2; i++) {
        canvas_scribble(&canvas);
        flush(0, &parts[i]);
        model_flush(&model, &canvas, &whole, &parts[i]);
    }
    free(read_frame(reader).rows);
    struct frame frame = read_frame(reader);
    check_damage(&frame, 10, 10, 197, 99);
    check_frame(&frame, &model);
    free(frame.rows);
    model_finish(&model);
    close(reader);
}

static void test_scanouts_take_turns(void **state) {
    (void)state;
    int reader = make_pipe();
    unsigned seen[2] = {0, 0};
    attach(0);
    attach(1);
    flush(0, &whole);
    flush(1, &whole);
    for (int round = 0; round < 20; round++) {
        /* Both have something new whenever the reader is ready. */
        flush(0, &whole);
        flush(1, &whole);
        struct frame frame = read_frame(reader);
        seen[frame.scanout]++;
        free(frame.rows);
    }
    assert_in_range(seen[0], 5, 15);
    assert_in_range(seen[1], 5, 15);
    close(reader);
}

/* ---- readers that go --------------------------------------------------------------------- */

static void wait_for_descriptors(int count) {
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    while (count_open_descriptors() > count && platform_now_ns() < deadline) {
        sched_yield();
    }
    assert_int_equal(count_open_descriptors(), count);
}

static void test_a_reader_that_goes(void **state) {
    (void)state;
    int reader = make_pipe();
    attach(0);
    flush(0, &whole);
    uint8_t some[100];
    read_all(reader, some, sizeof(some)); /* in the middle of a frame */
    const int before = count_open_descriptors();
    close(reader);
    for (int i = 0; i < 20; i++) {
        flush(0, &whole);
    }
    wait_for_descriptors(before - 2); /* its end and ours */
    flush(0, &whole);
}

static void test_an_idle_reader_that_goes(void **state) {
    (void)state;
    int reader = make_pipe();
    const int before = count_open_descriptors();
    close(reader);
    wait_for_descriptors(before - 2);
    attach(0);
    flush(0, &whole);
}

static void test_a_full_device(void **state) {
    (void)state;
    int full = open("/dev/full", O_WRONLY);
    begin(full > 0 ? full : 0, NULL); /* the teardown wants a presenter */
    if (full < 0) {
        print_message("there is no /dev/full here\n");
        skip();
    }
    const int before = count_open_descriptors();
    attach(0);
    for (int i = 0; i < 5; i++) {
        flush(0, &whole);
    }
    wait_for_descriptors(before - 1);
    flush(0, &whole);
}

static void test_a_file_gets_every_frame_whole(void **state) {
    (void)state;
    struct model model = {0};
    char path[128];
    snprintf(path, sizeof(path), "%s/frames", folder.path);
    begin(open(path, O_CREAT | O_WRONLY, 0600), NULL);
    attach(0);
    flush(0, &whole);
    model_show(&model, &canvas, &whole);
    int reader = open(path, O_RDONLY);
    const off_t size = RAW_OUTPUT_HEADER_SIZE + 4 * 320 * 240;
    const uint64_t deadline = platform_now_ns() + BACKEND_PATIENCE_NS;
    struct stat status;
    while (fstat(reader, &status) == 0 && status.st_size < size && platform_now_ns() < deadline) {
        sched_yield();
    }
    struct frame frame = read_frame(reader);
    check_frame(&frame, &model);
    free(frame.rows);
    model_finish(&model);
    close(reader);
}

/* ---- FIFOs ------------------------------------------------------------------------------- */

static const char *begin_fifo(void) {
    static char path[128];
    snprintf(path, sizeof(path), "%s/fifo", folder.path);
    begin(0, path);
    return path;
}

static void test_fifo_readers_come_and_go(void **state) {
    (void)state;
    struct model model = {0};
    const char *path = begin_fifo();
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0600);
    attach(0);
    for (int i = 0; i < 5; i++) {
        flush(0, &whole); /* nobody reads */
    }
    model_show(&model, &canvas, &whole);
    for (int round = 0; round < 10; round++) {
        const int before = count_open_descriptors();
        int reader = open(path, O_RDONLY);
        assert_true(reader >= 0);
        /* Comes without a flush, whole, and is the newest. */
        struct frame frame = read_frame(reader);
        check_damage(&frame, 0, 0, 320, 240);
        check_frame(&frame, &model);
        free(frame.rows);
        const struct presenter_rect part = {1, 2, 3, 4};
        canvas_scribble(&canvas);
        flush(0, &part);
        model_flush(&model, &canvas, &whole, &part);
        frame = read_frame(reader);
        check_damage(&frame, 1, 2, 3, 4);
        check_frame(&frame, &model);
        free(frame.rows);
        close(reader);
        wait_for_descriptors(before);
        flush(0, &part);
        model_flush(&model, &canvas, &whole, &part);
    }
    model_finish(&model);
}

static void test_a_fifo_that_was_there_stays(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s/fifo", folder.path);
    assert_int_equal(mkfifo(path, 0600), 0);
    begin(0, path);
    presenter->ops->destroy(presenter);
    assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(unlink(path), 0);
    begin(0, path); /* and one that was not goes */
    presenter->ops->destroy(presenter);
    assert_int_equal(access(path, F_OK), -1);
    begin(0, path);
}

static void test_a_fifo_that_is_replaced(void **state) {
    (void)state;
    const char *path = begin_fifo();
    attach(0);
    flush(0, &whole);
    int reader = open(path, O_RDONLY);
    free(read_frame(reader).rows);
    assert_int_equal(unlink(path), 0);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    close(fd);
    close(reader);
    /* Somebody's file is not written to. */
    for (int i = 0; i < 20; i++) {
        flush(0, &whole);
    }
    presenter->ops->destroy(presenter);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_size, 0);
    begin(0, NULL);
}

static void test_ending_while_a_replaced_fifo_is_waited_for(void **state) {
    (void)state;
    const char *path = begin_fifo();
    usleep(50000); /* until the thread waits in open; else it finds the other file */
    assert_int_equal(unlink(path), 0);
    /* Nobody can open it any more, not even to end the wait: this takes a second, not for ever. */
    presenter->ops->destroy(presenter);
    begin(0, NULL);
}

#define RAW_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        RAW_TEST(test_frames_follow_flushes),
        RAW_TEST(test_cursors_make_frames),
        RAW_TEST(test_detached_is_a_black_frame),
        RAW_TEST(test_pictures_on_request_are_no_frames),
        RAW_TEST(test_a_slow_reader_gets_the_newest),
        RAW_TEST(test_a_reader_that_keeps_up_now_and_then),
        RAW_TEST(test_damage_adds_up_for_a_slow_reader),
        RAW_TEST(test_scanouts_take_turns),
        RAW_TEST(test_a_reader_that_goes),
        RAW_TEST(test_an_idle_reader_that_goes),
        RAW_TEST(test_a_full_device),
        RAW_TEST(test_a_file_gets_every_frame_whole),
        RAW_TEST(test_fifo_readers_come_and_go),
        RAW_TEST(test_a_fifo_that_was_there_stays),
        RAW_TEST(test_a_fifo_that_is_replaced),
        RAW_TEST(test_ending_while_a_replaced_fifo_is_waited_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
