/* SPDX-License-Identifier: MIT
 *
 * furrow_queue.h - queues of messages between the processes and threads of a family.
 *
 *     furrow_queue *q = furrow_queue_new(NULL);
 *     furrow_queue_put(q, &order, sizeof order, FURROW_FOREVER);        // in one process
 *     furrow_queue_get(q, &order, sizeof order, NULL, FURROW_FOREVER);  // in another
 *
 * A queue lies in the heap: the pointer that furrow_queue_new() returns is good in every
 * process of the family. Messages are bytes, of any size; small ones lie in the queue itself,
 * larger ones in blocks of the heap. There is no thread behind a queue: what has been put is
 * there, for every process, when the call returns, and a process that ends waits for nobody.
 *
 * Any process may be killed at any instruction. A message that it was putting is then in the
 * queue as a whole or not at all; one that it was getting is delivered to another consumer, or
 * had already been given to it. No other message is lost, doubled or torn, and nobody hangs.
 *
 * Every function that puts or gets fails with FURROW_ENOMEM, too, when more processes use the
 * heap than it has room for, and with FURROW_ECORRUPT when it meets what a stray store has
 * done to the queue: a message may be lost then.
 *
 * Order: what one thread puts is got in that order. A message that a dead consumer was just
 * getting comes late: behind those that others got meanwhile. A process that is stopped
 * (SIGSTOP, a debugger) in the middle of a call keeps its slot: others go on until the queue
 * has gone round to it.
 */
#ifndef FURROW_QUEUE_H
#define FURROW_QUEUE_H

#include "furrow_shm.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct furrow_queue furrow_queue;

typedef struct furrow_queue_options {
    size_t
        capacity; /* messages that it holds at most; 0: 1024. No queue is endless: its
                        memory is capacity times in_place, and some */
    size_t in_place; /* messages up to so many bytes lie in the queue itself; 0: 112 */
    int joinable;    /* 1: count unfinished tasks, for furrow_queue_join() */
    int producers;   /* 1: never more than one thread puts at a time, which is faster */
    int consumers;   /* 1: never more than one thread gets at a time, likewise */
} furrow_queue_options;

/* A new, empty queue. Python's SimpleQueue is a queue whose calls have no deadline; its
 * JoinableQueue is one with .joinable.
 * Death: it lives until it is freed or the family has ended.
 * Errors: FURROW_EINVAL (an option), FURROW_ENOMEM, FURROW_EOS (no heap can be made). */
furrow_queue *furrow_queue_new_sized(const furrow_queue_options *options, size_t size);
inline furrow_queue *furrow_queue_new(const furrow_queue_options *options)
{
    return furrow_queue_new_sized(options, sizeof *options);
}

/* Free it with all messages that are in it; NULL is fine. The caller's mistake while others
 * use it.
 * Death in the middle: the queue stays, for another process to free, or it has gone
 * (FURROW_EINVAL). Nothing is freed twice or left behind.
 * Errors: FURROW_EINVAL (not a live queue). */
int furrow_queue_free(furrow_queue *q);

/* Put a message: a copy of `size` bytes (0: an empty message is one, too). Blocks while the
 * queue is full, until the deadline.
 * Errors, by which nothing was put: FURROW_EFULL (still full), FURROW_ECLOSED, FURROW_EINVAL;
 * of a message that is larger than in_place FURROW_ENOMEM, and FURROW_ETIME (somebody who is
 * stopped, or slow, kept the heap's lock past the deadline). */
int furrow_queue_put(furrow_queue *q, const void *bytes, size_t size,
                     furrow_deadline deadline);

/* Get the first message: its bytes into buffer, which has `capacity` of them, how many into
 * *size (may be NULL). Blocks while the queue is empty, until the deadline.
 * Errors: FURROW_EEMPTY (still empty), FURROW_ECLOSED (closed, and all has been got),
 * FURROW_EINVAL; and with the message where it was: FURROW_ESHORT (capacity is too small;
 * *size says how long it is), FURROW_ETIME (a large message: as for put), FURROW_EBUSY (of a
 * joinable queue: this process has 16,777,215 tasks unfinished). */
int furrow_queue_get(furrow_queue *q, void *buffer, size_t capacity, size_t *size,
                     furrow_deadline deadline);

/* Many at once. To put: data and size of each. To get: data and size say what room there is,
 * and size is the message's afterwards. put_many() puts one after another, each as soon as
 * there is room for it, until the one deadline; get_many() waits for the first and then takes
 * what is there. *done (may be NULL) is how many it was. Returns 0 when put_many() has put
 * all, and when get_many() has got at least one; else the error that ended it. */
typedef struct furrow_message {
    void *data;
    size_t size;
} furrow_message;

int furrow_queue_put_many(furrow_queue *q, const furrow_message *messages, size_t count,
                          size_t *done, furrow_deadline deadline);
int furrow_queue_get_many(furrow_queue *q, furrow_message *messages, size_t count,
                          size_t *done, furrow_deadline deadline);

/* Messages without a copy. furrow_message_new() gives `size` bytes of zeros in shared memory,
 * which are the caller's to fill; put_message() hands them to whoever gets them, and sets
 * data to NULL; get_message() gives the bytes themselves, to be given back by
 * furrow_message_free() (a message that lay in the queue itself is copied once). A message is
 * good in the process that made or got it; the death of that process frees it.
 * Blocking and errors: as for put and get; FURROW_ENOMEM; FURROW_EINVAL for data that is not
 * from here. After an error whoever had the message has it still. */
int furrow_message_new(furrow_message *out, size_t size);
int furrow_message_free(furrow_message *message);
int furrow_queue_put_message(furrow_queue *q, furrow_message *message,
                             furrow_deadline deadline);
int furrow_queue_get_message(furrow_queue *q, furrow_message *out,
                             furrow_deadline deadline);

/* How many messages are in it; whether it is empty, or full: 1 or 0. Exact while nobody puts
 * or gets; what a dead process was getting is counted. Closed queues, too.
 * Errors: FURROW_EINVAL (not a live queue). */
long furrow_queue_size(furrow_queue *q);
int furrow_queue_empty(furrow_queue *q);
int furrow_queue_full(furrow_queue *q);

/* Close it, for all processes: whoever puts gets FURROW_ECLOSED from now on; what is in it
 * can still be got, then whoever gets FURROW_ECLOSED, too. Closing twice is fine. Nothing is
 * put after a consumer was told so, also by a call that had begun before.
 * Errors: FURROW_EINVAL. */
int furrow_queue_close(furrow_queue *q);

/* For joinable queues. A message that was got is a task of the process that got it, until a
 * thread of that calls task_done(), once for each. join() blocks until all that was put has
 * been got and done, or the deadline. The tasks of a process that ends are never done: join()
 * does not wait for them and returns FURROW_EDIED, with their number in the sentence. One
 * join is told of each, whichever comes first.
 * Errors: FURROW_EINVAL (not joinable; task_done: this process has none unfinished),
 * FURROW_ETIME (join: the deadline), FURROW_EDIED. */
int furrow_queue_task_done(furrow_queue *q);
int furrow_queue_join(furrow_queue *q, furrow_deadline deadline);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
