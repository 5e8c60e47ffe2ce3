/*
 * A text that grows: bytes with a closing NUL that is not counted. Start from {0}.
 */
#ifndef KN_BASE_STR_H
#define KN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

struct kn_str {
    char *at; /* NULL until something is added; use kn_str_text for a C string */
    size_t length, room;
};

void kn_str_free(struct kn_str *str);
void kn_str_clear(struct kn_str *str);
const char *kn_str_text(const struct kn_str *str); /* never NULL */
char *kn_str_take(struct kn_str *str);             /* returns owned (free it); empties str */

void kn_str_add(struct kn_str *str, const char *text);
void kn_str_add_bytes(struct kn_str *str, const void *bytes, size_t length);
void kn_str_add_char(struct kn_str *str, char c);
void kn_str_printf(struct kn_str *str, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#define KN_SCOPED_STR __attribute__((cleanup(kn_str_free))) struct kn_str

/* Cuts off a UTF-8 sequence that the end of the text has split; for text cut to a fixed size. */
void kn_utf8_trim(char *text);
/* Characters, for padding what is all of single columns; base/utf8.h counts columns of any text,
 * but needs a library that --help should not wait for. */
size_t kn_utf8_count(const char *text);
/* Bytes that come from outside (file names, tags) as text fit for a sentence: broken UTF-8, control
 * characters and those that turn the direction of text become "?", and what does not fit in `room`
 * bytes ends in "…". */
const char *kn_text_show(const char *bytes, char *ret_text, size_t room); /* room at least 8 */
/* The same for a whole line before it is printed, in place; a line end is a control character. */
char *kn_text_clean(char *text);
bool kn_text_is_clean(const char *text);

bool kn_starts_with(const char *text, const char *prefix);
bool kn_ends_with(const char *text, const char *suffix);
/* Strict: the whole of `text` is one number in range; `ret` changes only then. */
bool kn_parse_int(const char *text, long long min, long long max, long long *ret);
bool kn_parse_double(const char *text, double min, double max, double *ret);

#endif
