/*
 * Reading the sound of a source as float samples at a wanted rate and channel count.
 *
 * The samples are continuous: sample n of channel c is at start + n / rate exactly. Gaps in the
 * source and damaged packets become silence (and are counted), overlaps are dropped, so that sound
 * and picture can't drift apart.
 */
#ifndef KN_MEDIA_AUDIO_READER_H
#define KN_MEDIA_AUDIO_READER_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/memory.h"
#include "model/source.h"

struct kn_audio_reader;

struct kn_audio_format {
    int rate_hz;  /* 16000 for speech, 48000 for clips */
    int channels; /* 1: downmix to mono; 2: stereo (5.1 is mixed down by ITU weights) */
};

/* Reads [start_us, end_us) of media time; end_us -1: to the end. One thread at a time. */
enum kn_status kn_audio_reader_open(const struct kn_source *source,
                                    const struct kn_audio_format *format, int64_t start_us,
                                    int64_t end_us, struct kn_audio_reader **ret_reader,
                                    struct kn_error *err);
/* Up to `max` frames of interleaved samples, -1..1 nominal. KN_END: no more. */
enum kn_status kn_audio_reader_read(struct kn_audio_reader *reader, float *samples, int max,
                                    int *ret_count, struct kn_error *err);
/* What was replaced by silence so far, in microseconds of media time. */
int64_t kn_audio_reader_damaged_us(const struct kn_audio_reader *reader);
void kn_audio_reader_close(struct kn_audio_reader *reader); /* NULL is fine */
KN_SCOPED_DEFINE(kn_audio_reader, kn_audio_reader_close)

#endif
