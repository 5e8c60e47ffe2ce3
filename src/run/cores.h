/* How many cores this process may really use. */
#ifndef KN_RUN_CORES_H
#define KN_RUN_CORES_H

/* At least 1: the cores of its affinity mask, less what a CPU quota of its control groups
 * (version 2 or 1: containers, systemd) leaves of them, rounded up. */
int kn_cores(void);

/* The quota alone, 0: none. `root` stands before every path that is read: "" outside of tests. */
double kn_cores_quota(const char *root);

#endif
