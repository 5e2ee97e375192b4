#include "protocol/chain.h"

static const struct vn_chain_type *find(const struct vn_chain *chain, uint32_t type) {
    uint32_t low = 0, high = chain->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        const struct vn_chain_type *found = &chain->types[chain->allowed[middle]];
        if ((uint32_t)found->type == type) {
            return found;
        }
        if ((uint32_t)found->type < type) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return NULL;
}

static bool occurs(const struct vn_chain_type *const *types, uint32_t count,
                   const struct vn_chain_type *type) {
    for (uint32_t i = 0; i < count; i++) {
        if (types[i] == type) {
            return true;
        }
    }
    return false;
}

/* Reads the types of a chain that is not empty, then its bodies from the last to the first. */
static void *decode_members(struct cs_decoder *d, const struct vn_chain *chain,
                            enum vn_chain_form form) {
    const struct vn_chain_type *types[CHAIN_MAX];
    void *values[CHAIN_MAX];
    VkBaseOutStructure head = {0}, *last = &head;
    uint32_t count = 0;
    do {
        const struct vn_chain_type *type = find(chain, cs_read_u32(d, chain->root));
        if (d->failed) {
            return NULL;
        }
        if (!type || !type->decode[form]) {
            cs_fail(d, chain->root, "the chain has a struct that is not allowed here");
            return NULL;
        }
        if (!type->repeatable && occurs(types, count, type)) {
            cs_fail(d, chain->root, "the chain has the same struct twice");
            return NULL;
        }
        if (count == CHAIN_MAX) {
            cs_fail(d, chain->root, "the chain is too long");
            return NULL;
        }
        VkBaseOutStructure *value = cs_temp(d, 1, type->size, chain->root);
        if (!value) {
            return NULL;
        }
        value->sType = type->type;
        last->pNext = value;
        last = value;
        types[count] = type;
        values[count++] = value;
    } while (cs_read_u64(d, chain->root) != 0);
    while (count-- > 0 && !d->failed) {
        types[count]->decode[form](d, values[count]);
    }
    return head.pNext;
}

void *vn_chain_decode(struct cs_decoder *d, VkStructureType type, const struct vn_chain *chain,
                      enum vn_chain_form form) {
    if (!cs_need(d, 12, chain->root)) {
        return NULL;
    }
    uint32_t found = cs_load_u32(d);
    uint64_t chained = cs_load_u64(d);
    if (CS_UNLIKELY(found != (uint32_t)type)) {
        cs_fail(d, chain->root, "the struct has another sType");
        return NULL;
    }
    return chained ? decode_members(d, chain, form) : NULL;
}

void vn_chain_encode(struct cs_encoder *e, VkStructureType type, const void *next,
                     const struct vn_chain *chain, enum vn_chain_form form) {
    const struct vn_chain_type *types[CHAIN_MAX];
    const void *values[CHAIN_MAX];
    uint32_t count = 0;
    cs_write_u32(e, (uint32_t)type);
    for (const VkBaseInStructure *in = next; in && count < CHAIN_MAX; in = in->pNext) {
        const struct vn_chain_type *member = find(chain, (uint32_t)in->sType);
        if (member && member->encode[form]) {
            types[count] = member;
            values[count++] = in;
            cs_write_u64(e, 1);
            cs_write_u32(e, (uint32_t)in->sType);
        }
    }
    cs_write_u64(e, 0);
    while (count-- > 0) {
        types[count]->encode[form](e, values[count]);
    }
}
