/* A context without a renderer: what Linux before 6.13 makes, with no capability set, for every
 * program that merely uses a dumb buffer, its own console included. Resources can be attached to
 * it; nothing can be executed. Device thread. */
#ifndef VESPER_DEVICE_EMPTY_CONTEXT_H
#define VESPER_DEVICE_EMPTY_CONTEXT_H

#include "renderer/context.h"

/* As renderer_context_create. Its submit, create_blob and fence give -ENOTSUP. */
int gpu_empty_context_create(const char *name, const struct context_limits *limits,
                             const struct context_listener *listener, void *user,
                             struct context **out);

#endif
