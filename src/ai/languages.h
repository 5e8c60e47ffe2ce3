/*
 * The names that speech services have for languages. They answer with English names in lower case
 * ("japanese") or with codes, and take ISO 639-1.
 */
#ifndef KN_AI_LANGUAGES_H
#define KN_AI_LANGUAGES_H

/* BCP 47 of a name or a code in any case; NULL: none that Whisper knows. */
const char *kn_language_tag(const char *name);
/* ISO 639-1 of a BCP 47 tag ("ja-JP": "ja"), to ask with; NULL: the service has to find out. */
const char *kn_language_iso639_1(const char *tag);

#endif
