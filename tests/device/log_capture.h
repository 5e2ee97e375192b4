/* Replaces the log of src/util/log.c in a test program: nothing is limited, and what was said can
 * be asked for. Any thread. */
#ifndef VESPER_TESTS_LOG_CAPTURE_H
#define VESPER_TESTS_LOG_CAPTURE_H

#include <stdbool.h>

/* Forgets what was said. */
void log_capture_clear(void);
/* Whether a message since then contains `text`. */
bool log_capture_has(const char *text);
/* All messages since then, a line each; valid until the next call. */
const char *log_capture_text(void);

#endif
