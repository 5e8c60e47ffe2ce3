/*
 * Platforms: where clips are posted. One file makes one const descriptor, registry.c lists it.
 *
 * A descriptor states the platform's limits as data, with their source and date, so that a check
 * before the first byte, the fitting of texts and the documents all say the same; and it brings one
 * function, `advance`, which takes a post one step on.
 */
#ifndef KN_PLATFORM_PLATFORM_H
#define KN_PLATFORM_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include <kirinuki/status.h>

struct kn_posting;
struct kn_oauth;

/* How the length of a text counts. */
enum kn_text_unit {
    KN_UNIT_UTF16,      /* code units */
    KN_UNIT_BYTES,      /* of UTF-8 */
    KN_UNIT_CHARACTERS, /* code points */
    KN_UNIT_WEIGHTED,   /* as X counts, platform/weighted.h */
};

/* Of one text: title or caption. max 0: the platform has no such text. */
struct kn_text_rule {
    const char *name; /* "title", "description", "caption", "post": the platform's own word */
    int min, max;     /* in units */
    enum kn_text_unit unit;
    const char *forbidden; /* characters; NULL: none */
    int hashtags_max;      /* in it; 0: no limit */
    int mentions_max;      /* 0: no limit */
    const char *usual;     /* template of platform/post_text.h, unless the user sets another */
};

struct kn_media_rules {
    int64_t bytes_max;
    int64_t duration_min_us, duration_max_us;
    int width_min_px, width_max_px, height_min_px, height_max_px; /* 0: no limit */
    int short_side_max_px;         /* of the shorter of the two; 0: no limit */
    double aspect_min, aspect_max; /* width / height; 0: no limit */
    double fps_min, fps_max;       /* 0: no limit */
    const char *const *containers; /* names of kn_media_facts.container; NULL ends them */
    const char *const *video_codecs, *const *audio_codecs; /* FFmpeg's names; NULL: any */
    int audio_rate_max, audio_channels_max;                /* 0: no limit */
    int64_t video_bits_a_second_max;                       /* 0: no limit */
    bool index_first;                                      /* the moov atom before the media */
    bool no_edit_lists;
    const char *source, *date; /* where the limits are stated, and as of when: "2026-09-11" */
};

/* A limit that the platform sets on how much is posted in a span of time. */
struct kn_quota {
    const char *kind;         /* "uploads": names it in the store's ledger and in sentences */
    int limit;                /* in the span; the platform's answer overrides it */
    int64_t span_us;          /* sliding; 0: a day that begins at 00:00 Pacific */
    bool of_application;      /* shared by all accounts, else of each account */
    bool of_posts, of_drafts; /* of what is posted, of drafts alone; neither: of both */
    const char *source;
};

struct kn_platform {
    const char *name;                /* "youtube": in commands, files and tables */
    const char *label;               /* "YouTube": in sentences */
    const char *summary;             /* one line of help */
    const char *shown_as, *shown_at; /* where people find a post: "videos", "in YouTube Studio" */
    struct kn_text_rule title, caption;
    int tags_max; /* for tags that are sent apart: their length together as the platform counts it;
                     0: it takes none */
    const struct kn_media_rules *media;
    const struct kn_quota *quotas;
    int quota_count;
    const struct kn_oauth *oauth; /* how an account is made; NULL: it needs none */
    unsigned privacies;           /* 1 << enum kn_privacy each that it knows; 0: it has no choice */
    bool schedules;               /* makes public at a set time by itself */
    bool drafts;                  /* takes what is to be finished by hand, or hands that wish on */
    /* When clips are seen most, "09:00,18:00": the viewers' time of day, with its source beside it;
     * NULL: nothing is known. */
    const char *best_times;

    /*
     * Takes the post on by one step that is worth recording, from what `posting->memory` says.
     * KN_OK: posting->next says what then (platform/posting.h). IO, TIMEOUT, REMOTE: nothing is
     * known to have happened that memory does not say; the same again after a while. CANCELLED,
     * LOST: it stops at once. Anything else is final, and the sentence is for the user.
     * Blocks on the network; any thread, one post at a time a thread.
     */
    enum kn_status (*advance)(struct kn_posting *posting, struct kn_error *err);
};

extern const struct kn_platform kn_platform_youtube, kn_platform_tiktok, kn_platform_instagram,
    kn_platform_x, kn_platform_folder, kn_platform_webhook;

/* All of them, in the order in which help lists them; NULL ends the list. */
const struct kn_platform *const *kn_platforms(void);
/* NULL: there is no such. */
const struct kn_platform *kn_platform_find(const char *name);

#endif
