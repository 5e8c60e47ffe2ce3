/*
 * Composing: from an upright picture of the source to a frame of a clip. Crops with fractions of a
 * pixel, scales (bicubic; antialiased when smaller), lays out one or two panes.
 *
 * FILL: the pane covers the frame. SPLIT: two panes, one above the other. FIT: the pane as large as
 * it fits, over a blurred and darkened copy of itself. A pane whose shape differs from its place
 * is stretched (FILL, SPLIT), so framings give the right shape.
 */
#ifndef KN_MEDIA_COMPOSE_H
#define KN_MEDIA_COMPOSE_H

#include <kirinuki/status.h>

#include "base/memory.h"
#include "media/picture.h"
#include "model/clip.h"
#include "model/source.h"

struct kn_composer; /* one thread at a time */

/* Frames of width x height (even). `source` tells what a rectangle's units are: square pixels of
 * the upright picture. */
struct kn_composer *kn_composer_new(const struct kn_source *source, int width_px, int height_px);
void kn_composer_free(struct kn_composer *composer); /* NULL is fine; its frames live on */
KN_SCOPED_DEFINE(kn_composer, kn_composer_free)

/* Makes a frame of its own, writable, from a YUV420P picture. `key` is what
 * kn_framing_at gives; its rectangles are cut to the picture. */
enum kn_status kn_composer_run(struct kn_composer *composer, const struct kn_picture *picture,
                               const struct kn_frame_key *key, struct kn_picture *ret_frame,
                               struct kn_error *err);

/* An unwritten frame of the composer's size, from its pool. */
void kn_composer_blank(struct kn_composer *composer, struct kn_picture *ret_frame);

#endif
