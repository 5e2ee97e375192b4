/* What `vesper serve` and `vesper run` have in common: a presenter, the vhost-user server on a
 * thread of its own, and the control socket. Main thread. */
#ifndef VESPER_CLI_SESSION_H
#define VESPER_CLI_SESSION_H

#include "cli/isolation.h"
#include "cli/options.h"
#include "frontend/vhost_user/vhost_user.h"
#include "util/log.h"

struct session_options {
    struct vhost_user_options server;
    const char *display;  /* as cli_display_open takes it */
    const char *control;  /* path of the control socket; NULL: where vesper ctl finds it */
    const char *input;    /* as cli_input_choose takes it; NULL: `inputs` has been chosen */
    uint32_t inputs;      /* by session_choose_inputs */
    const char *name;     /* the session's, for vesper ctl; NULL: the process's number */
    struct cli_size size; /* first mode of every scanout */
    struct cli_isolation isolation;
    uint32_t scanouts;    /* 1 … PRESENTER_SCANOUTS_MAX */
    enum log_level log_level;
    /* The person closed the last window; on the main thread. NULL: the session then ends. */
    void (*closed)(void *user);
    void *closed_user;
};

/* The defaults. */
void session_options_init(struct session_options *options);

/* Rows for the option table of a command, that fill `options`: SESSION_OPTION_ROWS(o). */
#define SESSION_OPTION_ROWS(o)                                                                     \
    {"--display", CLI_TEXT, &(o).display, "KIND",                                                  \
     "auto: window where there is a screen, else capture;\n"                                       \
     "window[,full-screen[,monitor=N]][,scale=fit|integer|none]\n"                                 \
     "[,keep-mode][,present=auto|software|fifo|mailbox|immediate]\n"                               \
     "[,hdr: displays of high dynamic range]\n"                                                    \
     "[,rotate=0|90|180|270: pictures turned clockwise in their windows]\n"                        \
     "[,status: frames a second, on standard error while they come];\n"                            \
     "capture[=FOLDER][,every=N][,raw=PATH][,hdr]: pictures on request, of\n"                      \
     "every Nth flush into FOLDER, frames to PATH; none"},                                         \
        {"--input", CLI_TEXT, &(o).input, "KINDS",                                                 \
         "keyboard,tablet,mouse,touch: devices for the guest, each at a socket\n"                  \
         "beside the GPU's, such as SOCKET.keyboard; none; or auto: with windows\n"                \
         "all (touch where a screen feels fingers), else none"},                                   \
        {"--control", CLI_TEXT, &(o).control, "PATH",                                              \
         "socket for requests (where vesper ctl finds it)"},                                       \
        {"--name", CLI_TEXT, &(o).name, "NAME",                                                    \
         "what vesper ctl calls this session (the process's number)"},                             \
        {"--outputs", CLI_U32, &(o).scanouts, "N", "displays that can be connected (1)"},          \
        {"--size", CLI_SIZE, &(o).size, "WxH", "first mode of each display (1280x800)"},           \
        {"--refresh", CLI_U32, &(o).server.device.refresh_hz, "HZ",                                \
         "rate of the displays' preferred modes, 24 to 500 (the screen's, or 60)"},                \
        {"--dpi", CLI_U32, &(o).server.device.dpi, "N",                                            \
         "pixels per inch of the displays, for their size in millimetres (the screen's, or 96)"},  \
        {"--host-visible", CLI_BYTES_U64, &(o).server.device.host_visible_bytes, "BYTES",          \
         "address space for memory that the guest maps (4G)"},                                     \
        {"--blob-alignment", CLI_BYTES_U32, &(o).server.device.blob_alignment, "BYTES",            \
         "what the hypervisor maps is a multiple of (the host's page size;\n"                      \
         "4K suits emulated machines, and guests before Linux 7.2 and Mesa 26.2)"},                \
        CLI_ISOLATION_ROWS((o).isolation),                                                         \
        {"--log-level", CLI_LOG_LEVEL, &(o).log_level, "LEVEL",                                    \
         "error, warning, info (the default) or debug"},                                           \
        {"--max-contexts", CLI_U32, &(o).server.device.limits.contexts, "N",                       \
         "contexts of the guest at once (256)"},                                                   \
        {"--max-resources", CLI_U32, &(o).server.device.limits.resources, "N",                     \
         "resources of the guest at once (65536)"},                                                \
        {"--max-mappings", CLI_U32, &(o).server.device.limits.mappings, "N",                       \
         "memories mapped by the guest at once (4096)"},                                           \
        {"--max-parked", CLI_U32, &(o).server.device.limits.parked, "N",                           \
         "requests of the guest not answered yet (65536)"},                                        \
        {"--max-backing-pieces", CLI_U32, &(o).server.device.limits.backing_pieces, "N",           \
         "pieces of guest memory behind one resource (1048576)"},                                  \
        {"--max-pixel-bytes", CLI_BYTES_U64, &(o).server.device.limits.pixel_bytes, "BYTES",       \
         "pictures of the guest kept here (1G)"},                                                  \
        {"--max-objects", CLI_U64, &(o).server.device.context_limits.objects, "N",                 \
         "Vulkan objects of one context (1048576)"},                                               \
        {"--max-command-bytes", CLI_BYTES_U64, &(o).server.device.context_limits.command_bytes,    \
         "BYTES", "memory for decoding one command (256M)"},                                       \
        {"--max-queued-bytes", CLI_BYTES_U64, &(o).server.device.context_limits.queued_bytes,      \
         "BYTES", "commands of one context not yet executed (64M)"},                               \
        {"--max-rings", CLI_U32, &(o).server.device.context_limits.rings, "N",                     \
         "rings of one context (64)"},                                                             \
        {"--max-memory-bytes", CLI_BYTES_U64, &(o).server.device.context_limits.memory_bytes,      \
         "BYTES", "host-visible memory of one context (unlimited)"}

struct session;

/* Decides which input devices there are, once: a later call changes nothing. CLI_OK, or a sentence
 * on standard error and CLI_USAGE. */
int session_choose_inputs(struct session_options *options);
/* Opens the host's driver, listens, and serves until session_stop. NULL after a sentence on
 * standard error; *out_result is then CLI_FAILED or CLI_USAGE. */
struct session *session_start(struct session_options *options, int *out_result);
/* Any thread; async-signal-safe. */
void session_stop(struct session *session);
/* Waits until the server has ended, and shows its windows until then; CLI_OK or CLI_FAILED. */
int session_wait(struct session *session);
/* Ends the server where it still runs and frees everything. NULL is ignored. */
void session_destroy(struct session *session);

#endif
