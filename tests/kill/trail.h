/* SPDX-License-Identifier: MIT
 *
 * The trail of a window: which instructions it took, and after which of them a death
 * leaves something else behind.
 *
 * A world that is made afresh takes the same trail again. So instruction k is found
 * without stepping there: run to its place, the nth time that it comes by. A death leaves
 * behind the shared memory, what the kernel holds for the process, and what its robust
 * list says; an instruction that changes none of them (no store to what is watched, no
 * system call, the list's head as before) is marked as such: a kill after it is the same
 * death as one before it.
 */
#ifndef KILL_TRAIL_H
#define KILL_TRAIL_H

#include <stdint.h>

#define TRAIL_MOST (1 << 20)

enum { TRAIL_NEWS = 1, TRAIL_SLEEPS = 2 };

typedef struct trail_step {
    uintptr_t pc;
    uint32_t nth;  /* it was at this place so many times, this one included */
    uint16_t more; /* and took so many iterations of it before */
    uint16_t what; /* TRAIL_: what the instruction did */
} trail_step;

/* In memory that judge and worlds share. */
typedef struct trail {
    long steps; /* of the window */
    int cut;    /* the window was longer than TRAIL_MOST */
    uintptr_t end;
    trail_step step[TRAIL_MOST];
} trail;

/* How to get to a kill point: run to pc for the nth time, step `more` times. */
typedef struct trail_place {
    uintptr_t pc;
    long nth, more;
} trail_place;

trail *trail_new(void);
void trail_begin(trail *t);

/* The tracee is about to take the instruction at pc / has taken it, and it was so. */
int trail_add(trail *t, uintptr_t pc);
void trail_mark(trail *t, int what);

/* After k steps. Behind a system call that slept: in that sleep. */
trail_place trail_at(const trail *t, long k);

/* Choose at most `most` kill points k (after k steps; 0 .. steps): those after news first,
 * then at most one in `stride` of the others (0: none), each in random order, so that
 * the first so many are a fair sample. `out` has room for steps + 1. Returns how many. */
long trail_choose(const trail *t, long most, long stride, unsigned long seed,
                  long *out);

#endif
