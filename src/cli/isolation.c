#include "cli/isolation.h"

#include <limits.h>
#include <string.h>

#include "cli/options.h"
#include "cli/shader_cache.h"
#include "platform/sandbox.h"
#include "util/log.h"

/* Of the pool, which there is one of. */
static struct shader_cache cache = SHADER_CACHE_NONE;

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

static bool is_auto(const char *shader_cache) {
    return !shader_cache || strcmp(shader_cache, "auto") == 0;
}

/* A folder that was asked for must be possible. */
static int open_asked_cache(const char *folder, enum platform_sandbox sandbox) {
    char reason[PATH_MAX + 128];
    if (platform_sandbox_check_cache(sandbox, reason, sizeof(reason)) ||
        shader_cache_open(folder, &cache, reason, sizeof(reason))) {
        cli_error("--shader-cache: %s", reason);
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* Contexts work without one, too. */
static void open_own_cache(const struct cli_isolation *isolation, enum platform_sandbox sandbox) {
    char reason[PATH_MAX + 128], identity[SHADER_CACHE_IDENTITY_MAX];
    if (sandbox == PLATFORM_SANDBOX_NONE) {
        return; /* drivers find this user's own */
    }
    shader_cache_identify(isolation->name, isolation->disk, identity);
    if (platform_sandbox_check_cache(sandbox, reason, sizeof(reason)) ||
        shader_cache_open_own(identity, &cache, reason, sizeof(reason))) {
        log_debug("workers: no shader cache: %s", reason);
    }
}

static int open_cache(const struct cli_isolation *isolation, enum platform_sandbox sandbox) {
    int result = CLI_OK;
    if (is_auto(isolation->shader_cache)) {
        open_own_cache(isolation, sandbox);
    } else if (strcmp(isolation->shader_cache, "none") != 0) {
        result = open_asked_cache(isolation->shader_cache, sandbox);
    }
    if (cache.folder[0]) {
        log_debug("workers: shader cache %s", cache.folder);
    }
    return result;
}

static int open_pool(const struct cli_isolation *isolation, cli_create_context *out_create) {
    struct worker_pool_options options = {
        .program = isolation->worker,
        .spares = isolation->spares,
    };
    int result = choose_sandbox(isolation->sandbox, &options.sandbox);
    if (result == CLI_OK) {
        result = open_cache(isolation, options.sandbox);
    }
    if (result != CLI_OK) {
        return result;
    }
    options.cache = cache.folder[0] ? cache.folder : NULL;
    char reason[512];
    if (worker_pool_start(&options, reason, sizeof(reason))) {
        cli_error("%s", reason);
        shader_cache_close(&cache);
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
        if (!is_auto(isolation->shader_cache) && strcmp(isolation->shader_cache, "none") != 0) {
            cli_error("--shader-cache=%s needs --isolation=process", isolation->shader_cache);
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
    shader_cache_close(&cache);
}
