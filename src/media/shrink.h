/*
 * Small pictures of a decoded frame: upright, with square pixels, grey or RGB. For looking, never
 * for output: scaled by area averages, colours only roughly right, HDR (PQ) brought to the
 * brightness of SDR by a table. About 0.25 ms for the luma of a 1080p frame.
 */
#ifndef KN_MEDIA_SHRINK_H
#define KN_MEDIA_SHRINK_H

#include <kirinuki/status.h>

#include "base/memory.h"
#include "media/video_reader.h"

struct AVFrame;
struct kn_shrinker;

struct kn_shrinker *kn_shrinker_new(const struct kn_source *source);
/* A new frame (GRAY8 or RGB24) with what `view` asks for; borrows `frame`. */
enum kn_status kn_shrinker_run(struct kn_shrinker *shrinker, const struct AVFrame *frame,
                               const struct kn_view *view, struct AVFrame **ret_frame,
                               struct kn_error *err);
void kn_shrinker_free(struct kn_shrinker *shrinker); /* NULL is fine */
KN_SCOPED_DEFINE(kn_shrinker, kn_shrinker_free)

#endif
