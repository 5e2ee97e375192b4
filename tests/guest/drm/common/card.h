/*
 * The kernel's display device: finding it, its outputs, modes, and showing framebuffers.
 * Every function ends the process when the kernel reports an error.  Main thread.
 */
#ifndef VESPER_GUEST_DRM_CARD_H
#define VESPER_GUEST_DRM_CARD_H

#include "../../common/guest.h"

#include <xf86drm.h>
#include <xf86drmMode.h>

enum { CARD_OUTPUTS_MAX = 16, CARD_MODES_MAX = 64 };

/* One connector with the CRTC and planes that belong to it. */
struct card_output {
    uint32_t scanout; /* its number at the host: virtio-gpu's connectors come in that order */
    uint32_t connector, crtc, primary, cursor; /* ids; cursor 0: none */
    uint32_t pipe;                             /* the CRTC's index */
    bool connected;
    uint32_t mode_count; /* the preferred mode is the first */
    drmModeModeInfo modes[CARD_MODES_MAX];
};

struct card {
    int fd;
    uint32_t output_count;
    struct card_output outputs[CARD_OUTPUTS_MAX];
};

/*
 * Opens `--card PATH`, or the first card of the driver virtio_gpu, and becomes its master.
 * Ends the process with status 77 if there is none.
 */
void card_open(struct card *card, const struct guest *g);

/* The same without becoming master or looking at outputs: for what is not about the display. */
void card_open_unseen(struct card *card, const struct guest *g);

void card_close(struct card *card);

/* Opens the render node of the same device; the descriptor belongs to the caller. */
int card_open_render_node(const struct card *card);

/* Reads state and modes of an output again; the kernel asks the device. */
void card_probe(struct card *card, struct card_output *output);

/* The output `--scanout N` (0 without it); ends the process with status 77 if it is not connected. */
struct card_output *card_pick_output(struct card *card, const struct guest *g);

/* A mode of this size from the output's list, or one made up. */
drmModeModeInfo card_mode(const struct card_output *output, uint32_t width, uint32_t height);

/* Another mode from the list, of another size and at most as large as most_width × most_height;
 * false if there is none. */
bool card_other_mode(const struct card_output *output, const drmModeModeInfo *mode,
                     uint32_t most_width, uint32_t most_height, drmModeModeInfo *out);

/* drmModeSetCrtc with the framebuffer `fb` (its id), from x, y on. */
void card_set_crtc(const struct card *card, const struct card_output *output,
                   const drmModeModeInfo *mode, uint32_t fb, uint32_t x, uint32_t y);
void card_disable(const struct card *card, const struct card_output *output);

/* The value of a virtio-gpu parameter (VIRTGPU_PARAM_…); 0 if the kernel does not know it. */
uint64_t card_parameter(const struct card *card, uint64_t parameter);

#endif
