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

int cli_flush_output(void) {
    if (fflush(stdout) != 0 || ferror(stdout)) {
        cli_error("standard output cannot be written");
        return CLI_FAILED;
    }
    return CLI_OK;
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

static bool parse_size(const char *text, struct cli_size *out) {
    const char *x = strchr(text, 'x');
    char width[8];
    uint64_t w, h;
    if (!x || (size_t)(x - text) >= sizeof(width)) {
        return false;
    }
    memcpy(width, text, (size_t)(x - text));
    width[x - text] = 0;
    if (!parse_number(width, false, 16384, &w) || !parse_number(x + 1, false, 16384, &h)) {
        return false;
    }
    *out = (struct cli_size){(uint32_t)w, (uint32_t)h};
    return true;
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
    case CLI_U32_OR_0:
        number = 0;
        if (strcmp(text, "0") != 0 && !parse_number(text, false, UINT32_MAX, &number)) {
            return false;
        }
        *(uint32_t *)option->value = (uint32_t)number;
        return true;
    case CLI_U64:
    case CLI_BYTES_U64:
        return parse_number(text, option->kind == CLI_BYTES_U64, UINT64_MAX, option->value);
    case CLI_LOG_LEVEL:
        return parse_log_level(text, option->value);
    case CLI_SIZE:
        return parse_size(text, option->value);
    case CLI_SWITCH:
    case CLI_OPERAND:
    case CLI_REST:
        break; /* have no value of their own */
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
    case CLI_U32_OR_0:
        return "a whole number";
    case CLI_BYTES_U32:
    case CLI_BYTES_U64:
        return "a whole number of bytes from 1 on, or one followed by K, M or G";
    case CLI_LOG_LEVEL:
        return "error, warning, info or debug";
    case CLI_SIZE:
        return "WIDTHxHEIGHT in pixels, 1 to 16384 each";
    case CLI_SWITCH:
    case CLI_OPERAND:
    case CLI_REST:
        break;
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

static int refuse_argument(const char *command, const char *argument) {
    cli_error("%s: unknown argument '%s'; see 'vesper %s --help'", command, argument, command);
    return CLI_USAGE;
}

/* Arguments without dashes fill the operands in their order, each once. */
static bool take_operand(const struct cli_option *options, unsigned number, const char *argument) {
    for (; options->name; options++) {
        if (options->kind == CLI_OPERAND && number-- == 0) {
            *(const char **)options->value = argument;
            return true;
        }
    }
    return false;
}

static bool take_rest(const struct cli_option *options, char **rest) {
    for (; options->name; options++) {
        if (options->kind == CLI_REST) {
            *(char ***)options->value = rest;
            return true;
        }
    }
    return false;
}

/* An option, with its value in the same argument or in `next`. The count of arguments used, or
 * CLI_USAGE negated. */
static int take_option(const char *command, const struct cli_option *options, const char *argument,
                       const char *next) {
    size_t length = strcspn(argument, "=");
    const struct cli_option *option = find_option(options, argument, length);
    if (!option || option->kind == CLI_REST ||
        (option->kind == CLI_SWITCH && argument[length] == '=')) {
        return -refuse_argument(command, argument);
    }
    if (option->kind == CLI_SWITCH) {
        *(bool *)option->value = true;
        return 1;
    }
    const bool has_value = argument[length] == '=';
    const char *value = has_value ? argument + length + 1 : next;
    if (!value) {
        cli_error("%s: %s needs a value: %s", command, option->name, expected(option->kind));
        return -CLI_USAGE;
    }
    if (!parse_value(option, value)) {
        cli_error("%s: %s '%s': expected %s", command, option->name, value, expected(option->kind));
        return -CLI_USAGE;
    }
    return has_value ? 1 : 2;
}

int cli_parse_options(const char *command, const struct cli_option *options, int argc,
                      char **argv) {
    unsigned operands = 0;
    for (int i = 0; i < argc;) {
        const char *argument = argv[i];
        if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
            return CLI_HELP;
        }
        if (strcmp(argument, "--") == 0) {
            return take_rest(options, argv + i + 1) ? CLI_OK : refuse_argument(command, argument);
        }
        if (argument[0] != '-') {
            if (!take_operand(options, operands++, argument)) {
                return refuse_argument(command, argument);
            }
            i++;
            continue;
        }
        int used = take_option(command, options, argument, i + 1 < argc ? argv[i + 1] : NULL);
        if (used < 0) {
            return -used;
        }
        i += used;
    }
    return CLI_OK;
}

void cli_print_options(const struct cli_option *options) {
    for (; options->name; options++) {
        const char *space = options->placeholder[0] ? " " : "";
        int width = printf("  %s%s%s", options->name, space, options->placeholder);
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
