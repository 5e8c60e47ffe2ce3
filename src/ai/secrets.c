#include "ai/secrets.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

enum { SECRET_LEAST = 12, SHARED_LEAST = 16 };

struct kn_secrets {
    char **keys;
    int count;
};

static bool is_known(const struct kn_secrets *secrets, const char *key)
{
    for (int i = 0; i < secrets->count; i++)
        if (strcmp(secrets->keys[i], key) == 0)
            return true;
    return false;
}

struct kn_secrets *kn_secrets_new(const char *const *keys, int count)
{
    struct kn_secrets *secrets = kn_calloc(1, sizeof *secrets);
    secrets->keys = kn_calloc((size_t)count + 1, sizeof *secrets->keys);
    for (int i = 0; i < count; i++)
        if (keys[i] && strlen(keys[i]) >= SECRET_LEAST && !is_known(secrets, keys[i]))
            secrets->keys[secrets->count++] = kn_strdup(keys[i]);
    return secrets;
}

void kn_secrets_free(struct kn_secrets *secrets)
{
    if (!secrets)
        return;
    for (int i = 0; i < secrets->count; i++) {
        explicit_bzero(secrets->keys[i], strlen(secrets->keys[i]));
        free(secrets->keys[i]);
    }
    free(secrets->keys);
    free(secrets);
}

/* ---- one text ---- */

static bool is_unseen(uint32_t c)
{
    return c < ' ' || (c >= 0x7F && c < 0xA0) || c == 0x200C || c == 0x200D || c == 0xFFFD ||
           kn_char_is_format(c);
}

/* Bytes of the characters at `at` that nobody sees. */
static size_t unseen(const char *at)
{
    size_t size = 0, n;
    uint32_t c;
    while ((n = kn_utf8_next(at + size, &c)) && is_unseen(c))
        size += n;
    return size;
}

/* How many bytes of the text repeat the key from here on; *ret_shared: how many of the key's. */
static size_t shared_with(const char *text, const char *key, size_t *ret_shared)
{
    size_t size = 0, shared = 0;
    while (text[size] && text[size] == key[shared]) {
        shared++;
        size++;
        if (key[shared])
            size += unseen(text + size);
    }
    *ret_shared = shared;
    return size;
}

bool kn_blot_out(char *text, const char *key, size_t least)
{
    size_t length = strlen(key);
    bool changed = false;
    for (char *at = text; length && *at; at++)
        for (size_t k = 0; k < length; k++) {
            size_t shared, size = shared_with(at, key + k, &shared);
            if (shared < (least < length ? least : length))
                continue;
            memset(at, '*', size);
            changed = true;
        }
    return changed;
}

/* ---- a document ---- */

/* Owned; NULL: there is nothing to blot out. */
static char *blotted(const struct kn_secrets *secrets, const char *text)
{
    bool changed = false;
    KN_SCOPED_MEM char *copy = kn_strdup(text);
    for (int i = 0; i < secrets->count; i++)
        changed = kn_blot_out(copy, secrets->keys[i], SHARED_LEAST) || changed;
    return changed ? KN_MOVE(copy) : NULL;
}

/* Nothing may be added to an object while it is walked through. */
static void blot_members(const struct kn_secrets *secrets, json_t *object)
{
    KN_SCOPED_JSON fresh = json_object();
    bool changed = false;
    const char *name;
    json_t *member;
    json_object_foreach(object, name, member)
    {
        KN_SCOPED_MEM char *other = blotted(secrets, name);
        kn_secrets_blot(secrets, member);
        json_object_set(fresh, other ? other : name, member);
        changed = changed || other;
    }
    if (!changed)
        return;
    json_object_clear(object);
    json_object_update(object, fresh);
}

void kn_secrets_blot(const struct kn_secrets *secrets, json_t *json)
{
    size_t i;
    json_t *element;
    if (!secrets || !secrets->count)
        return;
    if (json_is_string(json)) {
        KN_SCOPED_MEM char *other = blotted(secrets, json_string_value(json));
        if (other)
            json_string_set(json, other);
    } else if (json_is_object(json)) {
        blot_members(secrets, json);
    } else {
        json_array_foreach(json, i, element) kn_secrets_blot(secrets, element);
    }
}
