/*
 * What the databases themselves allow: claim 50, acknowledge them in the next statement, durable,
 * in order of priority. No leases, no attempts, no events, no owners: the bound that a real queue
 * should come close to.
 */
#ifndef KN_BENCH_QUEUE_FLOOR_H
#define KN_BENCH_QUEUE_FLOOR_H

#include <stdbool.h>

struct floor {
    bool postgres;
    const char *where;
    const char *payload; /* of each job */
};

/* Seconds for `jobs` of them. Each ends the program when something fails. */
double floor_single(const struct floor *floor, int jobs);
double floor_batch(const struct floor *floor, int jobs, int chunk);
double floor_drain(const struct floor *floor, int jobs, int concurrency);

#endif
