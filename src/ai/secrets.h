/*
 * Keys that an answer must not carry on: into a timeline, a title that is published, a kept answer
 * or a sentence for people. Whoever is asked knows the key, and may repeat it: a proxy that prints
 * what it was sent, a model that was shown it, somebody who means harm.
 *
 * Immutable once made: any thread may read.
 */
#ifndef KN_AI_SECRETS_H
#define KN_AI_SECRETS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "base/memory.h"

struct kn_secrets;

/* Copies those of `count` keys that are secrets: NULL, doubles and those of less than twelve
 * characters are passed over. Such a short one is a word that servers on this machine take for a
 * key ("ollama", "lm-studio"), which a video may well speak of. */
struct kn_secrets *kn_secrets_new(const char *const *keys, int count);
void kn_secrets_free(struct kn_secrets *secrets); /* wiped; NULL is fine */
KN_SCOPED_DEFINE(kn_secrets, kn_secrets_free)

/* In every text of it, and in the names of its fields, what repeats a secret becomes asterisks:
 * all of it, or sixteen characters of it in a row. In place; `json` and `secrets` may be NULL. */
void kn_secrets_blot(const struct kn_secrets *secrets, json_t *json);

/* The same for one text and key, from `least` characters in a row on (at most the key's own
 * length). What nobody sees (control and format characters, U+FFFD) hides nothing between them: it
 * is taken out of titles later, and the key would be whole. True: the text was changed. */
bool kn_blot_out(char *text, const char *key, size_t least);

#endif
