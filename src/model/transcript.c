#include "model/transcript.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

#include "base/file.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/words.h"
#include "model/regroup.h"
#include "model/timeline_json.h"
#include "model/transcript_words.h"

enum { SPEAKERS_MAX = 200, HOURS_MAX = 1000 };

/* Gathering words. */

void kn_transcript_words_free(struct kn_transcript_words *out)
{
    kn_vec_free(&out->words);
    kn_vec_free(&out->speakers);
}

int16_t kn_transcript_speaker(struct kn_transcript_words *out, const char *name, size_t length)
{
    for (int i = 0; i < out->speakers.count; i++) {
        if (strlen(out->speakers.at[i]) == length && memcmp(out->speakers.at[i], name, length) == 0)
            return (int16_t)i;
    }
    if (out->speakers.count >= SPEAKERS_MAX)
        return -1;
    kn_vec_push(&out->speakers, kn_arena_strndup(out->arena, name, length));
    return (int16_t)(out->speakers.count - 1);
}

/* How long a word takes to say, against others of its line: its characters, and the gap before the
 * next word where there is one. Marks of scripts without spaces are not said. */
static int64_t length_of(const char *word, size_t length, bool spaced)
{
    int64_t count = spaced;
    for (size_t i = 0; i < length;) {
        uint32_t c;
        i += kn_utf8_next_within(word + i, length - i, &c);
        count += spaced || kn_char_is_in_words(c);
    }
    return KN_MAX(count, 1);
}

/* Is a word followed by a gap? By script: within a run of letters without spaces words touch. */
static bool has_gap(const char *text, size_t size, const struct kn_word_spans *words, int i)
{
    const struct kn_word_span *w = &words->at[i];
    return i + 1 < words->count ? words->at[i + 1].after_space
                                : !kn_words_spaceless(text + w->from, size - w->from);
}

static enum kn_status add_spans(struct kn_transcript_words *out, const char *text, size_t size,
                                const struct kn_word_spans *spans, int64_t start_us, int64_t end_us,
                                int16_t speaker, bool starts_utterance, struct kn_error *err)
{
    int64_t all = 0, before = 0, span_us = end_us - start_us;

    for (int i = 0; i < spans->count; i++)
        all += length_of(text + spans->at[i].from, spans->at[i].to - spans->at[i].from,
                         has_gap(text, size, spans, i));
    for (int i = 0; i < spans->count; i++) {
        const struct kn_word_span *span = &spans->at[i];
        size_t bytes = span->to - span->from;
        int64_t mine = length_of(text + span->from, bytes, has_gap(text, size, spans, i));
        struct kn_word w = {
            .start_us = start_us + (int64_t)((double)span_us * (double)before / (double)all),
            .end_us = start_us + (int64_t)((double)span_us * (double)(before + mine) / (double)all),
            .text = kn_arena_strndup(out->arena, text + span->from, bytes),
            .confidence = 1,
            .speaker = speaker,
            .starts_utterance = starts_utterance,
        };
        if (out->words.count >= KN_TRANSCRIPT_MAX_WORDS)
            return kn_error_set(err, KN_LIMIT, "more than %d words", KN_TRANSCRIPT_MAX_WORDS);
        if (i > 0 && span->after_space)
            w.after_space = !kn_utf8_spaced(kn_vec_last(&out->words)->text, w.text);
        kn_vec_push(&out->words, w);
        before += mine;
        starts_utterance = false;
    }
    return KN_OK;
}

enum kn_status kn_transcript_add(struct kn_transcript_words *out, const char *text, size_t length,
                                 int64_t start_us, int64_t end_us, int16_t speaker,
                                 bool starts_utterance, struct kn_error *err)
{
    struct kn_word_spans spans = {0};

    if (start_us < out->length_us)
        end_us = KN_MIN(end_us, out->length_us);
    kn_words_find(text, length, &spans);
    enum kn_status status =
        add_spans(out, text, length, &spans, start_us, end_us, speaker, starts_utterance, err);
    kn_vec_free(&spans);
    return status;
}

bool kn_transcript_time(const char *text, int64_t *ret_us, const char **ret_end)
{
    int64_t whole = 0, fraction_us = 0, part = 0;
    int digits = 0, parts = 1;
    const char *at = text;

    for (;; at++) {
        if (*at >= '0' && *at <= '9') {
            part = part * 10 + (*at - '0');
            if (++digits > 10)
                return false;
        } else if (*at == ':' && digits > 0 && parts < 3) {
            whole = (whole + part) * 60;
            part = digits = 0;
            parts++;
        } else {
            break;
        }
    }
    if (digits == 0)
        return false;
    if (*at == '.' || *at == ',') {
        int64_t unit = 100000;
        for (at++; *at >= '0' && *at <= '9'; at++, unit /= 10)
            fraction_us += (*at - '0') * unit;
    }
    whole += part;
    if (whole > INT64_C(3600) * HOURS_MAX)
        return false;
    *ret_us = whole * 1000000 + fraction_us;
    if (ret_end)
        *ret_end = at;
    return true;
}

/* TSV. */

enum column { COLUMN_START, COLUMN_END, COLUMN_SPEAKER, COLUMN_UTTERANCE, COLUMN_WORD, COLUMNS };

struct cell {
    const char *at;
    size_t length;
};

struct table {
    int place[COLUMNS]; /* the column's number in the file, -1: not there */
    bool whole_numbers; /* no time so far has a fraction or a colon */
    int64_t end_us;
    KN_VEC(struct cell) utterances; /* by speaker + 1: the utterance of the last word */
};

static bool is_name(const struct cell *cell, const char *name)
{
    return cell->length == strlen(name) && strncasecmp(cell->at, name, cell->length) == 0;
}

/* Cuts one line into cells; returns how many of `max` were filled. */
static int split(const char *line, size_t length, struct cell *cells, int max)
{
    int count = 0;
    while (count < max) {
        const char *tab = memchr(line, '\t', length);
        size_t n = tab ? (size_t)(tab - line) : length;
        cells[count++] = (struct cell){line, n};
        if (!tab)
            break;
        line += n + 1;
        length -= n + 1;
    }
    return count;
}

enum { CELLS_MAX = 64 };

static bool read_header(const char *line, size_t length, struct table *table)
{
    static const struct {
        const char *name;
        enum column column;
    } names[] = {{"start", COLUMN_START},     {"end", COLUMN_END},       {"spk", COLUMN_SPEAKER},
                 {"speaker", COLUMN_SPEAKER}, {"utt", COLUMN_UTTERANCE}, {"word", COLUMN_WORD},
                 {"text", COLUMN_WORD}};
    struct cell cells[CELLS_MAX];
    int count = split(line, length, cells, CELLS_MAX);

    for (int c = 0; c < COLUMNS; c++)
        table->place[c] = -1;
    for (int i = 0; i < count; i++) {
        for (size_t n = 0; n < KN_COUNT_OF(names); n++) {
            if (is_name(&cells[i], names[n].name) && table->place[names[n].column] < 0)
                table->place[names[n].column] = i;
        }
    }
    return table->place[COLUMN_START] >= 0 && table->place[COLUMN_END] >= 0 &&
           table->place[COLUMN_WORD] >= 0;
}

static bool read_time(struct table *table, const struct cell *cell, int64_t *ret_us)
{
    char text[32];
    const char *end;

    if (cell->length >= sizeof text)
        return false;
    memcpy(text, cell->at, cell->length);
    text[cell->length] = '\0';
    if (strpbrk(text, ".,:"))
        table->whole_numbers = false;
    return kn_transcript_time(text, ret_us, &end) && *end == '\0';
}

/* Is this the first word of its speaker's utterance? Without such a column: of its row's text. */
static bool starts_utterance(struct table *table, const struct cell *cells, int16_t speaker)
{
    if (table->place[COLUMN_UTTERANCE] < 0)
        return false;
    struct cell now = cells[table->place[COLUMN_UTTERANCE]];
    while (table->utterances.count <= speaker + 1)
        kn_vec_push(&table->utterances, ((struct cell){NULL, 0}));
    struct cell *last = &table->utterances.at[speaker + 1];
    bool starts =
        !last->at || last->length != now.length || memcmp(last->at, now.at, now.length) != 0;
    *last = now;
    return starts;
}

static enum kn_status read_row(struct table *table, const char *line, size_t length, int number,
                               struct kn_transcript_words *out, struct kn_error *err)
{
    struct cell cells[CELLS_MAX];
    int count = split(line, length, cells, CELLS_MAX);
    int64_t start_us, end_us;
    int16_t speaker = -1;

    for (int c = 0; c < COLUMNS; c++) {
        if (table->place[c] >= count)
            return kn_error_set(err, KN_DAMAGED, "line %d has too few columns", number);
    }
    if (!read_time(table, &cells[table->place[COLUMN_START]], &start_us) ||
        !read_time(table, &cells[table->place[COLUMN_END]], &end_us))
        return kn_error_set(err, KN_DAMAGED, "line %d: start or end is not a time", number);
    if (end_us < start_us)
        return kn_error_set(err, KN_DAMAGED, "line %d ends before it starts", number);
    if (table->place[COLUMN_SPEAKER] >= 0) {
        const struct cell *name = &cells[table->place[COLUMN_SPEAKER]];
        speaker = kn_transcript_speaker(out, name->at, name->length);
    }
    const struct cell *word = &cells[table->place[COLUMN_WORD]];
    int words = out->words.count;
    bool starts = starts_utterance(table, cells, speaker);
    table->end_us = KN_MAX(table->end_us, end_us);
    if (kn_transcript_add(out, word->at, word->length, start_us, end_us, speaker, starts, err) !=
        KN_OK)
        return kn_error_add(err, "line %d", number);
    /* Rows of several words are utterances. */
    if (table->place[COLUMN_UTTERANCE] < 0 && out->words.count > words + 1)
        out->words.at[words].starts_utterance = true;
    out->fragments = true;
    return KN_OK;
}

static enum kn_status read_table(const char *text, size_t size, struct kn_transcript_words *out,
                                 struct kn_error *err)
{
    struct table table = {.whole_numbers = true};
    enum kn_status status = KN_OK;
    int number = 0;

    for (size_t at = 0; at < size && status == KN_OK;) {
        const char *newline = memchr(text + at, '\n', size - at);
        size_t length = newline ? (size_t)(newline - text) - at : size - at;
        size_t next = at + length + 1;
        if (length && text[at + length - 1] == '\r')
            length--;
        number++;
        if (number == 1 && !read_header(text + at, length, &table))
            status = kn_error_set(err, KN_DAMAGED,
                                  "the header line lacks one of the columns start, end and word "
                                  "(or text)");
        else if (number > 1 && length > 0)
            status = read_row(&table, text + at, length, number, out, err);
        at = next;
    }
    kn_vec_free(&table.utterances);
    /* Some recognisers write milliseconds: nobody says one word in 20 s for a whole file. */
    if (table.whole_numbers && out->words.count &&
        table.end_us / out->words.count > INT64_C(20000000)) {
        for (int i = 0; i < out->words.count; i++) {
            out->words.at[i].start_us /= 1000;
            out->words.at[i].end_us /= 1000;
        }
    }
    return status;
}

/* The whole file. */

static enum kn_status check_encoding(const char *text, size_t size, struct kn_error *err)
{
    if (size >= 2 && (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0))
        return kn_error_set(err, KN_UNSUPPORTED,
                            "this is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8");
    if (memchr(text, '\0', size))
        return kn_error_set(err, KN_DAMAGED, "this is not a text: it has bytes of zero");
    const uint8_t *wrong = u8_check((const uint8_t *)text, size);
    if (wrong) {
        int line = 1;
        for (const char *at = text; at < (const char *)wrong; at++)
            line += *at == '\n';
        return kn_error_set(err, KN_UNSUPPORTED,
                            "line %d is not UTF-8; convert the file first, perhaps by: iconv -f "
                            "WINDOWS-1252 -t UTF-8",
                            line);
    }
    return KN_OK;
}

/* By start; words that start together keep their order. */
static int by_start(const void *left, const void *right)
{
    const struct kn_word *const *a = left, *const *b = right;
    if ((*a)->start_us != (*b)->start_us)
        return (*a)->start_us < (*b)->start_us ? -1 : 1;
    return (*a > *b) - (*a < *b);
}

static void finish(struct kn_transcript_words *out, struct kn_timeline *timeline)
{
    const struct kn_word *given = out->words.at;
    int count = out->words.count;
    if (out->fragments)
        count = kn_words_regroup_runs(given, count, out->arena, &given);
    const struct kn_word **order = kn_malloc((size_t)count * sizeof *order);
    struct kn_word *words = kn_arena_array(out->arena, (size_t)count + 1, sizeof *words);

    for (int i = 0; i < count; i++)
        order[i] = &given[i];
    qsort(order, (size_t)count, sizeof *order, by_start);
    *timeline = (struct kn_timeline){.speech_engine = "subtitles"};
    for (int i = 0; i < count; i++) {
        words[i] = *order[i];
        timeline->source.duration_us = KN_MAX(timeline->source.duration_us, words[i].end_us);
    }
    free(order);
    timeline->words = words;
    timeline->word_count = count;
    if (out->skipped_cues) {
        struct kn_note *note = kn_arena_alloc(out->arena, sizeof *note);
        note->text = kn_arena_printf(out->arena,
                                     "%d subtitles without words or with impossible "
                                     "times were passed over",
                                     out->skipped_cues);
        timeline->notes = note;
        timeline->note_count = 1;
    }
}

static const char *blanked(const char *text, struct kn_arena *arena)
{
    return kn_utf8_blank_controls(kn_arena_strdup(arena, text));
}

/* A timeline of somebody else's has texts as they were written, escapes of a terminal, too. */
static void blank_texts(struct kn_timeline *timeline, struct kn_arena *arena)
{
    int word_count = timeline->word_count, sight_count = timeline->sight_count;
    struct kn_word *words = kn_arena_array(arena, (size_t)word_count + 1, sizeof *words);
    struct kn_sight *sights = kn_arena_array(arena, (size_t)sight_count + 1, sizeof *sights);
    for (int i = 0; i < word_count; i++) {
        words[i] = timeline->words[i];
        words[i].text = blanked(words[i].text, arena);
    }
    for (int i = 0; i < sight_count; i++) {
        sights[i] = timeline->sights[i];
        sights[i].seen = blanked(sights[i].seen, arena);
        sights[i].text = blanked(sights[i].text, arena);
    }
    timeline->words = words;
    timeline->sights = sights;
}

/* Is there a tab in the first line? */
static bool is_table(const char *text, size_t size)
{
    const char *newline = memchr(text, '\n', size);
    return memchr(text, '\t', newline ? (size_t)(newline - text) : size) != NULL;
}

enum kn_status kn_transcript_parse(const char *text, size_t size, int64_t length_us,
                                   struct kn_arena *arena, struct kn_timeline *ret_timeline,
                                   struct kn_error *err)
{
    struct kn_transcript_words out = {.arena = arena, .length_us = length_us};
    enum kn_status status;

    if (kn_timeline_is_json(text, size)) {
        status = kn_timeline_read_json(text, size, arena, ret_timeline, err);
        if (status == KN_OK)
            blank_texts(ret_timeline, arena);
        return status;
    }
    if (size > KN_TRANSCRIPT_MAX_BYTES)
        return kn_error_set(err, KN_LIMIT, "longer than %zu MB", KN_TRANSCRIPT_MAX_BYTES >> 20);
    if (check_encoding(text, size, err) != KN_OK)
        return err->status;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        size -= 3;
    }
    bool vtt = size >= 6 && memcmp(text, "WEBVTT", 6) == 0;
    if (!vtt && is_table(text, size))
        status = read_table(text, size, &out, err);
    else if (vtt || memmem(text, size, "-->", 3))
        status = kn_subtitles_parse(text, size, vtt, &out, err);
    else
        status =
            kn_error_set(err, KN_DAMAGED,
                         "this is neither SRT nor WebVTT subtitles, nor a table with tabs, nor "
                         "kirinuki's JSON");
    if (status == KN_OK && out.words.count == 0)
        status = kn_error_set(err, KN_DAMAGED, "there is not one word in it");
    if (status == KN_OK)
        finish(&out, ret_timeline);
    kn_transcript_words_free(&out);
    return status;
}

enum kn_status kn_transcript_read(const char *path, int64_t length_us, struct kn_arena *arena,
                                  struct kn_timeline *ret_timeline, struct kn_error *err)
{
    KN_SCOPED_MEM char *text = NULL;
    size_t size;
    struct kn_timeline timeline;

    if (kn_file_read(path, KN_TIMELINE_JSON_MAX, &text, &size, err) != KN_OK)
        return err->status;
    if (kn_transcript_parse(text, size, length_us, arena, &timeline, err) != KN_OK)
        return kn_error_add(err, "%s", path);
    if (!timeline.source.path)
        timeline.source.path = kn_arena_strdup(arena, path);
    *ret_timeline = timeline;
    return KN_OK;
}
