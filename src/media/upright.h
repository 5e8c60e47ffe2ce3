/*
 * Full-size pictures fit for output: upright, progressive, SDR BT.709, 8-bit 4:2:0 limited range.
 *
 * A frame that is all of that already passes by reference and costs nothing. Anything else goes
 * through one filter graph that holds only what this frame needs: deinterlacing (bwdif), tone
 * mapping or matrix and range conversion (zimg), a change of size, a turn. The graph is rebuilt
 * when the stream changes on the way. One thread at a time.
 */
#ifndef KN_MEDIA_UPRIGHT_H
#define KN_MEDIA_UPRIGHT_H

#include <kirinuki/status.h>

#include "base/memory.h"
#include "model/source.h"

struct AVFrame;
struct kn_upright;

/* `width_px` x `height_px` is the upright size wanted; 0 x 0: as the source is coded, turned. */
struct kn_upright *kn_upright_new(const struct kn_source *source, int width_px, int height_px,
                                  int threads);
/* Takes the frame's content; its pts and duration are media time in microseconds. NULL: that was
 * the last one; the next frame after it starts anew. */
enum kn_status kn_upright_put(struct kn_upright *upright, struct AVFrame *frame,
                              struct kn_error *err);
/* The next finished frame, moved to the blank frame *ret_frame. KN_END: put another one first. */
enum kn_status kn_upright_get(struct kn_upright *upright, struct AVFrame *ret_frame);
void kn_upright_reset(struct kn_upright *upright); /* forgets what is under way: for seeks */
void kn_upright_free(struct kn_upright *upright);  /* NULL is fine */
KN_SCOPED_DEFINE(kn_upright, kn_upright_free)

#endif
