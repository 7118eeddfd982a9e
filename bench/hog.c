/* SPDX-License-Identifier: MIT
 *
 * hog.c - a millisecond of work, a millisecond of sleep, and so on. How much of the CPU it
 * got is what its CPU clock says: the scheduler may have put it off.
 */
#include "hog.h"
#include "family.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define TURN_NS 1000000

static void work_and_sleep(int cpu)
{
    if (bench_pin(cpu))
        _exit(1);
    for (;;) {
        const double begin = bench_family_mine();
        while (bench_family_mine() - begin < TURN_NS)
            ;
        nanosleep(&(struct timespec){.tv_nsec = TURN_NS}, NULL);
    }
}

int bench_hog_start(int cpu)
{
    const int pid = bench_child_fork();
    if (pid == 0)
        work_and_sleep(cpu);
    return pid;
}

void bench_hog_end(int pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
