/* Foundation's word that a process is at work, through the C interface of the Objective-C runtime.
 * Compiled and linked on Linux; has not run on a Mac yet. */
#include "platform/platform.h"

#include <objc/message.h>
#include <objc/runtime.h>
#include <pthread.h>

/* NSActivityUserInitiatedAllowingIdleSystemSleep: no nap, no coalesced timers; a machine that is
 * closed still sleeps. */
#define ACTIVITY_OPTIONS UINT64_C(0x00EFFFFF)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned count;
static id token; /* retained while count > 0; nil where Foundation gave none */

/* Each by its own type: on arm64 variable arguments travel otherwise. */
static id send(id receiver, const char *selector) {
    return ((id(*)(id, SEL))objc_msgSend)(receiver, sel_registerName(selector));
}

static id make_string(const char *text) {
    id allocated = send((id)objc_getClass("NSString"), "alloc");
    return ((id(*)(id, SEL, const char *))objc_msgSend)(
        allocated, sel_registerName("initWithUTF8String:"), text);
}

static id get_process_info(void) {
    return send((id)objc_getClass("NSProcessInfo"), "processInfo");
}

/* Messages to nil answer nil: without Foundation nothing happens. */
static id begin_activity(void) {
    id reason = make_string("A guest's graphics");
    id activity = ((id(*)(id, SEL, uint64_t, id))objc_msgSend)(
        get_process_info(), sel_registerName("beginActivityWithOptions:reason:"), ACTIVITY_OPTIONS,
        reason);
    send(activity, "retain");
    send(reason, "release");
    return activity;
}

static void end_activity(id activity) {
    ((void (*)(id, SEL, id))objc_msgSend)(get_process_info(), sel_registerName("endActivity:"),
                                          activity);
    send(activity, "release");
}

/* What Foundation makes for a while is given back at the end of the pool. */
void *objc_autoreleasePoolPush(void);
void objc_autoreleasePoolPop(void *pool);

void platform_busy_begin(void) {
    pthread_mutex_lock(&mutex);
    if (count++ == 0) {
        void *made = objc_autoreleasePoolPush();
        token = begin_activity();
        objc_autoreleasePoolPop(made);
    }
    pthread_mutex_unlock(&mutex);
}

void platform_busy_end(void) {
    pthread_mutex_lock(&mutex);
    if (--count == 0 && token) {
        void *made = objc_autoreleasePoolPush();
        end_activity(token);
        objc_autoreleasePoolPop(made);
        token = NULL;
    }
    pthread_mutex_unlock(&mutex);
}
