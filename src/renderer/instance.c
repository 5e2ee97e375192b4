#include "renderer/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/device.h"
#include "renderer/driver.h"
#include "renderer/extension_list.h"
#include "renderer/manifests.h"
#include "renderer/renderer.h"
#include "renderer/version.h"
#include "util/log.h"
#include "venus_handlers.h"

/* What the protocol adds; no guest asks for the list today. */
static const VkExtensionProperties instance_extensions[] = {
    {"VK_EXT_command_serialization", 1},
    {"VK_MESA_venus_protocol", VN_PROTOCOL_SPEC_VERSION},
};
#define INSTANCE_EXTENSION_COUNT                                                                   \
    ((uint32_t)(sizeof(instance_extensions) / sizeof(instance_extensions[0])))

/* Part of Vulkan 1.1, which every host instance is made with. */
static const char *const core_extensions[] = {
    "VK_KHR_device_group_creation",           "VK_KHR_external_fence_capabilities",
    "VK_KHR_external_memory_capabilities",    "VK_KHR_external_semaphore_capabilities",
    "VK_KHR_get_physical_device_properties2",
};

/* ---- before there is an instance --------------------------------------------------------- */

uint32_t instance_host_version(void) {
    PFN_vkEnumerateInstanceVersion enumerate =
        (PFN_vkEnumerateInstanceVersion)driver_get_entry()(NULL, "vkEnumerateInstanceVersion");
    uint32_t version = VK_API_VERSION_1_0;
    if (!enumerate || enumerate(&version) != VK_SUCCESS) {
        return VK_API_VERSION_1_0;
    }
    return version;
}

static bool ask_portability(PFN_vkGetInstanceProcAddr entry) {
    PFN_vkEnumerateInstanceExtensionProperties enumerate =
        (PFN_vkEnumerateInstanceExtensionProperties)entry(NULL,
                                                          "vkEnumerateInstanceExtensionProperties");
    uint32_t count = 0;
    if (!enumerate || enumerate(NULL, &count, NULL) != VK_SUCCESS || !count) {
        return false;
    }
    VkExtensionProperties *list = calloc(count, sizeof(*list));
    bool listed = list && enumerate(NULL, &count, list) >= VK_SUCCESS &&
                  extension_list_has(list, count, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME);
    free(list);
    return listed;
}

/* Asked once per library: the loader opens every installed driver to answer. */
bool instance_host_lists_portability(void) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static PFN_vkGetInstanceProcAddr asked;
    static bool listed;

    PFN_vkGetInstanceProcAddr entry = driver_get_entry();
    pthread_mutex_lock(&mutex);
    if (asked != entry) {
        listed = ask_portability(entry);
        asked = entry;
    }
    bool result = listed;
    pthread_mutex_unlock(&mutex);
    return result;
}

static bool is_new_enough(const char *name, uint32_t version) {
    if (version >= VK_API_VERSION_1_1) {
        return true;
    }
    log_error("%s: the host's Vulkan library offers version %u.%u; 1.1 is needed", name,
              VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
    return false;
}

/* A guest that learns of an old version asks for nothing else: the log must say it here. */
void vn_handle_vkEnumerateInstanceVersion(struct vn_stream *s,
                                          struct vn_vkEnumerateInstanceVersion *a) {
    const uint32_t version = instance_host_version();
    is_new_enough(stream_from(s)->context->name, version);
    *a->pApiVersion = version_cap(version);
    a->ret = VK_SUCCESS;
}

void vn_handle_vkEnumerateInstanceExtensionProperties(
    struct vn_stream *s, struct vn_vkEnumerateInstanceExtensionProperties *a) {
    (void)s;
    if (a->pLayerName) {
        a->ret = VK_ERROR_LAYER_NOT_PRESENT;
        *a->pPropertyCount = 0;
        return;
    }
    a->ret = extension_list_answer(instance_extensions, INSTANCE_EXTENSION_COUNT, a->pPropertyCount,
                                   a->pProperties);
}

/* ---- creation ---------------------------------------------------------------------------- */

static bool is_known_extension(const char *name) {
    for (size_t i = 0; i < sizeof(core_extensions) / sizeof(core_extensions[0]); i++) {
        if (strcmp(core_extensions[i], name) == 0) {
            return true;
        }
    }
    return extension_list_has(instance_extensions, INSTANCE_EXTENSION_COUNT, name);
}

static VkResult check_guest_info(const VkInstanceCreateInfo *info) {
    if (info->enabledLayerCount) {
        return VK_ERROR_LAYER_NOT_PRESENT;
    }
    for (uint32_t i = 0; i < info->enabledExtensionCount; i++) {
        if (!is_known_extension(info->ppEnabledExtensionNames[i])) {
            return VK_ERROR_EXTENSION_NOT_PRESENT;
        }
    }
    return VK_SUCCESS;
}

static uint32_t choose_api_version(const VkInstanceCreateInfo *info) {
    uint32_t version = info->pApplicationInfo ? info->pApplicationInfo->apiVersion : 0;
    return version < VK_API_VERSION_1_1 ? VK_API_VERSION_1_1 : version_cap(version);
}

bool instance_explain_incompatible(char *out, size_t size) {
    if (driver_is_direct()) {
        snprintf(out, size, "the driver %s, opened without a loader, refuses",
                 driver_get_library());
        return false;
    }
    return manifests_explain(instance_host_lists_portability(), out, size);
}

static void explain_failure(const char *name, VkResult result) {
    char why[MANIFESTS_TEXT_BYTES];
    if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
        instance_explain_incompatible(why, sizeof(why));
        log_error("%s: the host has no usable Vulkan driver (VK_ERROR_INCOMPATIBLE_DRIVER): %s",
                  name, why);
    } else {
        log_error("%s: the host's vkCreateInstance failed with %d", name, (int)result);
    }
}

VkResult instance_create_host(const char *name, const VkInstanceCreateInfo *guest_info,
                              uint32_t api_version, VkInstance *out) {
    if (!is_new_enough(name, instance_host_version())) {
        return VK_ERROR_INCOMPATIBLE_DRIVER;
    }
    /* The names go through: drivers know applications by them. */
    VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO};
    if (guest_info->pApplicationInfo) {
        application = *guest_info->pApplicationInfo;
        application.pNext = NULL;
    }
    application.apiVersion = api_version;

    VkInstanceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
        .pApplicationInfo = &application,
    };
    static const char *const portability = VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME;
    if (instance_host_lists_portability()) {
        info.flags = VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
        info.enabledExtensionCount = 1;
        info.ppEnabledExtensionNames = &portability;
    }
    PFN_vkCreateInstance create =
        (PFN_vkCreateInstance)driver_get_entry()(NULL, "vkCreateInstance");
    VkResult result = create ? create(&info, NULL, out) : VK_ERROR_INITIALIZATION_FAILED;
    if (result < 0) {
        explain_failure(name, result);
    }
    return result;
}

static VkResult create_instance(struct renderer_context *context, struct instance *instance,
                                const VkInstanceCreateInfo *info, VkInstance *out) {
    VkResult result = check_guest_info(info);
    if (result < 0) {
        return result;
    }
    instance->api_version = choose_api_version(info);
    result = instance_create_host(context->name, info, instance->api_version, out);
    if (result < 0) {
        return result;
    }
    vn_instance_table_init(&instance->table, *out, driver_get_entry());
    return VK_SUCCESS;
}

void vn_handle_vkCreateInstance(struct vn_stream *s, struct vn_vkCreateInstance *a) {
    struct stream *stream = stream_from(s);
    struct renderer_context *context = stream->context;
    if (atomic_exchange(&context->instance_created, true)) {
        cs_fail(&s->decoder, NULL, "a context has one instance only");
        return;
    }
    struct instance *instance =
        (struct instance *)object_reserve(stream, VK_OBJECT_TYPE_INSTANCE, a->pInstance_id,
                                          sizeof(*instance), NULL, NULL, "pInstance");
    if (!instance) {
        return;
    }
    pthread_mutex_init(&instance->mutex, NULL);
    VkInstance handle = VK_NULL_HANDLE;
    a->ret = create_instance(context, instance, a->pCreateInfo, &handle);
    *a->pInstance = handle;
    vn_object_publish(s, &instance->object, (uint64_t)(uintptr_t)handle, a->ret);
    if (a->ret >= 0) {
        atomic_store(&context->instance, instance);
        s->instance = &instance->table;
    }
}

/* ---- destruction ------------------------------------------------------------------------- */

static void note_device(struct vn_object *child, void *user) {
    if (child->type == VK_OBJECT_TYPE_DEVICE) {
        *(struct device **)user = (struct device *)child;
    }
}

static void destroy_leftover_devices(struct stream *stream, struct instance *instance) {
    for (;;) {
        struct device *device = NULL;
        object_for_each_child(&stream->context->objects, &instance->object, note_device, &device);
        if (!device) {
            return;
        }
        device_close(stream, device);
    }
}

void instance_destroy(struct stream *stream, struct instance *instance) {
    struct renderer_context *context = stream->context;
    object_close(&context->objects, &instance->object);
    destroy_leftover_devices(stream, instance);
    if (!object_take(&context->objects, &instance->object)) {
        return; /* another stream destroys it */
    }
    struct instance *current = instance;
    if (atomic_compare_exchange_strong(&context->instance, &current, NULL)) {
        stream->base.instance = NULL;
    }
    VkInstance handle = (VkInstance)(uintptr_t)vn_object_handle(&instance->object);
    if (handle) {
        instance->table.DestroyInstance(handle, NULL);
    }
}

void vn_handle_vkDestroyInstance(struct vn_stream *s, struct vn_vkDestroyInstance *a) {
    if (a->instance_object) {
        instance_destroy(stream_from(s), (struct instance *)a->instance_object);
    }
}

void instance_finish(struct instance *instance) {
    free(instance->host_devices);
    free(instance->devices);
    pthread_mutex_destroy(&instance->mutex);
}
