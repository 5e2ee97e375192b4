#include "util/log.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "platform/platform.h"

#define WINDOW_NS UINT64_C(1000000000)

/* Room for "... (N more like this were held back)\n" and its terminator behind the message. */
#define TAIL_BYTES 64

static _Atomic(int) current_level = LOG_INFO;

void log_set_level(enum log_level level) {
    atomic_store_explicit(&current_level, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void) {
    return (enum log_level)atomic_load_explicit(&current_level, memory_order_relaxed);
}

static const char *level_name(enum log_level level) {
    switch (level) {
    case LOG_SILENT:
        break;
    case LOG_ERROR:
        return "error";
    case LOG_WARNING:
        return "warning";
    case LOG_INFO:
        return "info";
    case LOG_DEBUG:
        break;
    }
    return "debug";
}

/* False where the site has used up its burst. Threads that meet at the turn of a window may say
 * a few messages more or fewer than the burst; none is lost from the count. */
static bool admit(struct log_site *site) {
    uint64_t now = platform_now_ns();
    uint64_t start = atomic_load(&site->window_start_ns);
    if ((start == 0 || (now > start && now - start >= WINDOW_NS)) &&
        atomic_compare_exchange_strong(&site->window_start_ns, &start, now)) {
        atomic_store(&site->count, 0);
    }
    if (atomic_fetch_add(&site->count, 1) < LOG_BURST) {
        return true;
    }
    atomic_fetch_add(&site->suppressed, 1);
    return false;
}

static void hide_control_bytes(char *text) {
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            *text = '?';
        }
    }
}

/* What follows the message: a mark where it was cut, the number held back, the newline. */
static int format_tail(char *text, bool is_cut, uint32_t held_back) {
    const char *mark = is_cut ? "..." : "";
    if (held_back > 0) {
        return snprintf(text, TAIL_BYTES, "%s (%u more like this were held back)\n", mark,
                        held_back);
    }
    return snprintf(text, TAIL_BYTES, "%s\n", mark);
}

static void write_line(const char *line, size_t length) {
    /* One write, so that lines of several threads and processes do not mix. */
    while (write(STDERR_FILENO, line, length) < 0 && errno == EINTR) {
    }
}

void log_write(struct log_site *site, enum log_level level, const char *format, ...) {
    if (level > log_get_level()) {
        return;
    }
    int saved = errno;
    if (!admit(site)) {
        errno = saved;
        return;
    }
    char line[LOG_LINE_BYTES];
    int start = snprintf(line, sizeof(line), "vesper: %s: ", level_name(level));
    int room = LOG_LINE_BYTES - TAIL_BYTES - start;
    va_list arguments;
    va_start(arguments, format);
    errno = saved; /* for %m */
    int length = vsnprintf(line + start, (size_t)room, format, arguments);
    va_end(arguments);
    bool is_cut = length >= room;
    int used = start + (is_cut ? room - 1 : length < 0 ? 0 : length);
    line[used] = '\0';
    hide_control_bytes(line + start);
    used += format_tail(line + used, is_cut, atomic_exchange(&site->suppressed, 0));
    write_line(line, (size_t)used);
    errno = saved;
}
