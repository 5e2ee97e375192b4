/* vesper-worker SANDBOX: one guest context. Started by vesper, with its socket as descriptor 3. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "ipc/worker_server.h"
#include "platform/platform.h"
#include "platform/sandbox.h"
#include "util/log.h"

static int is_socket(int fd) {
    struct stat info;
    return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

int main(int argc, char **argv) {
    enum platform_sandbox sandbox = PLATFORM_SANDBOX_NONE;
    const bool is_understood = argc == 2 && platform_sandbox_parse(argv[1], &sandbox);
    if (!is_understood || !is_socket(PLATFORM_SPAWN_FD)) {
        fputs("vesper-worker is started by vesper and by nothing else.\n", stderr);
        return 2;
    }
    fcntl(PLATFORM_SPAWN_FD, F_SETFD, FD_CLOEXEC);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* too large a file is an error like others */
    /* What a terminal sends to the whole job is vesper's to answer: it ends us when it ends. */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    platform_raise_descriptor_limit();
    int error = worker_server_run(PLATFORM_SPAWN_FD, sandbox);
    if (error) {
        log_error("worker: vesper broke the protocol or its channel: %s", strerror(-error));
        return 1;
    }
    return 0;
}
