/*
 * Texts that a language model wrote, made fit to be shown and posted: hostile until then, because
 * what was said or written in the video may speak through them.
 *
 * Pure. Control characters and invisible ones that turn or hide text are taken out. Characters are
 * Unicode code points; nothing is cut inside what a reader takes for one character.
 */
#ifndef KN_AI_MODEL_TEXT_H
#define KN_AI_MODEL_TEXT_H

#include <jansson.h>

#include <kirinuki/arena.h>

/* One line of at most `most` (2 at least) characters: runs of space and line ends become one space.
 * A longer one is cut between words (in scripts without spaces between characters) and ends in "…",
 * which counts. NULL gives "". In `arena`. */
const char *kn_model_line(struct kn_arena *arena, const char *text, int most);
/* The same with line ends kept, two in a row at most. */
const char *kn_model_paragraphs(struct kn_arena *arena, const char *text, int most);

enum { KN_HASHTAGS_MAX = 10, KN_HASHTAG_CHARS_MAX = 60 };

/*
 * Hashtags without their sign: letters with their marks and digits of any script and "_"; what else
 * stands in one is taken out ("deep sleep!" becomes "deepsleep"), several in one text are told
 * apart by their signs. Dropped are those without a letter, those longer than KN_HASHTAG_CHARS_MAX,
 * and doubles in whatever case. `list`: a JSON array; what is no text in it is passed over.
 */
int kn_model_hashtags(struct kn_arena *arena, const json_t *list, const char *const **ret_hashtags);

#endif
