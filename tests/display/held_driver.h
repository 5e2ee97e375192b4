/* The host's driver, kept in the process until its end: its descriptors and threads are then the same
 * before and after a test, and what it leaks has its name, by which that is told from ours. */
#ifndef VESPER_TESTS_DISPLAY_HELD_DRIVER_H
#define VESPER_TESTS_DISPLAY_HELD_DRIVER_H

/* Once, before anything else of Vulkan. Without a driver nothing is held. */
void hold_driver(void);

#endif
