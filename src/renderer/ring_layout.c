#include "renderer/ring.h"

#include "util/checked.h"

#define BUFFER_SIZE_MAX (UINT64_C(16) << 20)

struct region {
    uint64_t offset, size;
};

static bool regions_overlap(const struct region *a, const struct region *b) {
    return a->size && b->size && a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

static const char *check_regions(const struct region *regions, size_t count, uint64_t limit) {
    for (size_t i = 0; i < count; i++) {
        if (regions[i].offset % 4) {
            return "a part of the ring is not aligned to 4 bytes";
        }
        if (!checked_range_u64(regions[i].offset, regions[i].size, limit)) {
            return "a part of the ring lies outside it";
        }
        for (size_t j = 0; j < i; j++) {
            if (regions_overlap(&regions[i], &regions[j])) {
                return "parts of the ring overlap";
            }
        }
    }
    return NULL;
}

static const char *check(const VkRingCreateInfoMESA *info, uint64_t resource_size) {
    if (info->flags) {
        return "unknown ring flags";
    }
    if (info->offset % 4 || !checked_range_u64(info->offset, info->size, resource_size)) {
        return "the ring does not lie inside its resource";
    }
    uint64_t size = info->bufferSize;
    if (size < 4 || size > BUFFER_SIZE_MAX || (size & (size - 1))) {
        return "the buffer size is not a power of two up to 16 MiB";
    }
    const struct region regions[] = {
        {info->headOffset, 4},
        {info->tailOffset, 4},
        {info->statusOffset, 4},
        {info->bufferOffset, info->bufferSize},
        {info->extraOffset, info->extraSize},
    };
    return check_regions(regions, sizeof(regions) / sizeof(regions[0]), info->size);
}

bool ring_layout_check(const VkRingCreateInfoMESA *info, uint64_t resource_size,
                       struct ring_layout *out, const char **out_reason) {
    *out_reason = check(info, resource_size);
    if (*out_reason) {
        return false;
    }
    *out = (struct ring_layout){
        .head = info->offset + info->headOffset,
        .tail = info->offset + info->tailOffset,
        .status = info->offset + info->statusOffset,
        .buffer = info->offset + info->bufferOffset,
        .buffer_size = info->bufferSize,
        .extra = info->offset + info->extraOffset,
        .extra_size = info->extraSize,
    };
    return true;
}
