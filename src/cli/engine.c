/* The door between the light program and what does the work. */
#include <locale.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/commands.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} entries[] = {
    {"run", kn_cmd_run},
    {"analyze", kn_cmd_analyze},
    {"segments", kn_cmd_segments},
    {"doctor", kn_cmd_doctor},
    {"add", kn_cmd_add},
    {"worker", kn_cmd_worker},
    {"jobs", kn_cmd_jobs},
    {"show", kn_cmd_show},
    {"watch", kn_cmd_watch},
    {"cancel", kn_cmd_cancel},
    {"retry", kn_cmd_retry},
    {"bump", kn_cmd_bump},
    {"rm", kn_cmd_rm},
    {"pause", kn_cmd_pause},
    {"resume", kn_cmd_resume},
    {"engines", kn_cmd_engines},
    {"sandbox", kn_cmd_sandbox},
    {"auth", kn_cmd_auth},
    {"accounts", kn_cmd_accounts},
    {"publish", kn_cmd_publish},
    {"posts", kn_cmd_posts},
};

/* Set once, before a command runs: --json was given, so errors are told on stdout as well. Known
 * apart from the settings, because these may be what is wrong. */
static bool for_programs;

static bool asks_for_json(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            return true;
    return false;
}

/*
 * Blocks of a picture's size go back to the system when they are freed. By itself glibc stops that
 * after the first few (its threshold follows what is freed), and the peak of each stage would stay
 * with the process until its end.
 */
static void return_large_blocks(void)
{
#ifdef __GLIBC__
    enum { LARGE_BYTES = 512 * 1024 };
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BYTES);
#endif
}

__attribute__((visibility("default"))) int kn_engine_main(const char *command, int argc,
                                                          char **argv)
{
    /* For the width of characters on the terminal; numbers stay as C writes them. */
    setlocale(LC_CTYPE, "");
    return_large_blocks();
    for_programs = asks_for_json(argc, argv);
    for (size_t i = 0; i < KN_COUNT_OF(entries); i++)
        if (strcmp(entries[i].name, command) == 0)
            return entries[i].run(argc, argv);
    return KN_EXIT_USAGE;
}

/* The last event of a command that failed; see docs/result.md. */
static void print_event(const char *path, enum kn_status status, const char *message)
{
    KN_SCOPED_JSON event =
        json_pack("{s:s, s:o, s:s, s:o}", "event", "error", "video", kn_json_text(path), "status",
                  kn_status_name(status), "message", kn_json_text(message));
    KN_SCOPED_STR text = {0};
    kn_json_add(&text, event, true);
    printf("%s\n", kn_str_text(&text));
    fflush(stdout); /* an error of it is noticed at the end */
}

static void print_sentence(const char *what, const struct kn_error *err)
{
    char shown[KN_ERROR_TEXT_BYTES + 8];
    fprintf(stderr, "%s: %s\n", what, kn_text_show(kn_error_text(err), shown, sizeof shown));
}

int kn_complain_about(const char *path, enum kn_status status, const struct kn_error *err)
{
    if (for_programs)
        print_event(path, status,
                    status == KN_CANCELLED ? kn_status_meaning(status) : kn_error_text(err));
    if (status == KN_CANCELLED)
        return KN_EXIT_INTERRUPTED;
    print_sentence("kirinuki", err);
    return KN_EXIT_FAILED;
}

int kn_complain(enum kn_status status, const struct kn_error *err)
{
    return kn_complain_about(NULL, status, err);
}

int kn_complain_usage(const char *command, const struct kn_error *err)
{
    if (for_programs)
        print_event(NULL, err->status, kn_error_text(err));
    print_sentence("kirinuki", err);
    fprintf(stderr, "(`kirinuki %s --help` explains)\n", command);
    return KN_EXIT_USAGE;
}
