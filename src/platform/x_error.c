/* What X refuses, and what is to be done about it: "Response codes and errors" of the X API,
 * 2026-09-11, and answers as they were seen. */
#include <string.h>

#include "base/memory.h"
#include "base/str.h"
#include "platform/x.h"

static const int64_t minute_us = 60000000, day_us = INT64_C(86400000000);

static const char connect_again[] =
    "connect the account again with “kirinuki auth x”, then run “kirinuki publish --retry”";

const char *kn_x_detail(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    static const char *const places[] = {"errors.0.message", "detail", "title", "message", "error"};
    const json_t *json = kn_answer_json(posting, answer);
    for (size_t i = 0; i < KN_COUNT_OF(places); i++) {
        const char *said = kn_answer_sentence(posting, json, places[i]);
        if (said)
            return said;
    }
    return "";
}

/* "https://api.x.com/2/problems/usage-capped": of the two hosts that there are, only the end
 * counts. */
static bool is_problem(struct kn_posting *posting, const struct kn_http_answer *answer,
                       const char *name)
{
    const char *type = kn_answer_text(posting, kn_answer_json(posting, answer), "type", 200);
    const char *slash = type ? strrchr(type, '/') : NULL;
    return slash && strcmp(slash + 1, name) == 0;
}

static enum kn_status too_many(struct kn_posting *posting, const struct kn_http_answer *answer,
                               const char *quota)
{
    int64_t now_us = kn_posting_now_us(posting);
    const char *reset = kn_http_header(answer, "x-rate-limit-reset");
    long long reset_s;
    bool capped = is_problem(posting, answer, "usage-capped");
    bool told =
        reset && kn_parse_int(reset, now_us / 1000000, (now_us + day_us) / 1000000, &reset_s);
    if (capped)
        return kn_posting_used_up(posting, quota, now_us + day_us,
                                  "X says that the application's use is capped; it is tried again "
                                  "in a day");
    if (told)
        return kn_posting_used_up(posting, quota, (reset_s + 1) * 1000000,
                                  "X takes no more of such requests for now");
    return kn_posting_later(posting, answer, 5 * minute_us, "X asks to slow down");
}

static enum kn_status refuse(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    const char *said = kn_x_detail(posting, answer);
    if (answer->status == 401)
        return kn_posting_fail(posting, connect_again,
                               "X does not accept the account's permission any more");
    if (answer->status == 402)
        return kn_posting_fail(
            posting, "add credits at developer.x.com, then run “kirinuki publish --retry”",
            "the application has no credits left at X");
    if (answer->status == 403 && strstr(said, "video longer than"))
        return kn_posting_fail(posting, "make a shorter clip for X", "X refuses it: %s", said);
    if (answer->status == 403)
        return kn_posting_fail(
            posting,
            "check that the account was connected with the permission to post and to upload "
            "(“kirinuki auth x”), and that the application's plan at developer.x.com allows it",
            "X does not permit it: %s", said);
    return kn_posting_fail(posting,
                           "publish the clip again in the way that X wants, or as it is with "
                           "“kirinuki publish --retry”",
                           "X refuses it (%d)%s%s", answer->status, *said ? ": " : "", said);
}

enum kn_status kn_x_refusal(struct kn_posting *posting, const struct kn_http_answer *answer,
                            const char *quota, struct kn_error *err)
{
    if (answer->status == 429)
        return too_many(posting, answer, quota);
    if (answer->status >= 500 || answer->status == 408) {
        if (kn_http_header(answer, "retry-after"))
            return kn_posting_later(posting, answer, minute_us, "X is busy");
        return kn_error_set(err, KN_REMOTE, "X answers with an error of its own (%d)",
                            answer->status);
    }
    if (answer->status < 400)
        return kn_error_set(err, KN_REMOTE, "X's answer (%d) makes no sense", answer->status);
    return refuse(posting, answer);
}
