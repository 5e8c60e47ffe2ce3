/*
 * One question to a chat model, with pictures where wanted, and an answer that is JSON of a schema:
 * POST /chat/completions as OpenAI documents it (openapi.yaml 2.3.0; guides "Structured Outputs"
 * and "Images and vision").
 *
 * The answer is believed only once it fits the schema and the caller's own check. One that is
 * invalid or cut off is shown to the model once more with what is wrong with it.
 */
#ifndef KN_AI_OPENAI_CHAT_H
#define KN_AI_OPENAI_CHAT_H

#include <jansson.h>

#include <kirinuki/arena.h>
#include <kirinuki/cancel.h>

#include "ai/service.h"

/* A piece of what is asked: a text, or a JPEG picture. */
struct kn_chat_part {
    const char *text; /* NULL: a picture */
    const void *jpeg;
    size_t size;
    int width_px, height_px;
};

struct kn_chat_question {
    const char *model;
    const char *system; /* what the model is to do */
    const struct kn_chat_part *parts;
    int part_count;
    const char *detail;      /* of pictures: "low", "high" or "auto"; NULL: "auto" */
    const char *schema_name; /* letters, digits, "_" and "-": at most 64 */
    const json_t *schema;    /* strict: every object closed, all of its properties required */
    int64_t answer_tokens;   /* the longest answer that is of use */
    /* What the schema can't say; DAMAGED with a sentence that the model understands. NULL: nothing.
     */
    enum kn_status (*check)(void *arg, const json_t *content, struct kn_error *err);
    void *arg;
    struct kn_budget *budget; /* NULL: nobody counts */
};

enum {
    KN_CHAT_IMAGES_MAX = 500, /* of a request, and 50 MB of them: guide "Images and vision" */
    KN_CHAT_IMAGE_BYTES_MAX = 50 * 1000 * 1000,
};

/*
 * *ret_content is owned by the caller. DAMAGED: even asked again there was no usable answer, or the
 * model declined to give one; INVALID: too many pictures or bytes of them, or no model; else as
 * kn_service_call.
 */
enum kn_status kn_chat_ask(struct kn_service *service, const struct kn_chat_question *question,
                           struct kn_cancel *cancel, json_t **ret_content, struct kn_error *err);

/* ---- Its pure parts ---- */

/* What was wrong with an answer, for asking again. */
struct kn_chat_flaw {
    const char *said; /* the answer; a long one is cut */
    const char *why;  /* a sentence */
    bool cut_off;     /* more room is given for the next */
};

/* The request's body, owned by the caller. `flaw`: NULL for the first time. */
json_t *kn_chat_request(const struct kn_chat_question *question, const struct kn_chat_flaw *flaw);
/* What the request made of the question may use at most, for limits and budgets: tokens are
 * estimated, on the high side. */
void kn_chat_estimate(const struct kn_chat_question *question, const json_t *request,
                      struct kn_usage *ret_most);

/* A quarter of the letters of scripts that part words by spaces, half of all other ASCII, one for
 * every character of Japanese, Chinese, Korean, Thai and the like. */
int64_t kn_chat_text_tokens(const char *text);
/* By the guide "Images and vision", 2025-2026: tiles of 512 px, or patches of 32 px for the small
 * models from gpt-4.1 on. */
int64_t kn_chat_image_tokens(const char *model, const char *detail, int width_px, int height_px);
/* Does it think before it answers? Such models refuse a temperature, and their thoughts count
 * against the bound on an answer's tokens. */
bool kn_chat_model_reasons(const char *model);

#endif
