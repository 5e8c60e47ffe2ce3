/* What comes before the first step of a post: what its platform's client is given. */
#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/platform.h"
#include "platform/post_json.h"
#include "service/publisher_parts.h"

/* ---- the host ---- */

static enum kn_status token(void *arg, const char *refused, struct kn_arena *arena,
                            const char **ret_token, struct kn_error *err)
{
    struct post_work *work = arg;
    const struct kn_post *post = &work->task->post;
    return kn_accounts_token(work->task->publisher->options.accounts, post->platform, post->account,
                             refused, work->task->cancel, arena, ret_token, err);
}

static void progress(void *arg, int64_t sent_bytes)
{
    struct post_work *work = arg;
    work->task->sent_bytes = sent_bytes;
}

static int64_t now_us(void *arg)
{
    return kn_post_now_us(arg);
}

/* ---- the posting ---- */

/* Of a platform without accounts: the place is its account, and a secret is the process's own. */
static const char *place_settings(const struct post_work *work)
{
    const struct kn_post *post = &work->task->post;
    const char *secret = work->task->publisher->options.webhook_secret;
    bool folder = strcmp(post->platform, "folder") == 0;
    KN_SCOPED_JSON settings = json_object();
    KN_SCOPED_STR text = {0};
    json_object_set_new(settings, folder ? "path" : "url", kn_json_text(post->account));
    if (!folder && secret)
        json_object_set_new(settings, "secret", kn_json_text(secret));
    kn_json_add(&text, settings, true);
    return kn_arena_strdup(work->task->arena, kn_str_text(&text));
}

static enum kn_status read_account(struct post_work *work, struct kn_error *err)
{
    const struct kn_post *post = &work->task->post;
    work->posting.account = post->account;
    work->posting.account_id = "";
    work->posting.settings = "{}";
    if (!work->posting.platform->oauth) {
        work->posting.settings = place_settings(work);
        return KN_OK;
    }
    enum kn_status status =
        kn_store_account_get(work->task->publisher->store, post->platform, post->account,
                             work->task->arena, &work->account, err);
    if (status == KN_NOT_FOUND)
        return kn_error_set(err, KN_DENIED,
                            "there is no account %s of %s any more: connect it again with "
                            "`kirinuki auth %s`",
                            post->account, work->posting.platform->label, post->platform);
    if (status != KN_OK)
        return status;
    work->posting.account_id = work->account.remote_id;
    work->posting.settings = work->account.settings;
    work->posting.service_url = work->account.service_url[0] ? work->account.service_url : NULL;
    return KN_OK;
}

/* The key is the post's alone, and the same whoever goes on with it. */
static const char *marker_of(const struct kn_post *post, struct kn_arena *arena)
{
    return kn_arena_printf(arena, "%016" PRIx64, kn_hash_key(post->key, strlen(post->key)));
}

enum kn_status kn_post_prepare(struct post_work *work, struct kn_error *err)
{
    struct kn_post_task *task = work->task;
    struct kn_posting *posting = &work->posting;
    posting->state = task->post.state;
    posting->sent_bytes = work->kept_bytes = task->post.sent_bytes;
    posting->platform = kn_platform_find(task->post.platform);
    if (!posting->platform)
        return kn_error_set(err, KN_UNSUPPORTED, "this kirinuki knows no platform \"%s\"",
                            task->post.platform);
    posting->memory = json_loads(task->post.memory, 0, NULL);
    if (!json_is_object(posting->memory))
        return kn_error_set(err, KN_DAMAGED, "what was remembered of the post is damaged");
    /* One that is planned again, and may be there: no cancel ends it unseen. */
    bool in_doubt = posting->state == KN_POST_PLANNED && kn_posting_intended_us(posting);
    if (in_doubt)
        posting->state = KN_POST_PROCESSING;
    enum kn_status status = kn_post_clip_read(task->post.clip, task->arena, &posting->clip, err);
    if (status == KN_OK)
        status = kn_post_request_read(task->post.request, task->arena, &posting->text,
                                      &posting->options, err);
    if (status == KN_OK)
        status = read_account(work, err);
    work->host = (struct kn_posting_host){
        .http = task->publisher->options.http,
        .cancel = task->cancel,
        .remember = kn_post_remember,
        .token = posting->platform->oauth ? token : NULL,
        .book = kn_post_book,
        .progress = progress,
        .now_us = now_us,
        .arg = work,
    };
    if (posting->platform->schedules)
        posting->options.publish_at_us = task->post.appear_us;
    posting->withdraw =
        task->post.cancel_asked && (in_doubt || task->post.state == KN_POST_SCHEDULED);
    posting->host = &work->host;
    posting->marker = marker_of(&task->post, task->arena);
    posting->number = task->post.id;
    return status;
}
