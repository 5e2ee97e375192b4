/*
 * What the device says about itself, where Venus passes the host's answer through unchanged: core
 * features, limits, formats.  Left out is what the guest driver decides by itself: names, versions,
 * UUIDs, extensions, protected memory, external handles, and what Vulkan above 1.3 adds.
 *
 * Every value is a line of text in the result, so that a difference names itself.
 */
#include "common/guest.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

struct text {
    char *bytes;
    size_t length, room;
};

static void add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length =
        vsnprintf(text->bytes + text->length, text->room - text->length, format, arguments);
    va_end(arguments);
    GUEST_CHECK(length >= 0 && (size_t)length < text->room - text->length, "too much text");
    text->length += (size_t)length;
}

static void finish(struct guest *g, struct text *text, const char *name) {
    guest_result(g, name, text->bytes, text->length);
    text->length = 0;
}

#define NUMBER(name) add(text, #name " %llu\n", (unsigned long long)from->name)
#define REAL(name) add(text, #name " %.9g\n", (double)from->name)

static void limits_of_sizes(struct text *text, const VkPhysicalDeviceLimits *from) {
    NUMBER(maxImageDimension1D);
    NUMBER(maxImageDimension2D);
    NUMBER(maxImageDimension3D);
    NUMBER(maxImageDimensionCube);
    NUMBER(maxImageArrayLayers);
    NUMBER(maxTexelBufferElements);
    NUMBER(maxUniformBufferRange);
    NUMBER(maxStorageBufferRange);
    NUMBER(maxPushConstantsSize);
    NUMBER(maxMemoryAllocationCount);
    NUMBER(maxSamplerAllocationCount);
    NUMBER(bufferImageGranularity);
    NUMBER(maxBoundDescriptorSets);
    NUMBER(maxPerStageDescriptorSamplers);
    NUMBER(maxPerStageDescriptorUniformBuffers);
    NUMBER(maxPerStageDescriptorStorageBuffers);
    NUMBER(maxPerStageDescriptorSampledImages);
    NUMBER(maxPerStageDescriptorStorageImages);
    NUMBER(maxPerStageDescriptorInputAttachments);
    NUMBER(maxPerStageResources);
    NUMBER(maxDescriptorSetSamplers);
    NUMBER(maxDescriptorSetUniformBuffers);
    NUMBER(maxDescriptorSetUniformBuffersDynamic);
    NUMBER(maxDescriptorSetStorageBuffers);
    NUMBER(maxDescriptorSetStorageBuffersDynamic);
    NUMBER(maxDescriptorSetSampledImages);
    NUMBER(maxDescriptorSetStorageImages);
    NUMBER(maxDescriptorSetInputAttachments);
    NUMBER(minMemoryMapAlignment);
    NUMBER(minTexelBufferOffsetAlignment);
    NUMBER(minUniformBufferOffsetAlignment);
    NUMBER(minStorageBufferOffsetAlignment);
    NUMBER(optimalBufferCopyOffsetAlignment);
    NUMBER(optimalBufferCopyRowPitchAlignment);
    NUMBER(nonCoherentAtomSize);
}

static void limits_of_stages(struct text *text, const VkPhysicalDeviceLimits *from) {
    NUMBER(maxVertexInputAttributes);
    NUMBER(maxVertexInputBindings);
    NUMBER(maxVertexInputAttributeOffset);
    NUMBER(maxVertexInputBindingStride);
    NUMBER(maxVertexOutputComponents);
    NUMBER(maxTessellationGenerationLevel);
    NUMBER(maxTessellationPatchSize);
    NUMBER(maxGeometryShaderInvocations);
    NUMBER(maxGeometryOutputVertices);
    NUMBER(maxFragmentInputComponents);
    NUMBER(maxFragmentOutputAttachments);
    NUMBER(maxFragmentCombinedOutputResources);
    NUMBER(maxComputeSharedMemorySize);
    NUMBER(maxComputeWorkGroupCount[0]);
    NUMBER(maxComputeWorkGroupCount[1]);
    NUMBER(maxComputeWorkGroupCount[2]);
    NUMBER(maxComputeWorkGroupInvocations);
    NUMBER(maxComputeWorkGroupSize[0]);
    NUMBER(maxComputeWorkGroupSize[1]);
    NUMBER(maxComputeWorkGroupSize[2]);
    NUMBER(subPixelPrecisionBits);
    NUMBER(subTexelPrecisionBits);
    NUMBER(mipmapPrecisionBits);
    NUMBER(maxDrawIndexedIndexValue);
    NUMBER(maxDrawIndirectCount);
    REAL(maxSamplerLodBias);
    REAL(maxSamplerAnisotropy);
    NUMBER(maxViewports);
    NUMBER(maxViewportDimensions[0]);
    NUMBER(maxViewportDimensions[1]);
    REAL(viewportBoundsRange[0]);
    REAL(viewportBoundsRange[1]);
    NUMBER(maxFramebufferWidth);
    NUMBER(maxFramebufferHeight);
    NUMBER(maxFramebufferLayers);
    NUMBER(framebufferColorSampleCounts);
    NUMBER(framebufferDepthSampleCounts);
    NUMBER(framebufferStencilSampleCounts);
    NUMBER(maxColorAttachments);
    NUMBER(sampledImageColorSampleCounts);
    NUMBER(sampledImageDepthSampleCounts);
    NUMBER(storageImageSampleCounts);
    NUMBER(timestampComputeAndGraphics);
    REAL(timestampPeriod);
    NUMBER(maxClipDistances);
    NUMBER(maxCullDistances);
    NUMBER(discreteQueuePriorities);
    REAL(pointSizeRange[0]);
    REAL(pointSizeRange[1]);
    REAL(lineWidthRange[0]);
    REAL(lineWidthRange[1]);
    NUMBER(strictLines);
    NUMBER(standardSampleLocations);
}

/*
 * Feature structs are arrays of VkBool32 from their first member on; a number per line keeps the
 * order of the specification.
 */
static void add_booleans(struct text *text, const char *name, const void *first, size_t size) {
    for (size_t i = 0; i < size / sizeof(VkBool32); i++) {
        VkBool32 value;
        memcpy(&value, (const char *)first + i * sizeof(value), sizeof(value));
        add(text, "%s %zu: %u\n", name, i, value);
    }
}

#define BOOLEANS(structure, first, type)                                                           \
    add_booleans(text, #type, &(structure).first, sizeof(type) - offsetof(type, first))

static void features(struct guest *g, struct text *text) {
    VkPhysicalDeviceVulkan13Features f13 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES};
    VkPhysicalDeviceVulkan12Features f12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &f13};
    VkPhysicalDeviceVulkan11Features f11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &f12};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &f11};
    vkGetPhysicalDeviceFeatures2(g->physical, &all);
    /* Venus of Mesa 25.0 decides about sparse resources by itself. */
    VkBool32 *sparse = &all.features.sparseBinding;
    memset(sparse, 0,
           offsetof(VkPhysicalDeviceFeatures, variableMultisampleRate) -
               offsetof(VkPhysicalDeviceFeatures, sparseBinding));
    f11.protectedMemory = VK_FALSE;
    add_booleans(text, "VkPhysicalDeviceFeatures", &all.features, sizeof(all.features));
    BOOLEANS(f11, storageBuffer16BitAccess, VkPhysicalDeviceVulkan11Features);
    BOOLEANS(f12, samplerMirrorClampToEdge, VkPhysicalDeviceVulkan12Features);
    BOOLEANS(f13, robustImageAccess, VkPhysicalDeviceVulkan13Features);
    finish(g, text, "features");
}

static void properties(struct guest *g, struct text *text) {
    VkPhysicalDeviceVulkan13Properties p13 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_PROPERTIES};
    VkPhysicalDeviceVulkan12Properties p12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES, .pNext = &p13};
    VkPhysicalDeviceVulkan11Properties p11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &p12};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &p11};
    vkGetPhysicalDeviceProperties2(g->physical, &all);
    {
        const VkPhysicalDeviceVulkan11Properties *from = &p11;
        NUMBER(subgroupSize);
        NUMBER(subgroupSupportedStages);
        NUMBER(subgroupSupportedOperations);
        NUMBER(subgroupQuadOperationsInAllStages);
        NUMBER(pointClippingBehavior);
        NUMBER(maxMultiviewViewCount);
        NUMBER(maxMultiviewInstanceIndex);
        NUMBER(maxPerSetDescriptors);
    }
    {
        const VkPhysicalDeviceVulkan12Properties *from = &p12;
        NUMBER(denormBehaviorIndependence);
        NUMBER(roundingModeIndependence);
        NUMBER(shaderDenormPreserveFloat32);
        NUMBER(maxUpdateAfterBindDescriptorsInAllPools);
        NUMBER(maxDescriptorSetUpdateAfterBindStorageBuffers);
        NUMBER(supportedDepthResolveModes);
        NUMBER(supportedStencilResolveModes);
        NUMBER(independentResolve);
        NUMBER(filterMinmaxSingleComponentFormats);
        NUMBER(framebufferIntegerColorSampleCounts);
    }
    {
        const VkPhysicalDeviceVulkan13Properties *from = &p13;
        NUMBER(minSubgroupSize);
        NUMBER(maxSubgroupSize);
        NUMBER(requiredSubgroupSizeStages);
        NUMBER(maxInlineUniformBlockSize);
        NUMBER(maxInlineUniformTotalSize);
        NUMBER(storageTexelBufferOffsetAlignmentBytes);
        NUMBER(uniformTexelBufferOffsetAlignmentBytes);
    }
    finish(g, text, "properties");
}

/* The formats of Vulkan 1.0 and the multi-planar ones of 1.1, by their features. */
static void formats(struct guest *g, struct text *text) {
    const uint32_t ranges[][2] = {
        {VK_FORMAT_R4G4_UNORM_PACK8, VK_FORMAT_ASTC_12x12_SRGB_BLOCK},
        {VK_FORMAT_G8B8G8R8_422_UNORM, VK_FORMAT_G16_B16_R16_3PLANE_444_UNORM},
    };
    for (uint32_t i = 0; i < GUEST_COUNT(ranges); i++) {
        for (uint32_t format = ranges[i][0]; format <= ranges[i][1]; format++) {
            VkFormatProperties has;
            if (format == VK_FORMAT_R10X6G10X6B10X6A10X6_UNORM_4PACK16) {
                continue; /* Venus of Mesa 26.1 withholds the blits that the host offers. */
            }
            vkGetPhysicalDeviceFormatProperties(g->physical, (VkFormat)format, &has);
            /* Of extensions that Venus does not have; it withholds them. */
            has.optimalTilingFeatures &=
                ~(VkFormatFeatureFlags)(VK_FORMAT_FEATURE_VIDEO_DECODE_OUTPUT_BIT_KHR |
                                        VK_FORMAT_FEATURE_VIDEO_DECODE_DPB_BIT_KHR);
            add(text, "format %u: %x %x %x\n", format, has.linearTilingFeatures,
                has.optimalTilingFeatures, has.bufferFeatures);
        }
    }
    finish(g, text, "formats");
}

static void images(struct guest *g, struct text *text) {
    const VkFormat list[] = {
        VK_FORMAT_R8_UNORM,           VK_FORMAT_R8G8B8A8_SRGB,       VK_FORMAT_R32G32B32A32_SFLOAT,
        VK_FORMAT_D32_SFLOAT_S8_UINT, VK_FORMAT_BC1_RGB_UNORM_BLOCK, VK_FORMAT_R64G64B64A64_SFLOAT};
    const VkImageUsageFlags usages[] = {
        VK_IMAGE_USAGE_SAMPLED_BIT | VK_IMAGE_USAGE_TRANSFER_DST_BIT,
        VK_IMAGE_USAGE_COLOR_ATTACHMENT_BIT, VK_IMAGE_USAGE_STORAGE_BIT,
        VK_IMAGE_USAGE_DEPTH_STENCIL_ATTACHMENT_BIT};
    for (uint32_t i = 0; i < GUEST_COUNT(list) * GUEST_COUNT(usages); i++) {
        for (uint32_t type = VK_IMAGE_TYPE_1D; type <= VK_IMAGE_TYPE_3D; type++) {
            VkImageFormatProperties has;
            memset(&has, 0, sizeof(has));
            VkResult result = vkGetPhysicalDeviceImageFormatProperties(
                g->physical, list[i / GUEST_COUNT(usages)], (VkImageType)type,
                VK_IMAGE_TILING_OPTIMAL, usages[i % GUEST_COUNT(usages)], 0, &has);
            add(text, "image format %u, usage %x, type %u: %d", list[i / GUEST_COUNT(usages)],
                usages[i % GUEST_COUNT(usages)], type, result);
            if (result == VK_SUCCESS) {
                add(text, " %ux%ux%u mips %u layers %u samples %x", has.maxExtent.width,
                    has.maxExtent.height, has.maxExtent.depth, has.maxMipLevels, has.maxArrayLayers,
                    has.sampleCounts);
            }
            add(text, "\n");
        }
    }
    finish(g, text, "image formats");
}

int main(int argc, char **argv) {
    struct guest g;
    struct text text = {.room = 1 << 20};
    guest_init(&g, argc, argv, "info");
    if (g.api_version < VK_API_VERSION_1_3) {
        guest_skip("the device is older than Vulkan 1.3");
    }
    text.bytes = malloc(text.room);
    GUEST_CHECK(text.bytes, "out of memory");
    limits_of_sizes(&text, &g.properties.limits);
    limits_of_stages(&text, &g.properties.limits);
    finish(&g, &text, "limits");
    features(&g, &text);
    properties(&g, &text);
    formats(&g, &text);
    images(&g, &text);
    free(text.bytes);
    return guest_finish(&g);
}
