#include "ipc/reasons.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define REASONS_MAX 64
#define REASON_BYTES 128

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char reasons[REASONS_MAX][REASON_BYTES];
static int count;

const char *ipc_reason_keep(const char *text) {
    const char *found = "refused by the worker";
    pthread_mutex_lock(&mutex);
    int i = 0;
    while (i < count && strncmp(reasons[i], text, REASON_BYTES - 1) != 0) {
        i++;
    }
    if (i == count && count < REASONS_MAX) {
        snprintf(reasons[count++], REASON_BYTES, "%.*s", REASON_BYTES - 1, text);
    }
    if (i < count) {
        found = reasons[i];
    }
    pthread_mutex_unlock(&mutex);
    return found;
}
