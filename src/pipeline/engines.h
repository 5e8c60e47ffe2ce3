/*
 * Which engines a job asks, in words that the command line, the configuration and a stored job
 * share.
 */
#ifndef KN_PIPELINE_ENGINES_H
#define KN_PIPELINE_ENGINES_H

#include <stdbool.h>

/* By name, the preferred one first: when one can't, the next takes what is left. */
enum { KN_ENGINES_MAX = 4 };
struct kn_engine_names {
    bool given; /* false: what is usual */
    int count;  /* 0: none */
    const char *at[KN_ENGINES_MAX];
};

enum kn_detail { KN_DETAIL_LOW, KN_DETAIL_HIGH, KN_DETAIL_AUTO, KN_DETAIL_COUNT };
extern const char *const kn_detail_names[]; /* "low"; NULL at the end */

struct kn_ai_options {
    bool services; /* what is not given asks services, with local engines behind them */
    struct kn_engine_names speech, vision, ranking;
    const char *speech_model, *vision_model, *ranking_model; /* of services */
    int frames;        /* that the vision engine is shown at most */
    int detail;        /* enum kn_detail */
    double budget_usd; /* for the whole job; 0: no bound */
    int budget_tokens;
};

void kn_ai_defaults(struct kn_ai_options *ret_options);

/* Does the recogniser here listen alone? */
bool kn_ai_speech_is_usual(const struct kn_ai_options *options);
/* Is any service asked? */
bool kn_ai_asks(const struct kn_ai_options *options);

/* Those in force. */
const struct kn_engine_names *kn_ai_speech(const struct kn_ai_options *options);
const struct kn_engine_names *kn_ai_vision(const struct kn_ai_options *options);
const struct kn_engine_names *kn_ai_ranking(const struct kn_ai_options *options);

#endif
