/* kirinuki accounts: those that are connected; check: whether they work; rm PLATFORM[:NAME]. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/post_view.h"
#include "cli/queue_view.h"
#include "service/accounts.h"

enum { STOP_MS = 4000 };

/* ---- the list ---- */

struct shown {
    const struct kn_account *row;
    const char *state;
    const char *remedy; /* ""; in the arena */
};

static bool has_ended(const struct kn_account *row)
{
    const struct kn_oauth *oauth = kn_oauth_find(row->platform);
    bool renews = oauth && oauth->renewal == KN_RENEW_BY_TOKEN;
    return !renews && row->expires_us <= kn_wall_us();
}

static struct shown look_at(struct kn_accounts *accounts, const struct kn_account *row,
                            struct kn_arena *arena)
{
    struct kn_error why;
    if (row->trouble[0])
        return (struct shown){row, "trouble", row->trouble};
    if (kn_accounts_can_open(accounts, row, &why) != KN_OK)
        return (struct shown){row, "locked", kn_arena_strdup(arena, kn_error_text(&why))};
    if (has_ended(row))
        return (struct shown){
            row, "expired",
            kn_arena_printf(arena, "connect it again with `kirinuki auth %s`", row->platform)};
    return (struct shown){row, "connected", ""};
}

static json_t *account_json(const struct shown *shown)
{
    const struct kn_account *row = shown->row;
    char expires[KN_TIME_TEXT_BYTES], made[KN_TIME_TEXT_BYTES];
    bool ends = row->expires_us < INT64_MAX / 8;
    return json_pack(
        "{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:s}", "platform", kn_json_text(row->platform),
        "account", kn_json_text(row->name), "state", shown->state, "token_expires",
        ends ? json_string(kn_time_iso(row->expires_us, expires)) : json_null(), "what_to_do",
        kn_json_text_or_null(shown->remedy), "remote_id", kn_json_text(row->remote_id), "sandbox",
        kn_json_text_or_null(row->service_url), "connected", kn_time_iso(row->created_us, made));
}

static void print_row(const struct shown *shown)
{
    const struct kn_account *row = shown->row;
    char name[100], expires[KN_TIME_TEXT_BYTES] = "never";
    bool ends = row->expires_us < INT64_MAX / 8;
    kn_text_show(row->name, name, sizeof name);
    int pad = KN_MAX(24 - (int)kn_utf8_count(name), 0);
    kn_say("%-10s %s%*s %-10s %-26s %s%s", row->platform, name, pad, "", shown->state,
           ends ? kn_time_local(row->expires_us, expires) : expires, shown->remedy,
           shown->remedy[0] || !row->service_url[0] ? "" : "sandbox");
}

static void print_list(const struct kn_queue_call *call, const struct shown *shown, int count)
{
    if (call->settings.json) {
        json_t *all = json_array();
        for (int i = 0; i < count; i++)
            json_array_append_new(all, account_json(&shown[i]));
        kn_print_json(all);
        return;
    }
    if (!count)
        puts("no account is connected; `kirinuki auth youtube` connects one");
    else
        printf("%-10s %-24s %-10s %-26s\n", "platform", "account", "state", "token until");
    for (int i = 0; i < count; i++)
        print_row(&shown[i]);
}

static enum kn_status list(struct kn_queue_call *call)
{
    const struct kn_account *rows;
    int count;
    enum kn_status status =
        kn_store_accounts(call->store, NULL, call->arena, &rows, &count, &call->err);
    if (status != KN_OK)
        return status;
    struct kn_accounts *accounts =
        kn_accounts_open(&(struct kn_accounts_options){.store = call->store});
    struct shown *shown = kn_arena_array(call->arena, (size_t)count + 1, sizeof *shown);
    for (int i = 0; i < count; i++)
        shown[i] = look_at(accounts, &rows[i], call->arena);
    kn_accounts_close(accounts);
    print_list(call, shown, count);
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

/* How many posts wait for the account; they would fail when they are due. */
static enum kn_status count_waiting(struct kn_queue_call *call, const char *platform,
                                    const char *name, int *ret_count)
{
    const struct kn_post_filter filter = {
        .states = 1u << KN_POST_PLANNED | 1u << KN_POST_UPLOADING | 1u << KN_POST_PROCESSING,
        .open = true,
        .platform = platform,
        .account = name,
        .limit = 10000,
    };
    const struct kn_post *posts;
    return kn_store_posts_list(call->store, &filter, call->arena, &posts, ret_count, &call->err);
}

/* A person at a terminal is asked; anybody else has to have said --yes. */
static bool is_agreed(const char *platform, const char *name, int waiting)
{
    char answer[16] = "";
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return false;
    fprintf(stderr,
            "%d post%s of %s:%s %s not done and would fail. Remove the account all the same? "
            "[y/N] ",
            waiting, waiting == 1 ? "" : "s", platform, name, waiting == 1 ? "is" : "are");
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static enum kn_status check_waiting(struct kn_queue_call *call, const char *platform,
                                    const char *name)
{
    int waiting;
    enum kn_status status = count_waiting(call, platform, name, &waiting);
    if (status != KN_OK || !waiting || call->settings.accounts.yes ||
        is_agreed(platform, name, waiting))
        return status;
    return kn_error_set(&call->err, KN_INVALID,
                        "it stays: %d post%s of it %s not done and would fail: `kirinuki posts` "
                        "lists them, `posts cancel` takes them back, and --yes removes the account "
                        "all the same",
                        waiting, waiting == 1 ? "" : "s", waiting == 1 ? "is" : "are");
}

static enum kn_status remove_one(struct kn_queue_call *call, struct kn_accounts *accounts,
                                 struct kn_cancel *cancel, const char *which)
{
    const char *platform, *name, *left = NULL;
    enum kn_status status = find_account(call, which, &platform, &name);
    if (status == KN_OK)
        status = check_waiting(call, platform, name);
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

/* ---- checking ---- */

static enum kn_status check_one(struct kn_queue_call *call, struct kn_accounts *accounts,
                                struct kn_cancel *cancel, const char *which)
{
    const char *platform, *name;
    struct kn_account row;
    enum kn_status status = find_account(call, which, &platform, &name);
    if (status == KN_OK)
        status = kn_store_account_get(call->store, platform, name, call->arena, &row, &call->err);
    if (status == KN_OK && !kn_oauth_find(platform))
        status = kn_error_set(&call->err, KN_UNSUPPORTED,
                              "this kirinuki knows no platform %.40s with accounts", platform);
    if (status == KN_OK)
        status = kn_accounts_check(accounts, &row, cancel, call->arena, &call->err);
    if (status != KN_OK)
        return status;
    if (call->settings.json)
        kn_print_json(json_pack("{s:o, s:o, s:s}", "platform", kn_json_text(platform), "account",
                                kn_json_text(name), "said", "works"));
    else
        kn_say("%s:%s works", platform, name);
    return KN_OK;
}

/* ---- each of those named ---- */

typedef enum kn_status each_fn(struct kn_queue_call *call, struct kn_accounts *accounts,
                               struct kn_cancel *cancel, const char *which);

static int for_each(struct kn_queue_call *call, struct kn_cancel *cancel, each_fn *each,
                    const char *const *which, int count)
{
    struct kn_http *http = NULL;
    int bad = 0;
    enum kn_status status = kn_http_open(&(struct kn_http_options){0}, &http, &call->err);
    if (status != KN_OK)
        return kn_complain(status, &call->err);
    struct kn_accounts *accounts =
        kn_accounts_open(&(struct kn_accounts_options){.store = call->store, .http = http});
    for (int i = 0; i < count && !kn_cancel_requested(cancel); i++) {
        status = each(call, accounts, cancel, which[i]);
        if (status == KN_OK)
            continue;
        if (status != KN_CANCELLED)
            (void)kn_error_add(&call->err, "%s", which[i]);
        (void)kn_complain(status, &call->err);
        bad++;
    }
    kn_accounts_close(accounts);
    kn_http_close(http);
    if (kn_cancel_requested(cancel))
        return KN_EXIT_INTERRUPTED;
    return !bad ? KN_EXIT_OK : bad < count ? KN_EXIT_SOME_FAILED : KN_EXIT_FAILED;
}

static int check_all(struct kn_queue_call *call, struct kn_cancel *cancel)
{
    const struct kn_account *rows;
    int count;
    enum kn_status status =
        kn_store_accounts(call->store, NULL, call->arena, &rows, &count, &call->err);
    if (status != KN_OK)
        return kn_complain(status, &call->err);
    const char **which = kn_arena_array(call->arena, (size_t)count + 1, sizeof *which);
    for (int i = 0; i < count; i++)
        which[i] = kn_arena_printf(call->arena, "%s:%s", rows[i].platform, rows[i].name);
    return for_each(call, cancel, check_one, which, count);
}

static int change(struct kn_queue_call *call, struct kn_cancel *cancel)
{
    bool removes = strcmp(call->rest[0], "rm") == 0;
    const char *const *which = (const char *const *)call->rest + 1;
    if (!removes && call->rest_count == 1)
        return check_all(call, cancel);
    return for_each(call, cancel, removes ? remove_one : check_one, which, call->rest_count - 1);
}

static enum kn_status check_usage(struct kn_queue_call *call)
{
    bool removes = call->rest_count && strcmp(call->rest[0], "rm") == 0;
    if (!call->rest_count || strcmp(call->rest[0], "check") == 0 ||
        (removes && call->rest_count > 1))
        return KN_OK;
    if (removes)
        return kn_error_set(&call->err, KN_INVALID,
                            "accounts rm needs an account: kirinuki accounts rm youtube:NAME");
    const char *const names[] = {"check", "rm", NULL};
    const char *nearest = kn_nearest_name(call->rest[0], names);
    if (nearest)
        return kn_error_set(&call->err, KN_INVALID,
                            "accounts knows no “%.60s”; did you mean: kirinuki accounts %s",
                            call->rest[0], nearest);
    return kn_error_set(&call->err, KN_INVALID,
                        "accounts takes nothing, or check or rm, not “%.60s”; `kirinuki auth "
                        "PLATFORM` connects one",
                        call->rest[0]);
}

int kn_cmd_accounts(int argc, char **argv)
{
    struct kn_queue_call call;
    struct kn_cancel *cancel = kn_interrupt_watch(); /* the store has threads */
    kn_interrupt_limit(STOP_MS, KN_EXIT_INTERRUPTED, "");
    int code = kn_queue_begin(&call, "accounts", KN_FOR_ACCOUNTS, "", argc, argv);
    if (code == KN_EXIT_OK && check_usage(&call) != KN_OK) {
        code = kn_complain_usage("accounts", &call.err);
    } else if (code == KN_EXIT_OK && call.rest_count) {
        code = change(&call, cancel);
    } else if (code == KN_EXIT_OK) {
        enum kn_status status = list(&call);
        code = status == KN_OK ? KN_EXIT_OK : kn_complain(status, &call.err);
    }
    kn_queue_end(&call);
    return code;
}
