/* The structure counts as beta in the headers. */
#define VK_ENABLE_BETA_EXTENSIONS
#include "renderer/portability.h"

#include <stdio.h>
#include <string.h>

#define FEATURES(X)                                                                                \
    X(constantAlphaColorBlendFactors)                                                              \
    X(events)                                                                                      \
    X(imageViewFormatReinterpretation)                                                             \
    X(imageViewFormatSwizzle)                                                                      \
    X(imageView2DOn3DImage)                                                                        \
    X(multisampleArrayImage)                                                                       \
    X(mutableComparisonSamplers)                                                                   \
    X(pointPolygons)                                                                               \
    X(samplerMipLodBias)                                                                           \
    X(separateStencilMaskRef)                                                                      \
    X(shaderSampleRateInterpolationFunctions)                                                      \
    X(tessellationIsolines)                                                                        \
    X(tessellationPointMode)                                                                       \
    X(triangleFans)                                                                                \
    X(vertexAttributeAccessBeyondStride)

static void append(char *out, size_t size, const char *name) {
    const size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%s", used ? ", " : "", name);
}

void portability_list_missing(const struct vn_instance_table *vk, VkPhysicalDevice device,
                              char *out, size_t size) {
    VkPhysicalDevicePortabilitySubsetFeaturesKHR subset = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PORTABILITY_SUBSET_FEATURES_KHR,
    };
    VkPhysicalDeviceFeatures2 features = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .pNext = &subset,
    };
    vk->GetPhysicalDeviceFeatures2(device, &features);
    out[0] = '\0';
#define ADD_MISSING(name)                                                                          \
    if (!subset.name) {                                                                            \
        append(out, size, #name);                                                                  \
    }
    FEATURES(ADD_MISSING)
#undef ADD_MISSING
}
