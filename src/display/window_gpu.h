/* Windows' surfaces for the swapchain presenter. Main thread. */
#ifndef VESPER_DISPLAY_WINDOW_GPU_H
#define VESPER_DISPLAY_WINDOW_GPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "display/sdl.h"
#include "display/swapchain/screens.h"
#include "display/window.h"

/* Opens the host's Vulkan for windows, as the options' `present` wants it. `screens` has its sink,
 * its listeners and its user; the rest is set here. 0, or a negative errno and a sentence in
 * `reason`: -ENODEV where the processor should draw. */
int window_gpu_open(const struct window_options *options, struct screens_options *screens,
                    struct screens **out, char *reason, size_t reason_size);

/* Gives the window's surface to the scanout. False, with a message, where there can be none. */
bool window_gpu_attach(struct screens *screens, uint32_t scanout, SDL_Window *window);

/* Tells the screen of the window what light is like where it is now. */
void window_gpu_follow_light(struct screens *screens, uint32_t scanout, SDL_Window *window);

#endif
