/*
 * The ground under captions and titles: which layout a clip has at each moment, where a letterboxed
 * picture ends, and where faces are, all in clip time and pixels of the frame. Pure.
 */
#ifndef KN_CLIP_GROUND_H
#define KN_CLIP_GROUND_H

#include "clip/captions.h"
#include "clip/framing.h"

/* What framing makes of the faces of [start, end) and of the picture's shape. In `arena`. A framing
 * without keys gives an empty ground. */
void kn_ground_find(const struct kn_source *source, const struct kn_closeup *closeup,
                    const struct kn_framing *framing, int64_t start_us, int64_t end_us,
                    struct kn_arena *arena, struct kn_caption_ground *ret_ground);

/* The faces of a single moment (media time), as though they stayed, in a frame of that size: for a
 * picture that stands still. */
void kn_ground_at(const struct kn_source *source, const struct kn_closeup *closeup,
                  const struct kn_framing *framing, int64_t at_us, int width_px, int height_px,
                  struct kn_arena *arena, struct kn_caption_ground *ret_ground);

#endif
