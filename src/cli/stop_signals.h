/* SIGINT and SIGTERM for commands that serve until then. Main thread. */
#ifndef VESPER_CLI_STOP_SIGNALS_H
#define VESPER_CLI_STOP_SIGNALS_H

/* The first of the two signals calls `stop`, which must be async-signal-safe, with `argument`; a
 * second one, should a host call never return, ends the process. One server at a time. */
void stop_signals_handle(void (*stop)(void *argument), void *argument);
/* The signals end the process again. */
void stop_signals_restore(void);

#endif
