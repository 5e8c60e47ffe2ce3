/*
 * What an answer can take from its question: the numbers, ids and words that the prompt holds, so
 * that what is made up refers to things that there are.
 */
#ifndef KN_SANDBOX_PROMPT_FACTS_H
#define KN_SANDBOX_PROMPT_FACTS_H

#include <stdbool.h>

#include <kirinuki/arena.h>

struct kn_prompt_number {
    double value;
    bool whole; /* without a point or a colon */
    bool begins_line;
    bool clock;     /* written as 1:02:03.4; the value is in seconds */
    char label[24]; /* the word right before it, in lower case: "id" of "id: 12" */
    int words;      /* before it, of the prompt's */
    double time_s;  /* of one that begins a line: the time that follows on it; NAN: none */
};

struct kn_prompt_facts {
    const struct kn_prompt_number *numbers;
    int number_count;
    const char *const *words; /* that people would say */
    int word_count;
    const char *const *names; /* letters with digits: "frame-12", "s7" */
    int name_count;
    int images;
};

/* Reads the text, which may be anything. */
void kn_prompt_facts_read(const char *text, int images, struct kn_arena *arena,
                          struct kn_prompt_facts *ret_facts);

/*
 * Numbers that a property of this name could mean, without repetitions, sorted by size when
 * `sorted`: those labelled so; those that begin lines, for numbers of lines and the like; those
 * with fractions, for times. Whichever of these there are most of.
 */
int kn_prompt_numbers_for(const struct kn_prompt_facts *facts, const char *property, bool whole,
                          bool sorted, struct kn_arena *arena, const double **ret_values);

/* The number of the last line that begins within so many seconds of the line `first`. False: lines
 * do not tell their times. */
bool kn_prompt_line_within(const struct kn_prompt_facts *facts, double first, double span_s,
                           double *ret_last);

/* The first of the prompt's words behind the line or time of that number; -1: there is none. */
int kn_prompt_words_at(const struct kn_prompt_facts *facts, double number);

/* What a property's name makes one think of. */
bool kn_name_is_start(const char *property);
bool kn_name_is_end(const char *property);
bool kn_name_is_time(const char *property);
bool kn_name_is_id(const char *property);
/* Is the word one of the parts of the name, which are joined by '_' or written inCamelCase? */
bool kn_name_has(const char *property, const char *word);

#endif
