#include "cli/isolation.h"

#include <string.h>

#include "cli/options.h"
#include "platform/sandbox.h"
#include "util/log.h"

static int open_here(cli_create_context *out_create) {
    char reason[512];
    if (renderer_open_driver(reason, sizeof(reason))) {
        cli_error("%s", reason);
        return CLI_FAILED;
    }
    *out_create = renderer_context_create;
    return CLI_OK;
}

/* What was asked for must be possible; the default is what is. */
static int choose_sandbox(const char *wanted, enum platform_sandbox *out) {
    char text[256];
    *out = platform_sandbox_default();
    if (wanted && !platform_sandbox_parse(wanted, out)) {
        cli_error("--sandbox: %s is none of driver, strict, none", wanted);
        return CLI_USAGE;
    }
    if (platform_sandbox_check(*out, text, sizeof(text)) == 0) {
        log_debug("workers: sandbox %s: %s", platform_sandbox_name(*out), text);
        return CLI_OK;
    }
    if (wanted) {
        cli_error("--sandbox=%s: %s", wanted, text);
        return CLI_FAILED;
    }
    log_warning("workers run without a sandbox: %s", text);
    *out = PLATFORM_SANDBOX_NONE;
    return CLI_OK;
}

static int open_pool(const struct cli_isolation *isolation, cli_create_context *out_create) {
    struct worker_pool_options options = {
        .program = isolation->worker,
        .spares = isolation->spares,
    };
    int result = choose_sandbox(isolation->sandbox, &options.sandbox);
    if (result != CLI_OK) {
        return result;
    }
    char reason[512];
    if (worker_pool_start(&options, reason, sizeof(reason))) {
        cli_error("%s", reason);
        return CLI_FAILED;
    }
    *out_create = worker_context_create;
    return CLI_OK;
}

int cli_isolation_open(const struct cli_isolation *isolation, cli_create_context *out_create) {
    if (isolation->spares > WORKER_SPARES_MAX) {
        cli_error("--spare-workers: %d are the most", WORKER_SPARES_MAX);
        return CLI_USAGE;
    }
    if (strcmp(isolation->mode, "none") == 0) {
        if (isolation->sandbox && strcmp(isolation->sandbox, "none") != 0) {
            cli_error("--sandbox=%s needs --isolation=process", isolation->sandbox);
            return CLI_USAGE;
        }
        return open_here(out_create);
    }
    if (strcmp(isolation->mode, "process") != 0) {
        cli_error("--isolation: %s is neither process nor none", isolation->mode);
        return CLI_USAGE;
    }
    return open_pool(isolation, out_create);
}

void cli_isolation_close(void) {
    worker_pool_stop();
}
