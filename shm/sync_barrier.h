/* SPDX-License-Identifier: MIT
 *
 * A barrier in shared memory: one word for its state, and words that name the parties.
 *
 *    63  62  61  56            44                      22                           0
 *   +---+---+---+--------------+-----------------------+----------------------------+
 *   | B | A | R | arrived (13) | history (22)          | generation (22)            |
 *   +---+---+---+--------------+-----------------------+----------------------------+
 *   B broken, A the action is being run, R it is being reset; a bit of history for each of the generations
 *   before this one, the last lowest: 1 it was broken.
 */
#ifndef FW_SYNC_BARRIER_H
#define FW_SYNC_BARRIER_H

#include "bell.h"
#include "entry.h"
#include "furrow_sync.h"

#define FW_SYNC_BARRIER_MAGIC UINT64_C(0x317261625f5f7766) /* "fw__bar1" */

struct furrow_barrier {
    _Atomic uint64_t magic;
    _Atomic uint64_t state;
    fw_bell bell;
    uint32_t parties;
    uint32_t slots;
    int64_t timeout_ns; /* 0: none */
    fw_entry *entry;    /* the action's name, in a block of its own; NULL: none */
    void *arg;
    _Alignas(8) _Atomic uint32_t name[]; /* 0 or an owner: slots, then the enrolled */
};

#endif
