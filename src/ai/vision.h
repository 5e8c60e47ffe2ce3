/*
 * Vision engines: what is to be seen in pictures. One file makes one const descriptor, and
 * vision.c lists it.
 */
#ifndef KN_AI_VISION_H
#define KN_AI_VISION_H

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>

#include "ai/service.h"
#include "model/sight.h"

/* A picture as JPEG. */
struct kn_frame {
    int64_t at_us;
    const void *jpeg;
    size_t size;
    int width_px, height_px;
};

struct kn_vision_settings {
    struct kn_service *service;
    const char *model;
    const char *detail; /* "low", "high" or "auto" */
};

struct kn_vision_batch {
    const struct kn_frame *frames; /* 1..frames_max, in order of time */
    int count;
    const char *language;     /* that answers are wanted in, BCP 47; NULL: English */
    struct kn_budget *budget; /* NULL: nobody counts */
};

struct kn_vision_desc {
    const char *name;    /* configuration value */
    const char *summary; /* one line of help */
    int frames_max;      /* of one batch */
    /*
     * Any number of threads at once. *ret_sights has one entry a frame that the answer speaks of,
     * in order of time, in `arena`. An answer that is invalid or cut off is repaired once (asked
     * again, with what was wrong); DAMAGED when that is no better.
     */
    enum kn_status (*run)(const struct kn_vision_settings *settings,
                          const struct kn_vision_batch *batch, struct kn_cancel *cancel,
                          struct kn_arena *arena, const struct kn_sight **ret_sights,
                          int *ret_count, struct kn_error *err);
};

extern const struct kn_vision_desc kn_vision_openai; /* "openai-vision" */

const struct kn_vision_desc *const *kn_vision_engines(void); /* NULL ends the list */
const struct kn_vision_desc *kn_vision_find(const char *name);

#endif
