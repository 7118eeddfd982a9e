/* SPDX-License-Identifier: MIT
 *
 * Every struct of the heap that lives in shared memory.
 *
 *   heap segment (one nameless memfd, mapped at the same address in the whole family)
 *   +------------+---------------------+---------------+--------------+----------------+
 *   | superblock | unit maps: 8 B for  | small zone    | large zone   | window (not of |
 *   | fw_heap    | each unit of a zone | 4 KiB units   | 2 MiB units  | the memfd)     |
 *   +------------+---------------------+---------------+--------------+----------------+
 *
 *   unit word (the map entry of the first unit of a run; the words of its other units mean
 *   nothing and are never RUN or SLAB)
 *    63        60 59        56 55                40 39                                 0
 *   +------------+------------+--------------------+-----------------------------------+
 *   | state      | flags      | owner              | length in units                   |
 *   +------------+------------+--------------------+-----------------------------------+
 *   FREE: nobody's.  RUN: a block; owner 0 = published, else participant + 1, still in
 *   the making (or in the unmaking) and reclaimed with its owner.  SLAB: a page of equal
 *   objects; owner = size class.
 *
 *   slab page: uint16_t owner[64], then the slots.  0 free, 0xFFFF published, else
 *   participant + 1.
 *
 * The window is reserved address space into which named arrays and files are mapped.
 */
#ifndef FW_LAYOUT_H
#define FW_LAYOUT_H

#include "lock.h"
#include "os.h"

#include <stddef.h>

#define FW_HEAP_MAGIC   UINT64_C(0x31706165685f7766) /* "fw_heap1" */
#define FW_PARTICIPANTS 4096
#define FW_NAMES        1024
#define FW_NAME_MAX     200 /* bytes of a name with its NUL */

enum { FW_ZONE_SMALL, FW_ZONE_LARGE, FW_ZONE_WINDOW, FW_ZONES };
enum { FW_UNIT_FREE = 1, FW_UNIT_RUN = 2, FW_UNIT_SLAB = 3 };
enum {
    FW_UNIT_TAKEN = 1, /* flag: the memory of the run is there */
    FW_UNIT_PLACED = 2 /* flag: a rule may say on which nodes it is to be taken */
};
enum { FW_SLAB_CLASSES = 5, FW_SLAB_SLOTS = 64, FW_SLAB_PUBLISHED = 0xFFFF };

#define FW_SMALL_UNIT FW_PAGE
#define FW_LARGE_UNIT ((size_t)2 << 20)

/* One line per process that allocates. All fields are written under the heap's lock: `gen`
 * first when joining and `live` last; a line is live with its identity, or it is free. */
typedef struct fw_participant {
    _Alignas(64) _Atomic uint32_t live; /* 0 free, 1 live */
    _Atomic uint32_t
        gen; /* 16 bits, of its last user; with the index: an owner's number */
    _Atomic int32_t pid;
    _Atomic uint64_t start_time; /* with pid: the identity of the process */
} fw_participant;
_Static_assert(sizeof(fw_participant) == 64, "one cache line");

/* A name in /dev/shm that must go when its owner dies. Written under the heap's lock;
 * `used` last. */
#define FW_NAME_GIVEN_UP 2 /* `used`: still to be unlinked */
typedef struct fw_name {
    _Atomic uint32_t used;
    int32_t pid;
    uint64_t start_time;
    fw_file_id id;
    char name[FW_NAME_MAX];
} fw_name;

/* Where to begin looking; hints, right or not. Written under the heap's lock. */
typedef struct fw_zone_hint {
    uint64_t first; /* no free run begins below this unit */
} fw_zone_hint;

typedef struct fw_heap {
    uint64_t magic; /* written last when the heap is made */
    uint64_t size;
    fw_lock lock;
    _Atomic uint64_t serial; /* of the last array made */
    fw_zone_hint hint[FW_ZONES];
    uint64_t slab_hint[FW_SLAB_CLASSES]; /* a page that may have a free slot */
    uint32_t lines; /* participant lines ever used; written before the line is live */
    uint32_t names; /* entries of name[] ever used; likewise */
    _Atomic uint64_t
        pair_object;     /* the pair whose owner is being changed; 0: none. Set */
    uint64_t pair_block; /* after pair_block, cleared when both have it */
    uint64_t small_open; /* bytes of the small zone without memory, at most */
    uint64_t small_fine; /* up to which nobody needs to look (ledger.c) */
    _Atomic uint64_t
        pass_word; /* that a block changes its owner with; 0: none. Set last, */
    uint64_t pass_expected, pass_block, pass_owner; /* cleared when it has followed */
    fw_participant participant[FW_PARTICIPANTS];
    fw_name name[FW_NAMES];
} fw_heap;
_Static_assert(offsetof(fw_heap, lock) == 64, "the lock has a line of its own");
_Static_assert(offsetof(fw_heap, participant) % 64 == 0, "lines");

#endif
