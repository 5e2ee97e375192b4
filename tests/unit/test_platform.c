/* Memory, wake-ups, time and threads; sockets are in test_socket.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "open_descriptors.h"
#include "platform/platform.h"

static bool is_linux(void) {
    struct utsname system;
    assert_true(uname(&system) >= 0);
    return strcmp(system.sysname, "Linux") == 0;
}

/* ---- memory ---------------------------------------------------------------------------- */

static void test_page_size(void **state) {
    (void)state;
    size_t size = platform_page_size();
    assert_true(size >= 4096);
    assert_true((size & (size - 1)) == 0);
    assert_true(size == platform_page_size());
}

static void test_shm_is_shared_and_zero(void **state) {
    (void)state;
    uint64_t size = 3 * platform_page_size();
    int fd, before = count_open_descriptors();
    assert_int_equal(platform_shm_create("vesper-test", size, &fd), 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    uint64_t real_size;
    assert_int_equal(platform_fd_size(fd, &real_size), 0);
    assert_true(real_size == size);

    void *one, *other;
    assert_int_equal(platform_map_shared(fd, size, &one), 0);
    assert_int_equal(platform_map_shared(fd, size, &other), 0);
    assert_ptr_not_equal(one, other);
    close(fd); /* a mapping does not need its descriptor */
    for (uint64_t i = 0; i < size; i++) {
        assert_int_equal(((unsigned char *)one)[i], 0);
    }
    memset(one, 0x5a, (size_t)size);
    assert_int_equal(memcmp(one, other, (size_t)size), 0);
    platform_unmap(one, size);
    assert_int_equal(((unsigned char *)other)[size - 1], 0x5a);
    platform_unmap(other, size);
    assert_int_equal(count_open_descriptors(), before);
}

static void test_shm_cannot_be_resized(void **state) {
    (void)state;
    off_t size = (off_t)(2 * platform_page_size());
    int fd;
    assert_int_equal(platform_shm_create("vesper-test", (uint64_t)size, &fd), 0);
    assert_true(ftruncate(fd, 0) < 0);
    assert_true(ftruncate(fd, size / 2) < 0);
    assert_true(ftruncate(fd, size * 2) < 0);
    uint64_t real_size;
    assert_int_equal(platform_fd_size(fd, &real_size), 0);
    assert_true(real_size == (uint64_t)size);
    close(fd);
}

static void test_shm_arguments(void **state) {
    (void)state;
    int fd = -1, before = count_open_descriptors();
    assert_int_equal(platform_shm_create("vesper-test", 0, &fd), -EINVAL);
    assert_int_equal(platform_shm_create("vesper-test", UINT64_MAX, &fd), -EINVAL);
    assert_int_equal(platform_shm_create("vesper-test", (uint64_t)INT64_MAX + 1, &fd), -EINVAL);
    assert_int_equal(count_open_descriptors(), before);

    char label[1000];
    memset(label, 'l', sizeof(label) - 1);
    label[sizeof(label) - 1] = '\0';
    assert_int_equal(platform_shm_create(label, platform_page_size(), &fd), 0);
    close(fd);
    assert_int_equal(platform_shm_create("", platform_page_size(), &fd), 0);
    close(fd);
}

static void test_map_arguments(void **state) {
    (void)state;
    int fd;
    void *pointer;
    assert_int_equal(platform_shm_create("vesper-test", platform_page_size(), &fd), 0);
    assert_int_equal(platform_map_shared(fd, 0, &pointer), -EINVAL);
    assert_true(platform_map_shared(fd, UINT64_MAX, &pointer) < 0);
    close(fd);
    assert_int_equal(platform_map_shared(fd, platform_page_size(), &pointer), -EBADF);
}

static void test_map_from_an_offset(void **state) {
    (void)state;
    const uint64_t page = platform_page_size();
    int fd;
    void *all, *part;
    assert_int_equal(platform_shm_create("vesper-test", 3 * page, &fd), 0);
    assert_int_equal(platform_map_shared(fd, 3 * page, &all), 0);
    assert_int_equal(platform_map_shared_at(fd, page, page + 1, &part), 0);
    memset((char *)all + page, 0x11, (size_t)page);
    memset((char *)all + 2 * page, 0x22, 1);
    assert_int_equal(((unsigned char *)part)[0], 0x11);
    assert_int_equal(((unsigned char *)part)[page - 1], 0x11);
    assert_int_equal(((unsigned char *)part)[page], 0x22);
    platform_unmap(part, page + 1);
    platform_unmap(all, 3 * page);
    assert_int_equal(platform_map_shared_at(fd, 1, page, &part), -EINVAL);
    assert_int_equal(platform_map_shared_at(fd, page, 0, &part), -EINVAL);
    assert_int_equal(platform_map_shared_at(fd, UINT64_MAX - page + 1, page, &part), -EINVAL);
    close(fd);
}

static void test_size_of_other_descriptors(void **state) {
    (void)state;
    int ends[2];
    uint64_t size;
    assert_int_equal(pipe(ends), 0);
    assert_true(platform_fd_size(ends[0], &size) < 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(platform_fd_size(ends[0], &size), -EBADF);
}

/* ---- wake-ups -------------------------------------------------------------------------- */

static bool is_readable(int fd) {
    struct pollfd query = {.fd = fd, .events = POLLIN};
    assert_true(poll(&query, 1, 0) >= 0);
    return (query.revents & POLLIN) != 0;
}

static void test_wake(void **state) {
    (void)state;
    int before = count_open_descriptors();
    struct platform_wake wake;
    assert_int_equal(platform_wake_init(&wake), 0);
    assert_int_not_equal(wake.read_fd, wake.write_fd);
    assert_true(fcntl(wake.read_fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(wake.write_fd, F_GETFD) & FD_CLOEXEC);
    assert_false(is_readable(wake.read_fd));
    platform_wake_drain(&wake); /* nothing to drain: must not block */

    platform_wake_signal(&wake);
    assert_true(is_readable(wake.read_fd));
    assert_true(is_readable(wake.read_fd));
    platform_wake_drain(&wake);
    assert_false(is_readable(wake.read_fd));

    for (int i = 0; i < 100000; i++) { /* more than a pipe holds */
        platform_wake_signal(&wake);
    }
    assert_true(is_readable(wake.read_fd));
    platform_wake_drain(&wake);
    assert_false(is_readable(wake.read_fd));

    platform_wake_finish(&wake);
    assert_int_equal(count_open_descriptors(), before);
    platform_wake_finish(&wake); /* nothing is left to close */
}

static _Atomic(int) sigpipe_count;

static void count_sigpipe(int number) {
    (void)number;
    atomic_fetch_add(&sigpipe_count, 1);
}

static void test_wake_end_given_away(void **state) {
    (void)state;
    int before = count_open_descriptors();
    signal(SIGPIPE, count_sigpipe);
    struct platform_wake wake;
    assert_int_equal(platform_wake_init(&wake), 0);
    int given = wake.read_fd;
    wake.read_fd = -1;
    platform_wake_signal(&wake);
    assert_true(is_readable(given));
    close(given);
    errno = ENOENT;
    platform_wake_signal(&wake); /* nobody is left to hear it */
    assert_int_equal(errno, ENOENT);
    platform_wake_finish(&wake);
    assert_int_equal(count_open_descriptors(), before);

    assert_int_equal(platform_wake_init(&wake), 0);
    close(wake.write_fd);
    wake.write_fd = -1;
    platform_wake_finish(&wake);
    assert_int_equal(count_open_descriptors(), before);
    signal(SIGPIPE, SIG_DFL);
    assert_int_equal(atomic_load(&sigpipe_count), 0);
}

/* ---- time and threads ------------------------------------------------------------------ */

static void test_clock(void **state) {
    (void)state;
    uint64_t last = platform_now_ns();
    assert_true(last > 0);
    for (int i = 0; i < 10000; i++) {
        uint64_t now = platform_now_ns();
        assert_true(now >= last);
        last = now;
        platform_cpu_relax();
    }
}

struct thread_report {
    char name[64];
    bool blocks_term, blocks_pipe, blocks_segv;
};

/* More than the default stack of a macOS thread. */
static size_t use_stack(void) {
    volatile unsigned char bytes[4 << 20];
    for (size_t i = 0; i < sizeof(bytes); i += 1024) {
        bytes[i] = 1;
    }
    return sizeof(bytes) + bytes[0];
}

static void *report_main(void *argument) {
    struct thread_report *report = argument;
    pthread_getname_np(pthread_self(), report->name, sizeof(report->name));
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    report->blocks_term = sigismember(&blocked, SIGTERM) == 1;
    report->blocks_pipe = sigismember(&blocked, SIGPIPE) == 1;
    report->blocks_segv = sigismember(&blocked, SIGSEGV) == 1;
    return use_stack() > 0 ? report : NULL;
}

static void test_thread(void **state) {
    (void)state;
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    struct thread_report report = {.name = ""};
    pthread_t thread;
    assert_int_equal(
        platform_thread_start(&thread, "fifteen-letters-and-more", report_main, &report), 0);
    void *result;
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &report);
    assert_string_equal(report.name, "fifteen-letters");
    assert_true(report.blocks_term);
    assert_true(report.blocks_pipe);
    assert_false(report.blocks_segv);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    assert_int_equal(sigismember(&before, SIGTERM), sigismember(&after, SIGTERM));
    assert_int_equal(sigismember(&before, SIGPIPE), sigismember(&after, SIGPIPE));
}

static void *nice_main(void *argument) {
    int *values = argument;
    platform_thread_set_nice(5);
    values[0] = getpriority(PRIO_PROCESS, 0);
    platform_thread_set_nice(1000);
    values[1] = getpriority(PRIO_PROCESS, 0);
    return NULL;
}

static void test_nice_is_of_the_thread(void **state) {
    (void)state;
    int before = getpriority(PRIO_PROCESS, 0);
    if (before > 5) {
        print_message("skipped: this process already runs at nice %d\n", before);
        skip();
    }
    int values[2] = {-1, -1};
    pthread_t thread;
    assert_int_equal(platform_thread_start(&thread, "nice", nice_main, values), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(getpriority(PRIO_PROCESS, 0), before);
    /* Only Linux shows a thread's share this way; elsewhere the process must be unchanged. */
    assert_int_equal(values[0], is_linux() ? 5 : before);
    assert_int_equal(values[1], is_linux() ? 19 : before);
}

struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool open;
};

static void gate_init(struct gate *gate) {
    gate->open = false;
    assert_int_equal(pthread_mutex_init(&gate->mutex, NULL), 0);
    assert_int_equal(platform_cond_init(&gate->cond), 0);
}

static void gate_finish(struct gate *gate) {
    pthread_cond_destroy(&gate->cond);
    pthread_mutex_destroy(&gate->mutex);
}

static void test_cond_times_out(void **state) {
    (void)state;
    struct gate gate;
    gate_init(&gate);
    pthread_mutex_lock(&gate.mutex);
    assert_false(platform_cond_wait_until(&gate.cond, &gate.mutex, 0));
    assert_false(platform_cond_wait_until(&gate.cond, &gate.mutex, platform_now_ns()));
    uint64_t deadline = platform_now_ns() + UINT64_C(3000000);
    while (platform_cond_wait_until(&gate.cond, &gate.mutex, deadline)) {
    }
    assert_true(platform_now_ns() >= deadline);
    /* The mutex is ours again. */
    assert_int_equal(pthread_mutex_trylock(&gate.mutex), EBUSY);
    pthread_mutex_unlock(&gate.mutex);
    gate_finish(&gate);
}

static void *open_main(void *argument) {
    struct gate *gate = argument;
    pthread_mutex_lock(&gate->mutex);
    gate->open = true;
    pthread_cond_broadcast(&gate->cond);
    pthread_mutex_unlock(&gate->mutex);
    return NULL;
}

static void wait_for_gate(uint64_t deadline_ns) {
    struct gate gate;
    gate_init(&gate);
    pthread_mutex_lock(&gate.mutex);
    pthread_t thread;
    assert_int_equal(platform_thread_start(&thread, "gate", open_main, &gate), 0);
    while (!gate.open) {
        assert_true(platform_cond_wait_until(&gate.cond, &gate.mutex, deadline_ns));
    }
    pthread_mutex_unlock(&gate.mutex);
    assert_int_equal(pthread_join(thread, NULL), 0);
    gate_finish(&gate);
}

static void test_cond_is_signalled(void **state) {
    (void)state;
    wait_for_gate(UINT64_MAX);
    wait_for_gate(UINT64_MAX - 1);
    wait_for_gate(platform_now_ns() + UINT64_C(3600000000000));
}

/* ---- process --------------------------------------------------------------------------- */

static void test_path_beside(void **state) {
    (void)state;
    char own[PATH_MAX], path[PATH_MAX];
    assert_int_equal(platform_own_path(own, sizeof(own)), 0);
    assert_int_equal(platform_path_beside("other", path, sizeof(path)), 0);
    const size_t folder = (size_t)(strrchr(own, '/') + 1 - own);
    assert_memory_equal(path, own, folder);
    assert_string_equal(path + folder, "other");
    /* Room for one byte less, and for what fits exactly. */
    char name[PATH_MAX];
    memset(name, 'n', strlen(own));
    name[strlen(own) - folder] = '\0';
    assert_int_equal(platform_path_beside(name, path, strlen(own) + 1), 0);
    name[strlen(own) - folder] = 'n';
    name[strlen(own) - folder + 1] = '\0';
    assert_int_equal(platform_path_beside(name, path, strlen(own) + 1), -ENAMETOOLONG);
}

static void test_descriptor_limit(void **state) {
    (void)state;
    struct rlimit before, after;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    struct rlimit low = {.rlim_cur = 100, .rlim_max = before.rlim_max};
    assert_true(before.rlim_max > 100);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    platform_raise_descriptor_limit();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &after), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(after.rlim_cur > 100);
    assert_true(after.rlim_max == before.rlim_max);
    if (is_linux()) { /* elsewhere a limit of the system may lie below the hard limit */
        assert_true(after.rlim_cur == after.rlim_max);
    }
}

static void test_vulkan_libraries(void **state) {
    (void)state;
    const char *const *names = platform_vulkan_libraries();
    assert_non_null(names[0]);
    for (; *names; names++) {
        assert_non_null(strstr(*names, "lib"));
    }
}

/* A KVM that pages by software runs no Linux: see platform/linux.c. */
static void test_accelerator(void **state) {
    (void)state;
    const char *name = platform_qemu_accelerator();
    assert_true((platform_qemu_why_emulated() != NULL) == (strcmp(name, "tcg") == 0));
    assert_true(strcmp(name, "kvm") == 0 || strcmp(name, "hvf") == 0 || strcmp(name, "tcg") == 0);
    if (strcmp(name, "kvm") == 0) {
        struct utsname system_name;
        assert_int_equal(access("/dev/kvm", R_OK | W_OK), 0);
        assert_int_equal(uname(&system_name), 0);
        assert_true(strcmp(system_name.machine, "x86_64") != 0 ||
                    system("grep -qwE 'vmx|svm' /proc/cpuinfo") == 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_size),
        cmocka_unit_test(test_shm_is_shared_and_zero),
        cmocka_unit_test(test_shm_cannot_be_resized),
        cmocka_unit_test(test_shm_arguments),
        cmocka_unit_test(test_map_arguments),
        cmocka_unit_test(test_map_from_an_offset),
        cmocka_unit_test(test_size_of_other_descriptors),
        cmocka_unit_test(test_wake),
        cmocka_unit_test(test_wake_end_given_away),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_thread),
        cmocka_unit_test(test_nice_is_of_the_thread),
        cmocka_unit_test(test_cond_times_out),
        cmocka_unit_test(test_cond_is_signalled),
        cmocka_unit_test(test_path_beside),
        cmocka_unit_test(test_descriptor_limit),
        cmocka_unit_test(test_vulkan_libraries),
        cmocka_unit_test(test_accelerator),
    };
    return cmocka_run_group_tests_name("platform", tests, NULL, NULL) ? 1 : 0;
}
