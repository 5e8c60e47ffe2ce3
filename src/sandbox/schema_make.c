/*
 * Values that fit a schema. The parts of an object that say where something begins and ends get
 * times or numbers of the prompt that are in order; lists get an item for each picture, or a few.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "sandbox/schema.h"

enum {
    ITEMS = 3,
    ITEMS_MAX = 64,
    NESTED_LEVELS_MAX = 6, /* then what may be null or empty is */
    VALUES_MAX = 20000,    /* of one answer */
};

struct make {
    const json_t *root;
    const struct kn_prompt_facts *facts;
    struct kn_chance *chance;
    struct kn_arena *arena;
    int values; /* made so far */
};

/* Where in the answer something stands. */
struct place {
    const char *name; /* of the property */
    int item, items;  /* of the list around it */
    int depth;
    double after; /* what the same object begins with; NAN: nothing */
    int near;     /* the prompt's word that it is about; -1: any */
};

static json_t *make_value(struct make *make, const json_t *schema, const struct place *place);

/* ---- numbers ---- */

struct range {
    double low, high, step;
    bool bounded; /* by the schema, not by what is usual */
};

/* "0 to 100", "0-10", "between 0 and 1" in a description. */
static void described_range(const char *text, struct range *range)
{
    double found[2];
    int count = 0;
    for (const char *at = text; *at && count < 2;) {
        char *end;
        if (*at < '0' || *at > '9') {
            at++;
            continue;
        }
        found[count++] = strtod(at, &end);
        at = end;
    }
    if (count == 2 && found[0] < found[1]) {
        range->low = found[0];
        range->high = found[1];
    }
}

static struct range range_of(const json_t *schema, bool whole)
{
    struct range range = {
        .high = whole ? 10 : 1,
        .step = json_number_value(json_object_get(schema, "multipleOf")),
    };
    const char *text = json_string_value(json_object_get(schema, "description"));
    const json_t *min = json_object_get(schema, "minimum"),
                 *max = json_object_get(schema, "maximum"),
                 *above = json_object_get(schema, "exclusiveMinimum"),
                 *below = json_object_get(schema, "exclusiveMaximum");
    double hair = whole ? 1 : 1e-3;
    bool low = min || above, high = max || below;
    range.bounded = low || high;
    if (text && !range.bounded)
        described_range(text, &range);
    if (low)
        range.low = min ? json_number_value(min) : json_number_value(above) + hair;
    if (high)
        range.high = max ? json_number_value(max) : json_number_value(below) - hair;
    if (low && !high)
        range.high = range.low + 10;
    if (high && !low)
        range.low = KN_MIN(range.low, range.high);
    return range;
}

static double within(double x, const struct range *range)
{
    if (range->bounded)
        x = KN_CLAMP(x, range->low, range->high);
    if (range->step > 0) {
        x = round(x / range->step) * range->step;
        if (range->bounded && x < range->low)
            x += range->step;
        if (range->bounded && x > range->high)
            x -= range->step;
    }
    return x;
}

/* Something that begins at `after` ends this far behind it, in the unit of its number. */
static double span_behind(const char *name, bool whole, double after)
{
    if (kn_name_has(name, "us"))
        return 2e7;
    if (kn_name_has(name, "ms"))
        return 2e4;
    return whole && !kn_name_has(name, "s") && !kn_name_has(name, "seconds") && after < 1e5 ? 5
                                                                                            : 20;
}

static bool number_from_prompt(struct make *make, const struct place *place, bool whole,
                               double *ret_number)
{
    bool start = kn_name_is_start(place->name), end = kn_name_is_end(place->name);
    const double *values;
    int count =
        kn_prompt_numbers_for(make->facts, place->name, whole, start || end, make->arena, &values);
    if (count == 0 ||
        (!start && !end && !kn_name_is_id(place->name) && !kn_name_is_time(place->name)))
        return false;
    /* A line that begins within half a minute: usual clips are as long. */
    enum { SPAN_S = 25 };
    if (end && whole && !isnan(place->after) && kn_name_is_id(place->name) &&
        kn_prompt_line_within(make->facts, place->after, SPAN_S, ret_number))
        return true;
    if (end && !isnan(place->after)) {
        double wanted = place->after + span_behind(place->name, whole, place->after);
        int i = 0;
        while (i < count - 1 && values[i] < wanted)
            i++;
        *ret_number = values[i] > place->after ? values[i] : wanted;
        return true;
    }
    int i = place->items <= count && (start || end || place->items < make->facts->images)
                ? place->item * count / KN_MAX(place->items, 1)
                : place->item % count;
    *ret_number = values[i];
    return true;
}

static double make_number(struct make *make, const json_t *schema, const struct place *place,
                          bool whole)
{
    struct range range = range_of(schema, whole);
    double x;
    bool counts = whole && make->facts->images && kn_name_is_id(place->name);
    bool found = number_from_prompt(make, place, whole, &x);
    if (!found && counts) {
        x = place->item + 1; /* pictures are numbered, whoever does it */
    } else if (!found) {
        x = range.low + (range.high - range.low) * kn_chance_share(make->chance);
        if (kn_name_is_end(place->name) && !isnan(place->after) && !range.bounded)
            x = place->after + span_behind(place->name, whole, place->after);
        x = whole ? round(x) : round(x * 1000) / 1000;
    }
    return within(x, &range);
}

/* ---- texts ---- */

/* A run of the prompt's own words. */
static void add_phrase(struct make *make, const struct place *place, int words, struct kn_str *out)
{
    const struct kn_prompt_facts *facts = make->facts;
    if (!facts->word_count) {
        kn_str_add(out, "Something worth seeing");
        return;
    }
    enum { AROUND = 12 }; /* a few sentences on */
    int most = KN_MAX(facts->word_count - words, 1);
    int first = place->near < 0 ? kn_chance_below(make->chance, most)
                                : place->near + kn_chance_below(make->chance, AROUND);
    first = KN_MIN(first, most - 1);
    for (int i = first; i < first + words && i < facts->word_count; i++) {
        bool spaced = i > first && kn_utf8_spaced(facts->words[i - 1], facts->words[i]);
        kn_str_printf(out, "%s%s", spaced ? " " : "", facts->words[i]);
    }
}

/* What pictures could show: nobody looks at them here. */
static const char *sight(struct make *make, const struct place *place)
{
    static const char *const sights[] = {
        "A person talks to the camera",
        "Two people laugh at a table",
        "A slide with a diagram",
        "Hands at a keyboard",
        "An audience applauds",
        "A city from above",
        "A close view of a face",
        "A chart that rises",
        "Somebody points at a whiteboard",
        "A dog jumps into the water",
    };
    static const char *const writings[] = {"", "", "", "Step 1", "Thank you", "What now?"};
    bool written = kn_name_has(place->name, "text") || kn_name_has(place->name, "written");
    return written ? writings[kn_chance_below(make->chance, (int)KN_COUNT_OF(writings))]
                   : sights[kn_chance_below(make->chance, (int)KN_COUNT_OF(sights))];
}

/* At most so many characters, as JSON Schema counts them: marks are some, too. */
static void cut(struct kn_str *text, json_int_t most)
{
    size_t length = 0;
    uint32_t c;
    for (json_int_t i = 0; i < most && length < text->length; i++)
        length += kn_utf8_next(text->at + length, &c);
    if (length < text->length) {
        text->at[length] = '\0';
        text->length = length;
    }
}

static const char *known_format(const char *format)
{
    static const struct {
        const char *format, *example;
    } formats[] = {
        {"date-time", "2026-01-31T12:00:00Z"},
        {"date", "2026-01-31"},
        {"time", "12:00:00Z"},
        {"duration", "PT20S"},
        {"email", "ann@example.com"},
        {"hostname", "example.com"},
        {"ipv4", "192.0.2.1"},
        {"ipv6", "2001:db8::1"},
        {"uuid", "6f1c1a52-5c5b-4b36-9d0e-0d6b2f0c7a11"},
    };
    for (size_t i = 0; format && i < KN_COUNT_OF(formats); i++)
        if (strcmp(formats[i].format, format) == 0)
            return formats[i].example;
    return NULL;
}

/* Patterns cannot be turned round in general; these fit the usual ones. NULL: none does. */
static json_t *match_pattern(const json_t *schema, const char *first)
{
    static const char *const tries[] = {
        "#highlight", "highlight", "Highlight", "en",           "1",   "12",  "12.5",  "2026-01-31",
        "0:12",       "00:12",     "00:00:12",  "00:00:12.500", "abc", "ABC", "abc-1", "#a1b2c3"};
    for (int i = -1; i < (int)KN_COUNT_OF(tries); i++) {
        json_t *text = json_string(i < 0 ? first : tries[i]);
        if (kn_schema_valid(schema, text, NULL))
            return text;
        json_decref(text);
    }
    return NULL;
}

static void add_text(struct make *make, const struct place *place, struct kn_str *out)
{
    enum { WORDS_A_PICTURE = 8 }; /* fewer do not tell what it is about */
    bool looks = make->facts->word_count < WORDS_A_PICTURE * make->facts->images;
    double x;
    if (kn_name_has(place->name, "hashtag") || kn_name_has(place->name, "hashtags") ||
        kn_name_has(place->name, "tags") || kn_name_has(place->name, "tag")) {
        kn_str_add_char(out, '#');
        add_phrase(make, place, 1, out);
    } else if (kn_name_has(place->name, "language")) {
        kn_str_add(out, "en");
    } else if (kn_name_is_id(place->name) && make->facts->name_count) {
        kn_str_add(out, make->facts->names[place->item % make->facts->name_count]);
    } else if ((kn_name_is_id(place->name) || kn_name_is_time(place->name)) &&
               number_from_prompt(make, place, false, &x)) {
        kn_str_printf(out, "%.10g", x);
    } else if (looks) {
        kn_str_add(out, sight(make, place));
    } else {
        bool many = kn_name_has(place->name, "reason") || kn_name_has(place->name, "description") ||
                    kn_name_has(place->name, "summary");
        add_phrase(make, place, many ? 9 : 3 + kn_chance_below(make->chance, 3), out);
    }
}

static json_t *make_string(struct make *make, const json_t *schema, const struct place *place)
{
    const json_t *least = json_object_get(schema, "minLength"),
                 *most = json_object_get(schema, "maxLength");
    const char *example = known_format(json_string_value(json_object_get(schema, "format")));
    KN_SCOPED_STR text = {0};
    if (example)
        kn_str_add(&text, example);
    else
        add_text(make, place, &text);
    enum { CHARACTERS_MAX = 120, LEAST_MAX = 10000 };
    cut(&text, json_is_integer(most) ? json_integer_value(most) : CHARACTERS_MAX);
    json_int_t wanted = KN_MIN(json_integer_value(least), LEAST_MAX);
    while ((json_int_t)kn_utf8_count(kn_str_text(&text)) < wanted)
        kn_str_add_char(&text, 'o');
    if (json_object_get(schema, "pattern"))
        return match_pattern(schema, kn_str_text(&text));
    return json_string(kn_str_text(&text));
}

/* ---- lists and objects ---- */

static json_int_t bound(const json_t *schema, const char *name, json_int_t otherwise)
{
    const json_t *value = json_object_get(schema, name);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

/* How many items the prompt makes one expect. */
static int natural_count(struct make *make, const json_t *items, const struct place *place)
{
    json_t *properties = json_object_get(kn_schema_resolve(make->root, items), "properties");
    json_t *value;
    const char *key;
    const double *values;
    int ids = 0;
    if (place->depth > NESTED_LEVELS_MAX)
        return 0;
    if (place->items > 1 || !properties)
        return ITEMS;
    if (make->facts->images)
        return KN_MIN(make->facts->images, ITEMS_MAX);
    json_object_foreach(properties, key, value)
    {
        bool start = kn_name_is_start(key);
        int count = start || kn_name_is_id(key) ? kn_prompt_numbers_for(make->facts, key, false,
                                                                        start, make->arena, &values)
                                                : 0;
        if (start)
            return KN_CLAMP(count / 8, 1, ITEMS + 1);
        ids = KN_MAX(ids, count);
    }
    return ids ? KN_MIN(ids, ITEMS_MAX) : ITEMS;
}

static json_t *make_array(struct make *make, const json_t *schema, const struct place *place)
{
    enum { LEAST_MAX = 1000 };
    const json_t *items = json_object_get(schema, "items");
    json_int_t least = KN_CLAMP(bound(schema, "minItems", 0), 0, LEAST_MAX);
    json_int_t most = bound(schema, "maxItems", ITEMS_MAX);
    json_int_t count = items ? natural_count(make, items, place) : 0;
    count = KN_MAX(KN_MIN(count, most), least);
    json_t *list = json_array();
    for (json_int_t i = 0; i < count; i++) {
        struct place within_list = *place;
        within_list.item = (int)i;
        within_list.items = (int)count;
        within_list.depth++;
        within_list.after = NAN;
        json_t *value = make_value(make, items, &within_list);
        if (!value) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, value);
    }
    return list;
}

static json_t *make_object(struct make *make, const json_t *schema, const struct place *place)
{
    json_t *object = json_object(), *part;
    const char *key;
    double after = NAN;
    int near = place->near;
    json_object_foreach(json_object_get(schema, "properties"), key, part)
    {
        struct place inside = {key, place->item, place->items, place->depth + 1, after, near};
        json_t *value = make_value(make, part, &inside);
        if (!value) {
            json_decref(object);
            return NULL;
        }
        if (json_is_number(value) && kn_name_is_start(key)) {
            after = json_number_value(value);
            near = kn_prompt_words_at(make->facts, after);
        }
        json_object_set_new(object, key, value);
    }
    return object;
}

/* ---- any value ---- */

/* Of a list of types the first, or null where it goes deep, and at times without a reason. */
static const char *choose_type(struct make *make, const json_t *schema, const struct place *place)
{
    const json_t *type = json_object_get(schema, "type"), *one;
    const char *chosen = NULL;
    bool may_be_null = false;
    size_t i;
    if (json_is_string(type))
        return json_string_value(type);
    json_array_foreach(type, i, one)
    {
        const char *name = json_string_value(one);
        if (name && strcmp(name, "null") == 0)
            may_be_null = true;
        else if (!chosen)
            chosen = name;
    }
    if (may_be_null &&
        (!chosen || place->depth > NESTED_LEVELS_MAX || kn_chance_below(make->chance, 4) == 0))
        return "null";
    if (!chosen)
        chosen = json_object_get(schema, "properties") ? "object"
                 : json_object_get(schema, "items")    ? "array"
                                                       : "string";
    return chosen;
}

static json_t *make_of_type(struct make *make, const json_t *schema, const struct place *place)
{
    const char *type = choose_type(make, schema, place);
    if (strcmp(type, "null") == 0)
        return json_null();
    if (strcmp(type, "boolean") == 0)
        return json_boolean(kn_chance_below(make->chance, 2));
    if (strcmp(type, "integer") == 0)
        return json_integer((json_int_t)make_number(make, schema, place, true));
    if (strcmp(type, "number") == 0)
        return json_real(make_number(make, schema, place, false));
    if (strcmp(type, "array") == 0)
        return make_array(make, schema, place);
    if (strcmp(type, "object") == 0)
        return make_object(make, schema, place);
    return make_string(make, schema, place);
}

/* The first that can be made; what may be null is, where it goes deep. */
static json_t *make_any(struct make *make, const json_t *any, const struct place *place)
{
    size_t count = json_array_size(any);
    bool deep = place->depth > NESTED_LEVELS_MAX;
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(any, i);
        const char *type = json_string_value(json_object_get(one, "type"));
        if (deep && type && strcmp(type, "null") == 0)
            return json_null();
    }
    struct place inside = *place;
    inside.depth++;
    for (size_t i = 0; i < count; i++) {
        json_t *value = make_value(make, json_array_get(any, i), &inside);
        if (value)
            return value;
    }
    return NULL;
}

static json_t *make_value(struct make *make, const json_t *schema, const struct place *place)
{
    schema = kn_schema_resolve(make->root, schema);
    if (!schema || place->depth > KN_SCHEMA_DEPTH_MAX || make->values++ > VALUES_MAX)
        return NULL;
    const json_t *fixed = json_object_get(schema, "const"), *list = json_object_get(schema, "enum"),
                 *any = json_object_get(schema, "anyOf");
    if (fixed)
        return json_deep_copy(fixed);
    if (json_array_size(list))
        return json_deep_copy(json_array_get(
            list, (size_t)kn_chance_below(make->chance, (int)json_array_size(list))));
    return json_array_size(any) ? make_any(make, any, place) : make_of_type(make, schema, place);
}

json_t *kn_schema_make(const json_t *root, const struct kn_prompt_facts *facts,
                       struct kn_chance *chance)
{
    struct make make = {root, facts, chance, kn_arena_new(), 0};
    const struct place place = {.name = "", .items = 1, .after = NAN, .near = -1};
    json_t *value = make_value(&make, root, &place);
    kn_arena_free(make.arena);
    return value;
}
