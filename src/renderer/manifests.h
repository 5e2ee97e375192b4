/* The files by which the Vulkan loader finds drivers, read to tell a person why it found none: the
 * loader's own answer is one number. Nothing is decided by what is found here. */
#ifndef VESPER_RENDERER_MANIFESTS_H
#define VESPER_RENDERER_MANIFESTS_H

#include <stdbool.h>
#include <stddef.h>

#define MANIFESTS_TEXT_BYTES 1024

/* Calls `visit` for each place in which the loader of this process's environment looks for manifests,
 * in its order: folders, or what a variable names, of which `variable` is the name (else NULL). The
 * strings are valid during the call. Any thread; not while the environment changes. */
typedef void (*manifests_visit)(const char *place, const char *variable, void *user);
void manifests_for_each_place(manifests_visit visit, void *user);

/* Writes what keeps the loader from a driver, as far as the files tell: a clause that ends without
 * a full stop, cut to `size` bytes (MANIFESTS_TEXT_BYTES are enough). `lists_portability`: the library
 * offers VK_KHR_portability_enumeration. Returns false where there is a manifest whose driver might
 * well be loaded: then the cause lies in the driver. Any thread; not while the environment
 * changes. */
bool manifests_explain(bool lists_portability, char *out, size_t size);

#endif
