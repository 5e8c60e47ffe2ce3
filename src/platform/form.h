/* application/x-www-form-urlencoded (WHATWG URL, section 5), strictly: also fit for a query. */
#ifndef KN_PLATFORM_FORM_H
#define KN_PLATFORM_FORM_H

#include <stdbool.h>

#include <kirinuki/arena.h>

#include "base/str.h"

/* Everything but RFC 3986's unreserved characters as %XX. */
void kn_form_escape(struct kn_str *out, const char *text);
/* Appends "name=value", with '&' before it where something stands; value NULL: nothing. */
void kn_form_add(struct kn_str *out, const char *name, const char *value);
/* Decodes `length` bytes; NULL: a broken %XX, or one that makes a control character. */
const char *kn_form_unescape(const char *text, size_t length, struct kn_arena *arena);
/* The value of a field of "a=1&b=2", decoded. False: it stands there twice or can't be decoded.
 * *ret_value is NULL where there is no such field. */
bool kn_form_find(const char *form, const char *name, struct kn_arena *arena,
                  const char **ret_value);

#endif
