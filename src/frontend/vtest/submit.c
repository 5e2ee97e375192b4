/* SUBMIT_CMD2: command stream and the fences after it. */
#include <string.h>

#include "frontend/vtest/messages.h"
#include "frontend/vtest/wire.h"
#include "util/checked.h"

struct batch {
    uint32_t cmd_offset, cmd_size; /* dwords from the start of the payload */
    uint32_t sync_offset, sync_count;
    uint32_t ring_idx;
};

#define SYNC_ENTRY_DWORDS 3

/* Dwords of one batch header, which no message says: the commands begin behind the headers. One
 * batch, which is all that Mesa sends, needs no more than the members that both sizes have. */
static bool find_stride(struct vtest_client *client, const uint8_t *payload, uint32_t dwords,
                        uint32_t batch_count, uint32_t *out_stride) {
    if (!checked_range_u64(1, (uint64_t)batch_count * VTEST_BATCH_DWORDS_OLD, dwords)) {
        return vtest_client_refuse(client, "batch_count %u: the headers do not fit into %u dwords",
                                   batch_count, dwords);
    }
    if (batch_count <= 1) {
        *out_stride = VTEST_BATCH_DWORDS_OLD;
        return true;
    }
    uint64_t headers = (uint64_t)vtest_load_u32(payload, 2) - 1;
    if (headers == (uint64_t)batch_count * VTEST_BATCH_DWORDS_OLD) {
        *out_stride = VTEST_BATCH_DWORDS_OLD;
    } else if (headers == (uint64_t)batch_count * VTEST_BATCH_DWORDS_NEW && headers < dwords) {
        *out_stride = VTEST_BATCH_DWORDS_NEW;
    } else {
        return vtest_client_refuse(client,
                                   "batch 0: cmd_offset %u tells no header size for %u batches",
                                   vtest_load_u32(payload, 2), batch_count);
    }
    return true;
}

static struct batch load_batch(const uint8_t *payload, uint64_t at) {
    return (struct batch){
        .cmd_offset = vtest_load_u32(payload, at + 1),
        .cmd_size = vtest_load_u32(payload, at + 2),
        .sync_offset = vtest_load_u32(payload, at + 3),
        .sync_count = vtest_load_u32(payload, at + 4),
        .ring_idx = vtest_load_u32(payload, at) & VTEST_SUBMIT_RING_IDX
                        ? vtest_load_u32(payload, at + 5)
                        : 0,
    };
}

static bool check_flags(struct vtest_client *client, uint32_t index, uint32_t flags) {
    if (flags & (VTEST_SUBMIT_IN_FENCE_FD | VTEST_SUBMIT_OUT_FENCE_FD)) {
        return vtest_client_refuse(client, "batch %u: flags 0x%x: fence descriptors are not served",
                                   index, flags);
    }
    if (flags & ~(uint32_t)VTEST_SUBMIT_RING_IDX) {
        return vtest_client_refuse(client, "batch %u: flags 0x%x: unknown bits", index, flags);
    }
    return true;
}

static bool check_ranges(struct vtest_client *client, uint32_t dwords, uint32_t index,
                         const struct batch *batch) {
    if (batch->ring_idx >= CONTEXT_RING_IDX_COUNT) {
        return vtest_client_refuse(client, "batch %u: ring_idx %u: there are %u", index,
                                   batch->ring_idx, CONTEXT_RING_IDX_COUNT);
    }
    if (!checked_range_u64(batch->cmd_offset, batch->cmd_size, dwords)) {
        return vtest_client_refuse(client,
                                   "batch %u: cmd_offset %u, cmd_size %u: outside the payload "
                                   "of %u dwords",
                                   index, batch->cmd_offset, batch->cmd_size, dwords);
    }
    if (!checked_range_u64(batch->sync_offset, (uint64_t)batch->sync_count * SYNC_ENTRY_DWORDS,
                           dwords)) {
        return vtest_client_refuse(client,
                                   "batch %u: sync_offset %u, sync_count %u: outside the payload "
                                   "of %u dwords",
                                   index, batch->sync_offset, batch->sync_count, dwords);
    }
    return true;
}

static bool check_syncs(struct vtest_client *client, const uint8_t *payload, uint32_t index,
                        const struct batch *batch) {
    for (uint32_t i = 0; i < batch->sync_count; i++) {
        uint32_t id = vtest_load_u32(payload, batch->sync_offset + (uint64_t)i * SYNC_ENTRY_DWORDS);
        if (!vtest_sync_find(&client->syncs, id)) {
            return vtest_client_refuse(client, "batch %u: sync_id %u: no such sync", index, id);
        }
    }
    return true;
}

/* Checks everything before anything takes effect. */
static bool check_message(struct vtest_client *client, const uint8_t *payload, uint32_t dwords,
                          uint32_t batch_count, uint32_t stride) {
    uint64_t used = 1 + (uint64_t)batch_count * stride;
    uint64_t signals = client->fences.count;
    for (uint32_t i = 0; i < batch_count; i++) {
        uint64_t at = 1 + (uint64_t)i * stride;
        struct batch batch = load_batch(payload, at);
        /* Batches that shared bytes could ask for work without measure in one message. */
        used += batch.cmd_size + (uint64_t)batch.sync_count * SYNC_ENTRY_DWORDS;
        signals += batch.sync_count;
        if (!check_flags(client, i, vtest_load_u32(payload, at)) ||
            !check_ranges(client, dwords, i, &batch)) {
            return false;
        }
        if (used > dwords) {
            return vtest_client_refuse(client, "batch %u: shares bytes with another part", i);
        }
        if (signals > client->options->limits.signals) {
            return vtest_client_refuse(
                client, "the limit of %u syncs that await fences is reached (--max-signals)",
                client->options->limits.signals);
        }
        if (!check_syncs(client, payload, i, &batch)) {
            return false;
        }
    }
    return true;
}

/* Of a lost context nothing will retire any more, so the syncs are set at once. */
static bool signal_batch(struct vtest_client *client, const uint8_t *payload,
                         const struct batch *batch) {
    uint64_t fence_id = ++client->fences.last_fence_id;
    for (uint32_t i = 0; i < batch->sync_count; i++) {
        uint64_t at = batch->sync_offset + (uint64_t)i * SYNC_ENTRY_DWORDS;
        struct vtest_sync *sync = vtest_sync_find(&client->syncs, vtest_load_u32(payload, at));
        uint64_t value = vtest_load_u64(payload, at + 1);
        if (client->context_lost) {
            vtest_sync_signal(sync, value);
            continue;
        }
        int error = vtest_fences_add(&client->fences, batch->ring_idx, fence_id, sync, value);
        if (error) {
            return vtest_client_refuse(client, "%s", strerror(-error));
        }
    }
    if (client->context_lost) {
        return true;
    }
    int error = client->context->ops->fence(client->context, batch->ring_idx, fence_id);
    if (error) {
        return vtest_client_refuse(client, "fence on ring_idx %u: %s", batch->ring_idx,
                                   strerror(-error));
    }
    return true;
}

static bool submit_batch(struct vtest_client *client, const uint8_t *payload,
                         const struct batch *batch) {
    if (batch->cmd_size > 0 && !client->context_lost) {
        /* An error means that the context has ended; it says so itself, and the guest sees it in
         * its rings. */
        (void)client->context->ops->submit(client->context,
                                           payload + (uint64_t)batch->cmd_offset * 4,
                                           (size_t)batch->cmd_size * 4);
    }
    return batch->sync_count == 0 || signal_batch(client, payload, batch);
}

bool vtest_handle_submit_cmd2(struct vtest_client *client, const uint8_t *payload, uint32_t size) {
    uint32_t dwords = size / 4;
    uint32_t batch_count = vtest_load_u32(payload, 0);
    uint32_t stride = 0;
    if (!find_stride(client, payload, dwords, batch_count, &stride) ||
        !check_message(client, payload, dwords, batch_count, stride)) {
        return false;
    }
    for (uint32_t i = 0; i < batch_count; i++) {
        struct batch batch = load_batch(payload, 1 + (uint64_t)i * stride);
        if (!submit_batch(client, payload, &batch)) {
            return false;
        }
    }
    return true;
}
