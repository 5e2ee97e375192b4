/* Command-line options of the commands: `--name VALUE` and `--name=VALUE`. Main thread. */
#ifndef VESPER_CLI_OPTIONS_H
#define VESPER_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum cli_option_kind {
    CLI_TEXT,      /* const char *: borrowed from the command line */
    CLI_U32,       /* uint32_t: a count ≥ 1 */
    CLI_U32_OR_0,  /* uint32_t: a count, of which there may be none */
    CLI_U64,       /* uint64_t: a count ≥ 1 */
    CLI_BYTES_U32, /* uint32_t: bytes ≥ 1, K, M, G (binary) may follow */
    CLI_BYTES_U64, /* uint64_t: the same */
    CLI_LOG_LEVEL, /* enum log_level */
    CLI_SWITCH,    /* bool: true where the option is given; takes no value */
    CLI_SIZE,      /* struct cli_size: WIDTHxHEIGHT, each 1 … 16384 */
    CLI_OPERAND,   /* const char *: the next argument without dashes; `name` is for messages */
    CLI_REST, /* char **: what follows "--", ends with NULL; left alone where there is none */
};

struct cli_size {
    uint32_t width, height; /* pixels */
};

struct cli_option {
    const char *name; /* with its dashes */
    enum cli_option_kind kind;
    void *value; /* as the kind says; left alone where the option is not given */
    const char *placeholder; /* for the help; "" where there is nothing to add */
    const char *help; /* may have several lines */
};

/* Results of commands and of cli_parse_options; also exit codes of the process. */
enum {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_HELP = -1, /* cli_parse_options: --help was given */
};

/* Reads the arguments behind the command's name; `options` ends with a NULL name. CLI_OK, CLI_HELP,
 * or CLI_USAGE after a sentence on standard error. */
int cli_parse_options(const char *command, const struct cli_option *options, int argc, char **argv);

/* Writes the options, aligned, to standard output. */
void cli_print_options(const struct cli_option *options);

/* CLI_OK, or CLI_FAILED after a sentence: help that nobody could read is a failure, too. */
int cli_flush_output(void);

/* One sentence on standard error: "vesper: …". */
void cli_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
