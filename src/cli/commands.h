/* The commands of the program. Each gets the arguments behind its name and returns an exit code
 * (CLI_OK, CLI_FAILED, CLI_USAGE). Main thread. */
#ifndef VESPER_CLI_COMMANDS_H
#define VESPER_CLI_COMMANDS_H

/* Talks with a session of this user: what it has, its displays, pictures of them. */
int command_ctl(int argc, char **argv);

/* Says whether and how this computer can serve a guest; CLI_FAILED where it cannot. */
int command_doctor(int argc, char **argv);

/* Starts a stock QEMU with Vesper as its virtio-gpu. */
int command_run(int argc, char **argv);

/* Tests what Vesper relies on here; CLI_FAILED where something fails. */
int command_selftest(int argc, char **argv);

/* Is the virtio-gpu of one virtual machine until SIGINT or SIGTERM. */
int command_serve(int argc, char **argv);

/* Serves Mesa's Venus driver over a Unix socket until SIGINT or SIGTERM. Of the program vesper-vtest. */
int command_vtest(int argc, char **argv);

#endif
