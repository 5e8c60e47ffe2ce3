/*
 * Clips are handed to anything else that takes them over HTTP: one POST to an address of the user's
 * choice, also to a private one.
 *
 *   POST, multipart/form-data, two parts in this order:
 *     "post"  application/json   platform/post_document.h
 *     "clip"  video/mp4          the file
 *   Idempotency-Key: the post's marker
 *   X-Kirinuki-Signature: t=1796126400,v1=HEX   where a secret is set
 *
 * HEX is HMAC-SHA-256, by the secret, of "1796126400." and the bytes of the part "post". The
 * receiver refuses what is older than some minutes. The document names the clip's length and its
 * hash (XXH3, which finds damage, not forgery), so where others may change the request, the address
 * has to be an https one.
 *
 * Any answer of 2xx is live; {"url": "https://…", "id": "…"} in it are the post's. Redirects are
 * not followed. 408, 425, 429, 5xx and a lost answer are tried again with the same key, so the
 * receiver hears of a post at least once. It is exactly once when the receiver takes each
 * Idempotency-Key once and answers the second time as it did the first. When it is given up after a
 * request whose fate is not known, the post is UNKNOWN.
 *
 * Settings: {"url": "https://example.com/clips", "secret": "…"}; the secret may be left out.
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/post_document.h"

enum { URL_BYTES_MAX = 2000, NAME_BYTES = 200, BUSY_S = 30 };

static const char *look(const struct kn_posting *posting)
{
    return kn_arena_printf(posting->arena,
                           "ask the receiver whether it has the clip with the Idempotency-Key %s, "
                           "which it gets at each try",
                           posting->marker);
}

/* ---- signing ---- */

static const char *sign(struct kn_arena *arena, const char *secret, int64_t now_s,
                        const char *document)
{
    crypto_auth_hmacsha256_state state;
    unsigned char mac[crypto_auth_hmacsha256_BYTES];
    char hex[sizeof mac * 2 + 1];
    const char *time = kn_arena_printf(arena, "%lld.", (long long)now_s);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)time, strlen(time));
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)document, strlen(document));
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof state);
    sodium_bin2hex(hex, sizeof hex, mac, sizeof mac);
    return kn_arena_printf(arena, "t=%lld,v1=%s", (long long)now_s, hex);
}

/* ---- sending ---- */

static enum kn_status send(struct kn_posting *posting, const json_t *settings, const char *url,
                           struct kn_http_answer *ret_answer, bool *ret_sent, struct kn_error *err)
{
    char name[NAME_BYTES];
    kn_text_show(kn_path_base(posting->clip.path), name, sizeof name);
    KN_SCOPED_STR document = {0};
    KN_SCOPED_JSON made = kn_post_document(posting, name);
    kn_json_add(&document, made, true);
    struct kn_http_header headers[2] = {{"Idempotency-Key", posting->marker}};
    int header_count = 1;
    const char *secret = json_string_value(json_object_get(settings, "secret"));
    if (secret && *secret)
        headers[header_count++] = (struct kn_http_header){
            "X-Kirinuki-Signature",
            sign(posting->arena, secret, kn_posting_now_us(posting) / KN_US_PER_S,
                 kn_str_text(&document))};
    const struct kn_http_part parts[] = {
        {.name = "post",
         .content_type = "application/json",
         .data = kn_str_text(&document),
         .size = document.length},
        {.name = "clip", .filename = name, .content_type = kn_post_content_type(name)},
    };
    const struct kn_posting_call call = {
        .request = {.method = "POST",
                    .url = url,
                    .headers = headers,
                    .header_count = header_count,
                    .parts = parts,
                    .part_count = KN_COUNT_OF(parts)},
        .file_bytes = posting->clip.bytes,
    };
    return kn_posting_call(posting, &call, ret_answer, ret_sent, err);
}

/* ---- answers ---- */

static enum kn_status taken(struct kn_posting *posting, const struct kn_http_answer *answer,
                            const char *address)
{
    const json_t *json = kn_answer_json(posting, answer);
    const char *id = kn_answer_id(posting, json, "id");
    const char *url = kn_answer_text(posting, json, "url", URL_BYTES_MAX);
    bool fine = url && (kn_starts_with(url, "https://") || kn_starts_with(url, "http://"));
    return kn_posting_live(posting, id ? id : posting->marker,
                           fine ? url : kn_url_origin(posting->arena, address));
}

static enum kn_status refused(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    const json_t *json = kn_answer_json(posting, answer);
    const char *said = kn_answer_sentence(posting, json, "error.message");
    said = said ? said : kn_answer_sentence(posting, json, "error");
    said = said ? said : kn_answer_sentence(posting, json, "message");
    const char *remedy = answer->status == 401 || answer->status == 403
                             ? "check the webhook's secret, and what the receiver wants to see"
                         : answer->status == 404 || answer->status == 405 || answer->status == 410
                             ? "check the webhook's url"
                         : answer->status == 413
                             ? "let the receiver take larger requests, or make a shorter clip"
                             : "look into the receiver's log for the reason";
    return kn_posting_give_up(posting, look(posting), remedy, "the receiver refuses it (%d)%s%s",
                              answer->status, said ? ": " : "", said ? said : "");
}

static enum kn_status redirected(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    char shown[NAME_BYTES];
    const char *to = kn_http_header(answer, "Location");
    return kn_posting_give_up(
        posting, look(posting), "set the webhook's url to the address that takes the clips itself",
        "the receiver answers %d and points to %s, which is not followed", answer->status,
        to ? kn_text_show(to, shown, sizeof shown) : "nowhere");
}

static enum kn_status take_answer(struct kn_posting *posting, const struct kn_http_answer *answer,
                                  const char *address, bool first_time, struct kn_error *err)
{
    int status = answer->status;
    bool early = status == 408 || status == 425 || status == 429;
    if (status / 100 == 2)
        return taken(posting, answer, address);
    /* What was refused was not done, but an earlier request may have been. */
    if (first_time && status / 100 < 5)
        kn_posting_settle(posting);
    if (early || (status / 100 == 5 && kn_http_header(answer, "Retry-After")))
        return kn_posting_later(posting, answer, BUSY_S * KN_US_PER_S, "the receiver is busy");
    if (status / 100 == 3)
        return redirected(posting, answer);
    if (status / 100 == 4)
        return refused(posting, answer);
    return kn_error_set(err, KN_REMOTE, "the receiver answers %d", status);
}

static enum kn_status advance(struct kn_posting *posting, struct kn_error *err)
{
    KN_SCOPED_JSON settings = json_loads(posting->settings, 0, NULL);
    const char *url = json_string_value(json_object_get(settings, "url"));
    bool first_time = !kn_posting_intended_us(posting), sent = false;
    struct kn_http_answer answer;
    if (!url || !(kn_starts_with(url, "https://") || kn_starts_with(url, "http://")))
        return kn_posting_give_up(posting, look(posting),
                                  "set the webhook's url to an https:// address",
                                  url ? "the webhook's url is not an address of the web"
                                      : "it is not known where to send clips to");
    if (posting->clip.bytes <= 0)
        return kn_posting_fail(posting, "render the clip again", "the clip is empty");
    posting->state = KN_POST_UPLOADING;
    posting->sent_bytes = 0;
    enum kn_status status = first_time ? kn_posting_intend(posting, err) : KN_OK;
    if (status != KN_OK)
        return status;
    status = send(posting, settings, url, &answer, &sent, err);
    if (status == KN_OK)
        return take_answer(posting, &answer, url, first_time, err);
    if (first_time && !sent)
        kn_posting_settle(posting);
    return status;
}

/* ---- what it takes ---- */

static const struct kn_media_rules media = {
    .source = "the receiver's own",
    .date = "2026-11-24",
};

const struct kn_platform kn_platform_webhook = {
    .name = "webhook",
    .label = "Webhook",
    .summary = "anything else that takes clips: a POST to an address of your own",
    .shown_as = "clips",
    .shown_at = "at the receiver",
    KN_POST_DOCUMENT_TAKES,
    .media = &media,
    .drafts = true,
    .advance = advance,
};
