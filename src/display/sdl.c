#include "display/sdl.h"

#include <dlfcn.h>
#include <string.h>

#include "platform/platform.h"

struct sdl sdl;

static bool is_open;

/* dlsym gives a data pointer; ISO C has no cast from it to a function. */
static bool take_symbol(void *library, const char *name, void *out_function) {
    void *symbol = dlsym(library, name);
    memcpy(out_function, &symbol, sizeof(symbol));
    return symbol;
}

static const char *take_functions(void *library) {
#define TAKE(name)                                                                                 \
    if (!take_symbol(library, "SDL_" #name, &sdl.name)) {                                          \
        return "this SDL has no SDL_" #name;                                                       \
    }
    SDL_FUNCTIONS(TAKE)
#undef TAKE
    is_open = true;
    return NULL;
}

const char *sdl_open(void) {
    if (is_open) {
        return NULL;
    }
    void *library = NULL;
    for (const char *const *name = platform_sdl_libraries(); *name && !library; name++) {
        library = dlopen(*name, RTLD_NOW | RTLD_LOCAL);
    }
    return library ? take_functions(library) : dlerror();
}
