#include "device/guest_memory.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device/guest_region.h"
#include "platform/platform.h"
#include "util/checked.h"

struct guest_region {
    _Atomic(uint32_t) references;
    int fd; /* -1: memory of the caller's */
    uint64_t address, size, offset;
    dev_t file_device;
    ino_t file_number; /* 0: the system tells none */
    uint64_t file_size;
    _Atomic(void *) mapping; /* whole pages around the region; NULL: not mapped yet */
    void *pointer;           /* of the caller's memory */
};

struct file_identity {
    dev_t device;
    ino_t number;
    uint64_t size;
};

static int identify(int fd, struct file_identity *out) {
    struct stat info;
    if (fstat(fd, &info) < 0) {
        return -errno;
    }
    out->device = info.st_dev;
    out->number = info.st_ino;
    return platform_fd_size(fd, &out->size);
}

static bool sums_fit(uint64_t address, uint64_t size, uint64_t offset) {
    uint64_t end;
    return size > 0 && checked_add_u64(address, size - 1, &end) &&
           checked_add_u64(offset, size, &end);
}

int guest_region_create(int fd, uint64_t address, uint64_t size, uint64_t offset,
                        struct guest_region **out) {
    struct file_identity file;
    int error = -EINVAL;
    if (!sums_fit(address, size, offset)) {
        goto error_fd;
    }
    error = identify(fd, &file);
    if (error) {
        goto error_fd;
    }
    if (!checked_range_u64(offset, size, file.size)) {
        error = -EINVAL;
        goto error_fd;
    }
    struct guest_region *region = malloc(sizeof(*region));
    if (!region) {
        error = -ENOMEM;
        goto error_fd;
    }
    *region = (struct guest_region){
        .references = 1,
        .fd = fd,
        .address = address,
        .size = size,
        .offset = offset,
        .file_device = file.device,
        .file_number = file.number,
        .file_size = file.size,
    };
    *out = region;
    return 0;

error_fd:
    if (fd >= 0) {
        close(fd);
    }
    return error;
}

int guest_region_create_pointer(void *pointer, uint64_t address, uint64_t size,
                                struct guest_region **out) {
    if (!sums_fit(address, size, 0)) {
        return -EINVAL;
    }
    struct guest_region *region = malloc(sizeof(*region));
    if (!region) {
        return -ENOMEM;
    }
    *region = (struct guest_region){
        .references = 1,
        .fd = -1,
        .address = address,
        .size = size,
        .pointer = pointer,
    };
    *out = region;
    return 0;
}

struct guest_region *guest_region_ref(struct guest_region *region) {
    atomic_fetch_add_explicit(&region->references, 1, memory_order_relaxed);
    return region;
}

/* Bytes of the mapping before the region's first: mappings begin at a page of the file. */
static uint64_t get_lead(const struct guest_region *region) {
    return region->offset & (platform_page_size() - 1);
}

void guest_region_unref(struct guest_region *region) {
    if (!region || atomic_fetch_sub_explicit(&region->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    void *mapping = atomic_load_explicit(&region->mapping, memory_order_relaxed);
    if (mapping) {
        platform_unmap(mapping, get_lead(region) + region->size);
    }
    if (region->fd >= 0) {
        close(region->fd);
    }
    free(region);
}

bool guest_region_matches(const struct guest_region *region, int fd, uint64_t address,
                          uint64_t size, uint64_t offset) {
    struct file_identity file;
    return region->fd >= 0 && region->address == address && region->size == size &&
           region->offset == offset && identify(fd, &file) == 0 && file.number != 0 &&
           file.number == region->file_number && file.device == region->file_device;
}

bool guest_region_is_of(const struct guest_region *region, int fd) {
    struct file_identity file;
    return region->fd >= 0 && identify(fd, &file) == 0 && file.number == region->file_number &&
           file.device == region->file_device && file.size == region->file_size;
}

uint64_t guest_region_get_address(const struct guest_region *region) {
    return region->address;
}

uint64_t guest_region_get_size(const struct guest_region *region) {
    return region->size;
}

/* Maps on first use. Threads that meet here make one mapping each; all but one go again. */
static void *get_mapping(struct guest_region *region) {
    void *mapping = atomic_load_explicit(&region->mapping, memory_order_acquire);
    if (mapping) {
        return mapping;
    }
    const uint64_t lead = get_lead(region);
    void *ours;
    if (platform_map_shared_at(region->fd, region->offset - lead, lead + region->size, &ours)) {
        return NULL;
    }
    if (!atomic_compare_exchange_strong(&region->mapping, &mapping, ours)) {
        platform_unmap(ours, lead + region->size);
        return mapping;
    }
    return ours;
}

void *guest_region_get_pointer(struct guest_region *region) {
    if (region->fd < 0) {
        return region->pointer;
    }
    void *mapping = get_mapping(region);
    return mapping ? (char *)mapping + get_lead(region) : NULL;
}
