/*
 * Options: one row feeds the command line, the configuration file, the environment, the help text
 * and (later) the API, so that they can't disagree.
 *
 * A row `clips` is `--clips N` on the command line, `clips = N` in the file and KIRINUKI_CLIPS in
 * the environment. Later sources override earlier ones: defaults, file, environment, command line.
 * A flag `fresh` also has `--no-fresh`; in the file and the environment it takes yes or no.
 */
#ifndef KN_BASE_OPTION_H
#define KN_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>

#include <kirinuki/arena.h>
#include <kirinuki/status.h>

#include "base/str.h"

enum kn_option_type {
    KN_OPTION_FLAG,   /* bool */
    KN_OPTION_INT,    /* int, min..max */
    KN_OPTION_NUMBER, /* double, min..max */
    KN_OPTION_TEXT,   /* const char *, kept in the arena */
    KN_OPTION_CHOICE, /* int: index into `choices` */
    KN_OPTION_CUSTOM, /* `parse` and `print` */
};

struct kn_option {
    const char *name; /* lower case, words joined by '-'; NULL ends a table */
    char letter;      /* short form, or 0 */
    enum kn_option_type type;
    size_t offset;        /* of the field in the settings */
    const char *argument; /* shown in the help: "N", "MIN-MAX"; NULL for flags */
    const char *help;     /* one line, no full stop */
    const char *heading;  /* the help groups rows by it; NULL hides the row */
    double min, max;
    const char *const *choices; /* NULL-terminated */
    bool args_only;             /* makes no sense in a file or the environment */
    bool secret;                /* never on the command line, which others can read */
    bool value_optional;        /* --name alone is --name= */
    bool aside;                 /* says nothing about a result: reports leave it out */
    enum kn_status (*parse)(const struct kn_option *option, const char *value, void *field,
                            struct kn_arena *arena, struct kn_error *err);
    void (*print)(const struct kn_option *option, const void *field, struct kn_str *out);
};

/* Sets one option from text. INVALID: the sentence names the option, the value and what it takes.
 */
enum kn_status kn_option_set(const struct kn_option *option, const char *value, void *settings,
                             struct kn_arena *arena, struct kn_error *err);
/* Appends the value in force as text that kn_option_set takes; nothing for a text that is not set.
 */
void kn_option_print(const struct kn_option *option, const void *settings, struct kn_str *out);
const struct kn_option *kn_option_find(const struct kn_option *table, const char *name);

/* `name = value` lines; '#' starts a comment; values may be quoted "…" with \" and \\ inside.
 * `path` names the text in messages ("FILE:7: …"). The text may be hostile. */
enum kn_status kn_options_read_file(const struct kn_option *table, const char *path,
                                    const char *text, size_t size, void *settings,
                                    struct kn_arena *arena, struct kn_error *err);

/* KIRINUKI_… variables for every row that allows it. */
enum kn_status kn_options_read_environment(const struct kn_option *table, void *settings,
                                           struct kn_arena *arena, struct kn_error *err);

/*
 * Options may stand anywhere among the other arguments; "--" ends them. What is no option is moved
 * to ret_rest[0..*ret_rest_count) (room for argc pointers). ret_given (NULL, or zeroed, an entry
 * a row of the table) tells which options were there. An unknown option is INVALID, and the
 * sentence suggests the nearest one.
 */
enum kn_status kn_options_read_args(const struct kn_option *table, int argc, char **argv,
                                    void *settings, struct kn_arena *arena, char **ret_rest,
                                    int *ret_rest_count, bool *ret_given, struct kn_error *err);

/* The option part of a help text, grouped by heading, with the defaults taken from `defaults`. */
void kn_options_help(const struct kn_option *table, const void *defaults, struct kn_str *out);

/* A setting as people and reports see it. */
struct kn_named_text {
    const char *name, *value;
};
/* Every visible row that is neither args_only nor aside, with the value in force. Returns how many.
 */
int kn_options_describe(const struct kn_option *table, const void *settings, struct kn_arena *arena,
                        const struct kn_named_text **ret_rows);

/* The entry of `names` (NULL-terminated) that is closest to a mistyped word, or NULL. */
const char *kn_nearest_name(const char *word, const char *const *names);

#endif
