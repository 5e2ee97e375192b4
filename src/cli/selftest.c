#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "cli/commands.h"
#include "cli/options.h"
#include "cli/sheet.h"
#include "selftest/runner.h"

#define LIMIT_MS 60000

static const char *const words[] = {"ok", "failed", "not here"};

static void put_line(const struct selftest_check *check, const struct selftest_result *result) {
    printf("%-8s  %s: ", words[result->status], check->name);
    for (const char *c = result->value; *c; c++) {
        putchar((unsigned char)*c < 0x20 || *c == 0x7f ? '?' : *c);
    }
    printf(" [%s]\n", check->why);
    fflush(stdout); /* what is known stays known */
}

static void put_entry(struct sheet *sheet, const struct selftest_check *check,
                      const struct selftest_result *result) {
    sheet_open(sheet, check->name, false);
    sheet_text(sheet, "result", words[result->status]);
    sheet_text(sheet, "value", result->value);
    sheet_text(sheet, "why it matters", check->why);
    sheet_close(sheet);
}

static void put_host(struct sheet *sheet) {
    struct utsname host;
    sheet_text(sheet, "vesper", VESPER_VERSION);
    if (uname(&host) >= 0) {
        sheet_format(sheet, "system", "%s %s %s", host.sysname, host.release, host.machine);
    }
}

/* All checks, or the one named. */
static int run_checks(bool is_json, const char *only) {
    unsigned counts[3] = {0};
    struct sheet sheet;
    sheet_begin(&sheet, is_json);
    put_host(&sheet);
    if (is_json) {
        sheet_open(&sheet, "checks", false);
    }
    for (const struct selftest_check *check = selftest_checks; check->name; check++) {
        struct selftest_result result;
        if (only && strcmp(only, check->name) != 0) {
            continue;
        }
        selftest_run(check, LIMIT_MS, &result);
        if (result.status > SELFTEST_NOT_HERE) {
            result.status = SELFTEST_FAILED;
        }
        counts[result.status]++;
        if (is_json) {
            put_entry(&sheet, check, &result);
        } else {
            put_line(check, &result);
        }
    }
    if (is_json) {
        sheet_close(&sheet);
    }
    for (int i = 0; i < 3; i++) {
        sheet_number(&sheet, words[i], counts[i]);
    }
    sheet_end(&sheet);
    return counts[SELFTEST_FAILED] ? CLI_FAILED : CLI_OK;
}

static void print_help(const struct cli_option *options) {
    puts(
        "Usage: vesper selftest [OPTION…]\n"
        "\n"
        "Tests what Vesper relies on in this computer and its Vulkan driver, each assumption in a\n"
        "process of its own, and prints a report to paste into an issue: for each one 'ok',\n"
        "'failed' or 'not here', what was measured, and [why it matters].\n"
        "\n"
        "Options:");
    cli_print_options(options);
    puts("\n"
         "Exit codes: 0 nothing failed, 1 something did, 2 wrong usage.");
}

int command_selftest(int argc, char **argv) {
    bool is_json = false;
    const char *only = NULL;
    if (argc == 2 && strcmp(argv[0], SELFTEST_CHILD_OPTION) == 0) {
        return selftest_be_child(argv[1]);
    }
    const struct cli_option table[] = {
        {"--json", CLI_SWITCH, &is_json, "", "one JSON object, for programs"},
        {"--only", CLI_TEXT, &only, "CHECK", "this check alone"},
        {0},
    };
    const int result = cli_parse_options("selftest", table, argc, argv);
    if (result == CLI_HELP) {
        print_help(table);
        return CLI_OK;
    }
    if (result == CLI_OK && only && !selftest_find(only)) {
        cli_error("selftest: there is no check '%s'", only);
        return CLI_USAGE;
    }
    return result == CLI_OK ? run_checks(is_json, only) : result;
}
