/* What only the sandbox takes. */
#include <stddef.h>
#include <string.h>

#include "service/settings_rows.h"

/* One more text; the list grows in the arena. */
static enum kn_status parse_texts(const struct kn_option *option, const char *value, void *field,
                                  struct kn_arena *arena, struct kn_error *err)
{
    struct kn_setting_texts *texts = field;
    if (!value[0])
        return kn_error_set(err, KN_INVALID, "--%s needs a value", option->name);
    const char **grown = kn_arena_array(arena, (size_t)texts->count + 1, sizeof *grown);
    for (int i = 0; i < texts->count; i++)
        grown[i] = texts->at[i];
    grown[texts->count] = kn_arena_strdup(arena, value);
    *texts = (struct kn_setting_texts){grown, texts->count + 1};
    return KN_OK;
}

/* ---- the rows ---- */

static const char *const dialect_names[] = {"openai", "whisper", NULL};
#define SANDBOX(f) offsetof(struct kn_settings, sandbox.f)

/* clang-format off */
const struct kn_settings_row kn_sandbox_rows[] = {
    {KN_FOR_SANDBOX, {"port", 0, KN_OPTION_INT, SANDBOX(port), "N",
                      "where to listen: the usual port, or any if it is taken; 0: any", "Server", 0, 65535,
                      .args_only = true}},
    {KN_FOR_SANDBOX, {"address", 0, KN_OPTION_TEXT, SANDBOX(address), "IP",
                      "listen here instead of on this machine alone (127.0.0.1)", "Server",
                      .args_only = true}},
    {KN_FOR_SANDBOX, {"dialect", 0, KN_OPTION_CHOICE, SANDBOX(dialect), "NAME",
                      "of OpenAI's service, or of whisper.cpp's server", "Server",
                      .choices = dialect_names, .args_only = true}},
    {KN_FOR_SANDBOX, {"key", 0, KN_OPTION_CUSTOM, SANDBOX(keys), "KEY",
                      "let in only this one (or these, given again); else any sk-…", "Server",
                      .args_only = true, .parse = parse_texts}},
    {KN_FOR_SANDBOX, {"model", 0, KN_OPTION_CUSTOM, SANDBOX(models), "NAME",
                      "know this model as well; may be given again", "Server",
                      .args_only = true, .parse = parse_texts}},
    {KN_FOR_SANDBOX, {"script", 0, KN_OPTION_TEXT, SANDBOX(script), "FILE",
                      "answers, faults and latencies, as docs/sandbox.md describes them", "Answers",
                      .args_only = true}},
    {KN_FOR_SANDBOX, {"transcript", 't', KN_OPTION_TEXT, SANDBOX(transcript), "FILE",
                      "what is said in the whole source: an .srt or a timeline's .json", "Answers",
                      .args_only = true}},
    {KN_FOR_SANDBOX, {"latency", 0, KN_OPTION_TEXT, SANDBOX(latency), "TIME",
                      "2, 500ms, 2±1 (from 1 to 3 s), exponential:2, lognormal:2±1", "Bad days",
                      .args_only = true}},
    {KN_FOR_SANDBOX, {"fault", 0, KN_OPTION_CUSTOM, SANDBOX(faults), "RULE",
                      "such as 429,first=3 or cut,path=chat,chance=0.1; may be given again",
                      "Bad days", .args_only = true, .parse = parse_texts}},
    {KN_FOR_SANDBOX, {"bandwidth", 0, KN_OPTION_TEXT, SANDBOX(bandwidth), "BITS",
                      "how fast each upload to a platform goes, in bits a second: 20M, 500k",
                      "Bad days", .args_only = true}},
    {KN_FOR_SANDBOX, {"account", 0, KN_OPTION_CUSTOM, SANDBOX(accounts), "NAME",
                      "a platform's account, instead of demo and second; may be given again",
                      "Platforms", .args_only = true, .parse = parse_texts}},
    {KN_FOR_SANDBOX, {"keep", 0, KN_OPTION_TEXT, SANDBOX(keep), "DIR",
                      "leave what is uploaded in this folder", "Platforms", .args_only = true}},
    {KN_FOR_SANDBOX, {"set", 0, KN_OPTION_CUSTOM, SANDBOX(set), "NAME=N",
                      "such as processing=60 or youtube-inserts=5; may be given again",
                      "Platforms", .args_only = true, .parse = parse_texts}},
    {KN_FOR_SANDBOX, {"rate", 0, KN_OPTION_NUMBER, SANDBOX(rate), "N",
                      "requests a minute for each model; 0 is no limit", "Bad days", 0, 1e9,
                      .args_only = true}},
    {KN_FOR_SANDBOX, {"tokens", 0, KN_OPTION_NUMBER, SANDBOX(tokens), "N",
                      "tokens a minute for each model; 0 is no limit", "Bad days", 0, 1e12,
                      .args_only = true}},
    {KN_FOR_SANDBOX, {"burst", 0, KN_OPTION_NUMBER, SANDBOX(burst), "N",
                      "requests that may come at once under --rate; 0 is a minute's", "Bad days", 0,
                      1e9, .args_only = true}},
    {KN_FOR_SANDBOX, {"at-once", 0, KN_OPTION_INT, SANDBOX(at_once), "N",
                      "work on so many requests at a time, others wait; 0: any (whisper: 1)",
                      "Bad days", 0, 100000, .args_only = true}},
    {KN_FOR_SANDBOX, {"seed", 0, KN_OPTION_INT, SANDBOX(seed), "N",
                      "another one gives other latencies, faults and answers", "Bad days", 0,
                      2147483647, .args_only = true}},
    {0}};
/* clang-format on */
