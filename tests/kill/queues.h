/* SPDX-License-Identifier: MIT
 *
 * What rows of queues have in common: a queue, how it came to where it is, and what must be
 * in it.
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
#ifndef KILL_QUEUES_H
#define KILL_QUEUES_H

#include "row.h"

#include "furrow_queue.h"
#include "ground.h"

enum {
    QUEUE_CAPACITY = 4,
    QUEUE_IN_PLACE = 16,
    QUEUE_BLOCK = 3000,
    QUEUE_NUMBERS = 20,
    QUEUE_MINE = 30,
    QUEUE_VISITOR = 40
};
enum {
    QUEUE_PUT =
        GROUND_OWN, /* scene.number[]: sets of numbers: put before the window, */
    QUEUE_GOT,      /* or got by whoever lives to tell, */
    QUEUE_COME,     /* put by the victim, or the visitor, who lived to tell */
    QUEUE_NEXT      /* the next number */
};

furrow_queue *queue_of(scene *s);
void queue_note(scene *s, int set, uint64_t number);
int queue_put_number(scene *s, uint64_t number, size_t size, furrow_deadline deadline);

/* The next number, or -1: none; -2: something is wrong with it. */
int queue_get_number(scene *s, furrow_deadline deadline);

/* row.set_up: ground, queue and layout; of one producer and one consumer; joinable. */
int queue_lay(scene *s);
int queue_lay_lone(scene *s);
int queue_lay_joinable(scene *s);
int queue_lay_as(scene *s, furrow_queue_options o);

/* row.warm_up: a line, a page of the blocks' kind; and no spinning before a sleep. With a
 * message in the scene's object. */
int queue_join(scene *s);
int queue_make_message(scene *s);

/* row.operate */
furrow_deadline queue_patience(scene *s);
int queue_put(scene *s);
int queue_put_message(scene *s);
int queue_get(scene *s);
int queue_get_message(scene *s);

/* row.recover, row.visit: a message more and one less; nothing but a look */
int queue_recover(scene *s);
int queue_visit(scene *s);
int queue_look(scene *s);

/* Take out all: the set of what was there. Is it what must be there? */
int queue_drain(scene *s, long *left);
int queue_is_conserved(scene *s, long left);

/* Nothing is left in the heap; free the queue, and then so; row.survive: all of it. */
int queue_bury(scene *s);
int queue_end(scene *s);
int queue_survive(scene *s);

#endif
