#include "platform/posting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "base/utf8.h"
#include "platform/clip_file.h"

enum {
    SENTENCE_BYTES = 400,
    REMARKS_MAX = 6,
    LATER_MOST_S = 24 * 60 * 60, /* what a service asks for beyond is a mistake of its own */
    AHEAD_LEAST_S = 30, /* what two clocks that are right may seem to be apart by a slow answer */
    AHEAD_MOST_S = 366 * 24 * 60 * 60, /* beyond it is no time that anybody means */
    WORDS_SHOWN = 48,                  /* letters */
};

/* Keys of the memory that belong to this file. */
static const char intent_key[] = KN_POST_INTENT, remarks_key[] = "remarks",
                  ahead_key[] = "ahead_us";

/* ---- a step ---- */

enum kn_status kn_posting_advance(struct kn_posting *posting, struct kn_error *err)
{
    json_decref(posting->answers);
    posting->answers = json_array();
    posting->next = KN_NEXT_STEP;
    posting->wait_until_us = posting->visible_us = 0;
    posting->wish_refused = false;
    posting->quota = NULL;
    posting->remote_id = posting->url = posting->reason = posting->remedy = NULL;
    enum kn_status status = posting->platform->advance(posting, err);
    if (posting->wait_until_us)
        posting->wait_until_us -= kn_posting_ahead_us(posting);
    return status;
}

void kn_posting_done(struct kn_posting *posting)
{
    kn_clip_file_close(posting->file);
    posting->file = NULL;
    json_decref(posting->answers);
    posting->answers = NULL;
}

/* ---- memory ---- */

const char *kn_posting_text(const struct kn_posting *posting, const char *key)
{
    return json_string_value(json_object_get(posting->memory, key));
}

int64_t kn_posting_number(const struct kn_posting *posting, const char *key)
{
    return json_integer_value(json_object_get(posting->memory, key));
}

void kn_posting_set_text(struct kn_posting *posting, const char *key, const char *value)
{
    json_object_set_new(posting->memory, key, kn_json_text(value));
}

void kn_posting_set_number(struct kn_posting *posting, const char *key, int64_t value)
{
    json_object_set_new(posting->memory, key, json_integer(value));
}

void kn_posting_forget(struct kn_posting *posting, const char *key)
{
    json_object_del(posting->memory, key);
}

int64_t kn_posting_ahead_us(const struct kn_posting *posting)
{
    return kn_posting_number(posting, ahead_key);
}

int64_t kn_posting_now_us(const struct kn_posting *posting)
{
    return posting->host->now_us(posting->host->arg) + kn_posting_ahead_us(posting);
}

void kn_posting_note_date(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    int64_t date_us = kn_http_date_us(answer);
    int64_t ahead_us = date_us - posting->host->now_us(posting->host->arg);
    if (!date_us || ahead_us > AHEAD_MOST_S * KN_US_PER_S || -ahead_us > AHEAD_MOST_S * KN_US_PER_S)
        return;
    if (ahead_us > AHEAD_LEAST_S * KN_US_PER_S || -ahead_us > AHEAD_LEAST_S * KN_US_PER_S)
        kn_posting_set_number(posting, ahead_key, ahead_us);
    else
        kn_posting_forget(posting, ahead_key);
}

enum kn_status kn_posting_remember(struct kn_posting *posting, struct kn_error *err)
{
    const struct kn_posting_host *host = posting->host;
    enum kn_status status = kn_cancel_check(host->cancel, err);
    return status == KN_OK ? host->remember(host->arg, posting, err) : status;
}

enum kn_status kn_posting_intend(struct kn_posting *posting, struct kn_error *err)
{
    kn_posting_set_number(posting, intent_key, kn_posting_now_us(posting));
    return kn_posting_remember(posting, err);
}

int64_t kn_posting_intended_us(const struct kn_posting *posting)
{
    return kn_posting_number(posting, intent_key);
}

void kn_posting_settle(struct kn_posting *posting)
{
    kn_posting_forget(posting, intent_key);
}

/* ---- sentences ---- */

static const char *sentence(struct kn_posting *posting, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static const char *sentence(struct kn_posting *posting, const char *format, va_list args)
{
    char raw[SENTENCE_BYTES * 2], shown[SENTENCE_BYTES];
    vsnprintf(raw, sizeof raw, format, args);
    kn_utf8_trim(raw);
    return kn_arena_strdup(posting->arena, kn_text_show(raw, shown, sizeof shown));
}

void kn_posting_remark(struct kn_posting *posting, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = sentence(posting, format, args);
    va_end(args);
    json_t *remarks = json_object_get(posting->memory, remarks_key);
    if (!json_is_array(remarks)) {
        remarks = json_array();
        json_object_set_new(posting->memory, remarks_key, remarks);
    }
    for (size_t i = 0; i < json_array_size(remarks); i++) {
        const char *there = json_string_value(json_array_get(remarks, i));
        if (there && strcmp(there, text) == 0)
            return;
    }
    if (json_array_size(remarks) < REMARKS_MAX)
        json_array_append_new(remarks, kn_json_text(text));
}

/* All of them as one text; NULL: there are none. */
static const char *remarks(const struct kn_posting *posting)
{
    KN_SCOPED_STR joined = {0};
    const json_t *list = json_object_get(posting->memory, remarks_key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *text = json_string_value(json_array_get(list, i));
        if (text)
            kn_str_printf(&joined, "%s%s", joined.length ? "; " : "", text);
    }
    return joined.length ? kn_arena_strdup(posting->arena, kn_str_text(&joined)) : NULL;
}

/* ---- what a person looks for ---- */

/* Bytes of the first words, between a half and all of what is shown of a text. */
static size_t some_words(const char *text)
{
    size_t at = 0, space = 0, size;
    for (int shown = 0; (size = kn_utf8_grapheme(text + at)) > 0; at += size) {
        if (++shown > WORDS_SHOWN)
            return space > at / 2 ? space : at;
        space = text[at] == ' ' ? at : space;
    }
    return at;
}

/* What was posted, for people: “the first words…”; without any words the file's name. */
static const char *words_of(const struct kn_posting *posting)
{
    const struct kn_post_text *text = &posting->text;
    const char *words = text->title && text->title[0] ? text->title : text->caption;
    char shown[SENTENCE_BYTES];
    if (!posting->clip.path) /* what is stored of the post is damaged */
        return "the clip";
    if (!words || !words[0])
        return kn_arena_printf(posting->arena, "the clip %s",
                               kn_text_show(kn_path_base(posting->clip.path), shown, sizeof shown));
    kn_text_show(kn_arena_strndup(posting->arena, words, strcspn(words, "\r\n")), shown,
                 sizeof shown);
    size_t length = some_words(shown);
    return kn_arena_printf(posting->arena, "“%.*s%s”", (int)length, shown,
                           shown[length] ? "…" : "");
}

/* "look among the posts of @me on X for “Hello”, sent at about 2026-12-01 13:00:00 +0100" */
static const char *where_to_look(const struct kn_posting *posting)
{
    const struct kn_platform *platform = posting->platform;
    int64_t intended_us = kn_posting_intended_us(posting);
    char when[KN_TIME_TEXT_BYTES], name[SENTENCE_BYTES];
    const char *account = posting->account ? posting->account : "";
    return kn_arena_printf(
        posting->arena, "look among the %s%s%s %s for %s%s%s", platform->shown_as,
        *account ? " of " : "", kn_text_show(account, name, sizeof name), platform->shown_at,
        words_of(posting), intended_us ? ", sent at about " : "",
        intended_us ? kn_time_local(intended_us - kn_posting_ahead_us(posting), when) : "");
}

static const char *find_out(const struct kn_posting *posting, const char *look)
{
    char number[24] = "NUMBER";
    if (posting->number)
        snprintf(number, sizeof number, "%lld", (long long)posting->number);
    return kn_arena_printf(
        posting->arena,
        "%s: if it is there, say `kirinuki posts resolve %s --url URL`, if not, `kirinuki posts "
        "resolve %s --absent`, and it is posted anew; `kirinuki publish --retry` asks by itself "
        "once more",
        look ? look : where_to_look(posting), number, number);
}

/* ---- what then ---- */

enum kn_status kn_posting_step(struct kn_posting *posting)
{
    posting->next = KN_NEXT_STEP;
    return KN_OK;
}

/* A remedy of a failure that it was taken for before goes. */
static enum kn_status over(struct kn_posting *posting, enum kn_posting_next next,
                           const char *remedy, const char *format, va_list args)
    __attribute__((format(printf, 4, 0)));

static enum kn_status over(struct kn_posting *posting, enum kn_posting_next next,
                           const char *remedy, const char *format, va_list args)
{
    posting->reason = sentence(posting, format, args);
    posting->next = next;
    posting->remedy = remedy ? kn_arena_strdup(posting->arena, remedy) : NULL;
    return KN_OK;
}

enum kn_status kn_posting_wait(struct kn_posting *posting, int64_t until_us, const char *format,
                               ...)
{
    va_list args;
    va_start(args, format);
    enum kn_status status = over(posting, KN_NEXT_WAIT, NULL, format, args);
    va_end(args);
    posting->wait_until_us = until_us;
    return status;
}

/* A time that was set by a clock that is wrong is not the one that was meant. */
static void remark_clock(struct kn_posting *posting)
{
    int64_t ahead_us = kn_posting_ahead_us(posting), minute_us = 60 * KN_US_PER_S;
    char span[KN_TIME_TEXT_BYTES];
    if (ahead_us && posting->options.publish_at_us)
        kn_posting_remark(
            posting,
            "this machine's clock is %s %s %s's, so its time of publication is not "
            "the one that was meant",
            kn_time_span((llabs(ahead_us) + minute_us / 2) / minute_us * minute_us, span),
            ahead_us < 0 ? "ahead of" : "behind", posting->platform->label);
}

static enum kn_status there(struct kn_posting *posting, enum kn_posting_next next,
                            const char *remote_id, const char *url)
{
    remark_clock(posting);
    posting->next = next;
    posting->remote_id = kn_arena_strdup(posting->arena, remote_id);
    posting->url = kn_arena_strdup(posting->arena, url);
    posting->reason = remarks(posting);
    posting->remedy = NULL; /* as in over */
    return KN_OK;
}

enum kn_status kn_posting_live(struct kn_posting *posting, const char *remote_id, const char *url)
{
    return there(posting, KN_NEXT_LIVE, remote_id, url);
}

enum kn_status kn_posting_scheduled(struct kn_posting *posting, const char *remote_id,
                                    const char *url, int64_t visible_us, int64_t look_us)
{
    posting->visible_us = visible_us;
    posting->wait_until_us = look_us;
    return there(posting, KN_NEXT_SCHEDULED, remote_id, url);
}

enum kn_status kn_posting_withdrawn(struct kn_posting *posting, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    enum kn_status status = over(posting, KN_NEXT_CANCELLED, NULL, format, args);
    va_end(args);
    return status;
}

enum kn_status kn_posting_fail(struct kn_posting *posting, const char *remedy, const char *format,
                               ...)
{
    va_list args;
    va_start(args, format);
    enum kn_status status = over(posting, KN_NEXT_FAILED, remedy, format, args);
    va_end(args);
    return status;
}

enum kn_status kn_posting_unknown(struct kn_posting *posting, const char *look, const char *format,
                                  ...)
{
    va_list args;
    va_start(args, format);
    enum kn_status status = over(posting, KN_NEXT_UNKNOWN, find_out(posting, look), format, args);
    va_end(args);
    return status;
}

enum kn_status kn_posting_untold(struct kn_posting *posting)
{
    const char *label = posting->platform->label, *reason = posting->reason;
    return kn_posting_unknown(posting, NULL, "it may be there, and %s does not tell: %s (%s)",
                              label, reason, posting->remedy);
}

enum kn_status kn_posting_give_up(struct kn_posting *posting, const char *look, const char *remedy,
                                  const char *format, ...)
{
    bool doubt = kn_posting_intended_us(posting) != 0;
    va_list args;
    va_start(args, format);
    enum kn_status status = over(posting, doubt ? KN_NEXT_UNKNOWN : KN_NEXT_FAILED,
                                 doubt ? find_out(posting, look) : remedy, format, args);
    va_end(args);
    return status;
}

enum kn_status kn_posting_later(struct kn_posting *posting, const struct kn_http_answer *answer,
                                int64_t usual_us, const char *reason)
{
    int64_t now_us = kn_posting_now_us(posting);
    int64_t asked_ms = kn_http_retry_after_ms(answer, now_us);
    int64_t wait_us = asked_ms < 0 ? usual_us : asked_ms * 1000;
    wait_us = KN_CLAMP(wait_us, 1000000, LATER_MOST_S * INT64_C(1000000));
    return kn_posting_wait(posting, now_us + wait_us, "%s", reason);
}

enum kn_status kn_posting_used_up(struct kn_posting *posting, const char *quota, int64_t until_us,
                                  const char *reason)
{
    posting->quota = quota;
    return kn_posting_wait(posting, until_us, "%s", reason);
}

enum kn_status kn_posting_book(struct kn_posting *posting, const char *quota, int amount,
                               bool *ret_fits, struct kn_error *err)
{
    int64_t free_us = 0;
    char when[KN_TIME_TEXT_BYTES];
    enum kn_status status =
        posting->host->book ? posting->host->book(posting->host->arg, quota, amount, &free_us, err)
                            : KN_OK;
    if (status != KN_OK)
        return status;
    *ret_fits = free_us == 0;
    return *ret_fits
               ? KN_OK
               : kn_posting_wait(posting, free_us + kn_posting_ahead_us(posting),
                                 "%s: no %s are left; there are again at %s",
                                 posting->platform->label, quota, kn_time_local(free_us, when));
}
