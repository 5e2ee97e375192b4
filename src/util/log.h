/* Messages for the person who runs Vesper, on standard error.
 *
 * Each call site is limited to a burst of messages per second; what was held back is counted and
 * said with the next one. Never called on the hot path. Any thread. */
#ifndef VESPER_LOG_H
#define VESPER_LOG_H

#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_SILENT = -1, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

enum {
    LOG_BURST = 10,       /* messages of one call site per second */
    LOG_LINE_BYTES = 1024 /* longest line, with prefix and newline; more is cut off */
};

/* State of one call site; zero-initialised static storage. */
struct log_site {
    _Atomic(uint64_t) window_start_ns;
    _Atomic(uint32_t) count;
    _Atomic(uint32_t) suppressed;
};

/* Messages above `level` are dropped (LOG_SILENT: all). The default is LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Writes "vesper: <level>: <message>\n" as one write. Control bytes in the message, which may quote
 * a guest, are shown as '?'. Keeps errno. */
void log_write(struct log_site *site, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG_AT(level, ...)                                                                         \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        log_write(&log_site_, (level), __VA_ARGS__);                                               \
    } while (0)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_WARNING, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)

#endif
