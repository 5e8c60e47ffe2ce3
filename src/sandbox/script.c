#include "sandbox/script.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "base/option.h"
#include "base/sync.h"
#include "base/vec.h"

enum {
    /* A match within so much: a file's duration is not told to the microsecond. */
    DURATION_SLACK_US = 50000,
    SECONDS_MAX = 1000000, /* of times of a sound */
};

struct reader {
    const char *path;
    struct kn_arena *arena;
    struct kn_error *err;
};

static enum kn_status wrong(struct reader *r, const char *where, const char *what)
{
    return kn_error_set(r->err, KN_INVALID, "%s: %s%s", r->path, where, what);
}

/* ---- single values ---- */

static enum kn_status check_keys(struct reader *r, json_t *object, const char *where,
                                 const char *const *keys)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return wrong(r, where, " is not an object");
    json_object_foreach(object, key, value)
    {
        int k = 0;
        while (keys[k] && strcmp(keys[k], key) != 0)
            k++;
        const char *nearest = keys[k] ? NULL : kn_nearest_name(key, keys);
        if (!keys[k])
            return kn_error_set(r->err, KN_INVALID, "%s: %s has no “%.40s”%s%s%s", r->path, where,
                                key, nearest ? "; did you mean “" : "", nearest ? nearest : "",
                                nearest ? "”?" : "");
    }
    return KN_OK;
}

static enum kn_status read_text(struct reader *r, const json_t *object, const char *where,
                                const char *key, const char **ret_text)
{
    const json_t *value = json_object_get(object, key);
    if (!value || json_is_null(value))
        return KN_OK;
    if (!json_is_string(value))
        return kn_error_set(r->err, KN_INVALID, "%s: %s.%s is no text", r->path, where, key);
    *ret_text = kn_arena_strdup(r->arena, json_string_value(value));
    return KN_OK;
}

/* A number of seconds, or what --latency takes. */
static enum kn_status read_latency(struct reader *r, const json_t *value, const char *where,
                                   bool *ret_has, struct kn_sandbox_latency *ret_latency)
{
    double s = json_number_value(value);
    if (!value)
        return KN_OK;
    *ret_has = true;
    if (json_is_string(value)) {
        enum kn_status status =
            kn_sandbox_latency_parse(json_string_value(value), ret_latency, r->err);
        return status == KN_OK ? KN_OK : kn_error_add(r->err, "%s: %s", r->path, where);
    }
    if (!json_is_number(value) || s < 0 || s > KN_LATENCY_S_MAX)
        return wrong(r, where, ".latency is neither a number of seconds nor a text");
    *ret_latency = (struct kn_sandbox_latency){.mean_s = s};
    return KN_OK;
}

static enum kn_status read_fault(struct reader *r, const json_t *value, const char *where,
                                 struct kn_sandbox_fault *ret_fault)
{
    if (!json_is_string(value))
        return wrong(r, where, ": a fault is a text such as “429,first=3”");
    enum kn_status status = kn_sandbox_fault_parse(json_string_value(value), ret_fault, r->err);
    return status == KN_OK ? KN_OK : kn_error_add(r->err, "%s: %s", r->path, where);
}

static enum kn_status read_rule(struct reader *r, const json_t *object, const char *where,
                                struct kn_script_rule *rule)
{
    const json_t *times = json_object_get(object, "times"),
                 *fault = json_object_get(object, "fault");
    struct kn_sandbox_fault accident = {0};
    enum kn_status status = read_latency(r, json_object_get(object, "latency"), where,
                                         &rule->has_latency, &rule->latency);
    if (status == KN_OK && fault)
        status = read_fault(r, fault, where, &accident);
    kn_fault_rules_init(&rule->faults, &accident, accident.kind != KN_FAULT_NONE, NULL, 0);
    json_int_t count = json_integer_value(times);
    bool fine = !times || (json_is_integer(times) && count >= 1 && count <= INT_MAX);
    rule->times = fine ? (int)count : 0;
    if (status == KN_OK && !fine)
        status = wrong(r, where, ".times is no number of times");
    return status;
}

/* ---- transcripts ---- */

static enum kn_status read_words(struct reader *r, const json_t *list, const char *where,
                                 struct kn_spoken *ret_spoken)
{
    const json_t *one;
    size_t i, count = json_array_size(list);
    struct kn_spoken_word *words = kn_arena_array(r->arena, count + 1, sizeof *words);
    if (!json_is_array(list))
        return wrong(r, where, ".words is no list");
    json_array_foreach(list, i, one)
    {
        const json_t *start = json_object_get(one, "start"), *end = json_object_get(one, "end");
        const char *text = json_string_value(json_object_get(one, "word"));
        double from = json_number_value(start), to = json_number_value(end);
        if (!json_is_number(start) || !json_is_number(end) || !text || fabs(from) > SECONDS_MAX ||
            fabs(to) > SECONDS_MAX)
            return kn_error_set(r->err, KN_INVALID,
                                "%s: %s.words[%zu] is not {\"word\", \"start\", \"end\"} with "
                                "seconds",
                                r->path, where, i);
        words[i] = (struct kn_spoken_word){llround(from * 1e6), llround(to * 1e6),
                                           kn_arena_strdup(r->arena, text)};
    }
    ret_spoken->words = words;
    ret_spoken->count = (int)count;
    return KN_OK;
}

static enum kn_status read_hearing(struct reader *r, json_t *object, const char *where,
                                   struct kn_script_hearing *ret)
{
    static const char *const keys[] = {"audio", "name",    "duration", "language", "text",
                                       "words", "latency", "fault",    "times",    NULL};
    const json_t *duration = json_object_get(object, "duration"),
                 *words = json_object_get(object, "words");
    enum kn_status status = check_keys(r, object, where, keys);
    const char *language = NULL;
    if (status == KN_OK)
        status = read_text(r, object, where, "audio", &ret->hash);
    if (status == KN_OK)
        status = read_text(r, object, where, "name", &ret->name);
    if (status == KN_OK)
        status = read_text(r, object, where, "text", &ret->text);
    if (status == KN_OK)
        status = read_text(r, object, where, "language", &language);
    double duration_s = json_number_value(duration);
    bool lasts = json_is_number(duration) && duration_s >= 0 && duration_s <= SECONDS_MAX;
    if (status == KN_OK && duration && !lasts)
        status = wrong(r, where, ".duration is no number of seconds");
    if (status == KN_OK && language && !kn_language_name(language))
        status = wrong(r, where, ".language is unknown here");
    if (status == KN_OK && words)
        status = read_words(r, words, where, &ret->spoken);
    if (ret->hash && strcmp(ret->hash, "*") == 0)
        ret->hash = NULL;
    ret->duration_us = lasts ? llround(duration_s * 1e6) : -1;
    ret->spoken.language = language ? kn_language_name(language) : NULL;
    return status;
}

/* ---- chats ---- */

static const char *const finish_reasons[] = {"stop", "length", "content_filter", "tool_calls"};

static enum kn_status read_talk(struct reader *r, json_t *object, const char *where,
                                struct kn_script_talk *ret)
{
    static const char *const keys[] = {"contains",      "content",   "refusal",
                                       "finish_reason", "unchecked", "latency",
                                       "fault",         "times",     NULL};
    const json_t *content = json_object_get(object, "content");
    enum kn_status status = check_keys(r, object, where, keys);
    if (status == KN_OK)
        status = read_text(r, object, where, "contains", &ret->contains);
    if (status == KN_OK)
        status = read_text(r, object, where, "refusal", &ret->refusal);
    if (status == KN_OK)
        status = read_text(r, object, where, "finish_reason", &ret->finish_reason);
    if (ret->contains && strcmp(ret->contains, "*") == 0)
        ret->contains = NULL;
    if (json_is_string(content)) {
        ret->content = kn_arena_strdup(r->arena, json_string_value(content));
    } else if (content && !json_is_null(content)) {
        KN_SCOPED_STR text = {0};
        kn_json_add(&text, content, true);
        ret->content = kn_arena_strdup(r->arena, kn_str_text(&text));
    }
    ret->made = !content && !ret->refusal;
    ret->unchecked = json_is_true(json_object_get(object, "unchecked"));
    bool known = !ret->finish_reason;
    for (size_t i = 0; i < KN_COUNT_OF(finish_reasons) && !known; i++)
        known = strcmp(finish_reasons[i], ret->finish_reason) == 0;
    if (status == KN_OK && !known)
        status = wrong(r, where, ".finish_reason is stop, length, content_filter or tool_calls");
    return status;
}

/* ---- the whole ---- */

static enum kn_status read_hearing_rule(struct reader *r, json_t *object, const char *where,
                                        void *item)
{
    struct kn_script_hearing *hearing = item;
    enum kn_status status = read_rule(r, object, where, &hearing->rule);
    return status == KN_OK ? read_hearing(r, object, where, hearing) : status;
}

static enum kn_status read_talk_rule(struct reader *r, json_t *object, const char *where,
                                     void *item)
{
    struct kn_script_talk *talk = item;
    enum kn_status status = read_rule(r, object, where, &talk->rule);
    return status == KN_OK ? read_talk(r, object, where, talk) : status;
}

static enum kn_status read_fault_rule(struct reader *r, json_t *value, const char *where,
                                      void *item)
{
    return read_fault(r, value, where, item);
}

/* The items of a list that need not be there. On an error *ret_count tells how many were begun. */
static void *read_list(struct reader *r, const json_t *script, const char *key, size_t bytes,
                       enum kn_status (*read)(struct reader *r, json_t *value, const char *where,
                                              void *item),
                       int *ret_count, enum kn_status *status)
{
    const json_t *list = json_object_get(script, key);
    size_t i, count = json_array_size(list);
    json_t *one;
    char *items = kn_arena_array(r->arena, count + 1, bytes);
    if (*status == KN_OK && list && !json_is_array(list))
        *status = wrong(r, key, " is no list");
    json_array_foreach(list, i, one)
    {
        if (*status != KN_OK)
            break;
        *ret_count = (int)i + 1;
        *status = read(r, one, kn_arena_printf(r->arena, "%s[%zu]", key, i), items + i * bytes);
    }
    return items;
}

/* One for all paths, or an object with one a path. */
static enum kn_status read_latencies(struct reader *r, json_t *value, struct kn_script *script)
{
    const char *key;
    json_t *one;
    enum kn_status status = KN_OK;
    for (int p = 0; p < KN_SANDBOX_PATH_COUNT && !json_is_object(value); p++)
        status = read_latency(r, value, "latency", &script->has_latency[p], &script->latency[p]);
    json_object_foreach(value, key, one)
    {
        enum kn_sandbox_path path = kn_sandbox_path_find(key, strlen(key));
        if (path == KN_SANDBOX_PATH_COUNT)
            return wrong(r, "latency", " is for transcriptions, chat, models or other");
        if (status == KN_OK)
            status = read_latency(r, one, key, &script->has_latency[path], &script->latency[path]);
    }
    return status;
}

static enum kn_status read_all(struct reader *r, json_t *json, struct kn_script *script)
{
    static const char *const keys[] = {"kirinuki_sandbox", "transcripts", "chats",
                                       "faults",           "latency",     NULL};
    enum kn_status status = check_keys(r, json, "the script", keys);
    if (status == KN_OK && json_integer_value(json_object_get(json, "kirinuki_sandbox")) != 1)
        status = wrong(r, "", "a script begins with {\"kirinuki_sandbox\": 1");
    script->hearings = read_list(r, json, "transcripts", sizeof *script->hearings,
                                 read_hearing_rule, &script->hearing_count, &status);
    script->talks = read_list(r, json, "chats", sizeof *script->talks, read_talk_rule,
                              &script->talk_count, &status);
    script->faults = read_list(r, json, "faults", sizeof *script->faults, read_fault_rule,
                               &script->fault_count, &status);
    if (status == KN_OK)
        status = read_latencies(r, json_object_get(json, "latency"), script);
    return status;
}

enum kn_status kn_script_read(const char *path, const char *text, size_t size,
                              struct kn_arena *arena, struct kn_script *ret_script,
                              struct kn_error *err)
{
    struct reader r = {path, arena, err};
    json_error_t why;
    *ret_script = (struct kn_script){0};
    pthread_mutex_init(&ret_script->lock, NULL);
    KN_SCOPED_JSON json = json_loadb(text, size, JSON_REJECT_DUPLICATES, &why);
    if (!json)
        return kn_error_set(err, KN_INVALID, "%s:%d: %s", path, why.line, why.text);
    return read_all(&r, json, ret_script);
}

void kn_script_done(struct kn_script *script)
{
    for (int i = 0; i < script->hearing_count; i++)
        kn_fault_rules_done(&script->hearings[i].rule.faults);
    for (int i = 0; i < script->talk_count; i++)
        kn_fault_rules_done(&script->talks[i].rule.faults);
    pthread_mutex_destroy(&script->lock);
}

/* ---- which rule ---- */

static bool use(struct kn_script_rule *rule)
{
    if (rule->times && rule->used >= rule->times)
        return false;
    rule->used++;
    return true;
}

struct kn_script_hearing *kn_script_hear(struct kn_script *script, const char *hash,
                                         const char *name, int64_t duration_us)
{
    KN_LOCKED(&script->lock);
    for (int i = 0; i < script->hearing_count; i++) {
        struct kn_script_hearing *h = &script->hearings[i];
        int64_t off = duration_us - h->duration_us;
        if ((!h->hash || strcmp(h->hash, hash) == 0) && (!h->name || strcmp(h->name, name) == 0) &&
            (h->duration_us < 0 || (off <= DURATION_SLACK_US && off >= -DURATION_SLACK_US)) &&
            use(&h->rule))
            return h;
    }
    return NULL;
}

struct kn_script_talk *kn_script_talk(struct kn_script *script, const char *prompt)
{
    KN_LOCKED(&script->lock);
    for (int i = 0; i < script->talk_count; i++) {
        struct kn_script_talk *t = &script->talks[i];
        if ((!t->contains || strstr(prompt, t->contains)) && use(&t->rule))
            return t;
    }
    return NULL;
}
