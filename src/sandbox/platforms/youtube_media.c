/* What uploads are for: videos, thumbnails, captions. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/youtube.h"

enum {
    THUMBNAIL_UNITS = 50,
    CAPTION_UNITS = 400,
    THUMBNAIL_BYTES = 2000000,
    NAME_CHARACTERS = 150
};

/* 256 GB; 2 MB, taken for decimal; 100 MB. */
int64_t kn_yt_most(enum kn_yt_purpose purpose)
{
    return purpose == KN_YT_VIDEO       ? INT64_C(256000000000)
           : purpose == KN_YT_THUMBNAIL ? THUMBNAIL_BYTES
                                        : 100000000;
}

/* ---- before the file is there ---- */

static bool channel_is_full(const struct kn_mimic_visit *visit)
{
    const struct kn_yt_state *state = visit->state;
    int64_t since_us = visit->now_us - INT64_C(86400) * KN_US_PER_S;
    int count = 0;
    for (int i = 0; i < state->videos.count; i++)
        count += state->videos.at[i]->account == visit->who.account &&
                 state->videos.at[i]->made_us > since_us;
    return count >= visit->m->settings[KN_MIMIC_YOUTUBE_UPLOADS];
}

bool kn_yt_open_video(struct kn_mimic_visit *visit, struct kn_yt_session *session,
                      const json_t *body)
{
    const char *parts = kn_yt_parts(visit);
    if (!parts || !kn_yt_charge_insert(visit) || !kn_yt_judge_video(visit, body, parts, NULL))
        return false;
    if (channel_is_full(visit)) {
        kn_yt_fail(visit, "uploadLimitExceeded", NULL);
        return false;
    }
    session->parts = kn_arena_strdup(visit->m->arena, parts);
    session->resource = (json_t *)body;
    return true;
}

static struct kn_yt_video *owned_video(struct kn_mimic_visit *visit, const char *id)
{
    struct kn_yt_video *video = id ? kn_yt_find(visit, id) : NULL;
    if (!id)
        kn_yt_fail(visit, "missingRequiredParameter", "The videoId is missing.");
    else if (!video)
        kn_yt_fail(visit, "videoNotFound", NULL);
    else if (video->account != visit->who.account)
        kn_yt_fail(visit, "forbidden", NULL);
    else
        return video;
    return NULL;
}

bool kn_yt_open_thumbnail(struct kn_mimic_visit *visit, struct kn_yt_session *session)
{
    session->video = owned_video(visit, session->video_id);
    if (!session->video || !kn_yt_charge(visit, THUMBNAIL_UNITS))
        return false;
    if (visit->m->settings[KN_MIMIC_YOUTUBE_VERIFIED] > 0)
        return true;
    kn_yt_fail(visit, "forbidden",
               "The authenticated user doesn't have permissions to upload and set custom video "
               "thumbnails.");
    return false;
}

bool kn_yt_open_caption(struct kn_mimic_visit *visit, struct kn_yt_session *session,
                        const json_t *body)
{
    const json_t *snippet = json_object_get(body, "snippet");
    const char *language = json_string_value(json_object_get(snippet, "language"));
    const char *name = json_string_value(json_object_get(snippet, "name"));
    const char *parts = kn_yt_parts(visit);
    if (!parts || !kn_yt_charge(visit, CAPTION_UNITS))
        return false;
    if (!language || !name || kn_utf8_count(name) > NAME_CHARACTERS ||
        !kn_yt_has_part(parts, "snippet")) {
        kn_yt_fail(visit, "invalidMetadata", NULL);
        return false;
    }
    session->video = owned_video(visit, json_string_value(json_object_get(snippet, "videoId")));
    if (!session->video)
        return false;
    for (int i = 0; i < session->video->captions.count; i++)
        if (strcmp(session->video->captions.at[i].language, language) == 0 &&
            strcmp(session->video->captions.at[i].name, name) == 0) {
            kn_yt_fail(visit, "captionExists", NULL);
            return false;
        }
    session->caption = (struct kn_yt_caption){kn_mimics_make_id(visit->m, KN_MIMIC_BASE64, 40),
                                              kn_arena_strdup(visit->m->arena, language),
                                              kn_arena_strdup(visit->m->arena, name)};
    return true;
}

/* ---- when it is there ---- */

static bool is_picture(const struct kn_upload *upload)
{
    static const unsigned char png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    unsigned char head[8] = {0};
    int fd = open(upload->path, O_RDONLY | O_CLOEXEC);
    bool read_it = fd >= 0 && read(fd, head, sizeof head) == (ssize_t)sizeof head;
    if (fd >= 0)
        close(fd);
    return read_it && (memcmp(head, "\xff\xd8\xff", 3) == 0 || memcmp(head, png, sizeof png) == 0);
}

static json_t *caption_json(const struct kn_mimic_visit *visit, const struct kn_yt_session *session)
{
    char now[KN_TIME_TEXT_BYTES];
    json_t *snippet =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:b, s:s}", "videoId",
                  session->video->id, "lastUpdated", kn_time_iso(visit->now_us, now), "trackKind",
                  "standard", "language", session->caption.language, "name", session->caption.name,
                  "audioTrackType", "unknown", "isCC", false, "isLarge", false, "isEasyReader",
                  false, "isDraft", false, "isAutoSynced", false, "status", "serving");
    return json_pack("{s:s, s:s, s:s, s:o}", "kind", "youtube#caption", "etag", session->id, "id",
                     session->caption.id, "snippet", snippet);
}

void kn_yt_answer_done(struct kn_mimic_visit *visit, const struct kn_yt_session *session,
                       int status)
{
    switch (session->purpose) {
    case KN_YT_VIDEO:
        kn_mimic_json(visit, status, kn_yt_video_json(visit, session->video, session->parts));
        break;
    case KN_YT_THUMBNAIL:
        kn_mimic_json(visit, 200,
                      json_pack("{s:s, s:s, s:[o]}", "kind", "youtube#thumbnailSetResponse", "etag",
                                session->id, "items",
                                kn_yt_thumbnails_json(visit, session->video)));
        break;
    case KN_YT_CAPTION:
        kn_mimic_json(visit, 200, caption_json(visit, session));
        break;
    }
}

/* The hash and the look into the file take time, in which others go on; who asks for this session
 * meanwhile is told to come back. */
void kn_yt_commit(struct kn_mimic_visit *visit, struct kn_yt_session *session)
{
    bool resumable = !session->gone;
    session->finishing = true;
    kn_mimics_leave(visit->m);
    kn_upload_finish(session->upload);
    kn_mimics_enter(visit->m);
    session->finishing = false;
    visit->now_us = kn_mimics_now_us(visit->m);
    if (session->purpose == KN_YT_THUMBNAIL && !is_picture(session->upload)) {
        session->gone = true;
        kn_yt_fail(visit, "invalidImage", NULL);
        return;
    }
    session->done = true;
    if (session->purpose == KN_YT_VIDEO)
        session->video = kn_yt_video_make(visit->m, visit->state, session, visit->now_us);
    if (session->purpose == KN_YT_THUMBNAIL)
        session->video->thumbnail = session->video->post->cover = session->upload;
    if (session->purpose == KN_YT_CAPTION)
        kn_vec_push(&session->video->captions, session->caption);
    kn_yt_answer_done(visit, session, resumable ? 201 : 200);
}
