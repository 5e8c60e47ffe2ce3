#include "sandbox/platforms/platforms_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/sync.h"
#include "sandbox/visit.h"

static const struct kn_mimic *const mimics[KN_MIMIC_COUNT] = {
    [KN_MIMIC_YOUTUBE] = &kn_mimic_youtube,
    [KN_MIMIC_TIKTOK] = &kn_mimic_tiktok,
    [KN_MIMIC_INSTAGRAM] = &kn_mimic_instagram,
    [KN_MIMIC_X] = &kn_mimic_x,
};

static const char *const names[KN_MIMIC_COUNT] = {
    [KN_MIMIC_YOUTUBE] = "youtube",
    [KN_MIMIC_TIKTOK] = "tiktok",
    [KN_MIMIC_INSTAGRAM] = "instagram",
    [KN_MIMIC_X] = "x",
};

static const struct {
    const char *name;
    double normal, most;
} settings[KN_MIMIC_SETTING_COUNT] = {
#define ROW(name, text, normal, most, meaning) [KN_MIMIC_##name] = {text, normal, most},
    KN_MIMIC_SETTING_TABLE(ROW)
#undef ROW
};

const struct kn_mimic *kn_mimic_at(enum kn_mimic_id id)
{
    return mimics[id];
}

const char *kn_mimic_name(enum kn_mimic_id id)
{
    return names[id];
}

const char *kn_mimic_setting_name(enum kn_mimic_setting setting)
{
    return settings[setting].name;
}

/* ---- settings and the clock ---- */

int64_t kn_mimics_now_us(const struct kn_mimics *m)
{
    return kn_wall_us() + m->offset_us;
}

enum kn_status kn_mimics_set_number(struct kn_mimics *m, const char *name, double value,
                                    struct kn_error *err)
{
    KN_SCOPED_STR known = {0};
    for (int i = 0; i < KN_MIMIC_SETTING_COUNT; i++) {
        if (strcmp(settings[i].name, name) != 0) {
            kn_str_printf(&known, "%s%s", i ? ", " : "", settings[i].name);
            continue;
        }
        if (!(value >= 0 && value <= settings[i].most))
            return kn_error_set(err, KN_INVALID, "%s takes a number from 0 to %.15g", name,
                                settings[i].most);
        m->settings[i] = value;
        return KN_OK;
    }
    return kn_error_set(err, KN_INVALID, "there is no setting “%.40s”; there are %s", name,
                        kn_str_text(&known));
}

enum kn_status kn_mimics_set(struct kn_mimics *m, const char *text, struct kn_error *err)
{
    char name[64];
    size_t length = strcspn(text, "=");
    double value;
    if (!text[length] || length >= sizeof name ||
        !kn_parse_double(text + length + 1, 0, 1e15, &value))
        return kn_error_set(err, KN_INVALID,
                            "a setting is NAME=NUMBER, as youtube-inserts=5, not “%.60s”", text);
    memcpy(name, text, length);
    name[length] = '\0';
    return kn_mimics_set_number(m, name, value, err);
}

enum kn_status kn_sandbox_bandwidth_parse(const char *text, double *ret_bandwidth,
                                          struct kn_error *err)
{
    static const char letters[] = "kMG";
    char number[32];
    size_t length = strlen(text);
    double scale = 1, value;
    const char *letter = length ? strchr(letters, text[length - 1]) : NULL;
    if (letter) {
        length--;
        for (const char *at = letters; at <= letter; at++)
            scale *= 1000;
    }
    snprintf(number, sizeof number, "%.*s", (int)KN_MIN(length, sizeof number - 1), text);
    if (length >= sizeof number || !kn_parse_double(number, 1 / scale, 1e12 / scale, &value))
        return kn_error_set(err, KN_INVALID,
                            "a bandwidth is bits a second as 20M, 500k or 9600, not “%.40s”", text);
    *ret_bandwidth = value * scale;
    return KN_OK;
}

void kn_mimics_tick(struct kn_mimics *m)
{
    int64_t now_us = kn_mimics_now_us(m);
    for (int i = 0; i < KN_MIMIC_COUNT; i++)
        if (mimics[i]->tick)
            mimics[i]->tick(m, m->states[i], now_us);
}

/* ---- ids, accounts, memory ---- */

json_t *kn_mimics_keep(struct kn_mimics *m, json_t *json)
{
    kn_vec_push(&m->jsons, json);
    return json;
}

char *kn_mimics_make_id(struct kn_mimics *m, const char *alphabet, int length)
{
    struct kn_chance chance =
        kn_chance_of(m->sandbox->options.seed, (uint64_t)++m->issued, 0, "id");
    char *id = kn_arena_alloc(m->arena, (size_t)length + 1);
    int letters = (int)strlen(alphabet);
    for (int i = 0; i < length; i++) {
        /* Numbers do not begin with 0. */
        bool first_digit = i == 0 && strcmp(alphabet, KN_MIMIC_DIGITS) == 0;
        id[i] = first_digit ? alphabet[1 + kn_chance_below(&chance, letters - 1)]
                            : alphabet[kn_chance_below(&chance, letters)];
    }
    return id;
}

int kn_mimics_account(const struct kn_mimics *m, const char *name)
{
    for (int i = 0; i < m->account_count; i++)
        if (strcmp(m->accounts[i], name) == 0)
            return i;
    return -1;
}

const char *kn_mimic_account_id(enum kn_mimic_id mimic, int account, char text[KN_MIMIC_ID_BYTES])
{
    switch (mimic) {
    case KN_MIMIC_YOUTUBE:
        snprintf(text, KN_MIMIC_ID_BYTES, "UCsandboxchannel%08d", account);
        break;
    case KN_MIMIC_TIKTOK:
        snprintf(text, KN_MIMIC_ID_BYTES, "5a4db0c5-0000-4000-8000-%012d", account);
        break;
    case KN_MIMIC_INSTAGRAM:
        snprintf(text, KN_MIMIC_ID_BYTES, "178414%011d", account);
        break;
    default:
        snprintf(text, KN_MIMIC_ID_BYTES, "17%017d", account);
        break;
    }
    return text;
}

bool kn_account_name_fits(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= 24 &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == length;
}

/* ---- life ---- */

static enum kn_status take_options(struct kn_mimics *m, struct kn_error *err)
{
    static const char *const usual[] = {"demo", "second"};
    const struct kn_sandbox_options *options = &m->sandbox->options;
    bool given = options->account_count > 0;
    int count = given ? options->account_count : (int)KN_COUNT_OF(usual);
    if (count > KN_MIMIC_ACCOUNTS_MAX)
        return kn_error_set(err, KN_INVALID, "the sandbox has at most %d accounts a platform",
                            KN_MIMIC_ACCOUNTS_MAX);
    for (int i = 0; i < count; i++) {
        const char *name = given ? options->accounts[i] : usual[i];
        if (!kn_account_name_fits(name) || kn_mimics_account(m, name) >= 0)
            return kn_error_set(err, KN_INVALID,
                                "an account's name is 1 to 24 small letters and digits, each name "
                                "once, not “%.40s”",
                                name);
        m->accounts[m->account_count++] = kn_arena_strdup(m->arena, name);
    }
    for (int i = 0; i < KN_MIMIC_SETTING_COUNT; i++)
        m->settings[i] = settings[i].normal;
    for (int i = 0; i < options->setting_count; i++)
        if (kn_mimics_set(m, options->settings[i], err) != KN_OK)
            return KN_INVALID;
    memcpy(m->settings_first, m->settings, sizeof m->settings);
    return KN_OK;
}

enum kn_status kn_mimics_open(struct kn_sandbox *sandbox, struct kn_mimics **ret_mimics,
                              struct kn_error *err)
{
    struct kn_mimics *m = kn_calloc(1, sizeof *m);
    m->sandbox = sandbox;
    m->arena = kn_arena_new();
    pthread_mutex_init(&m->lock, NULL);
    for (int i = 0; i < KN_MIMIC_COUNT; i++)
        m->states[i] = kn_arena_alloc(m->arena, mimics[i]->state_size + 1);
    enum kn_status status = take_options(m, err);
    if (status == KN_OK)
        status = kn_spool_open(&m->spool, sandbox->options.keep, err);
    if (status != KN_OK) {
        kn_mimics_close(m);
        return status;
    }
    *ret_mimics = m;
    return KN_OK;
}

static void forget(struct kn_mimics *m)
{
    for (int i = 0; i < KN_MIMIC_COUNT; i++) {
        if (mimics[i]->reset)
            mimics[i]->reset(m, m->states[i]);
        memset(m->states[i], 0, mimics[i]->state_size);
    }
    m->posts.count = 0;
    for (int i = 0; i < m->spool.uploads.count; i++)
        kn_upload_discard(m->spool.uploads.at[i]);
}

void kn_mimics_reset(struct kn_mimics *m, bool keeps_tokens)
{
    KN_LOCKED(&m->lock);
    forget(m);
    m->offset_us = 0;
    memcpy(m->settings, m->settings_first, sizeof m->settings);
    if (!keeps_tokens) {
        m->grants.codes.count = 0;
        m->grants.tokens.count = 0;
    }
}

void kn_mimics_close(struct kn_mimics *m)
{
    if (!m)
        return;
    for (int i = 0; i < KN_MIMIC_COUNT; i++)
        if (mimics[i]->reset)
            mimics[i]->reset(m, m->states[i]);
    kn_spool_close(&m->spool);
    for (int i = 0; i < m->jsons.count; i++)
        json_decref(m->jsons.at[i]);
    kn_vec_free(&m->jsons);
    kn_vec_free(&m->posts);
    kn_vec_free(&m->grants.codes);
    kn_vec_free(&m->grants.tokens);
    pthread_mutex_destroy(&m->lock);
    kn_arena_free(m->arena);
    free(m);
}
