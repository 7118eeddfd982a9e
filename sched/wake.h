/* SPDX-License-Identifier: MIT
 *
 * Whom a call wakes, and when.
 */
#ifndef FW_WAKE_H
#define FW_WAKE_H

#include "dispatch.h"

/* At the opening: two sleepers, who wake the others; or nobody, when the call is brief. */
void fw_wake_open(fw_dispatch *d);

/* When the call is not over at once: make the opening visible and look for sleepers again.
 * The opener's half of the Dekker pair in idle.c. */
void fw_wake_again(fw_dispatch *d);

/* At the end: how long did a call take that found sleepers? */
void fw_wake_learn(fw_dispatch *d);

#endif
