/* What a container may say, and what its file may be ("IG User Media", 2026-09-11). */
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "sandbox/platforms/instagram.h"
#include "sandbox/platforms/words.h"

enum {
    CAPTION_UNITS = 2200,
    HASHTAGS = 30,
    MENTIONS = 20,
    WIDTH_PX = 1920,
    BITS_A_SECOND = 25000000,
    AUDIO_HZ = 48000,
    LEAST_S = 3,
    REEL_S = 900,
    STORY_S = 60,
    UNSUPPORTED = 2207026,
    BAD_ASPECT = 2207009,
    BAD_THUMB = 2207057,
};

/* ---- parameters ---- */

enum type { TRUTH, WHOLE, DIGITS, TEXT, LIST, TRIAL };
static const struct param {
    const char *name;
    enum type type;
    int most; /* of LIST: items */
} params[] = {
    {"share_to_feed", TRUTH, 0},       {"is_ai_generated", TRUTH, 0},
    {"is_paid_partnership", TRUTH, 0}, {"thumb_offset", WHOLE, 0},
    {"location_id", DIGITS, 0},        {"audio_name", TEXT, 0},
    {"collaborators", LIST, 3},        {"branded_content_sponsor_ids", LIST, 2},
    {"user_tags", LIST, 20},           {"trial_params", TRIAL, 0},
};

/* The value as JSON, whichever way it came; NULL: it is none. Returns owned. */
static json_t *structure_of(struct kn_mimic_visit *visit, const char *name)
{
    json_t *value = json_object_get(kn_mimic_body(visit), name);
    const char *text = kn_ig_param(visit, name);
    if (json_is_array(value) || json_is_object(value))
        return json_incref(value);
    return text ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
}

static bool trial_fits(const json_t *trial)
{
    const char *strategy = json_string_value(json_object_get(trial, "graduation_strategy"));
    return strategy && (strcmp(strategy, "MANUAL") == 0 || strcmp(strategy, "SS_PERFORMANCE") == 0);
}

static bool is_truth(const char *text)
{
    static const char *const truths[] = {"true", "false", "1", "0"};
    for (size_t i = 0; i < KN_COUNT_OF(truths); i++)
        if (strcmp(text, truths[i]) == 0)
            return true;
    return false;
}

static bool param_fits(struct kn_mimic_visit *visit, const struct param *param)
{
    const char *text = kn_ig_param(visit, param->name);
    long long number;
    if (param->type == LIST || param->type == TRIAL) {
        json_t *value = structure_of(visit, param->name);
        bool there = value || text;
        bool fits = param->type == TRIAL
                        ? trial_fits(value)
                        : json_is_array(value) && json_array_size(value) <= (size_t)param->most;
        json_decref(value);
        return !there || fits;
    }
    if (!text)
        return true;
    return param->type == TRUTH    ? is_truth(text)
           : param->type == WHOLE  ? kn_parse_int(text, 0, INT64_MAX / 1000, &number)
           : param->type == DIGITS ? strspn(text, "0123456789") == strlen(text)
                                   : kn_utf8_valid(text, strlen(text));
}

static bool judge_caption(struct kn_mimic_visit *visit)
{
    const char *caption = kn_ig_param(visit, "caption");
    if (!caption)
        return true;
    if (!kn_utf8_valid(caption, strlen(caption)))
        kn_ig_fail(visit, 100, 0, "Param caption must be a valid UTF-8 string");
    else if (kn_utf16_units(caption) > CAPTION_UNITS || kn_tags_count(caption, '#') > HASHTAGS)
        kn_ig_fail(visit, 36004, 2207010, NULL);
    else if (kn_tags_count(caption, '@') > MENTIONS)
        kn_ig_fail(visit, 100, 2207040, NULL);
    else
        return true;
    return false;
}

bool kn_ig_judge_params(struct kn_mimic_visit *visit)
{
    if (!judge_caption(visit))
        return false;
    for (size_t i = 0; i < KN_COUNT_OF(params); i++)
        if (!param_fits(visit, &params[i])) {
            if (strcmp(params[i].name, "thumb_offset") == 0)
                kn_ig_fail(visit, 1, BAD_THUMB, NULL);
            else
                kn_ig_fail(visit, 100, 0,
                           kn_arena_printf(visit->arena, "(#100) Param %s has an invalid value",
                                           params[i].name));
            return false;
        }
    return true;
}

/* ---- the file ---- */

/* 300 MB, or 100 MB. */
int64_t kn_ig_most(const struct kn_ig_container *container)
{
    return container->story ? 100000000 : 300000000;
}

static bool codecs_fit(const struct kn_shown_facts *facts)
{
    bool video = strcmp(facts->video, "h264") == 0 || strcmp(facts->video, "hevc") == 0;
    bool audio =
        !facts->audio[0] || (strcmp(facts->audio, "aac") == 0 && facts->audio_rate_hz <= AUDIO_HZ &&
                             facts->audio_channels <= 2);
    bool halved =
        strncmp(facts->pixels, "yuv420p", 7) == 0 || /* the second is the same, full range */
        strcmp(facts->pixels, "yuvj420p") == 0;
    return facts->readable && video && audio && halved && !facts->interlaced;
}

int kn_ig_judge_file(const struct kn_ig_container *container, bool priming)
{
    const struct kn_shown_facts *facts = &container->upload->facts;
    double seconds = (double)facts->duration_us / KN_US_PER_S;
    double aspect = facts->height > 0 ? (double)facts->width / facts->height : 0;
    if (!strstr(facts->container, "mp4") || !codecs_fit(facts) || !facts->moov_first ||
        (priming ? facts->rearranged : facts->edits))
        return UNSUPPORTED;
    if (facts->fps < 23 || facts->fps > 60 || facts->width > WIDTH_PX)
        return UNSUPPORTED;
    if (seconds < LEAST_S || seconds > (container->story ? STORY_S : REEL_S))
        return UNSUPPORTED;
    if (container->upload->stored > kn_ig_most(container) ||
        (double)container->upload->stored * 8 / seconds > BITS_A_SECOND)
        return UNSUPPORTED;
    if (aspect < (container->story ? 0.1 : 0.01) || aspect > 10)
        return BAD_ASPECT;
    return container->thumb_offset_ms * 1000 >= facts->duration_us ? BAD_THUMB : 0;
}
