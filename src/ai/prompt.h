/*
 * What the questions to chat models have in common. Their texts stand where they are asked
 * (openai_vision.c, openai_ranker.c), as string literals to be read and edited.
 */
#ifndef KN_AI_PROMPT_H
#define KN_AI_PROMPT_H

#include <jansson.h>

/* JSON with ' in the place of ", so that it can be read as a string literal. Owned by the caller.
 */
json_t *kn_prompt_schema(const char *text);
/* A BCP 47 tag as it may stand in a prompt; `other` in the place of NULL and of what is none: tags
 * come out of files, and words would be obeyed. */
const char *kn_prompt_language(const char *language, const char *other);

#endif
