/* A sheet of named facts on standard output: lines for a person, or one JSON object. Main thread. */
#ifndef VESPER_CLI_SHEET_H
#define VESPER_CLI_SHEET_H

#include <stdbool.h>
#include <stdint.h>

#define SHEET_DEPTH_MAX 8

struct sheet {
    bool is_json;
    unsigned depth;
    bool has_entry[SHEET_DEPTH_MAX];
    bool is_list[SHEET_DEPTH_MAX];
};

void sheet_begin(struct sheet *sheet, bool is_json);
void sheet_end(struct sheet *sheet);

/* Groups nest SHEET_DEPTH_MAX - 1 deep. In a list names are left out of JSON. */
void sheet_open(struct sheet *sheet, const char *name, bool is_list);
void sheet_close(struct sheet *sheet);

/* `text` may be NULL (JSON null, "none") and quote a driver: control bytes do no harm. */
void sheet_text(struct sheet *sheet, const char *name, const char *text);
void sheet_format(struct sheet *sheet, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sheet_number(struct sheet *sheet, const char *name, uint64_t number);
void sheet_flag(struct sheet *sheet, const char *name, bool flag);

#endif
