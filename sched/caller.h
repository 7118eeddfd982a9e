/* SPDX-License-Identifier: MIT
 *
 * The caller's own part of a call, and a thread that ends in it.
 */
#ifndef FW_CALLER_H
#define FW_CALLER_H

#include "team.h"

/* This thread, which drives the team, begins and ends its own part. Should the thread end
 * in between, the call is ended for it. */
void fw_caller_begin(fw_team *team);
void fw_caller_end(void);

#endif
