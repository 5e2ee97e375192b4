/* The commands of the program. Each gets the arguments behind its name and returns an exit code
 * (CLI_OK, CLI_FAILED, CLI_USAGE). Main thread. */
#ifndef VESPER_CLI_COMMANDS_H
#define VESPER_CLI_COMMANDS_H

/* Serves Mesa's Venus driver over a Unix socket until SIGINT or SIGTERM. */
int command_vtest(int argc, char **argv);

#endif
