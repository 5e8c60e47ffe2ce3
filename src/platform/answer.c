/* Answers of platforms, which may hold anything. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/str.h"
#include "platform/posting.h"

enum { KEY_BYTES = 64, ID_BYTES = 128, SENTENCE_BYTES = 300, TIME_BYTES = 40 };

const json_t *kn_answer_json(struct kn_posting *posting, const struct kn_http_answer *answer)
{
    json_t *json = json_loadb(answer->body, answer->size, 0, NULL);
    if (!json_is_object(json) && !json_is_array(json)) {
        json_decref(json);
        return NULL;
    }
    if (!posting->answers)
        posting->answers = json_array();
    json_array_append_new(posting->answers, json);
    return json;
}

const json_t *kn_answer_at(const json_t *json, const char *path)
{
    while (json && *path) {
        char key[KEY_BYTES];
        size_t length = strcspn(path, ".");
        long long index;
        if (length >= sizeof key)
            return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        if (!json_is_array(json))
            json = json_object_get(json, key);
        else if (kn_parse_int(key, 0, INT32_MAX, &index))
            json = json_array_get(json, (size_t)index);
        else
            json = NULL;
        path += length + (path[length] == '.');
    }
    return json;
}

const char *kn_answer_text(struct kn_posting *posting, const json_t *json, const char *path,
                           size_t max)
{
    const json_t *value = kn_answer_at(json, path);
    if (json_is_integer(value))
        return kn_arena_printf(posting->arena, "%lld", (long long)json_integer_value(value));
    const char *text = json_string_value(value);
    /* jansson keeps NUL out of texts, unless it is told not to. */
    if (!text || strlen(text) > max || !kn_text_is_clean(text))
        return NULL;
    return kn_arena_strdup(posting->arena, text);
}

const char *kn_answer_id(struct kn_posting *posting, const json_t *json, const char *path)
{
    const char *id = kn_answer_text(posting, json, path, ID_BYTES);
    if (!id || !*id)
        return NULL;
    for (const char *at = id; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("-_.~", *at))
            return NULL;
    return id;
}

/* Without "<a href=…>" and "</a>"; a '<' that no tag follows stays. */
static void leave_out_tags(const char *text, struct kn_str *out)
{
    while (*text) {
        bool tag = text[0] == '<' && (isalpha((unsigned char)text[1]) || text[1] == '/');
        const char *end = tag ? strchr(text, '>') : NULL;
        if (!end)
            kn_str_add_char(out, *text);
        text = end ? end + 1 : text + 1;
    }
}

const char *kn_answer_sentence(struct kn_posting *posting, const json_t *json, const char *path)
{
    static const char *const places[] = {"error.message", "error_description", "message", "error"};
    char shown[SENTENCE_BYTES];
    const char *text = json_string_value(kn_answer_at(json, path));
    KN_SCOPED_JSON inner = text && *text == '{' ? json_loads(text, 0, NULL) : NULL;
    for (size_t i = 0; text && *text == '{' && i < KN_COUNT_OF(places); i++) {
        const char *said = json_string_value(kn_answer_at(inner, places[i]));
        text = said ? said : text;
    }
    if (!text || !*text || *text == '{')
        return NULL;
    KN_SCOPED_STR plain = {0};
    leave_out_tags(text, &plain);
    kn_text_show(kn_str_text(&plain), shown, sizeof shown);
    size_t length = strlen(shown);
    while (length && strchr(". ", shown[length - 1])) /* our own sentence goes on */
        length--;
    return length ? kn_arena_strndup(posting->arena, shown, length) : NULL;
}

int64_t kn_answer_number(const json_t *json, const char *path, int64_t otherwise)
{
    const json_t *value = kn_answer_at(json, path);
    long long number;
    if (json_is_integer(value))
        return json_integer_value(value);
    if (json_is_string(value) &&
        kn_parse_int(json_string_value(value), INT64_MIN, INT64_MAX, &number))
        return number;
    return otherwise;
}

int64_t kn_answer_time(struct kn_posting *posting, const json_t *json, const char *path)
{
    struct tm tm = {0};
    const char *text = kn_answer_text(posting, json, path, TIME_BYTES);
    const char *end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (end && *end == '.')
        end += 1 + strspn(end + 1, "0123456789");
    end = end ? strptime(end, "%z", &tm) : NULL;
    if (!end || *end)
        return -1;
    long offset_s = tm.tm_gmtoff;
    return ((int64_t)timegm(&tm) - offset_s) * KN_US_PER_S;
}
