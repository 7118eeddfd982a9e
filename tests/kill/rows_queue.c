/* SPDX-License-Identifier: MIT
 *
 * Rows of queues: a message is put, or got, in all places of the ring.
 *
 * Messages are numbers, of sixteen bytes in place or of so many that they need a block. How
 * the queue came to where it is is told by the row's layout, a letter each:
 *
 *   p, b   put the next number, in place or in a block
 *   g      get one
 *   c, t   a process claims a slot, or takes a message, and is killed
 *
 * In the end the queue holds each number that was put and not got, once and in order; but the
 * victim's own may be there or not, and one that it was getting may be gone. Then it is used
 * all around, and freed, and nothing is left.
 */
#include "rows.h"

#include "ground.h"
#include "heap.h"
#include "kin.h"
#include "participant.h"
#include "queue.h"
#include "watch.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum {
    CAPACITY = 4,
    IN_PLACE = 16,
    BLOCK = 3000,
    NUMBERS = 20,
    MINE = 30,
    VISITOR = 40
};
enum {
    PUT = GROUND_OWN, /* scene.number[]: sets of numbers: put before the window, */
    GOT,              /* or got by whoever lives to tell, */
    COME,             /* put by the victim, or the visitor, who lived to tell */
    NEXT              /* the next number */
};

typedef struct letter {
    uint64_t number;
    char rest[BLOCK - 8];
} letter;

static furrow_queue *queue(scene *s)
{
    return s->subject;
}

static void note(scene *s, int set, uint64_t number)
{
    s->number[set] |= 1L << number;
}

static int put_number(scene *s, uint64_t number, size_t size, furrow_deadline deadline)
{
    static letter l;

    l.number = number;
    memset(l.rest, (int)number, sizeof l.rest);
    return furrow_queue_put(queue(s), &l, size, deadline);
}

/* The next number, or -1: none; -2: something is wrong with it. */
static int get_number(scene *s, furrow_deadline deadline)
{
    static letter l;
    size_t size = 0;
    int rc = furrow_queue_get(queue(s), &l, sizeof l, &size, deadline);

    if (rc != 0)
        return rc == FURROW_EEMPTY || rc == FURROW_ECLOSED ? -1 : -2;
    if ((size != IN_PLACE && size != BLOCK) || l.number > VISITOR)
        return -2;
    for (size_t i = 0; i < size - 8; i++)
        if (l.rest[i] != (char)l.number)
            return -2;
    return (int)l.number;
}

/* ---- how the queue came there -----------------------------------------------------*/

static int claim_and_die(void *arg)
{
    fw_claim c;

    (void)fw_ring_claim(&queue(arg)->ring, fw_participant_owner(), &c);
    return raise(SIGKILL);
}

static int take_and_die(void *arg)
{
    fw_claim c;

    (void)fw_ring_take(&queue(arg)->ring, fw_participant_owner(), &c);
    return raise(SIGKILL);
}

static int lay_letter(scene *s, char what)
{
    uint64_t next = (uint64_t)s->number[NEXT];
    int got;

    switch (what) {
    case 'p':
    case 'b':
        row_want(s, put_number(s, next, what == 'p' ? IN_PLACE : BLOCK, 0) == 0);
        note(s, PUT, next);
        s->number[NEXT]++;
        return 0;
    case 'g':
        got = get_number(s, 0);
        row_want(s, got >= 0);
        note(s, GOT, (uint64_t)got);
        return 0;
    default:
        row_want(s, kin_end(kin_start(what == 'c' ? claim_and_die : take_and_die, s),
                            5000) == KIN_SIGNAL + SIGKILL);
        return 0;
    }
}

static int lay_queue(scene *s, furrow_queue_options o)
{
    o.capacity = CAPACITY;
    o.in_place = IN_PLACE;
    if (ground_lay(s) != 0)
        return 1;
    s->subject = furrow_queue_new(&o);
    row_want(s, s->subject != NULL);
    s->number[NEXT] = 1;
    watch_add(s->subject, sizeof(furrow_queue) + CAPACITY * 64);
    for (const char *c = s->row->layout; c && *c; c++)
        if (lay_letter(s, *c) != 0)
            return 1;
    return 0;
}

static int lay(scene *s)
{
    return lay_queue(s, (furrow_queue_options){0});
}

static int lay_lone(scene *s)
{
    return lay_queue(s, (furrow_queue_options){.producers = 1, .consumers = 1});
}

static int lay_joinable(scene *s)
{
    furrow_queue_options o = {.joinable = 1};
    fw_tasks *tasks;

    if (lay_queue(s, o) != 0)
        return 1;
    tasks = fw_queue_tasks(queue(s));
    watch_add(tasks, 16 * 8);
    return 0;
}

/* A line, a page of the blocks' kind; and no spinning before a sleep. */
static int join(scene *s)
{
    uint64_t n;

    row_want(s, fw_participant_owner() != 0);
    row_want(s, fw_heap_free(fw_heap_alloc(BLOCK)) == 0);
    if (s->row->rival) {
        furrow_queue *other = furrow_queue_new(NULL);

        for (int i = 0; i < 9; i++)
            (void)furrow_queue_get(other, &n, 8, NULL, furrow_in(0.0002));
        row_want(s, furrow_queue_free(other) == 0);
    }
    return 0;
}

/* ---- what is killed ---------------------------------------------------------------*/

static furrow_deadline until(scene *s)
{
    return s->row->rival ? furrow_in(10) : 0;
}

static int put(scene *s)
{
    row_want(s, put_number(s, MINE, s->row->size, until(s)) == 0);
    note(s, COME, MINE);
    return 0;
}

static int put_in_vain(scene *s)
{
    row_want(s, put_number(s, MINE, s->row->size, 0) == FURROW_EFULL);
    return 0;
}

static int put_message(scene *s)
{
    furrow_message *m = (furrow_message *)(void *)s->object;

    row_want(s, furrow_queue_put_message(queue(s), m, until(s)) == 0);
    note(s, COME, MINE);
    return 0;
}

static int make_message(scene *s)
{
    furrow_message *m = (furrow_message *)(void *)s->object;

    row_want(s, join(s) == 0 && furrow_message_new(m, BLOCK) == 0);
    memset(m->data, MINE, BLOCK);
    *(uint64_t *)m->data = MINE;
    return 0;
}

static int get(scene *s)
{
    int got = get_number(s, until(s));

    row_want(s, got >= 0);
    note(s, GOT, (uint64_t)got);
    return 0;
}

static int get_in_vain(scene *s)
{
    row_want(s, get_number(s, 0) == -1);
    return 0;
}

static int get_short(scene *s)
{
    char little[4];

    row_want(s, furrow_queue_get(queue(s), little, 4, NULL, 0) == FURROW_ESHORT);
    return 0;
}

static int get_message(scene *s)
{
    furrow_message m;

    row_want(s, furrow_queue_get_message(queue(s), &m, until(s)) == 0);
    note(s, GOT, *(uint64_t *)m.data);
    return 0;
}

static int close_it(scene *s)
{
    row_want(s, furrow_queue_close(queue(s)) == 0);
    return 0;
}

static int look(scene *s)
{
    row_want(s, furrow_queue_size(queue(s)) == s->row->expect);
    return 0;
}

/* ---- who comes then ---------------------------------------------------------------*/

static int recover(scene *s)
{
    fw_queue_recover(queue(s));
    return 0;
}

/* Beside one that is stopped: a message more, and one less. */
static int visit(scene *s)
{
    int got;

    row_want(s, furrow_queue_size(queue(s)) >= 0);
    if (put_number(s, VISITOR, IN_PLACE, furrow_in(0.001)) != 0)
        return 0;
    note(s, COME, VISITOR);
    got = get_number(s, furrow_in(0.001));
    row_want(s, got > 0);
    note(s, GOT, (uint64_t)got);
    return 0;
}

static int visit_looking(scene *s)
{
    row_want(s, furrow_queue_size(queue(s)) >= 0 && furrow_queue_full(queue(s)) >= 0);
    return 0;
}

/* Take out all: the set of what was there. Numbers put before the window are in order, but
 * for those that a dead process was getting. */
static int drain(scene *s, long *left)
{
    int got, last = 0, late = 0, dead = s->deaths;

    for (const char *c = s->row->layout; c && *c; c++)
        dead += *c == 't';
    for (*left = 0; (got = get_number(s, 0)) != -1; *left |= 1L << got) {
        row_want(s, got > 0 && !(*left >> got & 1));
        late += got < last;
        last = got > NUMBERS ? last : got;
    }
    row_want(s, late <= dead);
    return 0;
}

static int is_conserved(scene *s, long left)
{
    long must = (s->number[PUT] | s->number[COME]) & ~s->number[GOT];
    long may = s->row->how->operate == put || s->row->how->operate == put_message
                   ? 1L << MINE
                   : 0;
    long missing = must & ~left;

    row_want(s, (left & ~(must | may)) == 0);
    row_want(s, missing == 0 || (!s->done && missing == (must & -must)));
    row_want(s, missing == 0 || s->row->how->operate == get ||
                    s->row->how->operate == get_message);
    return 0;
}

static int use_all_around(scene *s)
{
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 1; i <= CAPACITY; i++)
            row_want(s, put_number(s, i, i % 2 ? IN_PLACE : BLOCK, 0) == 0);
        row_want(s, put_number(s, 9, IN_PLACE, 0) == FURROW_EFULL);
        row_want(s, furrow_queue_size(queue(s)) == CAPACITY);
        for (int i = 1; i <= CAPACITY; i++)
            row_want(s, get_number(s, 0) == i);
        row_want(s, get_number(s, 0) == -1 && furrow_queue_empty(queue(s)) == 1);
    }
    return 0;
}

static int bury(scene *s)
{
    row_want(s, furrow_fsck() == 0);
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    row_want(s, ground_blocks() == s->number[GROUND_BLOCKS]);
    return ground_use(s);
}

static int bury_queue(scene *s)
{
    row_want(s, furrow_queue_free(queue(s)) == 0);
    return bury(s);
}

static int survive(scene *s)
{
    long left;

    if (drain(s, &left) != 0 || is_conserved(s, left) != 0)
        return 1;
    return use_all_around(s) || bury_queue(s);
}

/* It may be closed or not; if it is, for all. */
static int survive_close(scene *s)
{
    int rc = put_number(s, MINE, IN_PLACE, 0);
    long left;

    row_want(s, rc == FURROW_ECLOSED || !s->done);
    if (rc == 0)
        note(s, COME, MINE);
    if (drain(s, &left) != 0 || is_conserved(s, left) != 0)
        return 1;
    return bury_queue(s);
}

/* ---- freed ------------------------------------------------------------------------*/

static int free_it(scene *s)
{
    row_want(s, furrow_queue_free(queue(s)) == 0);
    return 0;
}

static int free_again(scene *s)
{
    int rc = fw_queue_is_live(queue(s)) ? furrow_queue_free(queue(s)) : 0;

    row_want(s, rc == 0);
    return bury(s);
}

static int sweep(scene *s)
{
    fw_heap_sweep();
    row_want(s, furrow_fsck() == 0);
    return 0;
}

/* ---- joined -----------------------------------------------------------------------*/

static int get_one(scene *s)
{
    row_want(s, join(s) == 0 && get_number(s, 0) == 1);
    return 0;
}

static int task_done(scene *s)
{
    row_want(s, furrow_queue_task_done(queue(s)) == 0);
    return 0;
}

static int join_all(scene *s)
{
    int rc = furrow_queue_join(queue(s), furrow_in(5));

    row_want(s, rc == 0 || rc == FURROW_EDIED);
    return 0;
}

static int get_and_die(void *arg)
{
    (void)get_number(arg, 0);
    return raise(SIGKILL);
}

static int lay_lost_task(scene *s)
{
    if (lay_joinable(s) != 0)
        return 1;
    row_want(s, kin_end(kin_start(get_and_die, s), 5000) == KIN_SIGNAL + SIGKILL);
    return 0;
}

/* What is there is done now; what the dead had is told, or was done. */
static int survive_join(scene *s)
{
    int got, rc, had = s->row->how->operate != join_all;
    size_t missing = strlen(s->row->layout);

    for (; (got = get_number(s, 0)) != -1; missing--) {
        row_want(s, got > 0 && furrow_queue_join(queue(s), 0) == FURROW_ETIME);
        row_want(s, furrow_queue_task_done(queue(s)) == 0);
    }
    rc = furrow_queue_join(queue(s), furrow_in(5));
    row_want(s, rc == 0 || (rc == FURROW_EDIED && (had || !s->done)));
    row_want(s, rc == FURROW_EDIED || !missing || s->row->how->operate != get);
    row_want(s, furrow_queue_join(queue(s), 0) == 0);
    row_want(s, furrow_queue_task_done(queue(s)) == FURROW_EINVAL);
    return bury_queue(s);
}

static int visit_join(scene *s)
{
    int rc = furrow_queue_join(queue(s), 0);

    row_want(s, rc == 0 || rc == FURROW_ETIME || s->row->how->operate == join_all);
    return 0;
}

/* ---- beside -----------------------------------------------------------------------*/

/* Lets the victim wait, then puts what it waits for. */
static int put_late(scene *s)
{
    s->ready = 1;
    (void)row_wait(&s->relief);
    row_want(s, put_number(s, 1, s->row->size, furrow_in(5)) == 0);
    note(s, PUT, 1);
    return 0;
}

static int get_late(scene *s)
{
    int got;

    s->ready = 1;
    (void)row_wait(&s->relief);
    got = get_number(s, furrow_in(5));
    row_want(s, got > 0);
    note(s, GOT, (uint64_t)got);
    return 0;
}

/* What the one beside does comes, too. */
static int survive_beside(scene *s)
{
    for (int ms = 0; ms < 5000; ms++) {
        if (s->row->rival == put_late ? s->number[PUT] : s->number[GOT])
            break;
        (void)usleep(1000);
    }
    return survive(s);
}

/* ---- rows -------------------------------------------------------------------------*/

static const operation putting = {.object = "queue",
                                  .name = "put",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = put,
                                  .survive = survive,
                                  .visit = visit,
                                  .recover = recover};
static const operation putting_alone = {.object = "queue",
                                        .name = "put_alone",
                                        .set_up = lay_lone,
                                        .warm_up = join,
                                        .operate = put,
                                        .survive = survive,
                                        .visit = visit_looking};
static const operation putting_in_vain = {.object = "queue",
                                          .name = "put_in_vain",
                                          .set_up = lay,
                                          .warm_up = join,
                                          .operate = put_in_vain,
                                          .survive = survive,
                                          .visit = visit_looking,
                                          .recover = recover};
static const operation putting_message = {.object = "queue",
                                          .name = "put_message",
                                          .set_up = lay,
                                          .warm_up = make_message,
                                          .operate = put_message,
                                          .survive = survive,
                                          .visit = visit};
static const operation getting = {.object = "queue",
                                  .name = "get",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = get,
                                  .survive = survive,
                                  .visit = visit,
                                  .recover = recover};
static const operation getting_alone = {.object = "queue",
                                        .name = "get_alone",
                                        .set_up = lay_lone,
                                        .warm_up = join,
                                        .operate = get,
                                        .survive = survive,
                                        .visit = visit_looking};
static const operation getting_in_vain = {.object = "queue",
                                          .name = "get_in_vain",
                                          .set_up = lay,
                                          .warm_up = join,
                                          .operate = get_in_vain,
                                          .survive = survive,
                                          .visit = visit_looking};
static const operation getting_short = {.object = "queue",
                                        .name = "get_short",
                                        .set_up = lay,
                                        .warm_up = join,
                                        .operate = get_short,
                                        .survive = survive,
                                        .visit = visit_looking};
static const operation getting_message = {.object = "queue",
                                          .name = "get_message",
                                          .set_up = lay,
                                          .warm_up = join,
                                          .operate = get_message,
                                          .survive = survive,
                                          .visit = visit};
static const operation looking = {.object = "queue",
                                  .name = "recover",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = look,
                                  .survive = survive,
                                  .visit = visit_looking,
                                  .recover = recover};
static const operation closing = {.object = "queue",
                                  .name = "close",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = close_it,
                                  .survive = survive_close,
                                  .visit = visit_looking};
static const operation freeing = {.object = "queue",
                                  .name = "free",
                                  .set_up = lay,
                                  .warm_up = join,
                                  .operate = free_it,
                                  .survive = free_again,
                                  .visit = sweep,
                                  .recover = sweep};
static const operation getting_task = {.object = "queue",
                                       .name = "get_task",
                                       .set_up = lay_joinable,
                                       .warm_up = join,
                                       .operate = get,
                                       .survive = survive_join,
                                       .visit = visit_join,
                                       .recover = recover};
static const operation finishing = {.object = "queue",
                                    .name = "task_done",
                                    .set_up = lay_joinable,
                                    .warm_up = get_one,
                                    .operate = task_done,
                                    .survive = survive_join,
                                    .visit = visit_join};
static const operation joining = {.object = "queue",
                                  .name = "join",
                                  .set_up = lay_lost_task,
                                  .warm_up = join,
                                  .operate = join_all,
                                  .survive = survive_join,
                                  .visit = visit_join,
                                  .recover = join_all};
static const operation waiting_to_get = {.object = "queue",
                                         .name = "get",
                                         .set_up = lay,
                                         .warm_up = join,
                                         .operate = get,
                                         .survive = survive_beside};
static const operation waiting_to_put = {.object = "queue",
                                         .name = "put",
                                         .set_up = lay,
                                         .warm_up = join,
                                         .operate = put,
                                         .survive = survive_beside};

static const row rows[] = {
    {&putting, "empty", .size = IN_PLACE},
    {&putting, "behind_others", .size = IN_PLACE, .layout = "pb"},
    {&putting, "last_slot", .size = IN_PLACE, .layout = "ppp"},
    {&putting, "wrap", .size = IN_PLACE, .layout = "pppgp"},
    {&putting, "first_again", .size = IN_PLACE, .layout = "ppppgggg"},
    {&putting, "behind_dead", .size = IN_PLACE, .layout = "pc"},
    {&putting, "full_of_dead", .size = IN_PLACE, .layout = "cccc"},
    {&putting_in_vain, "full", .size = IN_PLACE, .layout = "pppp"},
    {&putting_in_vain, "full_one_dead", .size = IN_PLACE, .layout = "ppppt"},
    {&putting, "empty", .size = BLOCK},
    {&putting, "last_slot", .size = BLOCK, .layout = "ppp"},
    {&putting, "wrap", .size = BLOCK, .layout = "bbbbg"},
    {&putting, "full_of_dead", .size = BLOCK, .layout = "cccc"},
    {&putting, "heap_contended", .size = BLOCK, .rival = ground_hold_lock},
    {&putting_in_vain, "full_block", .size = BLOCK, .layout = "bbbb"},
    {&putting_message, "empty", .layout = ""},
    {&putting_message, "wrap", .layout = "bbbbg"},
    {&putting_alone, "empty", .size = IN_PLACE},
    {&putting_alone, "wrap", .size = IN_PLACE, .layout = "ppppg"},
    {&putting_alone, "block", .size = BLOCK, .layout = "p"},
    {&waiting_to_put, "full_waits", .size = IN_PLACE, .layout = "pppp",
     .rival = get_late},
    {&getting, "only", .layout = "p"},
    {&getting, "first_of_many", .layout = "pbp"},
    {&getting, "full", .layout = "pppp"},
    {&getting, "last_slot", .layout = "ppppggg"},
    {&getting, "wrap", .layout = "ppppgpgp"},
    {&getting, "behind_dead", .layout = "cp"},
    {&getting, "dead_had_it", .layout = "pt"},
    {&getting, "only_block", .layout = "b"},
    {&getting, "full_block", .layout = "bbbb"},
    {&getting, "wrap_block", .layout = "bbbbgbgb"},
    {&getting, "dead_had_block", .layout = "bt"},
    {&getting, "heap_contended", .layout = "b", .rival = ground_hold_lock},
    {&getting_in_vain, "empty", .layout = ""},
    {&getting_in_vain, "empty_again", .layout = "ppppgggg"},
    {&getting_in_vain, "all_dead", .layout = "cccc"},
    {&getting_short, "only", .layout = "p"},
    {&getting_short, "only_block", .layout = "b"},
    {&getting_message, "in_place", .layout = "p"},
    {&getting_message, "block", .layout = "bb"},
    {&getting_alone, "only", .layout = "p"},
    {&getting_alone, "wrap", .layout = "ppppgpgp"},
    {&getting_alone, "block", .layout = "bp"},
    {&waiting_to_get, "empty_waits", .size = IN_PLACE, .rival = put_late},
    {&looking, "dead_producers", .layout = "cpc", .expect = 1},
    {&looking, "dead_consumers", .layout = "pbpttt", .expect = 3},
    {&looking, "both", .layout = "pctb", .expect = 2},
    {&closing, "empty", .layout = ""},
    {&closing, "full", .layout = "pbpb"},
    {&freeing, "empty", .layout = ""},
    {&freeing, "full", .layout = "pbpb"},
    {&freeing, "dead", .layout = "bct"},
    {&getting_task, "only", .layout = "p"},
    {&getting_task, "block", .layout = "bp"},
    {&finishing, "only", .layout = "p"},
    {&finishing, "one_of_two", .layout = "pp"},
    {&joining, "lost", .layout = "p"},
    {&putting, "empty", .size = IN_PLACE, .deaths = 2},
    {&putting, "full_of_dead", .size = BLOCK, .layout = "cccc", .deaths = 2},
    {&putting, "wrap", .size = BLOCK, .layout = "bbbbg", .deaths = 2},
    {&getting, "only", .layout = "p", .deaths = 2},
    {&getting, "dead_had_block", .layout = "bt", .deaths = 2},
    {&getting, "only_block", .layout = "b", .deaths = 3},
    {&looking, "both", .layout = "pctb", .expect = 2, .deaths = 2},
    {&looking, "both", .layout = "pctb", .expect = 2, .deaths = 3},
    {&freeing, "full", .layout = "pbpb", .deaths = 2},
    {&getting_task, "only", .layout = "p", .deaths = 2},
    {&joining, "lost", .layout = "p", .deaths = 2},
};

const row_table queue_rows = {rows, sizeof rows / sizeof *rows};
