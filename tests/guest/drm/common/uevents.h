/*
 * The kernel's messages about its devices, of which hotplug is one: no udev runs in the guest.
 * Kernel: Documentation/ABI and lib/kobject_uevent.c's netlink group 1.  Main thread.
 */
#ifndef VESPER_GUEST_DRM_UEVENTS_H
#define VESPER_GUEST_DRM_UEVENTS_H

#include "card.h"

/* A socket that collects messages from now on; ends the process on failure. */
int uevents_open(void);

/* Waits until the card says HOTPLUG=1; false after `seconds` without it.  Earlier messages in the
 * socket count. */
bool uevents_wait_hotplug(int uevents, double seconds);

#endif
