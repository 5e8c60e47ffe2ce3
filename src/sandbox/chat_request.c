/* The rules are those of OpenAI's OpenAPI description 2.3.0 (2026-08-21). */
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/utf8.h"
#include "sandbox/chat.h"
#include "sandbox/schema.h"

/* ---- the body ---- */

static bool read_body(const struct kn_exchange *exchange, struct kn_chat *asked,
                      struct kn_rejection *rejection)
{
    static const char wanted[] = "application/json";
    const struct kn_server_field *type = kn_server_header(exchange, "content-type");
    const char *given = type ? type->data : "";
    json_error_t wrong;
    if (exchange->too_large)
        return kn_reject_as(rejection, 413, "invalid_request_error", NULL, NULL,
                            "The request is too large.");
    if (strncasecmp(given, wanted, strlen(wanted)) != 0)
        return kn_reject(rejection, NULL, "unsupported_content_type",
                         "The content type has to be application/json, not “%.60s”.", given);
    asked->json = json_loadb(exchange->body_size ? exchange->body : "", exchange->body_size,
                             JSON_REJECT_DUPLICATES, &wrong);
    if (!asked->json)
        return kn_reject(rejection, NULL, NULL,
                         "We could not parse the JSON body of your request: line %d, %.100s",
                         wrong.line, wrong.text);
    if (!json_is_object(asked->json))
        return kn_reject(rejection, NULL, "invalid_type", "The body has to be a JSON object.");
    return true;
}

/* ---- single values ---- */

enum kind { ANY, TEXT, WHOLE, NUMBER, YES_NO, OBJECT, LIST };

static const struct parameter {
    const char *name;
    enum kind kind;
    double min, max;
} parameters[] = {
    {"model", TEXT},
    {"messages"},
    {"response_format", OBJECT},
    {"max_tokens", WHOLE, 1, 1e9},
    {"max_completion_tokens", WHOLE, 1, 1e9},
    {"temperature", NUMBER, 0, 2},
    {"top_p", NUMBER, 0, 1},
    {"n", WHOLE, 1, 128},
    {"presence_penalty", NUMBER, -2, 2},
    {"frequency_penalty", NUMBER, -2, 2},
    {"seed", WHOLE, -9.2e18, 9.2e18},
    {"stop"},
    {"stream", YES_NO},
    {"stream_options", OBJECT},
    {"logprobs", YES_NO},
    {"top_logprobs", WHOLE, 0, 20},
    {"logit_bias", OBJECT},
    {"user", TEXT},
    {"safety_identifier", TEXT},
    {"prompt_cache_key", TEXT},
    {"metadata", OBJECT},
    {"store", YES_NO},
    {"service_tier", TEXT},
    {"reasoning_effort", TEXT},
    {"verbosity", TEXT},
    {"modalities", LIST},
    {"tools", LIST},
    {"tool_choice"},
    {"parallel_tool_calls", YES_NO},
};

static bool is_of_kind(const json_t *value, const struct parameter *parameter)
{
    double x = json_number_value(value);
    bool in_range = x >= parameter->min && x <= parameter->max;
    switch (parameter->kind) {
    case TEXT:
        return json_is_string(value);
    case WHOLE:
        return json_is_integer(value) && in_range;
    case NUMBER:
        return json_is_number(value) && in_range;
    case YES_NO:
        return json_is_boolean(value);
    case OBJECT:
        return json_is_object(value);
    case LIST:
        return json_is_array(value);
    default:
        return true;
    }
}

static bool check_parameter(const char *key, const json_t *value, struct kn_rejection *rejection)
{
    static const char *const kinds[] = {"",        "a text",    "a whole number", "a number",
                                        "boolean", "an object", "a list"};
    size_t p = 0;
    while (p < KN_COUNT_OF(parameters) && strcmp(parameters[p].name, key) != 0)
        p++;
    if (p == KN_COUNT_OF(parameters))
        return kn_reject(rejection, key, "unknown_parameter",
                         "Unrecognized request argument supplied: %.60s", key);
    bool required = p < 2;
    if ((json_is_null(value) && !required) || is_of_kind(value, &parameters[p]))
        return true;
    bool ranged = parameters[p].max > parameters[p].min;
    return kn_reject(rejection, key, ranged ? "invalid_value" : "invalid_type",
                     ranged ? "'%s' has to be %s from %g to %g." : "'%s' has to be %s.", key,
                     kinds[parameters[p].kind], parameters[p].min, parameters[p].max);
}

static bool check_parameters(const struct kn_chat *asked, struct kn_rejection *rejection)
{
    const char *key;
    json_t *value;
    json_object_foreach(asked->json, key, value)
    {
        if (!check_parameter(key, value, rejection))
            return false;
    }
    return true;
}

static const json_t *given(const struct kn_chat *asked, const char *name)
{
    const json_t *value = json_object_get(asked->json, name);
    return json_is_null(value) ? NULL : value;
}

static bool check_stop(const struct kn_chat *asked, struct kn_rejection *rejection)
{
    const json_t *stop = given(asked, "stop"), *one;
    bool fine = !stop || json_is_string(stop) ||
                (json_is_array(stop) && json_array_size(stop) >= 1 && json_array_size(stop) <= 4);
    size_t i;
    json_array_foreach(stop, i, one) fine &= json_is_string(one);
    return fine || kn_reject(rejection, "stop", "invalid_value",
                             "'stop' is a text or a list of up to four.");
}

static bool read_values(struct kn_chat *asked, struct kn_rejection *rejection)
{
    const json_t *most = given(asked, "max_completion_tokens"), *old = given(asked, "max_tokens");
    const json_t *temperature = given(asked, "temperature"), *n = given(asked, "n");
    bool reasons = asked->model->family == KN_FAMILY_REASONING;
    /* Clients of models that a user has added send both: servers of such know one or the other. */
    bool same = most && old && json_equal(most, old) && !asked->model->name[0];
    if (most && old && !same)
        return kn_reject(rejection, "max_tokens", "invalid_parameter_combination",
                         "max_tokens and max_completion_tokens contradict each other.");
    if (reasons && old)
        return kn_reject(rejection, "max_tokens", "unsupported_parameter",
                         "'max_tokens' is not supported by this model: use "
                         "'max_completion_tokens'.");
    if (reasons && temperature && json_number_value(temperature) != 1)
        return kn_reject(rejection, "temperature", "unsupported_value",
                         "This model takes no 'temperature' but 1.");
    asked->tokens_most = (int)json_integer_value(most ? most : old);
    asked->answers = n ? (int)json_integer_value(n) : 1;
    asked->stream = json_is_true(given(asked, "stream"));
    const json_t *options = given(asked, "stream_options");
    if (options && !asked->stream)
        return kn_reject(rejection, "stream_options", "invalid_value",
                         "'stream_options' needs 'stream'.");
    asked->stream_usage = json_is_true(json_object_get(options, "include_usage"));
    return check_stop(asked, rejection);
}

/* ---- response_format ---- */

static bool is_schema_name(const char *name)
{
    enum { LENGTH_MAX = 64 };
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t length = strlen(name);
    return length >= 1 && length <= LENGTH_MAX && strspn(name, letters) == length;
}

static bool read_schema(struct kn_chat *asked, json_t *wrapper, struct kn_rejection *rejection)
{
    static const char at[] = "response_format.json_schema";
    static const char *const keys[] = {"name", "description", "schema", "strict", NULL};
    const char *name = json_string_value(json_object_get(wrapper, "name"));
    const json_t *schema = json_object_get(wrapper, "schema");
    const json_t *strict = json_object_get(wrapper, "strict");
    if (!json_is_object(wrapper))
        return kn_reject(rejection, at, "missing_required_parameter", "'%s' is missing.", at);
    if (!kn_chat_check_keys(wrapper, keys, at, rejection))
        return false;
    if (!name || !is_schema_name(name))
        return kn_reject(rejection, "response_format.json_schema.name", "invalid_value",
                         "'%s.name' is 1 to 64 letters, digits, _ and -.", at);
    if (strict && !json_is_boolean(strict) && !json_is_null(strict))
        return kn_reject(rejection, at, "invalid_type", "'%s.strict' is true or false.", at);
    if (!json_is_object(schema))
        return kn_reject(rejection, at, "missing_required_parameter",
                         "'%s.schema' has to be an object.", at);
    asked->schema = schema;
    return !json_is_true(strict) || kn_schema_check_strict(schema, name, rejection);
}

static bool names_json(const char *text)
{
    return strcasestr(text, "json") != NULL;
}

static bool read_format(struct kn_chat *asked, struct kn_rejection *rejection)
{
    const json_t *format = given(asked, "response_format");
    const char *type = json_string_value(json_object_get(format, "type"));
    if (!format)
        return true;
    if (!type)
        return kn_reject(rejection, "response_format.type", "missing_required_parameter",
                         "Missing required parameter: 'response_format.type'.");
    if (strcmp(type, "json_schema") == 0)
        return read_schema(asked, json_object_get(format, "json_schema"), rejection);
    asked->any_json = strcmp(type, "json_object") == 0;
    if (asked->any_json && !names_json(kn_str_text(&asked->text)))
        return kn_reject(rejection, "messages", NULL,
                         "'messages' must contain the word 'json' in some form, to use "
                         "'response_format' of type 'json_object'.");
    if (!asked->any_json && strcmp(type, "text") != 0)
        return kn_reject(rejection, "response_format.type", "invalid_value",
                         "'response_format.type' is text, json_object or json_schema.");
    return true;
}

/* ---- all of it ---- */

bool kn_chat_request_read(const struct kn_exchange *exchange, const struct kn_models *models,
                          struct kn_chat *ret_asked, struct kn_rejection *rejection)
{
    struct kn_chat *asked = ret_asked;
    *asked = (struct kn_chat){0};
    if (!read_body(exchange, asked, rejection))
        return false;
    asked->model_name = json_string_value(json_object_get(asked->json, "model"));
    if (!asked->model_name || !asked->model_name[0])
        return kn_reject(rejection, "model", NULL, "you must provide a model parameter");
    asked->model = kn_models_find(models, asked->model_name, false, rejection);
    return asked->model && check_parameters(asked, rejection) && read_values(asked, rejection) &&
           kn_chat_read_messages(asked, rejection) && read_format(asked, rejection);
}

void kn_chat_free(struct kn_chat *asked)
{
    json_decref(asked->json);
    kn_str_free(&asked->user_text);
    kn_str_free(&asked->text);
}

int kn_chat_tokens(const char *text)
{
    size_t length = strlen(text);
    return (int)(KN_MIN(length, 400000000) + 3) / 4;
}

int kn_chat_prompt_tokens(const struct kn_chat *asked)
{
    return kn_chat_tokens(kn_str_text(&asked->text)) + asked->image_tokens;
}
