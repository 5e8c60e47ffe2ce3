/* What YouTube refuses of a video's metadata ("Videos" resource and its errors, 2026-09). */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "sandbox/platforms/words.h"
#include "sandbox/platforms/youtube.h"

enum { TITLE_UNITS = 100, DESCRIPTION_BYTES = 5000, TAGS_CHARACTERS = 500 };

static const char *const known_parts[] = {
    "snippet",
    "status",
    "localizations",
    "recordingDetails",
    "contentDetails",
    "id",
    "player",
    "statistics",
    "processingDetails",
    "suggestions",
    "topicDetails",
    "fileDetails",
    "liveStreamingDetails",
    "paidProductPlacementDetails",
    "auditDetails",
};

/* Writable fields, and those that come back with a resource that was read. */
enum type { TEXT, FLAG, TEXTS, READ_ONLY };
static const struct {
    const char *part, *name;
    enum type type;
} fields[] = {
    {"snippet", "title", TEXT},
    {"snippet", "description", TEXT},
    {"snippet", "tags", TEXTS},
    {"snippet", "categoryId", TEXT},
    {"snippet", "defaultLanguage", TEXT},
    {"snippet", "defaultAudioLanguage", TEXT},
    {"snippet", "channelId", READ_ONLY},
    {"snippet", "channelTitle", READ_ONLY},
    {"snippet", "publishedAt", READ_ONLY},
    {"snippet", "thumbnails", READ_ONLY},
    {"snippet", "localized", READ_ONLY},
    {"snippet", "liveBroadcastContent", READ_ONLY},
    {"status", "privacyStatus", TEXT},
    {"status", "publishAt", TEXT},
    {"status", "license", TEXT},
    {"status", "embeddable", FLAG},
    {"status", "publicStatsViewable", FLAG},
    {"status", "selfDeclaredMadeForKids", FLAG},
    {"status", "containsSyntheticMedia", FLAG},
    {"status", "madeForKids", READ_ONLY},
    {"status", "uploadStatus", READ_ONLY},
    {"status", "failureReason", READ_ONLY},
    {"status", "rejectionReason", READ_ONLY},
    {"recordingDetails", "recordingDate", TEXT},
    {"paidProductPlacementDetails", "hasPaidProductPlacement", FLAG},
};

bool kn_yt_has_part(const char *parts, const char *part)
{
    size_t length = strlen(part);
    for (const char *at = parts; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        if (size == length && strncmp(at, part, length) == 0)
            return true;
        at += size;
    }
    return false;
}

static bool part_is_known(const char *at, size_t size)
{
    for (size_t i = 0; i < KN_COUNT_OF(known_parts); i++)
        if (strlen(known_parts[i]) == size && strncmp(known_parts[i], at, size) == 0)
            return true;
    return false;
}

const char *kn_yt_parts(struct kn_mimic_visit *visit)
{
    const struct kn_exchange *exchange = visit->exchange;
    KN_SCOPED_STR parts = {0};
    for (int i = 0; i < exchange->query_count; i++)
        if (strcmp(exchange->query[i].name, "part") == 0)
            kn_str_printf(&parts, "%s%s", parts.length ? "," : "",
                          (const char *)exchange->query[i].data);
    if (!parts.length) {
        kn_yt_fail(visit, "missingRequiredParameter", "No filter selected or part missing: part");
        return NULL;
    }
    for (const char *at = parts.at; *at; at += *at == ',') {
        size_t size = strcspn(at, ",");
        if (!part_is_known(at, size)) {
            kn_yt_fail(visit, "unknownPart", NULL);
            return NULL;
        }
        at += size;
    }
    return kn_arena_strdup(visit->arena, parts.at);
}

/* ---- shapes ---- */

static bool is_texts(const json_t *value)
{
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item) if (!json_is_string(item)) return false;
    return json_is_array(value);
}

static bool field_fits(const char *part, const char *name, const json_t *value)
{
    for (size_t i = 0; i < KN_COUNT_OF(fields); i++) {
        if (strcmp(fields[i].part, part) != 0 || strcmp(fields[i].name, name) != 0)
            continue;
        switch (fields[i].type) {
        case TEXT:
            return json_is_string(value);
        case FLAG:
            return json_is_boolean(value);
        case TEXTS:
            return is_texts(value);
        case READ_ONLY:
            return true;
        }
    }
    return false;
}

static bool refuse_field(struct kn_mimic_visit *visit, const char *part, const char *name)
{
    kn_yt_fail(visit, "badRequest",
               kn_arena_printf(visit->arena,
                               "Invalid JSON payload received. \"%.60s.%.60s\" is unknown or not "
                               "of its type.",
                               part, name));
    return false;
}

static bool judge_shape(struct kn_mimic_visit *visit, const json_t *body, const char *parts)
{
    const char *part, *name;
    json_t *value, *field;
    json_object_foreach((json_t *)body, part, value)
    {
        if (strcmp(part, "kind") == 0 || strcmp(part, "etag") == 0 || strcmp(part, "id") == 0)
            continue;
        if (!part_is_known(part, strlen(part)) || !json_is_object(value))
            return refuse_field(visit, part, "");
        if (!kn_yt_has_part(parts, part)) {
            kn_yt_fail(visit, "unexpectedPart", NULL);
            return false;
        }
        if (strcmp(part, "localizations") == 0)
            continue;
        json_object_foreach(
            value, name, field) if (!field_fits(part, name, field)) return refuse_field(visit, part,
                                                                                        name);
    }
    return true;
}

/* ---- values ---- */

static bool title_fits(const char *title)
{
    return title && *title && title[strspn(title, " \t\r\n")] && !strpbrk(title, "<>") &&
           kn_utf16_units(title) <= TITLE_UNITS;
}

static bool description_fits(const char *text)
{
    return !text || (strlen(text) <= DESCRIPTION_BYTES && !strpbrk(text, "<>"));
}

/* A comma between two, quotation marks around what has a space. */
static bool tags_fit(const json_t *tags)
{
    size_t i;
    const json_t *tag;
    int sum = 0;
    json_array_foreach(tags, i, tag)
    {
        const char *text = json_string_value(tag);
        if (!*text || strpbrk(text, "<>"))
            return false;
        sum += kn_utf16_units(text) + (i > 0) + (strchr(text, ' ') ? 2 : 0);
    }
    return sum <= TAGS_CHARACTERS;
}

/* Those that videoCategories.list calls assignable. */
static bool category_fits(const char *id)
{
    static const char *const assignable[] = {"1",  "2",  "10", "15", "17", "19", "20", "22",
                                             "23", "24", "25", "26", "27", "28", "29"};
    for (size_t i = 0; id && i < KN_COUNT_OF(assignable); i++)
        if (strcmp(id, assignable[i]) == 0)
            return true;
    return !id;
}

static bool language_fits(const char *text)
{
    size_t length = text ? strlen(text) : 2;
    return length >= 2 && length <= 35 &&
           (!text ||
            strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") ==
                length);
}

static bool one_of(const char *text, const char *a, const char *b, const char *c)
{
    return !text || strcmp(text, a) == 0 || strcmp(text, b) == 0 || (c && strcmp(text, c) == 0);
}

/* RFC 3339; digits are checked one by one, because sscanf takes signs and blanks. */
int64_t kn_yt_time(const char *text)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd";
    struct tm tm = {0};
    size_t i = 0;
    for (; form[i]; i++)
        if (form[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != form[i])
            return -1;
    sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour,
           &tm.tm_min, &tm.tm_sec);
    if (text[i] == '.')
        i += 1 + strspn(text + i + 1, "0123456789");
    int hours = 0, minutes = 0;
    bool zone = text[i] == '+' || text[i] == '-';
    if (zone && (strlen(text + i) != 6 || sscanf(text + i + 1, "%2d:%2d", &hours, &minutes) != 2))
        return -1;
    if (!zone && strcmp(text + i, "Z") != 0)
        return -1;
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return -1;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    int64_t s = (int64_t)timegm(&tm), ahead = (hours * 60 + minutes) * 60;
    return (s - (text[i] == '-' ? -ahead : ahead)) * KN_US_PER_S;
}

static const char *judge_snippet(const json_t *snippet, bool updates)
{
    const char *category = json_string_value(json_object_get(snippet, "categoryId"));
    if (!title_fits(json_string_value(json_object_get(snippet, "title"))))
        return "invalidTitle";
    if (!description_fits(json_string_value(json_object_get(snippet, "description"))))
        return "invalidDescription";
    if (!tags_fit(json_object_get(snippet, "tags")))
        return "invalidTags";
    if ((updates && !category) || !category_fits(category))
        return "invalidCategoryId";
    if (!language_fits(json_string_value(json_object_get(snippet, "defaultLanguage"))) ||
        !language_fits(json_string_value(json_object_get(snippet, "defaultAudioLanguage"))))
        return "invalidVideoMetadata";
    return NULL;
}

static const char *judge_status(const json_t *status, const struct kn_yt_video *was)
{
    const char *privacy = json_string_value(json_object_get(status, "privacyStatus"));
    const char *at = json_string_value(json_object_get(status, "publishAt"));
    if (!one_of(privacy, "private", "public", "unlisted") ||
        !one_of(json_string_value(json_object_get(status, "license")), "youtube", "creativeCommon",
                NULL))
        return "invalidVideoMetadata";
    if (at && (!privacy || strcmp(privacy, "private") != 0 || kn_yt_time(at) < 0 ||
               (was && was->was_published)))
        return "invalidPublishAt";
    return NULL;
}

static const char *judge_localizations(const json_t *all, const json_t *snippet)
{
    const char *language;
    json_t *texts;
    if (json_object_size(all) && !json_object_get(snippet, "defaultLanguage"))
        return "defaultLanguageNotSet";
    json_object_foreach((json_t *)all, language, texts)
    {
        if (!language_fits(language))
            return "invalidVideoMetadata";
        if (!title_fits(json_string_value(json_object_get(texts, "title"))))
            return "invalidTitle";
        if (!description_fits(json_string_value(json_object_get(texts, "description"))))
            return "invalidDescription";
    }
    return NULL;
}

bool kn_yt_judge_video(struct kn_mimic_visit *visit, const json_t *body, const char *parts,
                       const struct kn_yt_video *was)
{
    const json_t *snippet = json_object_get(body, "snippet");
    const json_t *date =
        json_object_get(json_object_get(body, "recordingDetails"), "recordingDate");
    if (!judge_shape(visit, body, parts))
        return false;
    const char *why = NULL;
    if (!was || snippet || kn_yt_has_part(parts, "snippet"))
        why = judge_snippet(snippet, was != NULL);
    if (!why)
        why = judge_status(json_object_get(body, "status"), was);
    if (!why)
        why = judge_localizations(json_object_get(body, "localizations"),
                                  snippet || !was ? snippet
                                                  : json_object_get(was->resource, "snippet"));
    if (!why && date && kn_yt_time(json_string_value(date)) < 0)
        why = "invalidRecordingDetails";
    if (why)
        kn_yt_fail(visit, why, NULL);
    return !why;
}
