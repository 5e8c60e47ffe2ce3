#include "ai/openai_chat.h"

#include <assert.h>
#include <string.h>

#include "ai/chat_answer.h"
#include "base/file.h"
#include "base/json.h"

enum {
    SAID_BYTES = 12 * 1024,   /* of a flawed answer, that the model is shown again */
    REASONING_TOKENS = 8192,  /* room for thoughts, beside the answer */
    ANSWER_TOKENS_MAX = 16384 /* what models in use grant; more is refused as wrong */
};
static const double TEMPERATURE = 0.2; /* nearly the same answer each time, and not stuck in it */

/* ---- the request ---- */

/* RFC 4648, section 4. */
static void add_base64(struct kn_str *out, const unsigned char *data, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                         (left > 2 ? data[i + 2] : 0);
        const char four[] = {letters[group >> 18], letters[group >> 12 & 63],
                             left > 1 ? letters[group >> 6 & 63] : '=',
                             left > 2 ? letters[group & 63] : '='};
        kn_str_add_bytes(out, four, sizeof four);
    }
}

static json_t *text_part(const char *text)
{
    return json_pack("{s:s, s:o}", "type", "text", "text", kn_json_text(text));
}

static json_t *image_part(const struct kn_chat_part *part, const char *detail)
{
    KN_SCOPED_STR url = {0};
    kn_str_add(&url, "data:image/jpeg;base64,");
    add_base64(&url, part->jpeg, part->size);
    return json_pack("{s:s, s:{s:s#, s:s}}", "type", "image_url", "image_url", "url", url.at,
                     (int)url.length, "detail", detail ? detail : "auto");
}

static json_t *user_content(const struct kn_chat_question *question)
{
    json_t *content = json_array();
    for (int i = 0; i < question->part_count; i++) {
        const struct kn_chat_part *part = &question->parts[i];
        json_array_append_new(content, part->text ? text_part(part->text)
                                                  : image_part(part, question->detail));
    }
    return content;
}

static json_t *message(const char *role, json_t *content)
{
    return json_pack("{s:s, s:o}", "role", role, "content", content);
}

/* The model's own words, cut where they are long: what is wrong is said beside them. */
static json_t *said_again(const struct kn_chat_flaw *flaw)
{
    char said[SAID_BYTES];
    size_t size = strnlen(flaw->said, sizeof said - 1);
    memcpy(said, flaw->said, size);
    said[size] = '\0';
    kn_utf8_trim(said);
    return kn_json_text(said);
}

static json_t *complaint(const struct kn_chat_flaw *flaw)
{
    KN_SCOPED_STR text = {0};
    kn_str_printf(&text,
                  "That answer cannot be used: %s. Answer again: the whole JSON object of the "
                  "schema that was asked for, and nothing else%s.",
                  flaw->why, flaw->cut_off ? ", in shorter sentences" : "");
    return kn_json_text(kn_str_text(&text));
}

static json_t *messages(const struct kn_chat_question *question, const struct kn_chat_flaw *flaw)
{
    json_t *list = json_array();
    json_array_append_new(list, message("system", kn_json_text(question->system)));
    json_array_append_new(list, message("user", user_content(question)));
    if (flaw && flaw->said[0])
        json_array_append_new(list, message("assistant", said_again(flaw)));
    if (flaw)
        json_array_append_new(list, message("user", complaint(flaw)));
    return list;
}

bool kn_chat_model_reasons(const char *model)
{
    static const char *const families[] = {"o1", "o3", "o4", "gpt-5", "gpt-6"};
    const char *name = kn_path_base(model); /* of "openai/o3-mini", as brokers write it */
    for (size_t i = 0; i < KN_COUNT_OF(families); i++)
        if (kn_starts_with(name, families[i]) &&
            strchr("-.:", name[strlen(families[i])])) /* or its end */
            return strstr(name, "-chat") == NULL;
    return false;
}

/* OpenAI's own take the new name of the bound alone. Some servers of others' models know the old
 * one alone and pass over the new one, so that an answer might never end (Ollama 0.32, its issue
 * 7125): they get both. */
static bool is_of_openai(const char *model)
{
    const char *name = kn_path_base(model);
    return kn_chat_model_reasons(model) || kn_starts_with(name, "chatgpt") ||
           (kn_starts_with(name, "gpt-") && !kn_starts_with(name, "gpt-oss"));
}

/* More room for the second try, when the first was cut off. */
static int64_t output_tokens(const struct kn_chat_question *question,
                             const struct kn_chat_flaw *flaw)
{
    int64_t wanted = question->answer_tokens * (flaw && flaw->cut_off ? 2 : 1);
    int64_t thoughts = kn_chat_model_reasons(question->model) ? REASONING_TOKENS : 0;
    return KN_MIN(wanted, ANSWER_TOKENS_MAX) + thoughts;
}

json_t *kn_chat_request(const struct kn_chat_question *question, const struct kn_chat_flaw *flaw)
{
    json_t *request = json_pack(
        "{s:o, s:I, s:o, s:{s:s, s:{s:s, s:b, s:O}}}", "model", kn_json_text(question->model),
        "max_completion_tokens", (json_int_t)output_tokens(question, flaw), "messages",
        messages(question, flaw), "response_format", "type", "json_schema", "json_schema", "name",
        question->schema_name, "strict", 1, "schema", question->schema);
    assert(request);
    if (!is_of_openai(question->model))
        json_object_set(request, "max_tokens", json_object_get(request, "max_completion_tokens"));
    if (!kn_chat_model_reasons(question->model))
        json_object_set_new(request, "temperature", json_real(TEMPERATURE));
    return request;
}

/* ---- asking ---- */

/* One question on its way. */
struct asking {
    const struct kn_chat_question *question;
    struct kn_service *service;
    struct kn_arena *arena;
    /* Of the newest answer; when a call has succeeded, that is the one it succeeded with. */
    struct kn_chat_reading reading;
    enum kn_chat_verdict verdict;
    struct kn_error wrong; /* with it */
};

/* Reads an answer anew; an earlier reading is let go. */
static enum kn_chat_verdict read_answer(struct asking *asking, const json_t *answer,
                                        struct kn_error *err)
{
    const struct kn_chat_question *question = asking->question;
    json_decref(asking->reading.content);
    enum kn_chat_verdict verdict =
        kn_chat_read(answer, question->schema, kn_service_secrets(asking->service), asking->arena,
                     &asking->reading, err);
    if (verdict != KN_CHAT_GOOD || !question->check ||
        question->check(question->arg, asking->reading.content, err) == KN_OK)
        return verdict;
    json_decref(KN_MOVE(asking->reading.content));
    return KN_CHAT_FLAWED;
}

/* Whether the service may keep the answer and hand it out for the same question again: only a good
 * one. A flawed one ends the call (KN_END), as sending the same again is not what helps. */
static enum kn_status accept_answer(void *arg, const json_t *answer, struct kn_error *err)
{
    struct asking *asking = arg;
    asking->verdict = read_answer(asking, answer, &asking->wrong);
    switch (asking->verdict) {
    case KN_CHAT_GOOD:
        return KN_OK;
    case KN_CHAT_NONE:
        return kn_error_set(err, KN_DAMAGED, "%s", asking->wrong.text);
    default:
        return KN_END;
    }
}

static enum kn_status ask(struct asking *asking, const struct kn_chat_flaw *flaw,
                          struct kn_cancel *cancel, struct kn_error *err)
{
    KN_SCOPED_JSON request = kn_chat_request(asking->question, flaw);
    KN_SCOPED_JSON answer = NULL;
    struct kn_service_call call = {
        .path = "/chat/completions",
        .model = asking->question->model,
        .json = request,
        .accept = accept_answer,
        .arg = asking,
        .budget = asking->question->budget,
    };
    kn_chat_estimate(asking->question, request, &call.most);
    return kn_service_call(asking->service, &call, cancel, &answer, err);
}

static enum kn_status ask_twice(struct asking *asking, struct kn_cancel *cancel,
                                struct kn_error *err)
{
    enum kn_status status = ask(asking, NULL, cancel, err);
    if (status == KN_OK && asking->verdict == KN_CHAT_FLAWED) {
        const struct kn_error first = asking->wrong;
        const struct kn_chat_flaw flaw = {
            .said = asking->reading.said, .why = first.text, .cut_off = asking->reading.cut_off};
        status = ask(asking, &flaw, cancel, err);
    }
    if (status != KN_OK || asking->verdict == KN_CHAT_GOOD)
        return status;
    return kn_error_set(err, KN_DAMAGED, "the model %s gave no usable answer%s: %s",
                        asking->question->model,
                        asking->verdict == KN_CHAT_FLAWED ? ", even asked again" : "",
                        kn_error_text(&asking->wrong));
}

static enum kn_status check_question(const struct kn_chat_question *question, struct kn_error *err)
{
    int images = 0;
    size_t bytes = 0;
    if (!question->model || !question->model[0])
        return kn_error_set(err, KN_INVALID, "no model is set for the chat service");
    for (int i = 0; i < question->part_count; i++)
        if (!question->parts[i].text) {
            images++;
            bytes += KN_MIN(question->parts[i].size, (size_t)KN_CHAT_IMAGE_BYTES_MAX + 1);
        }
    if (images > KN_CHAT_IMAGES_MAX || bytes > KN_CHAT_IMAGE_BYTES_MAX)
        return kn_error_set(err, KN_INVALID,
                            "%d pictures of %.1f MB are more than one question may have", images,
                            (double)bytes / 1e6);
    return KN_OK;
}

enum kn_status kn_chat_ask(struct kn_service *service, const struct kn_chat_question *question,
                           struct kn_cancel *cancel, json_t **ret_content, struct kn_error *err)
{
    enum kn_status status = check_question(question, err);
    if (status != KN_OK)
        return status;
    struct asking asking = {.question = question, .service = service, .arena = kn_arena_new()};
    status = ask_twice(&asking, cancel, err);
    if (status == KN_OK)
        *ret_content = KN_MOVE(asking.reading.content);
    json_decref(asking.reading.content);
    kn_arena_free(asking.arena);
    return status;
}
