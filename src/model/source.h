/*
 * A source as probed: what the container says, checked against what can be decoded.
 *
 * Media time everywhere in kirinuki is microseconds from the source's origin: the container's
 * start time, so 0 is the first picture or sample that a player shows.
 */
#ifndef KN_MODEL_SOURCE_H
#define KN_MODEL_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

struct kn_rational {
    int num, den;
};

struct kn_source {
    const char *path;
    const char *hash;      /* 32 hex digits of the content; NULL until identified */
    const char *container; /* "mov,mp4", "matroska,webm" */
    int64_t size_bytes;
    int64_t duration_us; /* of the longest used stream; measured where the container is silent */
    bool cut_off;      /* the file ends before what its index promises; duration is what is left */
    int64_t origin_us; /* the container's start time: stream time = media time + origin */

    bool has_video;
    int video_stream; /* index in the file; -1 without video */
    const char *video_codec;
    const char *pixel_format; /* FFmpeg's name: "yuv420p10le" */
    int coded_width_px, coded_height_px;
    struct kn_rational sample_aspect; /* 1:1 when unknown */
    int rotation_deg;                 /* clockwise turn to apply: 0, 90, 180 or 270 */
    /* Upright and with square pixels: what a viewer sees. Crops are in these units. */
    int width_px, height_px;
    struct kn_rational frame_rate; /* average; 30/1 when unknown */
    bool variable_rate;
    bool hdr; /* PQ or HLG transfer */
    bool interlaced;

    bool has_audio;
    int audio_stream; /* -1 without audio */
    const char *audio_codec;
    int sample_rate_hz, channels;
    const char *language; /* the audio stream's tag; NULL if none */

    const char *title; /* the container's tag; NULL if none */
    const char *creation_time;
};

#endif
