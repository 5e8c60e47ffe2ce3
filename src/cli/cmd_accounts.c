/* kirinuki accounts: those that are connected; kirinuki accounts rm PLATFORM[:NAME]. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/queue_view.h"
#include "service/accounts.h"

/* ---- the list ---- */

static bool has_ended(const struct kn_account *row)
{
    const struct kn_oauth *oauth = kn_oauth_find(row->platform);
    bool renews = oauth && oauth->renewal == KN_RENEW_BY_TOKEN;
    return !renews && row->expires_us <= kn_wall_us();
}

static const char *state_of(const struct kn_account *row)
{
    return row->trouble[0] ? "trouble" : has_ended(row) ? "expired" : "connected";
}

static const char *remedy_of(const struct kn_account *row, struct kn_arena *arena)
{
    if (row->trouble[0])
        return row->trouble;
    if (has_ended(row))
        return kn_arena_printf(arena, "connect it again with `kirinuki auth %s`", row->platform);
    return "";
}

static json_t *account_json(const struct kn_account *row, struct kn_arena *arena)
{
    char expires[KN_TIME_TEXT_BYTES], made[KN_TIME_TEXT_BYTES];
    bool ends = row->expires_us < INT64_MAX / 8;
    const char *remedy = remedy_of(row, arena);
    return json_pack(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:s}", "platform", kn_json_text(row->platform),
        "account", kn_json_text(row->name), "state", state_of(row), "token_expires",
        ends ? json_string(kn_time_iso(row->expires_us, expires)) : json_null(), "what_to_do",
        remedy[0] ? kn_json_text(remedy) : json_null(), "remote_id", kn_json_text(row->remote_id),
        "sandbox", row->service_url[0] ? kn_json_text(row->service_url) : json_null(), "connected",
        kn_time_iso(row->created_us, made));
}

static void print_row(const struct kn_account *row, struct kn_arena *arena)
{
    char name[100], expires[KN_TIME_TEXT_BYTES] = "never";
    bool ends = row->expires_us < INT64_MAX / 8;
    kn_text_show(row->name, name, sizeof name);
    int pad = KN_MAX(24 - (int)kn_utf8_count(name), 0);
    const char *remedy = remedy_of(row, arena);
    kn_say("%-10s %s%*s %-10s %-26s %s%s", row->platform, name, pad, "", state_of(row),
           ends ? kn_time_local(row->expires_us, expires) : expires, remedy,
           remedy[0] || !row->service_url[0] ? "" : "sandbox");
}

static enum kn_status list(struct kn_queue_call *call)
{
    const struct kn_account *rows;
    int count;
    enum kn_status status =
        kn_store_accounts(call->store, NULL, call->arena, &rows, &count, &call->err);
    if (status != KN_OK)
        return status;
    if (call->settings.json) {
        json_t *all = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(all, account_json(&rows[i], call->arena));
        kn_print_json(all);
        return KN_OK;
    }
    if (!count)
        puts("no account is connected; `kirinuki auth youtube` connects one");
    else
        printf("%-10s %-24s %-10s %-26s\n", "platform", "account", "state", "token until");
    for (int i = 0; i < count; i++)
        print_row(&rows[i], call->arena);
    return KN_OK;
}

/* ---- removing ---- */

/* "youtube:Name", or "youtube" where it has one account only. */
static enum kn_status find_account(struct kn_queue_call *call, const char *which,
                                   const char **ret_platform, const char **ret_name)
{
    const char *colon = strchr(which, ':');
    const struct kn_account *rows;
    int count;
    *ret_platform = colon ? kn_arena_strndup(call->arena, which, (size_t)(colon - which)) : which;
    *ret_name = colon ? colon + 1 : NULL;
    if (*ret_name)
        return KN_OK;
    enum kn_status status =
        kn_store_accounts(call->store, *ret_platform, call->arena, &rows, &count, &call->err);
    if (status != KN_OK)
        return status;
    if (!count)
        return kn_error_set(&call->err, KN_NOT_FOUND,
                            "no account of %.40s is connected; `kirinuki accounts` lists those "
                            "that are",
                            which);
    if (count > 1)
        return kn_error_set(&call->err, KN_INVALID,
                            "%s has %d accounts: say which, as in `kirinuki accounts rm %s:%s`",
                            which, count, which, rows[0].name);
    *ret_name = rows[0].name;
    return KN_OK;
}

static enum kn_status remove_one(struct kn_queue_call *call, struct kn_accounts *accounts,
                                 struct kn_cancel *cancel, const char *which)
{
    const char *platform, *name, *left = NULL;
    enum kn_status status = find_account(call, which, &platform, &name);
    if (status == KN_OK)
        status =
            kn_accounts_remove(accounts, platform, name, cancel, call->arena, &left, &call->err);
    if (status != KN_OK)
        return status;
    if (call->settings.json)
        kn_print_json(json_pack("{s:o, s:o, s:s, s:b, s:o}", "platform", kn_json_text(platform),
                                "account", kn_json_text(name), "said", "removed", "revoked", !left,
                                "note", left ? kn_json_text(left) : json_null()));
    else
        kn_say("%s:%s is removed%s", platform, name,
               left ? "" : ", and its connection ended at the platform");
    if (left && !call->settings.json) {
        char shown[KN_ERROR_TEXT_BYTES + 8];
        fprintf(stderr, "kirinuki: its connection may still be there: %s\n",
                kn_text_show(left, shown, sizeof shown));
    }
    return KN_OK;
}

static int remove_all(struct kn_queue_call *call, struct kn_cancel *cancel)
{
    struct kn_http *http = NULL;
    int bad = 0, asked = call->rest_count - 1;
    enum kn_status status = kn_http_open(&(struct kn_http_options){0}, &http, &call->err);
    if (status != KN_OK)
        return kn_complain(status, &call->err);
    struct kn_accounts *accounts =
        kn_accounts_open(&(struct kn_accounts_options){.store = call->store, .http = http});
    for (int i = 1; i <= asked; i++) {
        status = remove_one(call, accounts, cancel, call->rest[i]);
        if (status == KN_OK)
            continue;
        (void)kn_complain(status, &call->err);
        bad++;
        if (status == KN_CANCELLED)
            break;
    }
    kn_accounts_close(accounts);
    kn_http_close(http);
    if (status == KN_CANCELLED)
        return KN_EXIT_INTERRUPTED;
    return !bad ? KN_EXIT_OK : bad < asked ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

static enum kn_status check(struct kn_queue_call *call)
{
    if (!call->rest_count || (strcmp(call->rest[0], "rm") == 0 && call->rest_count > 1))
        return KN_OK;
    if (strcmp(call->rest[0], "rm") == 0)
        return kn_error_set(&call->err, KN_INVALID,
                            "accounts rm needs an account: kirinuki accounts rm youtube:NAME");
    return kn_error_set(&call->err, KN_INVALID,
                        "accounts takes nothing, or rm and an account, not “%.60s”; `kirinuki auth "
                        "PLATFORM` connects one",
                        call->rest[0]);
}

int kn_cmd_accounts(int argc, char **argv)
{
    struct kn_queue_call call;
    struct kn_cancel *cancel = kn_interrupt_watch(); /* the store has threads */
    int code = kn_queue_begin(&call, "accounts", KN_FOR_ACCOUNTS, "", argc, argv);
    if (code == KN_EXIT_OK && check(&call) != KN_OK) {
        code = kn_complain_usage("accounts", &call.err);
    } else if (code == KN_EXIT_OK && call.rest_count) {
        code = remove_all(&call, cancel);
    } else if (code == KN_EXIT_OK) {
        enum kn_status status = list(&call);
        code = status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call.err);
    }
    kn_queue_end(&call);
    return code;
}
