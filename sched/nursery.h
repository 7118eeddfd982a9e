/* SPDX-License-Identifier: MIT
 *
 * The nursery: a small process that forks, watches, replaces and ends the workers.
 */
#ifndef FW_NURSERY_H
#define FW_NURSERY_H

#include "kin.h"
#include "team.h"

/* What the opener hands to the nursery. */
typedef struct fw_nursery {
    fw_team *team;
    int opener_pidfd; /* or -1 where pidfds are refused */
    int32_t opener;
    uint64_t opener_start;
    int signals;
    int64_t retry_at; /* when a fork that failed is tried again */
    int64_t next_at;  /* when one that ended before it was up is tried again; or 0 */
    int64_t try_at[FW_WORKERS_MAX];
    int64_t sweep_at; /* when to try again to sweep up after the dead; 0: it is done */
    /* Its children, by slot; 0: none. What is killed and what has died is looked up here:
     * a process id in shared memory is anybody's to write. */
    int32_t child[FW_WORKERS_MAX];
    int64_t born[FW_WORKERS_MAX];
} fw_nursery;

/* In a page of their own, which the heap cannot give to anybody else: a process whose
 * fork went wrong may look at it late. */
typedef struct fw_handshake {
    _Atomic uint32_t pid;      /* of the new process, -errno, or FW_HANDSHAKE_OFF */
    _Atomic uint32_t settled;  /* it has done what it does before it waits */
    _Atomic uint32_t go_ahead; /* the forking process has its pidfd */
} fw_handshake;

#define FW_HANDSHAKE_OFF UINT32_MAX /* nobody waits for the new process any more */

/* Fork run() into a process that is not our child, so that no wait() of the program meets
 * it. It calls fw_nursery_await() before it does anything that others see, and is waited for
 * until then. Returns its pid, which is in *pid_word (unless NULL) before it goes on, or
 * -errno. *pidfd: its pidfd, or -1 where they are refused. */
int fw_nursery_fork(void (*run)(void *arg, fw_handshake *h), void *arg,
                    _Atomic uint32_t *pid_word, int *pidfd);

/* In the new process: say that it has settled (which signals reach it), and wait until the
 * process of that pid and start time, which forked it, is ready or gone. */
void fw_nursery_await(fw_handshake *h, int32_t pid, uint64_t start_time);

/* The nursery's life; does not return. With a handshake: forked by the opener. */
void fw_nursery_run(void *nursery, fw_handshake *h);
_Noreturn void fw_nursery_live(fw_nursery *nursery);

/* In the program anew, with a line to the opener `by`: hear the plan, and live. */
_Noreturn void fw_nursery_anew(int line, const fw_parent *by);

#endif
