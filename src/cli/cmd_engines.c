/* kirinuki engines: who can listen, look and rank here, and what the others lack. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ai/engine.h"
#include "ai/ranker.h"
#include "ai/vision.h"
#include "base/json.h"
#include "cli/commands.h"

struct list {
    const struct kn_settings *settings;
    const struct kn_services *services;
    json_t *json; /* NULL: for people */
    const char *kind;
};

static bool colours(void)
{
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}

static bool is_asked(const struct kn_engine_names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->at[i], name) == 0)
            return true;
    return false;
}

/* `missing` is NULL where it can be used now. */
static void add(struct list *list, const char *name, const char *summary, const char *where,
                const char *missing, bool asked)
{
    if (list->json) {
        json_array_append_new(list->json, json_pack("{s:s, s:s, s:s, s:s?, s:b, s:b, s:o}", "kind",
                                                    list->kind, "name", name, "summary", summary,
                                                    "where", where, "usable", !missing, "asked",
                                                    asked, "missing", kn_json_text(missing)));
        return;
    }
    const char *colour = !colours() ? "" : missing ? "\033[33m" : "\033[32m";
    printf("%s%s%s  %-9s %-15s %s%s\n", colour, missing ? "--" : "ok", colours() ? "\033[0m" : "",
           list->kind, name, summary, asked ? " (asked unless told otherwise)" : "");
    if (!missing && where)
        printf("                              at %s\n", where);
    if (missing)
        printf("    -> %s\n", missing);
}

static void add_service(struct list *list, enum kn_service_kind kind, const char *name,
                        const char *summary, bool asked)
{
    const char *missing = list->services->at[kind] ? NULL : list->services->why[kind].text;
    add(list, name, summary, kn_service_settings_url(&list->settings->services, kind), missing,
        asked);
}

static void add_speech(struct list *list)
{
    const struct kn_engine_desc *const *engines = kn_engines();
    const struct kn_engine_names *names = kn_ai_speech(&list->settings->job.ai);
    const struct kn_engine_settings settings = {.models = list->settings->job.models};
    list->kind = "speech";
    for (int i = 0; engines[i]; i++) {
        const struct kn_engine_desc *desc = engines[i];
        struct kn_error err;
        bool asked = is_asked(names, desc->name);
        if (desc->lane == KN_LANE_IO)
            add_service(list, KN_SERVICE_SPEECH, desc->name, desc->summary, asked);
        else if (desc->available(&settings, &err) == KN_OK)
            add(list, desc->name, desc->summary, NULL, NULL, asked);
        else
            add(list, desc->name, desc->summary, NULL, kn_error_text(&err), asked);
    }
}

static void add_all(struct list *list)
{
    const struct kn_ai_options *ai = &list->settings->job.ai;
    add_speech(list);
    list->kind = "pictures";
    for (const struct kn_vision_desc *const *at = kn_vision_engines(); *at; at++)
        add_service(list, KN_SERVICE_VISION, (*at)->name, (*at)->summary,
                    is_asked(kn_ai_vision(ai), (*at)->name));
    list->kind = "ranking";
    for (const struct kn_ranker_desc *const *at = kn_rankers(); *at; at++)
        add_service(list, KN_SERVICE_RANKING, (*at)->name, (*at)->summary,
                    is_asked(kn_ai_ranking(ai), (*at)->name));
}

static int list_engines(const struct kn_settings *settings)
{
    struct kn_error err = {0};
    struct kn_services *services = NULL;
    if (kn_service_settings_open(&settings->services, &services, &err) != KN_OK)
        return kn_complain(err.status, &err);
    struct list list = {.settings = settings, .services = services};
    if (settings->json)
        list.json = json_array();
    add_all(&list);
    if (list.json) {
        json_dumpf(list.json, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(list.json);
    }
    kn_services_close(services);
    return KN_EXIT_OK;
}

int kn_cmd_engines(int argc, char **argv)
{
    struct kn_arena *arena = kn_arena_new();
    struct kn_settings settings;
    struct kn_error err = {0};
    char **rest = kn_arena_array(arena, (size_t)argc + 1, sizeof *rest);
    int count = 0;
    enum kn_status status =
        kn_settings_read(KN_FOR_ENGINES, argc, argv, arena, &settings, rest, &count, &err);
    if (status == KN_OK && count)
        status = kn_error_set(&err, KN_INVALID, "engines takes no arguments");
    int code = status == KN_OK ? list_engines(&settings) : kn_complain_usage("engines", &err);
    kn_arena_free(arena);
    return code;
}
