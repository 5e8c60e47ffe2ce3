/* The messages of a chat: roles, texts and pictures. */
#include <stdio.h>
#include <string.h>

#include "sandbox/chat.h"
#include "sandbox/image_file.h"

/* "messages[2].content[1]": where something is wrong. */
struct where {
    struct kn_rejection *rejection;
    char message[32], part[64];
};

bool kn_chat_check_keys(json_t *object, const char *const *keys, const char *at,
                        struct kn_rejection *rejection)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        char param[128];
        int i = 0;
        while (keys[i] && strcmp(keys[i], key) != 0)
            i++;
        snprintf(param, sizeof param, "%s.%.40s", at, key);
        if (!keys[i])
            return kn_reject(rejection, param, "unknown_parameter", "Unknown parameter: '%s'.",
                             param);
    }
    return true;
}

static void add_text(struct kn_chat *asked, const char *role, const char *text)
{
    kn_str_add(&asked->text, text);
    kn_str_add_char(&asked->text, '\n');
    if (strcmp(role, "user") == 0) {
        kn_str_add(&asked->user_text, text);
        kn_str_add_char(&asked->user_text, '\n');
    }
}

static bool read_image(struct kn_chat *asked, json_t *part, struct where *where)
{
    static const char *const keys[] = {"url", "detail", NULL};
    json_t *image = json_object_get(part, "image_url");
    const char *url = json_string_value(json_object_get(image, "url"));
    const json_t *detail = json_object_get(image, "detail");
    const char *how = detail ? json_string_value(detail) : "auto";
    struct kn_rejection *rejection = where->rejection;
    char at[96];
    struct kn_image_facts facts;
    snprintf(at, sizeof at, "%s.image_url", where->part);
    if (!json_is_object(image))
        return kn_reject(rejection, at, "invalid_type", "'%s' has to be an object with a url.", at);
    if (!kn_chat_check_keys(image, keys, at, rejection))
        return false;
    if (!how || (strcmp(how, "auto") != 0 && strcmp(how, "low") != 0 && strcmp(how, "high") != 0 &&
                 strcmp(how, "original") != 0))
        return kn_reject(rejection, at, "invalid_value", "detail is auto, low, high or original.");
    if (!url)
        return kn_reject(rejection, at, "missing_required_parameter", "'%s.url' is missing.", at);
    if (!kn_image_check(url, at, &facts, rejection))
        return false;
    asked->images++;
    asked->image_bytes += facts.bytes;
    asked->image_tokens += kn_image_tokens(&facts, how, asked->model);
    if (asked->images > KN_CHAT_IMAGES_MAX || asked->image_bytes > KN_CHAT_IMAGE_BYTES_MAX)
        return kn_reject(rejection, at, "too_many_images",
                         "A request takes %d pictures and %d bytes of them at most.",
                         KN_CHAT_IMAGES_MAX, KN_CHAT_IMAGE_BYTES_MAX);
    return true;
}

static bool read_part(struct kn_chat *asked, const char *role, json_t *part, struct where *where)
{
    static const char *const text_keys[] = {"type", "text", NULL};
    static const char *const image_keys[] = {"type", "image_url", NULL};
    const char *type = json_string_value(json_object_get(part, "type"));
    const char *text = json_string_value(json_object_get(part, "text"));
    if (!json_is_object(part) || !type)
        return kn_reject(where->rejection, where->part, "missing_required_parameter",
                         "'%s.type' is missing.", where->part);
    if (strcmp(type, "text") == 0) {
        if (!kn_chat_check_keys(part, text_keys, where->part, where->rejection))
            return false;
        if (!text)
            return kn_reject(where->rejection, where->part, "missing_required_parameter",
                             "'%s.text' is missing.", where->part);
        add_text(asked, role, text);
        return true;
    }
    if (strcmp(type, "image_url") != 0)
        return kn_reject(where->rejection, where->part, "invalid_value",
                         "'%s.type' is text or image_url here, not '%.40s'.", where->part, type);
    if (strcmp(role, "user") != 0)
        return kn_reject(where->rejection, where->part, "invalid_value",
                         "Pictures belong in messages of the user.");
    return kn_chat_check_keys(part, image_keys, where->part, where->rejection) &&
           read_image(asked, part, where);
}

static bool read_content(struct kn_chat *asked, const char *role, const json_t *message,
                         struct where *where)
{
    const json_t *content = json_object_get(message, "content");
    json_t *part;
    size_t i;
    if (json_is_string(content)) {
        add_text(asked, role, json_string_value(content));
        return true;
    }
    bool may_lack = strcmp(role, "assistant") == 0 && json_object_get(message, "tool_calls");
    if ((!content || json_is_null(content)) && may_lack)
        return true;
    if (!json_is_array(content) || json_array_size(content) == 0)
        return kn_reject(where->rejection, where->message, "invalid_type",
                         "'%s.content' has to be a text or a list of parts.", where->message);
    json_array_foreach(content, i, part)
    {
        snprintf(where->part, sizeof where->part, "%s.content[%zu]", where->message, i);
        if (!read_part(asked, role, part, where))
            return false;
    }
    return true;
}

static bool read_message(struct kn_chat *asked, json_t *message, struct where *where)
{
    static const char *const keys[] = {"role",         "content", "name",  "tool_calls",
                                       "tool_call_id", "refusal", "audio", NULL};
    static const char *const roles[] = {"system", "developer", "user", "assistant", "tool"};
    const char *role = json_string_value(json_object_get(message, "role"));
    size_t i = 0;
    if (!json_is_object(message) || !role)
        return kn_reject(where->rejection, where->message, "missing_required_parameter",
                         "'%s.role' is missing.", where->message);
    while (i < KN_COUNT_OF(roles) && strcmp(roles[i], role) != 0)
        i++;
    if (i == KN_COUNT_OF(roles))
        return kn_reject(where->rejection, where->message, "invalid_value",
                         "'%.40s' is no role of '%s'.", role, where->message);
    return kn_chat_check_keys(message, keys, where->message, where->rejection) &&
           read_content(asked, role, message, where);
}

bool kn_chat_read_messages(struct kn_chat *asked, struct kn_rejection *rejection)
{
    const json_t *messages = json_object_get(asked->json, "messages");
    struct where where = {.rejection = rejection};
    json_t *message;
    size_t i;
    if (!messages)
        return kn_reject(rejection, "messages", "missing_required_parameter",
                         "Missing required parameter: 'messages'.");
    if (!json_is_array(messages) || json_array_size(messages) == 0)
        return kn_reject(rejection, "messages", "invalid_type",
                         "'messages' has to be a list with a message at least.");
    json_array_foreach(messages, i, message)
    {
        snprintf(where.message, sizeof where.message, "messages[%zu]", i);
        if (!read_message(asked, message, &where))
            return false;
    }
    return true;
}
