/* SPDX-License-Identifier: MIT
 *
 * What a death left: which chunks are torn, which are to be run again.
 */
#ifndef FW_REAP_H
#define FW_REAP_H

#include "dispatch.h"

/* After a death, with nobody inside: note the torn chunks in d->torn, put those that did
 * not happen into the control block's list. Returns how many those are. */
uint32_t fw_reap_scan(fw_dispatch *d);

/* The deaths of this generation are recorded: the slots may be used again. */
void fw_reap_fence(fw_team *team);

/* Is any chunk of the call not DONE? */
int fw_reap_incomplete(const fw_dispatch *d);

#endif
