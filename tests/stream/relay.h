/* A context without a thread of its own (renderer_context_create_direct) behind the calls of one
 * that has: two threads take turns at making what is asked for, as in a worker. */
#ifndef VESPER_TESTS_STREAM_RELAY_H
#define VESPER_TESTS_STREAM_RELAY_H

#include "renderer/context.h"

/* As renderer_context_create. */
int relay_create(const char *name, const struct context_limits *limits,
                 const struct context_listener *listener, void *user, struct context **out);

#endif
