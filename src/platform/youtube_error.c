/* What YouTube refuses, and what is to be done about it. */
#include <string.h>

#include "base/memory.h"
#include "platform/pacific.h"
#include "platform/youtube.h"

static const int64_t minute_us = 60000000, day_us = INT64_C(86400000000);

static const char retry[] =
    "publish the clip again in the way that YouTube wants, or as it is with “kirinuki publish "
    "--retry”";
static const char connect_again[] =
    "connect the account again with “kirinuki auth youtube”, then run “kirinuki publish --retry”";

/* "Errors" and "Videos: insert" of the API's reference, 2026-09-11. */
static const struct {
    const char *reason, *sentence, *remedy;
} refusals[] = {
    {"invalidTitle", "YouTube takes the title for invalid or empty",
     "publish the clip again with another --title"},
    {"invalidDescription", "YouTube takes the description for invalid",
     "publish the clip again with another --description or --caption"},
    {"invalidTags", "YouTube takes the tags for invalid",
     "publish the clip again with other --hashtags"},
    {"invalidPublishAt", "YouTube takes the time of publication for invalid",
     "publish the clip again with another --at"},
    {"invalidCategoryId", "YouTube has no such category where the channel is",
     "choose another one with --category and publish again"},
    {"youtubeSignupRequired", "this Google account has no YouTube channel",
     "create a channel at youtube.com with this account, then run “kirinuki publish --retry”"},
    {"forbiddenPrivacySetting", "this channel may not use that privacy setting",
     "choose another one with --privacy and publish again"},
    {"insufficientPermissions", "the account was connected without the permission that is needed",
     connect_again},
    {"accountDelegationForbidden", "this account may not upload for the channel", connect_again},
    {"authenticatedUserAccountClosed", "the YouTube account is closed",
     "use another account: “kirinuki auth youtube”"},
    {"authenticatedUserAccountSuspended", "the YouTube account is suspended",
     "see youtube.com with this account for the reason and how to appeal"},
};

/* "status.failureReason" and "rejectionReason" of "Videos", 2026-09-11, and two of our own. */
static const struct {
    const char *reason, *sentence, *remedy;
} endings[] = {
    {"conversion", "YouTube could not convert the video", "render the clip again"},
    {"invalidFile", "YouTube does not take the file for a video", "render the clip again"},
    {"emptyFile", "YouTube takes the file for empty", "render the clip again"},
    {"tooSmall", "the video is too small for YouTube", "render the clip larger"},
    {"codec", "YouTube does not know the codec of the video", "render the clip again"},
    {"uploadAborted", "the upload was aborted at YouTube's side",
     "publish it again with “kirinuki publish --retry”"},
    {"copyright", "YouTube rejected the video for copyright", "see YouTube Studio for the claim"},
    {"claim", "YouTube rejected the video because of a claim", "see YouTube Studio for the claim"},
    {"trademark", "YouTube rejected the video for a trademark", "see YouTube Studio"},
    {"inappropriate", "YouTube rejected the video as inappropriate", "see YouTube Studio"},
    {"termsOfUse", "YouTube rejected the video: it breaks the terms of use", "see YouTube Studio"},
    {"legal", "YouTube rejected the video for legal reasons", "see YouTube Studio"},
    {"deleted", "somebody deleted the video at YouTube",
     "publish it again with “kirinuki publish --retry” if that was a mistake"},
    {"notThere", "YouTube does not know the video any more",
     "see YouTube Studio whether it was removed"},
    {"duplicate", "YouTube rejected the video as a duplicate of one that it has",
     "see the channel's videos: it may be there already"},
    {"length", "the video is longer than this channel may upload",
     "verify the channel at youtube.com/verify for videos over 15 minutes"},
    {"uploaderAccountSuspended", "the YouTube account is suspended",
     "see youtube.com with this account for the reason and how to appeal"},
    {"uploaderAccountClosed", "the YouTube account is closed", "use another account"},
};

const char *kn_youtube_reason(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    const json_t *json = kn_answer_json(posting, answer);
    const char *reason = kn_answer_id(posting, json, "error.errors.0.reason");
    return reason ? reason : "";
}

static bool is(const char *reason, const char *const *names)
{
    for (; *names; names++)
        if (strcmp(reason, *names) == 0)
            return true;
    return false;
}

static enum kn_status refuse(struct kn_posting *posting, const struct kn_http_answer *answer,
                             const char *reason)
{
    for (size_t i = 0; i < KN_COUNT_OF(refusals); i++)
        if (strcmp(refusals[i].reason, reason) == 0)
            return kn_posting_fail(posting, refusals[i].remedy, "%s", refusals[i].sentence);
    if (answer->status == 401)
        return kn_posting_fail(posting, connect_again,
                               "YouTube does not accept the account's permission any more");
    const char *said =
        kn_answer_sentence(posting, kn_answer_json(posting, answer), "error.message");
    return kn_posting_fail(posting, retry, "YouTube refuses it (%d%s%s)%s%s", answer->status,
                           *reason ? ", " : "", reason, said ? ": " : "", said ? said : "");
}

enum kn_status kn_youtube_refusal(struct kn_posting *posting, const struct kn_http_answer *answer,
                                  const char *quota, struct kn_error *err)
{
    static const char *const used_up[] = {"quotaExceeded", "dailyLimitExceeded", NULL};
    static const char *const too_fast[] = {"rateLimitExceeded", "userRateLimitExceeded",
                                           "uploadRateLimitExceeded", NULL};
    const char *reason = kn_youtube_reason(posting, answer);
    int64_t now_us = kn_posting_now_us(posting);
    if (is(reason, used_up))
        return kn_posting_used_up(posting, quota, kn_pacific_midnight_after_us(now_us),
                                  "YouTube's quota of this application is used up for today; it "
                                  "begins anew at midnight in California");
    if (strcmp(reason, "uploadLimitExceeded") == 0)
        return kn_posting_used_up(posting, "channel", now_us + day_us,
                                  "this channel has uploaded as many videos as YouTube allows it "
                                  "in a day");
    if (answer->status == 429 || is(reason, too_fast))
        return kn_posting_later(posting, answer, minute_us, "YouTube asks to slow down");
    if (answer->status >= 500 || answer->status == 408) {
        if (kn_http_header(answer, "retry-after"))
            return kn_posting_later(posting, answer, minute_us, "YouTube is busy");
        return kn_error_set(err, KN_REMOTE, "YouTube answers with an error of its own (%d)",
                            answer->status);
    }
    if (answer->status < 400)
        return kn_error_set(err, KN_REMOTE, "YouTube's answer (%d) makes no sense", answer->status);
    return refuse(posting, answer, reason);
}

enum kn_status kn_youtube_gave_up(struct kn_posting *posting, const char *reason)
{
    static const char *const keys[] = {
        "id",      "arrived_us", "looks",     "thumbnail_done", "captions_done",
        "told_us", "held_back",  "late_looks"};
    for (size_t i = 0; i < KN_COUNT_OF(keys); i++)
        kn_posting_forget(posting, keys[i]);
    kn_posting_settle(posting);
    for (size_t i = 0; i < KN_COUNT_OF(endings); i++)
        if (strcmp(endings[i].reason, reason) == 0)
            return kn_posting_fail(posting, endings[i].remedy, "%s", endings[i].sentence);
    return kn_posting_fail(posting, "see YouTube Studio for the reason",
                           "YouTube gave the video up (%s)", *reason ? reason : "no reason said");
}
