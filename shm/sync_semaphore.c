/* SPDX-License-Identifier: MIT
 *
 * Semaphores.
 *
 * Owned: a token is a word that is 0 or the number of the process that has it
 * (fw_participant_owner()), and every change is one compare-and-swap: 0 to mine (acquire),
 * mine to 0 (release), a dead one's to 0 (recover). There is no other count, so nothing can
 * disagree with anything. Killed before a swap: nothing has happened. After it: the token is
 * the dead one's, by its own word, or free, and a ring may be missing; both are found by
 * whoever waits, before he sleeps and at every tick, and by who wants to know the value.
 * Recovery swaps the exact word that was seen, so it may race with others and be killed; a
 * dead process's number is never a living one's.
 *
 * Each process begins to look at a place of its own: so it finds what it has at once, and
 * processes disturb each other little.
 *
 * Counting: one number, by compare-and-swap. A token that a dead process took is gone.
 */
#include "sync_semaphore.h"

#include "os.h"
#include "participant.h"
#include "status.h"
#include "sync_object.h"

/* ---- owned tokens -------------------------------------------------------------------*/

/* One token from `from` to `to`, where this process begins to look. 1, or 0: there is
 * none. */
static int swap_one(furrow_semaphore *s, uint32_t from, uint32_t to)
{
    uint32_t n = s->tokens, start = (from ? from : to) % n;

    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = start + i < n ? start + i : start + i - n, seen = from;

        if (fw_load_seqcst(&s->token[at]) == from &&
            fw_cas_seqcst(&s->token[at], &seen, to))
            return 1;
    }
    return 0;
}

/* Owners that were found alive: each is asked for once in a look. */
enum { ASKED = 64 };

/* Tokens of dead processes come back. Returns how many. */
static int recover(furrow_semaphore *s)
{
    uint32_t alive[ASKED] = {0};
    int back = 0;

    for (uint32_t i = 0; i < s->tokens; i++) {
        uint32_t owner = fw_load_seqcst(&s->token[i]);

        if (owner == 0 || alive[owner % ASKED] == owner)
            continue;
        if (!fw_participant_owner_gone(owner))
            alive[owner % ASKED] = owner;
        else if (fw_cas_seqcst(&s->token[i], &owner, 0))
            back++;
    }
    if (back > 0)
        fw_bell_ring(&s->bell, back);
    return back;
}

static uint32_t free_tokens(const furrow_semaphore *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->tokens; i++)
        n += fw_load_seqcst(&s->token[i]) == 0;
    return n;
}

static int release_token(furrow_semaphore *s)
{
    uint32_t me = fw_participant_owner();

    if (me == 0)
        return furrow_last_error()->code;
    if (!swap_one(s, me, 0))
        return fw_fail(FURROW_EOWNER, "this process has no token of the semaphore");
    return 0;
}

/* ---- counting -----------------------------------------------------------------------*/

static int take_number(furrow_semaphore *s)
{
    uint32_t value = fw_load_seqcst(&s->value);

    while (value > 0)
        if (fw_cas_seqcst(&s->value, &value, value - 1))
            return 1;
    return 0;
}

static int post_number(furrow_semaphore *s)
{
    uint32_t value = fw_load_seqcst(&s->value);

    while (value < s->most)
        if (fw_cas_seqcst(&s->value, &value, value + 1))
            return 0;
    return fw_fail(FURROW_EFULL, "the semaphore's value is %u, and goes no higher",
                   s->most);
}

/* ---- both ---------------------------------------------------------------------------*/

static int take(furrow_semaphore *s, uint32_t me)
{
    return s->tokens ? swap_one(s, 0, me) : take_number(s);
}

/* `heard` before a last look: also at the dead. */
static int wait_for_one(furrow_semaphore *s, uint32_t me, furrow_deadline deadline)
{
    for (;;) {
        uint32_t heard = deadline ? fw_bell_listen(&s->bell) : 0;

        if (take(s, me))
            return 0;
        if (s->tokens && recover(s) > 0)
            continue;
        if (deadline == 0 || fw_os_now() >= deadline)
            return fw_fail(FURROW_ETIME, "no token of the semaphore is free");
        fw_bell_sleep(&s->bell, heard, deadline);
    }
}

static int acquire(furrow_semaphore *s, furrow_deadline deadline)
{
    uint32_t me = s->tokens ? fw_participant_owner_by(deadline) : 1;

    if (me == 0)
        return furrow_last_error()->code;
    return take(s, me) ? 0 : wait_for_one(s, me, deadline);
}

static int release(furrow_semaphore *s)
{
    int rc = s->tokens ? release_token(s) : post_number(s);

    if (rc == 0)
        fw_bell_ring(&s->bell, 1);
    return rc;
}

static furrow_semaphore *owned(unsigned tokens)
{
    furrow_semaphore *s;

    if (tokens < 1 || tokens > FURROW_SEMAPHORE_TOKENS) {
        fw_fail(FURROW_EINVAL, "a semaphore of %u tokens: 1 to %d can have owners",
                tokens, FURROW_SEMAPHORE_TOKENS);
        return NULL;
    }
    s = fw_sync_new(sizeof *s + tokens * sizeof s->token[0]);
    if (s)
        s->tokens = tokens;
    return s;
}

static furrow_semaphore *counting(unsigned value, unsigned most)
{
    furrow_semaphore *s;

    if (most == 0)
        most = FURROW_SEMAPHORE_MOST;
    if (most > FURROW_SEMAPHORE_MOST || value > most) {
        fw_fail(FURROW_EINVAL, "a semaphore that counts %u of at most %u", value, most);
        return NULL;
    }
    s = fw_sync_new(sizeof *s);
    if (!s)
        return NULL;
    s->most = most;
    fw_store_relaxed(&s->value, value);
    return s;
}

/* ---- public -------------------------------------------------------------------------*/

static int is_live(const furrow_semaphore *s)
{
    return s && fw_load_relaxed(&s->magic) == FW_SYNC_SEMAPHORE_MAGIC;
}

furrow_semaphore *furrow_semaphore_new_sized(unsigned value,
                                             const furrow_semaphore_options *options,
                                             size_t size)
{
    furrow_semaphore_options o;
    furrow_semaphore *s;

    fw_sync_options(&o, sizeof o, options, size);
    s = o.counting ? counting(value, o.most) : owned(value);
    return fw_sync_publish("furrow_semaphore_new", s, NULL, s ? &s->magic : NULL,
                           FW_SYNC_SEMAPHORE_MAGIC);
}

int furrow_semaphore_acquire(furrow_semaphore *s, furrow_deadline deadline)
{
    if (!is_live(s))
        return fw_sync_refuse(__func__, s, "semaphore");
    return fw_status_in(__func__, acquire(s, deadline));
}

int furrow_semaphore_release(furrow_semaphore *s)
{
    if (!is_live(s))
        return fw_sync_refuse(__func__, s, "semaphore");
    return fw_status_in(__func__, release(s));
}

int furrow_semaphore_value(furrow_semaphore *s)
{
    if (!is_live(s))
        return fw_sync_refuse(__func__, s, "semaphore");
    if (!s->tokens)
        return (int)fw_load_seqcst(&s->value);
    (void)recover(s);
    return (int)free_tokens(s);
}

int furrow_semaphore_free(furrow_semaphore *s)
{
    if (!s)
        return 0;
    if (!is_live(s))
        return fw_sync_refuse(__func__, s, "semaphore");
    return fw_sync_free(__func__, s, NULL, &s->magic, FW_SYNC_SEMAPHORE_MAGIC);
}

/* The exported twin of the inline function. */
extern inline furrow_semaphore *
furrow_semaphore_new(unsigned value, const furrow_semaphore_options *options);
