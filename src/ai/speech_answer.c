#include "ai/speech_answer.h"

#include <math.h>
#include <string.h>

#include "ai/languages.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "base/words.h"
#include "model/regroup.h"

enum {
    SEGMENTS_MAX = 10000,
    TEXT_MAX_BYTES = 1 << 20,
    WORDS_A_SECOND = 50, /* nobody speaks so fast */
    WORDS_EXTRA = 50,
    WORD_MAX_BYTES = 512,
    WORD_LEAST_US = 5000,
    BYTES_A_TOKEN = 4,
};

static const int64_t late_us = 500000;  /* after the end: rounded, or invented? */
static const int64_t early_us = 100000; /* before the word in front: overlapping, or wrong? */
static const double silent = 0.6, unlikely = -1.0, repetitive = 2.4;

struct segment {
    int64_t start_us, end_us;
    const char *text; /* clean, with its leading space */
    double log_prob;  /* NAN: not said */
    int tokens;       /* 0: not said */
    bool dropped;
    float trust; /* what its words' confidence is multiplied by */
    const json_t *words;
};

struct reader {
    struct kn_arena *arena;
    int64_t length_us;
    double unit_us; /* of its times */
    KN_VEC(struct segment) segments;
    KN_VEC(struct kn_found_word) words;
    int seen, faults; /* words, and those whose times make no sense */
    int words_max;
};

/* ---- values ---- */

static double number_of(const json_t *object, const char *name, double if_absent)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : if_absent;
}

/* -1: there is none. */
static int64_t time_of(const struct reader *r, const json_t *object, const char *name)
{
    double value = number_of(object, name, -1);
    if (!(value >= 0))
        return -1;
    return llround(fmin(value * r->unit_us, 1e15));
}

/* Control characters become spaces; in the arena. */
static char *clean(struct kn_arena *arena, const char *text)
{
    return kn_utf8_blank_controls(kn_arena_strdup(arena, text));
}

static char *trimmed(struct kn_arena *arena, const char *text)
{
    char *copy = clean(arena, text);
    while (*copy == ' ')
        copy++;
    for (size_t n = strlen(copy); n && copy[n - 1] == ' '; n--)
        copy[n - 1] = '\0';
    return copy;
}

/* Seconds, or nanoseconds as an older LocalAI has them: these are whole and enormous. */
static void look_at_unit(const json_t *list, double *largest, bool *whole)
{
    size_t i;
    json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const json_t *end = json_object_get(entry, "end");
        if (json_is_real(end))
            *whole = false;
        if (json_is_number(end))
            *largest = fmax(*largest, json_number_value(end));
    }
}

static double unit_of(const json_t *answer)
{
    double largest = 0;
    bool whole = true;
    look_at_unit(json_object_get(answer, "segments"), &largest, &whole);
    look_at_unit(json_object_get(answer, "words"), &largest, &whole);
    return whole && largest >= 1e6 ? 1e-3 : 1e6;
}

/* ---- segments ---- */

static void judge_segment(const json_t *json, struct segment *segment, bool *looped)
{
    double no_speech = number_of(json, "no_speech_prob", 0);
    double compression = number_of(json, "compression_ratio", 0);
    segment->trust = 1;
    if (no_speech > silent && segment->log_prob < unlikely)
        segment->dropped = true;
    else if (no_speech > silent || compression > repetitive)
        segment->trust = 0.5F;
    if (!segment->dropped && compression > repetitive)
        *looped = true;
}

static enum kn_status read_segments(struct reader *r, const json_t *answer, bool *looped,
                                    struct kn_error *err)
{
    const json_t *list = json_object_get(answer, "segments");
    size_t i, bytes = 0;
    json_t *entry;
    if (json_array_size(list) > SEGMENTS_MAX)
        return kn_error_set(err, KN_DAMAGED, "there are %zu segments in it", json_array_size(list));
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(json_object_get(entry, "text"));
        bytes += text ? strlen(text) : 0;
        if (bytes > TEXT_MAX_BYTES)
            return kn_error_set(err, KN_DAMAGED, "there is more than 1 MiB of text in it");
        struct segment segment = {
            .start_us = time_of(r, entry, "start"),
            .end_us = time_of(r, entry, "end"),
            .text = clean(r->arena, text ? text : ""),
            .log_prob = number_of(entry, "avg_logprob", NAN),
            .tokens = (int)KN_MIN(json_array_size(json_object_get(entry, "tokens")), 1 << 20),
            .words = json_object_get(entry, "words"),
        };
        judge_segment(entry, &segment, looped);
        kn_vec_push(&r->segments, segment);
    }
    return KN_OK;
}

/* All that is kept, as one text. */
static char *join_segments(const struct reader *r)
{
    KN_SCOPED_STR all = {0};
    for (int i = 0; i < r->segments.count; i++) {
        const struct segment *segment = &r->segments.at[i];
        if (segment->dropped || !segment->text[0])
            continue;
        if (all.length && !kn_ends_with(all.at, " ") && segment->text[0] != ' ' &&
            kn_utf8_spaced(all.at, segment->text))
            kn_str_add_char(&all, ' ');
        kn_str_add(&all, segment->text);
    }
    return trimmed(r->arena, kn_str_text(&all));
}

/* ---- words ---- */

static float confidence_of(const struct reader *r, const json_t *word, int home)
{
    const struct segment *segment = home >= 0 ? &r->segments.at[home] : NULL;
    double confidence = number_of(word, "probability", -1);
    if (!(confidence >= 0))
        confidence = segment && !isnan(segment->log_prob) ? exp(segment->log_prob) : 1;
    return (float)KN_CLAMP(confidence, 0, 1) * (segment ? segment->trust : 1);
}

static int home_of(const struct reader *r, int64_t at_us, int from)
{
    int home = KN_MAX(from, 0);
    while (home + 1 < r->segments.count && r->segments.at[home + 1].start_us >= 0 &&
           r->segments.at[home + 1].start_us <= at_us)
        home++;
    return home < r->segments.count ? home : -1;
}

static bool is_late(const struct reader *r, int64_t start_us)
{
    return start_us > r->length_us + late_us;
}

/* Words, or characters in some scripts. */
static int pieces_max(const struct reader *r)
{
    return 2 * r->words_max;
}

static enum kn_status too_many(const struct reader *r, struct kn_error *err)
{
    return kn_error_set(err, KN_DAMAGED, "nobody says so many words in %.1f s",
                        kn_seconds(r->length_us));
}

static enum kn_status add_words(struct reader *r, const json_t *list, int segment,
                                struct kn_error *err)
{
    size_t i;
    json_t *entry;
    int home = segment;
    int64_t last_us = r->words.count ? kn_vec_last(&r->words)->start_us : 0;
    if (json_array_size(list) > (size_t)(r->words_max - r->words.count))
        return too_many(r, err);
    json_array_foreach(list, i, entry)
    {
        const char *text = json_string_value(json_object_get(entry, "word"));
        if (!text)
            text = json_string_value(json_object_get(entry, "text"));
        if (!text || !text[0] || strlen(text) > WORD_MAX_BYTES)
            continue;
        int64_t start_us = time_of(r, entry, "start"), end_us = time_of(r, entry, "end");
        bool late = is_late(r, start_us);
        r->seen++;
        r->faults += start_us < 0 || late || start_us < last_us - early_us;
        if (segment < 0)
            home = home_of(r, (start_us + end_us) / 2, home);
        if (home >= 0 && r->segments.at[home].dropped)
            continue;
        start_us = KN_MAX(start_us, last_us);
        if (!late) /* else it is dropped with its part of the text, later */
            last_us = start_us;
        struct kn_found_word word = {.start_us = start_us,
                                     .end_us = KN_MAX(end_us, start_us),
                                     .text = trimmed(r->arena, text),
                                     .confidence = confidence_of(r, entry, home)};
        kn_vec_push(&r->words, word);
    }
    return KN_OK;
}

static enum kn_status read_words(struct reader *r, const json_t *answer, struct kn_error *err)
{
    const json_t *list = json_object_get(answer, "words");
    if (json_array_size(list))
        return add_words(r, list, -1, err);
    for (int i = 0; i < r->segments.count; i++) {
        enum kn_status status = add_words(r, r->segments.at[i].words, i, err);
        if (status != KN_OK)
            return status;
    }
    return KN_OK;
}

/* Without times of words, those of segments: each is shared out among the pieces that a line may be
 * broken into, which are words, or less in scripts without spaces. A segment may claim to last
 * beyond the end (Whisper's windows of 30 s do): there is no sound for words there. */
static void share_out(struct reader *r, const struct segment *segment, float confidence)
{
    char *text = trimmed(r->arena, segment->text);
    size_t size = strlen(text), from = 0;
    int64_t end_us = KN_MIN(segment->end_us, r->length_us);
    int64_t length_us = KN_MAX(end_us - segment->start_us, 0);
    bool *breaks = kn_calloc(size + 1, sizeof *breaks);
    kn_utf8_breaks(text, size, breaks);
    for (size_t to = 1; to <= size; to++) {
        if (to < size && !breaks[to])
            continue;
        struct kn_found_word word = {
            .start_us = segment->start_us + length_us * (int64_t)from / (int64_t)size,
            .end_us = segment->start_us + length_us * (int64_t)to / (int64_t)size,
            .text = trimmed(r->arena, kn_arena_strndup(r->arena, text + from, to - from)),
            .confidence = confidence};
        kn_vec_push(&r->words, word);
        from = to;
    }
    free(breaks);
}

static enum kn_status take_segments_for_words(struct reader *r, struct kn_error *err)
{
    for (int i = 0; i < r->segments.count; i++) {
        const struct segment *segment = &r->segments.at[i];
        if (!segment->dropped && segment->start_us >= 0 && segment->end_us > segment->start_us &&
            !is_late(r, segment->start_us))
            share_out(r, segment, confidence_of(r, NULL, i));
        if (r->words.count > pieces_max(r))
            return too_many(r, err);
    }
    return KN_OK;
}

/* ---- the result ---- */

/* Forwards each begins where the one before ends at the earliest; backwards each ends where the
 * next begins at the latest, and the last one with the sound. There is room: words are few enough.
 */
static void put_in_order(struct kn_found_word *words, int count, int64_t length_us)
{
    int64_t least_us = KN_MIN(WORD_LEAST_US, length_us / KN_MAX(count, 1)), at_us = 0;
    for (int i = 0; i < count; i++) {
        words[i].start_us = KN_MAX(words[i].start_us, at_us);
        int64_t next_us =
            i + 1 < count ? KN_MAX(words[i + 1].start_us, words[i].start_us) : INT64_MAX;
        words[i].end_us = KN_MIN(words[i].end_us, next_us);
        at_us = words[i].end_us = KN_MAX(words[i].end_us, words[i].start_us + least_us);
    }
    at_us = length_us;
    for (int i = count - 1; i >= 0 && words[i].end_us > at_us; i--) {
        words[i].end_us = at_us;
        words[i].start_us = KN_MIN(words[i].start_us, at_us - least_us);
        at_us = words[i].start_us;
    }
}

static float mean_log_prob(const struct reader *r)
{
    double sum = 0, weight = 0;
    for (int i = 0; i < r->segments.count; i++) {
        const struct segment *segment = &r->segments.at[i];
        if (segment->dropped || isnan(segment->log_prob))
            continue;
        double here =
            segment->tokens ? segment->tokens : ceil((double)strlen(segment->text) / BYTES_A_TOKEN);
        sum += fmin(segment->log_prob, 0) * here;
        weight += here;
    }
    return weight > 0 ? (float)KN_CLAMP(sum / weight, -100, 0) : 0;
}

static const char *language_of(const json_t *answer)
{
    const char *tag = kn_language_tag(json_string_value(json_object_get(answer, "language")));
    if (!tag)
        tag = kn_language_tag(json_string_value(json_object_get(answer, "detected_language")));
    if (!tag) { /* gpt-transcribe: those that were heard, the one heard most first */
        const json_t *first = json_array_get(json_object_get(answer, "languages"), 0);
        tag = kn_language_tag(json_string_value(json_object_get(first, "code")));
    }
    return tag;
}

/* Words as the text has them, with its marks, and the times and confidence of what was heard. A
 * text that lacks most of the words was cut off on its way, and they are taken as they are. */
static int spell_words(struct reader *r, const char *text, const struct kn_word **ret_words)
{
    struct kn_word *pieces =
        kn_arena_array(r->arena, (size_t)KN_MAX(r->words.count, 1), sizeof *pieces);
    size_t bytes = 0;
    for (int i = 0; i < r->words.count; i++) {
        const struct kn_found_word *word = &r->words.at[i];
        bytes += strlen(word->text);
        pieces[i] = (struct kn_word){.start_us = word->start_us,
                                     .end_us = word->end_us,
                                     .text = word->text,
                                     .confidence = word->confidence,
                                     .speaker = -1};
    }
    bool whole = strlen(text) * 2 >= bytes;
    return kn_words_regroup(text[0] && whole ? text : NULL, pieces, r->words.count, r->arena,
                            ret_words);
}

/* What nobody says would fill captions that take minutes to draw. */
static enum kn_status too_long(size_t bytes, struct kn_error *err)
{
    return kn_error_set(err, KN_DAMAGED, "there is a word of %zu bytes in it", bytes);
}

static enum kn_status check_lengths(const char *text, struct kn_error *err)
{
    struct kn_word_spans spans = {0};
    size_t longest = 0;
    kn_words_find(text, strlen(text), &spans);
    for (int i = 0; i < spans.count; i++)
        longest = KN_MAX(longest, spans.at[i].to - spans.at[i].from);
    kn_vec_free(&spans);
    return longest > WORD_MAX_BYTES ? too_long(longest, err) : KN_OK;
}

static enum kn_status find_words(struct reader *r, const json_t *answer, const char *text,
                                 struct kn_findings *findings, struct kn_error *err)
{
    enum kn_status status = read_words(r, answer, err);
    if (status != KN_OK)
        return status;
    if (r->faults * 4 > r->seen)
        return kn_error_set(err, KN_DAMAGED,
                            "the times of %d of its %d words are out of order or beyond the end",
                            r->faults, r->seen);
    if (!r->words.count)
        status = take_segments_for_words(r, err);
    if (status != KN_OK)
        return status;
    const struct kn_word *made;
    int count = r->words.count ? spell_words(r, text, &made) : 0;
    if (count > pieces_max(r))
        return too_many(r, err);
    for (int i = 0; i < count; i++)
        if (strlen(made[i].text) > WORD_MAX_BYTES)
            return too_long(strlen(made[i].text), err);
    struct kn_found_word *words = kn_arena_array(r->arena, (size_t)KN_MAX(count, 1), sizeof *words);
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (!is_late(r, made[i].start_us))
            words[kept++] = (struct kn_found_word){.start_us = made[i].start_us,
                                                   .end_us = made[i].end_us,
                                                   .text = made[i].text,
                                                   .confidence = made[i].confidence};
    put_in_order(words, kept, r->length_us);
    findings->words = words;
    findings->word_count = kept;
    if (kept || !text[0] || r->words.count)
        return KN_OK;
    findings->text = text;
    return check_lengths(text, err);
}

static enum kn_status read_all(struct reader *r, const json_t *answer, struct kn_findings *findings,
                               struct kn_error *err)
{
    const char *whole = json_string_value(json_object_get(answer, "text"));
    if (!whole && !json_is_array(json_object_get(answer, "segments")))
        return kn_error_set(err, KN_DAMAGED, "there is no text in it");
    if (whole && strlen(whole) > TEXT_MAX_BYTES)
        return kn_error_set(err, KN_DAMAGED, "there is more than 1 MiB of text in it");
    enum kn_status status = read_segments(r, answer, &findings->looped, err);
    if (status != KN_OK)
        return status;
    const char *text = r->segments.count ? join_segments(r) : trimmed(r->arena, whole ? whole : "");
    findings->language = language_of(answer);
    findings->mean_log_prob = mean_log_prob(r);
    return find_words(r, answer, text, findings, err);
}

enum kn_status kn_speech_answer_read(const json_t *answer, int64_t length_us,
                                     struct kn_arena *arena, struct kn_findings *ret_findings,
                                     struct kn_error *err)
{
    struct reader r = {
        .arena = arena,
        .length_us = length_us,
        .unit_us = unit_of(answer),
        .words_max = (int)(length_us / KN_US_PER_S) * WORDS_A_SECOND + WORDS_EXTRA,
    };
    struct kn_findings findings = {0};
    enum kn_status status = read_all(&r, answer, &findings, err);
    kn_vec_free(&r.segments);
    kn_vec_free(&r.words);
    if (status == KN_OK)
        *ret_findings = findings;
    return status;
}
