/* SPDX-License-Identifier: MIT
 *
 * From a tracee to its child.
 */
#ifndef KILL_DESCENT_H
#define KILL_DESCENT_H

#include "tracee.h"

/* Let it run until it forks, leave it, and take the child: stopped before the first
 * instruction that it executes. The fork must come soon. 0, or -1. */
int descent_follow(tracee *t);

#endif
