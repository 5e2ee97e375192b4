/* Where contexts run: in processes of their own, or on threads of this one. Main thread. */
#ifndef VESPER_CLI_ISOLATION_H
#define VESPER_CLI_ISOLATION_H

#include <stdint.h>

#include "ipc/worker_pool.h"

struct cli_isolation {
    const char *mode;   /* "process" or "none" */
    const char *worker; /* path of vesper-worker; NULL: beside vesper */
    uint32_t spares;
    const char *sandbox; /* a level's name; NULL: the default of processes */
    const char *shader_cache; /* a folder, "auto" or "none"; NULL: "auto" */
    /* What a server is known by when it comes back (shader_cache.h); NULL: nothing. */
    const char *name, *disk;
};

#define CLI_ISOLATION_DEFAULT {.mode = "process", .spares = WORKER_SPARES_DEFAULT}

/* Rows for the option table of a command. */
#define CLI_ISOLATION_ROWS(i)                                                                      \
    {"--isolation", CLI_TEXT, &(i).mode, "KIND",                                                   \
     "process: each context in a process of its own (the default);\n"                              \
     "none: on threads of this one"},                                                              \
        {"--worker", CLI_TEXT, &(i).worker, "PATH",                                                \
         "the program of those processes (vesper-worker beside vesper)"},                          \
        {"--spare-workers", CLI_U32_OR_0, &(i).spares, "N", "processes kept ready, 0 to 8 (1)"},   \
        {"--sandbox", CLI_TEXT, &(i).sandbox, "LEVEL",                                             \
         "what those processes give up: driver keeps what graphics cards need (the\n"              \
         "default where it can be entered), strict less, none gives up nothing"},                  \
        {"--shader-cache", CLI_TEXT, &(i).shader_cache, "FOLDER",                                  \
         "where drivers of those processes keep what they compiled; auto (the\n"                   \
         "default): with a sandbox in a folder of this server's own; or none"}

typedef int (*cli_create_context)(const char *name, const struct context_limits *limits,
                                  const struct context_listener *listener, void *user,
                                  struct context **out);

/* Opens the host's driver, in the first worker or here, and gives how contexts are made. CLI_OK, or
 * CLI_FAILED or CLI_USAGE after a sentence on standard error. SIGPIPE is ignored already. */
int cli_isolation_open(const struct cli_isolation *isolation, cli_create_context *out_create);
/* All contexts are destroyed. May be called where nothing was opened. */
void cli_isolation_close(void);

#endif
