/* SDL, started for windows. Main thread. */
#ifndef VESPER_DISPLAY_TOOLKIT_H
#define VESPER_DISPLAY_TOOLKIT_H

/* NULL, or why there are no windows, valid until the next call. Ended by
 * sdl.QuitSubSystem(SDL_INIT_VIDEO), as often as it was started. */
const char *toolkit_start(void);

#endif
