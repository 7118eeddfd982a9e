/* SPDX-License-Identifier: MIT
 *
 * furrow.h - work on big numeric arrays, split over the cores of one machine by worker
 * processes that share memory.
 *
 *     static int axpy(furrow_chunk c)                 // y += a x, on one chunk
 *     {
 *         const double a = *(const double *)c.ctx, *x = c.in[0];
 *         double *y = c.out[0];
 *         for (size_t i = 0; i < c.len; i++)
 *             y[i] += a * x[i];
 *         return 0;
 *     }
 *
 *     furrow_pool *pool = furrow_pool_open(NULL);     // one worker per core
 *     furrow_call call = { .kernel = axpy, .types = "d>d", .in = { x }, .out = { y },
 *                          .ctx = &a, .ctx_size = sizeof a };
 *     if (furrow_map(pool, &call))
 *         furrow_perror("axpy");
 *
 * Compile kernels with -O3: gcc 12 does not vectorise such loops at -O2.
 */
#ifndef FURROW_H
#define FURROW_H

#include "furrow_pipe.h"
#include "furrow_shm.h"
#include "furrow_sync.h"
#include "furrow_queue.h"
#include "furrow_process.h"
#include "furrow_sched.h"
#include "furrow_shared.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* ---- kernels ----------------------------------------------------------------------*/

#define FURROW_MAX_OPERANDS 4 /* inputs, and as many outputs */

/* One piece of a call, passed by value (a kernel's loops vectorise only so). in[k] and
 * out[k] point at the first element of this piece, or are NULL; elements are [begin,
 * begin + len) of the whole. ctx points at a copy of the caller's bytes. */
typedef struct furrow_chunk {
    const void *in[FURROW_MAX_OPERANDS];
    void *out[FURROW_MAX_OPERANDS];
    size_t begin;
    size_t len;
    const void *ctx;
    size_t ctx_size;
    size_t index; /* number of the chunk in its call */
    int worker;   /* 0 .. workers-1: who runs it */
    int reserved_int;
    void *reserved[2];
} furrow_chunk;

/* A kernel returns 0, or any other value to fail the call. It may call whatever it
 * likes except fork; it is run exactly once for each chunk, or not at all when the call
 * fails. Chunks run in no order and several at a time: none may wait for another. A
 * static function will do. An exception of C++ that leaves it calls std::terminate(): that
 * is its worker's death, and the caller's where the caller runs it. One that ends its thread (pthread_exit) is a worker's death, of
 * threads too; where the caller runs it, the caller's thread ends, nobody is told what
 * became of the call, and the pool goes on. */
typedef int (*furrow_kernel)(furrow_chunk);

/* What happens to a chunk whose worker was killed in the middle of it. */
typedef enum furrow_policy {
    FURROW_REPORT = 0 /* the call fails with FURROW_EDIED and names the exact ranges */
} furrow_policy;

enum {
    FURROW_CALLER_RUNS = 1u /* the caller takes a worker's part: lowest latency, but a
                               crash of the kernel is then the caller's crash */
};

/* A call is a value: fill in what differs from zero. */
typedef struct furrow_call {
    furrow_kernel kernel;
    const char *types; /* "dd>d": codes of in[] > those of out[]; NULL: not checked */
    furrow_array *in[FURROW_MAX_OPERANDS];  /* all of one length; NULL: none */
    furrow_array *out[FURROW_MAX_OPERANDS]; /* may be read too: in-place kernels */
    const void *ctx;                        /* ctx_size bytes, copied at the call */
    size_t ctx_size;
    size_t len;               /* elements; 0: the length of the arrays, else the same */
    size_t chunk;             /* elements per chunk; 0: chosen. Raised where it would
                                 make more than 1,048,575 chunks */
    unsigned flags;           /* FURROW_CALLER_RUNS */
    furrow_policy policy;     /* FURROW_REPORT */
    furrow_deadline deadline; /* 0: none. When it passes, no chunk is started any more;
                                 after the pool's grace, workers that still run one are
                                 killed (its elements are torn) and replaced; then the
                                 call fails: FURROW_ETIME. Threads, and a caller that
                                 runs itself, cannot be killed: they are waited for */
} furrow_call;

/* ---- pools ------------------------------------------------------------------------*/

typedef struct furrow_pool furrow_pool;

typedef struct furrow_pool_options {
    int workers;        /* 1 to 256; 0: one per core, within the cgroup quota */
    const char *cpus;   /* "0-7,16": only these CPUs; NULL: those allowed */
    furrow_start start; /* FURROW_START_DEFAULT: furrow_context_get() */
    int pin;            /* 0: one CPU per worker; FURROW_PIN_NODE, FURROW_PIN_NONE */
    double grace;       /* seconds between a deadline and the end of what still
                           runs; 0: 0.1 */
    size_t trace;       /* chunks remembered per worker for the timeline; 0: none */
} furrow_pool_options;

/* Start a pool: NULL options for the defaults. Environment variables FURROW_WORKERS,
 * FURROW_CPUS, FURROW_START, FURROW_PIN and FURROW_TRACE override the options.
 * By fork, workers are copies of the process as it is now: global variables set before are
 * seen by kernels, later changes are not; and a lock that another thread of the process has
 * now is taken in them for good. By spawn and forkserver they are copies of the program as
 * furrow_init() finds it (or of furrow_process_helper(), or of the server after its
 * preload): they have nothing of the process but the heap, its environment, its standard
 * output and error; standard input reads as empty. A kernel is found in them by the object
 * that it lies in, which they load when it is not there yet: FURROW_EOS when they cannot, or
 * have another build of it, and then nobody has run it, the caller neither.
 * Of the open files workers keep stdin, stdout and stderr.
 * Inside a worker the pool has no workers of its own: its calls run inline.
 * Processes: a nursery, which is not the caller's child, and its children, the workers.
 * Only the process that opened the pool uses it, from any thread. In a process that it
 * forks (by itself: a kernel must not) the handles of pools and futures are copies of
 * no use: every function fails with FURROW_EINVAL and changes nothing, except that
 * furrow_pool_workers() tells the same, furrow_pool_worker_pid() is -1 and
 * furrow_future_free() frees the copy. Arrays are as good there as here, and so is a
 * pool that the child opens.
 * Death: a worker that dies is replaced (but after ten in a row that ended before they
 * were up, nothing is started in that place any more; when none is left, calls fail with
 * FURROW_EOS, and furrow_pool_describe() tells more); when the process that opened the
 * pool ends, by whatever death, its workers are ended. When the nursery is killed, so are the
 * workers, and all calls fail with FURROW_EDIED, futures with FURROW_ECLOSED.
 * Errors: FURROW_EINVAL (options, variables; spawn or forkserver, and furrow_init() has not
 * run), FURROW_ENOMEM, FURROW_ENOTSUP (the program has closed the heap's file, which spawn
 * and forkserver hand on), FURROW_EDIED (what was run anew, or the nursery, ended before the
 * workers were up), FURROW_EOS. Blocks until all workers are up: some ms. */
furrow_pool *furrow_pool_open_sized(const furrow_pool_options *options, size_t size);
inline furrow_pool *furrow_pool_open(const furrow_pool_options *options)
{
    return furrow_pool_open_sized(options, sizeof *options);
}

/* Wait for all calls, queued ones too, end the workers, free the pool. Calls of other
 * threads that wait for their turn may fail with FURROW_ECLOSED, and so may the future of
 * one that is just being queued; it returns when they have left. None may begin to use the
 * pool then. NULL returns the error that made it NULL.
 * Errors: FURROW_EINVAL in a process or worker that has not opened it; the pool stays.
 */
int furrow_pool_close(furrow_pool *pool);

/* Kill the workers at once, then free the pool. Unfinished futures fail:
 * FURROW_ECLOSED; what their kernels were writing is torn. Calls of other threads fail with
 * FURROW_EDIED or FURROW_ECLOSED, and it returns when they have (a thread that runs a part of
 * its call by FURROW_CALLER_RUNS ends that first); none may begin one then. Workers that are
 * threads cannot be killed: then it does what furrow_pool_close() does. */
int furrow_pool_terminate(furrow_pool *pool);

/* How many workers the pool has; 1 inside a worker, 0 for NULL. */
int furrow_pool_workers(const furrow_pool *pool);

/* The process id of worker i now, or -1 (a thread, being replaced, no such worker). */
long furrow_pool_worker_pid(const furrow_pool *pool, int i);

/* Print to `out` (a FILE *) why there are so many workers, where each runs, and what
 * the heap is.
 * Errors: FURROW_EINVAL (a NULL), FURROW_EOS (`out` cannot be written). */
int furrow_pool_describe(furrow_pool *pool, void *out);

/* Take the memory of the array now, each part by the worker that will work on it; else
 * the first call on the array does that. Arrays below 1 MiB have theirs already.
 * Errors: FURROW_EINVAL, FURROW_ENOMEM (an array that had none, and has no slices, has
 * none again, whatever was written to it meanwhile; also when the OOM killer took a
 * worker), FURROW_EDIED, FURROW_ECLOSED. Blocks for its turn, then for as long as clearing
 * takes: some tenths of a second per GiB, divided among the workers. */
int furrow_pool_populate(furrow_pool *pool, furrow_array *a);

/* Write a timeline as an SVG picture: which worker ran which chunk when, of the last
 * .trace chunks of each worker.
 * Errors: FURROW_EINVAL (no .trace; inside a kernel), FURROW_ENOMEM, FURROW_EOS (the
 * file), FURROW_EDIED, FURROW_ECLOSED. Blocks until no call runs; others run while it
 * writes. */
int furrow_pool_timeline(furrow_pool *pool, const char *path);

/* Totals since the pool was opened. Calls and chunks include the library's own: those
 * of built-in kernels, and those that take the memory of arrays. */
typedef struct furrow_pool_stats {
    uint64_t calls;    /* calls completed */
    uint64_t chunks;   /* chunks run to their end */
    uint64_t steals;   /* ranges taken from another worker */
    uint64_t parks;    /* times a worker went to sleep */
    uint64_t deaths;   /* workers that died, or were killed past a deadline */
    uint64_t replaced; /* workers started in the place of dead ones */
} furrow_pool_stats;
/* Never blocks. FURROW_EINVAL for a NULL, and in another process. */
int furrow_pool_stat(furrow_pool *pool, furrow_pool_stats *stats);

/* ---- calls --------------------------------------------------------------------------
 *
 * Each checks the call in the caller first: types, lengths, that the arrays are live.
 * Calls of several threads on one pool run one after another; the wait for the turn counts
 * towards the deadline. Inside a worker a call runs where it is, one chunk after another.
 * Errors before anything has run: FURROW_EINVAL, FURROW_ETYPE, FURROW_ENOTSUP (the
 * kernel is in memory that workers cannot find: made by a JIT after the pool was
 * opened, or at all where workers are no copies), FURROW_ENOMEM (an array's memory
 * cannot be had), FURROW_ECLOSED, FURROW_ETIME (it was not its turn in time).
 * Errors of the run, the first that applies: FURROW_EDIED without ranges (the nursery was
 * killed: furrow_pool_open()); FURROW_ETIME and FURROW_EDIED with torn ranges;
 * FURROW_ECORRUPT (a stray store has met the pool's own memory: the outputs may hold
 * anything; terminate the pool); FURROW_EOS (no worker can be started, or they cannot find
 * the kernel or map a file); FURROW_EKERNEL (value and range of the lowest failing chunk;
 * chunks above it may be left out, those below are done, unless the deadline or a cancel has
 * left them out); FURROW_ETIME and FURROW_ECANCELED without torn ranges (some chunks were not
 * started, what was started is complete).
 * Death of a worker: what it had not started is run by others, its chunk is torn, and
 * the call ends with FURROW_EDIED when all else is done.
 */

/* Run the kernel on all chunks. Blocks until the last is done and no worker is inside
 * the call any more: without a deadline, for ever when a kernel hangs. */
int furrow_map_sized(furrow_pool *pool, const furrow_call *call, size_t size);
inline int furrow_map(furrow_pool *pool, const furrow_call *call)
{
    return furrow_map_sized(pool, call, sizeof *call);
}

/* The same without waiting. Arrays must stay until the future is done; `ctx` is copied
 * now. Up to 256 calls wait in line, with what takes the memory of their arrays. NULL with
 * an error: those of checking; FURROW_EBUSY when the line is full; FURROW_EINVAL with
 * FURROW_CALLER_RUNS. An array's memory is taken when its turn comes: a lack of it is
 * FURROW_ENOMEM of the future.
 * Does not block, but inside a worker, where the call is done when it returns.
 */
typedef struct furrow_future furrow_future;
furrow_future *furrow_map_async_sized(furrow_pool *pool, const furrow_call *call,
                                      size_t size);
inline furrow_future *furrow_map_async(furrow_pool *pool, const furrow_call *call)
{
    return furrow_map_async_sized(pool, call, sizeof *call);
}

/* Wait for the result of the call: 0 or its error; FURROW_ETIME when the deadline
 * passes first (the call runs on; furrow_future_ready() tells it from a call whose own
 * deadline has passed); FURROW_ECLOSED when the pool was terminated or its nursery killed
 * before the call was done. Blocks until the deadline. May be called again, and tells the
 * same again. */
int furrow_future_wait(furrow_future *future, furrow_deadline deadline);

/* 1 when the result is there (the call may have failed, or the pool has gone), 0 when not;
 * negative for NULL. Never blocks. */
int furrow_future_ready(furrow_future *future);

/* Chunks done and chunks in all, for a progress bar; either may be NULL. Of a call that was
 * cut short or failed it stays where it was then. Never blocks. */
int furrow_future_progress(furrow_future *future, size_t *done, size_t *total);

/* Do not start what is not started: the future then fails with FURROW_ECANCELED, unless
 * everything was done already. Does not wait. */
int furrow_future_cancel(furrow_future *future);

/* Give up the answer, not the work: NULL is fine. Also after the pool was closed. */
void furrow_future_free(furrow_future *future);

/* Elements [begin, end) that a dead worker had started and not finished: they are torn,
 * old and new in any mixture. Everything else was done exactly once, unless a deadline
 * or a failing kernel left it out. At most one range per death. */
typedef struct furrow_torn {
    size_t begin, end;
    int worker;    /* 0 .. workers-1 */
    long pid;      /* of the process that died; 0: a thread */
    int signal;    /* that ended the worker, or 0 */
    int exit_code; /* when it ended by exit() */
} furrow_torn;

/* The torn ranges of this thread's last call that ended with FURROW_EDIED or
 * FURROW_ETIME, ascending; lent until its next such call. Returns how many. None with
 * FURROW_EDIED: the nursery was killed, or there was no memory to note them (the sentence
 * says which): take all outputs for torn. */
size_t furrow_error_ranges(const furrow_torn **ranges);

/* ---- built-in kernels ---------------------------------------------------------------
 *
 * For every numeric typecode (b B h H i I l L q Q f d g F D, and ? without products).
 * fill and copy take every type. Scalars are passed by pointer, as one element of the
 * array's type. Sums and dot products are accumulated and returned as int64_t for signed
 * integers, uint64_t for unsigned ones and ?, double for f and d, long double for g,
 * complex double for F and D; they are the same bit for bit for any number of workers.
 * Operands of less than 32 KiB together are worked on in the caller; in calls on arrays
 * below 8 MiB it takes part. They block as furrow_map() does.
 * Errors: those of furrow_map() (then *out is unchanged); FURROW_ETYPE (types differ, or
 * have no such arithmetic); FURROW_EINVAL (lengths differ; arrays overlap without being the
 * same; a NULL).
 */
int furrow_fill(furrow_pool *pool, furrow_array *a, const void *value);
int furrow_copy(furrow_pool *pool, furrow_array *to, furrow_array *from);
int furrow_scale(furrow_pool *pool, furrow_array *a, const void *factor);
/* y += a x */
int furrow_axpy(furrow_pool *pool, const void *a, furrow_array *x, furrow_array *y);
/* z = x + a y */
int furrow_triad(furrow_pool *pool, furrow_array *z, furrow_array *x, const void *a,
                 furrow_array *y);
int furrow_sum(furrow_pool *pool, furrow_array *a, void *out);
/* *out is one element of the array's type: NaN when there is one. FURROW_EINVAL for an
 * empty array, FURROW_ETYPE for complex numbers. */
int furrow_min(furrow_pool *pool, furrow_array *a, void *out);
int furrow_max(furrow_pool *pool, furrow_array *a, void *out);
int furrow_dot(furrow_pool *pool, furrow_array *a, furrow_array *b, void *out);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
