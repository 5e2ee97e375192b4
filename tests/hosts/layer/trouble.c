#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "layer.h"

enum { RULES_MAX = 16, NAME_BYTES = 64 };

struct rule {
    char call[NAME_BYTES];
    int number, result, milliseconds;
    int seen;
};

static struct rule rules[RULES_MAX];
static int rule_count;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void read_rules(const char *variable, bool fails) {
    const char *text = getenv(variable);
    while (text && *text && rule_count < RULES_MAX) {
        struct rule *rule = &rules[rule_count];
        int fields = fails ? sscanf(text, "%63[^:]:%d:%d", rule->call, &rule->number, &rule->result)
                           : sscanf(text, "%63[^:]:%d", rule->call, &rule->milliseconds);
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
    read_rules("VESPER_HOST_FAIL", true);
    read_rules("VESPER_HOST_SLOW", false);
}

static void wait_milliseconds(int milliseconds) {
    struct timespec left = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    nanosleep(&left, NULL);
}

bool trouble_comes(const char *call, VkResult *out) {
    pthread_once(&once, read_all);
    bool fails = false;
    int milliseconds = 0;
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < rule_count; i++) {
        struct rule *rule = &rules[i];
        if (strcmp(rule->call, call) != 0) {
            continue;
        }
        milliseconds += rule->milliseconds;
        rule->seen++;
        if (rule->result && (rule->number == 0 || rule->number == rule->seen)) {
            *out = (VkResult)rule->result;
            fails = true;
        }
    }
    pthread_mutex_unlock(&mutex);
    if (milliseconds) {
        wait_milliseconds(milliseconds);
    }
    return fails;
}
