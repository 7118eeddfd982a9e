/* SPDX-License-Identifier: MIT
 *
 * Rows of processes by fork: whoever starts, joins or frees one, and the one that is born.
 * After a death nobody lives who was not let go, nothing of them is in the heap, and others
 * can start others; a parent is told how its child ended.
 */
#include "rows.h"

#include "birth.h"
#include "family.h"
#include "furrow_process.h"
#include "ground.h"
#include "kin.h"

#include <signal.h>
#include <unistd.h>

enum { HAS_RUN = GROUND_OWN };

static scene *stage; /* of this world */

static int lay(scene *s)
{
    stage = s;
    return ground_lay(s);
}

/* What the child runs: where its birth ends. */
static int run(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    stage->number[HAS_RUN] = 1;
    return 0;
}

static void until_ended(furrow_process *p)
{
    pid_t pid = furrow_process_pid(p);

    for (int ms = 0; ms < 5000 && kin_state(pid) != 'Z' && kin_state(pid); ms++)
        usleep(1000);
}

/* row.gone: a daemonic one, below a keeper. */
static furrow_process *start_one(scene *s)
{
    furrow_process_options o = {.start = FURROW_START_FORK, .daemon = s->row->gone};
    furrow_process *p = furrow_process_new(run, "x", 2, &o);

    if (p && furrow_process_start(p) == 0)
        return p;
    (void)row_failed(s, __FILE__, __LINE__, "a process starts");
    return NULL;
}

static int end_one(scene *s, furrow_process *p, int *code)
{
    row_want(s, furrow_process_join(p, furrow_in(8)) == 0);
    row_want(s, furrow_process_exit_code(p, code) == 0);
    row_want(s, furrow_process_free(p) == 0);
    return 0;
}

static int one_more(scene *s)
{
    furrow_process *p = start_one(s);
    int code = 1;

    if (!p || end_one(s, p, &code) != 0)
        return 1;
    row_want(s, code == 0);
    return 0;
}

/* The parent is the victim. */
static int be_parent(scene *s)
{
    furrow_process *p;
    int code = 1;

    s->victim = getpid();
    s->ready = 1;
    row_want(s, row_wait(&s->go));
    p = start_one(s);
    if (!p)
        return 1;
    until_ended(p);
    if (end_one(s, p, &code) != 0)
        return 1;
    row_want(s, code == 0);
    return 0;
}

/* His child is: it has run, or was killed, and he knows which. */
static int have_child(scene *s)
{
    furrow_process *p;
    int code = 1;

    s->victim = getpid();
    s->ready = 1;
    row_want(s, row_wait(&s->go));
    p = start_one(s);
    if (!p || end_one(s, p, &code) != 0)
        return 1;
    row_want(s, row_wait(&s->done));
    row_want(s, s->deaths && !s->number[HAS_RUN] ? code == -SIGKILL : code == 0);
    return one_more(s);
}

static int survive(scene *s)
{
    long before = s->number[GROUND_BLOCKS];

    if (family_survive(s) != 0)
        return 1;
    row_want(s, ground_blocks() == before);
    if (one_more(s) != 0)
        return 1;
    row_want(s, ground_blocks() == before);
    return 0;
}

static int start_beside(scene *s)
{
    row_want(s, kin_state(s->victim) != 0 && kin_state(s->victim) != 'Z');
    return one_more(s);
}

static const operation making = {.object = "process",
                                 .name = "new",
                                 .set_up = lay,
                                 .act = be_parent,
                                 .from = row_at(furrow_process_new_sized),
                                 .survive = survive,
                                 .visit = start_beside};

static const operation starting = {.object = "process",
                                   .name = "start",
                                   .set_up = lay,
                                   .act = be_parent,
                                   .from = row_at(furrow_process_start),
                                   .steps = 1,
                                   .survive = survive,
                                   .visit = start_beside};

static const operation joining = {.object = "process",
                                  .name = "join",
                                  .set_up = lay,
                                  .act = be_parent,
                                  .from = row_at(furrow_process_join),
                                  .survive = survive,
                                  .visit = start_beside};

static const operation freeing = {.object = "process",
                                  .name = "free",
                                  .set_up = lay,
                                  .act = be_parent,
                                  .from = row_at(furrow_process_free),
                                  .survive = survive,
                                  .visit = start_beside};

/* From its first instruction to its function. */
static const operation being_born = {.object = "process",
                                     .name = "birth",
                                     .set_up = lay,
                                     .act = have_child,
                                     .from = row_at(furrow_process_start),
                                     .forks = 1,
                                     .to = row_at(run),
                                     .steps = 1,
                                     .survive = survive};

/* .gone: a daemonic one */
static const row rows[] = {
    {.how = &making, .position = "fork"},
    {.how = &starting, .position = "fork"},
    {.how = &starting, .position = "daemon", .gone = 1},
    {.how = &joining, .position = "ended"},
    {.how = &freeing, .position = "ended"},
    {.how = &being_born, .position = "fork"},
};

const row_table process_rows = {rows, sizeof rows / sizeof *rows};
