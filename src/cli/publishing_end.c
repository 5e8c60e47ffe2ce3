/* What came of the posts of a command: one table, or one document. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "cli/commands.h"
#include "cli/post_view.h"
#include "cli/publishing_parts.h"
#include "cli/queue_view.h"
#include "service/post_links.h"

enum kn_status kn_publishing_posts(struct publishing *publishing, const struct kn_post **ret_posts,
                                   int *ret_count)
{
    const struct kn_post_filter filter = {
        .only = publishing->posts.at, .only_count = publishing->posts.count, .limit = 10000};
    *ret_posts = NULL;
    *ret_count = 0;
    if (!publishing->posts.count)
        return KN_OK;
    return kn_store_posts_list(publishing->store, &filter, publishing->arena, ret_posts, ret_count,
                               &publishing->err);
}

static int compare_posts(const void *a, const void *b)
{
    const struct kn_post *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

/* Those in the store by their numbers, then those that did not come so far. In the arena. */
static enum kn_status gather(struct publishing *publishing, struct kn_post **ret_posts,
                             int *ret_count)
{
    const struct kn_post *found;
    int count, refused = publishing->refused.count;
    enum kn_status status = kn_publishing_posts(publishing, &found, &count);
    if (status != KN_OK)
        return status;
    struct kn_post *posts =
        kn_arena_array(publishing->arena, (size_t)(count + refused) + 1, sizeof *posts);
    if (count)
        memcpy(posts, found, (size_t)count * sizeof *posts);
    qsort(posts, (size_t)count, sizeof *posts, compare_posts);
    for (int i = 0; i < refused; i++)
        posts[count + i] = publishing->refused.at[i];
    *ret_posts = posts;
    *ret_count = count + refused;
    return KN_OK;
}

/* What has not come to its end says why not. */
static void tell_trouble(struct kn_post *post, const char *why)
{
    if (kn_post_state_final(post->state))
        return;
    post->reason = why;
    post->remedy = "put that right, then `kirinuki publish --retry` goes on where it was";
}

/* Those of a state that needs somebody, and those that are not done. */
static void count_posts(const struct kn_post *posts, int count, int *ret_failed, int *ret_later)
{
    *ret_failed = *ret_later = 0;
    for (int i = 0; i < count; i++) {
        enum kn_post_state state = posts[i].state;
        bool bad =
            state == KN_POST_FAILED || state == KN_POST_UNKNOWN || state == KN_POST_CANCELLED;
        *ret_failed += posts[i].id && bad;
        *ret_later += !kn_post_state_final(state);
    }
}

static void tell_json(struct publishing *publishing, const struct kn_post *posts, int count,
                      const char *why)
{
    json_t *all = json_array();
    int failed, later;
    count_posts(posts, count, &failed, &later);
    for (int i = 0; i < count; i++)
        json_array_append_new(all, kn_post_result_json(&posts[i], publishing->arena));
    kn_print_json(json_pack("{s:s, s:o, s:i, s:i, s:i, s:o}", "event", "published", "posts", all,
                            "failed", failed, "refused", publishing->refused.count, "later", later,
                            "trouble", why ? kn_json_text(why) : json_null()));
}

/* `why`: of what ended it before its end; NULL: nothing did. */
static int sum_up(struct publishing *publishing, const char *why)
{
    struct kn_post *posts;
    int count, failed, later;
    if (gather(publishing, &posts, &count) != KN_OK) /* told by the caller for the same reason */
        return why ? KN_EXIT_FAILED : kn_complain(publishing->err.status, &publishing->err);
    for (int i = 0; why && i < count; i++)
        tell_trouble(&posts[i], why);
    count_posts(posts, count, &failed, &later);
    if (publishing->settings->json)
        tell_json(publishing, posts, count, why);
    else if (count && !publishing->settings->quiet)
        kn_posts_print(posts, count, publishing->arena);
    if (later && !why && !publishing->settings->json)
        kn_say("%d of them %s not posted yet: a `kirinuki worker` that runs then does it, or "
               "`kirinuki publish --retry`",
               later, later == 1 ? "is" : "are");
    kn_post_links_write(posts, count);
    bool interrupted = kn_cancel_requested(publishing->cancel);
    bool begun = publishing->posts.count || publishing->refused.count >= publishing->planned_count;
    if (interrupted && !begun && !publishing->settings->json)
        kn_say("stopped before anything was planned: the same command begins again");
    if (interrupted)
        return KN_EXIT_INTERRUPTED;
    int bad = failed + publishing->refused.count;
    return !bad ? KN_EXIT_OK : bad < count ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

/* What came of it, and why it did not come further. */
int kn_publishing_end(struct publishing *publishing, enum kn_status status)
{
    struct kn_error why = publishing->err; /* what follows may fail as well */
    int code = sum_up(publishing, status == KN_OK ? NULL : kn_error_text(&why));
    if (status != KN_OK && publishing->posts.count)
        kn_error_add(&why, "not all is posted, and `kirinuki publish --retry` goes on with it");
    return status == KN_OK ? code : kn_complain(status, &why);
}
