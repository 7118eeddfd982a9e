/* SPDX-License-Identifier: MIT
 *
 * Processes are killed inside the heap, at random times and at random instructions.
 * After each death the heap must be whole, what was published must be
 * there with its data, what was not must be gone, and everybody else must go on.
 *
 * Single steps: a child stops itself before one operation, and is taken through it by
 * ptrace. A first pass looks after each instruction whether the heap is whole, and
 * notes where shared structures change; then it is killed just after each change (or
 * some of them, if all would take too long), and after a random number of system calls
 * and instructions. Every run tries others.
 *
 * A death may leave what nobody can find any more (an array that was published but not
 * handed out yet, one whose handle was freed but not its memory yet), as a whole or not
 * at all: never half of an array.
 *
 *     kill_heap [seed]
 */
#include "array.h"
#include "child.h"
#include "heap.h"
#include "os.h"
#include "unit.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/stat.h>

#define MIB ((size_t)1 << 20)

enum {
    SLOTS = 8,
    RANDOM_KILLS = 200,
    KILLS = 10,
    CHANGES = 400,
    UNITS = 512,
    BUDGET = 30000
};
#define ENDLESS 1000000000L

/* In shared memory; written by the child that is to die and by nobody else meanwhile.
 */
typedef struct board {
    furrow_array *_Atomic made; /* by the operation, once it is over */
    _Atomic int begun, survivor_stops, survivor_rounds;
    furrow_array *subject; /* what the operation works on */
    void *block;           /* likewise */
    furrow_array *_Atomic slot[SLOTS];
} board;

static board *shared;
static furrow_array *bystander;
static unsigned long dice = 1;

static unsigned roll(unsigned n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)(dice >> 33) % n;
}

static void die(const char *what, long k)
{
    fprintf(stderr, "FAILED: %s (at %ld): %s\n", what, k, furrow_last_error()->text);
    exit(1);
}

static size_t blocks_now(void)
{
    furrow_heap_info info;

    if (furrow_heap_describe(&info) < 0)
        die("describe", 0);
    return info.blocks;
}

/* ---- patterns ---------------------------------------------------------------------*/

static void fill(const furrow_array *a)
{
    uint64_t *x = a->data;

    for (size_t i = 0; i < a->len; i += 61)
        x[i] = i + 1;
}

static int holds(const furrow_array *a, int zeros)
{
    const uint64_t *x = a->data;

    for (size_t i = 0; i < a->len; i += 61)
        if (x[i] != (zeros ? 0 : i + 1))
            return 0;
    return 1;
}

/* The next one who comes: everything works, and memory that was used is zeros. */
static void live_on(long k)
{
    const size_t lens[] = {3, 3000, MIB / 2};

    for (int i = 0; i < 3; i++) {
        furrow_array *a = furrow_array_new('Q', lens[i], NULL);

        if (!a)
            die("cannot allocate after the death", k);
        if (!holds(a, 1))
            die("memory of the dead shines through", k);
        fill(a);
        if (furrow_array_free(a) < 0)
            die("cannot free after the death", k);
    }
    if (!holds(bystander, 0))
        die("a bystander was overwritten", k);
}

/* The dead one is buried; what stays is a whole heap. */
static void bury(long k)
{
    if (furrow_fsck() < 0)
        die("not whole before the sweep", k);
    fw_heap_sweep();
    if (furrow_fsck() < 0)
        die("not whole after the sweep", k);
    live_on(k);
    if (furrow_fsck() < 0)
        die("not whole after use", k);
}

/* ---- the operations ---------------------------------------------------------------*/

static void make_small(void)
{
    shared->made = furrow_array_new('Q', 20, NULL);
}

static void make_medium(void)
{
    shared->made = furrow_array_new('Q', 2000, NULL);
}

static void make_large(void)
{
    shared->made = furrow_array_new('Q', MIB / 4 + 1, NULL);
}

static void make_slice(void)
{
    shared->made = furrow_array_slice(shared->subject, 1, 5);
}

static void free_subject(void)
{
    (void)furrow_array_free(shared->subject);
}

static void take_and_drop(void)
{
    void *small = fw_heap_alloc(300), *medium = fw_heap_alloc(5000);

    (void)fw_heap_free(medium);
    (void)fw_heap_free(small);
}

/* Where no run ended before: nothing old in the map looks like what should be there. */
static unsigned deaths;

static void take_a_new_size(void)
{
    (void)fw_heap_alloc((31 + deaths % 200) * 4096);
}

static char name[64];

static void make_named(void)
{
    furrow_array_options options = {.name = name};

    shared->made = furrow_array_new('Q', 20, &options);
}

/* A named array before: its guard is there, and what is looked up once is. */
static void warm_up_named(void)
{
    furrow_array_options options = {.name = name};

    (void)furrow_array_free(furrow_array_new('Q', 20, &options));
}

static void warm_up(void)
{
    furrow_array *a = furrow_array_new('Q', MIB / 4 + 1, NULL);
    furrow_array *b = furrow_array_slice(a, 0, 1);

    (void)furrow_array_free(a);
    (void)furrow_array_free(b);
}

typedef struct operation {
    const char *name;
    void (*run)(void);
    void (*warm_up)(void);
    size_t subject_len; /* 0: none */
    int sliced;         /* a slice of the subject lives, too */
    int always;         /* the number of blocks changes by this */
    int may_change;     /* or by this */
} operation;

static const operation operations[] = {
    {"make a small array", make_small, warm_up, 0, 0, 0, 2},
    {"make an array of pages", make_medium, warm_up, 0, 0, 0, 2},
    {"make a large array", make_large, warm_up, 0, 0, 0, 2},
    {"make a slice", make_slice, warm_up, 100, 0, 0, 1},
    {"free a small array", free_subject, warm_up, 20, 0, 0, -2},
    {"free an array of pages", free_subject, warm_up, 2000, 0, 0, -2},
    {"free a large array", free_subject, warm_up, MIB / 4 + 1, 0, 0, -2},
    {"free a sliced array", free_subject, warm_up, 2000, 1, 0, 0},
    {"take a block of a new size", take_a_new_size, warm_up, 0, 0, 0, 0},
    {"take and drop blocks", take_and_drop, warm_up, 0, 0, 0, 0},
    /* the array's object may stay (its file is no block) */
    {"make a named array", make_named, warm_up_named, 0, 0, 0, 1},
};

/* ---- single steps -----------------------------------------------------------------*/

typedef enum __ptrace_request step;

static int stepped(void *arg)
{
    const operation *op = arg;

    op->warm_up();
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        return 77;
    raise(SIGSTOP);
    op->run();
    raise(SIGSTOP); /* the end */
    return 0;
}

/* Where the child was when it had just changed what a survivor relies on. */
static long change[CHANGES];
static int changes;

static uint64_t mix(uint64_t hash, const volatile void *from, size_t size)
{
    const volatile uint64_t *p = from;

    for (size_t i = 0; i < size / 8; i++)
        hash = (hash ^ p[i]) * UINT64_C(0x9E3779B97F4A7C15);
    return hash;
}

/* The beginning of the superblock, of the maps and of each page: in them are the lock,
 * the pair, lines, runs and the owners of slots. The test's heap is small. */
static uint64_t fingerprint(void)
{
    const fw_segment *s = fw_segment_peek();
    uint64_t hash = mix(1, s->heap, offsetof(fw_heap, participant) + 512);

    for (int z = 0; z < FW_ZONES; z++)
        hash = mix(hash, s->zone[z].map, UNITS * 8);
    for (size_t u = 0; u < s->zone[FW_ZONE_SMALL].units && u < UNITS;
         u += fw_unit_step(&s->zone[FW_ZONE_SMALL], u))
        if (fw_unit_state(fw_unit_load(&s->zone[FW_ZONE_SMALL], u)) == FW_UNIT_SLAB)
            hash = mix(hash, s->zone[FW_ZONE_SMALL].base + u * FW_SMALL_UNIT, 128);
    if (shared->subject)
        hash = mix(hash, shared->subject, sizeof(fw_array) / 8 * 8);
    return hash;
}

/* After each instruction everything must be whole, whoever holds the lock. */
static void look(long k)
{
    static uint64_t last;
    uint64_t now = fingerprint();

    if (now == last)
        return;
    last = now;
    if (fw_heap_check(fw_segment_peek()) < 0)
        die("not whole in the middle", k);
    if (changes < CHANGES)
        change[changes++] = k;
}

/* Take the stopped child on by at most so many instructions, or entries to and returns
 * from system calls. Returns how many; fewer when the operation is over. */
static long take(pid_t pid, step request, long most)
{
    int status;
    long k;

    for (k = 0; k < most; k++) {
        if (ptrace(request, pid, NULL, NULL) != 0 || waitpid(pid, &status, 0) != pid ||
            !WIFSTOPPED(status))
            die("the child is lost", k);
        if (WSTOPSIG(status) == SIGSTOP)
            break;
        if (WSTOPSIG(status) != SIGTRAP)
            die("the child got a signal", WSTOPSIG(status));
        if (most == ENDLESS && request == PTRACE_SINGLESTEP)
            look(k + 1);
    }
    return k;
}

/* Let the operation begin, and kill it after so many stops at system calls and then so
 * many instructions. Returns how many instructions were taken, -1 when there is no
 * ptrace here. `*calls` becomes the stops that there were. */
static long kill_after(const operation *op, long *calls, long most)
{
    union {
        const operation *op;
        void *arg;
    } run = {.op = op};
    pid_t pid = child_start(stepped, run.arg);
    int status;
    long k = 0, wanted = *calls;

    if (waitpid(pid, &status, 0) != pid)
        die("no child", 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return -1;
    if (!WIFSTOPPED(status))
        die("the child did not stop", status);
    *calls = take(pid, PTRACE_SYSCALL, wanted);
    if (*calls == wanted)
        k = take(pid, PTRACE_SINGLESTEP, most);
    kill(pid, SIGKILL);
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
        die("the child would not die", k);
    return k;
}

/* The subject was to be freed: if it is still there, free it here. */
static void finish_subject(const operation *op, long k)
{
    if (!op->subject_len || fw_array_of(shared->subject) == NULL)
        return;
    if (!holds(shared->subject, 0))
        die("the subject was overwritten", k);
    if (furrow_array_free(shared->subject) < 0)
        die("cannot free the subject", k);
}

/* What was made, if it was handed out: it is an array of zeros and can be freed. */
static void finish_made(const operation *op, long k)
{
    furrow_array *a = shared->made;

    shared->made = NULL;
    if (!a || op->run == make_named) /* the file was its process's */
        return;
    if (!holds(a, op->run != make_slice) && op->run != make_slice)
        die("what was made is not zeros", k);
    if (furrow_array_free(a) < 0)
        die("cannot free what was made", k);
}

static void name_is_gone(long k)
{
    char path[100];
    struct stat st;

    snprintf(path, sizeof path, "/dev/shm%s", name);
    if (lstat(path, &st) == 0)
        die("the name of the dead is still there", k);
}

/* One death, and everything that must be so after it. */
static long one_death(const operation *op, long *calls, long most)
{
    furrow_array *slice = NULL;
    size_t before, after;
    long k;

    deaths++;
    shared->subject = NULL;
    if (op->subject_len) {
        shared->subject = furrow_array_new('Q', op->subject_len, NULL);
        if (!shared->subject)
            die("no array to begin with", most);
        fill(shared->subject);
    }
    if (op->sliced)
        slice = furrow_array_slice(shared->subject, 0, 1000);
    before = blocks_now();
    k = kill_after(op, calls, most);
    if (k < 0)
        return k;
    bury(k);
    after = blocks_now();
    if ((long)(after - before) != op->always &&
        (long)(after - before) != op->may_change)
        die("half of it is left", k);
    if (op->run == make_named)
        name_is_gone(k);
    finish_made(op, k);
    finish_subject(op, k);
    if (slice && (!holds(slice, 0) || furrow_array_free(slice) < 0))
        die("the slice did not outlive it", k);
    if (furrow_fsck() < 0)
        die("not whole in the end", k);
    return k;
}

/* Killed just after it has changed something; as many of the changes as the budget of
 * steps allows, by chance. Returns how often. */
static int kill_at_changes(const operation *op)
{
    long cost = 0, none = 0;
    int kills = 0;

    for (int i = 0; i < changes; i++)
        cost += change[i];
    for (int i = 0; i < changes; i++)
        if (cost < BUDGET || (long)roll((unsigned)cost) < BUDGET) {
            none = 0;
            (void)one_death(op, &none, change[i]);
            kills++;
        }
    return kills;
}

static int single_steps(const operation *op)
{
    long calls = ENDLESS, none = 0, all, piece;
    int kills;

    (void)one_death(op, &calls, 0);
    changes = 0;
    all = one_death(op, &none, ENDLESS);
    if (all < 0) {
        printf("no ptrace here: no single steps\n");
        return -1;
    }
    kills = kill_at_changes(op);
    piece = calls ? 3 * all / (calls + 1) : all; /* they are not equal */
    for (int i = 0; i < KILLS; i++) {
        long after = roll((unsigned)calls + 1);

        (void)one_death(op, &after, roll((unsigned)piece));
    }
    printf(
        "%-26s %6ld instructions, %d changes, killed at %d of them and %d times more\n",
        op->name, all, changes, kills, KILLS);
    fflush(stdout);
    return 0;
}

/* ---- random times -----------------------------------------------------------------*/

/* Arrays come and go in the slots until the kill. */
static int churn(void *arg)
{
    (void)arg;
    shared->begun = 1;
    for (unsigned i = 0;; i++) {
        int s = (int)roll(SLOTS);
        furrow_array *a = shared->slot[s], *b;

        if (a) {
            shared->slot[s] = NULL; /* before: a handle is freed once */
            child_want(furrow_array_free(a) == 0);
            continue;
        }
        a = furrow_array_new('Q', roll(8) ? roll(9000) : MIB / 8 + roll(MIB), NULL);
        child_want(a && holds(a, 1));
        fill(a);
        if (roll(3) == 0 && a->len > 10) {
            b = furrow_array_slice(a, 0, a->len / 2);
            child_want(b && furrow_array_free(a) == 0);
            a = b;
        }
        shared->slot[s] = a;
    }
}

/* Another process that wants nothing but to go on. */
static int survive(void *arg)
{
    (void)arg;
    while (!shared->survivor_stops) {
        furrow_array *a = furrow_array_new('Q', roll(4000), NULL);

        child_want(a && holds(a, 1));
        fill(a);
        child_want(furrow_fsck() == 0);
        child_want(holds(a, 0));
        child_want(furrow_array_free(a) == 0);
        shared->survivor_rounds++;
    }
    return 0;
}

static void nap(void)
{
    struct timespec t = {0, (long)roll(2000) * 1000};

    nanosleep(&t, NULL);
}

static void clear_slots(long k)
{
    for (int s = 0; s < SLOTS; s++) {
        furrow_array *a = shared->slot[s];

        shared->slot[s] = NULL;
        if (!a)
            continue;
        if (!holds(a, 0))
            die("a published array was overwritten", k);
        if (furrow_array_free(a) < 0)
            die("a published array is gone", k);
    }
}

/* At most an array, its slice and their block are lost with each. */
static void random_kills(void)
{
    size_t before = blocks_now(), after;
    pid_t survivor = child_start(survive, NULL);

    for (long i = 0; i < RANDOM_KILLS; i++) {
        pid_t pid;

        (void)roll(2); /* another child, another sequence */
        shared->begun = 0;
        pid = child_start(churn, NULL);
        while (!shared->begun)
            nap();
        kill(pid, SIGKILL);
        if (child_wait(pid) != CHILD_SIGNAL + SIGKILL)
            die("the child failed before it was killed", i);
        bury(i);
        clear_slots(i);
    }
    shared->survivor_stops = 1;
    if (child_wait(survivor) != 0)
        die("the survivor failed", 0);
    fw_heap_sweep();
    after = blocks_now();
    if (after < before || after - before > RANDOM_KILLS * 3)
        die("too much is left", (long)(after - before));
    printf(
        "%d random kills, %zu blocks lost with them; the survivor went on %d times\n",
        RANDOM_KILLS, after - before, shared->survivor_rounds);
}

/* Parent and child in turns on one CPU: steps are many times as fast. Before the random
 * kills, which leave blocks: structures are at the beginning of what is looked at. */
static void all_single_steps(void)
{
    fw_cpuset all, here = {{0}};

    (void)fw_os_affinity(&all);
    fw_cpuset_add(&here, fw_os_cpu());
    (void)fw_os_pin(&here);
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++)
        if (single_steps(&operations[i]) < 0)
            break;
    (void)fw_os_pin(&all);
}

int main(int argc, char **argv)
{
    dice = argc > 1 ? strtoul(argv[1], NULL, 10) : (unsigned long)fw_os_now() | 1;
    printf("seed %lu\n", dice);
    snprintf(name, sizeof name, "/furrow-%d-kill", (int)getpid());
    shared = fw_heap_alloc(sizeof *shared);
    bystander = furrow_array_new('Q', 70000, NULL);
    if (!shared || !bystander)
        die("no heap", 0);
    fw_heap_publish_pair(shared, NULL);
    fill(bystander);
    all_single_steps();
    random_kills();
    return 0;
}
