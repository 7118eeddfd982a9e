/* SPDX-License-Identifier: MIT
 *
 * What a death left: which chunks are torn, which are to be run again.
 */
#ifndef FW_REAP_H
#define FW_REAP_H

#include "dispatch.h"

/* Is the member's process gone for certain (and its slot not in use again)? */
int fw_reap_is_dead(fw_member *m);

/* After a death, with nobody inside: note the torn chunks in d->torn, list those that did
 * not happen. Returns how many those are; *list is lent until the next scan. */
uint32_t fw_reap_scan(fw_dispatch *d, const uint32_t **list);

/* The deaths of this generation are recorded: the slots may be used again. */
void fw_reap_fence(fw_team *team);

/* Is any chunk of the call not DONE? */
int fw_reap_incomplete(const fw_dispatch *d);

#endif
