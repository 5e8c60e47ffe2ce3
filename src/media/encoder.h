/*
 * Writing one clip file: H.264 High (4:2:0, BT.709, constant frame rate) and AAC (48 kHz stereo) in
 * an MP4 whose index stands in front, so that players start before all of it has arrived.
 *
 * The file is written aside and takes its name in kn_encoder_finish; closing an encoder that was
 * not finished leaves nothing behind. One thread at a time uses an encoder.
 */
#ifndef KN_MEDIA_ENCODER_H
#define KN_MEDIA_ENCODER_H

#include <kirinuki/cancel.h>
#include <kirinuki/status.h>

#include "base/memory.h"
#include "media/picture.h"
#include "model/source.h"

enum { KN_ENCODER_SOUND_HZ = 48000, KN_ENCODER_SOUND_CHANNELS = 2 };
/* AAC rounds each band by itself, so its peaks are not those that it was given. At this rate
 * (192 kbit/s) sound that was limited came out up to 0.3 dB higher: what a limiter has to leave. */
#define KN_ENCODER_SOUND_ROOM_DB 0.5

struct kn_encoder_options {
    const char *path; /* the final name; its folder exists */
    int width_px, height_px;
    struct kn_rational frame_rate;
    const char *encoder; /* "libx264", or h264_nvenc, h264_qsv, h264_vaapi, h264_videotoolbox,
                            h264_v4l2m2m; what can't be opened is replaced by libx264 */
    const char *preset;  /* of libx264: "veryfast"; hardware encoders keep their own */
    int crf;             /* 0..51; a quality of about the same is asked of hardware encoders */
    int threads;         /* of the picture encoder; 0: as many as cores */
    /* Of the pictures, whatever the quality asks for: no part of the clip takes more than its
     * length allows and one second on top; 0: no bound. */
    int64_t bits_a_second_max;
    const char *title, *comment; /* may be NULL */
    struct kn_cancel *cancel;    /* looked at between packets; borrowed; NULL: none */
};

struct kn_encoder;

/* INVALID: an unknown encoder or preset, an odd size. MISSING: FFmpeg was built without libx264. */
enum kn_status kn_encoder_open(const struct kn_encoder_options *options,
                               struct kn_encoder **ret_encoder, struct kn_error *err);

/*
 * Every function that takes an encoder may fail with what writing a file can (NO_SPACE, IO, …),
 * with CANCELLED, or because the picture encoder fails: then kn_encoder_gave_up tells it.
 */

/* The next picture: YUV420P of the size of the clip. Shares the planes for as long as it needs
 * them; they must not change. */
enum kn_status kn_encoder_picture(struct kn_encoder *encoder, const struct kn_picture *picture,
                                  struct kn_error *err);
/* The next `count` sample frames, interleaved. Sound may run ahead of the pictures by any length:
 * it is kept encoded (24 kB a second) until they catch up. */
enum kn_status kn_encoder_sound(struct kn_encoder *encoder, const float *samples, int count,
                                struct kn_error *err);

/*
 * The sound of several files that are written at once, encoded once: it takes a sixth of the time
 * that a file of 720x1280 does (bench_render, 2026-11-25). Nothing changes it once it is made: any
 * number of threads may use it.
 */
struct kn_coded_sound;
enum kn_status kn_coded_sound_make(const float *samples, int64_t count, struct kn_cancel *cancel,
                                   struct kn_coded_sound **ret_sound, struct kn_error *err);
void kn_coded_sound_free(struct kn_coded_sound *sound); /* NULL is fine */
KN_SCOPED_DEFINE(kn_coded_sound, kn_coded_sound_free)
/* In the place of kn_encoder_sound, all of it: what is not written yet of the first `until` sample
 * frames; INT64_MAX: to its end. The file is the same. */
enum kn_status kn_encoder_coded_sound(struct kn_encoder *encoder,
                                      const struct kn_coded_sound *sound, int64_t until,
                                      struct kn_error *err);

/* Ends both streams: the encoders give what they hold. Only _finish or _close may follow. */
enum kn_status kn_encoder_flush(struct kn_encoder *encoder, struct kn_error *err);

/* Flushes if that was not done, writes the index, syncs, gives the file its name. Only _close may
 * follow. */
enum kn_status kn_encoder_finish(struct kn_encoder *encoder, struct kn_error *err);

const char *kn_encoder_name(const struct kn_encoder *encoder); /* what is really used; static */
/* Was it the picture encoder that failed, and not the file? Hardware may do so at any picture. */
bool kn_encoder_gave_up(const struct kn_encoder *encoder);
/* Why it is not the one that was asked for, a sentence; NULL when it is. */
const char *kn_encoder_remark(const struct kn_encoder *encoder);

void kn_encoder_close(struct kn_encoder *encoder); /* NULL is fine */
KN_SCOPED_DEFINE(kn_encoder, kn_encoder_close)

#endif
