/* Reading and writing of pNext chains by tables that the generator writes.
 *
 * On the wire, sType values come first and bodies follow innermost first; both directions are
 * loops over the chain, never recursions, so its length is bounded by CHAIN_MAX and not by the
 * stack. The format: docs/venus-wire-format.md. One thread, as for cs.h. */
#ifndef VESPER_PROTOCOL_CHAIN_H
#define VESPER_PROTOCOL_CHAIN_H

#include "protocol/cs.h"

/* Most structs in one chain. The longest legal one has about 130. */
#define CHAIN_MAX 256

enum vn_chain_form { VN_CHAIN_FULL, VN_CHAIN_PARTIAL };

/* A struct that may be a member of a chain. Functions read and write the members after pNext;
 * NULL where a direction does not occur. Indexed by enum vn_chain_form. */
struct vn_chain_type {
    VkStructureType type;
    uint32_t size;   /* bytes in memory */
    bool repeatable; /* may occur more than once */
    void (*decode[2])(struct cs_decoder *d, void *value);
    void (*encode[2])(struct cs_encoder *e, const void *value);
};

/* The structs allowed after one root: indices into `types`, in order of their type. */
struct vn_chain {
    const char *root;
    const struct vn_chain_type *types;
    const uint16_t *allowed;
    uint32_t count;
};

/* Reads the sType of a root, which must be `type`, and its chain. Gives the first chained struct
 * (zero-filled temporaries, linked), NULL where there is none and on failure. */
void *vn_chain_decode(struct cs_decoder *d, VkStructureType type, const struct vn_chain *chain,
                      enum vn_chain_form form);

/* Writes the sType of a root and those structs of `next` that are allowed after it. */
void vn_chain_encode(struct cs_encoder *e, VkStructureType type, const void *next,
                     const struct vn_chain *chain, enum vn_chain_form form);

#endif
