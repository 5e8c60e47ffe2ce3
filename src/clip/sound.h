/*
 * The sound of one clip: read, exactly as long as the pictures, levelled, faded at the edges.
 */
#ifndef KN_CLIP_SOUND_H
#define KN_CLIP_SOUND_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "media/loudness.h"
#include "model/source.h"

struct kn_clip_sound_options {
    int64_t start_us;
    int64_t samples; /* sample frames wanted, at 48 kHz */
    double loudness_lufs;
    double true_peak_dbtp; /* of the file: what AAC needs is left below it */
};

struct kn_clip_sound {
    struct kn_sound_buffer buffer; /* stereo, 48 kHz; owned, see kn_clip_sound_free */
    struct kn_level_report level;  /* before AAC */
};

/* Silence where the source has no (more) sound. LIMIT: not enough memory. */
enum kn_status kn_clip_sound_make(const struct kn_source *source,
                                  const struct kn_clip_sound_options *options,
                                  struct kn_cancel *cancel, struct kn_clip_sound *ret_sound,
                                  struct kn_error *err);
void kn_clip_sound_free(struct kn_clip_sound *sound); /* all zero is fine */

#endif
