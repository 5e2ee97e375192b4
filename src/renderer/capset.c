/* The capset: what this build of the codec and the renderer can do, told before any connection. */
#include "renderer/context.h"
#include "venus_extensions.h"

#define WIRE_FORMAT_VERSION 1

struct writer {
    uint8_t *cursor;
};

static void put_u32(struct writer *writer, uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
        *writer->cursor++ = (uint8_t)(value >> shift);
    }
}

void context_get_capset(uint8_t out[CONTEXT_CAPSET_VENUS_SIZE]) {
    struct writer writer = {out};
    put_u32(&writer, WIRE_FORMAT_VERSION);
    put_u32(&writer, VN_XML_VERSION);
    put_u32(&writer, VN_COMMAND_SERIALIZATION_SPEC_VERSION);
    put_u32(&writer, VN_PROTOCOL_SPEC_VERSION);
    put_u32(&writer, 1); /* supports_blob_id_0 */
    for (int i = 0; i < 32; i++) {
        put_u32(&writer, vn_extension_mask[i]);
    }
    put_u32(&writer, 1); /* allow_vk_wait_syncs */
    put_u32(&writer, 1); /* supports_multiple_timelines */
    put_u32(&writer, 0); /* use_guest_vram */
}
