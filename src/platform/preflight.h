/*
 * Everything about a post that can be known before a byte is sent: each rule of the platform
 * against the file as it is, the texts as they would be sent, and the options.
 */
#ifndef KN_PLATFORM_PREFLIGHT_H
#define KN_PLATFORM_PREFLIGHT_H

#include <kirinuki/arena.h>

#include "model/post.h"
#include "platform/platform.h"

/* Of the file, by media/probe and a look at its boxes; filled in by pipeline/post_facts.h. */
struct kn_media_facts {
    int64_t bytes, duration_us;
    int width_px, height_px; /* as a player shows it */
    double fps;
    const char *container;                 /* "mp4", "mov", "webm", … */
    const char *video_codec, *audio_codec; /* FFmpeg's names; audio NULL: no sound */
    int audio_rate, audio_channels;
    int64_t video_bits_a_second;
    bool index_first, edit_lists;
};

struct kn_finding {
    const char *rule;   /* "duration": stable, for programs */
    const char *text;   /* one sentence: rule, value, limit */
    const char *remedy; /* one sentence */
    bool rendition;     /* a rendition (pipeline/rendition.h) would meet it */
    bool warning;       /* it is posted all the same */
};

/* Pictures a second so near to a limit count as within it: 60.0001 is what a clock makes of 60. */
#define KN_FPS_SLACK 0.01

/* What rules say of a file alone. */
enum kn_fit {
    KN_FITS,
    KN_FITS_AS_RENDITION, /* a rendition would meet all that is wrong */
    KN_FITS_NEVER,
};
enum kn_fit kn_media_fit(const struct kn_media_rules *rules, const struct kn_media_facts *facts);

struct kn_preflight {
    const struct kn_platform *platform;
    const struct kn_media_facts *facts;
    const struct kn_post_text *text;
    const struct kn_post_options *options;
    int64_t now_us; /* wall clock */
    bool timed;     /* it gets a time, though options do not say yet which */
    /* Known of the account; 0 or NULL where it is not. */
    int64_t account_duration_max_us;
};

/* Does a rendition meet all that keeps it from being posted? */
enum kn_fit kn_findings_fit(const struct kn_finding *findings, int count);

/* All that is wrong, the file first; in the arena. 0: it may go. */
int kn_preflight(const struct kn_preflight *preflight, struct kn_arena *arena,
                 const struct kn_finding **ret_findings);

#endif
