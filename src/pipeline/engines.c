/* Light: the help, too, shows these defaults. */
#include "pipeline/engines.h"

#include <string.h>

const char *const kn_detail_names[] = {"low", "high", "auto", NULL};

void kn_ai_defaults(struct kn_ai_options *ret_options)
{
    *ret_options = (struct kn_ai_options){
        .speech_model = "whisper-1",
        .vision_model = "gpt-4o-mini",
        .ranking_model = "gpt-4o-mini",
        .frames = 60,
    };
}

static const struct kn_engine_names local = {.count = 1, .at = {"moonshine"}};

const struct kn_engine_names *kn_ai_speech(const struct kn_ai_options *options)
{
    static const struct kn_engine_names remote = {.count = 2, .at = {"openai", "moonshine"}};
    return options->speech.given ? &options->speech : options->services ? &remote : &local;
}

const struct kn_engine_names *kn_ai_vision(const struct kn_ai_options *options)
{
    static const struct kn_engine_names none = {0};
    static const struct kn_engine_names remote = {.count = 1, .at = {"openai-vision"}};
    return options->vision.given ? &options->vision : options->services ? &remote : &none;
}

const struct kn_engine_names *kn_ai_ranking(const struct kn_ai_options *options)
{
    static const struct kn_engine_names none = {0};
    static const struct kn_engine_names remote = {.count = 1, .at = {"openai-ranker"}};
    return options->ranking.given ? &options->ranking : options->services ? &remote : &none;
}

bool kn_ai_speech_is_usual(const struct kn_ai_options *options)
{
    const struct kn_engine_names *speech = kn_ai_speech(options);
    return speech->count == 1 && strcmp(speech->at[0], local.at[0]) == 0;
}

bool kn_ai_asks(const struct kn_ai_options *options)
{
    return kn_ai_vision(options)->count > 0 || kn_ai_ranking(options)->count > 0 ||
           (kn_ai_speech(options)->count > 0 && !kn_ai_speech_is_usual(options));
}
