#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "sandbox/chat.h"
#include "sandbox/schema.h"

/* ---- what is said ---- */

static void add_sentence(const struct kn_prompt_facts *facts, struct kn_chance *chance,
                         struct kn_str *out)
{
    enum { WORDS = 8 };
    kn_str_add(out, "You asked about");
    int first = kn_chance_below(chance, KN_MAX(facts->word_count - WORDS, 1));
    for (int i = first; i < KN_MIN(first + WORDS, facts->word_count); i++)
        kn_str_printf(out, " %s", facts->words[i]);
    kn_str_add(out, facts->word_count ? "." : " nothing.");
}

const char *kn_chat_make(const struct kn_chat *asked, struct kn_chance *chance,
                         struct kn_arena *arena)
{
    struct kn_prompt_facts facts;
    KN_SCOPED_STR text = {0};
    bool user = asked->user_text.length > 0;
    kn_prompt_facts_read(kn_str_text(user ? &asked->user_text : &asked->text), asked->images, arena,
                         &facts);
    if (!asked->schema)
        add_sentence(&facts, chance, &text);
    if (asked->any_json) {
        KN_SCOPED_JSON object = json_pack("{s:o}", "answer", kn_json_text(kn_str_text(&text)));
        kn_str_clear(&text);
        kn_json_add(&text, object, true);
    }
    if (asked->schema) {
        KN_SCOPED_JSON value = kn_schema_make(asked->schema, &facts, chance);
        if (!value || !kn_schema_valid(asked->schema, value, NULL))
            return NULL;
        kn_json_add(&text, value, true);
    }
    return kn_arena_strdup(arena, kn_str_text(&text));
}

/* ---- its form ---- */

int kn_chat_answer_tokens(const struct kn_chat *asked, const struct kn_chat_said *said)
{
    const char *text = said->content ? said->content : said->refusal;
    return kn_chat_tokens(text ? text : "") * asked->answers;
}

static json_t *usage_json(const struct kn_chat *asked, const struct kn_chat_said *said)
{
    int prompt = kn_chat_prompt_tokens(asked);
    int completion = kn_chat_answer_tokens(asked, said);
    return json_pack("{s:i, s:i, s:i, s:{s:i, s:i}, s:{s:i, s:i, s:i, s:i}}", "prompt_tokens",
                     prompt, "completion_tokens", completion, "total_tokens", prompt + completion,
                     "prompt_tokens_details", "cached_tokens", 0, "audio_tokens", 0,
                     "completion_tokens_details", "reasoning_tokens", 0, "audio_tokens", 0,
                     "accepted_prediction_tokens", 0, "rejected_prediction_tokens", 0);
}

static json_t *head_json(const struct kn_chat *asked, const char *object, uint64_t content)
{
    /* The service answers with the dated name of what was asked for. */
    const char *model = asked->model->dated ? asked->model->dated : asked->model_name;
    return json_pack("{s:o, s:s, s:I, s:o, s:s, s:s}", "id",
                     json_sprintf("chatcmpl-%016" PRIx64, content), "object", object, "created",
                     (json_int_t)(kn_wall_us() / KN_US_PER_S), "model", kn_json_text(model),
                     "service_tier", "default", "system_fingerprint", "fp_sandbox");
}

static void answer_whole(const struct kn_chat *asked, const struct kn_chat_said *said,
                         uint64_t content, struct kn_arena *arena, struct kn_reply *reply)
{
    KN_SCOPED_JSON json = head_json(asked, "chat.completion", content);
    json_t *choices = json_array();
    for (int i = 0; i < asked->answers; i++)
        json_array_append_new(choices, json_pack("{s:i, s:{s:s, s:o, s:o, s:[]}, s:n, s:s}",
                                                 "index", i, "message", "role", "assistant",
                                                 "content", kn_json_text(said->content), "refusal",
                                                 kn_json_text(said->refusal), "annotations",
                                                 "logprobs", "finish_reason", said->finish_reason));
    json_object_set_new(json, "choices", choices);
    json_object_set_new(json, "usage", usage_json(asked, said));
    kn_reply_json(reply, arena, 200, json);
}

/* ---- as a stream of events ---- */

static void add_event(const struct kn_chat *asked, uint64_t content, json_t *delta, int index,
                      const char *finish_reason, struct kn_str *out)
{
    KN_SCOPED_JSON json = head_json(asked, "chat.completion.chunk", content);
    json_object_set_new(json, "choices",
                        json_pack("[{s:i, s:o, s:n, s:o}]", "index", index, "delta", delta,
                                  "logprobs", "finish_reason", kn_json_text(finish_reason)));
    kn_reply_event(json, out);
}

static void answer_stream(const struct kn_chat *asked, const struct kn_chat_said *said,
                          uint64_t content, struct kn_arena *arena, struct kn_reply *reply)
{
    KN_SCOPED_STR body = {0};
    const char *text = said->refusal ? said->refusal : said->content ? said->content : "";
    for (int i = 0; i < asked->answers; i++) {
        add_event(asked, content, json_pack("{s:s, s:s}", "role", "assistant", "content", ""), i,
                  NULL, &body);
        add_event(asked, content,
                  json_pack("{s:o}", said->refusal ? "refusal" : "content", kn_json_text(text)), i,
                  NULL, &body);
        add_event(asked, content, json_object(), i, said->finish_reason, &body);
    }
    if (asked->stream_usage) {
        KN_SCOPED_JSON last = head_json(asked, "chat.completion.chunk", content);
        json_object_set_new(last, "choices", json_array());
        json_object_set_new(last, "usage", usage_json(asked, said));
        kn_reply_event(last, &body);
    }
    kn_str_add(&body, "data: [DONE]\n\n");
    kn_reply_text(reply, arena, 200, "text/event-stream; charset=utf-8", body.at, body.length);
}

void kn_chat_answer(const struct kn_chat *asked, const struct kn_chat_said *said, uint64_t content,
                    struct kn_arena *arena, struct kn_reply *reply)
{
    if (asked->stream)
        answer_stream(asked, said, content, arena, reply);
    else
        answer_whole(asked, said, content, arena, reply);
}
