/*
 * Pictures for sources that have none: the sound as moving bars on a quiet background.
 */
#ifndef KN_CLIP_WAVE_H
#define KN_CLIP_WAVE_H

#include "base/memory.h"
#include "media/loudness.h"
#include "media/picture.h"

struct kn_wave;

/* Copies what it needs of `sound`. */
struct kn_wave *kn_wave_new(const struct kn_sound_buffer *sound, int width_px, int height_px);
/* Draws the moment `at_us` of the sound on a writable YUV420P frame of that size. */
void kn_wave_draw(const struct kn_wave *wave, int64_t at_us, struct kn_picture *frame);
void kn_wave_free(struct kn_wave *wave); /* NULL is fine */
KN_SCOPED_DEFINE(kn_wave, kn_wave_free)

#endif
