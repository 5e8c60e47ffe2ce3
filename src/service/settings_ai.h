/* What a user can set about AI engines and services, and the services that follow from it. */
#ifndef KN_SERVICE_SETTINGS_AI_H
#define KN_SERVICE_SETTINGS_AI_H

#include "ai/services.h"
#include "base/option.h"

/*
 * Of the machine that does the work, not of a job: where services are and how fast they may be
 * asked. Keys are no settings, for command lines and files are read by others: they come from the
 * environment, unless the program itself has one.
 */
struct kn_service_settings {
    const char *url;                         /* of those that have none of their own */
    const char *urls[KN_SERVICE_KIND_COUNT]; /* NULL: `url` */
    const char *key;                         /* instead of the environment's; NULL: those */
    int concurrency;                         /* requests at once, of each service */
    int requests_a_minute, tokens_a_minute;  /* 0: as the service says */
    int limit_s;                             /* of one request */
    bool cache;                              /* keep answers, and take them from there */
    double day_usd;                          /* for all jobs of this machine; 0: no bound */
    int day_tokens;
};

void kn_service_settings_defaults(struct kn_service_settings *ret_settings);

/* struct kn_engine_names: names of a family, joined by commas, or "none". */
enum kn_status kn_parse_speech_engines(const struct kn_option *option, const char *value,
                                       void *field, struct kn_arena *arena, struct kn_error *err);
enum kn_status kn_parse_vision_engines(const struct kn_option *option, const char *value,
                                       void *field, struct kn_arena *arena, struct kn_error *err);
enum kn_status kn_parse_ranking_engines(const struct kn_option *option, const char *value,
                                        void *field, struct kn_arena *arena, struct kn_error *err);
void kn_print_engines(const struct kn_option *option, const void *field, struct kn_str *out);
/* const char *: an address that begins with http:// or https://. */
enum kn_status kn_parse_url(const struct kn_option *option, const char *value, void *field,
                            struct kn_arena *arena, struct kn_error *err);
void kn_print_url(const struct kn_option *option, const void *field, struct kn_str *out);

/* The names that the options take; NULL at the end. */
extern const char *const kn_speech_engine_names[];
extern const char *const kn_vision_engine_names[];
extern const char *const kn_ranking_engine_names[];

/* settings_services.c: where a service is. */
const char *kn_service_settings_url(const struct kn_service_settings *settings,
                                    enum kn_service_kind kind);
/* With its key or those of the environment, and this user's folders. */
enum kn_status kn_service_settings_open(const struct kn_service_settings *settings,
                                        struct kn_services **ret_services, struct kn_error *err);

#endif
