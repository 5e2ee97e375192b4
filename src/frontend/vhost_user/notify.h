/* Kick, call and error descriptors: eventfds, or pipes where there are none. The numbers that pass
 * mean nothing. Any thread; never blocks. */
#ifndef VESPER_VHOST_USER_NOTIFY_H
#define VESPER_VHOST_USER_NOTIFY_H

#include <stdbool.h>

/* Prepares a descriptor of the monitor's for the functions below. -EINVAL: neither an eventfd nor
 * a pipe, which would be readable without end; or another negative errno. */
int vhost_notify_prepare(int fd);
/* Takes what the other side wrote. False where nothing will ever come again. */
bool vhost_notify_take(int fd);
/* Tells the other side; -1 is ignored. The process ignores SIGPIPE. */
void vhost_notify_signal(int fd);

#endif
