/* The vtest server with contexts that need no Vulkan (fake_context.h), for the vtest tests.
 * Usage: fake_server PATH [LIMIT=N…], where LIMIT is a member of struct vtest_limits. Says
 * "listening" on standard error when it does; ends with 0 by SIGTERM. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_context.h"
#include "frontend/vtest/vtest.h"
#include "platform/platform.h"
#include "util/log.h"

static struct vtest_server *server;

static void stop(int signal_number) {
    (void)signal_number;
    vtest_server_stop(server);
}

static bool set_limit(struct vtest_limits *limits, const char *argument) {
    const struct {
        const char *name;
        uint32_t *value;
    } members[] = {
        {"clients=", &limits->clients},
        {"syncs=", &limits->syncs},
        {"waits=", &limits->waits},
        {"wait_entries=", &limits->wait_entries},
        {"signals=", &limits->signals},
        {"resources=", &limits->resources},
        {"message_bytes=", &limits->message_bytes},
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        size_t length = strlen(members[i].name);
        if (strncmp(argument, members[i].name, length) == 0) {
            *members[i].value = (uint32_t)strtoul(argument + length, NULL, 10);
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        return 2;
    }
    struct vtest_options options = {
        .socket_path = argv[1],
        .create_context = fake_context_create,
        .get_capset = fake_get_capset,
    };
    for (int i = 2; i < argc; i++) {
        if (!set_limit(&options.limits, argv[i])) {
            fprintf(stderr, "unknown limit %s\n", argv[i]);
            return 2;
        }
    }
    char reason[256];
    if (vtest_server_create(&options, &server, reason, sizeof(reason))) {
        fprintf(stderr, "%s\n", reason);
        return 1;
    }
    platform_raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, stop);
    log_set_level(LOG_DEBUG);
    fprintf(stderr, "listening\n");
    int error = vtest_server_run(server);
    vtest_server_destroy(server);
    return error ? 1 : 0;
}
