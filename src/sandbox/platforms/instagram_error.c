/* Errors of the Graph API, by code and subcode ("Error Codes", 2026-09-11), and of rupload. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sandbox/platforms/instagram.h"

static const struct {
    int code, subcode, status;
    const char *message, *title, *text;
} failures[] = {
    {-2, 2207020, 400, "The media you are trying to access has expired", "Media expired",
     "The media has expired. Create a new one."},
    {-1, 2207053, 400, "Unknown upload error", "Upload failed", "Create the media again."},
    {1, 2207057, 400, "Thumbnail offset out of range", "Thumbnail offset is out of range",
     "The thumbnail offset has to lie within the video."},
    {9, 2207042, 400, "The user has reached the maximum number of posts", "Limit reached",
     "You have reached the maximum number of posts that can be published by the API."},
    {24, 2207006, 400, "The media could not be found", "Media not found",
     "The media with that id does not exist, or you have no permission for it."},
    {24, 2207008, 400, "The requested resource does not exist", "Media not found",
     "The media builder with that creation id does not exist or has expired."},
    {100, 33, 400,
     "Unsupported request. The object does not exist, cannot be loaded due to missing permissions, "
     "or does not support this operation",
     NULL, NULL},
    {100, 2207023, 400, "The media type is unknown", "Unknown media type",
     "The sandbox takes REELS and STORIES with a video."},
    {100, 2207040, 400, "Cannot use more than 20 tags", "Too many tags",
     "At most 20 accounts can be mentioned."},
    {352, 2207026, 400, "The video format is not supported", "Unsupported format",
     "Check the specifications of the video."},
    {9004, 2207052, 400, "Only photo or video can be accepted as media type.",
     "The media could not be fetched", "The media could not be fetched from this URI."},
    {9007, 2207027, 400, "Media ID is not available", "The media is not ready",
     "The media is not ready to be published. Please wait for a moment."},
    {36000, 2207004, 400, "The image size is too large.", "Image size too large",
     "The image is too large to download. It should be less than 8 MiB."},
    {36001, 2207005, 400, "The image format is not supported", "Unsupported image format",
     "The image has to be a JPEG."},
    {36003, 2207009, 400, "The aspect ratio is not supported", "Invalid aspect ratio",
     "The aspect ratio has to lie between 0.01:1 and 10:1."},
    {36004, 2207010, 400, "The caption was too long", "The caption is too long",
     "A caption has at most 2200 characters, 30 hashtags and 20 @ tags."},
    {10, 0, 403, "Application does not have permission for this action", NULL, NULL},
    {2, 0, 500, "An unexpected error has occurred. Please retry your request later.", NULL, NULL},
    {4, 0, 400, "Application request limit reached", NULL, NULL},
    {80002, 0, 400,
     "There have been too many calls to this Instagram account. Wait a bit and try again.", NULL,
     NULL},
    {190, 0, 400, "Invalid OAuth access token - Cannot parse access token", NULL, NULL},
    {190, 463, 400, "Error validating access token: Session has expired", NULL, NULL},
};

static bool passes(int code)
{
    return code == 2 || code == 4 || code == 80002 || code == -1;
}

int kn_ig_code(int subcode)
{
    for (size_t i = 0; i < KN_COUNT_OF(failures); i++)
        if (failures[i].subcode == subcode)
            return failures[i].code;
    return 100;
}

void kn_ig_fail(struct kn_mimic_visit *visit, int code, int subcode, const char *message)
{
    size_t i = 0;
    while (i < KN_COUNT_OF(failures) &&
           (failures[i].code != code || failures[i].subcode != subcode))
        i++;
    bool listed = i < KN_COUNT_OF(failures);
    message = message ? message : listed ? failures[i].message : "Invalid parameter";
    char reason[32];
    snprintf(reason, sizeof reason, subcode ? "%d/%d" : "%d", code, subcode);
    kn_mimic_reason(visit, reason);
    json_t *error = json_pack("{s:o, s:s, s:i, s:b, s:s}", "message", kn_json_text(message), "type",
                              "OAuthException", "code", code, "is_transient", passes(code),
                              "fbtrace_id", kn_mimics_make_id(visit->m, KN_MIMIC_BASE64, 22));
    if (subcode)
        json_object_set_new(error, "error_subcode", json_integer(subcode));
    if (listed && failures[i].title) {
        json_object_set_new(error, "error_user_title", json_string(failures[i].title));
        json_object_set_new(error, "error_user_msg", json_string(failures[i].text));
    }
    kn_mimic_json(visit, listed ? failures[i].status : 400, json_pack("{s:o}", "error", error));
}

void kn_ig_upload_fail(struct kn_mimic_visit *visit, const char *type, bool retriable,
                       const char *message)
{
    KN_SCOPED_JSON inner =
        json_pack("{s:b, s:{s:s}}", "success", false, "error", "message", message);
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, inner, true);
    kn_mimic_reason(visit, type);
    kn_mimic_json(visit, 400,
                  json_pack("{s:{s:b, s:s, s:s}}", "debug_info", "retriable", retriable, "type",
                            type, "message", kn_str_text(&text)));
}

static void refuse_upload(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    switch (why) {
    case KN_REFUSE_NO_TOKEN:
    case KN_REFUSE_BAD_TOKEN:
    case KN_REFUSE_EXPIRED_TOKEN:
    case KN_REFUSE_SCOPE:
        kn_ig_upload_fail(visit, "NotAuthorizedError", false,
                          "User not authorized to perform this request");
        break;
    case KN_REFUSE_METHOD:
    case KN_REFUSE_TOO_LARGE:
        kn_ig_upload_fail(visit, "ProcessingFailedError", false, "unsupported request");
        break;
    default:
        kn_ig_upload_fail(visit, "ProcessingFailedError", true, "please try again");
        visit->reply->status = why == KN_REFUSE_RATE || why == KN_REFUSE_QUOTA ? 429
                               : why == KN_REFUSE_SERVER                       ? 500
                                                                               : 503;
        break;
    }
}

void kn_ig_refuse(struct kn_mimic_visit *visit, enum kn_mimic_refusal why)
{
    static const struct {
        int code, subcode;
        const char *message; /* NULL: the list's */
    } refusals[] = {
        [KN_REFUSE_NO_TOKEN] = {190, 0, "An access token is required to request this resource."},
        [KN_REFUSE_BAD_TOKEN] = {190, 0, NULL},
        [KN_REFUSE_EXPIRED_TOKEN] = {190, 463, NULL},
        [KN_REFUSE_SCOPE] = {10, 0, NULL},
        [KN_REFUSE_METHOD] = {100, 0, "Unsupported request method"},
        [KN_REFUSE_TOO_LARGE] = {100, 0, "The body is too large"},
        [KN_REFUSE_RATE] = {4, 0, NULL},
        [KN_REFUSE_QUOTA] = {9, 2207042, NULL},
        [KN_REFUSE_SERVER] = {2, 0, NULL},
        [KN_REFUSE_OVERLOADED] = {2, 0, "Service temporarily unavailable"},
    };
    if (visit->route->kind == KN_SANDBOX_INSTAGRAM_UPLOAD) {
        refuse_upload(visit, why);
        return;
    }
    kn_ig_fail(visit, refusals[why].code, refusals[why].subcode, refusals[why].message);
    if (why == KN_REFUSE_OVERLOADED)
        visit->reply->status = 503;
}
