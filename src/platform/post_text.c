/*
 * A template is filled, measured, and filled again with less, until it fits: what a part costs
 * depends on what stands around it, so only the whole is ever measured.
 */
#include "platform/post_text.h"

#include <string.h>

#include "base/utf8.h"
#include "base/vec.h"
#include "base/words.h"
#include "platform/hashtags.h"
#include "platform/web_address.h"

enum part {
    DESCRIPTION,
    SOURCE,
    HOOK,
    TITLE,
    HASHTAGS,
    PART_COUNT
}; /* in the order of giving way */

static const char *const part_names[PART_COUNT] = {"description", "source", "hook", "title",
                                                   "hashtags"};

/* What is filled in: texts that may be cut, and hashtags that may be fewer. */
struct filling {
    const char *texts[PART_COUNT];
    const struct kn_hashtags *hashtags;
    int hashtag_count; /* of them, from the first on */
};

/* ---- templates ---- */

static int find_part(const char *name, size_t length)
{
    for (int i = 0; i < PART_COUNT; i++)
        if (strlen(part_names[i]) == length && strncmp(part_names[i], name, length) == 0)
            return i;
    return -1;
}

/* The names between two braces; false: one of them is unknown. */
static bool names_are_known(const char *at, size_t length)
{
    while (true) {
        const char *bar = memchr(at, '|', length);
        size_t size = bar ? (size_t)(bar - at) : length;
        if (find_part(at, size) < 0)
            return false;
        if (!bar)
            return true;
        at += size + 1;
        length -= size + 1;
    }
}

enum kn_status kn_post_template_check(const char *text, struct kn_error *err)
{
    for (const char *at = text; (at = strpbrk(at, "{}")); at++) {
        const char *end = *at == '{' ? strpbrk(at + 1, "{}") : NULL;
        if (!end || *end != '}')
            return kn_error_set(err, KN_INVALID, "a brace in \"%.60s\" has no other", text);
        if (!names_are_known(at + 1, (size_t)(end - at - 1)))
            return kn_error_set(err, KN_INVALID,
                                "%.*s is no part of a post; there are {title}, {hook}, "
                                "{description}, {source} and {hashtags}",
                                (int)KN_MIN(end - at + 1, 40), at);
        at = end;
    }
    return KN_OK;
}

static void add_hashtags(struct kn_str *out, const struct filling *filling)
{
    for (int i = 0; i < filling->hashtag_count; i++)
        kn_str_printf(out, "%s#%s", i ? " " : "", filling->hashtags->items[i]);
}

/* The first of "hook|title" that says something. True: there was one. */
static bool add_part(struct kn_str *out, const char *at, size_t length,
                     const struct filling *filling)
{
    size_t before = out->length;
    while (out->length == before) {
        const char *bar = memchr(at, '|', length);
        size_t size = bar ? (size_t)(bar - at) : length;
        int part = find_part(at, size);
        if (part == HASHTAGS)
            add_hashtags(out, filling);
        else if (part >= 0)
            kn_str_add(out, filling->texts[part]);
        if (!bar)
            break;
        at += size + 1;
        length -= size + 1;
    }
    return out->length > before;
}

/* One line of a template; true: it is to be kept, as something was said or it was empty anyway. */
static bool fill_line(struct kn_str *out, const char *at, size_t length,
                      const struct filling *filling)
{
    bool asked = false, said = false;
    for (const char *end = at + length; at < end;) {
        const char *close = *at == '{' ? memchr(at, '}', (size_t)(end - at)) : NULL;
        if (!close) {
            kn_str_add_char(out, *at++);
            continue;
        }
        asked = true;
        said |= add_part(out, at + 1, (size_t)(close - at - 1), filling);
        at = close + 1;
    }
    return said || !asked;
}

/* No blanks at the end of a line, no two empty lines, none at the begin or the end. */
static void tidy(struct kn_str *text)
{
    char *to = text->at;
    int ends = 2; /* line ends just written */
    for (const char *from = text->at; from && *from; from++) {
        if (*from == '\n') {
            while (to > text->at && to[-1] == ' ')
                to--;
            if (++ends <= 2)
                *to++ = '\n';
        } else if (*from != ' ' || ends == 0) {
            *to++ = *from;
            ends = 0;
        }
    }
    while (to > text->at && (to[-1] == '\n' || to[-1] == ' '))
        to--;
    if (to)
        *to = '\0';
    text->length = to ? (size_t)(to - text->at) : 0;
}

static void fill(struct kn_str *out, const char *template, const struct filling *filling)
{
    kn_str_clear(out);
    for (const char *at = template;; at++) {
        size_t length = strcspn(at, "\n"), before = out->length;
        if (fill_line(out, at, length, filling)) {
            kn_str_add_char(out, '\n');
        } else {
            out->length = before;
            if (out->at)
                out->at[before] = '\0';
        }
        at += length;
        if (!*at)
            break;
    }
    tidy(out);
}

/* ---- parts ---- */

enum { PART_BYTES = 20000 }; /* no platform takes more */

static uint32_t allowed(uint32_t c, const char *forbidden)
{
    if (!forbidden || c >= 0x80 || !strchr(forbidden, (int)c))
        return c;
    return c == '<' ? 0x2039 : c == '>' ? 0x203a : 0;
}

/* A part as it may be sent: UTF-8 without controls, blanks that are one space, its lines. */
static const char *clean(const char *text, const char *forbidden, bool lines,
                         struct kn_arena *arena)
{
    KN_SCOPED_STR utf8 = {0}, out = {0};
    uint32_t c;
    if (!text)
        return "";
    kn_utf8_clean(text, strlen(text), &utf8);
    const char *at = kn_str_text(&utf8);
    for (size_t size; (size = kn_utf8_next(at, &c)) > 0 && out.length < PART_BYTES; at += size) {
        bool end = c == '\n' || c == 0x2028 || c == 0x2029;
        if (end && lines)
            kn_str_add_char(&out, '\n');
        else if (end || c == '\t' || c == ' ')
            kn_str_add(&out, kn_ends_with(kn_str_text(&out), " ") ? "" : " ");
        else if (c >= 0x20 && !(c >= 0x7f && c < 0xa0) && (c & 0xfffe) != 0xfffe && c != 0xfffd &&
                 c != '\r' && !kn_char_is_format(c) && allowed(c, forbidden))
            kn_utf8_add(&out, allowed(c, forbidden));
    }
    tidy(&out);
    return kn_arena_strdup(arena, kn_str_text(&out));
}

/* '@' before a name beyond the `most`-th becomes its wide form, which calls nobody. */
static const char *fewer_mentions(const char *text, int most, struct kn_arena *arena)
{
    KN_SCOPED_STR out = {0};
    int count = 0;
    if (!most || kn_text_mentions(text) <= most)
        return text;
    for (const char *at = text; *at; at++)
        if (*at == '@' && ++count > most)
            kn_str_add(&out, "\xef\xbc\xa0 ");
        else
            kn_str_add_char(&out, *at);
    return kn_arena_strdup(arena, kn_str_text(&out));
}

/* ---- fitting ---- */

struct fit {
    const struct kn_text_rule *rule;
    const char *template;
    struct filling filling;
    struct kn_str text; /* filled */
    struct kn_arena *arena;
};

static bool fits(struct fit *fit)
{
    const struct kn_text_rule *rule = fit->rule;
    fill(&fit->text, fit->template, &fit->filling);
    return kn_text_length(rule, kn_str_text(&fit->text)) <= rule->max;
}

KN_VEC_TYPE(places, size_t);

/* Where a text without words may be cut: between what a reader takes for one letter. */
static void find_letters(const char *text, struct places *places)
{
    size_t size;
    for (size_t i = 0; (size = kn_utf8_grapheme(text + i)) > 0; i += size)
        if (i)
            kn_vec_push(places, i);
}

/* Where a text may be cut: between words, not inside an address. */
static void find_places(const char *text, struct places *places)
{
    size_t size = strlen(text), address_end = 0;
    bool *breaks = kn_calloc(size + 1, sizeof *breaks);
    kn_words_breaks(text, size, 20, breaks);
    for (size_t i = 1; i < size; i++) {
        size_t address = i > address_end ? kn_web_address(text, text + i) : 0;
        if (address)
            address_end = i + address;
        if (breaks[i] && (address || i >= address_end))
            kn_vec_push(places, i);
    }
    free(breaks);
}

/* Without the blanks and the marks that promise more. */
static const char *cut_at(const char *text, size_t size, struct kn_arena *arena)
{
    while (size && strchr(" \n,;:-", text[size - 1]))
        size--;
    return kn_arena_printf(arena, "%.*s\xe2\x80\xa6", (int)size, text);
}

/* As little as it needs to, at one of the places; "" where even the first is too much. */
static void shorten_at(struct fit *fit, enum part part, const char *whole,
                       void (*find)(const char *text, struct places *places))
{
    struct places places = {0};
    int low = 0, high; /* the first `low` places fit */
    find(whole, &places);
    for (high = places.count; low < high;) {
        int middle = low + (high - low + 1) / 2;
        fit->filling.texts[part] = cut_at(whole, places.at[middle - 1], fit->arena);
        if (fits(fit))
            low = middle;
        else
            high = middle - 1;
    }
    fit->filling.texts[part] = low > 0 ? cut_at(whole, places.at[low - 1], fit->arena) : "";
    kn_vec_free(&places);
}

/* Between words, or inside a word that is too long by itself. */
static bool shorten(struct fit *fit, enum part part)
{
    const char *whole = fit->filling.texts[part];
    if (!whole[0])
        return false;
    shorten_at(fit, part, whole, find_places);
    if (!fit->filling.texts[part][0] && !kn_web_address(whole, whole))
        shorten_at(fit, part, whole, find_letters);
    return fits(fit);
}

static const char *fit_text(struct fit *fit)
{
    bool good = fits(fit);
    for (enum part part = DESCRIPTION; !good && part < HASHTAGS; part++)
        good = shorten(fit, part);
    while (!good && fit->filling.hashtag_count > 0) {
        fit->filling.hashtag_count--;
        good = fits(fit);
    }
    /* What is left is the template's own words: they give way like a description. */
    if (!good) {
        fit->filling.texts[DESCRIPTION] = kn_arena_strdup(fit->arena, kn_str_text(&fit->text));
        fit->template = "{description}";
        shorten(fit, DESCRIPTION);
    }
    const char *text = kn_arena_strdup(fit->arena, kn_str_text(&fit->text));
    kn_str_free(&fit->text);
    return text;
}

static struct filling clean_parts(const struct kn_text_rule *rule,
                                  const struct kn_post_parts *parts, struct kn_arena *arena)
{
    const char *more = rule->forbidden;
    struct filling filling = {.texts = {
                                  [DESCRIPTION] = clean(parts->description, more, true, arena),
                                  [SOURCE] = clean(parts->source, more, false, arena),
                                  [HOOK] = clean(parts->hook, more, false, arena),
                                  [TITLE] = clean(parts->title, more, false, arena),
                                  [HASHTAGS] = "",
                              }};
    for (int i = 0; i < HASHTAGS; i++)
        filling.texts[i] = fewer_mentions(filling.texts[i], rule->mentions_max, arena);
    return filling;
}

/* Hashtags that the texts do not say already, as many as the rule leaves room for. */
static int choose_hashtags(const struct fit *fit, struct kn_hashtags *hashtags)
{
    int said = 0;
    for (int i = 0; i < HASHTAGS; i++) {
        said += kn_text_hashtags(fit->filling.texts[i]);
        kn_hashtags_drop(hashtags, fit->filling.texts[i]);
    }
    int most = fit->rule->hashtags_max ? fit->rule->hashtags_max - said : hashtags->count;
    return KN_CLAMP(most, 0, hashtags->count);
}

static const char *make_text(const struct kn_text_rule *rule, const char *template,
                             const struct kn_post_parts *parts, struct kn_arena *arena)
{
    if (!rule->max)
        return "";
    struct fit fit = {
        .rule = rule,
        .template = template ? clean(template, rule->forbidden, true, arena) : rule->usual,
        .filling = clean_parts(rule, parts, arena),
        .arena = arena,
    };
    struct kn_hashtags hashtags = kn_hashtags_make(parts->hashtags, parts->hashtag_count, arena);
    fit.filling.hashtags = &hashtags;
    fit.filling.hashtag_count = choose_hashtags(&fit, &hashtags);
    const char *text = fit_text(&fit);
    if (text[0] || !rule->min)
        return text;
    struct fit last = {.rule = rule, .template = "{hook|source|description}", .arena = arena};
    last.filling = clean_parts(rule, parts, arena);
    last.filling.hashtags = &hashtags;
    if (!fits(&last) || !last.text.length)
        last.filling.texts[DESCRIPTION] = clean(parts->filename, rule->forbidden, false, arena);
    return fit_text(&last);
}

void kn_post_text_fit(const struct kn_platform *platform, const struct kn_post_templates *templates,
                      const struct kn_post_parts *parts, struct kn_arena *arena,
                      struct kn_post_text *ret_text)
{
    struct kn_hashtags hashtags = kn_hashtags_make(parts->hashtags, parts->hashtag_count, arena);
    int tags = platform->tags_max ? hashtags.count : 0;
    while (tags > 0 && kn_tags_length(hashtags.items, tags) > platform->tags_max)
        tags--;
    *ret_text = (struct kn_post_text){
        .title = make_text(&platform->title, templates ? templates->title : NULL, parts, arena),
        .caption =
            make_text(&platform->caption, templates ? templates->caption : NULL, parts, arena),
        .tag_count = tags,
        .tags = hashtags.items,
        .language = parts->language ? kn_arena_strdup(arena, parts->language) : NULL,
    };
}
