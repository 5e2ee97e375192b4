#include "frontend/vhost_user/request.h"

#include "frontend/vhost_user/wire.h"

#define NOTHING 0, 0
#define U64 8, 8
#define STATE sizeof(struct vhost_vring_state), sizeof(struct vhost_vring_state)
#define CONFIG VHOST_CONFIG_HEAD, sizeof(struct vhost_config)

static const struct vhost_request_rule rules[] = {
    {VHOST_GET_FEATURES, "GET_FEATURES", NOTHING, 0, true},
    {VHOST_SET_FEATURES, "SET_FEATURES", U64, 0, false},
    {VHOST_SET_OWNER, "SET_OWNER", NOTHING, 0, false},
    {VHOST_RESET_OWNER, "RESET_OWNER", NOTHING, 0, false},
    {VHOST_SET_MEM_TABLE, "SET_MEM_TABLE", 8, sizeof(struct vhost_memory_regions), VHOST_FDS_MAX,
     false},
    {VHOST_SET_VRING_NUM, "SET_VRING_NUM", STATE, 0, false},
    {VHOST_SET_VRING_ADDR, "SET_VRING_ADDR", sizeof(struct vhost_vring_addresses),
     sizeof(struct vhost_vring_addresses), 0, false},
    {VHOST_SET_VRING_BASE, "SET_VRING_BASE", STATE, 0, false},
    {VHOST_GET_VRING_BASE, "GET_VRING_BASE", STATE, 0, true},
    {VHOST_SET_VRING_KICK, "SET_VRING_KICK", U64, 1, false},
    {VHOST_SET_VRING_CALL, "SET_VRING_CALL", U64, 1, false},
    {VHOST_SET_VRING_ERR, "SET_VRING_ERR", U64, 1, false},
    {VHOST_GET_PROTOCOL_FEATURES, "GET_PROTOCOL_FEATURES", NOTHING, 0, true},
    {VHOST_SET_PROTOCOL_FEATURES, "SET_PROTOCOL_FEATURES", U64, 0, false},
    {VHOST_GET_QUEUE_NUM, "GET_QUEUE_NUM", NOTHING, 0, true},
    {VHOST_SET_VRING_ENABLE, "SET_VRING_ENABLE", STATE, 0, false},
    {VHOST_SET_BACKEND_REQ_FD, "SET_BACKEND_REQ_FD", NOTHING, 1, false},
    {VHOST_GET_CONFIG, "GET_CONFIG", CONFIG, 0, true},
    {VHOST_SET_CONFIG, "SET_CONFIG", CONFIG, 0, false},
    {VHOST_RESET_DEVICE, "RESET_DEVICE", NOTHING, 0, false},
    {VHOST_SET_STATUS, "SET_STATUS", U64, 0, false},
    {VHOST_GET_STATUS, "GET_STATUS", NOTHING, 0, true},
    {VHOST_GET_SHMEM_CONFIG, "GET_SHMEM_CONFIG", NOTHING, 0, true},
};

const struct vhost_request_rule *vhost_request_find(uint32_t id) {
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].id == id) {
            return &rules[i];
        }
    }
    return NULL;
}
