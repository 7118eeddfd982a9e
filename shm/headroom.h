/* SPDX-License-Identifier: MIT
 *
 * How much memory is left before the OOM killer.
 */
#ifndef FW_HEADROOM_H
#define FW_HEADROOM_H

#include <stdint.h>

/* How many bytes can still be taken without inviting the OOM killer: the least of what
 * the machine has available and, for this process's memory cgroup and each of its
 * ancestors, the limit minus what is used, reclaimable file cache counted as free.
 * UINT64_MAX when nothing is known. A moment's truth: others take memory too. `root` as
 * in fw_cgroup_walk(). Does not allocate; some tens of microseconds. */
uint64_t fw_headroom_bytes(const char *root);

#endif
