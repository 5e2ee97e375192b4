/* What the registry cannot say: values that decode, but that would make a host driver read
 * memory that is not there, or that it was not told of. The structs and commands are listed in
 * rules.toml.
 *
 * Where Vulkan gives a missing array no meaning the command is refused. Where the array may be
 * ignored, depending on state that is not known here, it is completed with zeroes. */

#include "venus_commands.h"
#include "venus_structs.h"
#include "venus_tables.h"

static void need_array(struct cs_decoder *d, uint64_t count, const void *array,
                       const char *argument) {
    if (count != 0 && !array) {
        cs_fail(d, argument, "the array is missing");
    }
}

/* `array`, or zeroes where there is none although `count` says so. */
static const void *complete_array(struct cs_decoder *d, uint64_t count, const void *array,
                                  size_t size, const char *argument) {
    return array || count == 0 ? array : cs_temp(d, count, size, argument);
}

/* ---- resources ------------------------------------------------------------------------- */

void vn_check_VkBufferCreateInfo(struct cs_decoder *d, VkBufferCreateInfo *v) {
    if (v->sharingMode == VK_SHARING_MODE_CONCURRENT) {
        need_array(d, v->queueFamilyIndexCount, v->pQueueFamilyIndices,
                   "VkBufferCreateInfo.pQueueFamilyIndices");
    }
}

void vn_check_VkImageCreateInfo(struct cs_decoder *d, VkImageCreateInfo *v) {
    if (v->sharingMode == VK_SHARING_MODE_CONCURRENT) {
        need_array(d, v->queueFamilyIndexCount, v->pQueueFamilyIndices,
                   "VkImageCreateInfo.pQueueFamilyIndices");
    }
}

void vn_check_VkPhysicalDeviceImageDrmFormatModifierInfoEXT(
    struct cs_decoder *d, VkPhysicalDeviceImageDrmFormatModifierInfoEXT *v) {
    if (v->sharingMode == VK_SHARING_MODE_CONCURRENT) {
        need_array(d, v->queueFamilyIndexCount, v->pQueueFamilyIndices,
                   "VkPhysicalDeviceImageDrmFormatModifierInfoEXT.pQueueFamilyIndices");
    }
}

void vn_check_VkFramebufferCreateInfo(struct cs_decoder *d, VkFramebufferCreateInfo *v) {
    if (!(v->flags & VK_FRAMEBUFFER_CREATE_IMAGELESS_BIT)) {
        need_array(d, v->attachmentCount, v->pAttachments, "VkFramebufferCreateInfo.pAttachments");
    }
}

void vn_check_VkDeviceCreateInfo(struct cs_decoder *d, VkDeviceCreateInfo *v) {
    (void)d;
    if (!v->ppEnabledLayerNames) {
        v->enabledLayerCount = 0;
    }
}

/* ---- pipelines and rendering ----------------------------------------------------------- */

void vn_check_VkShaderModuleCreateInfo(struct cs_decoder *d, VkShaderModuleCreateInfo *v) {
    /* The array has whole words only; the driver would read codeSize bytes. */
    if (v->codeSize % 4 != 0) {
        cs_fail(d, "VkShaderModuleCreateInfo.codeSize", "the size is not a multiple of 4");
    }
}

void vn_check_VkSpecializationInfo(struct cs_decoder *d, VkSpecializationInfo *v) {
    for (uint32_t i = 0; i < v->mapEntryCount && v->pMapEntries; i++) {
        const VkSpecializationMapEntry *entry = &v->pMapEntries[i];
        if (!checked_range_u64(entry->offset, entry->size, v->dataSize)) {
            cs_fail(d, "VkSpecializationInfo.pMapEntries", "an entry lies outside of the data");
            return;
        }
    }
    need_array(d, v->dataSize, v->pData, "VkSpecializationInfo.pData");
}

void vn_check_VkGraphicsPipelineCreateInfo(struct cs_decoder *d, VkGraphicsPipelineCreateInfo *v) {
    (void)d;
    if (!v->pStages) {
        v->stageCount = 0;
    }
}

void vn_check_VkPipelineRenderingCreateInfo(struct cs_decoder *d,
                                            VkPipelineRenderingCreateInfo *v) {
    v->pColorAttachmentFormats =
        complete_array(d, v->colorAttachmentCount, v->pColorAttachmentFormats, sizeof(VkFormat),
                       "VkPipelineRenderingCreateInfo.pColorAttachmentFormats");
}

void vn_check_VkRenderingAreaInfo(struct cs_decoder *d, VkRenderingAreaInfo *v) {
    v->pColorAttachmentFormats =
        complete_array(d, v->colorAttachmentCount, v->pColorAttachmentFormats, sizeof(VkFormat),
                       "VkRenderingAreaInfo.pColorAttachmentFormats");
}

void vn_check_VkRenderPassBeginInfo(struct cs_decoder *d, VkRenderPassBeginInfo *v) {
    v->pClearValues = complete_array(d, v->clearValueCount, v->pClearValues, sizeof(VkClearValue),
                                     "VkRenderPassBeginInfo.pClearValues");
}

/* ---- descriptors ----------------------------------------------------------------------- */

static const void *find_in_chain(const void *next, VkStructureType type) {
    const VkBaseInStructure *in = next;
    while (in && in->sType != type) {
        in = in->pNext;
    }
    return in;
}

static void check_inline_uniform_block(struct cs_decoder *d, const VkWriteDescriptorSet *v) {
    const VkWriteDescriptorSetInlineUniformBlock *block =
        find_in_chain(v->pNext, VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_INLINE_UNIFORM_BLOCK);
    if (!block || block->dataSize != v->descriptorCount) {
        cs_fail(d, "VkWriteDescriptorSet.descriptorCount", "the inline uniform data is missing");
    }
}

static void check_acceleration_structures(struct cs_decoder *d, const VkWriteDescriptorSet *v) {
    const VkWriteDescriptorSetAccelerationStructureKHR *structures =
        find_in_chain(v->pNext, VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET_ACCELERATION_STRUCTURE_KHR);
    if (!structures || structures->accelerationStructureCount != v->descriptorCount) {
        cs_fail(d, "VkWriteDescriptorSet.descriptorCount",
                "the acceleration structures are missing");
    }
}

void vn_check_VkWriteDescriptorSet(struct cs_decoder *d, VkWriteDescriptorSet *v) {
    switch ((uint32_t)v->descriptorType) {
    case VK_DESCRIPTOR_TYPE_SAMPLER:
    case VK_DESCRIPTOR_TYPE_COMBINED_IMAGE_SAMPLER:
    case VK_DESCRIPTOR_TYPE_SAMPLED_IMAGE:
    case VK_DESCRIPTOR_TYPE_STORAGE_IMAGE:
    case VK_DESCRIPTOR_TYPE_INPUT_ATTACHMENT:
        need_array(d, v->descriptorCount, v->pImageInfo, "VkWriteDescriptorSet.pImageInfo");
        break;
    case VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER:
    case VK_DESCRIPTOR_TYPE_STORAGE_BUFFER:
    case VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER_DYNAMIC:
    case VK_DESCRIPTOR_TYPE_STORAGE_BUFFER_DYNAMIC:
        need_array(d, v->descriptorCount, v->pBufferInfo, "VkWriteDescriptorSet.pBufferInfo");
        break;
    case VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER:
    case VK_DESCRIPTOR_TYPE_STORAGE_TEXEL_BUFFER:
        need_array(d, v->descriptorCount, v->pTexelBufferView,
                   "VkWriteDescriptorSet.pTexelBufferView");
        break;
    case VK_DESCRIPTOR_TYPE_INLINE_UNIFORM_BLOCK:
        check_inline_uniform_block(d, v);
        break;
    case VK_DESCRIPTOR_TYPE_ACCELERATION_STRUCTURE_KHR:
        check_acceleration_structures(d, v);
        break;
    default:
        cs_fail(d, "VkWriteDescriptorSet.descriptorType", "no descriptor of this type is known");
        break;
    }
}

void vn_check_vkFreeDescriptorSets(struct cs_decoder *d, struct vn_vkFreeDescriptorSets *a) {
    need_array(d, a->descriptorSetCount, a->pDescriptorSets_objects, "pDescriptorSets");
}

void vn_check_vkFreeCommandBuffers(struct cs_decoder *d, struct vn_vkFreeCommandBuffers *a) {
    need_array(d, a->commandBufferCount, a->pCommandBuffers_objects, "pCommandBuffers");
}

/* ---- submission and recording ---------------------------------------------------------- */

void vn_check_VkTimelineSemaphoreSubmitInfo(struct cs_decoder *d,
                                            VkTimelineSemaphoreSubmitInfo *v) {
    (void)d;
    if (!v->pWaitSemaphoreValues) {
        v->waitSemaphoreValueCount = 0;
    }
    if (!v->pSignalSemaphoreValues) {
        v->signalSemaphoreValueCount = 0;
    }
}

void vn_check_vkCmdClearColorImage(struct cs_decoder *d, struct vn_vkCmdClearColorImage *a) {
    need_array(d, 1, a->pColor, "pColor");
}

void vn_check_vkCmdSetSampleMaskEXT(struct cs_decoder *d, struct vn_vkCmdSetSampleMaskEXT *a) {
    need_array(d, (uint32_t)a->samples, a->pSampleMask, "pSampleMask");
}

/* The arrays arrive packed, whatever the stride says. */
void vn_check_vkCmdDrawMultiEXT(struct cs_decoder *d, struct vn_vkCmdDrawMultiEXT *a) {
    need_array(d, a->drawCount, a->pVertexInfo, "pVertexInfo");
    a->stride = sizeof(VkMultiDrawInfoEXT);
}

void vn_check_vkCmdDrawMultiIndexedEXT(struct cs_decoder *d,
                                       struct vn_vkCmdDrawMultiIndexedEXT *a) {
    need_array(d, a->drawCount, a->pIndexInfo, "pIndexInfo");
    a->stride = sizeof(VkMultiDrawIndexedInfoEXT);
}

/* ---- barriers -------------------------------------------------------------------------- */

/* On the hot path: nearly every barrier names no foreign queue family, and then it is two
 * comparisons. */
static void translate_families(const struct cs_decoder *d, uint32_t *source, uint32_t *target) {
    bool names_foreign =
        *source == VK_QUEUE_FAMILY_FOREIGN_EXT || *target == VK_QUEUE_FAMILY_FOREIGN_EXT;
    if (CS_LIKELY(!names_foreign) || !d->vk || !d->vk->foreign_is_external) {
        return;
    }
    if (*source == VK_QUEUE_FAMILY_FOREIGN_EXT) {
        *source = VK_QUEUE_FAMILY_EXTERNAL;
    }
    if (*target == VK_QUEUE_FAMILY_FOREIGN_EXT) {
        *target = VK_QUEUE_FAMILY_EXTERNAL;
    }
}

void vn_check_VkBufferMemoryBarrier(struct cs_decoder *d, VkBufferMemoryBarrier *v) {
    translate_families(d, &v->srcQueueFamilyIndex, &v->dstQueueFamilyIndex);
}

void vn_check_VkBufferMemoryBarrier2(struct cs_decoder *d, VkBufferMemoryBarrier2 *v) {
    translate_families(d, &v->srcQueueFamilyIndex, &v->dstQueueFamilyIndex);
}

void vn_check_VkImageMemoryBarrier(struct cs_decoder *d, VkImageMemoryBarrier *v) {
    translate_families(d, &v->srcQueueFamilyIndex, &v->dstQueueFamilyIndex);
}

void vn_check_VkImageMemoryBarrier2(struct cs_decoder *d, VkImageMemoryBarrier2 *v) {
    translate_families(d, &v->srcQueueFamilyIndex, &v->dstQueueFamilyIndex);
}

/* ---- acceleration structures ----------------------------------------------------------- */

void vn_check_VkAccelerationStructureBuildGeometryInfoKHR(
    struct cs_decoder *d, VkAccelerationStructureBuildGeometryInfoKHR *v) {
    if (!v->pGeometries) {
        need_array(d, v->geometryCount, v->ppGeometries,
                   "VkAccelerationStructureBuildGeometryInfoKHR.pGeometries");
    }
}

void vn_check_vkGetAccelerationStructureBuildSizesKHR(
    struct cs_decoder *d, struct vn_vkGetAccelerationStructureBuildSizesKHR *a) {
    need_array(d, a->pBuildInfo->geometryCount, a->pMaxPrimitiveCounts, "pMaxPrimitiveCounts");
}
