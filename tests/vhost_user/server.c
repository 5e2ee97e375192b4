/* The vhost-user server in front of fake_device.c.
 * Usage: PROGRAM PATH. Says "listening" on standard error when it does; ends with 0 by SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "frontend/vhost_user/vhost_user.h"
#include "platform/platform.h"
#include "util/log.h"

static struct vhost_user_server *server;

static void stop(int signal_number) {
    (void)signal_number;
    vhost_user_server_stop(server);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        return 2;
    }
    struct vhost_user_options options = {.socket_path = argv[1]};
    options.device.host_visible_bytes = UINT64_C(1) << 30;
    char reason[256];
    if (vhost_user_server_create(&options, &server, reason, sizeof(reason))) {
        fprintf(stderr, "%s\n", reason);
        return 1;
    }
    platform_raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    log_set_level(LOG_DEBUG);
    fprintf(stderr, "listening\n");
    int error = vhost_user_server_run(server);
    vhost_user_server_destroy(server);
    return error ? 1 : 0;
}
