#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layer.h"

enum { RULES_MAX = 16, CALLS_MAX = 256, NAME_BYTES = 64 };

struct rule {
    char call[NAME_BYTES];
    int number, result, milliseconds;
    uint32_t seen;
};

struct seen {
    char call[NAME_BYTES];
    uint32_t count;
};

static struct rule rules[RULES_MAX];
static int rule_count;
static struct seen seen[CALLS_MAX]; /* once a test has taken control */
static bool controlled;
static char held_call[NAME_BYTES];
static bool is_held;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t released = PTHREAD_COND_INITIALIZER;

static void read_rules(const char *variable, const char *text, bool fails) {
    while (text && *text) {
        struct rule *rule = &rules[rule_count];
        int fields = 0;
        if (rule_count < RULES_MAX) {
            *rule = (struct rule){0};
            fields = fails ? sscanf(text, "%63[^:]:%d:%d", rule->call, &rule->number, &rule->result)
                           : sscanf(text, "%63[^:]:%d", rule->call, &rule->milliseconds);
        }
        if (fields != (fails ? 3 : 2)) {
            fprintf(stderr, LAYER_NAME ": %s is not understood at \"%s\"\n", variable, text);
            abort(); /* a test that does not test what it says */
        }
        rule_count++;
        text = strchr(text, ',');
        text = text ? text + 1 : NULL;
    }
}

static void read_all(void) {
    read_rules("VESPER_HOST_FAIL", getenv("VESPER_HOST_FAIL"), true);
    read_rules("VESPER_HOST_SLOW", getenv("VESPER_HOST_SLOW"), false);
}

static void wait_milliseconds(int milliseconds) {
    struct timespec left = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&left, NULL);
}

/* ---- under the mutex ------------------------------------------------------------------------ */

/* NULL: no room. */
static struct seen *find_seen(const char *call) {
    for (int i = 0; i < CALLS_MAX; i++) {
        if (!*seen[i].call) {
            snprintf(seen[i].call, NAME_BYTES, "%s", call);
        }
        if (strcmp(seen[i].call, call) == 0) {
            return &seen[i];
        }
    }
    return NULL;
}

static void note_call(const char *call) {
    struct seen *found = controlled ? find_seen(call) : NULL;
    if (found) {
        found->count++;
    }
}

static void wait_while_held(const char *call) {
    if (is_held || strcmp(held_call, call) != 0) {
        return;
    }
    is_held = true;
    while (strcmp(held_call, call) == 0) {
        pthread_cond_wait(&released, &mutex);
    }
    is_held = false;
}

/* VK_SUCCESS: no rule lets this call fail. */
static VkResult apply_rules(const char *call, int *out_milliseconds) {
    VkResult result = VK_SUCCESS;
    for (int i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];
        if (strcmp(rule->call, call) != 0) {
            continue;
        }
        *out_milliseconds += rule->milliseconds;
        rule->seen++;
        if (rule->result && (rule->number == 0 || (uint32_t)rule->number == rule->seen)) {
            result = (VkResult)rule->result;
        }
    }
    return result;
}

/* ---- calls ---------------------------------------------------------------------------------- */

bool trouble_comes(const char *call, VkResult *out) {
    pthread_once(&once, read_all);
    int milliseconds = 0;
    pthread_mutex_lock(&mutex);
    note_call(call);
    wait_while_held(call);
    *out = apply_rules(call, &milliseconds);
    pthread_mutex_unlock(&mutex);
    if (milliseconds) {
        wait_milliseconds(milliseconds);
    }
    /* These say that the call did what it should. */
    return *out != VK_SUCCESS && *out != VK_SUBOPTIMAL_KHR && *out != VK_INCOMPLETE;
}

VkResult trouble_add(VkResult trouble, VkResult result) {
    return result == VK_SUCCESS ? trouble : result;
}

/* ---- a test's ------------------------------------------------------------------------------- */

static void set_trouble(const char *fail) {
    pthread_once(&once, read_all);
    pthread_mutex_lock(&mutex);
    controlled = true;
    rule_count = 0;
    memset(seen, 0, sizeof(seen));
    read_rules("what fails", fail, true);
    *held_call = '\0';
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&mutex);
}

static uint32_t count_calls(const char *call) {
    pthread_mutex_lock(&mutex);
    const struct seen *found = find_seen(call);
    const uint32_t count = found ? found->count : 0;
    pthread_mutex_unlock(&mutex);
    return count;
}

static void hold(const char *call) {
    pthread_mutex_lock(&mutex);
    snprintf(held_call, sizeof(held_call), "%s", call ? call : "");
    pthread_cond_broadcast(&released);
    pthread_mutex_unlock(&mutex);
}

static bool holds(void) {
    pthread_mutex_lock(&mutex);
    const bool result = is_held;
    pthread_mutex_unlock(&mutex);
    return result;
}

extern const struct host_control vesper_host_control;

__attribute__((visibility("default"))) const struct host_control vesper_host_control = {
    .set_trouble = set_trouble,
    .count_calls = count_calls,
    .comes = trouble_comes,
    .hold = hold,
    .holds = holds,
    .get_counts = counts_get,
    .shadow = counts_shadow,
};
