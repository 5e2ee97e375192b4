#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "platform/platform.h"

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv); /* NULL: a program of its own, vesper-NAME beside this one */
} commands[] = {
    {"ctl", "see and change what a running machine shows", command_ctl},
    {"doctor", "say what this computer can give a guest, and why not more", command_doctor},
    {"run", "start a virtual machine with a GPU", command_run},
    {"selftest", "test what Vesper relies on here, for a report", command_selftest},
    {"serve", "be the GPU of a virtual machine", command_serve},
    {"vtest", "serve Vulkan to Mesa's Venus driver over a Unix socket", NULL},
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to) {
    fputs("Usage: vesper COMMAND [OPTION…]\n"
          "\n"
          "Gives virtual machines and containers the Vulkan GPU of this computer.\n"
          "\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\n"
          "  vesper COMMAND --help   says what a command does and takes\n"
          "  vesper --version        prints the version\n",
          to);
}

/* `argv` begins with the command's name. Returns where it fails. */
static int run_program(const char *command, char **argv) {
    char name[32], path[PATH_MAX];
    snprintf(name, sizeof(name), "vesper-%s", command);
    int error = platform_path_beside(name, path, sizeof(path));
    if (!error) {
        argv[0] = name;
        execv(path, argv);
        error = -errno;
    }
    cli_error("%s cannot be started: %s", name, strerror(-error));
    return CLI_FAILED;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return cli_flush_output();
    }
    if (strcmp(name, "--version") == 0) {
        puts("vesper " VESPER_VERSION);
        return cli_flush_output();
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            if (!commands[i].run) {
                return run_program(name, argv + 1);
            }
            int result = commands[i].run(argc - 2, argv + 2);
            return result == CLI_OK ? cli_flush_output() : result;
        }
    }
    cli_error("unknown command '%s'; see 'vesper --help'", name);
    return CLI_USAGE;
}
