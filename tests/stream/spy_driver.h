/* The null driver, watched: counts calls and live objects, fails on demand, holds waits, lets a test
 * do commands itself. Any thread. Command names are those of Vulkan, with "vk"; a name that is not
 * watched ends the process, except for replacements. */
#ifndef VESPER_TESTS_STREAM_SPY_DRIVER_H
#define VESPER_TESTS_STREAM_SPY_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <vulkan/vulkan.h>

VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL spy_driver_entry(VkInstance instance, const char *name);

/* Ends all failures, holds and replacements; counts of calls start again at 0. */
void spy_reset(void);

/* The next `count` calls of `command` fail with `result`. */
void spy_fail(const char *command, uint32_t count, VkResult result);
/* Calls of vkCreate…Pipelines fail for the elements whose bit is set. */
void spy_fail_pipelines(uint32_t mask);

/* While vkWaitForFences is held fences are not signalled: it waits for its whole timeout. While
 * vkDeviceWaitIdle or a creation is held, calls do not return. */
void spy_hold(const char *command, bool hold);
/* Waits until `count` calls of `command` have begun since the last reset. */
void spy_wait_calls(const char *command, uint64_t count);

/* Puts `function` in the place of any command for devices and instances that are made from now on
 * until the next reset. `command` must stay. */
void spy_replace(const char *command, PFN_vkVoidFunction function);
/* The function that is there without replacements; NULL where there is none. */
PFN_vkVoidFunction spy_original(const char *command);

uint64_t spy_calls(const char *command);
/* Handles of all watched types that have been made and not destroyed. */
int64_t spy_live_objects(void);

#endif
