/* Vulkan versions as the guest is told them. */
#ifndef VESPER_RENDERER_VERSION_H
#define VESPER_RENDERER_VERSION_H

#include <stdint.h>

#include "venus_extensions.h"

/* At most the version of the registry that the codec was made from. */
static inline uint32_t version_cap(uint32_t version) {
    return version < VN_XML_VERSION ? version : VN_XML_VERSION;
}

#endif
