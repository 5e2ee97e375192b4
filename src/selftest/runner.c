#include "selftest/runner.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/platform.h"

#define NS_PER_MS UINT64_C(1000000)

int selftest_start_child(const char *name, int *out_socket, int32_t *out_pid) {
    char program[PATH_MAX];
    int ends[2];
    int error = platform_own_path(program, sizeof(program));
    if (!error) {
        error = platform_socket_pair(ends);
    }
    if (error) {
        return error;
    }
    const char *const arguments[] = {program, "selftest", SELFTEST_CHILD_OPTION, name, NULL};
    pid_t pid;
    error = platform_spawn(program, arguments, ends[1], &pid);
    close(ends[1]);
    if (error) {
        close(ends[0]);
        return error;
    }
    *out_socket = ends[0];
    *out_pid = (int32_t)pid;
    return 0;
}

static int reap(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return status;
}

/* Bytes that came until the result is whole, the stream ends or the time is over. */
static size_t receive_result(int fd, uint64_t deadline_ns, struct selftest_result *out) {
    size_t done = 0;
    while (done < sizeof(*out)) {
        const uint64_t now = platform_now_ns();
        struct pollfd entry = {.fd = fd, .events = POLLIN};
        if (now >= deadline_ns) {
            return done;
        }
        if (poll(&entry, 1, (int)((deadline_ns - now) / NS_PER_MS) + 1) <= 0) {
            continue;
        }
        int extra;
        const long count =
            platform_socket_receive(fd, (uint8_t *)out + done, sizeof(*out) - done, &extra);
        if (count == -EAGAIN) {
            continue;
        }
        if (count <= 0) {
            return done;
        }
        if (extra >= 0) {
            close(extra);
        }
        done += (size_t)count;
    }
    return done;
}

static void explain_end(struct selftest_result *out, bool is_late, int status, uint32_t limit_ms) {
    if (is_late) {
        selftest_fail(out, "no result in %u s: it hangs", limit_ms / 1000);
    } else if (WIFSIGNALED(status)) {
        selftest_fail(out, "its process was ended by signal %d", WTERMSIG(status));
    } else {
        selftest_fail(out, "its process ended with status %d and no result", WEXITSTATUS(status));
    }
}

void selftest_run(const struct selftest_check *check, uint32_t limit_ms,
                  struct selftest_result *out) {
    int fd;
    int32_t pid;
    memset(out, 0, sizeof(*out));
    const int error = selftest_start_child(check->name, &fd, &pid);
    if (error) {
        selftest_fail(out, "no process for it can be started: %s", strerror(-error));
        return;
    }
    const uint64_t deadline_ns = platform_now_ns() + limit_ms * NS_PER_MS;
    const bool is_whole = receive_result(fd, deadline_ns, out) == sizeof(*out);
    const bool is_late = !is_whole && platform_now_ns() >= deadline_ns;
    /* Drivers have crashed at their exit, too: what has been measured stands. */
    if (is_late || is_whole) {
        kill((pid_t)pid, SIGKILL);
    }
    const int status = reap((pid_t)pid);
    close(fd);
    if (!is_whole) {
        explain_end(out, is_late, status, limit_ms);
    }
    out->value[sizeof(out->value) - 1] = '\0';
}

/* ---- the child ----------------------------------------------------------------------------- */

static int send_result(const struct selftest_result *result) {
    size_t done = 0;
    while (done < sizeof(*result)) {
        struct pollfd entry = {.fd = PLATFORM_SPAWN_FD, .events = POLLOUT};
        const long count = platform_socket_send(PLATFORM_SPAWN_FD, (const uint8_t *)result + done,
                                                sizeof(*result) - done, -1);
        if (count > 0) {
            done += (size_t)count;
        } else if (count != -EAGAIN || poll(&entry, 1, -1) < 0) {
            return 1;
        }
    }
    return 0;
}

static bool has_socket(void) {
    struct stat info;
    return fstat(PLATFORM_SPAWN_FD, &info) == 0 && S_ISSOCK(info.st_mode);
}

int selftest_be_child(const char *name) {
    const struct selftest_check *check = selftest_find(name);
    const bool is_peer = strcmp(name, SELFTEST_PEER_NAME) == 0;
    if (!has_socket() || (!check && !is_peer)) {
        fputs("vesper: " SELFTEST_CHILD_OPTION " is for vesper's own use\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    if (is_peer) {
        return selftest_peer();
    }
    struct selftest_result result = {0};
    check->run(&result);
    if (!result.value[0]) {
        selftest_fail(&result, "the check gave no result");
    }
    return send_result(&result);
}
