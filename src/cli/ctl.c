#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/control.h"
#include "cli/control_client.h"
#include "cli/options.h"
#include "cli/runtime.h"
#include "cli/sheet.h"

#define WORDS_MAX 4

struct ctl {
    const char *control; /* path of a session's socket; NULL: looked for */
    const char *name;    /* of a session; NULL: the only one */
    uint32_t display;    /* counted from 1 */
    bool json;
    const char *words[WORDS_MAX];
    unsigned word_count;
    int fd;
    char answer[CONTROL_LINE_MAX];
    struct runtime_session sessions[RUNTIME_SESSIONS_MAX];
};

static void print_help(const struct cli_option *options) {
    puts("Usage: vesper ctl [OPTION…] COMMAND…\n"
         "\n"
         "Talks with a vesper serve or vesper run of this user while its machine runs.\n"
         "\n"
         "Commands:\n"
         "  status                    what the guest has, and how its frames come to the screen\n"
         "  screenshot FILE.png       write what a display shows\n"
         "  display list              the displays and their modes\n"
         "  display N WxH[@HZ] [connect]\n"
         "                            give display N a preferred mode, and plug it\n"
         "  display N connect         plug it with the mode that it had\n"
         "  display N disconnect      unplug it\n"
         "  display N rotate=0|90|180|270\n"
         "                            turn its pictures clockwise in their window\n"
         "\n"
         "Displays are counted from 1, as in their windows' titles and their names in the guest.\n"
         "\n"
         "Options:");
    cli_print_options(options);
    puts("\n"
         "Exit codes: 0 done, 1 failed or nothing runs, 2 wrong usage.");
}

static int refuse_usage(const char *expected) {
    cli_error("ctl: expected: %s; see 'vesper ctl --help'", expected);
    return CLI_USAGE;
}

/* ---- the session -------------------------------------------------------------------------- */

static void print_choice(const struct runtime_session *sessions, size_t count) {
    fputs("vesper: ctl: several sessions run; choose one with --name:", stderr);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, " %s", sessions[i].name);
    }
    fputc('\n', stderr);
}

/* NULL after a sentence. */
static const char *choose_session(struct ctl *ctl) {
    const size_t count = runtime_list_sessions(ctl->sessions);
    for (size_t i = 0; ctl->name && i < count; i++) {
        if (strcmp(ctl->sessions[i].name, ctl->name) == 0) {
            return ctl->sessions[i].path;
        }
    }
    if (ctl->name) {
        cli_error("ctl: no session of yours is called '%s'", ctl->name);
    } else if (count == 0) {
        cli_error("ctl: nothing runs: no vesper serve or vesper run of yours was found; "
                  "--control PATH names the control socket of another");
    } else if (count > 1) {
        print_choice(ctl->sessions, count);
    }
    return !ctl->name && count == 1 ? ctl->sessions[0].path : NULL;
}

static int connect_session(struct ctl *ctl) {
    const char *path = ctl->control ? ctl->control : choose_session(ctl);
    if (!path) {
        return CLI_FAILED;
    }
    char reason[512];
    if (control_client_connect(path, &ctl->fd, reason, sizeof(reason))) {
        cli_error("ctl: %s", reason);
        return CLI_FAILED;
    }
    return CLI_OK;
}

/* What the session says behind "ok"; NULL after a sentence. */
static char *ask(struct ctl *ctl, const char *request) {
    char reason[256];
    struct control_answer answer;
    if (control_client_ask(ctl->fd, request, ctl->answer, &answer, reason, sizeof(reason))) {
        cli_error("ctl: %s", reason);
        return NULL;
    }
    if (!answer.done) {
        cli_error("ctl: %s", answer.text);
        return NULL;
    }
    return answer.text;
}

/* ---- displays ----------------------------------------------------------------------------- */

static bool parse_display(const char *text, uint32_t *out) {
    char *end;
    const unsigned long number = strtoul(text, &end, 10);
    *out = (uint32_t)number;
    return text[0] >= '1' && text[0] <= '9' && *end == 0 && number <= UINT16_MAX;
}

/* "NUMBER=connected,WxH@HZ" or "NUMBER=disconnected,…"; the number is counted from 0. */
static void print_display(struct sheet *sheet, const char *entry) {
    unsigned number;
    char state[16], mode[32], name[32];
    if (sscanf(entry, "%u=%15[a-z],%31s", &number, state, mode) != 3) {
        return; /* of a later version */
    }
    snprintf(name, sizeof(name), "display %u", number + 1);
    if (!sheet->is_json) {
        sheet_format(sheet, name, "%s, %s", state, mode);
        return;
    }
    uint32_t width = 0, height = 0, refresh = 0;
    sscanf(mode, "%" SCNu32 "x%" SCNu32 "@%" SCNu32, &width, &height, &refresh);
    sheet_open(sheet, name, false);
    sheet_number(sheet, "display", number + 1);
    sheet_flag(sheet, "connected", strcmp(state, "connected") == 0);
    sheet_number(sheet, "width", width);
    sheet_number(sheet, "height", height);
    sheet_number(sheet, "refresh rate", refresh);
    sheet_close(sheet);
}

/* Cuts `answer` into words. */
static void print_displays(struct sheet *sheet, char *answer) {
    if (sheet->is_json) {
        sheet_open(sheet, "displays", true);
    }
    char *save = NULL;
    for (char *entry = strtok_r(answer, " ", &save); entry; entry = strtok_r(NULL, " ", &save)) {
        print_display(sheet, entry);
    }
    if (sheet->is_json) {
        sheet_close(sheet);
    }
}

static int list_displays(struct ctl *ctl) {
    char *answer = ask(ctl, "displays");
    if (!answer) {
        return CLI_FAILED;
    }
    struct sheet sheet;
    sheet_begin(&sheet, ctl->json);
    print_displays(&sheet, answer);
    sheet_end(&sheet);
    return CLI_OK;
}

static int change_display(struct ctl *ctl) {
    static const char usage[] =
        "display N WxH[@HZ] [connect], display N connect, display N disconnect, "
        "or display N rotate=0|90|180|270";
    uint32_t number;
    const char *mode = ctl->words[2];
    if (ctl->word_count < 3 || !parse_display(ctl->words[1], &number)) {
        return refuse_usage(usage);
    }
    const bool is_mode = mode[0] >= '0' && mode[0] <= '9';
    if (ctl->word_count == 4 && (!is_mode || strcmp(ctl->words[3], "connect") != 0)) {
        return refuse_usage(usage);
    }
    const bool is_turn = strncmp(mode, "rotate=", strlen("rotate=")) == 0;
    if (!is_mode && !is_turn && strcmp(mode, "connect") != 0 && strcmp(mode, "disconnect") != 0) {
        return refuse_usage(usage);
    }
    char request[128];
    snprintf(request, sizeof(request), "display %" PRIu32 " %.64s", number - 1,
             strcmp(mode, "disconnect") == 0 ? "off" : mode);
    return ask(ctl, request) ? CLI_OK : CLI_FAILED;
}

static int do_display(struct ctl *ctl) {
    if (ctl->word_count == 2 && strcmp(ctl->words[1], "list") == 0) {
        return list_displays(ctl);
    }
    return change_display(ctl);
}

/* ---- status ------------------------------------------------------------------------------- */

static const struct {
    const char *key, *name;
} counts[] = {
    {"contexts", "contexts"},
    {"resources", "resources"},
    {"mappings", "memories mapped by the guest"},
    {"parked", "requests not answered yet"},
    {"requests", "requests so far"},
    {"errors", "requests refused"},
    {"pixel_bytes", "bytes of pictures"},
    {"storages", "shared memories"},
    {"storage_bytes", "bytes of shared memory"},
};

/* The value of `key` in "key=value …". */
static bool find_count(const char *text, const char *key, uint64_t *out) {
    const size_t length = strlen(key);
    while (*text) {
        if (strncmp(text, key, length) == 0 && text[length] == '=') {
            *out = strtoull(text + length + 1, NULL, 10);
            return true;
        }
        text += strcspn(text, " ");
        text += strspn(text, " ");
    }
    return false;
}

static void print_counts(struct sheet *sheet, const char *text) {
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint64_t value;
        if (find_count(text, counts[i].key, &value)) {
            sheet_number(sheet, counts[i].name, value);
        }
    }
}

/* "NUMBER=PATH,FPS,MEAN,LONGEST …"; the number is counted from 0. Cuts `answer` into words. */
static void print_rates(struct sheet *sheet, char *answer) {
    if (sheet->is_json) {
        sheet_open(sheet, "frames", true);
    }
    char *save = NULL;
    for (char *entry = strtok_r(answer, " ", &save); entry; entry = strtok_r(NULL, " ", &save)) {
        unsigned number;
        char name[48], path[16], rate[16], mean[16], longest[16];
        if (sscanf(entry, "%u=%15[a-z-],%15[0-9.],%15[0-9.],%15[0-9.]", &number, path, rate, mean,
                   longest) == 5) {
            snprintf(name, sizeof(name), "frames of display %u", number + 1);
            sheet_format(sheet, name, "%s fps, %s ms a frame, %s at most, %s", rate, mean, longest,
                         path);
        }
    }
    if (sheet->is_json) {
        sheet_close(sheet);
    }
}

static int do_status(struct ctl *ctl) {
    if (ctl->word_count != 1) {
        return refuse_usage("status");
    }
    char counts_text[CONTROL_LINE_MAX], rates_text[CONTROL_LINE_MAX];
    char *answer = ask(ctl, "counts");
    if (!answer) {
        return CLI_FAILED;
    }
    snprintf(counts_text, sizeof(counts_text), "%s", answer);
    answer = ask(ctl, "rates");
    if (!answer) {
        return CLI_FAILED;
    }
    snprintf(rates_text, sizeof(rates_text), "%s", answer);
    answer = ask(ctl, "displays");
    if (!answer) {
        return CLI_FAILED;
    }
    struct sheet sheet;
    sheet_begin(&sheet, ctl->json);
    print_counts(&sheet, counts_text);
    print_displays(&sheet, answer);
    print_rates(&sheet, rates_text);
    sheet_end(&sheet);
    return CLI_OK;
}

/* ---- pictures ----------------------------------------------------------------------------- */

/* The session has another current folder. */
static bool make_absolute(const char *path, char *out, size_t size) {
    char folder[CONTROL_LINE_MAX / 2];
    if (path[0] == '/') {
        return (size_t)snprintf(out, size, "%s", path) < size;
    }
    return getcwd(folder, sizeof(folder)) &&
           (size_t)snprintf(out, size, "%s/%s", folder, path) < size;
}

static int do_screenshot(struct ctl *ctl) {
    char path[CONTROL_LINE_MAX - 64], request[CONTROL_LINE_MAX];
    if (ctl->word_count != 2) {
        return refuse_usage("screenshot [--display N] FILE.png");
    }
    if (strchr(ctl->words[1], '\n') || !make_absolute(ctl->words[1], path, sizeof(path))) {
        cli_error("ctl: the path of the picture is too long, or not of one line");
        return CLI_USAGE;
    }
    snprintf(request, sizeof(request), "capture %" PRIu32 " %s", ctl->display - 1, path);
    return ask(ctl, request) ? CLI_OK : CLI_FAILED;
}

/* ------------------------------------------------------------------------------------------- */

static int execute(struct ctl *ctl) {
    static const struct {
        const char *name;
        int (*run)(struct ctl *ctl);
    } commands[] = {
        {"status", do_status},
        {"screenshot", do_screenshot},
        {"display", do_display},
    };
    if (!ctl->word_count) {
        return refuse_usage("status, screenshot or display");
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(ctl->words[0], commands[i].name) == 0) {
            int result = connect_session(ctl);
            if (result == CLI_OK) {
                result = commands[i].run(ctl);
                close(ctl->fd);
            }
            return result;
        }
    }
    cli_error("ctl: unknown command '%s'; see 'vesper ctl --help'", ctl->words[0]);
    return CLI_USAGE;
}

int command_ctl(int argc, char **argv) {
    static struct ctl ctl = {.display = 1};
    const struct cli_option table[] = {
        {"COMMAND", CLI_OPERAND, &ctl.words[0], "", ""},
        {"WORD", CLI_OPERAND, &ctl.words[1], "", ""},
        {"WORD", CLI_OPERAND, &ctl.words[2], "", ""},
        {"WORD", CLI_OPERAND, &ctl.words[3], "", ""},
        {"--control", CLI_TEXT, &ctl.control, "PATH", "the session's control socket"},
        {"--name", CLI_TEXT, &ctl.name, "NAME",
         "the session's name: its --name, or its process's number\n"
         "(not needed where only one runs)"},
        {"--display", CLI_U32, &ctl.display, "N", "the display of a screenshot (1)"},
        {"--json", CLI_SWITCH, &ctl.json, "", "status and display list as JSON"},
        {0},
    };
    const int result = cli_parse_options("ctl", table, argc, argv);
    if (result == CLI_HELP) {
        print_help(table + WORDS_MAX);
        return CLI_OK;
    }
    if (result != CLI_OK) {
        return result;
    }
    while (ctl.word_count < WORDS_MAX && ctl.words[ctl.word_count]) {
        ctl.word_count++;
    }
    return execute(&ctl);
}
