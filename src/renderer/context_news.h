/* What a context's listener keeps of fence_retired and lost until another thread looks: news of
 * one kind replace each other, so that it has a fixed size and to leave something allocates
 * nothing. The caller guards it. */
#ifndef VESPER_RENDERER_CONTEXT_NEWS_H
#define VESPER_RENDERER_CONTEXT_NEWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "renderer/context.h"

struct context_news {
    uint64_t retired_rings;                   /* bit N: retired[N] is new */
    uint64_t retired[CONTEXT_RING_IDX_COUNT]; /* the last fence retired */
    bool lost;
    char lost_reason[256];
};

/* `ring_idx` < CONTEXT_RING_IDX_COUNT. */
static inline void context_news_retire(struct context_news *news, uint32_t ring_idx,
                                       uint64_t fence_id) {
    news->retired_rings |= UINT64_C(1) << ring_idx;
    news->retired[ring_idx] = fence_id;
}

static inline void context_news_lose(struct context_news *news, const char *reason) {
    news->lost = true;
    snprintf(news->lost_reason, sizeof(news->lost_reason), "%s", reason);
}

/* Empties `from` into `to`, of which only what is new is written: of `retired`, what
 * retired_rings names; lost_reason, where lost is set. */
static inline void context_news_move(struct context_news *to, struct context_news *from) {
    to->retired_rings = from->retired_rings;
    for (uint64_t rings = from->retired_rings; rings; rings &= rings - 1) {
        const int ring_idx = __builtin_ctzll(rings);
        to->retired[ring_idx] = from->retired[ring_idx];
    }
    to->lost = from->lost;
    if (from->lost) {
        memcpy(to->lost_reason, from->lost_reason, sizeof(to->lost_reason));
    }
    from->retired_rings = 0;
    from->lost = false;
}

#endif
