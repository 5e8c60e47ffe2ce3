/* Publishing, and how often an account may ("IG User media_publish" and "IG User
 * content_publishing_limit", 2026-09-11). */
#include <string.h>

#include "sandbox/platforms/instagram.h"

/* The guide says 100 posts in 24 hours, the reference 50; `config` tells what counts here. */
void kn_ig_limit(struct kn_mimic_visit *visit)
{
    if (!kn_ig_enter(visit, KN_IG_MAY_PUBLISH) || !kn_ig_is_own(visit))
        return;
    const char *fields = kn_ig_param(visit, "fields");
    json_t *row = json_object();
    for (const char *at = fields ? fields : "quota_usage"; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        if (size == 11 && strncmp(at, "quota_usage", size) == 0) {
            json_object_set_new(row, "quota_usage", json_integer(kn_ig_recent(visit, false)));
        } else if (size == 6 && strncmp(at, "config", size) == 0) {
            double most = visit->m->settings[KN_MIMIC_INSTAGRAM_POSTS];
            json_object_set_new(
                row, "config",
                json_pack("{s:i, s:i}", "quota_total", (int)most, "quota_duration", 86400));
        } else {
            json_decref(row);
            kn_ig_fail(visit, 100, 0, "(#100) Tried accessing nonexisting field");
            return;
        }
        at += size;
    }
    kn_mimic_json(visit, 200, json_pack("{s:[o]}", "data", row));
}

/* Visible from this moment on. */
static struct kn_ig_media *make_media(struct kn_mimic_visit *visit,
                                      struct kn_ig_container *container)
{
    struct kn_mimics *m = visit->m;
    struct kn_ig_state *state = visit->state;
    struct kn_ig_media *media = kn_arena_alloc(m->arena, sizeof *media);
    media->id = kn_mimics_make_id(m, KN_MIMIC_DIGITS, 17);
    media->shortcode = kn_mimics_make_id(m, KN_MIMIC_BASE64, 11);
    media->container = container;
    media->at_us = visit->now_us;
    media->post = kn_shown_posts_add(m, "instagram", container->account, visit->now_us);
    media->post->id = media->id;
    media->post->url = kn_arena_printf(m->arena,
                                       container->story ? "https://www.instagram.com/stories/%s/%s/"
                                                        : "https://www.instagram.com/%s/%s/",
                                       container->story ? m->accounts[container->account] : "reel",
                                       container->story ? media->id : media->shortcode);
    media->post->video = container->upload;
    media->post->cover = container->cover;
    media->post->text = kn_mimics_keep(
        m, json_pack("{s:s, s:s, s:b}", "caption", container->caption ? container->caption : "",
                     "container", container->id, "share_to_feed", container->to_feed));
    kn_shown_appear(m, media->post, visit->now_us);
    kn_vec_push(&state->media, media);
    container->media = media;
    return media;
}

/* False: the container is not one that can be published now; the answer is made. */
static bool judge_container(struct kn_mimic_visit *visit, const struct kn_ig_container *container)
{
    if (!container) {
        kn_ig_fail(visit, 24, 2207008, NULL);
        return false;
    }
    const char *code = kn_ig_status_code(container, visit->now_us);
    if (container->account != visit->who.account)
        kn_ig_fail(visit, 24, 2207006, NULL);
    else if (strcmp(code, "IN_PROGRESS") == 0)
        kn_ig_fail(visit, 9007, 2207027, NULL);
    else if (strcmp(code, "ERROR") == 0)
        kn_ig_fail(visit, kn_ig_code(container->subcode), container->subcode, NULL);
    else if (strcmp(code, "FINISHED") != 0) /* published before, or expired */
        kn_ig_fail(visit, 24, 2207008, NULL);
    else
        return true;
    return false;
}

void kn_ig_publish(struct kn_mimic_visit *visit)
{
    if (!kn_ig_enter(visit, KN_IG_MAY_PUBLISH) || !kn_ig_is_own(visit))
        return;
    const char *id = kn_ig_param(visit, "creation_id");
    if (!id) {
        kn_ig_fail(visit, 100, 0, "(#100) The parameter creation_id is required");
        return;
    }
    struct kn_ig_container *container = kn_ig_find(visit, id);
    if (!judge_container(visit, container))
        return;
    if (kn_ig_recent(visit, false) >= visit->m->settings[KN_MIMIC_INSTAGRAM_POSTS])
        kn_ig_fail(visit, 9, 2207042, NULL);
    else
        kn_mimic_json(visit, 200, json_pack("{s:s}", "id", make_media(visit, container)->id));
}
