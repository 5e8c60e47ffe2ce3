/* POST /v1/chat/completions: what is asked, whether it may be asked, and the answer. */
#ifndef KN_SANDBOX_CHAT_H
#define KN_SANDBOX_CHAT_H

#include <jansson.h>

#include "base/str.h"
#include "sandbox/catalogue.h"
#include "sandbox/chance.h"
#include "sandbox/sandbox.h"

enum { KN_CHAT_IMAGES_MAX = 500, KN_CHAT_IMAGE_BYTES_MAX = 50 * 1000 * 1000 };

struct kn_chat {
    json_t *json; /* owned */
    const char *model_name;
    const struct kn_catalogue_model *model;
    struct kn_str user_text, text; /* of the user's messages; of all */
    int images, image_tokens;
    size_t image_bytes;
    const json_t *schema; /* NULL: none is asked for */
    bool any_json;
    int answers;     /* n */
    int tokens_most; /* of the answer; 0: not given */
    bool stream, stream_usage;
};

/* `asked` is to be freed in both cases. */
bool kn_chat_request_read(const struct kn_exchange *exchange, const struct kn_models *models,
                          struct kn_chat *ret_asked, struct kn_rejection *rejection);
void kn_chat_free(struct kn_chat *asked);
int kn_chat_prompt_tokens(const struct kn_chat *asked);
int kn_chat_tokens(const char *text); /* four bytes are about one */

/* Refuses an object `at` with a key that is not among `keys`, which NULL ends. */
bool kn_chat_check_keys(json_t *object, const char *const *keys, const char *at,
                        struct kn_rejection *rejection);
/* The parts of a message; in chat_content.c. */
bool kn_chat_read_messages(struct kn_chat *asked, struct kn_rejection *rejection);

/* What the model says. */
struct kn_chat_said {
    const char *content; /* NULL: null */
    const char *refusal; /* NULL: null */
    const char *finish_reason;
};
/* Makes a content up; NULL in arena: the schema cannot be met by anything here. */
const char *kn_chat_make(const struct kn_chat *asked, struct kn_chance *chance,
                         struct kn_arena *arena);
/* Of all its answers together, as `usage` and the ledger tell it. */
int kn_chat_answer_tokens(const struct kn_chat *asked, const struct kn_chat_said *said);
void kn_chat_answer(const struct kn_chat *asked, const struct kn_chat_said *said, uint64_t content,
                    struct kn_arena *arena, struct kn_reply *reply);

#endif
