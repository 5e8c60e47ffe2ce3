/* Notices when a recogniser repeats itself instead of hearing: "he is a good boy, he is a good
 * boy, he is a good boy". Such text comes with a good probability, so only its form tells. */
#ifndef KN_AI_LOOP_GUARD_H
#define KN_AI_LOOP_GUARD_H

/*
 * To be asked after every token. When the text ends with a group of 1 to 24 tokens that stands
 * there three times over, and these are at least 9 tokens, the answer is how many tokens are left
 * when one of the copies is kept; else `count`. Groups of one or two tokens take 8 tokens: "no, no,
 * no" is still a thing to say.
 */
int kn_loop_guard(const int *tokens, int count);

#endif
