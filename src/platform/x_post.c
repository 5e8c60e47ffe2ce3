/* The post itself: "Create Post" of the X API, 2026-09-11. */
#include <ctype.h>
#include <string.h>

#include "base/json.h"
#include "platform/x.h"

/* Names on X have letters, digits and underscores, up to 15; without one a link works as well. */
static const char *link_to(struct kn_posting *posting, const char *id)
{
    const char *name = posting->account ? posting->account : "";
    name += *name == '@';
    size_t length = 0;
    while (isalnum((unsigned char)name[length]) || name[length] == '_')
        length++;
    if (length == 0 || length > 15 || name[length])
        name = "i";
    return kn_posting_url(posting, "https://x.com", "/%s/status/%s", name, id);
}

enum kn_status kn_x_arrived(struct kn_posting *posting, const char *id, struct kn_error *err)
{
    enum kn_status status = KN_OK;
    id = kn_arena_strdup(posting->arena, id); /* it may be the memory's own */
    if (!kn_posting_text(posting, "id")) {
        kn_posting_set_text(posting, "id", id);
        status = kn_posting_remember(posting, err);
    }
    return status == KN_OK ? kn_posting_live(posting, id, link_to(posting, id)) : status;
}

static json_t *describe(const struct kn_posting *posting)
{
    json_t *made =
        json_pack("{s:{s:[s]}}", "media", "media_ids", kn_posting_text(posting, "media"));
    if (posting->text.caption[0])
        json_object_set_new(made, "text", kn_json_text(posting->text.caption));
    if (posting->options.made_with_ai)
        json_object_set_new(made, "made_with_ai", json_true());
    return made;
}

static bool is_duplicate(const struct kn_http_answer *answer, const char *said)
{
    return answer->status == 403 && strcasestr(said, "duplicate");
}

static enum kn_status refused(struct kn_posting *posting, const struct kn_http_answer *answer,
                              struct kn_error *err)
{
    const char *said = kn_x_detail(posting, answer);
    if (answer->status >= 500 || answer->status < 400) /* it may have been done all the same */
        return kn_x_refusal(posting, answer, "posts", err);
    if (is_duplicate(answer, said)) {
        kn_posting_set_number(posting, "duplicate", 1);
        return kn_x_look(posting, err);
    }
    kn_posting_settle(posting);
    if (answer->status == 404 || (answer->status == 400 && strcasestr(said, "media id")))
        return kn_x_start_over(posting, said, err);
    return kn_x_refusal(posting, answer, "posts", err);
}

enum kn_status kn_x_post(struct kn_posting *posting, struct kn_error *err)
{
    struct kn_http_answer answer;
    bool sent;
    enum kn_status status = kn_posting_intend(posting, err);
    if (status != KN_OK)
        return status;
    KN_SCOPED_JSON body = describe(posting);
    status = kn_x_call(posting, "POST", kn_x_api(posting, "/2/tweets"), body, &answer, &sent, err);
    if (status != KN_OK) {
        if (!sent)
            kn_posting_settle(posting);
        return status;
    }
    if (answer.status / 100 != 2)
        return refused(posting, &answer, err);
    const char *id = kn_answer_id(posting, kn_answer_json(posting, &answer), "data.id");
    if (!id)
        return kn_error_set(err, KN_REMOTE, "X's answer to the post names none");
    return kn_x_arrived(posting, id, err);
}
