/* SPDX-License-Identifier: MIT
 *
 * A parent and his child (see offspring.h).
 */
#include "offspring.h"

#include "atomic.h"
#include "family.h"
#include "ground.h"
#include "heap.h"
#include "kin.h"
#include "server.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LASTS_MS = 8000 };

/* In the heap. */
typedef struct note {
    _Atomic uint32_t begun; /* so often the function */
    _Atomic uint32_t lasts, end;
} note;

static const manner *of(const scene *s)
{
    return s->row->script;
}

static note *note_of(const scene *s)
{
    return s->subject;
}

int offspring_run(void *arg, size_t size)
{
    note *n = *(note **)arg;

    (void)size;
    (void)fw_add_seqcst(&n->begun, 1);
    for (int ms = 0; fw_load_seqcst(&n->lasts) && !fw_load_seqcst(&n->end); ms++) {
        if (ms > LASTS_MS)
            return 1;
        usleep(1000);
    }
    return 0;
}

int offspring_lay(scene *s)
{
    if (ground_lay(s) != 0)
        return 1;
    s->subject = fw_heap_alloc(sizeof(note));
    row_want(s, s->subject != NULL);
    return ground_count(s);
}

/* ---- one child ------------------------------------------------------------------------*/

/* NULL: the start fails. */
static furrow_process *start_one(scene *s, int lasts)
{
    furrow_process_options o = {.start = of(s)->start, .daemon = of(s)->daemon};
    note *n = note_of(s);
    furrow_process *p = furrow_process_new(offspring_run, &n, sizeof n, &o);

    fw_store_seqcst(&n->lasts, (uint32_t)lasts);
    fw_store_seqcst(&n->end, 0);
    fw_store_seqcst(&n->begun, 0);
    if (p && furrow_process_start(p) == 0)
        return p;
    (void)furrow_process_free(p);
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
    furrow_process *p = start_one(s, 0);
    int code = 1;

    row_want(s, p != NULL);
    if (end_one(s, p, &code) != 0)
        return 1;
    row_want(s, code == 0 && note_of(s)->begun == 1);
    return 0;
}

static int do_nothing(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return 0;
}

/* By fork, which needs nobody. */
static int one_beside(scene *s)
{
    furrow_process_options o = {.start = FURROW_START_FORK};
    furrow_process *p = furrow_process_new(do_nothing, NULL, 0, &o);
    int code = 1;

    row_want(s, p && furrow_process_start(p) == 0);
    if (end_one(s, p, &code) != 0)
        return 1;
    row_want(s, code == 0);
    return 0;
}

static void until_ended(const furrow_process *p)
{
    pid_t pid = furrow_process_pid(p);

    for (int ms = 0; ms < 5000 && kin_state(pid) != 'Z' && kin_state(pid); ms++)
        usleep(1000);
}

/* What the parent was told is what was. */
static int is_told(scene *s, furrow_process *p)
{
    int code = 1;

    row_want(s, p || furrow_last_error()->code == FURROW_EDIED);
    if (p && end_one(s, p, &code) != 0)
        return 1;
    row_want(s, row_wait(&s->done));
    row_want(s, s->deaths || (p && code == 0));
    row_want(s, p || note_of(s)->begun == 0);
    row_want(s, !p || code == 0 || code == -SIGKILL || code == FURROW_EXIT_UNKNOWN);
    row_want(s, !p || note_of(s)->begun == 1 || (code != 0 && !note_of(s)->begun));
    return 0;
}

/* ---- the parent -----------------------------------------------------------------------*/

static void be_ready(scene *s)
{
    s->ready = 1;
    (void)row_wait(&s->go);
}

/* Who forked p's process: 0 when that cannot be read. */
static pid_t forker_of(const furrow_process *p)
{
    char path[64], text[512] = "";
    const char *at;
    int parent = 0;
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/stat", furrow_process_pid(p));
    f = fopen(path, "re");
    if (f && fgets(text, sizeof text, f) && (at = strrchr(text, ')')))
        (void)sscanf(at + 1, " %*c %d", &parent);
    if (f)
        fclose(f);
    return parent;
}

/* Weak: else it is inlined, and no place. */
__attribute__((weak)) int offspring_look(furrow_process *p)
{
    return furrow_process_join(p, furrow_in(0.002));
}

static int begin(scene *s)
{
    if (of(s)->ignored)
        signal(SIGCHLD, SIG_IGN);
    return of(s)->warm ? one_more(s) : 0;
}

int offspring_act_parent(scene *s)
{
    furrow_process *p;
    int code = 1;

    if (begin(s) != 0)
        return 1;
    s->victim = getpid();
    be_ready(s);
    p = start_one(s, of(s)->lasts);
    row_want(s, p != NULL);
    if (of(s)->lasts)
        row_want(s, offspring_look(p) == FURROW_ETIME);
    fw_store_seqcst(&note_of(s)->end, 1);
    until_ended(p);
    if (end_one(s, p, &code) != 0)
        return 1;
    fw_server_stop();
    row_want(s, code == 0);
    return 0;
}

int offspring_act_child(scene *s)
{
    if (begin(s) != 0)
        return 1;
    s->victim = getpid();
    be_ready(s);
    return is_told(s, start_one(s, 0)) || one_more(s);
}

/* A child that lasts shows who forks them; then another one is started. */
int offspring_act_starts(scene *s)
{
    furrow_process *first, *p;
    int code = 1;

    if (begin(s) != 0)
        return 1;
    first = start_one(s, 1);
    row_want(s, first != NULL);
    s->victim = forker_of(first);
    fw_store_seqcst(&note_of(s)->end, 1);
    if (end_one(s, first, &code) != 0)
        return 1;
    be_ready(s);
    p = start_one(s, 0);
    row_want(s, p || s->row->how->forks); /* another server does it */
    return is_told(s, p) || one_more(s);
}

int offspring_act_ends(scene *s)
{
    furrow_process *p;

    if (begin(s) != 0)
        return 1;
    p = start_one(s, 1);
    row_want(s, p != NULL);
    s->victim = forker_of(p);
    be_ready(s);
    fw_store_seqcst(&note_of(s)->end, 1);
    return is_told(s, p) || one_more(s);
}

static int be_parent(void *arg)
{
    scene *s = arg;
    furrow_process *p = begin(s) == 0 ? start_one(s, 1) : NULL;

    s->made = p;
    if (p)
        s->victim = forker_of(p);
    usleep(LASTS_MS * 1000);
    return 1;
}

int offspring_act_dies(scene *s)
{
    pid_t parent;

    kin_begin();
    parent = kin_start(be_parent, s);
    for (int ms = 0; ms < 5000 && !s->victim; ms++)
        usleep(1000);
    row_want(s, s->victim != 0);
    be_ready(s);
    kill(parent, SIGKILL);
    row_want(s, kin_end(parent, 5000) == KIN_SIGNAL + SIGKILL);
    row_want(s, row_wait(&s->done));
    return 0;
}

/* ---- after it -------------------------------------------------------------------------*/

/* An orphan goes on, unless it is daemonic: one that lasts is told to end now. */
int offspring_survive(scene *s)
{
    long before = s->number[GROUND_BLOCKS];

    if (!of(s)->daemon)
        fw_store_seqcst(&note_of(s)->end, 1);
    if (family_survive(s) != 0)
        return 1;
    row_want(s, ground_blocks() == before);
    if (one_beside(s) != 0)
        return 1;
    row_want(s, ground_blocks() == before);
    return 0;
}

int offspring_visit(scene *s)
{
    char state = kin_state(s->victim);

    row_want(s, (state != 0 && state != 'Z') || s->relief); /* then it goes on */
    return one_beside(s);
}
