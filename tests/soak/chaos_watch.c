/* SPDX-License-Identifier: MIT
 *
 * The watch over the chaos soak: a line each second, and the shared words of everything
 * when something lasts. Nothing here waits.
 */
#include "chaos.h"
#include "queue.h"
#include "state.h"
#include "sync_barrier.h"
#include "sync_event.h"
#include "sync_lock.h"
#include "sync_semaphore.h"

#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

/* ---- the end of all -------------------------------------------------------------------*/

void ruin(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fprintf(stderr, "FAILED: in %d: ", (int)getpid());
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    _exit(1);
}

void ruin_by(const char *what, int rc)
{
    ruin("%s: %d, %s", what, rc, furrow_last_error()->text);
}

static void dump_lock(const char *name, const furrow_lock *l)
{
    int owner = l->lock.mutex.__data.__lock & 0x3fffffff;
    char state[96];

    process_state(owner, state, sizeof state);
    fprintf(stderr, "%s: 0x%x (thread %d: %s), broken %d\n", name,
            (unsigned)l->lock.mutex.__data.__lock, owner, owner ? state : "free",
            fw_lock_broken(&l->lock));
}

static void dump_queue(furrow_queue *q)
{
    fw_ring *r = &q->ring;

    fprintf(stderr, "queue: tail %llx, head %llx, bells %x %x %x; slots:",
            (unsigned long long)fw_load_relaxed(&r->tail),
            (unsigned long long)fw_load_relaxed(&r->head),
            fw_load_relaxed(&q->filled.word), fw_load_relaxed(&q->emptied.word),
            fw_load_relaxed(&q->done.word));
    for (uint32_t i = 0; i < r->capacity; i++) {
        uint64_t word = fw_load_relaxed(&fw_ring_slot(r, i)->word);

        fprintf(stderr, " %x:%d:%x", fw_slot_round(word), (int)fw_slot_state(word),
                fw_slot_owner(word));
    }
    fputc('\n', stderr);
}

static void dump_semaphore(const char *name, furrow_semaphore *s)
{
    fprintf(stderr, "%s: value %u, bell %x, tokens", name, fw_load_relaxed(&s->value),
            fw_load_relaxed(&s->bell.word));
    for (uint32_t i = 0; i < s->tokens; i++)
        fprintf(stderr, " %x", fw_load_relaxed(&s->token[i]));
    fputc('\n', stderr);
}

static void dump_barrier(furrow_barrier *b)
{
    fprintf(stderr, "barrier: state %llx, bell %x, names",
            (unsigned long long)fw_load_relaxed(&b->state),
            fw_load_relaxed(&b->bell.word));
    for (uint32_t i = 0; i < b->slots + b->parties; i++)
        fprintf(stderr, " %x", fw_load_relaxed(&b->name[i]));
    fputc('\n', stderr);
}

static void dump_members(void)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        const member *m = &chaos->member[i];
        char state[96];
        long pid;
        int stopped = storm_state(i, &pid);

        if (stopped < 0)
            continue;
        process_state(pid, state, sizeof state);
        fprintf(stderr, "member %u: pid %ld (%s)%s, in %s for %lld ms\n", i, pid, state,
                stopped ? ", stopped" : "", act_name(fw_load_relaxed(&m->act)),
                (long long)(ms_now() - fw_load_relaxed(&m->since)));
    }
}

void doom(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("FAILED: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    dump_members();
    dump_queue(chaos->queue);
    dump_lock("lock", chaos->pair[0].lock);
    dump_lock("automatic lock", chaos->pair[1].lock);
    dump_lock("value's lock", furrow_synchronized_get_lock(chaos->value));
    dump_semaphore("owned tokens", chaos->owned);
    dump_semaphore("semaphore", chaos->counting);
    dump_barrier(chaos->barrier);
    fprintf(stderr, "event: state %x, bell %x\n", fw_load_relaxed(&chaos->event->state),
            fw_load_relaxed(&chaos->event->bell.word));
    _exit(1);
}

/* ---- progress -------------------------------------------------------------------------*/

uint64_t watch_sum_of(size_t offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i <= MEMBERS; i++) {
        char *at = (char *)&chaos->member[i] + offset;

        sum += fw_load_relaxed((_Atomic uint64_t *)(void *)at);
    }
    return sum;
}

uint64_t watch_sum(enum act act)
{
    return watch_sum_of(offsetof(member, done) + act * sizeof(uint64_t));
}

static void look_for_hangs(void)
{
    for (unsigned i = 0; i < MEMBERS; i++) {
        const member *m = &chaos->member[i];
        uint32_t act = fw_load_seqcst(&m->act);
        int64_t ms = ms_now() - fw_load_relaxed(&m->since);
        long pid;

        if (act != IDLE && storm_state(i, &pid) >= 0 && ms > PATIENCE * 1000 &&
            fw_load_seqcst(&m->act) == act)
            doom("HANG: member %u is in %s for %lld ms", i, act_name(act),
                 (long long)ms);
    }
}

/* Each kind of object goes on. */
static void look_for_stalls(void)
{
    static uint64_t last[ACTS];
    static int64_t since[ACTS];

    for (enum act a = PUT; a < ACTS; a++) {
        uint64_t now = watch_sum(a);

        if (now != last[a] || since[a] == 0)
            since[a] = ms_now();
        else if (ms_now() - since[a] > STALL * 1000)
            doom("HANG: no %s for %d s", act_name(a), STALL);
        last[a] = now;
    }
}

void watch_look(const tally *t, ledger *l)
{
    static int seconds;

    letters_settle(l, WINDOW / 2);
    printf("%4d s: %llu kills, %llu stops, %llu put, %llu got, %llu locks (%llu told), "
           "%llu barriers (%llu broken)\n",
           ++seconds, (unsigned long long)t->kills, (unsigned long long)t->stops,
           (unsigned long long)watch_sum(PUT), (unsigned long long)watch_sum(GET),
           (unsigned long long)(watch_sum(LOCK) + watch_sum(AUTO)),
           (unsigned long long)watch_sum_of(offsetof(member, told)),
           (unsigned long long)watch_sum(BARRIER),
           (unsigned long long)watch_sum_of(offsetof(member, broken)));
    fflush(stdout);
    look_for_hangs();
    look_for_stalls();
}
