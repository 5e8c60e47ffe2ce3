#include "sandbox/catalogue.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"

static const struct kn_catalogue_model catalogue[] = {
    {"whisper-1", KN_FAMILY_WHISPER},
    {"gpt-transcribe", KN_FAMILY_KEYWORDS},
    {"gpt-4o-transcribe", KN_FAMILY_TRANSCRIBE},
    {"gpt-4o-mini-transcribe", KN_FAMILY_TRANSCRIBE},
    {"gpt-4o-mini-transcribe-2025-12-15", KN_FAMILY_TRANSCRIBE},
    {"gpt-4o-transcribe-diarize", KN_FAMILY_DIARIZE},
    {"gpt-4o", KN_FAMILY_CHAT, .dated = "gpt-4o-2024-08-06"},
    {"gpt-4o-mini", KN_FAMILY_CHAT, 0, 2833, 5667, "gpt-4o-mini-2024-07-18"},
    {"gpt-4.1", KN_FAMILY_CHAT, .dated = "gpt-4.1-2025-04-14"},
    {"gpt-4.1-mini", KN_FAMILY_CHAT, 1.62, .dated = "gpt-4.1-mini-2025-04-14"},
    {"gpt-4.1-nano", KN_FAMILY_CHAT, 2.46, .dated = "gpt-4.1-nano-2025-04-14"},
    {"gpt-5", KN_FAMILY_REASONING, 0, 70, 140},
    {"gpt-5-mini", KN_FAMILY_REASONING, 1.62},
    {"gpt-5-nano", KN_FAMILY_REASONING, 2.46},
    {"o1", KN_FAMILY_REASONING, 0, 75, 150},
    {"o3", KN_FAMILY_REASONING, 0, 75, 150},
    {"o4-mini", KN_FAMILY_REASONING, 1.72},
};
static const struct kn_catalogue_model added_hears = {"", KN_FAMILY_WHISPER};
static const struct kn_catalogue_model added_talks = {"", KN_FAMILY_CHAT};

static bool family_hears(enum kn_catalogue_family family)
{
    return family < KN_FAMILY_CHAT;
}

static bool is_called(const struct kn_catalogue_model *model, const char *name)
{
    return strcmp(model->name, name) == 0 || (model->dated && strcmp(model->dated, name) == 0);
}

static bool is_added(const struct kn_models *models, const char *name)
{
    for (int i = 0; i < models->count; i++)
        if (strcmp(models->names[i], name) == 0)
            return true;
    return false;
}

static bool refuse_unknown(const char *name, struct kn_rejection *rejection)
{
    return kn_reject_as(rejection, 404, "invalid_request_error", NULL, "model_not_found",
                        "The model `%.64s` does not exist, or you have no access to it.", name);
}

const struct kn_catalogue_model *kn_models_find(const struct kn_models *models, const char *name,
                                                bool hears, struct kn_rejection *rejection)
{
    if (is_added(models, name))
        return hears ? &added_hears : &added_talks;
    for (size_t i = 0; i < KN_COUNT_OF(catalogue); i++) {
        if (!is_called(&catalogue[i], name))
            continue;
        if (family_hears(catalogue[i].family) == hears)
            return &catalogue[i];
        if (hears)
            kn_reject(rejection, "model", NULL, "`%.64s` does not transcribe.", name);
        else
            kn_reject_as(rejection, 404, "invalid_request_error", "model", NULL,
                         "`%.64s` is no chat model.", name);
        return NULL;
    }
    refuse_unknown(name, rejection);
    return NULL;
}

static json_t *model_json(const char *name)
{
    return json_pack("{s:o, s:s, s:i, s:s}", "id", kn_json_text(name), "object", "model", "created",
                     1715367049, "owned_by", "sandbox");
}

bool kn_models_reply(const struct kn_models *models, const char *name, struct kn_arena *arena,
                     struct kn_reply *reply, struct kn_rejection *rejection)
{
    KN_SCOPED_JSON list = json_array();
    KN_SCOPED_JSON one = NULL;
    for (size_t i = 0; i < KN_COUNT_OF(catalogue); i++) {
        if (name && is_called(&catalogue[i], name))
            one = model_json(name);
        json_array_append_new(list, model_json(catalogue[i].name));
        if (catalogue[i].dated)
            json_array_append_new(list, model_json(catalogue[i].dated));
    }
    for (int i = 0; i < models->count; i++)
        json_array_append_new(list, model_json(models->names[i]));
    if (name && !one && is_added(models, name))
        one = model_json(name);
    if (name && !one)
        return refuse_unknown(name, rejection);
    KN_SCOPED_JSON whole = json_pack("{s:s, s:O}", "object", "list", "data", list);
    kn_reply_json(reply, arena, 200, one ? one : whole);
    return true;
}
