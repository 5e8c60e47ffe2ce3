/* Bodies against what the OpenAPI description of X says of them: unknown keys are refused. */
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "sandbox/platforms/x.h"

enum { ID_DIGITS = 19 };

static bool check(struct kn_mimic_visit *visit, const json_t *value,
                  const struct kn_xapi_field *field, const char *path);

static bool is_type(const json_t *value, enum kn_xapi_type type)
{
    switch (type) {
    case KN_XAPI_TEXT:
    case KN_XAPI_ID:
        return json_is_string(value);
    case KN_XAPI_INTEGER:
        return json_is_integer(value);
    case KN_XAPI_BOOL:
        return json_is_boolean(value);
    case KN_XAPI_OBJECT:
        return json_is_object(value);
    case KN_XAPI_LIST:
        break;
    }
    return json_is_array(value);
}

static bool is_id(const char *text)
{
    size_t length = strlen(text);
    return length >= 1 && length <= ID_DIGITS && strspn(text, "0123456789") == length;
}

static bool is_among(const char *text, const char *const *among)
{
    while (*among && strcmp(*among, text) != 0)
        among++;
    return *among != NULL;
}

/* How much of it there is: an integer's value, characters, items. */
static int64_t amount_of(const json_t *value)
{
    if (json_is_integer(value))
        return json_integer_value(value);
    return json_is_string(value) ? (int64_t)kn_utf8_count(json_string_value(value))
                                 : (int64_t)json_array_size(value);
}

static bool check_items(struct kn_mimic_visit *visit, const json_t *list,
                        const struct kn_xapi_field *item, const char *path)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!check(visit, json_array_get(list, i), item,
                   kn_arena_printf(visit->arena, "%s[%zu]", path, i)))
            return false;
    return true;
}

static bool check_keys(struct kn_mimic_visit *visit, const json_t *object,
                       const struct kn_xapi_field *fields, const char *path)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        const struct kn_xapi_field *field = fields;
        while (field->name && strcmp(field->name, name) != 0)
            field++;
        const char *place = kn_arena_printf(visit->arena, "%s.%.60s", path, name);
        if (!field->name) {
            kn_xapi_invalid(visit, place, NULL,
                            "%.200s: is not defined in the schema and the schema does not allow "
                            "additional properties",
                            place);
            return false;
        }
        if (!check(visit, value, field, place))
            return false;
    }
    for (const struct kn_xapi_field *field = fields; field->name; field++) {
        if (!field->required || json_object_get(object, field->name))
            continue;
        const char *place = kn_arena_printf(visit->arena, "%s.%s", path, field->name);
        kn_xapi_invalid(visit, place, NULL, "%.200s: is missing but it is required", place);
        return false;
    }
    return true;
}

static bool check(struct kn_mimic_visit *visit, const json_t *value,
                  const struct kn_xapi_field *field, const char *path)
{
    const char *text = json_string_value(value);
    if (!is_type(value, field->type)) {
        kn_xapi_invalid(visit, path, text, "%.200s: has another type than documented", path);
        return false;
    }
    int64_t amount = amount_of(value);
    if ((field->least || field->most) && (amount < field->least || amount > field->most)) {
        kn_xapi_invalid(visit, path, text, "%.200s: must be from %" PRId64 " to %" PRId64, path,
                        field->least, field->most);
        return false;
    }
    if ((field->type == KN_XAPI_ID && !is_id(text)) ||
        (field->among && !is_among(text, field->among))) {
        kn_xapi_invalid(visit, path, text,
                        "%.200s: does not have a value in the enumeration or form", path);
        return false;
    }
    if (field->type == KN_XAPI_LIST)
        return check_items(visit, value, field->inner, path);
    return field->type != KN_XAPI_OBJECT || check_keys(visit, value, field->inner, path);
}

bool kn_xapi_fits(struct kn_mimic_visit *visit, const json_t *object,
                  const struct kn_xapi_field *fields)
{
    return check_keys(visit, object, fields, "$");
}

const json_t *kn_xapi_body(struct kn_mimic_visit *visit, const struct kn_xapi_field *fields)
{
    const char *type = kn_mimic_head(visit->exchange, "content-type");
    const json_t *body = kn_mimic_body(visit);
    if (!type || strncasecmp(type, "application/json", 16) != 0)
        kn_xapi_invalid(visit, NULL, NULL,
                        "Requests with bodies must have content-type of application/json.");
    else if (!body)
        kn_xapi_invalid(visit, NULL, NULL, "The body is no JSON object.");
    else if (kn_xapi_fits(visit, body, fields))
        return body;
    return NULL;
}
