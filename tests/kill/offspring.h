/* SPDX-License-Identifier: MIT
 *
 * A parent and his child, started by any method: what rows of processes have in common.
 *
 * The actor is the parent. Who dies is he, or his child, or whoever stands between them: a
 * keeper, a server. What the child does is told by a note in the heap, which it finds
 * whatever program it is. A start that fails has begun nothing; one that went well has run
 * its function once, or the parent is told that his child was killed.
 */
#ifndef KILL_OFFSPRING_H
#define KILL_OFFSPRING_H

#include "row.h"

#include "furrow_process.h"

/* row.script: how the child is started, and lives. */
typedef struct manner {
    furrow_start start;
    int daemon;
    int ignored; /* the parent ignores SIGCHLD: then all have keepers */
    int lasts;   /* the child runs until it is told to end */
    int warm;    /* another child was started before */
} manner;

/* What the child runs: where its birth ends. */
int offspring_run(void *arg, size_t size);

/* row.set_up: the ground, and the note. */
int offspring_lay(scene *s);

/* row.act: the victim is the parent, who starts, joins and frees his child; the child, or
 * who comes before it (row.how.forks tells); who forked it (a keeper, a server) while the
 * parent starts another one; or while the child ends; or while the parent is killed. */
int offspring_act_parent(scene *s);
int offspring_act_child(scene *s);
int offspring_act_starts(scene *s);
int offspring_act_ends(scene *s);
int offspring_act_dies(scene *s);

/* row.survive: nobody is left, nor any block; and others can start others. */
int offspring_survive(scene *s);

/* row.visit: the victim is there, and others start others. */
int offspring_visit(scene *s);

/* A place: the parent joins his child, which runs, for a moment. */
int offspring_look(furrow_process *p);

#endif
