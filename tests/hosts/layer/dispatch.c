#include <stdlib.h>

#include "layer.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct below_instance *instances;
static struct below_device *devices;

/* The loader's table, the same for all that an instance or a device dispatches. */
static void *key_of(void *handle) {
    return *(void **)handle;
}

void below_add_instance(struct below_instance *instance) {
    pthread_rwlock_wrlock(&lock);
    instance->key = key_of(instance->handle);
    instance->next = instances;
    instances = instance;
    pthread_rwlock_unlock(&lock);
}

void below_add_device(struct below_device *device) {
    pthread_rwlock_wrlock(&lock);
    device->next = devices;
    devices = device;
    pthread_rwlock_unlock(&lock);
}

struct below_instance *below_instance_of(void *handle) {
    pthread_rwlock_rdlock(&lock);
    struct below_instance *found = instances;
    while (found && found->key != key_of(handle)) {
        found = found->next;
    }
    pthread_rwlock_unlock(&lock);
    return found;
}

struct below_device *below_device_of(void *handle) {
    pthread_rwlock_rdlock(&lock);
    struct below_device *found = devices;
    while (found && found->key != key_of(handle)) {
        found = found->next;
    }
    pthread_rwlock_unlock(&lock);
    return found;
}

void below_remove_instance(struct below_instance *instance) {
    pthread_rwlock_wrlock(&lock);
    struct below_instance **at = &instances;
    while (*at && *at != instance) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = instance->next;
    }
    pthread_rwlock_unlock(&lock);
    free(instance);
}

void below_remove_device(struct below_device *device) {
    pthread_rwlock_wrlock(&lock);
    struct below_device **at = &devices;
    while (*at && *at != device) {
        at = &(*at)->next;
    }
    if (*at) {
        *at = device->next;
    }
    pthread_rwlock_unlock(&lock);
    pthread_mutex_destroy(&device->queue_mutex);
    free(device);
}

/* ---- what is known of handles ---------------------------------------------------------------- */

enum { BUCKETS = 4096 };

struct note {
    uint64_t handle;
    uint32_t word;
    struct note *next;
};

static pthread_mutex_t notes_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct note *notes[BUCKETS];

static struct note **find_note(uint64_t handle) {
    struct note **at = &notes[(handle * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
    while (*at && (*at)->handle != handle) {
        at = &(*at)->next;
    }
    return at;
}

void below_note(uint64_t handle, uint32_t word) {
    pthread_mutex_lock(&notes_mutex);
    struct note **at = find_note(handle);
    struct note *note = *at;
    if (note && !word) {
        *at = note->next;
        free(note);
    } else if (note) {
        note->word = word;
    } else if (word && (note = malloc(sizeof(*note)))) {
        *note = (struct note){handle, word, NULL};
        *at = note;
    }
    pthread_mutex_unlock(&notes_mutex);
}

uint32_t below_look_up(uint64_t handle) {
    pthread_mutex_lock(&notes_mutex);
    struct note *note = *find_note(handle);
    uint32_t word = note ? note->word : 0;
    pthread_mutex_unlock(&notes_mutex);
    return word;
}
