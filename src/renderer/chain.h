/* Decoded pNext chains: temporaries of the command, ours to change before the driver sees them.
 * The stream's thread only. */
#ifndef VESPER_RENDERER_CHAIN_H
#define VESPER_RENDERER_CHAIN_H

#include <vulkan/vulkan.h>

/* The struct of that type behind (or at) `chain`, or NULL. */
static inline void *chain_find(const void *chain, VkStructureType type) {
    const VkBaseOutStructure *item = chain;
    while (item && item->sType != type) {
        item = item->pNext;
    }
    return (void *)item;
}

/* Takes every struct of that type out of the chain behind `root` (a struct with sType). */
static inline void chain_remove(const void *root, VkStructureType type) {
    VkBaseOutStructure *item = (VkBaseOutStructure *)root;
    while (item->pNext) {
        if (item->pNext->sType == type) {
            item->pNext = item->pNext->pNext;
        } else {
            item = item->pNext;
        }
    }
}

#endif
