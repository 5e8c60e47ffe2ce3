#include "ai/chat_answer.h"

#include <string.h>

#include "ai/schema.h"
#include "base/json.h"

enum { SHOWN_BYTES = 200 }; /* of what a server or a model says, in our sentences */

/* ---- the envelope ---- */

static const json_t *message_of(const json_t *answer, const json_t **ret_choice)
{
    *ret_choice = json_array_get(json_object_get(answer, "choices"), 0);
    const json_t *message = json_object_get(*ret_choice, "message");
    return json_is_object(message) ? message : NULL;
}

/* ---- the text ---- */

/* The content as text: as it is, its parts joined, or an object written out again. */
static const char *text_of(const json_t *content, struct kn_arena *arena)
{
    KN_SCOPED_STR text = {0};
    if (json_is_string(content))
        kn_str_add(&text, json_string_value(content));
    if (json_is_object(content))
        kn_json_add(&text, content, true);
    size_t i;
    const json_t *part;
    json_array_foreach(content, i, part)
    {
        const char *piece = json_string_value(json_object_get(part, "text"));
        kn_str_add(&text, piece ? piece : "");
    }
    return kn_arena_strdup(arena, kn_str_text(&text));
}

static const char *skip_blank(const char *at)
{
    if (kn_starts_with(at, "\xef\xbb\xbf")) /* a byte order mark */
        at += 3;
    return at + strspn(at, " \t\r\n");
}

/* Models that think aloud put their thoughts before the answer; without an end to them there is
 * none. */
static const char *skip_thoughts(const char *at)
{
    static const char open[] = "<think>", close[] = "</think>";
    if (!kn_starts_with(at, open))
        return at;
    const char *end = strstr(at, close);
    return end ? skip_blank(end + strlen(close)) : "";
}

/* The first object in the text, whatever stands around it: a fence, polite sentences. NULL and
 * `why` when there is none that is whole. */
static json_t *parse(const char *text, json_error_t *why)
{
    const char *at = skip_thoughts(skip_blank(text));
    json_t *whole = json_loads(at, JSON_ALLOW_NUL, why);
    if (whole || at[0] == '{')
        return whole ? whole : json_loads(at, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, why);
    const char *brace = strchr(at, '{');
    return brace ? json_loads(brace, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, why) : NULL;
}

/* ---- the verdict ---- */

static enum kn_chat_verdict refused(const char *refusal, struct kn_error *err)
{
    char shown[SHOWN_BYTES];
    kn_error_set(err, KN_DAMAGED, "declined to answer: %s",
                 kn_text_show(refusal, shown, sizeof shown));
    return KN_CHAT_REFUSED;
}

static enum kn_chat_verdict read_content(const json_t *schema, const struct kn_secrets *secrets,
                                         struct kn_chat_reading *reading, struct kn_error *err)
{
    json_error_t why;
    if (strlen(reading->said) > KN_CHAT_CONTENT_MAX) {
        kn_error_set(err, KN_DAMAGED, "the answer is far too long");
        return KN_CHAT_FLAWED;
    }
    KN_SCOPED_JSON content = parse(reading->said, &why);
    kn_secrets_blot(secrets, content);
    /* An answer that reached its bound with its last character is whole all the same. */
    if (content && kn_schema_check(schema, content, err) == KN_OK) {
        reading->content = KN_MOVE(content);
        return KN_CHAT_GOOD;
    }
    if (reading->cut_off)
        kn_error_set(err, KN_DAMAGED, "the answer was cut off because it was too long");
    else if (!reading->said[0])
        kn_error_set(err, KN_DAMAGED, "the answer is empty");
    else if (!content)
        kn_error_set(err, KN_DAMAGED, "the answer is not JSON: %s", why.text);
    return KN_CHAT_FLAWED;
}

enum kn_chat_verdict kn_chat_read(const json_t *answer, const json_t *schema,
                                  const struct kn_secrets *secrets, struct kn_arena *arena,
                                  struct kn_chat_reading *ret_reading, struct kn_error *err)
{
    const json_t *choice;
    *ret_reading = (struct kn_chat_reading){.said = ""};
    const json_t *message = message_of(answer, &choice);
    if (!message) {
        kn_error_set(err, KN_DAMAGED, "answered with something that is no chat completion");
        return KN_CHAT_NONE;
    }
    const char *refusal = json_string_value(json_object_get(message, "refusal"));
    if (refusal && refusal[0])
        return refused(refusal, err);
    const char *reason = json_string_value(json_object_get(choice, "finish_reason"));
    if (reason && strcmp(reason, "content_filter") == 0)
        return refused("a content filter stopped the answer", err);
    ret_reading->cut_off = reason && strcmp(reason, "length") == 0;
    ret_reading->said = text_of(json_object_get(message, "content"), arena);
    return read_content(schema, secrets, ret_reading, err);
}
