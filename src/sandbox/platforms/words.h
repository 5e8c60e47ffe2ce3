/* How platforms measure text. */
#ifndef KN_SANDBOX_WORDS_H
#define KN_SANDBOX_WORDS_H

/* UTF-16 code units: what JavaScript counts. Where a documentation says "characters" and leaves
 * the unit open, this is the strictest. */
int kn_utf16_units(const char *text);
/* Tags that begin with `sign`, '#' or '@', at the begin of a word. */
int kn_tags_count(const char *text, char sign);

#endif
