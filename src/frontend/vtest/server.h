/* The parts of the server that its files share. Control thread only. */
#ifndef VESPER_VTEST_SERVER_H
#define VESPER_VTEST_SERVER_H

#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frontend/listener.h"
#include "frontend/vtest/client.h"
#include "frontend/vtest/mailbox.h"
#include "frontend/vtest/reaper.h"
#include "frontend/vtest/vtest.h"
#include "frontend/vtest/wait.h"

struct vtest_server {
    struct vtest_options options; /* limits filled in */
    struct frontend_listener listener;
    struct vtest_inbox inbox;
    struct vtest_deadlines deadlines;
    struct vtest_reaper reaper;
    struct vtest_client **clients;
    /* Those of the inbox, the listener, and then of each client: SERVER_POLLS + slot. */
    struct pollfd *polls;
    size_t client_count, client_capacity;
    uint64_t last_number;
    _Atomic(bool) stop;
};

#endif
