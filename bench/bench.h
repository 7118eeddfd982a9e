/* SPDX-License-Identifier: MIT
 *
 * bench.h - the words that all of furrow-bench shares.
 *
 * The driver (main.c) runs each contender of a row in fresh processes: itself, executed
 * again with `--contender NAME`. Such a child measures one contender once and writes
 * one bench_result and its samples to its stdout; the driver interleaves the launches,
 * pools what they say and prints it. A contender is a peer (who splits the work), a
 * setting, and the kind of memory that the work lies in.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_MAX_WORKERS 256
#define BENCH_LINE        128 /* bytes: two cache lines, for the neighbour prefetcher */

struct furrow_array;

/* ---- memory (memory.c) ------------------------------------------------------------*/

typedef enum bench_memory {
    BENCH_NO_MEMORY,
    BENCH_HUGE, /* private, anonymous, MADV_HUGEPAGE: a peer's natural case, at its best
                 */
    BENCH_MALLOC, /* what malloc gives */
    BENCH_SHARED, /* shared, anonymous, MADV_HUGEPAGE (as far as the system grants it)
                   */
    BENCH_FURROW  /* a furrow array */
} bench_memory;

const char *bench_memory_name(bench_memory kind);

/* n doubles. */
typedef struct bench_vector {
    double *data;
    size_t n;
    bench_memory kind;
    struct furrow_array *array; /* BENCH_FURROW */
} bench_vector;

/* Untouched memory for n doubles; -1 with a sentence. */
int bench_vector_new(bench_vector *v, bench_memory kind, size_t n);
void bench_vector_free(bench_vector *v);

/* Zeros that forked children share, NULL when there is no memory. Never freed. */
void *bench_shared_page(size_t bytes);

/* Take the memory of elements [begin, end): shared memory in huge pages where the
 * kernel can make them, whatever the system's setting is, as furrow's workers do. */
void bench_vector_populate(const bench_vector *v, size_t begin, size_t end);

/* Percent of the vector's resident memory that lies in huge pages; -1: unknown. */
int bench_vector_huge(const bench_vector *v);

/* ---- what is measured -------------------------------------------------------------*/

typedef enum bench_op {
    BENCH_SCALE, /* a *= k */
    BENCH_TRIAD, /* a = b + k c */
    BENCH_DOT,   /* sum of b c */
    BENCH_COPY,  /* a = b */
    BENCH_FILL,  /* a = k */
    BENCH_AXPY,  /* a += k b */
    BENCH_ITEMS, /* compute only: b has the cost of each item; a sum, as of dot */
    BENCH_OPS
} bench_op;

typedef struct bench_job {
    bench_op op;
    double k;
    size_t n;
    const bench_vector *a, *b, *c;
} bench_job;

typedef struct bench_config {
    int workers; /* processes or threads that work, the caller among them */
    int cpus[BENCH_MAX_WORKERS];
    size_t bytes; /* of one big array */
    int quick;
    int launches;
    bench_memory memory;
    const char *setting;
} bench_config;

/* What one launch says; its samples follow. `text` tells what a reader should know, or
 * when `failed`, why there is nothing. */
typedef struct bench_result {
    uint32_t magic;
    uint32_t failed;
    uint64_t samples;
    uint64_t counted, offered; /* dispatches in which every worker ran, and all */
    double batched;            /* ns per dispatch back to back; 0: not measured */
    double burnt; /* us of CPU per call, of all who belong to it; 0: not measured */
    int32_t huge; /* percent; -1: unknown or no array */
    char text[220];
} bench_result;

#define BENCH_RESULT_MAGIC 0x66775232u

/* ---- peers (peer_*.c) ---------------------------------------------------------------
 *
 * A peer splits work over config->workers workers pinned to config->cpus, the caller
 * pinned to the first and working too. open() is called when the vectors of a row
 * exist.
 */
typedef struct bench_peer {
    const char *name;
    int (*open)(const bench_config *config);
    int (*run)(const bench_job *job, double *dot); /* one sweep */
    int (*dispatch)(uint32_t slot); /* bench_empty(marks, slot) by every worker */
    int (*populate)(const bench_vector *a); /* take the memory, each its part */
    int (*drop)(const bench_vector *a);     /* give it back */
    int (*family)(
        int *pids); /* processes besides this one; how many (<= BENCH_FAMILY) */
    void (*close)(void);
} bench_peer;

#define BENCH_FAMILY (BENCH_MAX_WORKERS + 1)

/* NULL where a peer has none: without populate() its first sweep takes the memory. */
extern const bench_peer bench_peer_furrow, bench_peer_builtin, bench_peer_libgomp,
    bench_peer_openblas, bench_peer_barrier, bench_peer_processes, bench_peer_serial,
    bench_peer_floor, bench_peer_handover, bench_peer_bound, bench_peer_sockets,
    bench_peer_connection, bench_peer_python, bench_peer_mutex, bench_peer_lock,
    bench_peer_semaphore, bench_peer_meet, bench_peer_meet_glibc, bench_peer_queue,
    bench_peer_queue_trip, bench_peer_python_queue, bench_peer_bare_start,
    bench_peer_start, bench_peer_python_start, bench_peer_ck_spsc, bench_peer_ck_mpmc,
    bench_peer_moodycamel;

/* ---- marks (dispatch.c) -------------------------------------------------------------
 *
 * Who ran in which dispatch: a row of bytes per worker, written by that worker alone,
 * so that keeping count moves no cache line between the processors while time is taken.
 */
typedef struct bench_marks {
    unsigned char *bytes;
    size_t stride; /* from one worker's row to the next */
} bench_marks;
extern bench_marks bench_the_marks;

/* ---- measurements, in the child (dispatch.c, sweep.c, gap.c, items.c) --------------*/

typedef struct bench_samples {
    double *value;
    size_t count, room;
} bench_samples;

struct bench_row;
typedef int bench_measure(const struct bench_row *row, const bench_peer *peer,
                          const bench_config *config, bench_result *result,
                          bench_samples *samples);
bench_measure bench_measure_dispatch, bench_measure_isolated, bench_measure_small,
    bench_measure_sweep, bench_measure_first, bench_measure_gap, bench_measure_items,
    bench_measure_pipe, bench_measure_sync;

#define BENCH_SMALL 10000 /* doubles of a small array */

int bench_samples_room(bench_samples *s, size_t room);
void bench_samples_add(bench_samples *s, double value);

/* ---- rows (rows.c) ----------------------------------------------------------------*/

typedef enum bench_role {
    BENCH_CONTENDER,
    BENCH_LIMIT, /* the best of a row's limits is its limit */
    BENCH_ANCHOR /* printed for orientation */
} bench_role;

typedef struct bench_contender {
    const bench_peer *peer;
    const char *who;     /* as printed: "furrow" */
    const char *setting; /* "caller runs" */
    bench_memory memory;
    bench_role role;
} bench_contender;

typedef struct bench_row {
    const char *name, *title, *unit;
    int lower_is_better;
    bench_op op;
    bench_measure *measure;
    const bench_contender *contenders; /* ends with a NULL peer */
    const char *family; /* of several rows that one name of --rows means; or NULL */
    double idle_us;     /* of the gap rows: before each call */
    double (*cost)(size_t item, size_t items); /* of the rows of items */
    int hog;                                   /* the last CPU is half busy */
} bench_row;

/* Shapes of cost (items.c). */
double bench_cost_rising(size_t item, size_t items);
double bench_cost_falling(size_t item, size_t items);
double bench_cost_heavy(size_t item,
                        size_t items); /* 1 in 100 costs 100 times as much */
double bench_cost_even(size_t item, size_t items);

extern const bench_row bench_rows[]; /* ends with a NULL name */

/* "furrow is at least `factor` times as good as ...": who/setting against
 * other/setting, or against the row's limit when other is NULL; or against `most` when
 * it is not 0, a time. */
typedef struct bench_goal {
    const char *row, *text; /* row: its name or its family's */
    const char *who, *setting;
    const char *other, *other_setting;
    double factor;
    int burnt;       /* compare the CPU time, not the row's value */
    double until_us; /* of gap rows: up to this idle time */
    double most;
} bench_goal;

extern const bench_goal bench_goals[]; /* ends with a NULL row */

/* Is it the row's name, or that of its family? */
int bench_row_is(const bench_row *row, const char *name);

/* "scale/libgomp/active/huge", the name of a contender. */
void bench_contender_name(const bench_row *row, const bench_contender *c, char *out,
                          size_t size);

/* ---- the child (contender.c) and its launch (launch.c) ----------------------------*/

/* Measure the named contender; writes result and samples to stdout. The exit status. */
int bench_contender_main(const char *name, bench_config *config);

/* A failed measurement: a sentence in the result; -1. */
int bench_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *bench_failure(void);

typedef struct bench_launch {
    bench_result result;
    double *samples;  /* malloced: the caller frees */
    long involuntary; /* context switches of the child and what it waited for */
} bench_launch;

/* Run a contender in a fresh process. A failure is a result with `failed` set. */
void bench_launch_run(const bench_row *row, const bench_contender *c,
                      const bench_config *config, bench_launch *out);

/* ---- processes (child.c) ----------------------------------------------------------*/

/* As fork(), but the child dies with its parent; -1 with a sentence. */
int bench_child_fork(void);

/* ---- waiting (futex.c) ------------------------------------------------------------*/

/* Sleep while the word is `seen`; may return early. */
void bench_futex_wait(_Atomic uint32_t *word, uint32_t seen);
void bench_futex_wake(_Atomic uint32_t *word); /* everybody */

/* ---- the processor (cpu_*.c, pin.c) -----------------------------------------------*/

uint64_t bench_ticks(void);
double bench_ticks_per_ns(void);
void bench_pause(void);

/* CPUs this process may run on, at most BENCH_MAX_WORKERS, ascending. Returns how many.
 */
int bench_cpus_allowed(int *cpus);

/* The workers' CPUs: "0,3,7", or "{0},{3},{7}" with braces. */
void bench_cpus_list(const bench_config *config, int braces, char *out, size_t size);
/* The CPUs of such a list. Returns how many, or -1. */
int bench_cpus_parse(const char *list, int *cpus);

int bench_pin(int cpu);                        /* the calling thread */
int bench_pin_thread(int tid, int cpu);        /* a thread of this process */
int bench_pin_all(const int *cpus, int count); /* the calling thread, to several */

/* Elements that worker w of `workers` owns: of whole huge pages when n is large. */
size_t bench_part(size_t n, int w, int workers);

#endif
