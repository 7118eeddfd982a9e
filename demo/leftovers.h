/* SPDX-License-Identifier: MIT
 *
 * What a program may leave behind: child processes, open files, names in /dev/shm.
 */
#ifndef DEMO_LEFTOVERS_H
#define DEMO_LEFTOVERS_H

#include "demo.h"

typedef struct leftovers {
    size_t files; /* open in this process */
    size_t names; /* in /dev/shm */
} leftovers;

/* What there is now. */
leftovers leftovers_now(void);

/* Check that there is no more than before, and no child process. */
void leftovers_check(demo *d, leftovers before);

#endif
