/* Where the sessions of this user leave their control sockets, so that `vesper ctl` finds them:
 * NAME.control in the folder vesper-UID of $XDG_RUNTIME_DIR, of $TMPDIR or of /tmp, the first that
 * can be had. The folder is its owner's alone (0700); one that is not is not used. Main thread. */
#ifndef VESPER_CLI_RUNTIME_H
#define VESPER_CLI_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#define RUNTIME_NAME_MAX 32   /* bytes of a name, without the NUL */
#define RUNTIME_PATH_MAX 256  /* bytes of a path, with the NUL */
#define RUNTIME_SESSIONS_MAX 64

struct runtime_session {
    char name[RUNTIME_NAME_MAX + 1];
    char path[RUNTIME_PATH_MAX];
};

/* Whether a session may be called `name`: letters, digits, - and _, dots but not at the beginning;
 * 1 … RUNTIME_NAME_MAX bytes. */
bool runtime_name_is_valid(const char *name);

/* Makes the folder where there is none yet, and gives the path of the socket of `name`, which is
 * valid. 0, or a negative errno with a sentence in `reason`. */
int runtime_make_socket_path(const char *name, char out[RUNTIME_PATH_MAX], char *reason,
                             size_t reason_size);

/* Lists the sessions that answer, by name, in `out` and returns how many there are. Sockets that
 * nobody listens at are removed. */
size_t runtime_list_sessions(struct runtime_session out[RUNTIME_SESSIONS_MAX]);

#endif
