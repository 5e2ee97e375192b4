/* Shared memory that the driver imports: what a guest's memory is. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "selftest/gpu.h"
#include "selftest/selftest.h"

#define UNITS 8 /* of the alignment, in one import */

static size_t add(char *text, size_t size, size_t length, const char *part) {
    const int added = snprintf(text + length, size - length, "%s", part);
    return added < 0 || (size_t)added >= size - length ? size - 1 : length + (size_t)added;
}

static void list_types(uint32_t types, char *out, size_t size) {
    size_t length = 0;
    out[0] = '\0';
    for (uint32_t i = 0; i < 32; i++) {
        char part[16];
        if (types & (UINT32_C(1) << i)) {
            snprintf(part, sizeof(part), "%s%u", length ? " " : "", i);
            length = add(out, size, length, part);
        }
    }
}

void selftest_import_types(struct selftest_result *out) {
    struct gpu gpu;
    char list[128];
    if (!gpu_open_importing(&gpu, out)) {
        return;
    }
    const uint32_t types = gpu_import_types(&gpu);
    list_types(types, list, sizeof(list));
    selftest_pass(out, "minImportedHostPointerAlignment %llu, types %s of %u take it",
                  (unsigned long long)gpu.alignment, list, gpu.memory.memoryTypeCount);
    for (uint32_t i = 0; i < 32; i++) {
        struct gpu_memory memory;
        if (!(types & (UINT32_C(1) << i))) {
            continue;
        }
        const VkResult result = gpu_import(&gpu, i, 0, UNITS * gpu.alignment, &memory);
        if (result < 0) {
            selftest_fail(out, "type %u is said to take imports, but gives %d", i, (int)result);
            break;
        }
        gpu_free(&gpu, &memory);
    }
    gpu_close(&gpu);
}

/* ---- what one side writes, the other reads ------------------------------------------------- */

static size_t count_words(const uint8_t *bytes, uint64_t size, uint32_t word) {
    const volatile uint32_t *words = (const volatile uint32_t *)(const void *)bytes;
    size_t i = 0;
    while (i < size / 4 && words[i] == word) {
        i++;
    }
    return 4 * i;
}

static VkResult fill(const struct gpu *gpu, VkBuffer buffer, uint32_t word) {
    VkCommandBuffer commands = gpu_begin(gpu);
    if (!commands) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    gpu->vk.CmdFillBuffer(commands, buffer, 0, VK_WHOLE_SIZE, word);
    return gpu_finish(gpu, commands);
}

static bool check_gpu_writes(const struct gpu *gpu, uint32_t type, struct selftest_result *out) {
    const uint64_t size = UNITS * gpu->alignment;
    struct gpu_memory memory;
    VkResult result = gpu_import(gpu, type, 0, size, &memory);
    if (result < 0) {
        selftest_fail(out, "type %u: the import gives %d", type, (int)result);
        return false;
    }
    bool is_equal = true;
    /* Twice: the second time the processor has the old bytes in its cache. */
    for (uint32_t word = 0x11223344; is_equal && word <= 0x11223345; word++) {
        result = fill(gpu, memory.buffer, word);
        const size_t equal = count_words(memory.second, size, word);
        is_equal = result >= 0 && equal == size;
        if (!is_equal) {
            selftest_fail(out, "type %u: of %llu bytes that the GPU wrote %zu are seen (result %d)",
                          type, (unsigned long long)size, equal, (int)result);
        }
    }
    gpu_free(gpu, &memory);
    return is_equal;
}

static VkResult copy(const struct gpu *gpu, VkBuffer from, VkBuffer to, uint64_t size) {
    const VkBufferCopy region = {.size = size};
    VkCommandBuffer commands = gpu_begin(gpu);
    if (!commands) {
        return VK_ERROR_OUT_OF_HOST_MEMORY;
    }
    gpu->vk.CmdCopyBuffer(commands, from, to, 1, &region);
    return gpu_finish(gpu, commands);
}

static bool check_cpu_writes(const struct gpu *gpu, uint32_t type, struct selftest_result *out) {
    const uint64_t size = UNITS * gpu->alignment;
    struct gpu_memory from, to;
    VkResult result = gpu_import(gpu, type, 0, size, &from);
    if (result < 0) {
        selftest_fail(out, "type %u: the import gives %d", type, (int)result);
        return false;
    }
    result = gpu_import(gpu, type, 0, size, &to);
    if (result < 0) {
        selftest_fail(out, "type %u: a second import gives %d", type, (int)result);
        gpu_free(gpu, &from);
        return false;
    }
    bool is_equal = true;
    for (uint32_t round = 1; is_equal && round <= 2; round++) {
        for (uint64_t i = 0; i < size; i++) {
            from.second[i] = (uint8_t)((i * UINT32_C(2654435761) >> 16) + round);
        }
        result = copy(gpu, from.buffer, to.buffer, size);
        is_equal = result >= 0 && memcmp(to.second, from.second, size) == 0;
        if (!is_equal) {
            selftest_fail(out, "type %u: the GPU did not copy what the processor wrote (result %d)",
                          type, (int)result);
        }
    }
    gpu_free(gpu, &to);
    gpu_free(gpu, &from);
    return is_equal;
}

static void check_types(struct selftest_result *out, const char *what,
                        bool (*check)(const struct gpu *gpu, uint32_t type,
                                      struct selftest_result *out)) {
    struct gpu gpu;
    char list[128];
    if (!gpu_open_importing(&gpu, out)) {
        return;
    }
    const uint32_t types = gpu_import_types(&gpu);
    bool is_good = true;
    for (uint32_t i = 0; i < 32 && is_good; i++) {
        is_good = !(types & (UINT32_C(1) << i)) || check(&gpu, i, out);
    }
    if (is_good) {
        list_types(types, list, sizeof(list));
        selftest_pass(out, "%llu bytes through a second mapping, %s, types %s",
                      (unsigned long long)(UNITS * gpu.alignment), what, list);
    }
    gpu_close(&gpu);
}

void selftest_import_gpu_writes(struct selftest_result *out) {
    check_types(out, "filled by the GPU", check_gpu_writes);
}

void selftest_import_cpu_writes(struct selftest_result *out) {
    check_types(out, "copied by the GPU", check_cpu_writes);
}

/* ---- what Vesper never asks for ------------------------------------------------------------- */

/* Not to be refused is a driver's right; to take it and give other memory is not. */
static void check_odd(struct selftest_result *out, bool odd_pointer) {
    struct gpu gpu;
    struct gpu_memory memory;
    uint32_t type = 0;
    if (!gpu_open_importing(&gpu, out)) {
        return;
    }
    const uint64_t half = gpu.alignment / 2;
    const uint64_t size = odd_pointer ? gpu.alignment : gpu.alignment + half;
    const uint32_t types = gpu_import_types(&gpu);
    while (type < 31 && !(types & (UINT32_C(1) << type))) {
        type++;
    }
    VkResult result = gpu_import(&gpu, type, odd_pointer ? half : 0, size, &memory);
    if (result < 0) {
        selftest_pass(out, "refused with %d", (int)result);
        gpu_close(&gpu);
        return;
    }
    result = fill(&gpu, memory.buffer, 0x55667788);
    const size_t equal = count_words(memory.second + (odd_pointer ? half : 0), size, 0x55667788);
    if (result < 0 || equal < size) {
        selftest_fail(out, "accepted, but %zu of %llu bytes are shared (result %d)", equal,
                      (unsigned long long)size, (int)result);
    } else {
        selftest_pass(out, "accepted and shared, beyond what the specification asks");
    }
    gpu_free(&gpu, &memory);
    gpu_close(&gpu);
}

void selftest_import_odd_size(struct selftest_result *out) {
    check_odd(out, false);
}

void selftest_import_odd_pointer(struct selftest_result *out) {
    check_odd(out, true);
}
