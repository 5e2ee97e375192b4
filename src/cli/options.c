#include "cli/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/log.h"

void cli_error(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("vesper: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
}

static bool multiply_by_suffix(const char *suffix, uint64_t *value) {
    static const char letters[] = "KMG";
    if (suffix[0] == 0) {
        return true;
    }
    const char *letter = strchr(letters, suffix[0]);
    return letter && suffix[1] == 0 &&
           checked_mul_u64(*value, UINT64_C(1) << (10 * (letter - letters + 1)), value);
}

static bool parse_number(const char *text, bool in_bytes, uint64_t max, uint64_t *out) {
    if (text[0] < '0' || text[0] > '9') {
        return false; /* strtoull takes signs and spaces */
    }
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    *out = value;
    if (errno || (*end && !in_bytes) || !multiply_by_suffix(end, out)) {
        return false;
    }
    return *out >= 1 && *out <= max;
}

static bool parse_log_level(const char *text, enum log_level *out) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool parse_value(const struct cli_option *option, const char *text) {
    uint64_t number;
    switch (option->kind) {
    case CLI_TEXT:
        *(const char **)option->value = text;
        return text[0] != 0;
    case CLI_U32:
    case CLI_BYTES_U32:
        if (!parse_number(text, option->kind == CLI_BYTES_U32, UINT32_MAX, &number)) {
            return false;
        }
        *(uint32_t *)option->value = (uint32_t)number;
        return true;
    case CLI_U64:
    case CLI_BYTES_U64:
        return parse_number(text, option->kind == CLI_BYTES_U64, UINT64_MAX, option->value);
    case CLI_LOG_LEVEL:
        return parse_log_level(text, option->value);
    }
    return false;
}

static const char *expected(enum cli_option_kind kind) {
    switch (kind) {
    case CLI_TEXT:
        return "some text";
    case CLI_U32:
    case CLI_U64:
        return "a whole number from 1 on";
    case CLI_BYTES_U32:
    case CLI_BYTES_U64:
        return "a whole number of bytes from 1 on, or one followed by K, M or G";
    case CLI_LOG_LEVEL:
        return "error, warning, info or debug";
    }
    return "something else";
}

static const struct cli_option *find_option(const struct cli_option *options, const char *argument,
                                            size_t length) {
    for (; options->name; options++) {
        if (strlen(options->name) == length && memcmp(options->name, argument, length) == 0) {
            return options;
        }
    }
    return NULL;
}

int cli_parse_options(const char *command, const struct cli_option *options, int argc,
                      char **argv) {
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i];
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            return CLI_HELP;
        }
        size_t length = strcspn(argument, "=");
        const struct cli_option *option = find_option(options, argument, length);
        if (!option) {
            cli_error("%s: unknown argument '%s'; see 'vesper %s --help'", command, argument,
                      command);
            return CLI_USAGE;
        }
        const char *value = argument[length] == '=' ? argument + length + 1 : argv[++i];
        if (!value) {
            cli_error("%s: %s needs a value: %s", command, option->name, expected(option->kind));
            return CLI_USAGE;
        }
        if (!parse_value(option, value)) {
            cli_error("%s: %s '%s': expected %s", command, option->name, value,
                      expected(option->kind));
            return CLI_USAGE;
        }
    }
    return CLI_OK;
}

void cli_print_options(const struct cli_option *options) {
    for (; options->name; options++) {
        int width = printf("  %s %s", options->name, options->placeholder);
        const char *line = options->help;
        while (line) {
            const char *next = strchr(line, '\n');
            int length = next ? (int)(next - line) : (int)strlen(line);
            printf("%*s%.*s\n", width < 30 ? 30 - width : 1, "", length, line);
            width = 0;
            line = next ? next + 1 : NULL;
        }
    }
}
