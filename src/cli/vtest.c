#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/isolation.h"
#include "cli/options.h"
#include "cli/stop_signals.h"
#include "frontend/vtest/vtest.h"
#include "platform/platform.h"
#include "util/log.h"

/* Smallest --max-message-bytes: every message of fixed length fits, a program's name too. */
#define MESSAGE_BYTES_MIN 4096

static void stop_server(void *server) {
    vtest_server_stop(server);
}

static void print_help(const struct cli_option *options) {
    puts("Usage: vesper vtest [OPTION…]\n"
         "\n"
         "Serves Vulkan to Mesa's Venus driver over a Unix socket until SIGINT or SIGTERM.\n"
         "A program uses it with these variables in its environment:\n"
         "\n"
         "  VN_DEBUG=vtest VTEST_SOCKET_NAME=PATH\n"
         "  VK_DRIVER_FILES=/usr/share/vulkan/icd.d/virtio_icd.json\n"
         "\n"
         "Options:");
    cli_print_options(options);
    puts("\n"
         "Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage.");
}

static int serve(const struct vtest_options *options) {
    char reason[256];
    struct vtest_server *server;
    if (vtest_server_create(options, &server, reason, sizeof(reason))) {
        cli_error("%s", reason);
        return CLI_FAILED;
    }
    stop_signals_handle(stop_server, server);
    log_info("listening on %s", options->socket_path);
    int error = vtest_server_run(server);
    stop_signals_restore();
    if (error) {
        cli_error("the server cannot go on: %s", strerror(-error));
    }
    vtest_server_destroy(server);
    return error ? CLI_FAILED : CLI_OK;
}

static int open_and_serve(struct vtest_options *options, const struct cli_isolation *isolation) {
    int result = cli_isolation_open(isolation, &options->create_context);
    if (result == CLI_OK) {
        result = serve(options);
        cli_isolation_close();
    }
    return result;
}

int command_vtest(int argc, char **argv) {
    struct vtest_options options = {
        .socket_path = VTEST_DEFAULT_SOCKET_PATH,
        .get_capset = context_get_capset,
    };
    struct vtest_limits *limits = &options.limits;
    struct context_limits *context = &options.context_limits;
    enum log_level log_level = log_get_level();
    bool emulate_dma_bufs = false;
    struct cli_isolation isolation = CLI_ISOLATION_DEFAULT;
    const struct cli_option table[] = {
        {"--socket", CLI_TEXT, &options.socket_path, "PATH",
         "where to listen (" VTEST_DEFAULT_SOCKET_PATH ")"},
        CLI_ISOLATION_ROWS(isolation),
        {"--log-level", CLI_LOG_LEVEL, &log_level, "LEVEL",
         "error, warning, info (the default) or debug"},
        {"--max-clients", CLI_U32, &limits->clients, "N", "connections at once (1024)"},
        {"--max-syncs", CLI_U32, &limits->syncs, "N", "syncs of one client (65536)"},
        {"--max-waits", CLI_U32, &limits->waits, "N",
         "waits of one client at once; each takes a descriptor (1024)"},
        {"--max-wait-entries", CLI_U32, &limits->wait_entries, "N",
         "syncs watched by the waits of one client (16384)"},
        {"--max-signals", CLI_U32, &limits->signals, "N",
         "syncs of one client that await fences (65536)"},
        {"--max-resources", CLI_U32, &limits->resources, "N", "resources of one client (65536)"},
        {"--max-message-bytes", CLI_BYTES_U32, &limits->message_bytes, "BYTES",
         "longest message (64M)"},
        {"--max-objects", CLI_U64, &context->objects, "N",
         "Vulkan objects of one client (1048576)"},
        {"--max-command-bytes", CLI_BYTES_U64, &context->command_bytes, "BYTES",
         "memory for decoding one command (256M)"},
        {"--max-queued-bytes", CLI_BYTES_U64, &context->queued_bytes, "BYTES",
         "commands of one client not yet executed (64M)"},
        {"--max-rings", CLI_U32, &context->rings, "N", "rings of one client (64)"},
        {"--max-memory-bytes", CLI_BYTES_U64, &context->memory_bytes, "BYTES",
         "host-visible memory of one client (unlimited)"},
        {"--emulate-dma-bufs", CLI_SWITCH, &emulate_dma_bufs, "",
         "offer shared memory as dma-bufs, as virtual machines see it; for tests:\n"
         "compositors take such descriptors for something else"},
        {0},
    };
    int result = cli_parse_options("vtest", table, argc, argv);
    if (result == CLI_HELP) {
        print_help(table);
        return CLI_OK;
    }
    if (result != CLI_OK) {
        return result;
    }
    if (limits->message_bytes && limits->message_bytes < MESSAGE_BYTES_MIN) {
        cli_error("vtest: --max-message-bytes: %d bytes are the least", MESSAGE_BYTES_MIN);
        return CLI_USAGE;
    }
    context->resources = limits->resources;
    context->no_emulated_dma_bufs = !emulate_dma_bufs;
    log_set_level(log_level);
    platform_raise_descriptor_limit();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* too large a file is an error like others */
    return open_and_serve(&options, &isolation);
}
