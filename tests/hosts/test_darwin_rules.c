/* What the preload enforces. Fails where it is not loaded: then the tests beside it show nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 16384

#define assert_errno(call, expected)                                                               \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_true((call) < 0);                                                                   \
        assert_int_equal(errno, expected);                                                         \
    } while (0)

static int new_shm(void) {
    static int count;
    char name[32];
    snprintf(name, sizeof(name), "/vesper-rules-%d-%d", (int)getpid(), count++);
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    shm_unlink(name);
    return fd;
}

static void test_what_does_not_exist(void **state) {
    (void)state;
    int ends[2];
    assert_errno(eventfd(0, 0), ENOSYS);
    assert_errno(memfd_create("x", 0), ENOSYS);
    assert_errno(pipe2(ends, O_CLOEXEC), ENOSYS);
    assert_errno(dup3(0, 9, 0), ENOSYS);
    assert_errno(accept4(0, NULL, NULL, 0), ENOSYS);
    assert_errno(socket(AF_UNIX, SOCK_SEQPACKET, 0), EPROTONOSUPPORT);
    assert_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), EINVAL);
}

static void test_limits(void **state) {
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, 256);
    assert_int_equal(sysconf(_SC_PAGESIZE), PAGE);
}

static void test_shm(void **state) {
    (void)state;
    struct stat info;
    int fd = new_shm();
    assert_int_equal(ftruncate(fd, 5 * 4096), 0);
    assert_int_equal(fstat(fd, &info), 0);
    assert_int_equal(info.st_size, 2 * PAGE);
    assert_errno(ftruncate(fd, 2 * PAGE), EINVAL);
    assert_errno(lseek(fd, 0, SEEK_END), ESPIPE);
    assert_errno(shm_open("/a-name-of-more-than-31-characters", O_RDWR | O_CREAT, 0600),
                 ENAMETOOLONG);
    assert_errno(shm_open("/vesper-rules", O_RDWR | O_CREAT | O_TRUNC, 0600), EINVAL);
    close(fd);
}

static void assert_unmappable(int fd, size_t size, int flags, off_t offset) {
    errno = 0;
    assert_ptr_equal(mmap(NULL, size, PROT_READ, flags, fd, offset), MAP_FAILED);
    assert_int_equal(errno, EINVAL);
}

static void test_mappings(void **state) {
    (void)state;
    int fd = new_shm();
    assert_int_equal(ftruncate(fd, 2 * PAGE), 0);
    assert_unmappable(fd, PAGE, MAP_SHARED, 4096);
    assert_unmappable(fd, 2 * PAGE + 1, MAP_SHARED, 0);
    assert_unmappable(fd, 2 * PAGE, MAP_SHARED, PAGE);
    assert_unmappable(fd, PAGE, MAP_PRIVATE, 0);
    for (int i = 0; i < 8; i++) {
        char *pointer = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
        assert_ptr_not_equal(pointer, MAP_FAILED);
        assert_int_equal((uintptr_t)pointer % PAGE, 0);
        pointer[PAGE - 1] = 1; /* a page is mapped whole */
        assert_errno(munmap(pointer + 4096, 4096), EINVAL);
        assert_int_equal(munmap(pointer, 4096), 0);
    }
    close(fd);
}

/* `bytes` bytes (0 or 1), and `fd` in as many control messages as `parts`. */
static ssize_t send_fd(int to, int fd, int parts, size_t bytes) {
    union {
        struct cmsghdr align;
        unsigned char bytes[4 * CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof(control));
    struct iovec part = {.iov_base = "x", .iov_len = bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    message.msg_controllen = (size_t)parts * CMSG_SPACE(sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    for (int i = 0; i < parts; i++) {
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &fd, sizeof(int));
        header = CMSG_NXTHDR(&message, header);
    }
    return sendmsg(to, &message, MSG_NOSIGNAL);
}

static void test_full_buffer(void **state) {
    (void)state;
    int ends[2];
    char bytes[8192] = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(send_fd(ends[0], STDIN_FILENO, 1, 1), 1);
    assert_true(send(ends[0], bytes, sizeof(bytes), 0) > 0);
    assert_errno(send_fd(ends[0], STDIN_FILENO, 1, 1), EMSGSIZE);
    close(ends[0]);
    close(ends[1]);
}

static void test_paths(void **state) {
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(address.sun_path, 'x', 104);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_errno(bind(fd, (struct sockaddr *)&address, sizeof(address)), ENAMETOOLONG);
    assert_errno(connect(fd, (struct sockaddr *)&address, sizeof(address)), ENAMETOOLONG);
    close(fd);
}

/* ---- alarms ------------------------------------------------------------------------------- */

static void send_two_control_messages(const int *ends) {
    send_fd(ends[0], STDIN_FILENO, 2, 1);
}

static void send_without_a_byte(const int *ends) {
    send_fd(ends[0], STDIN_FILENO, 1, 0);
}

static void close_a_passed_socket(const int *ends) {
    int passed = socket(AF_UNIX, SOCK_STREAM, 0);
    send_fd(ends[0], passed, 1, 1);
    close(passed);
}

static void send_without_waiting(const int *ends) {
    struct msghdr message = {0};
    sendmsg(ends[0], &message, MSG_DONTWAIT);
}

static void pass_what_cannot_pass(const int *ends) {
    send_fd(ends[0], epoll_create1(0), 1, 1);
}

static void test_alarms(void **state) {
    (void)state;
    static void (*const wrongs[])(const int *ends) = {
        send_two_control_messages, send_without_a_byte,   close_a_passed_socket,
        send_without_waiting,      pass_what_cannot_pass,
    };
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        pid_t child = fork();
        if (child == 0) {
            int ends[2];
            signal(SIGABRT, SIG_DFL);
            if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0) {
                wrongs[i](ends);
            }
            _exit(0);
        }
        int status;
        assert_true(waitpid(child, &status, 0) == child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_does_not_exist),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_shm),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_full_buffer),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_alarms),
    };
    return cmocka_run_group_tests_name("darwin_rules", tests, NULL, NULL);
}
