#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"

static const struct profile profiles[] = {
    {
        .name = "moltenvk",
        .portability = true,
        .four_queue_families = true,
    },
    {
        .name = "kosmickrisp",
        .imports_linear_images = true,
    },
    {
        .name = "driver",
        .plain = true,
    },
};

const struct profile *profile_get(void) {
    const char *name = getenv("VESPER_HOST_PROFILE");
    for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]) && name; i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    if (name) {
        fprintf(stderr, LAYER_NAME ": there is no profile %s\n", name);
        abort();
    }
    return &profiles[0];
}

bool profile_is_strict(void) {
    const char *strict = getenv("VESPER_HOST_STRICT");
    return strict && *strict == '1';
}

/* ---- extensions --------------------------------------------------------------------------- */

/* What neither driver has; a name that ends with * stands for all that begin so. */
static const char *const missing[] = {
    "VK_KHR_external_memory_fd",
    "VK_KHR_external_fence_fd",
    "VK_KHR_external_semaphore_fd",
    "VK_EXT_external_memory_dma_buf",
    "VK_EXT_image_drm_format_modifier",
    "VK_EXT_queue_family_foreign",
    "VK_EXT_physical_device_drm",
    "VK_ANDROID_*",
    "VK_AMDX_*",
    "VK_EXT_transform_feedback",
    "VK_EXT_primitives_generated_query",
    "VK_EXT_depth_clip_enable",
    "VK_EXT_custom_border_color",
    "VK_EXT_border_color_swizzle",
    "VK_EXT_conditional_rendering",
    "VK_EXT_conservative_rasterization",
    "VK_EXT_provoking_vertex",
    "VK_EXT_mesh_shader",
    "VK_EXT_descriptor_buffer",
    "VK_EXT_device_generated_commands",
    "VK_EXT_multisampled_render_to_single_sampled",
    "VK_EXT_shader_object",
    "VK_EXT_map_memory_placed",
    "VK_KHR_acceleration_structure",
    "VK_KHR_ray_*",
    "VK_KHR_cooperative_matrix",
    "VK_KHR_video_*",
    "VK_NV_*",
};

static bool matches(const char *pattern, const char *name) {
    size_t length = strlen(pattern);
    return pattern[length - 1] == '*' ? strncmp(pattern, name, length - 1) == 0
                                      : strcmp(pattern, name) == 0;
}

static bool is_hidden_by_variable(const char *name) {
    const char *list = getenv("VESPER_HOST_HIDE");
    size_t length = strlen(name);
    for (const char *at = list; at && (at = strstr(at, name)); at += length) {
        if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0')) {
            return true;
        }
    }
    return false;
}

bool profile_hides_extension(const char *name) {
    const size_t count = profile_get()->plain ? 0 : sizeof(missing) / sizeof(missing[0]);
    for (size_t i = 0; i < count; i++) {
        if (matches(missing[i], name)) {
            return true;
        }
    }
    return is_hidden_by_variable(name);
}

/* ---- features ----------------------------------------------------------------------------- */

/* Offsets of VkBool32 members that are never true here. */
static const size_t missing_features[] = {
    offsetof(VkPhysicalDeviceFeatures, geometryShader),
    offsetof(VkPhysicalDeviceFeatures, logicOp),
    offsetof(VkPhysicalDeviceFeatures, wideLines),
    offsetof(VkPhysicalDeviceFeatures, depthBounds),
    offsetof(VkPhysicalDeviceFeatures, pipelineStatisticsQuery),
    offsetof(VkPhysicalDeviceFeatures, shaderFloat64),
    offsetof(VkPhysicalDeviceFeatures, shaderCullDistance),
    offsetof(VkPhysicalDeviceFeatures, sparseBinding),
    offsetof(VkPhysicalDeviceFeatures, sparseResidencyBuffer),
    offsetof(VkPhysicalDeviceFeatures, sparseResidencyImage2D),
    offsetof(VkPhysicalDeviceFeatures, sparseResidencyImage3D),
    offsetof(VkPhysicalDeviceFeatures, sparseResidency2Samples),
    offsetof(VkPhysicalDeviceFeatures, sparseResidency4Samples),
    offsetof(VkPhysicalDeviceFeatures, sparseResidency8Samples),
    offsetof(VkPhysicalDeviceFeatures, sparseResidency16Samples),
    offsetof(VkPhysicalDeviceFeatures, sparseResidencyAliased),
};

static VkBool32 *feature_at(VkPhysicalDeviceFeatures *features, size_t index) {
    return (VkBool32 *)(void *)((char *)features + missing_features[index]);
}

#define MISSING_COUNT (sizeof(missing_features) / sizeof(missing_features[0]))

void profile_limit_features(VkPhysicalDeviceFeatures *features) {
    for (size_t i = 0; i < MISSING_COUNT; i++) {
        *feature_at(features, i) = VK_FALSE;
    }
}

static void fill_portability(VkPhysicalDevicePortabilitySubsetFeaturesKHR *subset) {
    subset->constantAlphaColorBlendFactors = VK_TRUE;
    subset->events = VK_TRUE;
    subset->imageViewFormatReinterpretation = VK_TRUE;
    subset->imageViewFormatSwizzle = VK_TRUE;
    subset->imageView2DOn3DImage = VK_FALSE;
    subset->multisampleArrayImage = VK_TRUE;
    subset->mutableComparisonSamplers = VK_TRUE;
    subset->pointPolygons = VK_FALSE;
    subset->samplerMipLodBias = VK_FALSE;
    subset->separateStencilMaskRef = VK_TRUE;
    subset->shaderSampleRateInterpolationFunctions = VK_TRUE;
    subset->tessellationIsolines = VK_FALSE;
    subset->tessellationPointMode = VK_FALSE;
    subset->triangleFans = VK_FALSE;
    subset->vertexAttributeAccessBeyondStride = VK_TRUE;
}

void profile_limit_chain(void *chain) {
    for (VkBaseOutStructure *link = chain; link; link = link->pNext) {
        switch (link->sType) {
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT: {
            VkPhysicalDeviceRobustness2FeaturesEXT *robustness = (void *)link;
            robustness->robustBufferAccess2 = VK_FALSE;
            robustness->nullDescriptor = VK_FALSE;
            break;
        }
        case VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PORTABILITY_SUBSET_FEATURES_KHR:
            if (profile_get()->portability) {
                fill_portability((void *)link);
            }
            break;
        default:
            break;
        }
    }
}

static bool asks_for_missing(const VkPhysicalDeviceFeatures *features) {
    VkPhysicalDeviceFeatures asked = *features;
    for (size_t i = 0; i < MISSING_COUNT; i++) {
        if (*feature_at(&asked, i)) {
            return true;
        }
    }
    return false;
}

bool profile_refuses_features(const VkDeviceCreateInfo *info) {
    if (profile_get()->plain) {
        return false;
    }
    if (info->pEnabledFeatures && asks_for_missing(info->pEnabledFeatures)) {
        return true;
    }
    for (const VkBaseInStructure *link = info->pNext; link; link = link->pNext) {
        if (link->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2 &&
            asks_for_missing(&((const VkPhysicalDeviceFeatures2 *)link)->features)) {
            return true;
        }
        if (link->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT) {
            const VkPhysicalDeviceRobustness2FeaturesEXT *robustness = (const void *)link;
            if (robustness->robustBufferAccess2 || robustness->nullDescriptor) {
                return true;
            }
        }
    }
    return false;
}
