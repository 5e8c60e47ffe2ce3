#include "ai/schema.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"

/* Where in the value: "segments[2].score". Names come from outside and are cut. */
enum { PLACE_BYTES = 160, NAME_BYTES = 48, DEPTH_MAX = 16 };

static enum kn_status check(const json_t *schema, const json_t *value, const char *place, int depth,
                            struct kn_error *err);

static const char *name_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "object";
    case JSON_ARRAY:
        return "array";
    case JSON_STRING:
        return "string";
    case JSON_INTEGER:
    case JSON_REAL:
        return "number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "boolean";
    default:
        return "null";
    }
}

static const char *article(const char *type)
{
    return strcmp(type, "null") == 0 ? "" : strchr("aio", type[0]) ? "an " : "a ";
}

static bool is_whole(const json_t *value)
{
    return json_is_integer(value) ||
           (json_is_real(value) && floor(json_real_value(value)) == json_real_value(value));
}

static bool is_of_type(const json_t *value, const char *type)
{
    if (strcmp(type, "integer") == 0)
        return is_whole(value); /* 3.0 is one, as JSON has but one kind of number */
    return strcmp(name_of(value), type) == 0;
}

/* `type` of a schema: a name or a list of names; NULL: any. */
static bool fits_type(const json_t *value, const json_t *type)
{
    if (json_is_string(type))
        return is_of_type(value, json_string_value(type));
    size_t i;
    const json_t *one;
    json_array_foreach(type, i, one) if (json_is_string(one) &&
                                         is_of_type(value, json_string_value(one))) return true;
    return !type;
}

static enum kn_status wrong_type(const json_t *value, const json_t *type, const char *place,
                                 struct kn_error *err)
{
    const char *is = name_of(value);
    const char *wanted = json_string_value(json_is_array(type) ? json_array_get(type, 0) : type);
    if (!wanted)
        wanted = "value of another type";
    return kn_error_set(err, KN_DAMAGED, "%s is %s%s; it has to be %s%s%s", place, article(is), is,
                        article(wanted), wanted, json_array_size(type) > 1 ? " or null" : "");
}

static enum kn_status check_enum(const json_t *choices, const json_t *value, const char *place,
                                 struct kn_error *err)
{
    size_t i;
    const json_t *choice;
    json_array_foreach(choices, i, choice) if (json_equal(choice, value)) return KN_OK;
    return kn_error_set(err, KN_DAMAGED, "%s is none of the values that are allowed", place);
}

static void go_down(char *deeper, const char *place, const char *name)
{
    char shown[NAME_BYTES];
    const char *parent = strcmp(place, "the answer") == 0 ? "" : place;
    snprintf(deeper, PLACE_BYTES, "%s%s%s", parent, parent[0] ? "." : "",
             kn_text_show(name, shown, sizeof shown));
}

static enum kn_status check_object(const json_t *schema, const json_t *value, const char *place,
                                   int depth, struct kn_error *err)
{
    json_t *properties = json_object_get(schema, "properties");
    char deeper[PLACE_BYTES];
    size_t i;
    const json_t *name;
    json_array_foreach(json_object_get(schema, "required"), i, name)
    {
        const char *wanted = json_string_value(name);
        if (wanted && !json_object_get(value, wanted))
            return kn_error_set(err, KN_DAMAGED, "%s has no field \"%s\"", place, wanted);
    }
    bool closed = json_is_false(json_object_get(schema, "additionalProperties"));
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        const json_t *property = json_object_get(properties, key);
        go_down(deeper, place, key);
        if (!property && closed)
            return kn_error_set(err, KN_DAMAGED, "%s is a field that was not asked for", deeper);
        if (property && check(property, member, deeper, depth + 1, err) != KN_OK)
            return KN_DAMAGED;
    }
    return KN_OK;
}

static enum kn_status check_array(const json_t *schema, const json_t *value, const char *place,
                                  int depth, struct kn_error *err)
{
    const json_t *items = json_object_get(schema, "items");
    char deeper[PLACE_BYTES];
    size_t i;
    const json_t *item;
    json_array_foreach(value, i, item)
    {
        snprintf(deeper, sizeof deeper, "%s[%zu]", place, i);
        if (items && check(items, item, deeper, depth + 1, err) != KN_OK)
            return KN_DAMAGED;
    }
    return KN_OK;
}

/* `place` names a value of `schema`; the depth is that of the schema, which is ours. */
static enum kn_status check(const json_t *schema, const json_t *value, const char *place, int depth,
                            struct kn_error *err)
{
    if (depth > DEPTH_MAX)
        return kn_error_set(err, KN_DAMAGED, "%s is nested too deeply", place);
    const json_t *type = json_object_get(schema, "type");
    if (!fits_type(value, type))
        return wrong_type(value, type, place, err);
    const json_t *choices = json_object_get(schema, "enum");
    if (choices && check_enum(choices, value, place, err) != KN_OK)
        return KN_DAMAGED;
    if (json_is_object(value))
        return check_object(schema, value, place, depth, err);
    if (json_is_array(value))
        return check_array(schema, value, place, depth, err);
    return KN_OK;
}

enum kn_status kn_schema_check(const json_t *schema, const json_t *value, struct kn_error *err)
{
    return check(schema, value, "the answer", 0, err);
}
