/* The host's Vulkan library: opened once per process, before the first context. */
#ifndef VESPER_RENDERER_DRIVER_H
#define VESPER_RENDERER_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <vulkan/vulkan.h>

/* The variable of the environment that names the one library to open: a loader, or a driver that
 * can be without one. */
#define DRIVER_LIBRARY_VARIABLE "VESPER_VULKAN_LIBRARY"

/* The loader's (or driver's) entry point; NULL before renderer_open_driver. Any thread. */
PFN_vkGetInstanceProcAddr driver_get_entry(void);

/* The name by which the library was opened; NULL before, and for an entry that was put in its
 * place. Static storage, or the environment's. Any thread. */
const char *driver_get_library(void);

/* True where the library opened is a driver itself, which no manifest leads to. Any thread. */
bool driver_is_direct(void);

/* Puts `entry` in the place of the system's library: tests and fuzzers run on a null driver.
 * Before any context exists. */
void driver_set_entry(PFN_vkGetInstanceProcAddr entry);

#endif
