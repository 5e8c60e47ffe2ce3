#include "sandbox/faults.h"

#include <string.h>

#include "base/str.h"
#include "base/sync.h"

static const char *const path_names[] = {
    [KN_SANDBOX_TRANSCRIPTIONS] = "transcriptions",
    [KN_SANDBOX_CHAT] = "chat",
    [KN_SANDBOX_MODELS] = "models",
    [KN_SANDBOX_OTHER] = "other",
    [KN_SANDBOX_OAUTH] = "oauth",
    [KN_SANDBOX_YOUTUBE_INSERT] = "youtube-insert",
    [KN_SANDBOX_YOUTUBE_UPLOAD] = "youtube-upload",
    [KN_SANDBOX_YOUTUBE_LIST] = "youtube-list",
    [KN_SANDBOX_YOUTUBE_EDIT] = "youtube-edit",
    [KN_SANDBOX_TIKTOK_CREATOR] = "tiktok-creator",
    [KN_SANDBOX_TIKTOK_INIT] = "tiktok-init",
    [KN_SANDBOX_TIKTOK_UPLOAD] = "tiktok-upload",
    [KN_SANDBOX_TIKTOK_STATUS] = "tiktok-status",
    [KN_SANDBOX_INSTAGRAM_CREATE] = "instagram-create",
    [KN_SANDBOX_INSTAGRAM_UPLOAD] = "instagram-upload",
    [KN_SANDBOX_INSTAGRAM_STATUS] = "instagram-status",
    [KN_SANDBOX_INSTAGRAM_PUBLISH] = "instagram-publish",
    [KN_SANDBOX_X_INITIALIZE] = "x-initialize",
    [KN_SANDBOX_X_APPEND] = "x-append",
    [KN_SANDBOX_X_FINALIZE] = "x-finalize",
    [KN_SANDBOX_X_STATUS] = "x-status",
    [KN_SANDBOX_X_POST] = "x-post",
};

static const struct {
    const char *name, *meaning;
} kinds[] = {
#define ROW(name, text, meaning) [KN_FAULT_##name] = {text, meaning},
    KN_SANDBOX_FAULT_TABLE(ROW)
#undef ROW
};

const char *kn_sandbox_path_name(enum kn_sandbox_path path)
{
    return path_names[path];
}

const char *kn_sandbox_fault_name(enum kn_sandbox_fault_kind kind)
{
    return kinds[kind].name;
}

const char *kn_sandbox_fault_meaning(enum kn_sandbox_fault_kind kind)
{
    return kinds[kind].meaning;
}

static bool is_word(const char *name, const char *word, size_t length)
{
    return strlen(name) == length && strncmp(name, word, length) == 0;
}

/* KN_FAULT_COUNT: there is none of that name. */
static enum kn_sandbox_fault_kind find_kind(const char *name, size_t length)
{
    int kind = 0;
    while (kind < KN_FAULT_COUNT && !is_word(kinds[kind].name, name, length))
        kind++;
    return (enum kn_sandbox_fault_kind)kind;
}

enum kn_sandbox_path kn_sandbox_path_find(const char *name, size_t length)
{
    int path = 0;
    while (path < KN_SANDBOX_PATH_COUNT && !is_word(path_names[path], name, length))
        path++;
    return (enum kn_sandbox_path)path;
}

/* Those with a body that is the file, or a part of it. */
static bool takes_bytes(enum kn_sandbox_path path)
{
    return path == KN_SANDBOX_YOUTUBE_INSERT || path == KN_SANDBOX_YOUTUBE_UPLOAD ||
           path == KN_SANDBOX_TIKTOK_UPLOAD || path == KN_SANDBOX_INSTAGRAM_UPLOAD ||
           path == KN_SANDBOX_X_APPEND;
}

/* Those by which something comes into being that is processed. */
static bool begins_processing(enum kn_sandbox_path path)
{
    return path == KN_SANDBOX_YOUTUBE_INSERT || path == KN_SANDBOX_YOUTUBE_UPLOAD ||
           path == KN_SANDBOX_TIKTOK_INIT || path == KN_SANDBOX_INSTAGRAM_CREATE ||
           path == KN_SANDBOX_X_FINALIZE;
}

static bool can_befall(enum kn_sandbox_fault_kind kind, enum kn_sandbox_path path)
{
    switch (kind) {
    case KN_FAULT_REFUSAL:
    case KN_FAULT_LENGTH:
    case KN_FAULT_FILTER:
    case KN_FAULT_WRONG_SCHEMA:
        return path == KN_SANDBOX_CHAT;
    case KN_FAULT_DISORDER:
    case KN_FAULT_BEYOND:
        return path == KN_SANDBOX_TRANSCRIPTIONS;
    case KN_FAULT_CUT_UPLOAD:
    case KN_FAULT_PARTIAL:
        return takes_bytes(path);
    case KN_FAULT_EXPIRED:
        return takes_bytes(path) && path != KN_SANDBOX_YOUTUBE_INSERT;
    case KN_FAULT_LOST:
    case KN_FAULT_LATE_SERVER:
        return path >= KN_SANDBOX_OAUTH;
    case KN_FAULT_BAD_PROCESSING:
    case KN_FAULT_SLOW_PROCESSING:
        return begins_processing(path);
    case KN_FAULT_SLOW_DOWN:
        return path < KN_SANDBOX_OAUTH;
    case KN_FAULT_BLANK:
        return path == KN_SANDBOX_TRANSCRIPTIONS || path == KN_SANDBOX_CHAT;
    default:
        return true;
    }
}

/* ---- reading ---- */

/* One "key=value" of `length` bytes. */
static bool parse_condition(const char *at, size_t length, struct kn_sandbox_fault *fault)
{
    char word[64];
    if (length >= sizeof word)
        return false;
    memcpy(word, at, length);
    word[length] = '\0';
    char *equals = strchr(word, '=');
    if (!equals)
        return false;
    *equals = '\0';
    const char *value = equals + 1;
    const struct {
        const char *name;
        int *field;
    } counts[] = {{"first", &fault->first}, {"after", &fault->after}, {"every", &fault->every}};
    for (size_t i = 0; i < KN_COUNT_OF(counts); i++) {
        long long count;
        if (strcmp(word, counts[i].name) != 0)
            continue;
        bool fine = kn_parse_int(value, 1, 1000000000, &count);
        *counts[i].field = fine ? (int)count : 0;
        return fine;
    }
    if (strcmp(word, "chance") == 0)
        return kn_parse_double(value, 1e-9, 1, &fault->chance);
    if (strcmp(word, "retry-after") == 0)
        return kn_parse_double(value, 1e-3, 86400, &fault->retry_after_s);
    if (strcmp(word, "seconds") == 0)
        return kn_parse_double(value, 0, 1e6, &fault->seconds);
    if (strcmp(word, "bytes") == 0) {
        long long bytes;
        bool fine = kn_parse_int(value, 1, INT64_MAX, &bytes);
        fault->bytes = fine ? bytes : 0;
        return fine;
    }
    enum kn_sandbox_path path = kn_sandbox_path_find(value, strlen(value));
    if (strcmp(word, "path") != 0 || path == KN_SANDBOX_PATH_COUNT)
        return false;
    fault->paths |= 1u << path;
    return can_befall(fault->kind, path);
}

static enum kn_status unknown_kind(const char *text, size_t length, struct kn_error *err)
{
    KN_SCOPED_STR names = {0};
    for (int k = 1; k < KN_FAULT_COUNT; k++)
        kn_str_printf(&names, "%s%s", k > 1 ? ", " : "", kinds[k].name);
    return kn_error_set(err, KN_INVALID, "there is no fault “%.*s”; there are %s",
                        (int)KN_MIN(length, 40), text, kn_str_text(&names));
}

enum kn_status kn_sandbox_fault_parse(const char *text, struct kn_sandbox_fault *ret_fault,
                                      struct kn_error *err)
{
    struct kn_sandbox_fault fault = {0};
    size_t length = strcspn(text, ",");
    fault.kind = find_kind(text, length);
    if (fault.kind == KN_FAULT_COUNT)
        return unknown_kind(text, length, err);
    for (const char *at = text + length; *at == ','; at += length) {
        at++;
        length = strcspn(at, ",");
        if (!parse_condition(at, length, &fault))
            return kn_error_set(err, KN_INVALID,
                                "the fault “%.60s” is no KIND,first=N,after=N,every=N,chance=0.1,"
                                "retry-after=S,bytes=N,seconds=S,path=chat: “%.*s” is wrong there",
                                text, (int)KN_MIN(length, 40), at);
    }
    *ret_fault = fault;
    return KN_OK;
}

/* ---- drawing ---- */

void kn_fault_rules_init(struct kn_fault_rules *rules, const struct kn_sandbox_fault *faults,
                         int count, const struct kn_sandbox_fault *more, int more_count)
{
    pthread_mutex_init(&rules->lock, NULL);
    rules->count = count + more_count;
    rules->rules = kn_calloc((size_t)rules->count + 1, sizeof *rules->rules);
    rules->asked = kn_calloc((size_t)rules->count + 1, sizeof *rules->asked);
    for (int i = 0; i < count; i++)
        rules->rules[i] = faults[i];
    for (int i = 0; i < more_count; i++)
        rules->rules[count + i] = more[i];
}

void kn_fault_rules_done(struct kn_fault_rules *rules)
{
    free(rules->rules);
    free(rules->asked);
    pthread_mutex_destroy(&rules->lock);
}

static bool concerns(const struct kn_sandbox_fault *rule, enum kn_sandbox_path path)
{
    if (rule->paths)
        return rule->paths & 1u << path;
    return path != KN_SANDBOX_OTHER && path != KN_SANDBOX_OAUTH && can_befall(rule->kind, path);
}

/* `number` is 1 for the first request that the rule concerns. */
static bool befalls(const struct kn_sandbox_fault *rule, int64_t number, struct kn_chance *chance)
{
    double draw = kn_chance_share(chance); /* one a rule, whatever it says */
    number -= rule->after;
    return number >= 1 && (!rule->first || number <= rule->first) &&
           (!rule->every || number % rule->every == 0) && (!rule->chance || draw < rule->chance);
}

struct kn_sandbox_fault kn_fault_rules_draw(struct kn_fault_rules *rules, enum kn_sandbox_path path,
                                            struct kn_chance *chance)
{
    struct kn_sandbox_fault found = {0};
    KN_LOCKED(&rules->lock);
    for (int i = 0; i < rules->count; i++) {
        const struct kn_sandbox_fault *rule = &rules->rules[i];
        if (!concerns(rule, path))
            continue;
        bool does = befalls(rule, ++rules->asked[i], chance);
        if (does && found.kind == KN_FAULT_NONE)
            found = *rule;
    }
    return found;
}
