/* vesper-worker SANDBOX [FOLDER]: one guest context. Started by vesper, with its socket as descriptor 3;
 * drivers keep their caches in FOLDER. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
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

/* All drivers look there, unless a variable of their own names another place. */
static int keep_caches_in(const char *folder) {
    static const char *const elsewhere[] = {"MESA_SHADER_CACHE_DIR", "MESA_GLSL_CACHE_DIR",
                                            "__GL_SHADER_DISK_CACHE_PATH",
                                            "AMD_SHADER_DISK_CACHE_PATH"};
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        unsetenv(elsewhere[i]);
    }
    return setenv("XDG_CACHE_HOME", folder, 1);
}

int main(int argc, char **argv) {
    enum platform_sandbox sandbox = PLATFORM_SANDBOX_NONE;
    const bool is_understood =
        (argc == 2 || argc == 3) && platform_sandbox_parse(argv[1], &sandbox);
    const char *cache = is_understood ? argv[2] : NULL;
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
    if (cache && keep_caches_in(cache)) {
        log_warning("worker: there is no memory for the name of the shader cache");
        cache = NULL;
    }
    int error = worker_server_run(PLATFORM_SPAWN_FD, sandbox, cache);
    if (error) {
        log_error("worker: vesper broke the protocol or its channel: %s", strerror(-error));
        return 1;
    }
    return 0;
}
