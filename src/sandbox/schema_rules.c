#include "sandbox/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum {
    PROPERTIES_MAX = 5000,
    LEVELS_MAX = 10,
    ENUM_VALUES_MAX = 1000,
    CHARACTERS_MAX = 120000,
};

struct walk {
    const json_t *root;
    const char *name;
    struct kn_rejection *rejection;
    int properties, enum_values;
    size_t characters;
    struct kn_str context; /* "'properties', 'title'" */
};

/* Everything else is refused: allOf, not, if, dependent…, minLength, default, uniqueItems. */
static const char *const keywords[] = {
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "description",
    "title",
    "$ref",
    "$defs",
    "definitions",
    "pattern",
    "format",
    "minimum",
    "maximum",
    "multipleOf",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "$schema",
};
static const char *const types[] = {"string", "number", "integer", "boolean",
                                    "null",   "object", "array"};

static bool is_in(const char *word, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

static bool wrong(struct walk *walk, const char *what)
{
    return kn_reject(walk->rejection, "response_format", "invalid_json_schema",
                     "Invalid schema for response_format '%.64s': In context=(%.120s), %s",
                     walk->name, kn_str_text(&walk->context), what);
}

static bool has_type(const json_t *schema, const char *name)
{
    const json_t *type = json_object_get(schema, "type"), *one;
    size_t i;
    if (json_is_string(type))
        return strcmp(json_string_value(type), name) == 0;
    json_array_foreach(type, i, one) if (json_is_string(one) &&
                                         strcmp(json_string_value(one), name) == 0) return true;
    return false;
}

static bool check_schema(struct walk *walk, const json_t *schema, int level);

/* Goes one step down; the context is as it was afterwards. */
static bool descend(struct walk *walk, const json_t *schema, const char *what, const char *key,
                    int level)
{
    size_t before = walk->context.length;
    kn_str_printf(&walk->context, "%s'%s'", before ? ", " : "", what);
    if (key)
        kn_str_printf(&walk->context, ", '%.40s'", key);
    bool fine = check_schema(walk, schema, level);
    walk->context.length = before;
    if (walk->context.at)
        walk->context.at[before] = '\0';
    return fine;
}

static bool check_keywords(struct walk *walk, json_t *schema)
{
    const char *key;
    json_t *value;
    json_object_foreach(schema, key, value)
    {
        char what[96];
        snprintf(what, sizeof what, "'%.60s' is not permitted.", key);
        if (!is_in(key, keywords, KN_COUNT_OF(keywords)))
            return wrong(walk, what);
    }
    return true;
}

static bool check_type(struct walk *walk, const json_t *schema)
{
    const json_t *type = json_object_get(schema, "type"), *one;
    size_t i;
    bool otherwise = json_object_get(schema, "anyOf") || json_object_get(schema, "$ref") ||
                     json_object_get(schema, "enum") || json_object_get(schema, "const");
    if (!type)
        return otherwise || wrong(walk, "schema must have a 'type' key.");
    if (json_is_string(type))
        return is_in(json_string_value(type), types, KN_COUNT_OF(types)) ||
               wrong(walk, "there is no such type.");
    if (!json_is_array(type) || json_array_size(type) == 0)
        return wrong(walk, "'type' is a name or a list of names.");
    json_array_foreach(
        type, i, one) if (!json_is_string(one) ||
                          !is_in(json_string_value(one), types,
                                 KN_COUNT_OF(types))) return wrong(walk, "there is no such type.");
    return true;
}

static bool check_required(struct walk *walk, const json_t *schema, json_t *properties)
{
    const json_t *required = json_object_get(schema, "required"), *one;
    const char *key;
    json_t *value;
    size_t i;
    char what[160];
    if (!json_is_array(required))
        return wrong(walk, "'required' is required to be supplied and to be an array including "
                           "every key in properties.");
    json_object_foreach(properties, key, value)
    {
        bool there = false;
        json_array_foreach(required, i, one) there |=
            json_is_string(one) && strcmp(json_string_value(one), key) == 0;
        snprintf(what, sizeof what, "'required' lacks '%.60s': every property has to be in it.",
                 key);
        if (!there)
            return wrong(walk, what);
    }
    json_array_foreach(
        required, i,
        one) if (!json_is_string(one) ||
                 !json_object_get(
                     properties,
                     json_string_value(one))) return wrong(walk,
                                                           "'required' names what is no property.");
    return true;
}

static bool check_object(struct walk *walk, const json_t *schema, int level)
{
    json_t *properties = json_object_get(schema, "properties"), *value;
    const char *key;
    if (level >= LEVELS_MAX)
        return wrong(walk, "there are more than 10 levels.");
    if (!json_is_false(json_object_get(schema, "additionalProperties")))
        return wrong(walk, "'additionalProperties' is required to be supplied and to be false.");
    if (!json_is_object(properties))
        return wrong(walk, "'properties' has to be an object.");
    walk->properties += (int)json_object_size(properties);
    if (!check_required(walk, schema, properties))
        return false;
    json_object_foreach(properties, key, value)
    {
        walk->characters += strlen(key);
        if (!descend(walk, value, "properties", key, level + 1))
            return false;
    }
    return true;
}

static bool check_enum(struct walk *walk, const json_t *schema)
{
    const json_t *list = json_object_get(schema, "enum"), *one;
    size_t i;
    if (!list)
        return true;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return wrong(walk, "'enum' has to be a list of values.");
    walk->enum_values += (int)json_array_size(list);
    json_array_foreach(list, i, one) walk->characters += json_string_length(one);
    return true;
}

static bool check_lists(struct walk *walk, const json_t *schema, int level)
{
    const json_t *any = json_object_get(schema, "anyOf"), *one;
    const json_t *items = json_object_get(schema, "items");
    size_t i;
    if (has_type(schema, "array") && !json_is_object(items))
        return wrong(walk, "array schema missing items.");
    if (items && !descend(walk, items, "items", NULL, level + 1))
        return false;
    if (any && (!json_is_array(any) || json_array_size(any) == 0))
        return wrong(walk, "'anyOf' has to be a list of schemas.");
    json_array_foreach(any, i, one)
    {
        char number[24];
        snprintf(number, sizeof number, "%zu", i);
        if (!descend(walk, one, "anyOf", number, level))
            return false;
    }
    return true;
}

static bool check_definitions(struct walk *walk, const json_t *schema)
{
    static const char *const names[] = {"$defs", "definitions"};
    for (size_t n = 0; n < KN_COUNT_OF(names); n++) {
        json_t *list = json_object_get(schema, names[n]), *value;
        const char *key;
        if (list && !json_is_object(list))
            return wrong(walk, "definitions have to be an object.");
        json_object_foreach(list, key, value)
        {
            walk->characters += strlen(key);
            if (!descend(walk, value, names[n], key, 0))
                return false;
        }
    }
    return true;
}

static bool check_counts(struct walk *walk)
{
    if (walk->properties > PROPERTIES_MAX)
        return wrong(walk, "there are more than 5000 properties.");
    if (walk->enum_values > ENUM_VALUES_MAX)
        return wrong(walk, "there are more than 1000 values of enums.");
    if (walk->characters > CHARACTERS_MAX)
        return wrong(walk, "names and enums have more than 120000 characters.");
    return true;
}

static bool check_schema(struct walk *walk, const json_t *schema, int level)
{
    if (!json_is_object(schema))
        return wrong(walk, "a schema has to be an object.");
    if (level > LEVELS_MAX)
        return wrong(walk, "there are more than 10 levels.");
    if (!check_keywords(walk, (json_t *)schema) || !check_type(walk, schema))
        return false;
    if (json_object_get(schema, "$ref") && !kn_schema_resolve(walk->root, schema))
        return wrong(walk, "'$ref' points nowhere.");
    if (has_type(schema, "object") && !check_object(walk, schema, level))
        return false;
    return check_enum(walk, schema) && check_lists(walk, schema, level) &&
           check_definitions(walk, schema) && check_counts(walk);
}

bool kn_schema_check_strict(const json_t *schema, const char *name, struct kn_rejection *rejection)
{
    struct walk walk = {.root = schema, .name = name, .rejection = rejection};
    const json_t *type = json_object_get(schema, "type");
    bool object = json_is_string(type) && strcmp(json_string_value(type), "object") == 0;
    bool fine;
    if (json_object_get(schema, "anyOf"))
        fine = wrong(&walk, "the root may not be anyOf.");
    else if (!object)
        fine = wrong(&walk, "schema must be of type \"object\".");
    else
        fine = check_schema(&walk, schema, 0);
    kn_str_free(&walk.context);
    return fine;
}

const json_t *kn_schema_resolve(const json_t *root, const json_t *schema)
{
    for (int i = 0; i < KN_SCHEMA_DEPTH_MAX && schema; i++) {
        const char *at = json_string_value(json_object_get(schema, "$ref"));
        if (!at)
            return schema;
        if (*at++ != '#')
            return NULL;
        schema = root;
        while (*at == '/' && schema) {
            char key[128];
            size_t length = strcspn(++at, "/");
            if (length >= sizeof key)
                return NULL;
            memcpy(key, at, length);
            key[length] = '\0';
            schema = json_object_get(schema, key);
            at += length;
        }
        if (*at)
            return NULL;
    }
    return NULL; /* round and round */
}
