#include "cli/sheet.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 1024

static void put_json_text(const char *text) {
    putchar('"');
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            printf("\\%c", *c);
        } else if (*c < 0x20 || *c >= 0x7f) {
            printf("\\u%04x", *c);
        } else {
            putchar(*c);
        }
    }
    putchar('"');
}

static void put_plain_text(const char *text) {
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        putchar(*c < 0x20 || *c == 0x7f ? '?' : *c);
    }
}

/* What comes before a value: separator, indentation, name. */
static void begin_entry(struct sheet *sheet, const char *name) {
    if (!sheet->is_json) {
        printf("%*s%s: ", (int)(2 * (sheet->depth - 1)), "", name);
        return;
    }
    printf("%s\n%*s", sheet->has_entry[sheet->depth - 1] ? "," : "", (int)(2 * sheet->depth), "");
    sheet->has_entry[sheet->depth - 1] = true;
    if (!sheet->is_list[sheet->depth - 1]) {
        put_json_text(name);
        printf(": ");
    }
}

static void push(struct sheet *sheet, bool is_list) {
    sheet->has_entry[sheet->depth] = false;
    sheet->is_list[sheet->depth++] = is_list;
}

void sheet_begin(struct sheet *sheet, bool is_json) {
    memset(sheet, 0, sizeof(*sheet));
    sheet->is_json = is_json;
    push(sheet, false);
    if (is_json) {
        putchar('{');
    }
}

void sheet_end(struct sheet *sheet) {
    if (sheet->is_json) {
        puts("\n}");
    }
}

void sheet_open(struct sheet *sheet, const char *name, bool is_list) {
    begin_entry(sheet, name);
    putchar(!sheet->is_json ? '\n' : is_list ? '[' : '{');
    push(sheet, is_list);
}

void sheet_close(struct sheet *sheet) {
    sheet->depth--;
    if (sheet->is_json) {
        printf("\n%*s%c", (int)(2 * sheet->depth), "", sheet->is_list[sheet->depth] ? ']' : '}');
    }
}

void sheet_text(struct sheet *sheet, const char *name, const char *text) {
    begin_entry(sheet, name);
    if (sheet->is_json && text) {
        put_json_text(text);
    } else if (sheet->is_json) {
        printf("null");
    } else {
        put_plain_text(text ? text : "none");
        putchar('\n');
    }
}

void sheet_format(struct sheet *sheet, const char *name, const char *format, ...) {
    char text[TEXT_BYTES];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof(text), format, values);
    va_end(values);
    sheet_text(sheet, name, text);
}

void sheet_number(struct sheet *sheet, const char *name, uint64_t number) {
    begin_entry(sheet, name);
    printf("%" PRIu64 "%s", number, sheet->is_json ? "" : "\n");
}

void sheet_flag(struct sheet *sheet, const char *name, bool flag) {
    begin_entry(sheet, name);
    printf("%s%s", sheet->is_json ? (flag ? "true" : "false") : (flag ? "yes" : "no"),
           sheet->is_json ? "" : "\n");
}
