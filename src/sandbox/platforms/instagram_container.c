/* Containers: what a post is made of before it is published ("IG Container", 2026-09-11). */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "sandbox/platforms/hosted.h"
#include "sandbox/platforms/instagram.h"

enum { COVER_BYTES = 8000000, UPLOAD_FAILED = 2207053 };

/* ---- where the file comes from ---- */

static bool judge_source(struct kn_mimic_visit *visit, const char *url, const char *way)
{
    if (way && strcmp(way, "resumable") != 0)
        kn_ig_fail(visit, 100, 0, "(#100) Param upload_type must be one of {RESUMABLE}");
    else if (url && way)
        kn_ig_fail(visit, 100, 0, "(#100) video_url and upload_type exclude each other");
    else if (!url && !way)
        kn_ig_fail(visit, 100, 0, "(#100) The parameter video_url is required");
    else if (way && !kn_scopes_suffice(visit->who.grant->scopes, KN_IG_MAY_RESUME))
        kn_ig_fail(visit, 100, 0,
                   "(#100) upload_type=resumable is for apps with Facebook Login alone");
    else
        return true;
    return false;
}

/* A JPEG at a place that can be fetched; false: the answer is made. */
static bool fetch_cover(struct kn_mimic_visit *visit, struct kn_ig_container *container)
{
    const char *url = kn_ig_param(visit, "cover_url");
    if (!url)
        return true;
    container->cover = kn_hosted_find(visit, url);
    if (!container->cover)
        kn_ig_fail(visit, 9004, 2207052, NULL);
    else if (strcmp(container->cover->facts.video, "mjpeg") != 0)
        kn_ig_fail(visit, 36001, 2207005, NULL);
    else if (container->cover->stored > COVER_BYTES)
        kn_ig_fail(visit, 36000, 2207004, NULL);
    else
        return true;
    return false;
}

static bool fetch(struct kn_mimic_visit *visit, struct kn_ig_container *container)
{
    const char *url = kn_ig_param(visit, "video_url");
    const char *way = kn_ig_param(visit, "upload_type");
    if (!judge_source(visit, url, way) || !fetch_cover(visit, container))
        return false;
    container->resumable = way != NULL;
    if (!url)
        return true;
    container->upload = kn_hosted_find(visit, url);
    if (!container->upload)
        kn_ig_fail(visit, 9004, 2207052, NULL);
    return container->upload != NULL;
}

/* ---- creating ---- */

static bool judge_type(struct kn_mimic_visit *visit, bool *ret_story)
{
    const char *type = kn_ig_param(visit, "media_type");
    *ret_story = type && strcmp(type, "STORIES") == 0;
    if (*ret_story || (type && strcmp(type, "REELS") == 0))
        return true;
    kn_ig_fail(visit, 100, 2207023, NULL);
    return false;
}

/* By what the request says, which was judged. */
static void fill(struct kn_mimic_visit *visit, struct kn_ig_container *container)
{
    struct kn_mimics *m = visit->m;
    const char *offset = kn_ig_param(visit, "thumb_offset");
    const char *feed = kn_ig_param(visit, "share_to_feed");
    long long thumb = -1;
    if (offset && !container->cover)
        (void)kn_parse_int(offset, 0, INT64_MAX / 1000, &thumb); /* it was judged */
    container->thumb_offset_ms = thumb;
    container->to_feed = !feed || strcmp(feed, "true") == 0 || strcmp(feed, "1") == 0;
    container->id = kn_mimics_make_id(m, KN_MIMIC_DIGITS, 17);
    container->account = visit->who.account;
    container->caption = kn_arena_strdup(m->arena, kn_ig_param(visit, "caption"));
    container->made_us = visit->now_us;
    container->until_us = visit->now_us + KN_IG_DAY_US;
    container->file_size = -1;
    container->processing_s = m->settings[KN_MIMIC_PROCESSING_S];
    if (visit->fault.kind == KN_FAULT_SLOW_PROCESSING)
        container->processing_s = visit->fault.seconds ? visit->fault.seconds : 600;
    container->will_fail = visit->fault.kind == KN_FAULT_BAD_PROCESSING;
}

void kn_ig_create(struct kn_mimic_visit *visit)
{
    struct kn_ig_state *state = visit->state;
    const char *version = visit->wild[0] && visit->wild[0][0] == 'v' ? visit->wild[0] : "v25.0";
    struct kn_ig_container judged = {0};
    if (!kn_ig_enter(visit, KN_IG_MAY_PUBLISH) || !kn_ig_is_own(visit))
        return;
    if (visit->m->settings[KN_MIMIC_INSTAGRAM_PROFESSIONAL] == 0) {
        kn_ig_fail(visit, 10, 0, "(#10) The account is not a professional one");
        return;
    }
    if (!judge_type(visit, &judged.story) || !kn_ig_judge_params(visit) || !fetch(visit, &judged))
        return;
    if (kn_ig_recent(visit, true) >= visit->m->settings[KN_MIMIC_INSTAGRAM_CONTAINERS]) {
        kn_ig_fail(visit, 4, 0, "The account has made too many containers within 24 hours");
        return;
    }
    struct kn_ig_container *container = kn_arena_copy(visit->m->arena, &judged, sizeof judged);
    fill(visit, container);
    kn_vec_push(&state->containers, container);
    json_t *json = json_pack("{s:s}", "id", container->id);
    if (container->resumable) {
        container->upload = kn_spool_add(&visit->m->spool);
        json_object_set_new(
            json, "uri",
            json_sprintf("%s/ig-api-upload/%s/%s", kn_mimic_base(visit), version, container->id));
    } else {
        kn_ig_process(container, visit->now_us);
    }
    kn_mimic_json(visit, 200, json);
}

/* ---- time goes on ---- */

void kn_ig_process(struct kn_ig_container *container, int64_t now_us)
{
    container->whole = true;
    container->processed_us = now_us + (int64_t)(container->processing_s * 1e6);
}

void kn_ig_tick(struct kn_mimics *m, void *arg, int64_t now_us)
{
    struct kn_ig_state *state = arg;
    bool priming = m->settings[KN_MIMIC_INSTAGRAM_PRIMING] > 0;
    for (int i = 0; i < state->containers.count; i++) {
        struct kn_ig_container *container = state->containers.at[i];
        if (container->settled || !container->whole || now_us < container->processed_us)
            continue;
        container->settled = true;
        container->subcode =
            container->will_fail ? UPLOAD_FAILED : kn_ig_judge_file(container, priming);
    }
}

const char *kn_ig_status_code(const struct kn_ig_container *container, int64_t now_us)
{
    if (container->media)
        return "PUBLISHED";
    if (now_us >= container->until_us)
        return "EXPIRED";
    if (!container->settled)
        return "IN_PROGRESS";
    return container->subcode ? "ERROR" : "FINISHED";
}
