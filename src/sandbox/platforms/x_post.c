/* Posts ("Create Post", "Delete Post"): what is refused, and what comes into the ledger. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/x.h"
#include "sandbox/platforms/x_text.h"

enum { IMAGES_MAX = 4, POINTS_MAX = 25000, SLUG_LENGTH = 10 };
#define POST_DOLLARS 0.015
#define LINK_DOLLARS 0.20 /* of a post with an address */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* ---- the body ---- */

static const char *const audiences[] = {"following", "mentionedUsers", "subscribers", "verified",
                                        NULL};
static const struct kn_xapi_field id_item = {.name = "id", .type = KN_XAPI_ID};
static const struct kn_xapi_field option_item = {
    .name = "option", .type = KN_XAPI_TEXT, .least = 1, .most = 25};
static const struct kn_xapi_field nothing[] = {{0}};

static const struct kn_xapi_field media_fields[] = {
    {.name = "media_ids",
     .type = KN_XAPI_LIST,
     .required = true,
     .least = 1,
     .most = 4,
     .inner = &id_item},
    {.name = "tagged_user_ids", .type = KN_XAPI_LIST, .most = 10, .inner = &id_item},
    {.name = "title", .type = KN_XAPI_TEXT},
    {.name = "description", .type = KN_XAPI_TEXT},
    {.name = "preview_media_id", .type = KN_XAPI_ID},
    {.name = "embeddable", .type = KN_XAPI_BOOL},
    {.name = "call_to_actions", .type = KN_XAPI_OBJECT, .inner = nothing},
    {0},
};
static const struct kn_xapi_field reply_fields[] = {
    {.name = "in_reply_to_tweet_id", .type = KN_XAPI_ID, .required = true},
    {.name = "exclude_reply_user_ids", .type = KN_XAPI_LIST, .inner = &id_item},
    {.name = "auto_populate_reply_metadata", .type = KN_XAPI_BOOL},
    {0},
};
static const struct kn_xapi_field poll_fields[] = {
    {.name = "options",
     .type = KN_XAPI_LIST,
     .required = true,
     .least = 2,
     .most = 4,
     .inner = &option_item},
    {.name = "duration_minutes",
     .type = KN_XAPI_INTEGER,
     .required = true,
     .least = 5,
     .most = 10080},
    {.name = "reply_settings", .type = KN_XAPI_TEXT, .among = audiences},
    {0},
};
static const struct kn_xapi_field geo_fields[] = {{.name = "place_id", .type = KN_XAPI_TEXT}, {0}};
static const struct kn_xapi_field edit_fields[] = {
    {.name = "previous_post_id", .type = KN_XAPI_ID, .required = true}, {0}};
static const struct kn_xapi_field post_fields[] = {
    {.name = "text", .type = KN_XAPI_TEXT},
    {.name = "media", .type = KN_XAPI_OBJECT, .inner = media_fields},
    {.name = "reply", .type = KN_XAPI_OBJECT, .inner = reply_fields},
    {.name = "reply_settings", .type = KN_XAPI_TEXT, .among = audiences},
    {.name = "quote_tweet_id", .type = KN_XAPI_ID},
    {.name = "poll", .type = KN_XAPI_OBJECT, .inner = poll_fields},
    {.name = "made_with_ai", .type = KN_XAPI_BOOL},
    {.name = "paid_partnership", .type = KN_XAPI_BOOL},
    {.name = "community_id", .type = KN_XAPI_ID},
    {.name = "share_with_followers", .type = KN_XAPI_BOOL},
    {.name = "for_super_followers_only", .type = KN_XAPI_BOOL},
    {.name = "geo", .type = KN_XAPI_OBJECT, .inner = geo_fields},
    {.name = "nullcast", .type = KN_XAPI_BOOL},
    {.name = "edit_options", .type = KN_XAPI_OBJECT, .inner = edit_fields},
    {.name = "card_uri", .type = KN_XAPI_TEXT},
    {.name = "direct_message_deep_link", .type = KN_XAPI_TEXT},
    {0},
};

/* What a post cannot have together. */
static bool excludes_itself(struct kn_mimic_visit *visit, const json_t *body)
{
    static const char *const alone[] = {"media", "poll", "quote_tweet_id", "card_uri",
                                        "direct_message_deep_link"};
    int count = 0;
    for (size_t i = 0; i < KN_COUNT_OF(alone); i++)
        count += json_object_get(body, alone[i]) != NULL;
    if (count > 1)
        kn_xapi_invalid(
            visit, NULL, NULL,
            "media, poll, quote_tweet_id, card_uri and direct_message_deep_link exclude "
            "each other.");
    return count > 1;
}

/* Replies are for posts that summon the app, and quotes, communities and advertisements for other
 * plans than those that anybody can have. */
static bool needs_another_plan(struct kn_mimic_visit *visit, const json_t *body)
{
    static const char *const fields[] = {"reply",        "quote_tweet_id",
                                         "community_id", "for_super_followers_only",
                                         "nullcast",     "edit_options"};
    for (size_t i = 0; i < KN_COUNT_OF(fields); i++) {
        const json_t *value = json_object_get(body, fields[i]);
        if (!value || json_is_false(value))
            continue;
        kn_xapi_forbid(visit, NULL);
        return true;
    }
    return false;
}

/* ---- its media ---- */

static bool refuse_media(struct kn_mimic_visit *visit, const char *id)
{
    kn_xapi_invalid(visit, "media.media_ids", id, "Your media IDs are invalid.");
    return false;
}

/* Four images, or a GIF, or a video. */
static bool mixes(const struct kn_xapi_post *post)
{
    int images = 0;
    for (int i = 0; i < post->media.count; i++)
        images += post->media.at[i]->kind == KN_XAPI_IMAGE;
    return post->media.count > 1 && (images < post->media.count || images > IMAGES_MAX);
}

static bool takes_too_long(struct kn_mimic_visit *visit, const struct kn_xapi_media *media)
{
    double most_s = visit->m->settings[KN_MIMIC_X_SECONDS];
    if (media->kind != KN_XAPI_VIDEO || (double)media->upload->facts.duration_us <= most_s * 1e6)
        return false;
    kn_xapi_forbid(visit, kn_arena_printf(visit->arena,
                                          "This user is not allowed to post a video longer than %d "
                                          "minutes.",
                                          (int)(most_s / 60)));
    return true;
}

static bool take_media(struct kn_mimic_visit *visit, const json_t *ids, struct kn_xapi_post *post)
{
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        struct kn_xapi_media *media = kn_xapi_find(visit, id);
        if (!media || !kn_xapi_is_ready(visit, media) || media->kind == KN_XAPI_CAPTIONS ||
            kn_starts_with(media->category, "dm_"))
            return refuse_media(visit, id);
        for (int k = 0; k < post->media.count; k++)
            if (post->media.at[k] == media)
                return refuse_media(visit, id);
        kn_vec_push(&post->media, media);
    }
    if (mixes(post)) {
        kn_xapi_invalid(visit, "media.media_ids", NULL,
                        "A post has up to four images, or one GIF, or one video.");
        return false;
    }
    for (int i = 0; i < post->media.count; i++)
        if (takes_too_long(visit, post->media.at[i]))
            return false;
    return true;
}

/* ---- its text ---- */

static bool judge_text(struct kn_mimic_visit *visit, const char *text,
                       const struct kn_xapi_text *read, bool needed)
{
    if (needed && !text[0])
        kn_xapi_invalid(visit, "$.text", NULL, "$.text: is missing but it is required");
    else if (read->invalid)
        kn_xapi_invalid(visit, "$.text", NULL, "$.text: holds characters that are not allowed");
    else if (read->weight > KN_XAPI_WEIGHT_MAX || read->cashtags > 1)
        kn_xapi_forbid(visit, NULL);
    return !visit->decided;
}

/* The same text by the same account, not long ago; without a text the same file. */
static bool is_duplicate(const struct kn_mimic_visit *visit, const struct kn_xapi_post *post)
{
    const struct kn_xapi_state *state = visit->state;
    int64_t since_us = visit->now_us - (int64_t)(visit->m->settings[KN_MIMIC_X_DUPLICATES] * 1e6);
    for (int i = 0; i < state->posts.count; i++) {
        const struct kn_xapi_post *other = state->posts.at[i];
        bool same = other->account == post->account && !other->deleted &&
                    other->made_us > since_us && strcmp(other->text, post->text) == 0;
        if (same && !post->text[0])
            same = other->media.count > 0 &&
                   strcmp(other->media.at[0]->upload->hash, post->media.at[0]->upload->hash) == 0;
        if (same)
            return true;
    }
    return false;
}

static const char *shorten(void *arg)
{
    struct kn_mimics *m = arg;
    return kn_arena_printf(m->arena, "https://t.co/%s", kn_mimics_make_id(m, letters, SLUG_LENGTH));
}

/* Media are a link at the end. */
static const char *show(struct kn_mimic_visit *visit, const struct kn_xapi_text *read, bool media)
{
    struct kn_mimics *m = visit->m;
    const char *text = kn_xapi_text_show(read, m->arena, shorten, m);
    return media ? kn_arena_printf(m->arena, "%s%s%s", text, text[0] ? " " : "", shorten(m)) : text;
}

/* ---- into the ledger ---- */

static json_t *subtitles_json(const struct kn_xapi_media *media)
{
    json_t *list = json_array();
    for (int i = 0; i < media->subtitles.count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s}", "id", media->subtitles.at[i].media_id,
                                        "name", media->subtitles.at[i].name, "language",
                                        media->subtitles.at[i].language));
    return list;
}

static void enter_ledger(struct kn_mimic_visit *visit, struct kn_xapi_post *post,
                         const json_t *body)
{
    struct kn_mimics *m = visit->m;
    const struct kn_xapi_media *media = post->media.count ? post->media.at[0] : NULL;
    post->post = kn_shown_posts_add(m, "x", post->account, visit->now_us);
    post->post->id = post->id;
    post->post->url = kn_arena_printf(m->arena, "https://x.com/%s/status/%s",
                                      m->accounts[post->account], post->id);
    post->post->text = kn_mimics_keep(
        m, json_pack("{s:o, s:o, s:b, s:o, s:o}", "caption", kn_json_text(post->text), "shown",
                     kn_json_text(post->shown), "made_with_ai",
                     json_is_true(json_object_get(body, "made_with_ai")), "alt_text",
                     kn_json_text(media ? media->alt_text : NULL), "subtitles",
                     media ? subtitles_json(media) : json_array()));
    if (media && media->kind == KN_XAPI_IMAGE)
        post->post->cover = media->upload;
    else if (media)
        post->post->video = media->upload;
    kn_shown_appear(m, post->post, visit->now_us);
}

static void publish(struct kn_mimic_visit *visit, struct kn_xapi_post *post,
                    const struct kn_xapi_text *read, const json_t *body)
{
    struct kn_xapi_state *state = visit->state;
    post->id = kn_xapi_make_id(visit->m);
    post->text = kn_arena_strdup(visit->m->arena, post->text);
    post->shown = show(visit, read, post->media.count > 0);
    kn_vec_push(&state->posts, post);
    enter_ledger(visit, post, body);
    kn_mimic_json(visit, 201,
                  json_pack("{s:{s:s, s:o, s:[s]}}", "data", "id", post->id, "text",
                            kn_json_text(post->shown), "edit_history_post_ids", post->id));
}

/* ---- the routes' functions ---- */

/* False: the answer is made. */
static bool judge(struct kn_mimic_visit *visit, const json_t *body, struct kn_xapi_post *post,
                  struct kn_xapi_text *ret_read)
{
    const json_t *media = json_object_get(body, "media");
    if (excludes_itself(visit, body) || needs_another_plan(visit, body))
        return false;
    if (kn_utf8_count(post->text) > POINTS_MAX) {
        kn_xapi_forbid(visit, NULL);
        return false;
    }
    kn_xapi_text_read(post->text, visit->arena, ret_read);
    if (!judge_text(visit, post->text, ret_read, !media) ||
        !take_media(visit, json_object_get(media, "media_ids"), post))
        return false;
    if (is_duplicate(visit, post)) {
        kn_xapi_forbid(visit, "You are not allowed to create a Tweet with duplicate content.");
        return false;
    }
    return kn_xapi_charge(visit, ret_read->links ? LINK_DOLLARS : POST_DOLLARS);
}

void kn_xapi_create(struct kn_mimic_visit *visit)
{
    const json_t *body = kn_xapi_body(visit, post_fields);
    if (!body)
        return;
    struct kn_xapi_text read;
    struct kn_xapi_post *post = kn_arena_alloc(visit->m->arena, sizeof *post);
    const char *text = json_string_value(json_object_get(body, "text"));
    post->account = visit->who.account;
    post->made_us = visit->now_us;
    post->text = text ? text : "";
    if (judge(visit, body, post, &read))
        publish(visit, post, &read, body);
    else
        kn_vec_free(&post->media);
}

void kn_xapi_delete(struct kn_mimic_visit *visit)
{
    const struct kn_xapi_state *state = visit->state;
    for (int i = 0; i < state->posts.count; i++) {
        struct kn_xapi_post *post = state->posts.at[i];
        if (post->deleted || strcmp(post->id, visit->wild[0]) != 0)
            continue;
        if (post->account != visit->who.account) {
            kn_xapi_forbid(visit, NULL);
            return;
        }
        post->deleted = true;
        post->post->state = KN_SHOWN_DELETED;
        kn_mimic_json(visit, 200, json_pack("{s:{s:b}}", "data", "deleted", true));
        return;
    }
    kn_xapi_missing(visit, "tweet", visit->wild[0]);
}
