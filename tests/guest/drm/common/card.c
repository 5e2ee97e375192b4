#include "card.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <drm/virtgpu_drm.h>

static bool is_virtio(int fd) {
    drmVersionPtr version = drmGetVersion(fd);
    bool is = version && strcmp(version->name, "virtio_gpu") == 0;
    drmFreeVersion(version);
    return is;
}

static int open_first_virtio(void) {
    for (int i = 0; i < 16; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/dev/dri/card%d", i);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd >= 0 && is_virtio(fd)) {
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    guest_skip("no card of the driver virtio_gpu in /dev/dri");
}

/* Encoders of virtio-gpu have one CRTC each. */
static uint32_t pipe_of(int fd, const drmModeConnector *connector) {
    GUEST_CHECK(connector->count_encoders == 1, "connector %u has %d encoders",
                connector->connector_id, connector->count_encoders);
    drmModeEncoder *encoder = drmModeGetEncoder(fd, connector->encoders[0]);
    GUEST_CHECK(encoder && encoder->possible_crtcs, "no CRTC for connector %u",
                connector->connector_id);
    uint32_t pipe = 0;
    while (!(encoder->possible_crtcs & 1u << pipe)) {
        pipe++;
    }
    drmModeFreeEncoder(encoder);
    return pipe;
}

static uint64_t plane_type(int fd, uint32_t plane) {
    drmModeObjectProperties *list = drmModeObjectGetProperties(fd, plane, DRM_MODE_OBJECT_PLANE);
    GUEST_CHECK(list, "plane %u has no properties", plane);
    uint64_t type = UINT64_MAX;
    for (uint32_t i = 0; i < list->count_props; i++) {
        drmModePropertyRes *property = drmModeGetProperty(fd, list->props[i]);
        if (property && strcmp(property->name, "type") == 0) {
            type = list->prop_values[i];
        }
        drmModeFreeProperty(property);
    }
    drmModeFreeObjectProperties(list);
    return type;
}

static void find_planes(struct card *card) {
    drmModePlaneRes *planes = drmModeGetPlaneResources(card->fd);
    GUEST_CHECK(planes, "the card lists no planes: %s", strerror(errno));
    for (uint32_t i = 0; i < planes->count_planes; i++) {
        drmModePlane *plane = drmModeGetPlane(card->fd, planes->planes[i]);
        GUEST_CHECK(plane, "plane %u: %s", planes->planes[i], strerror(errno));
        const uint64_t type = plane_type(card->fd, plane->plane_id);
        for (uint32_t j = 0; j < card->output_count; j++) {
            struct card_output *output = &card->outputs[j];
            if (!(plane->possible_crtcs & 1u << output->pipe)) {
                continue;
            }
            if (type == DRM_PLANE_TYPE_PRIMARY) {
                output->primary = plane->plane_id;
            } else if (type == DRM_PLANE_TYPE_CURSOR) {
                output->cursor = plane->plane_id;
            }
        }
        drmModeFreePlane(plane);
    }
    drmModeFreePlaneResources(planes);
}

static void find_outputs(struct card *card) {
    drmModeRes *resources = drmModeGetResources(card->fd);
    GUEST_CHECK(resources, "the card has no display: %s", strerror(errno));
    for (int i = 0; i < resources->count_connectors && i < CARD_OUTPUTS_MAX; i++) {
        struct card_output *output = &card->outputs[card->output_count++];
        drmModeConnector *connector =
            drmModeGetConnectorCurrent(card->fd, resources->connectors[i]);
        GUEST_CHECK(connector, "connector %u: %s", resources->connectors[i], strerror(errno));
        output->scanout = (uint32_t)i;
        output->connector = connector->connector_id;
        output->pipe = pipe_of(card->fd, connector);
        GUEST_CHECK(output->pipe < (uint32_t)resources->count_crtcs, "no CRTC %u", output->pipe);
        output->crtc = resources->crtcs[output->pipe];
        drmModeFreeConnector(connector);
        card_probe(card, output);
    }
    drmModeFreeResources(resources);
}

void card_open_unseen(struct card *card, const struct guest *g) {
    memset(card, 0, sizeof(*card));
    const char *path = guest_option(g, "--card", NULL);
    card->fd = path ? open(path, O_RDWR | O_CLOEXEC) : open_first_virtio();
    GUEST_CHECK(card->fd >= 0, "cannot open %s: %s", path, strerror(errno));
}

void card_open(struct card *card, const struct guest *g) {
    card_open_unseen(card, g);
    GUEST_CHECK(drmIsMaster(card->fd), "another program has the display");
    GUEST_CHECK(drmSetClientCap(card->fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1) == 0,
                "no universal planes: %s", strerror(errno));
    /* Without it the kernel hides cursor planes, which need it on virtual cards, from atomic
     * commits; kernels before 6.6 do not know it. */
    if (drmSetClientCap(card->fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0) {
        drmSetClientCap(card->fd, DRM_CLIENT_CAP_CURSOR_PLANE_HOTSPOT, 1);
    }
    find_outputs(card);
    find_planes(card);
}

void card_close(struct card *card) {
    GUEST_CHECK(close(card->fd) == 0, "close: %s", strerror(errno));
    card->fd = -1;
}

int card_open_render_node(const struct card *card) {
    char *path = drmGetRenderDeviceNameFromFd(card->fd);
    GUEST_CHECK(path, "the card has no render node");
    int fd = open(path, O_RDWR | O_CLOEXEC);
    GUEST_CHECK(fd >= 0, "cannot open %s: %s", path, strerror(errno));
    drmFree(path);
    return fd;
}

void card_probe(struct card *card, struct card_output *output) {
    drmModeConnector *connector = drmModeGetConnector(card->fd, output->connector);
    GUEST_CHECK(connector, "connector %u: %s", output->connector, strerror(errno));
    output->connected = connector->connection == DRM_MODE_CONNECTED;
    output->mode_count = 0;
    for (int i = 0; i < connector->count_modes && output->mode_count < CARD_MODES_MAX; i++) {
        drmModeModeInfo *to = &output->modes[output->mode_count++];
        *to = connector->modes[i];
        if (to->type & DRM_MODE_TYPE_PREFERRED) {
            const drmModeModeInfo first = output->modes[0];
            output->modes[0] = *to;
            *to = first;
        }
    }
    drmModeFreeConnector(connector);
}

struct card_output *card_pick_output(struct card *card, const struct guest *g) {
    const uint32_t scanout = guest_option_number(g, "--scanout", 0, CARD_OUTPUTS_MAX - 1);
    if (scanout >= card->output_count || !card->outputs[scanout].connected) {
        guest_skip("scanout %u is not connected", scanout);
    }
    GUEST_CHECK(card->outputs[scanout].mode_count > 0, "scanout %u has no modes", scanout);
    return &card->outputs[scanout];
}

/* Timings that nobody obeys: virtual displays have none. */
static drmModeModeInfo made_up(uint32_t width, uint32_t height) {
    drmModeModeInfo mode = {
        .hdisplay = (uint16_t)width,
        .hsync_start = (uint16_t)(width + 16),
        .hsync_end = (uint16_t)(width + 48),
        .htotal = (uint16_t)(width + 160),
        .vdisplay = (uint16_t)height,
        .vsync_start = (uint16_t)(height + 3),
        .vsync_end = (uint16_t)(height + 9),
        .vtotal = (uint16_t)(height + 30),
        .vrefresh = 60,
        .type = DRM_MODE_TYPE_USERDEF,
    };
    mode.clock = (uint32_t)mode.htotal * mode.vtotal * mode.vrefresh / 1000;
    snprintf(mode.name, sizeof(mode.name), "%ux%u", width & 0xffff, height & 0xffff);
    return mode;
}

drmModeModeInfo card_mode(const struct card_output *output, uint32_t width, uint32_t height) {
    for (uint32_t i = 0; i < output->mode_count; i++) {
        if (output->modes[i].hdisplay == width && output->modes[i].vdisplay == height) {
            return output->modes[i];
        }
    }
    return made_up(width, height);
}

bool card_other_mode(const struct card_output *output, const drmModeModeInfo *mode,
                     uint32_t most_width, uint32_t most_height, drmModeModeInfo *out) {
    for (uint32_t i = 0; i < output->mode_count; i++) {
        const drmModeModeInfo *other = &output->modes[i];
        if ((other->hdisplay != mode->hdisplay || other->vdisplay != mode->vdisplay) &&
            other->hdisplay <= most_width && other->vdisplay <= most_height) {
            *out = *other;
            return true;
        }
    }
    return false;
}

void card_set_crtc(const struct card *card, const struct card_output *output,
                   const drmModeModeInfo *mode, uint32_t fb, uint32_t x, uint32_t y) {
    uint32_t connector = output->connector;
    drmModeModeInfo copy = *mode;
    int error = drmModeSetCrtc(card->fd, output->crtc, fb, x, y, &connector, 1, &copy);
    GUEST_CHECK(error == 0, "drmModeSetCrtc %s on scanout %u: %s", mode->name, output->scanout,
                strerror(-error));
}

void card_disable(const struct card *card, const struct card_output *output) {
    int error = drmModeSetCrtc(card->fd, output->crtc, 0, 0, 0, NULL, 0, NULL);
    GUEST_CHECK(error == 0, "drmModeSetCrtc off on scanout %u: %s", output->scanout,
                strerror(-error));
}

uint64_t card_parameter(const struct card *card, uint64_t parameter) {
    /* The kernel writes an int. */
    int value = 0;
    struct drm_virtgpu_getparam get = {.param = parameter, .value = (uint64_t)(uintptr_t)&value};
    return drmIoctl(card->fd, DRM_IOCTL_VIRTGPU_GETPARAM, &get) == 0 ? (uint64_t)value : 0;
}
