/* What the files of the emulated YouTube Data API v3 share. */
#ifndef KN_SANDBOX_YOUTUBE_H
#define KN_SANDBOX_YOUTUBE_H

#include "sandbox/platforms/platforms.h"

#define KN_YT_SCOPE "https://www.googleapis.com/auth/"
/* Alternatives; the discovery document of the API names them. */
#define KN_YT_MAY_UPLOAD                                                                           \
    KN_YT_SCOPE "youtube.upload|" KN_YT_SCOPE "youtube|" KN_YT_SCOPE                               \
                "youtube.force-ssl|" KN_YT_SCOPE "youtubepartner"
#define KN_YT_MAY_CHANGE                                                                           \
    KN_YT_SCOPE "youtube|" KN_YT_SCOPE "youtube.force-ssl|" KN_YT_SCOPE "youtubepartner"
#define KN_YT_MAY_READ    KN_YT_SCOPE "youtube.readonly|" KN_YT_MAY_CHANGE
#define KN_YT_MAY_CAPTION KN_YT_SCOPE "youtube.force-ssl|" KN_YT_SCOPE "youtubepartner"

struct kn_yt_caption {
    const char *id, *language, *name;
};

struct kn_yt_video {
    const char *id;
    int account;
    json_t *resource; /* {"snippet", "status", …}: what can be written; owned by the arena's list */
    struct kn_upload *upload;
    struct kn_upload *thumbnail; /* NULL: YouTube's own */
    struct kn_post *post;
    int64_t made_us, processed_us;
    const char *failure, *rejection; /* once it is processed; NULL */
    bool settled;                    /* its processing has ended */
    bool was_published;
    bool deleted;
    KN_VEC(struct kn_yt_caption) captions;
};

/* What an upload is for. */
enum kn_yt_purpose { KN_YT_VIDEO, KN_YT_THUMBNAIL, KN_YT_CAPTION };

/* An upload from its first request on. */
struct kn_yt_session {
    const char *id;
    enum kn_yt_purpose purpose;
    int account;
    const char *parts;    /* "snippet,status" */
    json_t *resource;     /* metadata that was checked */
    const char *video_id; /* of a thumbnail, or NULL */
    struct kn_upload *upload;
    int64_t total; /* -1: not said */
    int64_t chunk; /* bytes of the chunks so far; 0: none */
    int64_t until_us;
    bool gone;
    bool done;
    bool finishing;            /* a request is at its last steps */
    struct kn_yt_video *video; /* what it became */
    struct kn_yt_caption caption;
    double processing_s;
    bool fails;
};

struct kn_yt_state {
    int64_t day; /* by the Pacific clock */
    double inserts, units;
    KN_VEC(struct kn_yt_video *) videos;
    KN_VEC(struct kn_yt_session *) sessions;
};

/* ---- youtube.c ---- */

/* The error of that reason, as the documentation lists it. `message` may be NULL. */
void kn_yt_fail(struct kn_mimic_visit *visit, const char *reason, const char *message);
struct kn_yt_video *kn_yt_find(const struct kn_mimic_visit *visit, const char *id); /* NULL */

/* ---- youtube_quota.c ---- */

/* The day of the Pacific time zone. */
int64_t kn_yt_day(int64_t wall_us);
/* False: it is used up; the answer is made. An insert counts in its own bucket. */
bool kn_yt_charge(struct kn_mimic_visit *visit, int units);
bool kn_yt_charge_insert(struct kn_mimic_visit *visit);

/* ---- youtube_rules.c ---- */

/* Of the query, comma-joined and repeated; NULL: the answer is made. In the request's arena. */
const char *kn_yt_parts(struct kn_mimic_visit *visit);
bool kn_yt_has_part(const char *parts, const char *part);
/* Checks a video's writable parts; false: the answer is made. `was`: what it is so far, or NULL. */
bool kn_yt_judge_video(struct kn_mimic_visit *visit, const json_t *body, const char *parts,
                       const struct kn_yt_video *was);
/* Microseconds since 1970 of "2026-12-01T17:00:00Z"; -1: it is no such time. */
int64_t kn_yt_time(const char *text);

/* ---- youtube_video.c ---- */

struct kn_yt_video *kn_yt_video_make(struct kn_mimics *m, struct kn_yt_state *state,
                                     const struct kn_yt_session *session, int64_t now_us);
json_t *kn_yt_video_json(struct kn_mimic_visit *visit, const struct kn_yt_video *video,
                         const char *parts);
/* Puts the writable parts of `body` that `parts` names in the place of the old ones. */
void kn_yt_video_write(struct kn_mimics *m, struct kn_yt_video *video, const json_t *body,
                       const char *parts);
void kn_yt_tick(struct kn_mimics *m, void *state, int64_t now_us);
json_t *kn_yt_thumbnails_json(struct kn_mimic_visit *visit, const struct kn_yt_video *video);

/* ---- youtube_upload.c: requests to /upload ---- */

void kn_yt_upload_begin(struct kn_mimic_visit *visit);
void kn_yt_upload_run(struct kn_mimic_visit *visit);
void kn_yt_upload_gone(struct kn_mimic_visit *visit);
/* youtube_media.c: judges what the file is for, before and after it is there. */
bool kn_yt_open_video(struct kn_mimic_visit *visit, struct kn_yt_session *session,
                      const json_t *body);
bool kn_yt_open_thumbnail(struct kn_mimic_visit *visit, struct kn_yt_session *session);
bool kn_yt_open_caption(struct kn_mimic_visit *visit, struct kn_yt_session *session,
                        const json_t *body);
void kn_yt_commit(struct kn_mimic_visit *visit, struct kn_yt_session *session);
void kn_yt_answer_done(struct kn_mimic_visit *visit, const struct kn_yt_session *session,
                       int status);
/* Most bytes of a file for that purpose. */
int64_t kn_yt_most(enum kn_yt_purpose purpose);

#endif
