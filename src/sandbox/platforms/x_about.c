/* What is said about media: descriptions of images, subtitles of videos. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "sandbox/platforms/x.h"

enum { ALT_TEXT_CHARACTERS = 1000, NAME_CHARACTERS = 150 };
#define METADATA_DOLLARS 0.005

/* Of the bearer; NULL: the answer is made. */
static struct kn_xapi_media *media_of(struct kn_mimic_visit *visit, const json_t *object)
{
    const char *id = json_string_value(json_object_get(object, "id"));
    struct kn_xapi_media *media = kn_xapi_find(visit, id);
    if (!media)
        kn_xapi_missing(visit, "media", id);
    return media;
}

void kn_xapi_metadata(struct kn_mimic_visit *visit)
{
    static const struct kn_xapi_field alt_text[] = {
        {.name = "text", .type = KN_XAPI_TEXT, .required = true, .most = ALT_TEXT_CHARACTERS}, {0}};
    static const struct kn_xapi_field metadata[] = {
        {.name = "alt_text", .type = KN_XAPI_OBJECT, .inner = alt_text}, {0}};
    static const struct kn_xapi_field fields[] = {
        {.name = "id", .type = KN_XAPI_ID, .required = true},
        {.name = "metadata", .type = KN_XAPI_OBJECT, .inner = metadata},
        {0},
    };
    const json_t *body = kn_xapi_body(visit, fields);
    struct kn_xapi_media *media = body ? media_of(visit, body) : NULL;
    if (!media)
        return;
    if (media->kind != KN_XAPI_IMAGE && media->kind != KN_XAPI_GIF) {
        kn_xapi_invalid(visit, "$.id", media->id, "Metadata is for images and GIFs.");
        return;
    }
    if (!kn_xapi_charge(visit, METADATA_DOLLARS))
        return;
    const json_t *said = json_object_get(body, "metadata");
    const char *text =
        json_string_value(json_object_get(json_object_get(said, "alt_text"), "text"));
    media->alt_text = kn_arena_strdup(visit->m->arena, text);
    kn_mimic_json(visit, 200,
                  json_pack("{s:{s:s, s:o}}", "data", "id", media->id, "associated_metadata",
                            said ? json_deep_copy(said) : json_object()));
}

/* ---- subtitles ---- */

/* "EN": two capital letters. */
static bool is_language(const char *code)
{
    return strlen(code) == 2 && isupper((unsigned char)code[0]) && isupper((unsigned char)code[1]);
}

static bool joins(struct kn_mimic_visit *visit, const struct kn_xapi_media *video,
                  const struct kn_xapi_media *captions, const char *category, const char *language)
{
    static const char *const pairs[][2] = {{"TweetVideo", "tweet_video"},
                                           {"AmplifyVideo", "amplify_video"}};
    bool fits = false;
    for (size_t i = 0; i < KN_COUNT_OF(pairs); i++)
        fits |= strcmp(category, pairs[i][0]) == 0 && strcmp(video->category, pairs[i][1]) == 0;
    if (!is_language(language))
        kn_xapi_invalid(visit, "$.subtitles.language_code", language,
                        "$.subtitles.language_code: does not match ^[A-Z]{2}$");
    else if (!fits)
        kn_xapi_invalid(visit, "$.media_category", category,
                        "$.media_category: is not that of the video");
    else if (captions->kind != KN_XAPI_CAPTIONS || !captions->finalized)
        kn_xapi_invalid(visit, "$.subtitles.id", captions->id,
                        "$.subtitles.id: is no finalized upload of subtitles");
    return !visit->decided;
}

void kn_xapi_subtitles(struct kn_mimic_visit *visit)
{
    static const char *const categories[] = {"TweetVideo", "AmplifyVideo", NULL};
    static const struct kn_xapi_field subtitles[] = {
        {.name = "id", .type = KN_XAPI_ID, .required = true},
        {.name = "display_name",
         .type = KN_XAPI_TEXT,
         .required = true,
         .least = 1,
         .most = NAME_CHARACTERS},
        {.name = "language_code", .type = KN_XAPI_TEXT, .required = true},
        {0},
    };
    static const struct kn_xapi_field fields[] = {
        {.name = "id", .type = KN_XAPI_ID, .required = true},
        {.name = "media_category", .type = KN_XAPI_TEXT, .required = true, .among = categories},
        {.name = "subtitles", .type = KN_XAPI_OBJECT, .required = true, .inner = subtitles},
        {0},
    };
    const json_t *body = kn_xapi_body(visit, fields);
    const json_t *said = json_object_get(body, "subtitles");
    struct kn_xapi_media *video = body ? media_of(visit, body) : NULL;
    const struct kn_xapi_media *captions = video ? media_of(visit, said) : NULL;
    if (!captions)
        return;
    const char *category = json_string_value(json_object_get(body, "media_category"));
    const char *language = json_string_value(json_object_get(said, "language_code"));
    if (!joins(visit, video, captions, category, language))
        return;
    const char *name = json_string_value(json_object_get(said, "display_name"));
    struct kn_arena *arena = visit->m->arena;
    kn_vec_push(&video->subtitles,
                ((struct kn_xapi_subtitles){captions->id, kn_arena_strdup(arena, name),
                                            kn_arena_strdup(arena, language)}));
    kn_mimic_json(visit, 200,
                  json_pack("{s:{s:s, s:s, s:[o]}}", "data", "id", video->id, "media_category",
                            category, "associated_subtitles", json_deep_copy(said)));
}
