/* SPDX-License-Identifier: MIT
 *
 * A world (see world.h, and row.h for who is who).
 *
 * The world is the tracer of its victim. All its processes are one process group, which
 * the judge kills in the end; each dies with its parent, too.
 */
#include "world.h"

#include "descent.h"
#include "heap.h"
#include "kin.h"
#include "tracee.h"
#include "watch.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WORLD_MS = 60000,
    PATIENCE_MS = 10000, /* for whoever must end */
    VISIT_MS = 4,        /* for a visitor, before the stopped victim goes on */
    WHOLE = 0,
    BROKEN = 1
};

static world *here; /* of this process */
static pid_t rival, actor;

int row_failed(scene *s, const char *file, int line, const char *what)
{
    const char *name = strrchr(file, '/');

    if (!s->text[0])
        snprintf(s->text, sizeof s->text, "%s:%d: not so: %s (%.300s)",
                 name ? name + 1 : file, line, what, furrow_last_error()->text);
    return BROKEN;
}

__attribute__((format(printf, 1, 2))) static int broken(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!here->scene->text[0])
        vsnprintf(here->scene->text, sizeof here->scene->text, format, args);
    va_end(args);
    return BROKEN;
}

int row_wait(_Atomic int *word)
{
    for (int ms = 0; ms < PATIENCE_MS * 10 && !*word; ms++)
        usleep(100);
    return *word != 0;
}

void row_name(const row *r, int stop, char *text, size_t size)
{
    char name[64];

    snprintf(name, sizeof name, "%s%s%s", r->how->name, stop ? "_stopped" : "",
             stop || r->deaths < 2 ? ""
             : r->deaths == 2      ? "_recovered"
                                   : "_recovered_twice");
    snprintf(text, size, "%-14s %-24s %-18s", r->how->object, name, r->position);
}

int row_is_control(const row *r)
{
    return strncmp(r->how->object, "glibc_", 6) == 0;
}

/* How somebody ended who should have ended well. */
static int ended_well(const char *who, int status)
{
    if (status == 0)
        return WHOLE;
    if (status == KIN_HANGS)
        return broken("%s hangs", who);
    if (status >= KIN_SIGNAL)
        return broken("%s was ended by signal %d", who, status - KIN_SIGNAL);
    return broken("%s ended with status %d", who, status);
}

static int patience(void)
{
    return here->row->how->patience_ms ? here->row->how->patience_ms : PATIENCE_MS;
}

/* ---- those who play ---------------------------------------------------------------*/

static int run_rival(void *arg)
{
    (void)arg;
    return here->row->rival(here->scene);
}

static int run_actor(void *arg)
{
    (void)arg;
    return here->row->how->act(here->scene);
}

static int run_recoverer(void *arg)
{
    scene *s = here->scene;

    (void)arg;
    s->victim = getpid();
    return here->row->how->recover(s);
}

static int run_victim(void *arg)
{
    const row *r = here->row;
    scene *s = here->scene;

    (void)arg;
    s->victim = getpid();
    if (r->how->warm_up && r->how->warm_up(s) != 0)
        return BROKEN;
    if (r->how->operate(s) != 0)
        return BROKEN;
    s->done = 1;
    return r->how->finish ? r->how->finish(s) : WHOLE;
}

static int run_survivor(void *arg)
{
    const row *r = here->row;

    (void)arg;
    if (r->how->survive && r->how->survive(here->scene) != 0)
        return BROKEN;
    if (fw_segment_peek() && furrow_fsck() < 0)
        return broken("in the end: %s", furrow_last_error()->text);
    return WHOLE;
}

static int run_visitor(void *arg)
{
    (void)arg;
    return here->row->how->visit(here->scene);
}

/* ---- the victim's way -------------------------------------------------------------*/

/* It sleeps: let go what it waits for. */
static tracee_state relieve(tracee *t)
{
    tracee_state state = TRACEE_ASLEEP;

    here->scene->relief = 1;
    for (int64_t until = kin_now() + (int64_t)PATIENCE_MS * 1000000;
         state == TRACEE_ASLEEP && kin_now() < until;)
        state = tracee_wake(t);
    return state;
}

static tracee_state go_to(tracee *t, uintptr_t pc, long nth)
{
    tracee_state state = tracee_run(t, pc, nth);

    return state == TRACEE_ASLEEP ? relieve(t) : state;
}

/* An actor leads it there, and it may sleep on the way. */
static tracee_state be_led(tracee *t, uintptr_t pc, long nth)
{
    tracee_state state = tracee_run(t, pc, nth);

    for (int64_t until = kin_now() + (int64_t)PATIENCE_MS * 1000000;
         state == TRACEE_ASLEEP && kin_now() < until;)
        state = tracee_wake(t);
    return state;
}

static int meet_actor(tracee *t)
{
    scene *s = here->scene;

    actor = kin_start(run_actor, NULL);
    if (!row_wait(&s->ready))
        return broken("the actor is not ready");
    if (tracee_seize(t, s->victim) != 0)
        return broken("process %d cannot be traced", (int)s->victim);
    t->foreign = tracee_word(t, (uintptr_t)&here) != (uintptr_t)here;
    s->go = 1;
    return WHOLE;
}

static int be_led_to_window(tracee *t)
{
    const operation *how = here->row->how;
    uintptr_t from = (uintptr_t)how->from;

    if ((from && be_led(t, from, how->entries ? how->entries : 1) != TRACEE_STOPPED) ||
        (how->behind && be_led(t, tracee_return(t), 1) != TRACEE_STOPPED))
        return broken("the victim does not come to the window");
    for (int i = 0; i < how->forks; i++)
        if (descent_follow(t) != 0)
            return broken("the victim does not fork");
    if (how->runs && descent_run(t) != 0)
        return broken("the victim does not run a program");
    if (how->then && be_led(t, (uintptr_t)how->then, 1) != TRACEE_STOPPED)
        return broken("the victim does not come to its last place");
    here->scene->arrived = 1;
    if (how->waits && !row_wait(&here->scene->proceed))
        return broken("the victim may not proceed");
    return WHOLE;
}

/* To the first instruction of the window of whoever comes after so many deaths. */
static int enter(tracee *t, int deaths)
{
    const row *r = here->row;
    uintptr_t from = (uintptr_t)(deaths         ? row_at(r->how->recover)
                                 : r->how->from ? r->how->from
                                                : row_at(r->how->operate));

    if (r->how->act) {
        return meet_actor(t) != WHOLE ? BROKEN : be_led_to_window(t);
    } else if (tracee_fork(t, deaths ? run_recoverer : run_victim, NULL) != 0) {
        return WIFEXITED(t->status) && WEXITSTATUS(t->status) == 77
                   ? 77
                   : broken("no victim");
    }
    if (go_to(t, from, !deaths && r->how->entries ? r->how->entries : 1) !=
        TRACEE_STOPPED)
        return broken("the victim does not come to the window");
    return WHOLE;
}

/* After a change: what is in the heap is whole, whoever holds the lock. */
static int look(tracee *t)
{
    int news = watch_changed();

    if (news && fw_segment_peek() && fw_heap_check(fw_segment_peek()) < 0)
        return broken("after %ld steps: %s", here->trail->steps,
                      furrow_last_error()->text);
    if (tracee_list_changed(t))
        news = 1;
    if (news)
        trail_mark(here->trail, TRAIL_NEWS);
    return WHOLE;
}

/* The window is over at the entry of `to`, or when the function has returned. */
static int record(tracee *t)
{
    uintptr_t to = here->earlier ? 0 : (uintptr_t)here->row->how->to;
    uintptr_t frame = to ? 0 : t->sp, end = to ? to : tracee_return(t);

    (void)watch_changed();
    (void)tracee_list_changed(t);
    while (t->pc != end || t->sp <= frame) {
        int call = tracee_at_call(t);
        tracee_state state;

        if (trail_add(here->trail, t->pc) != 0)
            return broken("the window is longer than %d steps", TRAIL_MOST);
        state = tracee_step(t);
        if (state == TRACEE_ASLEEP) {
            trail_mark(here->trail, TRAIL_SLEEPS);
            state = relieve(t);
        }
        if (state != TRACEE_STOPPED)
            return broken("the victim is lost after %ld steps", here->trail->steps);
        if (call)
            trail_mark(here->trail, TRAIL_NEWS);
        if (look(t) != WHOLE)
            return BROKEN;
    }
    here->trail->end = end;
    return WHOLE;
}

/* So many steps, but not beyond the window. The last one may sleep. */
static tracee_state step_to_place(tracee *t, const trail_place *place)
{
    uintptr_t to = (uintptr_t)here->row->how->to, frame = to ? 0 : t->sp;
    uintptr_t end = to ? to : tracee_return(t);
    tracee_state state = TRACEE_STOPPED;

    for (long i = 1; state == TRACEE_STOPPED && i <= place->more; i++) {
        state = tracee_step(t);
        if (state == TRACEE_ASLEEP && i < place->more)
            state = relieve(t);
        if (t->pc == end && t->sp > frame)
            break;
    }
    return state;
}

/* From the window's first instruction to the kill point. */
static int go_to_place(tracee *t, const trail_place *place)
{
    tracee_state state =
        place->pc ? go_to(t, place->pc, place->nth) : step_to_place(t, place);

    for (long i = 0; place->pc && state == TRACEE_STOPPED && i < place->more; i++)
        state = tracee_step(t);
    if (state == TRACEE_GONE &&
        WIFEXITED(t->status)) { /* it took another way this time */
        actor = t->pid == actor ? 0 : actor;
        t->pid = 0;
        return ended_well("the victim", WEXITSTATUS(t->status));
    }
    return state == TRACEE_LOST ? broken("the victim is lost on its way") : WHOLE;
}

/* ---- after it ---------------------------------------------------------------------*/

static int survive(void)
{
    int rc = WHOLE;

    here->scene->done |= here->row->how->act != NULL;
    here->scene->relief = 1;
    if (actor > 0)
        rc = ended_well("the actor", kin_end(actor, patience()));
    if (rc == WHOLE)
        rc = ended_well("the survivor",
                        kin_end(kin_start(run_survivor, NULL), patience()));
    if (rc == WHOLE && rival > 0)
        rc = ended_well("the rival", kin_end(rival, patience()));
    return rc;
}

static int killed(tracee *t)
{
    if (t->pid && tracee_kill(t) != 0)
        return broken("the victim would not die: status %#x", (unsigned)t->status);
    if (t->pid == actor)
        actor = 0;
    here->scene->deaths++;
    return WHOLE;
}

/* It was left, and comes to its end by itself. An actor knows who is his victim. */
static int finished(const tracee *t)
{
    if (!here->row->how->act &&
        ended_well("the victim", kin_end(t->pid, patience())) != WHOLE)
        return BROKEN;
    return survive();
}

static int stopped(tracee *t)
{
    int visit_ms = here->row->how->visit_ms;
    pid_t visitor;
    int status;

    if (!t->pid)
        return survive();
    if (tracee_leave_stopped(t) != 0)
        return broken("the victim would not stop");
    here->scene->stopped = 1;
    visitor = kin_start(run_visitor, NULL);
    status = kin_wait(visitor, visit_ms ? visit_ms : VISIT_MS);
    here->scene->relief = 1;
    kill(t->pid, SIGCONT);
    if (status == KIN_HANGS) /* so far: it waits for the victim */
        status = kin_end(visitor, patience());
    if (ended_well("the visitor", status) != WHOLE)
        return BROKEN;
    return finished(t);
}

static int profile(tracee *t)
{
    watch_heap();
    watch_add(here->scene->object, SCENE_OBJECT);
    if (here->row->how->watch && here->row->how->watch(here->scene) != 0)
        return BROKEN;
    trail_begin(here->trail);
    if (record(t) != WHOLE)
        return BROKEN;
    if (tracee_leave(t) != 0)
        return broken("the victim cannot be left");
    return finished(t);
}

/* ---- all of it --------------------------------------------------------------------*/

static int begin(void)
{
    const row *r = here->row;

    setpgid(0, 0);
    kin_begin();
    if (r->how->act) /* so that its family are descendants, who may be traced */
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (r->how->set_up && r->how->set_up(here->scene) != 0)
        return BROKEN;
    if (!r->rival)
        return WHOLE;
    rival = kin_start(run_rival, NULL);
    if (!row_wait(&here->scene->ready))
        return broken("the rival is not ready");
    for (int i = 0; i < 100 && kin_state(rival) != 'S'; i++)
        usleep(100);
    return WHOLE;
}

static int play(void *arg)
{
    tracee victim;
    int rc;

    here = arg;
    rc = begin();
    for (int d = 0; rc == WHOLE && d < here->earlier; d++) {
        rc = enter(&victim, d);
        if (rc == WHOLE)
            rc = go_to_place(&victim, &here->place[d]);
        if (rc == WHOLE)
            rc = killed(&victim);
    }
    if (rc == WHOLE)
        rc = enter(&victim, here->earlier);
    if (rc == WHOLE && here->mode == WORLD_PROFILE)
        return profile(&victim);
    if (rc == WHOLE)
        rc = go_to_place(&victim, &here->place[here->earlier]);
    if (rc == WHOLE && here->mode == WORLD_STOP)
        return stopped(&victim);
    if (rc == WHOLE)
        rc = killed(&victim);
    return rc == WHOLE ? survive() : rc;
}

int world_run(world *w)
{
    unsigned variant = w->scene->variant;
    pid_t pid;
    int status;

    memset(w->scene, 0, sizeof *w->scene);
    w->scene->variant = variant;
    w->scene->row = w->row;
    w->scene->stops = w->mode == WORLD_STOP;
    here = w;
    pid = kin_start(play, w);
    setpgid(pid, pid);
    status = kin_end_group(pid, WORLD_MS);
    if (status == KIN_SIGNAL + SIGKILL) /* nobody here does that */
        return WORLD_LOST;
    if (status != 0 && status != 77)
        status = ended_well("the world", status);
    return status;
}
