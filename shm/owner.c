/* SPDX-License-Identifier: MIT
 *
 * Whose a block is, and how that changes together with something else.
 *
 *   pair   an object and its block change owner as one: {object, block} is noted in the
 *          superblock, the object's owner is changed (that commits), then the block's.
 *          After a death, the next holder lets the block follow the object.
 *
 *   pass   a block and a word somewhere in the heap: {word, expected, block, owner} is noted,
 *          *word is changed from `expected` by compare-and-swap (that commits), then the
 *          block's owner. After a death, the next holder sees that it is committed by *word
 *          being something else than `expected`, and lets the block follow.
 *
 *   both   a word, a block and another one: the two blocks are noted as a pair first, then
 *          comes the pass of the first one, then the other's owner. The next holder repairs
 *          the pass before the pair.
 *
 * A pass is sound when nobody else changes the word while it is `expected`, before he has had
 * the heap's lock behind the passer's death: a word that names the passer (ring.c), or one
 * that is changed under the heap's lock only (the magic of an array, a queue, a lock). Never
 * twice the same `expected`: a ring's word has its round in it.
 */
#include "owner.h"

#include "slab.h"
#include "status.h"
#include "unit.h"

/* The owner of the block at p (0: published), or -1 when there is none. */
static int owner_of(const fw_segment *s, const void *p)
{
    int z = fw_unit_zone(s, p);
    size_t u = z < 0 ? FW_UNIT_NONE : fw_unit_at(&s->zone[z], p);

    if (u != FW_UNIT_NONE)
        return fw_unit_owner(fw_unit_load(&s->zone[z], u));
    return z == FW_ZONE_SMALL ? fw_slab_owner(s, p) : -1;
}

/* Set the owner of the block at p: 0 publishes it. */
static int own(const fw_segment *s, void *p, int owner)
{
    int z = fw_unit_zone(s, p);
    size_t u;

    if (z < 0)
        return fw_fail(FURROW_EINVAL, "%p is not in the heap", p);
    u = fw_unit_at(&s->zone[z], p);
    if (u != FW_UNIT_NONE) {
        fw_unit_store(&s->zone[z], u,
                      fw_unit_with_owner(fw_unit_load(&s->zone[z], u), owner));
        return 0;
    }
    if (z == FW_ZONE_SMALL && fw_slab_own(s, p, owner) == 0)
        return 0;
    return fw_fail(FURROW_EINVAL, "no block of the heap begins at %p", p);
}

int fw_owner_set_pair(const fw_segment *s, void *object, void *block, int owner)
{
    int rc;

    s->heap->pair_block = (uint64_t)(uintptr_t)block;
    fw_fence_death();
    fw_store_release(&s->heap->pair_object, (uint64_t)(uintptr_t)object);
    rc = own(s, object, owner);
    if (rc == 0 && block)
        rc = own(s, block, owner);
    fw_fence_death();
    fw_store_release(&s->heap->pair_object, 0);
    return rc;
}

static void note_pass(fw_heap *heap, const fw_pass *p, int owner)
{
    heap->pass_expected = p->expected;
    heap->pass_block = (uint64_t)(uintptr_t)p->block;
    heap->pass_owner = (uint64_t)owner;
    fw_fence_death();
    fw_store_release(&heap->pass_word, (uint64_t)(uintptr_t)p->word);
}

static int has_changed(const fw_pass *p)
{
    return fw_fail(FURROW_EBUSY, "the word at %p has changed", (void *)p->word);
}

static int pass(const fw_segment *s, const fw_pass *p, int owner)
{
    uint64_t expected = p->expected;
    int rc, committed;

    if (owner_of(s, p->block) < 0)
        return fw_fail(FURROW_EINVAL, "no block of the heap begins at %p", p->block);
    if (fw_load_seqcst(p->word) != expected)
        return has_changed(p);
    note_pass(s->heap, p, owner);
    committed = fw_cas_seqcst(p->word, &expected, p->desired);
    rc = committed ? own(s, p->block, owner) : has_changed(p);
    fw_fence_death();
    fw_store_release(&s->heap->pass_word, 0);
    return rc;
}

/* With another block. The pair is noted before, and says nothing as long as the block has
 * the owner that it had. */
static int pass_pair(const fw_segment *s, const fw_pass *p, int owner)
{
    int rc;

    if (owner_of(s, p->with) < 0)
        return fw_fail(FURROW_EINVAL, "no block of the heap begins at %p", p->with);
    s->heap->pair_block = (uint64_t)(uintptr_t)p->with;
    fw_fence_death();
    fw_store_release(&s->heap->pair_object, (uint64_t)(uintptr_t)p->block);
    rc = pass(s, p, owner);
    if (rc == 0)
        rc = own(s, p->with, owner);
    fw_fence_death();
    fw_store_release(&s->heap->pair_object, 0);
    return rc;
}

int fw_owner_pass(const fw_segment *s, const fw_pass *p, int owner)
{
    return p->with ? pass_pair(s, p, owner) : pass(s, p, owner);
}

static void repair_pair(const fw_segment *s)
{
    void *object = (void *)(uintptr_t)fw_load_acquire(&s->heap->pair_object);
    void *block = (void *)(uintptr_t)s->heap->pair_block;

    if (object && block && owner_of(s, object) >= 0)
        (void)own(s, block, owner_of(s, object));
    fw_store_release(&s->heap->pair_object, 0);
}

/* A word that a scribbler may have written: only where words can be. */
static _Atomic uint64_t *noted_word(const fw_segment *s)
{
    uintptr_t at = (uintptr_t)fw_load_acquire(&s->heap->pass_word);
    void *p = (void *)at;
    int z = fw_unit_zone(s, p);

    return z >= 0 && z != FW_ZONE_WINDOW && at % 8 == 0 ? p : NULL;
}

static void repair_pass(const fw_segment *s)
{
    _Atomic uint64_t *word = noted_word(s);
    void *block = (void *)(uintptr_t)s->heap->pass_block;

    if (word && fw_load_seqcst(word) != s->heap->pass_expected &&
        s->heap->pass_owner <= FW_PARTICIPANTS && owner_of(s, block) >= 0)
        (void)own(s, block, (int)s->heap->pass_owner);
    fw_store_release(&s->heap->pass_word, 0);
}

void fw_owner_repair(const fw_segment *s)
{
    repair_pass(s);
    repair_pair(s); /* behind it: of both, the pair follows the block of the pass */
}
