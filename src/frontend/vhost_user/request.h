/* The requests that a monitor may make: names, exact sizes, descriptors. */
#ifndef VESPER_VHOST_USER_REQUEST_H
#define VESPER_VHOST_USER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vhost_request_rule {
    uint32_t id;
    const char *name;
    uint32_t size_min, size_max; /* bytes of payload */
    uint32_t fds_max;
    bool has_reply; /* an answer of its own, so never an acknowledgement */
};

/* NULL: not a request of ours. Static storage. Any thread. */
const struct vhost_request_rule *vhost_request_find(uint32_t id);

#endif
