#include "script.h"

#include <stdarg.h>
#include <time.h>

void script_init(struct script *script, const struct guest *g) {
    *script = (struct script){
        .program = g->name,
        .folder = guest_option(g, "--pictures", NULL),
        .pause = guest_option_number(g, "--pause", 0, 3600),
        .step = 1,
    };
}

static void write_picture(const struct script *script, const char *name,
                          const struct picture *picture) {
    char path[512];
    int length = snprintf(path, sizeof(path), "%s/%s", script->folder, name);
    GUEST_CHECK(length > 0 && (size_t)length < sizeof(path), "--pictures: too long");
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

void script_wait(struct script *script) {
    guest_say("WAIT %u", script->step++);
    if (script->pause) {
        const struct timespec pause = {.tv_sec = script->pause};
        nanosleep(&pause, NULL);
        return;
    }
    int byte;
    do {
        byte = getchar();
        GUEST_CHECK(byte != EOF, "no line on the standard input: the host has gone");
    } while (byte != '\n');
}

void script_check(struct script *script, uint32_t scanout, const struct picture *picture) {
    script_show(script, scanout, picture, 0);
    script_wait(script);
}
