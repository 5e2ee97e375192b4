/*
 * What windows need of the Venus device: reports which extensions it offers, and, where memory
 * can leave it as a dma-buf, that the bytes behind the descriptor are the memory's: mapped, and
 * imported by a second VkDevice.
 */
#include "common/card.h"
#include "common/venus.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/dma-buf.h>

enum { SIZE = 300 * 1000 };

static const char *const EXTENSIONS[] = {
    VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
    VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
};

static void report(const struct guest *g) {
    const char *const names[] = {
        VK_EXT_EXTERNAL_MEMORY_DMA_BUF_EXTENSION_NAME,
        VK_EXT_IMAGE_DRM_FORMAT_MODIFIER_EXTENSION_NAME,
        VK_EXT_QUEUE_FAMILY_FOREIGN_EXTENSION_NAME,
        VK_KHR_EXTERNAL_MEMORY_FD_EXTENSION_NAME,
        VK_KHR_EXTERNAL_FENCE_FD_EXTENSION_NAME,
        VK_KHR_EXTERNAL_SEMAPHORE_FD_EXTENSION_NAME,
        VK_KHR_SWAPCHAIN_EXTENSION_NAME,
        VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME,
        VK_EXT_PCI_BUS_INFO_EXTENSION_NAME,
    };
    for (uint32_t i = 0; i < GUEST_COUNT(names); i++) {
        guest_say("%-36s %s", names[i], guest_has_extension(g, names[i]) ? "offered" : "missing");
    }
}

/* The device says which node it is: compositors and clients find each other by that. */
static void check_node(const struct guest *g) {
    if (!guest_has_extension(g, VK_EXT_PHYSICAL_DEVICE_DRM_EXTENSION_NAME)) {
        return;
    }
    VkPhysicalDeviceDrmPropertiesEXT node = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRM_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
        .pNext = &node,
    };
    vkGetPhysicalDeviceProperties2(g->physical, &properties);
    struct card card;
    card_open_unseen(&card, g);
    int render = card_open_render_node(&card);
    struct stat status;
    GUEST_CHECK(fstat(render, &status) == 0, "fstat: %s", strerror(errno));
    GUEST_CHECK(node.hasRender && node.renderMajor == major(status.st_rdev) &&
                    node.renderMinor == minor(status.st_rdev),
                "the device says render node %lld:%lld, the card has %u:%u",
                (long long)node.renderMajor, (long long)node.renderMinor, major(status.st_rdev),
                minor(status.st_rdev));
    guest_say("render node %lld:%lld, primary node %s", (long long)node.renderMajor,
              (long long)node.renderMinor, node.hasPrimary ? "named" : "not named");
    close(render);
    card_close(&card);
}

static void fill(unsigned char *to, uint32_t seed) {
    for (uint32_t i = 0; i < SIZE; i++) {
        to[i] = (unsigned char)(guest_random(&seed) >> 24);
    }
}

static void sync_dma_buf(int dma_buf, uint64_t flags) {
    const struct dma_buf_sync sync = {.flags = flags};
    GUEST_CHECK(ioctl(dma_buf, DMA_BUF_IOCTL_SYNC, &sync) == 0, "DMA_BUF_IOCTL_SYNC: %s",
                strerror(errno));
}

/* The descriptor mapped: the same bytes, both ways. */
static void check_mapping(const struct guest_buffer *buffer, int dma_buf) {
    unsigned char *map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dma_buf, 0);
    GUEST_CHECK(map != MAP_FAILED, "mmap of the dma-buf: %s", strerror(errno));
    fill(buffer->map, 1);
    sync_dma_buf(dma_buf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
    GUEST_CHECK(memcmp(map, buffer->map, SIZE) == 0, "the dma-buf has not the memory's bytes");
    fill(map, 2);
    sync_dma_buf(dma_buf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
    GUEST_CHECK(memcmp(map, buffer->map, SIZE) == 0, "the memory has not the dma-buf's bytes");
    GUEST_CHECK(munmap(map, SIZE) == 0, "munmap: %s", strerror(errno));
    guest_say("dma-buf: mapped, the same bytes");
}

/* Imports the dma-buf to memory of `g`, of a buffer; the descriptor is then Vulkan's. */
static struct guest_buffer import(struct guest *g, int dma_buf) {
    PFN_vkGetMemoryFdPropertiesKHR get_properties =
        GUEST_DEVICE_PROC(g, PFN_vkGetMemoryFdPropertiesKHR, "vkGetMemoryFdPropertiesKHR");
    VkMemoryFdPropertiesKHR properties = {.sType = VK_STRUCTURE_TYPE_MEMORY_FD_PROPERTIES_KHR};
    GUEST_VK(get_properties(g->device, VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT, dma_buf,
                            &properties));
    const VkExternalMemoryBufferCreateInfo external = {
        .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
        .handleTypes = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
    };
    const VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .pNext = &external,
        .size = SIZE,
        .usage = VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
    };
    struct guest_buffer made = {.size = SIZE};
    GUEST_VK(vkCreateBuffer(g->device, &info, NULL, &made.buffer));
    VkMemoryRequirements needs;
    vkGetBufferMemoryRequirements(g->device, made.buffer, &needs);
    const uint32_t bits = needs.memoryTypeBits & properties.memoryTypeBits;
    GUEST_CHECK(bits, "no memory type takes the dma-buf");
    const VkMemoryDedicatedAllocateInfo dedicated = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_DEDICATED_ALLOCATE_INFO,
        .buffer = made.buffer,
    };
    const VkImportMemoryFdInfoKHR import_fd = {
        .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_FD_INFO_KHR,
        .pNext = &dedicated,
        .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_DMA_BUF_BIT_EXT,
        .fd = dma_buf,
    };
    const VkMemoryAllocateInfo allocate = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = &import_fd,
        .allocationSize = needs.size,
        .memoryTypeIndex = guest_memory_type(g, bits, 0),
    };
    GUEST_VK(vkAllocateMemory(g->device, &allocate, NULL, &made.memory));
    GUEST_VK(vkBindBufferMemory(g->device, made.buffer, made.memory, 0));
    return made;
}

/* Copies through the GPU of the other device, in both directions. */
static void check_import(struct guest *second, const struct guest_buffer *first, int dma_buf) {
    struct guest_buffer imported = import(second, dma_buf);
    struct guest_buffer own = guest_staging_create(second, SIZE);
    fill(first->map, 3);
    memset(own.map, 0, SIZE);
    const VkBufferCopy region = {0, 0, SIZE};
    VkCommandBuffer cmd = guest_cmd_begin(second);
    vkCmdCopyBuffer(cmd, imported.buffer, own.buffer, 1, &region);
    guest_cmd_finish(second, cmd);
    GUEST_CHECK(memcmp(own.map, first->map, SIZE) == 0,
                "the second device reads other bytes than the first has written");
    fill(own.map, 4);
    cmd = guest_cmd_begin(second);
    vkCmdCopyBuffer(cmd, own.buffer, imported.buffer, 1, &region);
    guest_cmd_finish(second, cmd);
    GUEST_CHECK(memcmp(own.map, first->map, SIZE) == 0,
                "the first device does not see what the second has written");
    guest_buffer_destroy(second, &own);
    guest_buffer_destroy(second, &imported);
    guest_say("dma-buf: imported by a second device, the same bytes");
}

int main(int argc, char **argv) {
    struct guest first, second;
    venus_init(&first, argc, argv, "drm_wsi");
    report(&first);
    check_node(&first);
    venus_need_extensions(&first, EXTENSIONS, GUEST_COUNT(EXTENSIONS));
    guest_create_device(&first, EXTENSIONS, GUEST_COUNT(EXTENSIONS), NULL);
    struct guest_buffer buffer = venus_exportable_buffer(
        &first, SIZE, VK_BUFFER_USAGE_TRANSFER_SRC_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        GUEST_HOST_MEMORY);
    int dma_buf = venus_export_dma_buf(&first, buffer.memory);
    check_mapping(&buffer, dma_buf);

    venus_init(&second, argc, argv, "drm_wsi, the second device");
    guest_create_device(&second, EXTENSIONS, GUEST_COUNT(EXTENSIONS), NULL);
    check_import(&second, &buffer, dma_buf);
    guest_buffer_destroy(&first, &buffer);
    guest_finish(&second);
    return guest_finish(&first);
}
