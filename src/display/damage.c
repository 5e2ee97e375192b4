#include "display/damage.h"

static uint64_t right_of(const struct presenter_rect *rect) {
    return (uint64_t)rect->x + rect->width;
}

static uint64_t bottom_of(const struct presenter_rect *rect) {
    return (uint64_t)rect->y + rect->height;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static bool is_empty(const struct presenter_rect *rect) {
    return rect->width == 0 || rect->height == 0;
}

bool display_rect_clip(const struct presenter_rect *a, const struct presenter_rect *b,
                       struct presenter_rect *out) {
    const uint32_t x = larger(a->x, b->x);
    const uint32_t y = larger(a->y, b->y);
    const uint64_t right = smaller(right_of(a), right_of(b));
    const uint64_t bottom = smaller(bottom_of(a), bottom_of(b));
    if (right <= x || bottom <= y) {
        *out = (struct presenter_rect){0};
        return false;
    }
    *out = (struct presenter_rect){x, y, (uint32_t)(right - x), (uint32_t)(bottom - y)};
    return true;
}

static bool contains(const struct presenter_rect *outer, const struct presenter_rect *inner) {
    return outer->x <= inner->x && outer->y <= inner->y && right_of(outer) >= right_of(inner) &&
           bottom_of(outer) >= bottom_of(inner);
}

static struct presenter_rect around(const struct presenter_rect *a,
                                    const struct presenter_rect *b) {
    const uint32_t x = (uint32_t)smaller(a->x, b->x);
    const uint32_t y = (uint32_t)smaller(a->y, b->y);
    const uint32_t right = larger((uint32_t)right_of(a), (uint32_t)right_of(b));
    const uint32_t bottom = larger((uint32_t)bottom_of(a), (uint32_t)bottom_of(b));
    return (struct presenter_rect){x, y, right - x, bottom - y};
}

void display_damage_add(struct display_damage *damage, const struct presenter_rect *rect) {
    if (is_empty(rect)) {
        return;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < damage->count; i++) {
        if (contains(&damage->rects[i], rect)) {
            return; /* and then `rect` contains none, for the list has no nested ones */
        }
        if (!contains(rect, &damage->rects[i])) {
            damage->rects[kept++] = damage->rects[i];
        }
    }
    damage->count = kept;
    if (kept < DISPLAY_DAMAGE_RECTS) {
        damage->rects[damage->count++] = *rect;
        return;
    }
    const struct presenter_rect bounds = display_damage_bounds(damage);
    damage->rects[0] = around(&bounds, rect);
    damage->count = 1;
}

struct presenter_rect display_damage_bounds(const struct display_damage *damage) {
    struct presenter_rect bounds = {0};
    for (uint32_t i = 0; i < damage->count; i++) {
        bounds = i ? around(&bounds, &damage->rects[i]) : damage->rects[i];
    }
    return bounds;
}
