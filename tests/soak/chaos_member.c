/* SPDX-License-Identifier: MIT
 *
 * A member: one object after another, at random, until it is killed.
 *
 * Each checks what its object promises to the living: a lock's guarded numbers are equal
 * unless it told of a death, tokens are never more than there are, what is read is whole.
 */
#include "chaos.h"
#include "participant.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FEW = 2000 /* one in so many acts is the last one */ };

/* Hold it for a moment, now and then a long one: that is when to be killed. */
static void linger(dice *d)
{
    if (roll(d, 8) == 0)
        nap_us(roll(d, 300));
}

/* ---- locks ------------------------------------------------------------------------------*/

/* Held: put the pair in order when its last holder died, then change it. */
static void work_on(dice *d, pair *p, int told)
{
    uint64_t a = p->a, b = p->b;

    if (told) {
        more(&me->told);
        if (a - b > 1)
            ruin("after a death the numbers are %llu and %llu", (unsigned long long)a,
                 (unsigned long long)b);
        p->b = a;
        (void)furrow_lock_consistent(p->lock);
    } else if (a != b) {
        ruin("nobody died, and the numbers are %llu and %llu", (unsigned long long)a,
             (unsigned long long)b);
    }
    p->a = a + 1;
    linger(d);
    p->b = a + 1;
}

static void lock(dice *d, enum act act)
{
    pair *p = &chaos->pair[act == AUTO];
    int rc, again = act == AUTO && roll(d, 4) == 0;

    begin(act);
    rc = furrow_lock_lock(p->lock, roll(d, 2) ? FURROW_FOREVER : furrow_in(0.01));
    if (rc == FURROW_ETIME) {
        end(act, 0);
        return;
    }
    if (rc < 0 || (again && furrow_lock_lock(p->lock, 0) != 0))
        ruin_by("lock", rc);
    work_on(d, p, rc == FURROW_OWNERDIED);
    if ((again && furrow_lock_unlock(p->lock) != 0) ||
        (rc = furrow_lock_unlock(p->lock)) != 0)
        ruin_by("unlock", rc);
    end(act, 1);
}

/* ---- semaphores -------------------------------------------------------------------------*/

static unsigned tokens_seen(uint64_t *seen)
{
    unsigned n = 0;

    for (unsigned i = 0; i < MEMBERS; i++) {
        seen[i] = fw_load_seqcst(&chaos->member[i].token);
        n += seen[i] != 0;
    }
    return n;
}

/* Too many had one when two looks in a row see the same, and each of them is alive. */
static void count_tokens(void)
{
    uint64_t first[MEMBERS], second[MEMBERS];
    unsigned alive = 0;

    if (tokens_seen(first) <= TOKENS)
        return;
    (void)tokens_seen(second);
    if (memcmp(first, second, sizeof first) != 0)
        return;
    for (unsigned i = 0; i < MEMBERS; i++)
        alive += first[i] && !fw_participant_owner_gone((uint32_t)(first[i] >> 32));
    if (alive > TOKENS)
        ruin("%u members have one of %d tokens", alive, TOKENS);
}

static void use_token(dice *d)
{
    static uint32_t times;
    uint64_t owner = fw_participant_owner();
    int value;

    fw_store_seqcst(&me->token, owner << 32 | ++times);
    count_tokens();
    linger(d);
    value = furrow_semaphore_value(chaos->owned);
    if (value < 0 || value > TOKENS - 1)
        ruin("with a token taken %d of %d are free", value, TOKENS);
    fw_store_seqcst(&me->token, 0);
}

static void own(dice *d)
{
    int rc;

    begin(OWNED);
    rc = furrow_semaphore_acquire(chaos->owned, furrow_in(roll(d, 2) ? 0.005 : 2));
    if (rc == 0) {
        use_token(d);
        if ((rc = furrow_semaphore_release(chaos->owned)) < 0)
            ruin_by("release of a token", rc);
    } else if (rc != FURROW_ETIME) {
        ruin_by("acquire of a token", rc);
    }
    end(OWNED, rc == 0);
}

static void raise_it(void)
{
    int rc;

    begin(RAISE);
    rc = furrow_semaphore_release(chaos->counting);
    if (rc < 0 && rc != FURROW_EFULL)
        ruin_by("release", rc);
    end(RAISE, rc == 0);
}

static void take_it(dice *d)
{
    int rc, value;

    begin(TAKE);
    rc = furrow_semaphore_acquire(chaos->counting, furrow_in(roll(d, 2) ? 0.005 : 1));
    if (rc < 0 && rc != FURROW_ETIME)
        ruin_by("acquire", rc);
    end(TAKE, rc == 0);
    value = furrow_semaphore_value(chaos->counting);
    if (value < 0 || value > MOST)
        ruin("a semaphore of at most %d has %d", MOST, value);
}

/* ---- events and barriers ------------------------------------------------------------------*/

/* The storm sets it again and again, so that it is never waited for long. */
static void event(dice *d)
{
    int rc;

    begin(EVENT);
    if (roll(d, 2))
        rc = roll(d, 2) ? furrow_event_clear(chaos->event)
                        : furrow_event_set(chaos->event);
    else
        rc = furrow_event_wait(chaos->event, furrow_in(PATIENCE / 2));
    if (rc < 0)
        ruin_by("event", rc);
    end(EVENT, 1);
}

static void barrier(dice *d)
{
    furrow_barrier *b = chaos->barrier;
    int enrolled, rc;

    begin(BARRIER);
    enrolled = roll(d, 4) == 0 && furrow_barrier_enrol(b) == 0;
    rc = furrow_barrier_wait(b, furrow_in(roll(d, 2) ? 0.02 : 0.5));
    if (rc >= PARTIES || (rc < 0 && rc != FURROW_EBROKEN && rc != FURROW_ETIME))
        ruin_by("barrier", rc);
    if (rc < 0) {
        int again = furrow_barrier_reset(b);

        if (again < 0)
            ruin_by("reset of a barrier", again);
        more(&me->broken);
    }
    if (enrolled) /* a reset forgets nobody who lives */
        if (furrow_barrier_leave(b) < 0)
            ruin_by("leaving a barrier", -1);
    end(BARRIER, rc >= 0);
}

/* ---- a value, and a list ------------------------------------------------------------------*/

static void value(dice *d)
{
    int64_t v[WIDTH];
    int rc, told;

    begin(VALUE);
    told = furrow_synchronized_lock(chaos->value, FURROW_FOREVER);
    if (told < 0)
        ruin_by("lock of a value", told);
    if ((rc = furrow_synchronized_read(chaos->value, 0, WIDTH, v, FURROW_FOREVER)) != 0)
        ruin_by("read", rc);
    if (told == FURROW_OWNERDIED)
        more(&me->told);
    for (int i = 1; i < WIDTH; i++)
        if (v[i] != v[0] && told != FURROW_OWNERDIED)
            ruin("nobody died, and a value is torn at %d", i);
    for (int i = WIDTH - 1; i >= 0; i--)
        v[i] = v[0] + 1;
    rc = furrow_synchronized_write(chaos->value, 0, WIDTH / 2, v, FURROW_FOREVER);
    linger(d);
    if (rc == 0)
        rc = furrow_synchronized_write(chaos->value, WIDTH / 2, WIDTH / 2,
                                       v + WIDTH / 2, FURROW_FOREVER);
    if (rc != 0 || (rc = furrow_synchronized_unlock(chaos->value)) != 0)
        ruin_by("write", rc);
    end(VALUE, 1);
}

/* Bytes that are all their own number, which is the first one and says how many. */
static void check_item(const furrow_item *item)
{
    const unsigned char *bytes = item->data;

    if (item->kind == FURROW_INT) {
        if ((uint32_t)item->integer != (uint32_t)(item->integer >> 32))
            ruin("an item is torn: %llx", (unsigned long long)item->integer);
        return;
    }
    if (item->kind != FURROW_BYTES || item->size < 1 || item->size != bytes[0])
        ruin("an item of kind %d and %zu bytes", (int)item->kind, item->size);
    for (size_t i = 0; i < item->size; i++)
        if (bytes[i] != bytes[0])
            ruin("an item is torn at byte %zu", i);
}

static int set_item(dice *d, size_t i)
{
    char bytes[ITEM_ROOM];
    unsigned n = 1 + roll(d, ITEM_ROOM);
    furrow_item item = roll(d, 3) ? furrow_item_bytes(bytes, n)
                                  : furrow_item_int((int64_t)n << 32 | n);

    memset(bytes, (int)n, sizeof bytes);
    return furrow_list_set(chaos->list, i, &item);
}

static void list(dice *d)
{
    char buffer[ITEM_ROOM];
    furrow_item item;
    size_t i = roll(d, ITEMS);
    int rc;

    begin(LIST);
    rc = roll(d, 2) ? set_item(d, i) : 0;
    if (rc == 0)
        rc = furrow_list_get(chaos->list, i, &item, buffer, sizeof buffer);
    if (rc != 0)
        ruin_by("list", rc);
    check_item(&item);
    end(LIST, 1);
}

/* ---- a life -----------------------------------------------------------------------------*/

static void act(dice *d, unsigned slot)
{
    switch (roll(d, 16)) {
    case 0:
    case 1:
    case 2:
    case 3:
        letters_put(d, slot);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        letters_get(d);
        break;
    case 8:
        lock(d, LOCK);
        break;
    case 9:
        lock(d, AUTO);
        break;
    case 10:
        own(d);
        break;
    case 11:
        raise_it();
        break;
    case 12:
        take_it(d);
        break;
    case 13:
        event(d);
        break;
    case 14:
        barrier(d);
        break;
    default:
        roll(d, 2) ? value(d) : list(d);
        break;
    }
}

int member_live(unsigned slot)
{
    dice d = dice_of(fw_add_seqcst(&chaos->life, 1) + 1);

    me = &chaos->member[slot];
    letters_begin_life(slot);
    while (!fw_load_relaxed(&chaos->over) && roll(&d, FEW)) {
        act(&d, slot);
        if (roll(&d, 1000) == 0 && furrow_fsck() < 0)
            ruin_by("the heap", FURROW_ECORRUPT);
        if (roll(&d, 8) == 0)
            nap_us(roll(&d, 1000));
    }
    return 0;
}
