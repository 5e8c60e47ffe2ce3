/* Subtitles beside a video: an upload of their own, and a request that joins the two. Nobody sees
 * any of it before the post, so it is done in one go, and from the beginning when that fails. */
#include <ctype.h>
#include <string.h>

#include <unicode/uloc.h>
#include <unicode/ustring.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "platform/x.h"

enum { SUBTITLES_BYTES_MAX = 1000000, TRIES_MAX = 3, TRY_WAIT_S = 5, NAME_UNITS = 64 };

struct track {
    const char *data, *id;
    size_t size;
    char code[3];              /* "EN" */
    char name[NAME_UNITS * 3]; /* "English", in the language itself */
    const char *refusal;       /* what X said */
};

static enum kn_status done(struct kn_posting *posting, struct kn_error *err)
{
    kn_posting_set_number(posting, "subtitles_done", 1);
    kn_posting_forget(posting, "subtitles_tries");
    enum kn_status status = kn_posting_remember(posting, err);
    return status == KN_OK ? kn_posting_step(posting) : status;
}

static enum kn_status give_up(struct kn_posting *posting, const char *why, struct kn_error *err)
{
    kn_posting_remark(posting, "subtitles could not be added: %s", why);
    return done(posting, err);
}

static bool name_language(const char *language, struct track *track)
{
    UErrorCode failed = U_ZERO_ERROR;
    UChar name[NAME_UNITS];
    int32_t length;
    if (!language || !isalpha((unsigned char)language[0]) || !isalpha((unsigned char)language[1]) ||
        isalpha((unsigned char)language[2]))
        return false; /* X has codes of two letters alone */
    for (int i = 0; i < 2; i++)
        track->code[i] = (char)toupper((unsigned char)language[i]);
    length = uloc_getDisplayLanguage(language, language, name, NAME_UNITS, &failed);
    u_strToUTF8(track->name, sizeof track->name, NULL, name, KN_MIN(length, NAME_UNITS), &failed);
    return U_SUCCESS(failed) && track->name[0];
}

/* One of the requests: REMOTE where X does not do it, with the sentence in `refusal`. */
static enum kn_status take(struct kn_posting *posting, struct track *track,
                           const struct kn_http_answer *answer, struct kn_error *err)
{
    if (answer->status / 100 == 2)
        return KN_OK;
    track->refusal = kn_arena_printf(posting->arena, "X answers %d: %s", answer->status,
                                     kn_x_detail(posting, answer));
    return kn_error_set(err, KN_REMOTE, "%s", track->refusal);
}

static enum kn_status initialize(struct kn_posting *posting, struct track *track,
                                 struct kn_error *err)
{
    struct kn_http_answer answer;
    KN_SCOPED_JSON body = json_pack("{s:s, s:s, s:I}", "media_type", "text/srt", "media_category",
                                    "subtitles", "total_bytes", (json_int_t)track->size);
    enum kn_status status = kn_x_call(
        posting, "POST", kn_x_api(posting, "/2/media/upload/initialize"), body, &answer, NULL, err);
    if (status == KN_OK)
        status = take(posting, track, &answer, err);
    if (status != KN_OK)
        return status;
    track->id = kn_answer_id(posting, kn_answer_json(posting, &answer), "data.id");
    return track->id ? KN_OK : kn_error_set(err, KN_REMOTE, "X's answer names no upload");
}

static enum kn_status append(struct kn_posting *posting, struct track *track, struct kn_error *err)
{
    struct kn_http_answer answer;
    const struct kn_http_part parts[] = {
        {.name = "segment_index", .data = "0", .size = 1},
        {.name = "media",
         .filename = "subtitles.srt",
         .content_type = "text/srt",
         .data = track->data,
         .size = track->size},
    };
    const struct kn_posting_call call = {
        .request = {.url = kn_x_api(posting, "/2/media/upload/%s/append", track->id),
                    .parts = parts,
                    .part_count = KN_COUNT_OF(parts)},
        .token = KN_TOKEN_BEARER,
    };
    enum kn_status status = kn_posting_call(posting, &call, &answer, NULL, err);
    return status == KN_OK ? take(posting, track, &answer, err) : status;
}

static enum kn_status finalize(struct kn_posting *posting, struct track *track,
                               struct kn_error *err)
{
    struct kn_http_answer answer;
    const char *url = kn_x_api(posting, "/2/media/upload/%s/finalize", track->id);
    enum kn_status status = kn_x_call(posting, "POST", url, NULL, &answer, NULL, err);
    return status == KN_OK ? take(posting, track, &answer, err) : status;
}

static enum kn_status join(struct kn_posting *posting, struct track *track, struct kn_error *err)
{
    struct kn_http_answer answer;
    KN_SCOPED_JSON body =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "id", kn_posting_text(posting, "media"),
                  "media_category", "TweetVideo", "subtitles", "id", track->id, "display_name",
                  track->name, "language_code", track->code);
    enum kn_status status = kn_x_call(posting, "POST", kn_x_api(posting, "/2/media/subtitles"),
                                      body, &answer, NULL, err);
    return status == KN_OK ? take(posting, track, &answer, err) : status;
}

static enum kn_status upload(struct kn_posting *posting, struct track *track, struct kn_error *err)
{
    enum kn_status status = initialize(posting, track, err);
    if (status == KN_OK)
        status = append(posting, track, err);
    if (status == KN_OK)
        status = finalize(posting, track, err);
    if (status == KN_OK)
        status = join(posting, track, err);
    return status;
}

enum kn_status kn_x_subtitles(struct kn_posting *posting, struct kn_error *err)
{
    struct track track = {0};
    KN_SCOPED_MEM char *data = NULL;
    if (!name_language(posting->text.language, &track))
        return give_up(posting, "their language is not known", err);
    if (kn_file_read(posting->clip.subtitles, SUBTITLES_BYTES_MAX, &data, &track.size, err) !=
        KN_OK)
        return give_up(posting, kn_error_text(err), err);
    track.data = data;
    enum kn_status status = upload(posting, &track, err);
    if (status == KN_CANCELLED || status == KN_LOST)
        return status;
    if (status == KN_OK)
        return done(posting, err);
    int64_t tries = kn_posting_number(posting, "subtitles_tries") + 1;
    if (tries >= TRIES_MAX)
        return give_up(posting, kn_error_text(err), err);
    kn_posting_set_number(posting, "subtitles_tries", tries);
    return kn_posting_wait(posting, kn_posting_now_us(posting) + TRY_WAIT_S * KN_US_PER_S,
                           "subtitles are tried again: %s", kn_error_text(err));
}
