#include "sandbox/platforms/posts.h"

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/platforms/platforms.h"

static const char *const state_names[KN_SHOWN_STATE_COUNT] = {
    [KN_SHOWN_PROCESSING] = "processing",
    [KN_SHOWN_SCHEDULED] = "scheduled",
    [KN_SHOWN_HIDDEN] = "hidden",
    [KN_SHOWN_DRAFT] = "draft",
    [KN_SHOWN_LIVE] = "live",
    [KN_SHOWN_FAILED] = "failed",
    [KN_SHOWN_DELETED] = "deleted",
};

const char *kn_shown_state_name(enum kn_shown_state state)
{
    return state_names[state];
}

struct kn_post *kn_shown_posts_add(struct kn_mimics *m, const char *platform, int account,
                                   int64_t now_us)
{
    struct kn_post *post = kn_arena_alloc(m->arena, sizeof *post);
    post->number = m->posts.count + 1;
    post->platform = platform;
    post->account = m->accounts[account];
    post->made_us = now_us;
    post->publish_us = post->visible_us = -1;
    kn_vec_push(&m->posts, post);
    return post;
}

void kn_shown_appear(struct kn_mimics *m, struct kn_post *post, int64_t at_us)
{
    post->state = KN_SHOWN_LIVE;
    if (post->visible_us >= 0)
        return;
    post->visible_us = at_us;
    if (post->text)
        post->text = kn_mimics_keep(m, json_deep_copy(post->text));
}

static json_t *time_or_null(int64_t us)
{
    char text[KN_TIME_TEXT_BYTES];
    return us < 0 ? json_null() : json_string(kn_time_iso(us, text));
}

static json_t *facts_json(const struct kn_upload *upload)
{
    const struct kn_shown_facts *f = &upload->facts;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:b, s:b, s:b}", "container",
                     kn_json_text(f->container), "brand", kn_json_text(f->brand), "video",
                     kn_json_text(f->video[0] ? f->video : NULL), "audio",
                     kn_json_text(f->audio[0] ? f->audio : NULL), "duration_s",
                     kn_json_seconds(f->duration_us), "width", f->width, "height", f->height, "fps",
                     kn_json_number(f->fps, 3), "moov_first", f->moov_first, "edits", f->edits,
                     "rearranged", f->rearranged);
}

static json_t *post_json(const struct kn_post *p)
{
    json_t *text = p->text ? json_deep_copy(p->text) : json_object();
    const struct kn_upload *video = p->video;
    json_t *json = json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
                             "number", p->number, "platform", p->platform, "account", p->account,
                             "id", kn_json_text(p->id), "url", kn_json_text(p->url), "state",
                             kn_shown_state_name(p->state), "reason", kn_json_text(p->reason),
                             "privacy", kn_json_text(p->privacy), "text", text, "made_at",
                             time_or_null(p->made_us), "publish_at", time_or_null(p->publish_us),
                             "visible_at", time_or_null(p->visible_us));
    json_object_set_new(json, "hash", kn_json_text(video ? video->hash : NULL));
    json_object_set_new(json, "bytes", video ? json_integer(video->stored) : json_null());
    json_object_set_new(json, "media", video ? json_integer(video->number) : json_null());
    json_object_set_new(json, "cover", p->cover ? json_integer(p->cover->number) : json_null());
    json_object_set_new(json, "cover_hash", kn_json_text(p->cover ? p->cover->hash : NULL));
    if (video) {
        KN_SCOPED_JSON facts = facts_json(video);
        json_object_update(json, facts);
    }
    return json;
}

json_t *kn_shown_posts_json(const struct kn_mimics *m)
{
    json_t *posts = json_array();
    for (int i = 0; i < m->posts.count; i++)
        json_array_append_new(posts, post_json(m->posts.at[i]));
    return json_pack("{s:o, s:o}", "now", time_or_null(kn_mimics_now_us(m)), "posts", posts);
}
