#include "renderer/driver.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/platform.h"
#include "renderer/context.h"

#define ICD_INTERFACE_OF_VULKAN_1_1 5

static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(PFN_vkGetInstanceProcAddr) entry_point;
static _Atomic(const char *) library_name;
static atomic_bool library_is_driver;

const char *driver_get_library(void) {
    return atomic_load_explicit(&library_name, memory_order_acquire);
}

bool driver_is_direct(void) {
    return atomic_load_explicit(&library_is_driver, memory_order_acquire);
}

PFN_vkGetInstanceProcAddr driver_get_entry(void) {
    return atomic_load_explicit(&entry_point, memory_order_acquire);
}

void driver_set_entry(PFN_vkGetInstanceProcAddr entry) {
    atomic_store_explicit(&entry_point, entry, memory_order_release);
}

static PFN_vkGetInstanceProcAddr find_symbol(void *library, const char *name) {
    void *symbol = dlsym(library, name);
    PFN_vkGetInstanceProcAddr function;
    /* ISO C knows no conversion between pointers to objects and to functions; POSIX does. */
    memcpy(&function, &symbol, sizeof(function));
    return function;
}

/* Appends to `reason`, which stays terminated. */
static void add_reason(char *reason, size_t reason_size, const char *separator, const char *text) {
    size_t length = strnlen(reason, reason_size);
    if (length < reason_size) {
        snprintf(reason + length, reason_size - length, "%s%s", separator, text);
    }
}

/* A driver that only a loader was to open is told that this one is of the age of Vulkan 1.1: an older
 * one could not ask it for a version above 1.0. */
static void act_as_loader(void *library) {
    PFN_vkGetInstanceProcAddr symbol =
        find_symbol(library, "vk_icdNegotiateLoaderICDInterfaceVersion");
    uint32_t version = ICD_INTERFACE_OF_VULKAN_1_1;
    VkResult(VKAPI_PTR * negotiate)(uint32_t *);
    memcpy(&negotiate, &symbol, sizeof(negotiate));
    if (negotiate) {
        negotiate(&version);
    }
}

/* The library stays open: drivers leave threads and handlers behind that outlive an instance. */
static PFN_vkGetInstanceProcAddr open_library(const char *name, char *reason, size_t reason_size) {
    void *library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *error = dlerror();
        add_reason(reason, reason_size, "; ", error ? error : name);
        return NULL;
    }
    PFN_vkGetInstanceProcAddr entry = find_symbol(library, "vkGetInstanceProcAddr");
    const bool is_driver = find_symbol(library, "vk_icdGetInstanceProcAddr") != NULL;
    if (!entry && is_driver) {
        entry = find_symbol(library, "vk_icdGetInstanceProcAddr");
        act_as_loader(library);
    }
    if (entry) {
        atomic_store_explicit(&library_is_driver, is_driver, memory_order_release);
    } else {
        add_reason(reason, reason_size, "; ", name);
        add_reason(reason, reason_size, "", " has no vkGetInstanceProcAddr");
        dlclose(library);
    }
    return entry;
}

int renderer_open_driver(char *reason, size_t reason_size) {
    pthread_mutex_lock(&open_mutex);
    PFN_vkGetInstanceProcAddr entry = driver_get_entry();
    if (!entry) {
        if (reason_size) {
            snprintf(reason, reason_size, "no Vulkan library could be opened");
        }
        /* Asked for by name: nothing takes its place. */
        const char *const own[] = {getenv(DRIVER_LIBRARY_VARIABLE), NULL};
        const char *const *names = own[0] && *own[0] ? own : platform_vulkan_libraries();
        for (; *names && !entry; names++) {
            entry = open_library(*names, reason, reason_size);
            if (entry) {
                atomic_store_explicit(&library_name, *names, memory_order_release);
            }
        }
        driver_set_entry(entry);
    }
    pthread_mutex_unlock(&open_mutex);
    if (!entry) {
        return -ENOENT;
    }
    if (reason_size) {
        reason[0] = '\0';
    }
    return 0;
}
