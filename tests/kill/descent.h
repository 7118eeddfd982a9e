/* SPDX-License-Identifier: MIT
 *
 * From a tracee to its child, and to the program that this runs.
 */
#ifndef KILL_DESCENT_H
#define KILL_DESCENT_H

#include "tracee.h"

/* Let it run until it forks, leave it, and take the child: stopped before the first
 * instruction that it executes. The fork must come soon. 0, or -1. */
int descent_follow(tracee *t);

/* Let it run until it runs a program: stopped before the first instruction of that. */
int descent_run(tracee *t);

#endif
