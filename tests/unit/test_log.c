#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/platform.h"
#include "util/log.h"

/* What was written to standard error between begin and end. It must fit the pipe. */
struct capture {
    int saved_stderr;
    int read_fd;
    char text[65536];
};

static struct capture capture;

static void capture_begin(void) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    capture.read_fd = ends[0];
    capture.saved_stderr = dup(STDERR_FILENO);
    assert_true(capture.saved_stderr >= 0);
    assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
}

static void capture_end(void) {
    dup2(capture.saved_stderr, STDERR_FILENO); /* closes the last writing end */
    close(capture.saved_stderr);
    size_t used = 0;
    ssize_t count;
    do {
        count = read(capture.read_fd, capture.text + used, sizeof(capture.text) - 1 - used);
        used += count > 0 ? (size_t)count : 0;
    } while (count > 0);
    capture.text[used] = '\0';
    close(capture.read_fd);
}

static int count_lines(void) {
    int lines = 0;
    for (const char *c = capture.text; *c; c++) {
        lines += *c == '\n';
    }
    return lines;
}

/* A window that began in the future never ends, so that no test depends on the clock. */
static void freeze_window(struct log_site *site) {
    atomic_store(&site->window_start_ns, UINT64_MAX);
}

static void test_levels(void **state) {
    (void)state;
    assert_int_equal(log_get_level(), LOG_INFO);
    capture_begin();
    log_error("e %d", 1);
    log_warning("w %s", "two");
    log_info("i");
    log_debug("not shown");
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    log_set_level(LOG_ERROR);
    log_warning("not shown");
    log_error("last");
    log_set_level(LOG_INFO);
    capture_end();
    assert_string_equal(capture.text, "vesper: error: e 1\n"
                                      "vesper: warning: w two\n"
                                      "vesper: info: i\n"
                                      "vesper: debug: shown\n"
                                      "vesper: error: last\n");
}

static void test_burst_is_limited(void **state) {
    (void)state;
    static struct log_site site;
    freeze_window(&site);
    capture_begin();
    for (int i = 0; i < 50; i++) {
        log_write(&site, LOG_ERROR, "message %d", i);
    }
    capture_end();
    assert_int_equal(count_lines(), LOG_BURST);
    assert_non_null(strstr(capture.text, "message 9\n"));
    assert_null(strstr(capture.text, "message 10\n"));

    atomic_store(&site.window_start_ns, 0); /* as if the window had passed */
    capture_begin();
    log_write(&site, LOG_ERROR, "again");
    log_write(&site, LOG_ERROR, "and again");
    capture_end();
    assert_string_equal(capture.text, "vesper: error: again (40 more like this were held back)\n"
                                      "vesper: error: and again\n");
}

static void test_elapsed_window_starts_anew(void **state) {
    (void)state;
    static struct log_site site;
    uint64_t now = platform_now_ns();
    /* Before the clock's first second there is no such time. */
    uint64_t long_ago = now > UINT64_C(2000000000) ? now - UINT64_C(2000000000) : 0;
    atomic_store(&site.window_start_ns, long_ago);
    atomic_store(&site.count, LOG_BURST);
    atomic_store(&site.suppressed, 3);
    capture_begin();
    log_write(&site, LOG_INFO, "new");
    capture_end();
    assert_string_equal(capture.text, "vesper: info: new (3 more like this were held back)\n");
    assert_int_equal(atomic_load(&site.count), 1);
}

static void test_sites_are_apart(void **state) {
    (void)state;
    static struct log_site noisy, quiet;
    freeze_window(&noisy);
    capture_begin();
    for (int i = 0; i < 50; i++) {
        log_write(&noisy, LOG_ERROR, "noise");
    }
    log_write(&quiet, LOG_ERROR, "signal");
    capture_end();
    assert_non_null(strstr(capture.text, "vesper: error: signal\n"));
}

static void test_filtered_messages_do_not_count(void **state) {
    (void)state;
    static struct log_site site;
    freeze_window(&site);
    capture_begin();
    for (int i = 0; i < 50; i++) {
        log_write(&site, LOG_DEBUG, "hidden");
    }
    log_write(&site, LOG_ERROR, "seen");
    capture_end();
    assert_string_equal(capture.text, "vesper: error: seen\n");
}

static void test_control_bytes(void **state) {
    (void)state;
    capture_begin();
    log_error("name \"%s\"", "a\nvesper: error: forged\x1b[2J\x7f\tb \xc3\xa9");
    capture_end();
    assert_string_equal(capture.text,
                        "vesper: error: name \"a?vesper: error: forged?[2J??b \xc3\xa9\"\n");
}

static void test_long_message_is_cut(void **state) {
    (void)state;
    static struct log_site site;
    char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    freeze_window(&site);
    atomic_store(&site.suppressed, UINT32_MAX);
    capture_begin();
    log_write(&site, LOG_WARNING, "%s", text);
    capture_end();
    size_t length = strlen(capture.text);
    assert_true(length <= LOG_LINE_BYTES);
    assert_int_equal(count_lines(), 1);
    static const char end[] = "xxx... (4294967295 more like this were held back)\n";
    assert_true(length > sizeof(end));
    assert_string_equal(capture.text + length - (sizeof(end) - 1), end);
}

static void test_errno_is_kept(void **state) {
    (void)state;
    capture_begin();
    close(STDERR_FILENO); /* makes the write fail */
    errno = ENOSPC;
    log_error("nobody reads this");
    int after = errno;
    assert_true(dup2(capture.saved_stderr, STDERR_FILENO) >= 0);
    capture_end();
    assert_int_equal(after, ENOSPC);
    assert_string_equal(capture.text, "");
}

enum { THREADS = 4, MESSAGES = 200 };

static struct log_site shared_site;

static void *log_main(void *argument) {
    struct log_site own = {0};
    freeze_window(&own);
    for (int i = 0; i < MESSAGES; i++) {
        log_write(&own, LOG_INFO, "own message of thread %d.", *(int *)argument);
        log_write(&shared_site, LOG_INFO, "shared message of thread %d.", *(int *)argument);
    }
    return NULL;
}

/* The count behind a whole line with nothing mixed in: a thread that was admitted may write after
 * others have been held back. */
static unsigned held_back_of(const char *rest) {
    unsigned held_back = 0;
    int end = 0;
    if (sscanf(rest, " (%u more like this were held back)%n", &held_back, &end) == 1) {
        rest += end;
    }
    assert_string_equal(rest, "");
    return held_back;
}

static void test_threads(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    int numbers[THREADS];
    freeze_window(&shared_site);
    capture_begin();
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(platform_thread_start(&threads[i], "log", log_main, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    capture_end();
    int own = 0, shared = 0;
    unsigned held_back = 0;
    for (char *line = strtok(capture.text, "\n"); line; line = strtok(NULL, "\n")) {
        int thread = -1, end = 0;
        if (sscanf(line, "vesper: info: own message of thread %d.%n", &thread, &end) == 1) {
            own++;
        } else if (sscanf(line, "vesper: info: shared message of thread %d.%n", &thread, &end) ==
                   1) {
            shared++;
        }
        assert_true(end > 0);
        held_back += held_back_of(line + end);
    }
    assert_int_equal(own, THREADS * LOG_BURST);
    assert_int_equal(shared, LOG_BURST);
    assert_int_equal(held_back + atomic_load(&shared_site.suppressed),
                     THREADS * MESSAGES - LOG_BURST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_burst_is_limited),
        cmocka_unit_test(test_elapsed_window_starts_anew),
        cmocka_unit_test(test_sites_are_apart),
        cmocka_unit_test(test_filtered_messages_do_not_count),
        cmocka_unit_test(test_control_bytes),
        cmocka_unit_test(test_long_message_is_cut),
        cmocka_unit_test(test_errno_is_kept),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests_name("log", tests, NULL, NULL) ? 1 : 0;
}
