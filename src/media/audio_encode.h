/*
 * Mono sound as a small file in memory, for services that take files. The same samples give the
 * same bytes, so that an answer can be kept under the hash of what was sent.
 */
#ifndef KN_MEDIA_AUDIO_ENCODE_H
#define KN_MEDIA_AUDIO_ENCODE_H

#include <stddef.h>

#include <kirinuki/status.h>

enum kn_audio_file {
    KN_AUDIO_FLAC, /* 16 bits, without loss: about half of WAV for speech */
    KN_AUDIO_WAV,  /* 16 bits; for what reads nothing else */
    KN_AUDIO_FILE_COUNT
};

const char *kn_audio_file_ending(enum kn_audio_file file); /* "flac" */
const char *kn_audio_file_type(enum kn_audio_file file);   /* "audio/flac" */

/* samples[count], -1..1 (more is clipped), `rate_hz` 8,000..48,000. *ret_data is owned by the
 * caller (free it). UNSUPPORTED: this FFmpeg has no such encoder, which never happens for WAV.
 * LIMIT: more than an hour. */
enum kn_status kn_audio_encode(const float *samples, int count, int rate_hz,
                               enum kn_audio_file file, void **ret_data, size_t *ret_size,
                               struct kn_error *err);

#endif
