/*
 * The conversation with the host that looks at the displays.  A program prints, one a line,
 *
 *   SHOW STEP scanout=N size=WxH tolerance=T picture=NAME   this is on scanout N now: NAME holds
 *                                                           W*H words XRGB8888, little-endian; no
 *                                                           channel may be off by more than T
 *   DARK STEP scanout=N                                     nothing is on scanout N now
 *   ASK STEP REQUEST                                        the host shall do this, for example
 *                                                           "display 1 off"
 *   WAIT STEP                                               go on when all of this step is done
 *
 * and waits.  `--host FOLDER` is one that both see: the pictures go there, and the host answers a
 * WAIT by making the file `done-STEP` in it.  Without it no pictures are written, and a line on the
 * standard input ends each step, or, with `--pause SECONDS`, that time.
 */
#ifndef VESPER_GUEST_DRM_SCRIPT_H
#define VESPER_GUEST_DRM_SCRIPT_H

#include "../../common/guest.h"

#include "picture.h"

struct script {
    const char *program; /* begins the names of the pictures */
    const char *folder;  /* shared with the host; NULL: none */
    uint32_t pause;      /* seconds; 0: wait for a line */
    uint32_t step;
};

/* Reads the options.  The strings of `g` must live as long as the script. */
void script_init(struct script *script, const struct guest *g);

/* Says what is on `scanout`.  `tolerance`: for what may be rounded, 0 for copies. */
void script_show(struct script *script, uint32_t scanout, const struct picture *picture,
                 uint32_t tolerance);
void script_dark(struct script *script, uint32_t scanout);
void script_ask(struct script *script, const char *format, ...);

/* Ends the step. */
void script_wait(struct script *script);

/* script_show() of a copy, and script_wait(). */
void script_check(struct script *script, uint32_t scanout, const struct picture *picture);

#endif
