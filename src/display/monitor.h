/* The screens of the person at this computer. Main thread, SDL's video being initialized. */
#ifndef VESPER_DISPLAY_MONITOR_H
#define VESPER_DISPLAY_MONITOR_H

#include <stdint.h>

#include "display/sdl.h"

struct display_monitor {
    uint32_t dpi;        /* pixels per inch, as the system scales: 96 at 100 % */
    uint32_t refresh_hz; /* rounded; 0: the system does not say */
};

/* What the primary screen is like; zeros where the system does not say. */
struct display_monitor display_monitor_get(void);

/* Puts a window in full screen on monitor `number`, counted from 1 in the system's order; on the one
 * where it is, with a message, where there are not so many. */
void display_monitor_fill(SDL_Window *window, uint32_t number);

#endif
