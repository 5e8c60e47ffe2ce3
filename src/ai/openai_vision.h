/*
 * The pure parts of the vision engine: what is asked, and what is made of the answer.
 */
#ifndef KN_AI_OPENAI_VISION_H
#define KN_AI_OPENAI_VISION_H

#include "ai/openai_chat.h"
#include "ai/vision.h"

enum {
    KN_VISION_FRAMES_MAX = 8, /* of one request: more are mixed up by the models in use */
    KN_SIGHT_SEEN_MAX = 240,  /* characters */
    KN_SIGHT_TEXT_MAX = 300,
};

/* The question about a batch, but for schema, check and budget. Texts are in `arena`, pictures are
 * borrowed. */
void kn_vision_ask(const struct kn_vision_settings *settings, const struct kn_vision_batch *batch,
                   struct kn_arena *arena, struct kn_chat_question *ret_question);
/* What an answer looks like; owned by the caller. */
json_t *kn_vision_schema(void);
/*
 * The sights of an answer that fits the schema, in order of time, in `arena`; their number is
 * returned. Frames are known by their numbers: those that nobody asked about are dropped, of
 * doubles the first counts.
 */
int kn_vision_read(const struct kn_vision_batch *batch, const json_t *content,
                   struct kn_arena *arena, const struct kn_sight **ret_sights);

#endif
