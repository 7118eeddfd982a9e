/* SPDX-License-Identifier: MIT
 *
 * How much of the machine is ours: affinity, cpuset, CPU quota.
 */
#ifndef FW_LIMIT_H
#define FW_LIMIT_H

#include "os.h"

typedef struct fw_limits {
    fw_cpuset cpus; /* where the calling thread may run: within the cpuset, online */
    int affinity;   /* how many those are */
    int cpuset;     /* how many CPUs the cgroup's cpuset grants; 0: not known */
    uint32_t quota_milli; /* CPU time per time, in thousandths of a CPU; 0: no quota */
    int narrowed; /* affinity is one CPU and the cpuset has more: an OpenMP runtime or a
                     batch system pinned this thread, and workers would share that CPU
                   */
} fw_limits;

/* Read them; `root` as in fw_cgroup_walk(), for all but the affinity. FURROW_EOS. */
int fw_limit_read(const char *root, fw_limits *out);

/* The least CPU quota of the process's cgroup and its ancestors; 0: none. */
uint32_t fw_limit_quota_milli(const char *root);

/* A list as in "0-7,16". FURROW_EINVAL with a sentence that says what is wrong where.
 */
int fw_limit_parse_cpus(const char *list, fw_cpuset *out);

/* How many CPUs are in the set. */
int fw_limit_count(const fw_cpuset *cpus);

#endif
