#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* `actions` may be NULL. */
static int spawn(const char *const *arguments, const posix_spawn_file_actions_t *actions,
                 pid_t *out_pid) {
    posix_spawnattr_t attributes;
    int error = posix_spawnattr_init(&attributes);
    if (error) {
        return -error;
    }
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawnp(out_pid, arguments[0], actions, &attributes, (char *const *)arguments,
                         environ);
    posix_spawnattr_destroy(&attributes);
    return -error;
}

int process_start(const char *const *arguments, pid_t *out_pid) {
    return spawn(arguments, NULL, out_pid);
}

static int spawn_with_output(const char *const *arguments, int output_fd, pid_t *out_pid) {
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) {
        return -error;
    }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    error = spawn(arguments, &actions, out_pid);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* Reads to the end, so that the writer can end; what does not fit is dropped. */
static void read_all(int fd, char *output, size_t size) {
    size_t length = 0;
    char rest[4096];
    for (;;) {
        const size_t room = size - 1 - length;
        ssize_t count = read(fd, room ? output + length : rest, room ? room : sizeof(rest));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        length += room ? (size_t)count : 0;
    }
    output[length] = 0;
}

static int wait_for(pid_t pid) {
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EIO;
}

int process_capture(const char *const *arguments, char *output, size_t size) {
    int ends[2];
    if (pipe(ends) < 0) {
        return -errno;
    }
    fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t pid;
    int error = spawn_with_output(arguments, ends[1], &pid);
    close(ends[1]);
    if (!error) {
        read_all(ends[0], output, size);
        error = wait_for(pid);
    }
    close(ends[0]);
    return error;
}
