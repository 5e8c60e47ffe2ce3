/*
 * SubRip and WebVTT share one shape: blocks parted by blank lines, each with a line of two times
 * and lines of text. The parser goes line by line and keeps to what players accept: a missing
 * number, a full stop for a comma, times without hours.
 */
#include <string.h>
#include <unistr.h>

#include "base/str.h"
#include "base/utf8.h"
#include "base/words.h"
#include "model/transcript_words.h"

enum {
    CUE_TEXT_MAX = 20000, /* bytes; longer cues are cut */
    STAMPS_MAX = 400,     /* inline times in one cue; later ones are passed over */
    LANES_MAX = 8,        /* cues on the screen at once */
    /* A cue that starts so soon before the last one ends only overlaps by carelessness. */
    OVERLAP_US = 500000,
    PAUSE_US = 500000,          /* between cues: somebody takes a breath */
    PAUSE_UNMARKED_US = 150000, /* the same where no marks tell, as in Thai */
    /* Rolling captions repeat a line at once. */
    ROLLING_US = 100000,
    NAME_MAX_BYTES = 30,
};

/* One inline time of WebVTT: what follows `at` is said from `us` on. */
struct stamp {
    size_t at;
    int64_t us;
};

struct cue {
    int64_t start_us, end_us;
    struct kn_str text; /* without tags, lines parted by '\n' */
    int stamp_count;
    struct stamp stamps[STAMPS_MAX];
    int16_t speaker;
};

struct parser {
    struct kn_transcript_words *out;
    struct cue cue;
    bool open;          /* a cue's lines are being read */
    struct kn_str last; /* the last cue's text: rolling captions repeat it */
    int64_t last_end_us;
    int16_t last_speaker;
    struct {
        int64_t start_us, end_us;
    } lanes[LANES_MAX]; /* the last cue of each */
    bool found;         /* at least one line of times */
};

/* Taking a line of text apart. */

struct entity {
    const char *name, *text;
};

/* Adds what the entity at `at` stands for; returns its length, 0 when it is none. */
static size_t add_entity(const char *at, size_t left, struct kn_str *text)
{
    static const struct entity entities[] = {
        {"&amp;", "&"}, {"&lt;", "<"},   {"&gt;", ">"}, {"&nbsp;", " "}, {"&quot;", "\""},
        {"&#39;", "'"}, {"&apos;", "'"}, {"&lrm;", ""}, {"&rlm;", ""},
    };
    for (size_t i = 0; i < KN_COUNT_OF(entities); i++) {
        size_t n = strlen(entities[i].name);
        if (left >= n && memcmp(at, entities[i].name, n) == 0) {
            kn_str_add(text, entities[i].text);
            return n;
        }
    }
    return 0;
}

/* The tag [at, at + length) without its angle brackets. */
static void read_tag(struct parser *p, const char *at, size_t length)
{
    struct cue *cue = &p->cue;
    int64_t us;

    if (length && *at >= '0' && *at <= '9') {
        if (cue->stamp_count < STAMPS_MAX && kn_transcript_time(at, &us, NULL))
            cue->stamps[cue->stamp_count++] = (struct stamp){cue->text.length, us};
        return;
    }
    if (length > 2 && at[0] == 'v' && (at[1] == ' ' || at[1] == '.' || at[1] == '\t')) {
        const char *space = memchr(at, ' ', length);
        if (space && (size_t)(space + 1 - at) < length)
            cue->speaker =
                kn_transcript_speaker(p->out, space + 1, length - (size_t)(space + 1 - at));
    }
}

/* Where a bracket of that kind closes in [at, end); NULL: nowhere. */
static const char *closing(const char *at, const char *end, char bracket)
{
    return at < end ? memchr(at, bracket, (size_t)(end - at)) : NULL;
}

/* Where a full-width bracket that opens at `at`, such as （, closes; NULL: it is none. What stands
 * in them is not said: who speaks, or what is heard. */
static const char *closing_wide(const char *at, const char *end, const char *opening,
                                const char *closing_mark)
{
    size_t n = strlen(opening), m = strlen(closing_mark);

    if ((size_t)(end - at) < n || memcmp(at, opening, n) != 0)
        return NULL;
    const char *close = memmem(at, (size_t)(end - at), closing_mark, m);
    return close ? close + m : NULL;
}

/* Skips what stands at the start of a line and is not said: dashes, ">>", "NAME:". */
static const char *skip_lead(struct parser *p, const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    if (end - at >= 2 && at[0] == '-' && at[1] != '-') {
        at++;
    } else if (end - at >= 3 && memcmp(at, "–", 3) == 0) {
        at += 3;
    } else if (end - at >= 8 && memcmp(at, "&gt;&gt;", 8) == 0) {
        at += 8;
    } else if (end - at >= 2 && memcmp(at, ">>", 2) == 0) {
        at += 2;
    }
    while (at < end && (*at == ' ' || *at == '>'))
        at++;
    const char *wide = closing_wide(at, end, "（", "）"); /* （田中）, （拍手） */
    if (wide && wide - at <= NAME_MAX_BYTES + 6)
        at = wide;
    const char *colon = closing(at, end, ':');
    if (!colon || colon - at < 2 || colon - at > NAME_MAX_BYTES || colon + 1 >= end ||
        colon[1] != ' ')
        return at;
    bool letters = false;
    for (const char *c = at; c < colon; c++) {
        letters = letters || (*c >= 'A' && *c <= 'Z');
        if (!((*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr(" .-'", *c)))
            return at;
    }
    if (!letters)
        return at;
    p->cue.speaker = kn_transcript_speaker(p->out, at, (size_t)(colon - at));
    return colon + 1;
}

/* Is the whole line one remark in round brackets, "(laughs)"? */
static bool is_remark(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (at < end && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return end - at >= 2 && *at == '(' && end[-1] == ')' && closing(at, end, ')') == end - 1;
}

static void read_text(struct parser *p, const char *at, const char *end)
{
    struct cue *cue = &p->cue;

    at = skip_lead(p, at, end);
    if (at == end || is_remark(at, end))
        return;
    if (cue->text.length)
        kn_str_add_char(&cue->text, '\n');
    while (at < end && cue->text.length < CUE_TEXT_MAX) {
        const char *close = NULL;
        size_t n;
        if (*at == '<' && (close = closing(at, end, '>'))) {
            read_tag(p, at + 1, (size_t)(close - at - 1));
            at = close + 1;
        } else if (*at == '{' && at + 1 < end && at[1] == '\\' && (close = closing(at, end, '}'))) {
            at = close + 1;
        } else if (*at == '[' && (close = closing(at, end, ']'))) {
            kn_str_add_char(&cue->text, ' ');
            at = close + 1; /* a sound: [applause] */
        } else if ((close = closing_wide(at, end, "［", "］"))) {
            at = close;
        } else if (end - at >= 3 && (memcmp(at, "♪", 3) == 0 || memcmp(at, "♫", 3) == 0)) {
            at += 3;
        } else if (*at == '&' && (n = add_entity(at, (size_t)(end - at), &cue->text))) {
            at += n;
        } else {
            kn_str_add_char(&cue->text, *at++);
        }
    }
}

/* Cues. */

/* How many bytes of the cue's text repeat whole last lines of the cue before. One word alone may
 * be said twice. */
static size_t repeated(const struct parser *p)
{
    const char *text = kn_str_text(&p->cue.text);
    size_t best = 0;

    if (p->cue.start_us > p->last_end_us + ROLLING_US || !strpbrk(text, " \n"))
        return 0;
    for (const char *line = kn_str_text(&p->last); line && *line;) {
        size_t n = strlen(line);
        if (kn_starts_with(text, line) && (text[n] == '\n' || text[n] == '\0') && n > best)
            best = n;
        const char *newline = strchr(line, '\n');
        line = newline ? newline + 1 : NULL;
    }
    return best;
}

/* People who speak at once without names: each gets a lane, and the first lane is nobody's. */
static int16_t lane_speaker(struct parser *p, struct cue *cue)
{
    for (int lane = 0; lane < LANES_MAX; lane++) {
        int64_t both_us = KN_MIN(cue->end_us, p->lanes[lane].end_us) -
                          KN_MAX(cue->start_us, p->lanes[lane].start_us);
        if (both_us > OVERLAP_US)
            continue;
        p->lanes[lane].start_us = cue->start_us;
        p->lanes[lane].end_us = cue->end_us;
        if (lane == 0)
            return -1;
        char name[16] = "\x01 lane 0"; /* no file has such a name */
        name[7] = (char)('0' + lane);
        return kn_transcript_speaker(p->out, name, 8);
    }
    return -1;
}

/* The words between two inline times, or all of the cue. */
static enum kn_status add_span(struct parser *p, size_t from, size_t to, int64_t start_us,
                               int64_t end_us, bool first, struct kn_error *err)
{
    const struct cue *cue = &p->cue;
    start_us = KN_CLAMP(start_us, cue->start_us, cue->end_us);
    end_us = KN_CLAMP(end_us, start_us, cue->end_us);
    return kn_transcript_add(p->out, kn_str_text(&cue->text) + from, to - from, start_us, end_us,
                             cue->speaker, first, err);
}

/* Cues are cut to fit the screen: one starts an utterance only when the last one was finished, a
 * pause lies between, or somebody else speaks. */
static bool starts_utterance(const struct parser *p)
{
    static const char *const marks[] = {".",  "!", "?", "…",  "。", "！", "？",
                                        "\"", "”", "-", "」", "』", "؟",  "۔"};
    const char *last = kn_str_text(&p->last);
    bool unmarked =
        kn_words_spaceless(last, p->last.length) && kn_char_is_in_words(kn_utf8_last(last));

    if (p->last.length == 0 || p->cue.speaker != p->last_speaker ||
        p->cue.start_us - p->last_end_us >= (unmarked ? PAUSE_UNMARKED_US : PAUSE_US))
        return true;
    for (size_t i = 0; i < KN_COUNT_OF(marks); i++) {
        if (kn_ends_with(last, marks[i]))
            return true;
    }
    return false;
}

static enum kn_status add_words(struct parser *p, size_t from, struct kn_error *err)
{
    const struct cue *cue = &p->cue;
    int64_t at_us = cue->start_us;
    bool first = starts_utterance(p);

    p->out->fragments = p->out->fragments || cue->stamp_count > 0;
    for (int i = 0; i < cue->stamp_count; i++) {
        const struct stamp *stamp = &cue->stamps[i];
        if (stamp->at <= from || stamp->us < at_us) { /* in what was repeated, or out of order */
            at_us = KN_MAX(at_us, stamp->at <= from ? stamp->us : at_us);
            continue;
        }
        if (add_span(p, from, stamp->at, at_us, stamp->us, first, err) != KN_OK)
            return err->status;
        first = false;
        from = stamp->at;
        at_us = stamp->us;
    }
    return add_span(p, from, cue->text.length, at_us, cue->end_us, first, err);
}

static enum kn_status close_cue(struct parser *p, struct kn_error *err)
{
    struct cue *cue = &p->cue;
    int words = p->out->words.count;
    enum kn_status status = KN_OK;

    if (!p->open)
        return KN_OK;
    p->open = false;
    const char *text = kn_str_text(&cue->text);
    size_t from = repeated(p);
    if (cue->end_us >= cue->start_us && cue->text.length > from) {
        if (cue->speaker < 0)
            cue->speaker = lane_speaker(p, cue);
        status = add_words(p, from, err);
    }
    if (p->out->words.count == words && from == 0)
        p->out->skipped_cues++;
    kn_str_clear(&p->last);
    kn_str_add(&p->last, text);
    p->last_end_us = cue->end_us;
    p->last_speaker = cue->speaker;
    kn_str_clear(&cue->text);
    return status;
}

/* "00:01.000 --> 00:02.000 align:left" */
static bool read_times(const char *line, const char *end, int64_t *ret_start, int64_t *ret_end)
{
    const char *at = line;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    if (!kn_transcript_time(at, ret_start, &at))
        return false;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    if (end - at < 3 || memcmp(at, "-->", 3) != 0)
        return false;
    at += 3;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return kn_transcript_time(at, ret_end, &at);
}

/* Does a block that is not a cue begin here (WebVTT only)? */
static bool starts_comment(const char *line, const char *end)
{
    static const char *const words[] = {"WEBVTT", "NOTE", "STYLE", "REGION"};
    for (size_t i = 0; i < KN_COUNT_OF(words); i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(end - line) >= n && memcmp(line, words[i], n) == 0 &&
            (line + n == end || line[n] == ' ' || line[n] == '\t'))
            return true;
    }
    return false;
}

/* Lines end in LF, CR LF, or CR alone, as WebVTT has it. */
static const char *line_end(const char *line, const char *text_end)
{
    while (line < text_end && *line != '\n' && *line != '\r')
        line++;
    return line;
}

/* Where the line after the one that ends at `end` begins. Text that was converted twice has CR CR
 * LF for one end. */
static const char *next_line(const char *end, const char *text_end)
{
    const char *at = end;
    while (at < text_end && *at == '\r')
        at++;
    if (at < text_end && *at == '\n')
        return at + 1;
    return end < text_end ? end + 1 : text_end;
}

/* A line that is only a number right before a line of times is the next cue's number. */
static bool is_number_before_times(const char *line, const char *end, const char *text_end)
{
    int64_t start_us, end_us;
    if (line == end || end >= text_end)
        return false;
    for (const char *c = line; c < end; c++) {
        if (*c < '0' || *c > '9')
            return false;
    }
    const char *next = next_line(end, text_end);
    return read_times(next, line_end(next, text_end), &start_us, &end_us);
}

static enum kn_status read_lines(struct parser *p, const char *text, size_t size, bool vtt,
                                 struct kn_error *err)
{
    const char *text_end = text + size;
    bool comment = false, blank = true;

    for (const char *line = text; line < text_end;) {
        const char *end = line_end(line, text_end);
        const char *next = next_line(end, text_end);
        int64_t start_us, end_us;

        bool number = is_number_before_times(line, end, text_end);
        if (end == line) {
            blank = true;
            comment = false;
            if (vtt && close_cue(p, err) != KN_OK)
                return err->status;
        } else if (vtt && blank && starts_comment(line, end)) {
            comment = true;
            blank = false;
        } else if (!comment && read_times(line, end, &start_us, &end_us)) {
            if (close_cue(p, err) != KN_OK)
                return err->status;
            p->open = p->found = true;
            p->cue.start_us = start_us;
            p->cue.end_us = end_us;
            p->cue.stamp_count = 0;
            p->cue.speaker = -1;
        } else if (p->open && !comment && !number) {
            read_text(p, line, end);
            blank = false;
        }
        line = next;
    }
    return close_cue(p, err);
}

enum kn_status kn_subtitles_parse(const char *text, size_t size, bool vtt,
                                  struct kn_transcript_words *out, struct kn_error *err)
{
    struct parser *p = kn_calloc(1, sizeof *p);
    p->out = out;
    enum kn_status status = read_lines(p, text, size, vtt, err);
    if (status == KN_OK && !p->found)
        status = kn_error_set(err, KN_DAMAGED, "there is no line with two times in it");
    kn_str_free(&p->cue.text);
    kn_str_free(&p->last);
    free(p);
    return status;
}
