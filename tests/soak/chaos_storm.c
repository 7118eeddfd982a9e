/* SPDX-License-Identifier: MIT
 *
 * The storm: one thread that kills members, stops them for a while, and replaces the dead.
 *
 * It forks, so it is the only thread of its process; and it waits for nothing that a
 * stopped member may have: whatever could take the heap's lock is done only after all
 * members go on. Members are its own children, whose ids are theirs until it has buried
 * them; those of the forkserver are killed through their handles.
 */
#include "chaos.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REST_US = 4000, STOP_MS = 25, STOPPED = 4 };

static struct seat {
    pid_t pid;               /* 0: nobody */
    int shot;                /* a signal that ends it is under way */
    int64_t until;           /* ms, when it is stopped; else 0 */
    furrow_process *process; /* of a served one */
} seat[MEMBERS];

int storm_state(unsigned slot, long *pid)
{
    *pid = seat[slot].pid;
    return seat[slot].pid == 0 ? -1 : seat[slot].until != 0;
}

/* ---- begin and end of a member --------------------------------------------------------*/

typedef struct order {
    board *board;
    unsigned slot;
} order;

static int serve(void *arg, size_t size)
{
    const order *o = arg;

    (void)size;
    chaos = o->board;
    return member_live(o->slot);
}

static void go_on(struct seat *s)
{
    if (s->until)
        (void)kill(s->pid, SIGCONT);
    s->until = 0;
}

static void all_go_on(void)
{
    for (unsigned i = 0; i < MEMBERS; i++)
        go_on(&seat[i]);
}

static void start_served(unsigned i)
{
    order o = {chaos, i};
    furrow_process_options options = {.daemon = 1, .start = FURROW_START_FORKSERVER};

    all_go_on();
    seat[i].process = furrow_process_new(serve, &o, sizeof o, &options);
    if (!seat[i].process || furrow_process_start(seat[i].process) < 0)
        doom("no process: %s", furrow_last_error()->text);
    seat[i].pid = furrow_process_pid(seat[i].process);
}

static void start(unsigned i)
{
    pid_t pid;

    seat[i] = (struct seat){0};
    if (i >= MEMBERS - SERVED) {
        start_served(i);
        return;
    }
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        _exit(member_live(i));
    }
    if (pid < 0)
        doom("no fork");
    seat[i].pid = pid;
}

static void note_end(unsigned i, tally *t, int code)
{
    member *m = &chaos->member[i];

    if (code == 0)
        t->ends++;
    else if (!seat[i].shot || (code != -SIGKILL && code != -SIGTERM))
        doom("member %u (%d) ended with %d", i, (int)seat[i].pid, code);
    else if (code == -SIGKILL)
        t->kills++;
    else
        t->terms++;
    if (code != 0) {
        t->dead[fw_load_seqcst(&m->act)]++;
        t->served += i >= MEMBERS - SERVED;
    }
    fw_store_seqcst(&m->act, IDLE);
    fw_store_seqcst(&m->token, 0);
    seat[i].pid = 0;
}

static int has_ended(unsigned i, int *code)
{
    int status;

    if (!seat[i].process) {
        if (waitpid(seat[i].pid, &status, WNOHANG) != seat[i].pid)
            return 0;
        *code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
        return 1;
    }
    if (furrow_process_is_alive(seat[i].process))
        return 0;
    all_go_on();
    if (furrow_process_exit_code(seat[i].process, code) < 0 ||
        furrow_process_free(seat[i].process) < 0)
        doom("a process that has ended: %s", furrow_last_error()->text);
    return 1;
}

/* Bury the dead; returns how many live. */
static unsigned bury(tally *t)
{
    unsigned alive = 0;

    for (unsigned i = 0; i < MEMBERS; i++) {
        int code;

        if (seat[i].pid && has_ended(i, &code))
            note_end(i, t, code);
        alive += seat[i].pid != 0;
    }
    return alive;
}

/* ---- shots ----------------------------------------------------------------------------*/

static void shoot(dice *d, unsigned i)
{
    struct seat *s = &seat[i];
    int gently = roll(d, 16) == 0;

    if (!s->pid || s->shot)
        return;
    s->shot = 1;
    if (s->process)
        (void)(gently ? furrow_process_terminate(s->process)
                      : furrow_process_kill(s->process));
    else
        (void)kill(s->pid, gently ? SIGTERM : SIGKILL);
    if (gently)
        go_on(s);
}

static void stop(dice *d, unsigned i, tally *t)
{
    unsigned stopped = 0;

    for (unsigned k = 0; k < MEMBERS; k++)
        stopped += seat[k].until != 0;
    if (!seat[i].pid || seat[i].shot || seat[i].process || stopped >= STOPPED)
        return;
    if (kill(seat[i].pid, SIGSTOP) == 0) {
        seat[i].until = ms_now() + 1 + roll(d, STOP_MS);
        t->stops++;
    }
}

static void strike(dice *d, tally *t)
{
    unsigned burst = roll(d, 256) == 0 ? MEMBERS : 1 + roll(d, 2);

    for (unsigned k = 0; k < burst; k++)
        shoot(d, burst == MEMBERS ? k : roll(d, MEMBERS));
    if (roll(d, 3) == 0)
        stop(d, roll(d, MEMBERS), t);
    for (unsigned i = 0; i < MEMBERS; i++)
        if (seat[i].until && ms_now() >= seat[i].until)
            go_on(&seat[i]);
}

void storm_run(double until, tally *t, ledger *l)
{
    dice d = dice_of(170);
    double next = seconds_now() + 1;

    while (seconds_now() < until) {
        for (unsigned i = 0; i < MEMBERS; i++)
            if (!seat[i].pid)
                start(i);
        nap_us(roll(&d, REST_US));
        strike(&d, t);
        (void)bury(t);
        if (furrow_event_set(chaos->event) < 0)
            doom("event: %s", furrow_last_error()->text);
        if (seconds_now() >= next) {
            next += 1;
            watch_look(t, l);
        }
    }
}

void storm_end(tally *t)
{
    double until = seconds_now() + PATIENCE;

    fw_store_seqcst(&chaos->over, 1);
    all_go_on();
    while (bury(t)) {
        (void)furrow_event_set(chaos->event);
        if (seconds_now() > until)
            doom("HANG: members do not end");
        nap_us(1000);
    }
}
