/* Opens a FIFO for writing whenever somebody reads it. open() then waits, and no poll tells when
 * a reader comes: so a thread of its own waits in it. */
#ifndef VESPER_DISPLAY_FIFO_OPENER_H
#define VESPER_DISPLAY_FIFO_OPENER_H

struct fifo_opener;

/* Makes a FIFO at `path` (copied) that only this user may use, unless one is there. -EEXIST where
 * something else is; or another negative errno. One thread calls this and what follows. */
int fifo_opener_create(const char *path, struct fifo_opener **out);
/* Gives up waiting, and removes the FIFO if it was made here. */
void fifo_opener_destroy(struct fifo_opener *opener);

/* Starts waiting for a reader; not while it already does. */
void fifo_opener_start(struct fifo_opener *opener);
/* Polls readable once the wait has ended. */
int fifo_opener_get_poll_fd(const struct fifo_opener *opener);
/* How the wait ended: a non-blocking descriptor, which is the caller's; or a negative errno;
 * -EAGAIN: not yet. */
int fifo_opener_take(struct fifo_opener *opener);

#endif
