#include "script.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void script_init(struct script *script, const struct guest *g) {
    *script = (struct script){
        .program = g->name,
        .folder = guest_option(g, "--host", NULL),
        .pause = guest_option_number(g, "--pause", 0, 3600),
        .step = 1,
    };
}

static void name_file(const struct script *script, const char *name, char *path, size_t size) {
    int length = snprintf(path, size, "%s/%s", script->folder, name);
    GUEST_CHECK(length > 0 && (size_t)length < size, "--host: too long");
}

static void write_picture(const struct script *script, const char *name,
                          const struct picture *picture) {
    char path[512];
    name_file(script, name, path, sizeof(path));
    FILE *file = fopen(path, "wb");
    GUEST_CHECK(file, "cannot create %s", path);
    const size_t count = (size_t)picture->width * picture->height;
    GUEST_CHECK(fwrite(picture->pixels, sizeof(uint32_t), count, file) == count, "cannot write %s",
                path);
    GUEST_CHECK(fclose(file) == 0, "cannot write %s", path);
}

void script_show(struct script *script, uint32_t scanout, const struct picture *picture,
                 uint32_t tolerance) {
    char name[128];
    snprintf(name, sizeof(name), "%s-%u-%u.raw", script->program, script->step, scanout);
    if (script->folder) {
        write_picture(script, name, picture);
    }
    guest_say("SHOW %u scanout=%u size=%ux%u tolerance=%u picture=%s", script->step, scanout,
              picture->width, picture->height, tolerance, name);
}

void script_dark(struct script *script, uint32_t scanout) {
    guest_say("DARK %u scanout=%u", script->step, scanout);
}

void script_ask(struct script *script, const char *format, ...) {
    char request[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(request, sizeof(request), format, arguments);
    va_end(arguments);
    guest_say("ASK %u %s", script->step, request);
}

static void pause_for(uint32_t milliseconds) {
    const struct timespec pause = {milliseconds / 1000, (milliseconds % 1000) * 1000000L};
    nanosleep(&pause, NULL);
}

/* Nothing tells a guest that its host has made a file: it has to look. */
static void wait_for_file(const struct script *script, uint32_t step) {
    char name[32], path[512];
    snprintf(name, sizeof(name), "done-%u", step);
    name_file(script, name, path, sizeof(path));
    while (access(path, F_OK) != 0) {
        GUEST_CHECK(errno == ENOENT, "%s: %s", path, strerror(errno));
        pause_for(10);
    }
}

static void wait_for_line(void) {
    int byte;
    do {
        byte = getchar();
        GUEST_CHECK(byte != EOF, "no line on the standard input");
    } while (byte != '\n');
}

void script_wait(struct script *script) {
    const uint32_t step = script->step++;
    guest_say("WAIT %u", step);
    if (script->folder) {
        wait_for_file(script, step);
    } else if (script->pause) {
        pause_for(script->pause * 1000);
    } else {
        wait_for_line();
    }
}

void script_check(struct script *script, uint32_t scanout, const struct picture *picture) {
    script_show(script, scanout, picture, 0);
    script_wait(script);
}
