/* The software presenter, whose sink keeps what it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "backend.h"
#include "display/software.h"
#include "keeper.h"

static struct presenter *create(uint32_t scanout_count, void **out_state) {
    struct keeper *keeper = malloc(sizeof(*keeper));
    assert_non_null(keeper);
    keeper_init(keeper);
    struct presenter *presenter;
    assert_int_equal(software_presenter_create(scanout_count, keeper_keep, keeper, &presenter), 0);
    *out_state = keeper;
    return presenter;
}

static struct shown read_shown(struct presenter *presenter, void *state, uint32_t scanout) {
    return keeper_read(state, presenter, scanout);
}

static void resize(struct presenter *presenter, void *state, uint32_t scanout, uint32_t width,
                   uint32_t height) {
    (void)state;
    assert_int_equal(software_presenter_resize(presenter, scanout, width, height), 0);
}

static void destroy(struct presenter *presenter, void *state) {
    presenter->ops->destroy(presenter);
    keeper_finish(state);
    free(state);
}

const struct backend software_backend = {
    .name = "software",
    .create = create,
    .read = read_shown,
    .resize = resize,
    .destroy = destroy,
};
