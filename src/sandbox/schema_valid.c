#include "sandbox/schema.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Unions that refer to themselves could be tried for ever. */
enum { STEPS_MAX = 200000 };

struct check {
    const json_t *root;
    int steps;
};

static bool valid(struct check *check, const json_t *schema, const json_t *value, int depth,
                  struct kn_str *why);

static bool no(struct kn_str *why, const char *what)
{
    if (why && !why->length)
        kn_str_add(why, what);
    return false;
}

static bool is_type(const json_t *value, const char *type)
{
    bool whole = json_is_integer(value) ||
                 (json_is_real(value) && json_real_value(value) == floor(json_real_value(value)));
    return (strcmp(type, "string") == 0 && json_is_string(value)) ||
           (strcmp(type, "number") == 0 && json_is_number(value)) ||
           (strcmp(type, "integer") == 0 && whole) ||
           (strcmp(type, "boolean") == 0 && json_is_boolean(value)) ||
           (strcmp(type, "null") == 0 && json_is_null(value)) ||
           (strcmp(type, "object") == 0 && json_is_object(value)) ||
           (strcmp(type, "array") == 0 && json_is_array(value));
}

static bool fits_type(const json_t *schema, const json_t *value)
{
    const json_t *type = json_object_get(schema, "type"), *one;
    size_t i;
    if (json_is_string(type))
        return is_type(value, json_string_value(type));
    if (!json_is_array(type))
        return true;
    json_array_foreach(type, i, one) if (json_is_string(one) &&
                                         is_type(value, json_string_value(one))) return true;
    return false;
}

static bool fits_values(const json_t *schema, const json_t *value)
{
    const json_t *fixed = json_object_get(schema, "const");
    const json_t *list = json_object_get(schema, "enum"), *one;
    size_t i;
    if (fixed && !json_equal(fixed, value))
        return false;
    if (!json_is_array(list))
        return true;
    json_array_foreach(list, i, one) if (json_equal(one, value)) return true;
    return false;
}

static bool fits_number(const json_t *schema, double x)
{
    const json_t *min = json_object_get(schema, "minimum"),
                 *max = json_object_get(schema, "maximum"),
                 *above = json_object_get(schema, "exclusiveMinimum"),
                 *below = json_object_get(schema, "exclusiveMaximum"),
                 *step = json_object_get(schema, "multipleOf");
    double unit = json_number_value(step);
    return !(json_is_number(min) && x < json_number_value(min)) &&
           !(json_is_number(max) && x > json_number_value(max)) &&
           !(json_is_number(above) && x <= json_number_value(above)) &&
           !(json_is_number(below) && x >= json_number_value(below)) &&
           !(unit > 0 && fabs(remainder(x, unit)) > 1e-9 * fmax(1, fabs(x)));
}

/* Repetitions multiply, and so does the memory that a compiled expression takes. */
static bool is_modest(const char *pattern)
{
    enum { LENGTH_MAX = 200, TIMES_MAX = 1000 };
    long times = 1;
    for (const char *at = strchr(pattern, '{'); at && times <= TIMES_MAX;
         at = strchr(at + 1, '{')) {
        const char *comma = at + 1 + strspn(at + 1, "0123456789");
        long most = strtol(*comma == ',' ? comma + 1 : at + 1, NULL, 10);
        times *= KN_CLAMP(most, 1, TIMES_MAX + 1);
    }
    return strlen(pattern) <= LENGTH_MAX && times <= TIMES_MAX;
}

/* POSIX's extended expressions are near enough to those of schemas, but for digits. Nothing fits
 * what they cannot read. */
static bool fits_pattern(const json_t *schema, const char *text)
{
    const char *pattern = json_string_value(json_object_get(schema, "pattern"));
    KN_SCOPED_STR posix = {0};
    regex_t regex;
    if (!pattern)
        return true;
    if (!is_modest(pattern))
        return false;
    for (const char *at = pattern; *at; at++) {
        bool digit = at[0] == '\\' && at[1] == 'd';
        kn_str_add_bytes(&posix, digit ? "[0-9]" : at, digit ? 5 : 1);
        at += digit;
    }
    if (regcomp(&regex, kn_str_text(&posix), REG_EXTENDED | REG_NOSUB) != 0)
        return false;
    bool fits = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return fits;
}

static bool fits_length(const json_t *schema, const char *text)
{
    const json_t *min = json_object_get(schema, "minLength"),
                 *max = json_object_get(schema, "maxLength");
    size_t length = kn_utf8_count(text);
    return !(json_is_integer(min) && (json_int_t)length < json_integer_value(min)) &&
           !(json_is_integer(max) && (json_int_t)length > json_integer_value(max));
}

static bool fits_array(struct check *check, const json_t *schema, const json_t *value, int depth,
                       struct kn_str *why)
{
    const json_t *min = json_object_get(schema, "minItems"),
                 *max = json_object_get(schema, "maxItems"), *items, *one;
    json_int_t count = (json_int_t)json_array_size(value);
    size_t i;
    if ((json_is_integer(min) && count < json_integer_value(min)) ||
        (json_is_integer(max) && count > json_integer_value(max)))
        return no(why, "a list has too few or too many items");
    items = json_object_get(schema, "items");
    json_array_foreach(value, i,
                       one) if (items && !valid(check, items, one, depth + 1, why)) return false;
    return true;
}

static bool fits_object(struct check *check, const json_t *schema, json_t *value, int depth,
                        struct kn_str *why)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *required = json_object_get(schema, "required"), *one;
    bool closed = json_is_false(json_object_get(schema, "additionalProperties"));
    const char *key;
    json_t *part;
    size_t i;
    json_array_foreach(required, i, one) if (json_is_string(one) &&
                                             !json_object_get(value, json_string_value(one)))
    {
        if (why && !why->length)
            kn_str_printf(why, "“%.60s” is missing", json_string_value(one));
        return false;
    }
    json_object_foreach(value, key, part)
    {
        const json_t *own = json_object_get(properties, key);
        if (!own && closed) {
            if (why && !why->length)
                kn_str_printf(why, "“%.60s” is not allowed", key);
            return false;
        }
        if (own && !valid(check, own, part, depth + 1, why)) {
            if (why)
                kn_str_printf(why, " in “%.60s”", key);
            return false;
        }
    }
    return true;
}

static bool fits_any(struct check *check, const json_t *schema, const json_t *value, int depth)
{
    const json_t *any = json_object_get(schema, "anyOf"), *one;
    size_t i;
    if (!json_is_array(any))
        return true;
    json_array_foreach(any, i, one) if (valid(check, one, value, depth + 1, NULL)) return true;
    return false;
}

static bool valid(struct check *check, const json_t *schema, const json_t *value, int depth,
                  struct kn_str *why)
{
    schema = kn_schema_resolve(check->root, schema);
    if (!schema || check->steps++ > STEPS_MAX || depth > KN_SCHEMA_DEPTH_MAX)
        return no(why, "the schema goes too deep");
    if (!fits_type(schema, value))
        return no(why, "a value is of another type");
    if (!fits_values(schema, value))
        return no(why, "a value is none of those that are allowed");
    if (!fits_any(check, schema, value, depth))
        return no(why, "a value fits none of anyOf");
    if (json_is_number(value) && !fits_number(schema, json_number_value(value)))
        return no(why, "a number is out of its range");
    if (json_is_string(value) && (!fits_pattern(schema, json_string_value(value)) ||
                                  !fits_length(schema, json_string_value(value))))
        return no(why, "a text does not have the form that is wanted");
    if (json_is_array(value))
        return fits_array(check, schema, value, depth, why);
    if (json_is_object(value))
        return fits_object(check, schema, (json_t *)value, depth, why);
    return true;
}

bool kn_schema_valid(const json_t *root, const json_t *value, struct kn_str *why)
{
    struct check check = {root, 0};
    return valid(&check, root, value, 0, why);
}
