/* SPDX-License-Identifier: MIT
 *
 * Workers: announce, validate, work, leave.
 *
 *   worker                                   driver (dispatch.c)
 *   wait for seq = open(g), g new            write the go line, seq = open(g)
 *   in_gen = g            (seqcst)           ...
 *   seq still open(g)?    (seqcst)           seq = closed(g)        (seqcst)
 *     no: out_gen = g, it was too late       inside = in_gen == g && out_gen != g
 *   work                                     wait until nobody is inside
 *   out_gen = g           (seqcst)
 *
 * Announcement and close are a Dekker pair: a worker that validated is seen by the closing
 * driver, so the line is never rewritten under a reader, and no thief is inside a CAS when
 * the next generation opens. A worker enters a generation at most once.
 *
 * A worker leaves when it saw every share installed and empty; with the caller running and
 * one chunk each, when its own is: the caller sees to what is left. Shares of workers that
 * have not come yet are left to them for the call's grace, then stolen: a worker that never
 * wakes costs nothing but that. Who is not woken on purpose (wake.c; `held`) has no grace.
 *
 * Death at any instruction: a chunk's mark is STARTED before its first effect and DONE
 * after its last, both carry the call's epoch. What is in no range and not STARTED did not
 * happen; STARTED and not DONE is torn: at most one chunk per dead worker. The process is
 * known to be gone before anyone looks, so compiler order is enough between mark and
 * effect; the store of out_gen is what orders them for the living.
 */
#include "worker.h"

#include <string.h>

/* Not __tls_get_addr() twice in each call. */
static _Thread_local int self_index __attribute__((tls_model("initial-exec"))) = -1;

int fw_team_self(void)
{
    return self_index;
}

void fw_worker_be(int index)
{
    self_index = index;
}

void fw_worker_sit(fw_worker *w, int index)
{
    const fw_team *team = w->team;

    w->index = index;
    w->member = &w->control->member[index];
    w->out = fw_control_out(w->control, index);
    w->go = &w->control->go[w->control->group_of[index]];
    w->victims = fw_place_victims(team->place, index);
    w->trace = team->trace ? &team->trace[index] : NULL;
    w->chunks = 0;
}

void fw_worker_init(fw_worker *w, fw_team *team, int index)
{
    memset(w, 0, sizeof *w);
    w->team = team;
    w->control = team->control;
    fw_worker_sit(w, index);
    w->last = fw_load_seqcst(w->out); /* of its slot: that one is over for it */
    fw_idle_init(&w->idle,
                 !(team->place->worker[index].flags & FW_PLACE_OVERSUBSCRIBED));
}

/* ---- one chunk ----------------------------------------------------------------------*/

/* Keep the lowest failing chunk: the result does not depend on who was faster. */
static void note_error(fw_control *c, uint32_t chunk, int value)
{
    uint64_t mine = (uint64_t)chunk << 32 | (uint32_t)value;
    uint64_t seen = fw_load_relaxed(&c->error);

    while (mine < seen && !fw_cas_seqcst(&c->error, &seen, mine))
        ;
}

/* Chunks above a failed one, and all of a cancelled call, are not started. */
static int wanted(fw_worker *w, uint32_t chunk)
{
    fw_control *c = w->control;

    if (w->deadline && fw_os_now() >= w->deadline)
        fw_cancel(c, w->epoch);
    return fw_load_relaxed(&c->cancel) != w->epoch &&
           chunk <= fw_load_relaxed(&c->error) >> 32;
}

static int run_traced(fw_worker *w, uint32_t chunk, uint32_t stolen)
{
    fw_trace *t = fw_tracering_begin(w->trace, (fw_trace){.start = fw_os_now(),
                                                          .epoch = w->epoch,
                                                          .chunk = chunk,
                                                          .stolen = stolen});
    int rc = w->run(w->job.payload, chunk, w->index);

    t->end = fw_os_now();
    return rc;
}

/* k: number in this dispatch; chunk: number in the call.
 * release: control.mark -> fw_reap_scan(), fw_reap_incomplete() */
static void run_chunk(fw_worker *w, uint32_t k, uint32_t stolen)
{
    const fw_control *c = w->control;
    const uint32_t room = c->mark_room, shift = c->mark_shift & 31;
    _Atomic uint64_t *mark;
    uint32_t chunk = k;
    int rc;

    if (c->listed)
        chunk = k < room ? c->list[k] : room;
    if ((uint64_t)chunk << shift >= room || !wanted(w, chunk))
        return; /* `room`: a stray store into a range or the list */
    mark = &c->mark[(size_t)chunk << shift];
    fw_store_relaxed(mark, fw_mark(w->epoch, w->index, FW_MARK_STARTED));
    fw_fence_death();
    rc = w->trace ? run_traced(w, chunk, stolen)
                  : w->run(w->job.payload, chunk, w->index);
    if (rc)
        note_error(w->control, chunk, rc);
    fw_fence_death();
    fw_store_release(mark, fw_mark(w->epoch, w->index, FW_MARK_DONE));
    fw_count(&w->member->count[FW_COUNT_chunks]);
    if (w->alone_until && fw_os_now() >= w->alone_until) {
        w->alone_until = 0;
        (void)fw_idle_wake(w->control, 0, 2, w->index);
    }
}

/* ---- its own share ------------------------------------------------------------------*/

/* Take the first chunk of the own range, installing it when it is not. 0: none left. */
static int take_own(fw_worker *w, uint64_t g, uint32_t *k)
{
    uint64_t word = fw_load_acquire(&w->member->range);

    for (;;) {
        int installed = fw_range_installed(word, g), some;
        fw_range r = installed ? fw_range_of(word) : w->band;

        some = r.begin < r.end;
        if (installed && !some)
            return 0;
        if (some)
            *k = r.begin++;
        if (fw_cas_seqcst(&w->member->range, &word, fw_range_pack(g, r)))
            return some;
    }
}

/* ---- stealing -----------------------------------------------------------------------*/

enum { EMPTY, LATER, STOLEN };

/* Half of what the victim has left, from the tail: the first stolen chunk is ours to run,
 * the rest becomes our range. */
static int steal_half(fw_worker *w, uint64_t g, int victim, uint64_t word, fw_range r)
{
    uint32_t half = (r.end - r.begin + 1) / 2, first = r.end - half;
    fw_range rest = {first + 1, r.end};

    r.end = first;
    if (!fw_cas_seqcst(&w->control->member[victim].range, &word, fw_range_pack(g, r)))
        return -1;
    /* Ours is installed and empty: nobody else writes it. */
    fw_store_release(&w->member->range, fw_range_pack(g, rest));
    fw_count(&w->member->count[FW_COUNT_steals]);
    return (int)first;
}

/* One look at a victim. STOLEN: *k is the chunk. LATER: it has a share that is not ours to
 * take yet. */
static int try_steal(fw_worker *w, int victim, int grace_over, uint32_t *k)
{
    fw_member *m = &w->control->member[victim];
    uint64_t word, g = w->last;
    fw_range r;
    int chunk;

    if (fw_load_acquire(fw_control_out(w->control, victim)) == g)
        return EMPTY; /* it left: its range is empty for good */
    word = fw_load_acquire(&m->range);
    if (fw_range_installed(word, g)) {
        r = fw_range_of(word);
    } else {
        r = fw_range_band(w->chunks, victim, w->team->place->workers);
        if (r.begin < r.end && !grace_over && victim != w->go->held &&
            !w->alone_until && !fw_member_is_dead(m))
            return LATER;
    }
    if (r.begin >= r.end)
        return EMPTY;
    chunk = steal_half(w, g, victim, word, r);
    if (chunk < 0)
        return LATER;
    *k = (uint32_t)chunk;
    return STOLEN;
}

/* Nearest victim first. Returns STOLEN, or EMPTY when all shares are installed and empty. */
static int steal(fw_worker *w, uint32_t *k)
{
    int64_t grace_until = 0;
    int later, grace_over = 0;

    for (unsigned round = 0;; round++) {
        later = 0;
        for (int v = 0; v < w->team->place->workers - 1; v++) {
            int rc = try_steal(w, w->victims[v], grace_over, k);

            if (rc == STOLEN)
                return STOLEN;
            later |= rc == LATER;
        }
        if (!later)
            return EMPTY;
        if (!grace_until)
            grace_until = fw_os_now() + w->go->grace_ns;
        grace_over = round > 0 && fw_os_now() >= grace_until;
        for (unsigned p = 0; p < (round < 6 ? 1u << round : 64u); p++)
            fw_pause();
    }
}

/* One chunk each: there is nothing to steal but from workers that never come. The caller
 * gives them a moment, looking only at the line that it must look at anyway: each look at
 * a working worker's line takes that line from it. */
static int others_left(fw_worker *w)
{
    fw_control *c = w->control;

    for (int looks = w == w->team->caller && !w->alone_until ? 64 : 0; looks > 0;
         looks--) {
        int i = 0;

        while (i < c->workers &&
               (i == w->index || fw_load_acquire(fw_control_out(c, i)) == w->last))
            i++;
        if (i == c->workers)
            return 1;
        fw_pause();
    }
    return 0;
}

/* ---- a generation -------------------------------------------------------------------*/

/* Two divisions, a tenth of a dispatch: done when the number of chunks changes. */
fw_range fw_worker_band(fw_worker *w, uint32_t chunks)
{
    if (w->chunks != chunks) {
        w->chunks = chunks;
        w->band = fw_range_band(chunks, w->index, w->team->place->workers);
    }
    return w->band;
}

static size_t at_most(size_t size, size_t most)
{
    return size < most ? size : most;
}

/* The job changes seldom, and then it is copied once; the tail may change every time. */
static void learn_job(fw_worker *w)
{
    const fw_job *job = &w->control->job;
    const fw_go *go = w->go;

    w->epoch = w->last - go->reruns;
    (void)fw_worker_band(w, go->chunks);
    if (w->job.version != go->version) {
        w->job.kind = job->kind;
        w->run = fw_job_runs[w->job.kind < FW_JOB_KINDS ? w->job.kind : FW_JOB_NONE];
        w->job.size = at_most(job->size, FW_JOB_PAYLOAD);
        memcpy(w->job.payload, job->payload, w->job.size);
        w->job.version = go->version;
    }
    fw_tail_copy(
        w->job.payload + w->job.size, go->tail,
        at_most(at_most(go->tail_size, FW_GO_TAIL), FW_JOB_PAYLOAD - w->job.size));
}

void fw_worker_work(fw_worker *w, uint64_t generation)
{
    uint32_t k = 0;

    w->last = generation;
    learn_job(w);
    while (take_own(w, generation, &k))
        run_chunk(w, k, 0);
    if (w->chunks <= (uint32_t)w->control->workers && (w->polite || others_left(w)))
        return;
    while (steal(w, &k) == STOLEN) {
        run_chunk(w, k, 1);
        while (take_own(w, generation, &k))
            run_chunk(w, k, 1);
    }
}

/* Is another than `self` still at work? The dead are not, whose announcements stay. */
static int others_inside(fw_control *c, uint64_t g, int self)
{
    for (int i = 0; i < c->workers; i++)
        if (i != self && fw_control_inside(c, i, g) &&
            !fw_member_is_dead(&c->member[i]))
            return 1;
    return 0;
}

/* On the driver's own CPU: it sleeps, so that a wake from here is cheap and one from
 * another CPU is not. Stay until the others are out, for a moment at most. */
static void wait_for_others(fw_worker *w, uint64_t g)
{
    int64_t until = fw_os_now() + 100 * 1000;

    while (others_inside(w->control, g, w->index) && fw_os_now() < until)
        fw_pause();
}

static void wake_driver(fw_worker *w)
{
    fw_control *c = w->control;

    if (fw_load_seqcst(&c->driver_sleeps) == FW_SLEEPS_SUPERVISOR) {
        w->team->start->notify(w->team);
        return;
    }
    fw_add_seqcst(&c->join, 1);
    fw_os_futex_wake(&c->join, 1);
}

/* release: member.out -> take_tally(), all_left() */
static void leave(fw_worker *w, uint64_t g)
{
    fw_control *c = w->control;

    if (fw_load_relaxed(&c->caller_cpu) == fw_load_relaxed(&c->cpu_of[w->index]))
        wait_for_others(w, g);
    fw_swap_seqcst(w->out, g);
    if (fw_load_seqcst(&c->driver_sleeps) && !others_inside(c, g, w->index))
        wake_driver(w);
}

static void generation(fw_worker *w, uint64_t seq)
{
    uint64_t g = fw_seq_generation(seq);

    w->last = g;
    fw_prefetch_write(w->out);
    fw_swap_seqcst(&w->member->in_gen, g);
    if (fw_load_seqcst(&w->go->seq) != seq) {
        fw_count(&w->member->count[FW_COUNT_late]);
        leave(w, g); /* the driver may have seen us inside, and sleep */
        return;
    }
    w->polite = fw_seq_seat(seq) >= 0;
    fw_worker_work(w, g);
    leave(w, g);
}

void fw_worker_loop(fw_worker *w)
{
    fw_worker_be(w->index);
    for (;;) {
        uint64_t seq = fw_idle_wait(w->control, &w->idle, w->index, w->last);

        if (seq == FW_SEQ_STOP)
            return;
        generation(w, seq);
    }
}
