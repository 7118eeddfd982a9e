/* SPDX-License-Identifier: MIT
 *
 * The heap: blocks of shared memory, allocated and freed by any process of the family.
 *
 * A new block belongs to the process that made it until it is published: should that
 * process be killed before, the block is reclaimed. Blocks are zeros, aligned to their
 * size up to 1 KiB, then to 4 KiB, and from 1 MiB to 2 MiB.
 */
#ifndef FW_HEAP_H
#define FW_HEAP_H

#include "furrow_shm.h"
#include "owner.h"
#include "segment.h"

#define FW_HEAP_LARGE ((size_t)1 << 20) /* from here on: the large zone */

/* Blocks: takes the heap's lock. Errors: FURROW_ENOMEM (also when the memory that is
 * promised already leaves too little), FURROW_EOS. */
void *fw_heap_alloc(size_t size);

/* Publish an object and the block that goes with it as one: a kill leaves both to their
 * maker or neither. `block` may be NULL. Fails only when the thread's patience is over:
 * then both end with this process. */
int fw_heap_publish_pair(void *object, void *block);

/* The other way round: free both as one. `block` may be NULL. */
int fw_heap_free_pair(void *object, void *block);

/* 0, or FURROW_EINVAL when no block begins there. FURROW_ETIME, when the thread's patience
 * was over: nothing has changed, try again. */
int fw_heap_free(void *block);

/* A block that is this process's alone: free it when it frees another one. */
void fw_heap_free_later(void *block);

/* Change a word in the heap and, as one with that, the owner of a block: a kill leaves both
 * as they were or both changed. owner.c says which words that may be done to. FURROW_EBUSY:
 * the word is not `expected`; FURROW_EINVAL: no block begins there; FURROW_ETIME: as
 * fw_heap_free(). Then nothing has changed. */
enum { FW_HEAP_TO_ALL, FW_HEAP_TO_ME };
int fw_heap_pass(const fw_pass *p, int to);

/* The word alone: for one that fw_heap_pass() changes too, when no block goes with it. 0,
 * FURROW_EBUSY or FURROW_ETIME, as there. */
int fw_heap_swap(_Atomic uint64_t *word, uint64_t expected, uint64_t desired);

/* Address space in the window, to map a file over: unpublished, 2 MiB aligned. Free it
 * with fw_heap_free() after the mapping is gone. */
void *fw_heap_window(size_t size);

/* Does a block of the small zone, of at least `size` bytes and in use, begin at p? Looks
 * at no block, and at no hole: p may be anything. */
int fw_heap_holds(const void *p, size_t size);

/* Do the bytes lie in one zone of the heap, that of the files when `window`? Whatever a
 * scribbler wrote, no other memory of the process is there. */
int fw_heap_spans(const void *p, size_t size, int window);

/* Is the memory of the large block there; note that it is. Always true for small ones. */
int fw_heap_taken(const void *block);
int fw_heap_set_taken(void *block);

/* Before a rule is set for where the memory of the large block is to be taken: whoever
 * frees the block, also after our death, removes it. */
int fw_heap_set_placed(void *block);

/* Is FURROW_ENOMEM to be expected for so many more bytes? 0, or that error. */
int fw_heap_check_room(size_t bytes);

/* furrow_fsck() for who has the lock, or has stopped the one who has it: the structures
 * are whole between any two instructions. */
int fw_heap_check(const fw_segment *s);

/* Reclaim the blocks and names of processes that are gone. */
int fw_heap_sweep(void);

/* Until when this thread waits for the heap's lock from now on; returns until when it did.
 * FURROW_FOREVER is what every thread begins with. Past it, whatever needs the lock fails
 * with FURROW_ETIME: a holder that is stopped keeps the lock. */
furrow_deadline fw_heap_patience(furrow_deadline until);

/* The heap's lock with repair after a death; for names and participants. */
fw_heap *fw_heap_lock(void);
void fw_heap_unlock(fw_heap *heap);

#endif
