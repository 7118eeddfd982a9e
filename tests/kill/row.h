/* SPDX-License-Identifier: MIT
 *
 * A row: one operation on one object, in one position, that a process is killed in.
 *
 * Each kill point has a world of its own: a process that makes heap and object afresh
 * (set_up), forks the victim, lets it run to the window, kills it there, and lets a
 * survivor use what is left. In the order in which they are called:
 *
 *   set_up    world     bring the object into the position
 *   rival     rival     optional: a process beside, from before the window on, until it
 *                       returns; sets `ready`, and may hold what the victim wants until
 *                       `relief` is set (it is when the victim sleeps, or is dead)
 *   warm_up   victim    optional: what is not to be in the window
 *   operate   victim    the operation. The window is this function, or from the entry of
 *                       `from` (its `entries`-th) to its return, or to the entry of `to`
 *   finish    victim    optional: what the operation promised is so (it was not killed)
 *   survive   survivor  after the death: everything must work, in time. The rival may
 *                       still be there: it is waited for later
 *
 * For the rows that stop the victim instead (SIGSTOP, and SIGCONT a little later):
 *
 *   visit     visitor   uses the object beside the stopped victim. It may wait for it;
 *                       it must not take it for dead. NULL: there is no such row
 *
 * With `act` the victim is some process that another one knows, such as a worker:
 *
 *   act       actor     instead of operate: makes the family, stores a process id in
 *                       `victim`, sets `ready`, waits for `go`, does what leads the
 *                       victim to `from`, and checks what is promised when it dies;
 *                       `done` says that it has, or that it will not
 *   behind              the window begins where `from` returns, not at its entry
 *   forks               the victim is not that process, but the child of so many forks
 *                       of it behind `from` (NULL: behind `go`)
 *   runs                and there it runs another program
 *   then                and the window begins behind that, at this place
 *   waits               before the window the victim is held (`arrived` is set) until
 *                       `proceed` is set
 *   watch     world     optional: watch_add() for what the actor has made
 *
 * With `recover` and `deaths` = 2 the victim dies at each change that it makes, and a
 * recoverer, who is killed at each of its own, comes before the survivor; with 3 there is
 * a recoverer of the recoverer, too:
 *
 *   recover   recoverer whoever comes after a death; the window is this function
 *
 * With `steps` a kill point is found by so many steps from the window's beginning, for
 * windows that are not the same each time, or that fork.
 *
 * All return 0; row_want() makes that easy. What they share lies in the scene.
 */
#ifndef KILL_ROW_H
#define KILL_ROW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SCENE_OBJECT 2048

/* Shared by the processes of a world; zeros when it begins, but for the row. */
typedef struct scene {
    const struct row *row;
    _Atomic int ready, go, arrived, proceed, stopped, relief, done, deaths;
    _Atomic pid_t victim;
    int stops;          /* the victim is to be stopped, not killed */
    unsigned variant;   /* of the row: 0 .. variants - 1 */
    void *_Atomic made; /* rows' own: what the operation made, works on, ... */
    void *subject, *block, *bystander, *other;
    _Atomic long number[16];                /* rows' own */
    _Alignas(64) char object[SCENE_OBJECT]; /* rows' own objects; changes are seen */
    char text[600];                         /* what failed */
} scene;

typedef struct operation {
    const char *object, *name;
    int (*set_up)(scene *s);
    int (*warm_up)(scene *s);
    int (*operate)(scene *s);
    int (*finish)(scene *s);
    int (*survive)(scene *s);
    int (*visit)(scene *s);
    int (*act)(scene *s);
    int (*recover)(scene *s);
    int (*watch)(scene *s);
    void (*from)(void), (*to)(void); /* NULL: all of operate */
    void (*then)(void);
    int entries; /* 0: the first */
    int behind, forks, runs, waits, steps;
    int patience_ms; /* a survivor's; 0: 10 s */
    int visit_ms;    /* a visitor's; 0: 4 ms */
} operation;

typedef struct row {
    const operation *how;
    const char *position;
    int (*rival)(scene *s);
    int deaths;         /* 0: one */
    long points;        /* at most so many (of stops, not more than usual); 0: what the
                           command line says */
    unsigned variants;  /* 0: one; scene.variant counts them */
    size_t size;        /* the rest is the rows' own: bytes that it is about, */
    const char *layout; /* what the heap looks like before (ground.h), */
    int expect;         /* how many blocks there are more when it is over, */
    int gone;           /* how many died before */
    const void *script;
} row;

typedef struct row_table {
    const row *rows;
    size_t count;
} row_table;

/* Its name on the output: object, operation (and what becomes of it), position. */
void row_name(const row *r, int stop, char *text, size_t size);

/* A control row is one of the C library's primitives: it must fail. */
int row_is_control(const row *r);

/* What was not so goes into the scene, with the library's last error; returns 1. */
int row_failed(scene *s, const char *file, int line, const char *what);

#define row_want(s, condition)                                                         \
    do {                                                                               \
        if (!(condition))                                                              \
            return row_failed((s), __FILE__, __LINE__, #condition);                    \
    } while (0)

/* A function of the library as a place in its code. */
#define row_at(function) ((void (*)(void))(function))

/* Wait until *word is not 0, for at most ten seconds. Returns 1, or 0. */
int row_wait(_Atomic int *word);

#endif
