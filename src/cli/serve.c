#include <stdio.h>

#include "cli/commands.h"
#include "cli/session.h"
#include "cli/stop_signals.h"

static void stop_session(void *session) {
    session_stop(session);
}

static void print_help(const struct cli_option *options) {
    puts("Usage: vesper serve --socket PATH [OPTION…]\n"
         "\n"
         "Is the virtio-gpu of one virtual machine, for a stock QEMU 11.1 or later, until SIGINT "
         "or\n"
         "SIGTERM. The QEMU arguments for it: vesper run --print. When QEMU ends, the next one is\n"
         "waited for.\n"
         "\n"
         "Options:");
    cli_print_options(options);
    puts("\n"
         "Exit codes: 0 ended by a signal, 1 failed, 2 wrong usage.");
}

int command_serve(int argc, char **argv) {
    struct session_options options;
    session_options_init(&options);
    const struct cli_option table[] = {
        {"--socket", CLI_TEXT, &options.server.socket_path, "PATH", "where QEMU connects"},
        SESSION_OPTION_ROWS(options),
        {0},
    };
    int result = cli_parse_options("serve", table, argc, argv);
    if (result == CLI_HELP) {
        print_help(table);
        return CLI_OK;
    }
    if (result != CLI_OK) {
        return result;
    }
    if (!options.server.socket_path) {
        cli_error("serve: --socket PATH is missing");
        return CLI_USAGE;
    }
    struct session *session = session_start(&options, &result);
    if (!session) {
        return result;
    }
    stop_signals_handle(stop_session, session);
    log_info("listening on %s", options.server.socket_path);
    result = session_wait(session);
    stop_signals_restore();
    session_destroy(session);
    return result;
}
