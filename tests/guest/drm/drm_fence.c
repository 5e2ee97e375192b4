/*
 * Fences as descriptors: empty submissions (`--submits N`, 1000), each waited for as a sync file
 * with poll, as a DRM syncobj, or by Vulkan; by two processes at once.
 */
#include "common/card.h"
#include "common/venus.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const EXTENSIONS[] = {VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME};

static VkFence create_fence(const struct guest *g) {
    const VkExportFenceCreateInfo export = {
        .sType = VK_STRUCTURE_TYPE_EXPORT_FENCE_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    const VkFenceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
        .pNext = &export,
    };
    VkFence fence;
    GUEST_VK(vkCreateFence(g->device, &info, NULL, &fence));
    return fence;
}

static void need_sync_files(const struct guest *g) {
    const VkPhysicalDeviceExternalFenceInfo ask = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_FENCE_INFO,
        .handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    VkExternalFenceProperties answer = {.sType = VK_STRUCTURE_TYPE_EXTERNAL_FENCE_PROPERTIES};
    vkGetPhysicalDeviceExternalFenceProperties(g->physical, &ask, &answer);
    if (!(answer.externalFenceFeatures & VK_EXTERNAL_FENCE_FEATURE_EXPORTABLE_BIT)) {
        guest_skip("the device exports no fences as sync files");
    }
}

/* -1: the fence had been signalled already. */
static int export_sync_file(const struct guest *g, PFN_vkGetFenceFdKHR get_fd, VkFence fence) {
    const VkFenceGetFdInfoKHR info = {
        .sType = VK_STRUCTURE_TYPE_FENCE_GET_FD_INFO_KHR,
        .fence = fence,
        .handleType = VK_EXTERNAL_FENCE_HANDLE_TYPE_SYNC_FD_BIT,
    };
    int fd = -2;
    GUEST_VK(get_fd(g->device, &info, &fd));
    GUEST_CHECK(fd >= -1, "vkGetFenceFdKHR gave no descriptor");
    return fd;
}

static void wait_by_poll(int sync_file) {
    struct pollfd poll_for = {sync_file, POLLIN, 0};
    int ready = poll(&poll_for, 1, 20000);
    GUEST_CHECK(ready == 1, "the sync file is not signalled after 20 s");
}

static void wait_by_syncobj(int render, int sync_file) {
    uint32_t syncobj;
    GUEST_CHECK(drmSyncobjCreate(render, 0, &syncobj) == 0, "drmSyncobjCreate: %s",
                strerror(errno));
    GUEST_CHECK(drmSyncobjImportSyncFile(render, syncobj, sync_file) == 0,
                "drmSyncobjImportSyncFile: %s", strerror(errno));
    const int64_t far = INT64_MAX;
    int error = drmSyncobjWait(render, &syncobj, 1, far, DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, NULL);
    GUEST_CHECK(error == 0, "drmSyncobjWait: %s", strerror(-error));
    GUEST_CHECK(drmSyncobjDestroy(render, syncobj) == 0, "drmSyncobjDestroy: %s", strerror(errno));
}

static void run(struct guest *g, int render, uint32_t count) {
    PFN_vkGetFenceFdKHR get_fd = GUEST_DEVICE_PROC(g, PFN_vkGetFenceFdKHR, "vkGetFenceFdKHR");
    const VkSubmitInfo empty = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO};
    VkFence fence = create_fence(g);
    uint32_t already = 0;
    for (uint32_t i = 0; i < count; i++) {
        GUEST_VK(vkQueueSubmit(g->queues[0], 1, &empty, fence));
        if (i % 3 == 2) {
            GUEST_VK(vkWaitForFences(g->device, 1, &fence, VK_TRUE, UINT64_C(20000000000)));
            GUEST_VK(vkResetFences(g->device, 1, &fence));
            continue;
        }
        /* An export resets the fence, and leaves it to be waited for elsewhere. */
        int sync_file = export_sync_file(g, get_fd, fence);
        if (sync_file < 0) {
            already++;
            continue;
        }
        if (i % 3 == 0) {
            wait_by_poll(sync_file);
        } else {
            wait_by_syncobj(render, sync_file);
        }
        close(sync_file);
    }
    guest_say("fences: %u submissions, %u done before they were exported", count, already);
    vkDestroyFence(g->device, fence, NULL);
}

static int run_process(int argc, char **argv, const char *name) {
    struct guest g;
    venus_init(&g, argc, argv, name);
    venus_need_extensions(&g, EXTENSIONS, GUEST_COUNT(EXTENSIONS));
    need_sync_files(&g);
    guest_create_device(&g, EXTENSIONS, GUEST_COUNT(EXTENSIONS), NULL);
    struct card card;
    card_open_unseen(&card, &g);
    int render = card_open_render_node(&card);
    run(&g, render, guest_option_number(&g, "--submits", 1000, 10000000));
    close(render);
    card_close(&card);
    return guest_finish(&g);
}

int main(int argc, char **argv) {
    /* Before any Vulkan: a driver does not survive a fork. */
    pid_t other = fork();
    GUEST_CHECK(other >= 0, "fork: %s", strerror(errno));
    int result = run_process(argc, argv, other ? "drm_fence" : "drm_fence, the other process");
    if (other == 0) {
        return result;
    }
    int status;
    GUEST_CHECK(waitpid(other, &status, 0) == other, "waitpid: %s", strerror(errno));
    GUEST_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
                "the other process ended with status %#x", (unsigned)status);
    return result;
}
