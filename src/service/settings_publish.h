/*
 * What a user can set about posts: where to, with what words, when.
 */
#ifndef KN_SERVICE_SETTINGS_PUBLISH_H
#define KN_SERVICE_SETTINGS_PUBLISH_H

#include <stdint.h>

#include "base/option.h"

struct kn_publish_settings {
    const char *to;              /* "youtube,tiktok:work"; NULL: not set */
    const char *title, *caption; /* templates of platform/post_text.h; NULL: the platform's own */
    const char *hook, *description; /* words for all of these clips; NULL: each clip's own */
    const char *hashtags;           /* "sleep, health"; NULL: each clip's own */
    const char *language;           /* BCP 47; NULL: the clip's */
    int privacy;                    /* enum kn_privacy */
    bool made_for_kids, notify, draft, ai_label, share_to_feed;
    bool thumbnails, subtitles; /* are sent along where the platform takes them */
    bool rendition;             /* made where a platform does not take the clip as it is */
    int64_t at_us;              /* wall clock; 0: at once */
    int64_t every_us;           /* between the clips of one account; 0: none */
    bool spread;                /* each clip at the next best time of its account */
    const char *best_times;     /* service/best_times.h; NULL: the platforms' own */
    int category;               /* YouTube's; 0: the usual one */
    bool check;                 /* only says what would be wrong */
    bool retry;                 /* those that are not live */
    bool wait;                  /* until they are; else a worker does it */
    bool posts;                 /* of a worker: it posts what is due */
    unsigned states;            /* of posts that are listed: 1 << state each; 0: all */
    const char *found_url;      /* of a post that a person has found; NULL */
    bool absent;                /* a person has not found it */
    bool unknown;               /* all posts of which nobody knows whether they are there */
    const char *outbox;         /* of the folder platform; NULL: in the data folder */
    const char *webhook, *webhook_secret; /* NULL: not set */
    int at_once;
    const char *sandbox; /* an address; NULL: the platforms themselves */
};

extern const char *const kn_privacy_choices[]; /* in the order of enum kn_privacy; NULL ends */

/* int64_t: "4h", "90m", "30s", "1d" as microseconds. */
enum kn_status kn_parse_span(const struct kn_option *option, const char *value, void *field,
                             struct kn_arena *arena, struct kn_error *err);
/* const char *: a template whose names are known. */
enum kn_status kn_parse_template(const struct kn_option *option, const char *value, void *field,
                                 struct kn_arena *arena, struct kn_error *err);
/* const char *: platforms that there are, "all", and accounts behind a colon. */
enum kn_status kn_parse_targets(const struct kn_option *option, const char *value, void *field,
                                struct kn_arena *arena, struct kn_error *err);

#endif
