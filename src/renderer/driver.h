/* The host's Vulkan library: opened once per process, before the first context. */
#ifndef VESPER_RENDERER_DRIVER_H
#define VESPER_RENDERER_DRIVER_H

#include <stddef.h>
#include <vulkan/vulkan.h>

/* The loader's (or driver's) entry point; NULL before renderer_open_driver. Any thread. */
PFN_vkGetInstanceProcAddr driver_get_entry(void);

/* Puts `entry` in the place of the system's library: tests and fuzzers run on a null driver.
 * Before any context exists. */
void driver_set_entry(PFN_vkGetInstanceProcAddr entry);

#endif
