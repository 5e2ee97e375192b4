/* Query results: the one reply whose size the driver derives from arguments we cannot check. */
#include "renderer/renderer.h"
#include "venus_handlers.h"
#include "venus_tables.h"

/* A driver that trusts its caller writes queryCount results at `stride`, whatever dataSize says.
 * No query type offered to guests has results of more than this many bytes. */
#define RESULT_SIZE_MAX 256

void vn_handle_vkGetQueryPoolResults(struct vn_stream *base, struct vn_vkGetQueryPoolResults *a) {
    struct cs_decoder *d = &base->decoder;
    uint64_t reach;
    if (!checked_mul_u64(a->stride, a->queryCount, &reach) ||
        !checked_add_u64(reach, RESULT_SIZE_MAX, &reach)) {
        cs_fail(d, "stride", "the results would not fit into memory");
        return;
    }
    if (!a->pData) {
        cs_fail(d, "pData", "it is NULL");
        return;
    }
    void *results = a->pData;
    if (reach > a->dataSize) {
        results = cs_temp(d, 1, reach, "stride");
        if (!results) {
            return;
        }
    }
    a->ret = a->device_object->vk->GetQueryPoolResults(a->device, a->queryPool, a->firstQuery,
                                                       a->queryCount, a->dataSize, results,
                                                       a->stride, a->flags);
    if (results != a->pData) {
        memcpy(a->pData, results, a->dataSize);
    }
}
