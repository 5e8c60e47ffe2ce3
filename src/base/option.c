#include "base/option.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/vec.h"

enum { NAME_BYTES = 64, HELP_COLUMN = 28 };

const struct kn_option *kn_option_find(const struct kn_option *table, const char *name)
{
    for (const struct kn_option *o = table; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

static bool parse_flag(const char *value, bool *ret)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};
    for (size_t i = 0; i < KN_COUNT_OF(yes); i++) {
        if (strcmp(value, yes[i]) == 0 || strcmp(value, no[i]) == 0) {
            *ret = strcmp(value, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

static void list_choices(const char *const *choices, struct kn_str *out)
{
    for (int i = 0; choices[i]; i++)
        kn_str_printf(out, "%s%s", i == 0 ? "" : choices[i + 1] ? ", " : " or ", choices[i]);
}

static enum kn_status set_choice(const struct kn_option *option, const char *value, int *field,
                                 struct kn_error *err)
{
    for (int i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], value) == 0) {
            *field = i;
            return KN_OK;
        }
    }
    KN_SCOPED_STR list = {0};
    list_choices(option->choices, &list);
    return kn_error_set(err, KN_INVALID, "--%s takes %s, not “%.60s”", option->name,
                        kn_str_text(&list), value);
}

static enum kn_status set_number(const struct kn_option *option, const char *value, void *field,
                                 struct kn_error *err)
{
    bool whole = option->type == KN_OPTION_INT;
    long long integer = 0;
    double number = 0;
    if (whole && kn_parse_int(value, (long long)option->min, (long long)option->max, &integer)) {
        *(int *)field = (int)integer;
        return KN_OK;
    }
    if (!whole && kn_parse_double(value, option->min, option->max, &number)) {
        *(double *)field = number;
        return KN_OK;
    }
    return kn_error_set(err, KN_INVALID, "--%s takes a %s from %g to %g, not “%.60s”", option->name,
                        whole ? "whole number" : "number", option->min, option->max, value);
}

enum kn_status kn_option_set(const struct kn_option *option, const char *value, void *settings,
                             struct kn_arena *arena, struct kn_error *err)
{
    void *field = (char *)settings + option->offset;
    switch (option->type) {
    case KN_OPTION_FLAG:
        if (parse_flag(value, field))
            return KN_OK;
        return kn_error_set(err, KN_INVALID, "--%s takes yes or no, not “%.60s”", option->name,
                            value);
    case KN_OPTION_INT:
    case KN_OPTION_NUMBER:
        return set_number(option, value, field, err);
    case KN_OPTION_CHOICE:
        return set_choice(option, value, field, err);
    case KN_OPTION_TEXT:
        if (value[0] == '\0')
            return kn_error_set(err, KN_INVALID, "--%s needs a value", option->name);
        *(const char **)field = kn_arena_strdup(arena, value);
        return KN_OK;
    case KN_OPTION_CUSTOM:
        return option->parse(option, value, field, arena, err);
    }
    return kn_error_set(err, KN_INTERNAL, "--%s has no type", option->name);
}

/* Levenshtein distance of short words, with an early answer for long ones. */
static int edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n >= NAME_BYTES || m >= NAME_BYTES)
        return NAME_BYTES;
    int row[NAME_BYTES + 1];
    for (size_t j = 0; j <= m; j++)
        row[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        int diagonal = row[0];
        row[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = KN_MIN(change, KN_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[m];
}

const char *kn_nearest_name(const char *word, const char *const *names)
{
    const char *best = NULL;
    int best_distance = (int)strlen(word) / 2 + 2; /* as far is no typing error any more */
    for (int i = 0; names[i]; i++) {
        int distance = edit_distance(word, names[i]);
        if (kn_starts_with(names[i], word))
            distance = 1; /* cut short */
        if (distance < best_distance) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

static enum kn_status unknown_option(const struct kn_option *table, const char *given,
                                     const char *dashes, struct kn_error *err)
{
    const char *names[128];
    int count = 0;
    for (const struct kn_option *o = table; o->name && count < (int)KN_COUNT_OF(names) - 1; o++)
        names[count++] = o->name;
    names[count] = NULL;
    const char *nearest = kn_nearest_name(given, names);
    if (nearest)
        return kn_error_set(err, KN_INVALID, "unknown option %s%.60s; did you mean %s%s?", dashes,
                            given, dashes, nearest);
    return kn_error_set(err, KN_INVALID, "unknown option %s%.60s", dashes, given);
}

/* ---- the configuration file ---- */

/* Cuts one line into name and value in place; false when it has no such form. */
static bool split_line(char *line, char **ret_name, char **ret_value)
{
    char *name = line + strspn(line, " \t");
    char *equals = strchr(name, '=');
    if (!equals)
        return false;
    char *end = equals;
    while (end > name && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    char *value = equals + 1 + strspn(equals + 1, " \t");
    *end = '\0';
    *ret_name = name;
    *ret_value = value;
    return end > name;
}

/* Unquotes or trims a value in place; false on an open quote or text after the closing one. */
static bool clean_value(char *value)
{
    if (value[0] != '"') {
        char *comment = strchr(value, '#');
        while (comment && comment > value && comment[-1] != ' ' && comment[-1] != '\t')
            comment = strchr(comment + 1, '#');
        if (comment)
            *comment = '\0';
        size_t n = strlen(value);
        while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
            value[--n] = '\0';
        return true;
    }
    char *to = value;
    const char *from = value + 1;
    for (; *from && *from != '"'; from++) {
        if (*from == '\\' && (from[1] == '"' || from[1] == '\\'))
            from++;
        *to++ = *from;
    }
    bool closed = *from == '"';
    const char *rest = closed ? from + 1 : from;
    rest += strspn(rest, " \t");
    bool clean = closed && (*rest == '\0' || *rest == '#');
    *to = '\0';
    return clean;
}

static enum kn_status read_line(const struct kn_option *table, char *line, void *settings,
                                struct kn_arena *arena, struct kn_error *err)
{
    size_t blank = strspn(line, " \t");
    if (line[blank] == '\0' || line[blank] == '#')
        return KN_OK;
    char *name, *value;
    if (!split_line(line, &name, &value))
        return kn_error_set(err, KN_INVALID, "expected “name = value”");
    if (!clean_value(value))
        return kn_error_set(err, KN_INVALID, "the quotation marks of %.60s do not match", name);
    const struct kn_option *option = kn_option_find(table, name);
    if (!option)
        return unknown_option(table, name, "", err);
    if (option->args_only)
        return kn_error_set(err, KN_INVALID, "%s belongs on the command line only", name);
    return kn_option_set(option, value, settings, arena, err);
}

enum kn_status kn_options_read_file(const struct kn_option *table, const char *path,
                                    const char *text, size_t size, void *settings,
                                    struct kn_arena *arena, struct kn_error *err)
{
    if (memchr(text, '\0', size))
        return kn_error_set(err, KN_INVALID, "%s is not a text file", path);
    const char *end = text + size;
    int number = 0;
    for (const char *at = text; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        size_t kept = length && at[length - 1] == '\r' ? length - 1 : length;
        number++;
        KN_SCOPED_MEM char *line = kn_malloc(kept + 1);
        memcpy(line, at, kept);
        line[kept] = '\0';
        if (read_line(table, line, settings, arena, err) != KN_OK)
            return kn_error_add(err, "%s:%d", path, number);
        at += length + 1;
    }
    return KN_OK;
}

/* ---- the environment ---- */

enum kn_status kn_options_read_environment(const struct kn_option *table, void *settings,
                                           struct kn_arena *arena, struct kn_error *err)
{
    for (const struct kn_option *o = table; o->name; o++) {
        if (o->args_only)
            continue;
        char variable[NAME_BYTES];
        int n = snprintf(variable, sizeof variable, "KIRINUKI_%s", o->name);
        for (int i = 0; i < n && i < (int)sizeof variable; i++)
            variable[i] = variable[i] == '-' ? '_' : (char)toupper((unsigned char)variable[i]);
        const char *value = getenv(variable);
        if (value && value[0] && kn_option_set(o, value, settings, arena, err) != KN_OK)
            return kn_error_add(err, "in the environment, %s", variable);
    }
    return KN_OK;
}

/* ---- the command line ---- */

struct args {
    const struct kn_option *table;
    int argc, at;
    char **argv;
    void *settings;
    struct kn_arena *arena;
    bool *given; /* an entry a row; NULL: nobody asks */
};

static enum kn_status set(struct args *args, const struct kn_option *option, const char *value,
                          struct kn_error *err)
{
    if (args->given)
        args->given[option - args->table] = true;
    return kn_option_set(option, value, args->settings, args->arena, err);
}

static enum kn_status take_value(struct args *args, const struct kn_option *option,
                                 const char *inline_value, struct kn_error *err)
{
    const char *value = inline_value;
    if (!value) {
        if (args->at + 1 >= args->argc)
            return kn_error_set(err, KN_INVALID, "--%s needs a value: --%s %s", option->name,
                                option->name, option->argument);
        value = args->argv[++args->at];
    }
    return set(args, option, value, err);
}

static enum kn_status read_long(struct args *args, const char *text, struct kn_error *err)
{
    char name[NAME_BYTES];
    const char *equals = strchr(text, '=');
    snprintf(name, sizeof name, "%.*s", (int)(equals ? equals - text : (long)strlen(text)), text);
    const struct kn_option *option = kn_option_find(args->table, name);
    bool negated = false;
    if (!option && kn_starts_with(name, "no-")) {
        option = kn_option_find(args->table, name + 3);
        negated = option && option->type == KN_OPTION_FLAG;
        if (!negated)
            option = NULL;
    }
    if (!option)
        return unknown_option(args->table, name, "--", err);
    if (option->secret)
        return kn_error_set(err, KN_INVALID,
                            "%s belongs into the environment or the configuration file: others "
                            "can read a command line",
                            name);
    if (option->value_optional && !equals)
        return set(args, option, "", err);
    if (option->type != KN_OPTION_FLAG)
        return take_value(args, option, equals ? equals + 1 : NULL, err);
    if (equals && !negated)
        return set(args, option, equals + 1, err);
    return set(args, option, negated ? "no" : "yes", err);
}

/* "-vq", "-n 5", "-n5" */
static enum kn_status read_short(struct args *args, const char *letters, struct kn_error *err)
{
    for (; *letters; letters++) {
        const struct kn_option *option = args->table;
        while (option->name && option->letter != *letters)
            option++;
        if (!option->name)
            return kn_error_set(err, KN_INVALID, "unknown option -%c", *letters);
        if (option->type != KN_OPTION_FLAG)
            return take_value(args, option, letters[1] ? letters + 1 : NULL, err);
        enum kn_status status = set(args, option, "yes", err);
        if (status != KN_OK)
            return status;
    }
    return KN_OK;
}

enum kn_status kn_options_read_args(const struct kn_option *table, int argc, char **argv,
                                    void *settings, struct kn_arena *arena, char **ret_rest,
                                    int *ret_rest_count, bool *ret_given, struct kn_error *err)
{
    struct args args = {table, argc, 0, argv, settings, arena, ret_given};
    bool options_over = false;
    int rest = 0;
    for (; args.at < argc; args.at++) {
        char *text = argv[args.at];
        enum kn_status status = KN_OK;
        if (options_over || text[0] != '-' || text[1] == '\0')
            ret_rest[rest++] = text;
        else if (strcmp(text, "--") == 0)
            options_over = true;
        else if (text[1] == '-')
            status = read_long(&args, text + 2, err);
        else
            status = read_short(&args, text + 1, err);
        if (status != KN_OK)
            return status;
    }
    *ret_rest_count = rest;
    return KN_OK;
}

/* ---- help ---- */

void kn_option_print(const struct kn_option *option, const void *settings, struct kn_str *out)
{
    const void *field = (const char *)settings + option->offset;
    switch (option->type) {
    case KN_OPTION_FLAG:
        kn_str_add(out, *(const bool *)field ? "yes" : "no");
        break;
    case KN_OPTION_INT:
        kn_str_printf(out, "%d", *(const int *)field);
        break;
    case KN_OPTION_NUMBER:
        kn_str_printf(out, "%.12g", *(const double *)field);
        break;
    case KN_OPTION_TEXT:
        if (*(const char *const *)field)
            kn_str_add(out, *(const char *const *)field);
        break;
    case KN_OPTION_CHOICE:
        kn_str_add(out, option->choices[*(const int *)field]);
        break;
    case KN_OPTION_CUSTOM:
        if (option->print)
            option->print(option, field, out);
        break;
    }
}

static void print_row(const struct kn_option *option, const void *defaults, struct kn_str *out)
{
    KN_SCOPED_STR left = {0}, value = {0};
    if (option->letter)
        kn_str_printf(&left, "  -%c, --%s", option->letter, option->name);
    else
        kn_str_printf(&left, "      --%s", option->name);
    if (option->argument)
        kn_str_printf(&left, option->value_optional ? "[=%s]" : " %s", option->argument);
    size_t width = kn_utf8_count(left.at);
    if (width + 2 > HELP_COLUMN)
        kn_str_printf(out, "%s\n%*s", left.at, HELP_COLUMN, "");
    else
        kn_str_printf(out, "%s%*s", left.at, HELP_COLUMN - (int)width, "");
    kn_str_add(out, option->help);
    if (option->type == KN_OPTION_CHOICE) {
        kn_str_add(out, ": ");
        list_choices(option->choices, out);
    }
    kn_option_print(option, defaults, &value);
    /* A flag is shown only when it is set: that is what reads well as a default. */
    bool shown =
        option->type != KN_OPTION_FLAG || *(const bool *)((const char *)defaults + option->offset);
    if (value.length && shown)
        kn_str_printf(out, " [%s]", value.at);
    kn_str_add_char(out, '\n');
}

void kn_options_help(const struct kn_option *table, const void *defaults, struct kn_str *out)
{
    const char *heading = NULL;
    for (const struct kn_option *o = table; o->name; o++) {
        if (!o->heading)
            continue;
        if (!heading || strcmp(heading, o->heading) != 0)
            kn_str_printf(out, "\n%s:\n", o->heading);
        heading = o->heading;
        print_row(o, defaults, out);
    }
}

int kn_options_describe(const struct kn_option *table, const void *settings, struct kn_arena *arena,
                        const struct kn_named_text **ret_rows)
{
    KN_VEC(struct kn_named_text) rows = {0};
    for (const struct kn_option *o = table; o->name; o++) {
        if (!o->heading || o->args_only || o->aside)
            continue;
        KN_SCOPED_STR value = {0};
        kn_option_print(o, settings, &value);
        struct kn_named_text row = {o->name, kn_arena_strdup(arena, kn_str_text(&value))};
        kn_vec_push(&rows, row);
    }
    int count = rows.count;
    *ret_rows = kn_vec_to_arena(&rows, arena);
    kn_vec_free(&rows);
    return count;
}
