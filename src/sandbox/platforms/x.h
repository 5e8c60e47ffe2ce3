/* What the files of the emulated X API v2 share. */
#ifndef KN_SANDBOX_X_H
#define KN_SANDBOX_X_H

#include "sandbox/platforms/platforms.h"

/* What is counted on its own; the routes are in this order. */
enum kn_xapi_call {
    KN_XAPI_INITIALIZE,
    KN_XAPI_APPEND,
    KN_XAPI_FINALIZE,
    KN_XAPI_STATUS,
    KN_XAPI_METADATA,
    KN_XAPI_SUBTITLES,
    KN_XAPI_CREATE,
    KN_XAPI_DELETE,
    KN_XAPI_ME,
    KN_XAPI_TIMELINE,
    KN_XAPI_CALL_COUNT,
};

enum kn_xapi_kind { KN_XAPI_VIDEO, KN_XAPI_GIF, KN_XAPI_IMAGE, KN_XAPI_CAPTIONS };

enum { KN_XAPI_SEGMENTS_MAX = 1000, KN_XAPI_SEGMENT_HARD_BYTES = 8000000 };

struct kn_xapi_subtitles {
    const char *media_id, *name, *language;
};

/* An upload from its initialize on. */
struct kn_xapi_media {
    const char *id, *key;
    int account;
    enum kn_xapi_kind kind;
    const char *category, *type;
    int64_t total;
    int64_t until_us;                    /* after which it cannot be used */
    KN_VEC(struct kn_upload *) segments; /* by index; NULL: did not come */
    bool finishing;                      /* a request is at its last steps */
    bool finalized;
    struct kn_upload *upload; /* once it is finalized */
    int64_t finalized_us, processed_us;
    int64_t next_look_us; /* before which nobody is to ask for the status */
    int code;             /* of a failure; 0: processing succeeds */
    const char *failure, *message;
    const char *alt_text; /* NULL: none */
    KN_VEC(struct kn_xapi_subtitles) subtitles;
};

struct kn_xapi_post {
    const char *id;
    int account;
    const char *text;  /* as it was sent; "" */
    const char *shown; /* as it is read */
    int64_t made_us;
    KN_VEC(struct kn_xapi_media *) media;
    struct kn_post *post;
    bool deleted;
};

/* Requests within a span of time. */
struct kn_xapi_window {
    enum kn_xapi_call call;
    int account; /* -1: of the whole app, in a day */
    int64_t until_us;
    int used;
};

struct kn_xapi_state {
    KN_VEC(struct kn_xapi_media *) media;
    KN_VEC(struct kn_xapi_post *) posts;
    KN_VEC(struct kn_xapi_window) windows;
    double spent; /* dollars */
};

/* ---- x.c: errors, in the form of problems (RFC 9457) ---- */

/* `type` is the last segment of its address; NULL: about:blank. Takes `more`: further fields. */
void kn_xapi_fail(struct kn_mimic_visit *visit, int status, const char *type, const char *title,
                  const char *detail, json_t *more);
/* 400 invalid-request for a parameter (NULL: none) and the value it had (NULL: none). */
void kn_xapi_invalid(struct kn_mimic_visit *visit, const char *parameter, const char *value,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
void kn_xapi_forbid(struct kn_mimic_visit *visit,
                    const char *detail); /* NULL: the usual sentence */
void kn_xapi_missing(struct kn_mimic_visit *visit, const char *kind, const char *id);
/* False: a parameter of the query is not in `known` (ended by NULL); the answer is made. */
bool kn_xapi_query_fits(struct kn_mimic_visit *visit, const char *const *known);
/* An id as X makes them: 19 digits that an int64_t holds. */
const char *kn_xapi_make_id(struct kn_mimics *m);

/* ---- x_rates.c ---- */

/* Counts a request; false: it is over the limit, the answer is made. */
bool kn_xapi_admit(struct kn_mimic_visit *visit, enum kn_xapi_call call);
/* The headers that every answer carries. */
void kn_xapi_tell_rates(struct kn_mimic_visit *visit, enum kn_xapi_call call);
/* False: the credits do not suffice; the answer is made. */
bool kn_xapi_charge(struct kn_mimic_visit *visit, double dollars);

/* ---- x_fields.c: bodies against what is documented of them ---- */

enum kn_xapi_type {
    KN_XAPI_TEXT,
    KN_XAPI_ID,
    KN_XAPI_INTEGER,
    KN_XAPI_BOOL,
    KN_XAPI_OBJECT,
    KN_XAPI_LIST
};

struct kn_xapi_field {
    const char *name; /* NULL ends a table */
    enum kn_xapi_type type;
    bool required;
    int64_t least, most;      /* of an integer, characters of a text, items of a list; 0, 0: any */
    const char *const *among; /* a text's values, ended by NULL; NULL: any */
    const struct kn_xapi_field *inner; /* an object's; of a list the first one is each item's */
};

/* The body of a request as an object that fits; NULL: the answer is made. Lives with the visit. */
const json_t *kn_xapi_body(struct kn_mimic_visit *visit, const struct kn_xapi_field *fields);
/* The same for JSON that is there; false: the answer is made. */
bool kn_xapi_fits(struct kn_mimic_visit *visit, const json_t *object,
                  const struct kn_xapi_field *fields);

/* ---- x_media.c ---- */

void kn_xapi_initialize(struct kn_mimic_visit *visit);
void kn_xapi_finalize(struct kn_mimic_visit *visit);
void kn_xapi_status(struct kn_mimic_visit *visit);
/* Of the bearer and not expired; NULL: there is none. */
struct kn_xapi_media *kn_xapi_find(const struct kn_mimic_visit *visit, const char *id);
/* It can be put into a post. */
bool kn_xapi_is_ready(const struct kn_mimic_visit *visit, const struct kn_xapi_media *media);
void kn_xapi_media_free(struct kn_xapi_media *media); /* what is not in the arena */

/* ---- x_judge.c: what processing finds out ---- */

/* `fails`: an accident. */
void kn_xapi_judge(struct kn_xapi_media *media, bool fails);
/* Of an image or of subtitles, right at finalize; NULL: fine. */
const char *kn_xapi_judge_small(const struct kn_xapi_media *media);

/* ---- x_about.c: what is said about media ---- */

void kn_xapi_metadata(struct kn_mimic_visit *visit);
void kn_xapi_subtitles(struct kn_mimic_visit *visit);

/* ---- x_append.c ---- */

void kn_xapi_append_begin(struct kn_mimic_visit *visit);
void kn_xapi_append_run(struct kn_mimic_visit *visit);
void kn_xapi_append_gone(struct kn_mimic_visit *visit);

/* ---- x_post.c ---- */

void kn_xapi_create(struct kn_mimic_visit *visit);
void kn_xapi_delete(struct kn_mimic_visit *visit);

/* ---- x_timeline.c ---- */

void kn_xapi_me(struct kn_mimic_visit *visit);
void kn_xapi_timeline(struct kn_mimic_visit *visit);

#endif
