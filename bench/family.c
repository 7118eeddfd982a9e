/* SPDX-License-Identifier: MIT
 *
 * family.c - the CPU time of several processes, by the kernel's clock of each: exact to
 * the nanosecond for those that run at this moment too.
 */
#include "family.h"

#include <math.h>
#include <string.h>

static double read_clock(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t))
        return NAN;
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int bench_family_add(bench_family *f, int pid)
{
    const int rc = clock_getcpuclockid(pid, &f->clock[f->count]);
    if (rc)
        return bench_fail("no CPU clock of process %d: %s", pid, strerror(rc));
    f->count++;
    return 0;
}

int bench_family_of(bench_family *f, const bench_peer *peer)
{
    int pids[BENCH_FAMILY];
    const int count = peer->family ? peer->family(pids) : 0;
    f->clock[0] = CLOCK_PROCESS_CPUTIME_ID;
    f->count = 1;
    for (int i = 0; i < count; i++)
        if (bench_family_add(f, pids[i]))
            return -1;
    return count < 0 ? -1 : 0;
}

double bench_family_burnt(const bench_family *f)
{
    double sum = 0;
    for (int i = 0; i < f->count; i++)
        sum += read_clock(f->clock[i]);
    return sum;
}

double bench_family_mine(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}
