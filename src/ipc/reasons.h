/* Sentences from workers, kept for ever: the context contract hands out static ones. */
#ifndef VESPER_IPC_REASONS_H
#define VESPER_IPC_REASONS_H

/* A static sentence equal to `text`, of which at most 127 bytes are looked at; after the 64th
 * different one, a general sentence (the worker's log has the other). Any thread. */
const char *ipc_reason_keep(const char *text);

#endif
