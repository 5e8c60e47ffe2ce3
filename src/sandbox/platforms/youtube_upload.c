/*
 * Requests to /upload/youtube/v3: a session is opened and takes chunks ("Resumable Uploads"), or
 * everything comes in one request (multipart, media). Whoever speaks to a session last is the one
 * who writes to it; a connection that was left behind is cut.
 *
 * What is stored of an unfinished upload is always a multiple of 256 KiB, so that a client that
 * continues from where it believes to be, and not from the answer's Range, is found out.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/related.h"
#include "sandbox/platforms/youtube.h"

enum { GRAIN = 256 << 10, SESSION_DAYS = 7, AROUND_BYTES = 2 << 20 };

/* A request with bytes. */
struct sending {
    struct kn_yt_session *session;
    bool multipart;
    struct kn_related related;
    int64_t first, last; /* of a chunk; last is -1 where the length is not known */
    int64_t total;       /* -1: not said */
};

static enum kn_yt_purpose purpose_of(const struct kn_mimic_visit *visit)
{
    return strstr(visit->exchange->path, "/thumbnails/") ? KN_YT_THUMBNAIL
           : strstr(visit->exchange->path, "/captions")  ? KN_YT_CAPTION
                                                         : KN_YT_VIDEO;
}

static struct kn_yt_session *session_new(struct kn_mimic_visit *visit)
{
    struct kn_mimics *m = visit->m;
    struct kn_yt_state *state = visit->state;
    struct kn_yt_session *session = kn_arena_alloc(m->arena, sizeof *session);
    session->id = kn_mimics_make_id(m, KN_MIMIC_BASE64, 48);
    session->purpose = purpose_of(visit);
    session->account = visit->who.account;
    session->total = -1;
    session->until_us = visit->now_us + INT64_C(86400) * SESSION_DAYS * KN_US_PER_S;
    session->processing_s = m->settings[KN_MIMIC_PROCESSING_S];
    session->upload = kn_spool_add(&m->spool);
    kn_vec_push(&state->sessions, session);
    return session;
}

static void note_fault(const struct kn_mimic_visit *visit, struct kn_yt_session *session)
{
    if (visit->fault.kind == KN_FAULT_BAD_PROCESSING)
        session->fails = true;
    if (visit->fault.kind == KN_FAULT_SLOW_PROCESSING)
        session->processing_s = visit->fault.seconds ? visit->fault.seconds : 600;
}

/* Checks what is said about the file; false: the answer is made. */
static bool open_for(struct kn_mimic_visit *visit, struct kn_yt_session *session,
                     const json_t *body)
{
    const char *video = kn_mimic_query(visit->exchange, "videoId");
    note_fault(visit, session);
    session->video_id = kn_arena_strdup(visit->m->arena, video);
    switch (session->purpose) {
    case KN_YT_THUMBNAIL:
        return kn_yt_open_thumbnail(visit, session);
    case KN_YT_CAPTION:
        return kn_yt_open_caption(visit, session, body);
    case KN_YT_VIDEO:
        break;
    }
    return kn_yt_open_video(visit, session, body);
}

/* ---- opening a session ---- */

static bool type_fits(enum kn_yt_purpose purpose, const char *type)
{
    if (!type || purpose == KN_YT_CAPTION || strncasecmp(type, "application/octet-stream", 24) == 0)
        return true;
    return purpose == KN_YT_VIDEO
               ? strncasecmp(type, "video/", 6) == 0
               : strncasecmp(type, "image/jpeg", 10) == 0 || strncasecmp(type, "image/png", 9) == 0;
}

static bool judge_type(struct kn_mimic_visit *visit, enum kn_yt_purpose purpose, const char *type)
{
    if (type_fits(purpose, type))
        return true;
    kn_yt_fail(visit, "badContent",
               purpose == KN_YT_VIDEO ? "Media type is not supported. Valid media types: "
                                        "[video/*, application/octet-stream]"
                                      : "Media type is not supported. Valid media types: "
                                        "[image/jpeg, image/png, application/octet-stream]");
    return false;
}

static const json_t *read_metadata(struct kn_mimic_visit *visit, const char *text, size_t size)
{
    json_t *body = size ? json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL) : json_object();
    if (json_is_object(body))
        return kn_mimics_keep(visit->m, body);
    json_decref(body);
    kn_yt_fail(visit, "parseError", NULL);
    return NULL;
}

static void open_session(struct kn_mimic_visit *visit)
{
    const struct kn_exchange *exchange = visit->exchange;
    const char *said = kn_mimic_head(exchange, "x-upload-content-length");
    long long total = -1;
    struct kn_yt_session *session = session_new(visit);
    const json_t *body = read_metadata(visit, exchange->body, exchange->body_size);
    session->gone = true; /* until all is checked */
    if (!body || !open_for(visit, session, body) ||
        !judge_type(visit, session->purpose, kn_mimic_head(exchange, "x-upload-content-type")))
        return;
    if (said && !kn_parse_int(said, 0, kn_yt_most(session->purpose), &total)) {
        kn_yt_fail(visit, "badRequest", "X-Upload-Content-Length is no number, or too large.");
        return;
    }
    if (said && total == 0) {
        kn_yt_fail(visit, "mediaBodyRequired", NULL);
        return;
    }
    session->total = total;
    session->gone = false;
    kn_mimic_empty(visit, 200);
    kn_mimic_header(visit, "Location", "%s%s?uploadType=resumable&upload_id=%s%s%s",
                    kn_mimic_base(visit), exchange->path, session->id,
                    session->parts ? "&part=" : "", session->parts ? session->parts : "");
    kn_mimic_header(visit, "X-GUploader-UploadID", "%s", session->id);
}

/* ---- chunks ---- */

static void answer_progress(struct kn_mimic_visit *visit, const struct kn_yt_session *session)
{
    const char *disguised = kn_mimic_head(visit->exchange, "x-guploader-no-308");
    bool disguise = disguised && strcasecmp(disguised, "yes") == 0;
    int64_t stored = kn_upload_stored(session->upload);
    kn_mimic_empty(visit, disguise ? 200 : 308);
    if (disguise)
        kn_mimic_header(visit, "X-HTTP-Status-Code-Override", "308");
    if (stored)
        kn_mimic_header(visit, "Range", "bytes=0-%" PRId64, stored - 1);
}

static struct kn_yt_session *find_session(struct kn_mimic_visit *visit, const char *id)
{
    const struct kn_yt_state *state = visit->state;
    for (int i = state->sessions.count - 1; i >= 0; i--) {
        struct kn_yt_session *session = state->sessions.at[i];
        if (strcmp(session->id, id) != 0)
            continue;
        if (visit->fault.kind == KN_FAULT_EXPIRED || visit->now_us >= session->until_us)
            session->gone = true;
        return session->gone || session->account != visit->who.account ? NULL : session;
    }
    return NULL;
}

static bool read_number(const char **at, int64_t *ret_number)
{
    char text[24];
    size_t digits = strspn(*at, "0123456789");
    long long number;
    if (digits == 0 || digits >= sizeof text)
        return false;
    memcpy(text, *at, digits);
    text[digits] = '\0';
    if (!kn_parse_int(text, 0, INT64_MAX, &number))
        return false;
    *ret_number = number;
    *at += digits;
    return true;
}

/* "bytes 0-9/20", "bytes 0-9/+*", "bytes +*"/20" (without the plus): first is -1 for a question. */
static bool read_range(const char *at, struct sending *sending)
{
    sending->first = sending->last = sending->total = -1;
    if (strncmp(at, "bytes ", 6) != 0)
        return false;
    at += 6;
    if (*at == '*') {
        at++;
    } else if (!read_number(&at, &sending->first) || *at++ != '-' ||
               !read_number(&at, &sending->last)) {
        return false;
    }
    if (*at++ != '/')
        return false;
    if (strcmp(at, "*") == 0)
        return true;
    return read_number(&at, &sending->total) && !*at;
}

/* NULL: the bounds that a chunk names fit each other and what was said before. */
static const char *judge_bounds(const struct kn_mimic_visit *visit, const struct sending *sending)
{
    const struct kn_yt_session *session = sending->session;
    int64_t length = kn_mimic_length(visit->exchange);
    if (sending->total >= 0 && session->total >= 0 && sending->total != session->total)
        return "The total in Content-Range is not the one that was declared before.";
    if (sending->first < 0)
        return length > 0 ? "A question for the status has no body." : NULL;
    if (sending->last < sending->first ||
        (sending->total >= 0 && sending->last >= sending->total) ||
        sending->last >= kn_yt_most(session->purpose))
        return "Content-Range names bytes that cannot be.";
    int64_t size = sending->last - sending->first + 1;
    if (length >= 0 && length != size)
        return "Content-Length is not the length that Content-Range names.";
    if (sending->last + 1 == sending->total)
        return NULL;
    if (size % GRAIN != 0)
        return "The size of a chunk has to be a multiple of 256 KiB (262144 bytes).";
    if (session->chunk && session->chunk != size)
        return "All chunks but the last have to be of the same size.";
    return NULL;
}

static void shorten_to_grain(struct kn_mimic_visit *visit, struct kn_upload *upload)
{
    kn_upload_shorten(upload, visit, kn_upload_stored(upload) / GRAIN * GRAIN);
}

/* The whole file in one request names no range. */
static bool read_bounds(struct kn_mimic_visit *visit, struct sending *sending)
{
    const char *range = kn_mimic_head(visit->exchange, "content-range");
    if (range)
        return read_range(range, sending);
    int64_t length = kn_mimic_length(visit->exchange);
    sending->first = 0;
    sending->last = length >= 0 ? length - 1 : -1;
    sending->total = length;
    return true;
}

static void begin_chunk(struct kn_mimic_visit *visit, struct kn_yt_session *session)
{
    struct sending *sending = kn_arena_alloc(visit->arena, sizeof *sending);
    sending->session = session;
    bool understood = read_bounds(visit, sending);
    bool streams = sending->last < 0 && sending->first == 0; /* of unknown length */
    const char *why = !understood                 ? "Content-Range is malformed."
                      : streams && sending->total ? NULL
                                                  : judge_bounds(visit, sending);
    if (understood && sending->total == 0) {
        kn_yt_fail(visit, "mediaBodyRequired", NULL);
        return;
    }
    if (why) {
        kn_yt_fail(visit, "badRequest", why);
        return;
    }
    note_fault(visit, session);
    kn_mimic_stream(visit, session->upload,
                    streams ? kn_yt_most(session->purpose) : sending->last - sending->first + 1);
    if (visit->decided)
        return;
    shorten_to_grain(visit, session->upload);
    if (sending->first < 0 || sending->first != kn_upload_stored(session->upload)) {
        session->chunk = 0; /* whoever asks may go on in other sizes */
        answer_progress(visit, session);
        return;
    }
    visit->own = sending;
}

static void end_chunk(struct kn_mimic_visit *visit, struct sending *sending)
{
    struct kn_yt_session *session = sending->session;
    int64_t got = visit->stored + visit->lost;
    if (sending->last < 0) {
        sending->last = got - 1;
        sending->total = got;
    }
    int64_t size = sending->last - sending->first + 1;
    if (visit->over || got != size || size == 0) {
        kn_upload_shorten(session->upload, visit, sending->first);
        kn_yt_fail(visit, size ? "badRequest" : "mediaBodyRequired",
                   size ? "The body is not as long as Content-Range says." : NULL);
        return;
    }
    if (sending->total >= 0)
        session->total = sending->total;
    if (visit->lost) {
        shorten_to_grain(visit, session->upload);
        session->chunk = 0;
    } else if (kn_upload_stored(session->upload) == sending->total) {
        kn_yt_commit(visit, session);
        return;
    } else {
        session->chunk = size;
    }
    answer_progress(visit, session);
}

/* ---- all in one request ---- */

static bool store_file(void *arg, const void *data, size_t size)
{
    struct kn_mimic_visit *visit = arg;
    return kn_mimic_store(visit, data, size) == KN_TAKE_MORE;
}

static enum kn_take take_related(struct kn_mimic_visit *visit, const void *data, size_t size)
{
    struct sending *sending = visit->own;
    return kn_related_feed(&sending->related, data, size, store_file, visit) ? KN_TAKE_MORE
                                                                             : KN_TAKE_ENOUGH;
}

static void begin_whole(struct kn_mimic_visit *visit, bool multipart)
{
    struct sending *sending = kn_arena_alloc(visit->arena, sizeof *sending);
    enum kn_yt_purpose purpose = purpose_of(visit);
    const char *type = kn_mimic_head(visit->exchange, "content-type");
    sending->multipart = multipart;
    if (multipart && !kn_related_begin(&sending->related, type)) {
        kn_yt_fail(visit, "badRequest", "The body has to be multipart/related with a boundary.");
        return;
    }
    if (!multipart && !judge_type(visit, purpose, type)) {
        return;
    }
    if (kn_mimic_length(visit->exchange) > kn_yt_most(purpose) + AROUND_BYTES) {
        kn_yt_fail(visit, "mediaTooLarge", NULL);
        return;
    }
    sending->session = session_new(visit);
    sending->session->gone = true; /* nobody continues it */
    visit->own = sending;
    visit->take = multipart ? take_related : NULL;
    kn_mimic_stream(visit, sending->session->upload, kn_yt_most(purpose));
}

static void end_whole(struct kn_mimic_visit *visit, struct sending *sending)
{
    struct kn_yt_session *session = sending->session;
    const struct kn_related *related = &sending->related;
    if (sending->multipart && related->at != KN_RELATED_END && !visit->over) {
        kn_yt_fail(visit, "badRequest", "The multipart body is malformed.");
        return;
    }
    const json_t *body = sending->multipart
                             ? read_metadata(visit, related->json.at, related->json.length)
                             : read_metadata(visit, "", 0);
    if (!body || !open_for(visit, session, body))
        return;
    if (sending->multipart && !judge_type(visit, session->purpose, related->file_type))
        return;
    if (visit->over)
        kn_yt_fail(visit, "mediaTooLarge", NULL);
    else if (!visit->stored)
        kn_yt_fail(visit,
                   session->purpose == KN_YT_CAPTION ? "contentRequired" : "mediaBodyRequired",
                   NULL);
    else
        kn_yt_commit(visit, session);
}

/* ---- the route's functions ---- */

static bool is_busy(struct kn_mimic_visit *visit, const struct kn_yt_session *session)
{
    if (!session->finishing)
        return false;
    kn_mimic_header(visit, "Retry-After", "1");
    kn_yt_fail(visit, "backendError", NULL);
    return true;
}

void kn_yt_upload_begin(struct kn_mimic_visit *visit)
{
    const char *type = kn_mimic_query(visit->exchange, "uploadType");
    const char *id = kn_mimic_query(visit->exchange, "upload_id");
    if (id) {
        struct kn_yt_session *session = find_session(visit, id);
        if (!session)
            kn_yt_fail(visit, "notFound", NULL);
        else if (session->done)
            kn_yt_answer_done(visit, session, 200);
        else if (!is_busy(visit, session))
            begin_chunk(visit, session);
        return;
    }
    if (strcmp(visit->exchange->method, "POST") != 0)
        kn_yt_fail(visit, "notFound", NULL);
    else if (!type || strcmp(type, "media") == 0)
        begin_whole(visit, false);
    else if (strcmp(type, "multipart") == 0)
        begin_whole(visit, true);
    else if (strcmp(type, "resumable") != 0)
        kn_yt_fail(visit, "badRequest", "uploadType has to be resumable, multipart or media.");
}

void kn_yt_upload_run(struct kn_mimic_visit *visit)
{
    struct sending *sending = visit->own;
    if (!sending) {
        open_session(visit);
    } else if (sending->session->gone) {
        end_whole(visit, sending);
        kn_related_free(&sending->related);
        if (!sending->session->done)
            kn_upload_discard(sending->session->upload);
    } else {
        end_chunk(visit, sending);
    }
}

void kn_yt_upload_gone(struct kn_mimic_visit *visit)
{
    struct sending *sending = visit->own;
    if (!sending)
        return;
    kn_related_free(&sending->related);
    if (sending->session->gone) {
        kn_upload_discard(sending->session->upload); /* nobody can continue it */
        return;
    }
    shorten_to_grain(visit, sending->session->upload);
    sending->session->chunk = 0;
}
