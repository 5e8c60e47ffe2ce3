/*
 * The models that there are, and what each of them can do.
 * Source: OpenAI's OpenAPI description 2.3.0 (2026-08-21); what pictures cost: its guide on images
 * (2026).
 */
#ifndef KN_SANDBOX_CATALOGUE_H
#define KN_SANDBOX_CATALOGUE_H

#include <stdbool.h>

#include <kirinuki/arena.h>

#include "sandbox/rejection.h"

enum kn_catalogue_family {
    KN_FAMILY_WHISPER,    /* every format, times, language */
    KN_FAMILY_TRANSCRIBE, /* gpt-4o(-mini)-transcribe: json alone */
    KN_FAMILY_KEYWORDS,   /* gpt-transcribe: json alone; languages[] and keywords[] */
    KN_FAMILY_DIARIZE,
    KN_FAMILY_CHAT,
    KN_FAMILY_REASONING, /* chat, with the one temperature */
};

struct kn_catalogue_model {
    const char *name;
    enum kn_catalogue_family family;
    double patch_tokens;          /* pictures count by patches of 32 pixels, each so much; 0: no */
    int base_tokens, tile_tokens; /* else by tiles of 512; 0: 85 and 170 */
    const char *dated;            /* its other name, which its answers tell; NULL: it has none */
};

/* Names that a user has added: each of them hears and talks. */
struct kn_models {
    const char *const *names;
    int count;
};

/* NULL, and 404 or 400 in `rejection`: there is none of that name, or it does something else. */
const struct kn_catalogue_model *kn_models_find(const struct kn_models *models, const char *name,
                                                bool hears, struct kn_rejection *rejection);
/* GET /v1/models, and /v1/models/NAME with a name that is not NULL. */
bool kn_models_reply(const struct kn_models *models, const char *name, struct kn_arena *arena,
                     struct kn_reply *reply, struct kn_rejection *rejection);

#endif
