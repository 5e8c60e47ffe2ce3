/*
 * The best set, chosen together.
 *
 * Weighted interval scheduling (Kleinberg and Tardos, Algorithm Design, 6.1) with a fixed number
 * of intervals: dynamic programming over the candidates by their end finds the set of `count`
 * candidates that do not overlap and whose scores add up to the most. Two that say the same are
 * kept apart by penalties: where two of the chosen are too alike, everything alike to the better
 * one loses points, and the program runs again, until nothing changes (after the idea of maximal
 * marginal relevance, Carbonell and Goldstein, SIGIR 1998). What repeats it is out altogether.
 */
#ifndef KN_ANALYZE_SELECT_H
#define KN_ANALYZE_SELECT_H

#include "analyze/candidates.h"
#include "analyze/text.h"

/*
 * Writes the indices of at most `count` candidates into ret_chosen, best score first (ties: the
 * earlier), and returns how many fit. scores[i] >= 0 belongs to candidates->list[i]. The time is
 * O(count * candidates), some times over; the same input gives the same set.
 */
int kn_select(const struct kn_text *text, const struct kn_candidates *candidates,
              const float *scores, int count, int *ret_chosen);

/* How many candidates there can be at once that do not overlap, whatever they say; at most `limit`.
 */
int kn_select_room(const struct kn_candidates *candidates, int limit);

#endif
