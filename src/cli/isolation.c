#include "cli/isolation.h"

#include <string.h>

#include "cli/options.h"

static int open_here(cli_create_context *out_create) {
    char reason[512];
    if (renderer_open_driver(reason, sizeof(reason))) {
        cli_error("%s", reason);
        return CLI_FAILED;
    }
    *out_create = renderer_context_create;
    return CLI_OK;
}

int cli_isolation_open(const struct cli_isolation *isolation, cli_create_context *out_create) {
    if (isolation->spares > WORKER_SPARES_MAX) {
        cli_error("--spare-workers: %d are the most", WORKER_SPARES_MAX);
        return CLI_USAGE;
    }
    if (strcmp(isolation->mode, "none") == 0) {
        return open_here(out_create);
    }
    if (strcmp(isolation->mode, "process") != 0) {
        cli_error("--isolation: %s is neither process nor none", isolation->mode);
        return CLI_USAGE;
    }
    const struct worker_pool_options options = {
        .program = isolation->worker,
        .spares = isolation->spares,
    };
    char reason[512];
    if (worker_pool_start(&options, reason, sizeof(reason))) {
        cli_error("%s", reason);
        return CLI_FAILED;
    }
    *out_create = worker_context_create;
    return CLI_OK;
}

void cli_isolation_close(void) {
    worker_pool_stop();
}
