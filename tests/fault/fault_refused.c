/* SPDX-License-Identifier: MIT
 *
 * System calls that a container refuses.
 *
 * Each row is a seccomp filter that refuses one call, or some forms of it, with ENOSYS and
 * with EPERM, in a program that then does all of it: arrays, pools, calls, deaths, named
 * arrays. It must work, or say what was refused where the row allows that; and never hang
 * or leave anything. The program is the reaper of its descendants and never waits, as many
 * a program with process id 1.
 */
#include "left.h"
#include "stress/verdict.h"

#include <errno.h>
#include <furrow.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>

enum { LEN = 1 << 19, CHUNK = LEN / 8, NR_futex_waitv = 449, NR_clone3 = 435 };
enum { NR_close_range = 436, NR_pidfd_send_signal = 424, NR_pidfd_open = 434 };
enum { MFD_NOEXEC_SEAL_ = 8, MADV_POPULATE_WRITE_ = 23, MADV_COLLAPSE_ = 25 };

/* Steps that may fail in a row, if they say why. */
enum { HEAP = 1, THREADS = 2, POOL = 4, NAMED = 8, KEEPER = 16, SERVER = 32 };

enum { ANY = -1 }; /* whatever its arguments */

typedef struct row {
    const char *what;
    unsigned nr;
    int arg;       /* which argument is looked at, or ANY */
    uint32_t mask; /* the call is refused when any of these bits is set, */
    uint32_t same; /* or, without a mask, when it is this */
    unsigned says; /* steps that may fail */
} row;

static const row rows[] = {
    {"nothing", 9999, ANY, 0, 0, 0},
    {"pidfd_open", NR_pidfd_open, ANY, 0, 0, 0},
    {"pidfd_send_signal", NR_pidfd_send_signal, ANY, 0, 0, 0},
    {"waitid", SYS_waitid, ANY, 0, 0, 0},
    {"futex_waitv", NR_futex_waitv, ANY, 0, 0, 0},
    {"memfd_create(MFD_NOEXEC_SEAL)", SYS_memfd_create, 1, MFD_NOEXEC_SEAL_, 0, 0},
    {"memfd_create(MFD_HUGETLB)", SYS_memfd_create, 1, 4, 0, 0},
    {"memfd_create", SYS_memfd_create, ANY, 0, 0, HEAP},
    {"mbind", SYS_mbind, ANY, 0, 0, 0},
    {"set_mempolicy", SYS_set_mempolicy, ANY, 0, 0, 0},
    {"get_mempolicy", SYS_get_mempolicy, ANY, 0, 0, 0},
    {"move_pages", SYS_move_pages, ANY, 0, 0, 0},
    {"sched_setaffinity", SYS_sched_setaffinity, ANY, 0, 0, 0},
    {"sched_getaffinity", SYS_sched_getaffinity, ANY, 0, 0, THREADS | POOL},
    {"getcpu", SYS_getcpu, ANY, 0, 0, 0},
    {"membarrier", SYS_membarrier, ANY, 0, 0, 0},
    {"clone3", NR_clone3, ANY, 0, 0, THREADS},
    {"userfaultfd", SYS_userfaultfd, ANY, 0, 0, 0},
    {"madvise(MADV_COLLAPSE)", SYS_madvise, 2, 0, MADV_COLLAPSE_, 0},
    {"madvise(MADV_POPULATE_WRITE)", SYS_madvise, 2, 0, MADV_POPULATE_WRITE_, 0},
    {"madvise(MADV_HUGEPAGE)", SYS_madvise, 2, 0, MADV_HUGEPAGE, 0},
    {"madvise(MADV_DONTDUMP)", SYS_madvise, 2, 0, MADV_DONTDUMP, 0},
    {"madvise(MADV_REMOVE)", SYS_madvise, 2, 0, MADV_REMOVE, 0},
    {"madvise(MADV_WIPEONFORK)", SYS_madvise, 2, 0, MADV_WIPEONFORK, HEAP},
    {"mincore", SYS_mincore, ANY, 0, 0, 0},
    {"mremap", SYS_mremap, ANY, 0, 0, 0},
    {"prctl(PR_SET_PDEATHSIG)", SYS_prctl, 0, 0, PR_SET_PDEATHSIG,
     POOL | KEEPER | SERVER},
    {"prctl(PR_SET_NAME)", SYS_prctl, 0, 0, PR_SET_NAME, 0},
    {"close_range", NR_close_range, ANY, 0, 0, 0},
    {"signalfd4", SYS_signalfd4, ANY, 0, 0, POOL | KEEPER | SERVER},
    {"fallocate", SYS_fallocate, ANY, 0, 0, NAMED},
    {"linkat", SYS_linkat, ANY, 0, 0, NAMED},
    {"setpgid", SYS_setpgid, ANY, 0, 0, 0},
    {"fcntl(F_ADD_SEALS)", SYS_fcntl, 1, 0, 1033, 0},
    {"fcntl(F_DUPFD_CLOEXEC)", SYS_fcntl, 1, 0, 1030, 0},
    {"prlimit64", SYS_prlimit64, ANY, 0, 0, 0},
    {"sysinfo", SYS_sysinfo, ANY, 0, 0, 0},
};

typedef struct trial {
    const row *row;
    int error;
    char name[64];
    char *told; /* shared: what the program said */
} trial;

/* ---- the filter ---------------------------------------------------------------------*/

static struct sock_filter look_at(const row *r)
{
    return r->mask
               ? (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, r->mask, 0, 1)
               : (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->same, 0, 1);
}

static void refuse(const trial *t)
{
    const row *r = t->row;
    size_t arg = r->arg == ANY ? 0 : (size_t)r->arg;
    uint32_t at = (uint32_t)(offsetof(struct seccomp_data, args) + 8 * arg);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->nr, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at),
        look_at(r),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)t->error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

    if (r->arg == ANY)
        filter[3] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(77);
}

/* ---- kernels ------------------------------------------------------------------------*/

static int step(furrow_chunk c)
{
    uint64_t *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i]++;
    return 0;
}

static int die_in_third(furrow_chunk c)
{
    if (c.index == 3)
        kill(getpid(), SIGKILL);
    return step(c);
}

static furrow_call call_of(furrow_kernel kernel, furrow_array *a)
{
    return (furrow_call){.kernel = kernel,
                         .types = ">Q",
                         .out = {a},
                         .chunk = CHUNK,
                         .deadline = furrow_in(8)};
}

/* ---- the program --------------------------------------------------------------------*/

static void works(int right, const char *what)
{
    if (!right)
        fail("%s: %s", what, furrow_last_error()->text);
}

/* The step failed: may it, and does it say why? 1, for the steps after it to be left out. */
static int says(const trial *t, unsigned which)
{
    const furrow_error *e = furrow_last_error();

    if (!(t->row->says & which))
        fail("%s: %s", e->function, e->text);
    if (e->code != FURROW_EOS || !strstr(e->text, strerror(t->error)))
        fail("what it says is no reason: %s: %s", furrow_status_name(e->code), e->text);
    snprintf(t->told, 600, "%s", e->text);
    furrow_error_clear();
    return 1;
}

static void all_are(const furrow_array *a, uint64_t value)
{
    for (size_t i = 0; i < a->len; i++)
        if (((uint64_t *)a->data)[i] != value)
            fail("element %zu is %llu, not %llu", i,
                 (unsigned long long)((uint64_t *)a->data)[i],
                 (unsigned long long)value);
}

static void reset(furrow_array *a)
{
    memset(a->data, 0, a->len * a->itemsize);
}

static void replaced(furrow_pool *pool)
{
    double until = left_clock() + 8;
    long old = furrow_pool_worker_pid(pool, 0);

    works(old > 0, "worker 0 is not there");
    kill((pid_t)old, SIGKILL);
    while (furrow_pool_worker_pid(pool, 0) <= 0 ||
           furrow_pool_worker_pid(pool, 0) == old) {
        works(left_clock() < until, "worker 0 is not replaced");
        left_sleep(0.0005);
    }
}

static void calls(furrow_pool *pool, furrow_array *a)
{
    furrow_call call = call_of(step, a);
    furrow_future *f;

    reset(a);
    for (int k = 0; k < 2; k++) {
        f = furrow_map_async(pool, &call);
        works(furrow_future_wait(f, furrow_in(8)) == 0, "a future");
        works(furrow_map(pool, &call) == 0, "a call");
        furrow_future_free(f);
        replaced(pool);
    }
    all_are(a, 4);
}

static void death(furrow_pool *pool, furrow_array *a)
{
    furrow_call call = call_of(die_in_third, a);
    const furrow_torn *torn;

    reset(a);
    works(furrow_map(pool, &call) == FURROW_EDIED, "a death");
    works(furrow_error_ranges(&torn) == 1 && torn->begin == 3 * CHUNK &&
              torn->end == 4 * CHUNK,
          "the torn range");
    for (size_t i = 0; i < a->len; i++)
        if (i / CHUNK != 3 && ((uint64_t *)a->data)[i] != 1)
            fail("element %zu was not done once", i);
    furrow_error_clear();
}

static void looks(furrow_pool *pool, furrow_array *a)
{
    FILE *out = fopen("/dev/null", "we");
    furrow_where where;

    works(out && furrow_pool_describe(pool, out) == 0, "a description");
    fclose(out);
    if (furrow_array_where(a, &where) < 0)
        works(furrow_last_error()->code == FURROW_EOS, "where");
    furrow_error_clear();
}

static pid_t nursery_of(furrow_pool *pool)
{
    left_process p;

    works(left_stat((pid_t)furrow_pool_worker_pid(pool, 1), &p) == 0 && p.parent > 1,
          "the nursery cannot be found");
    return p.parent;
}

/* Nothing can be done any more, and the call must say so. */
static void without_nursery(furrow_pool *pool, furrow_array *a)
{
    furrow_call call = call_of(step, a);
    left_process p;
    pid_t worker;
    int rc;

    worker = (pid_t)furrow_pool_worker_pid(pool, 1);
    kill(nursery_of(pool), SIGKILL);
    while (left_stat(worker, &p) == 0 && p.state != 'Z')
        left_sleep(0.001);
    rc = furrow_map(pool, &call);
    works(rc == FURROW_EDIED, "a call of a pool without workers");
    works(furrow_pool_close(pool) == 0, "the end of a pool without workers");
    furrow_error_clear();
}

static furrow_pool *open_pool(furrow_start start)
{
    return furrow_pool_open(&(furrow_pool_options){.workers = 2, .start = start});
}

/* It is killed at last, by whatever way is left. */
static void stopped_nursery(const trial *t)
{
    furrow_pool *pool;

    if (t->row->nr != NR_pidfd_open && t->row->nr != NR_pidfd_send_signal)
        return; /* it lasts two seconds, and is about these */
    pool = open_pool(FURROW_START_FORK);
    works(pool != NULL, "a third pool");
    kill(nursery_of(pool), SIGSTOP);
    works(furrow_pool_terminate(pool) == 0,
          "the end of a pool whose nursery lies stopped");
}

static void processes(const trial *t, furrow_array *a)
{
    furrow_array *fresh;
    furrow_pool *pool = open_pool(FURROW_START_FORK);

    if (!pool && says(t, POOL))
        return;
    works((fresh = furrow_array_new('Q', LEN, NULL)) != NULL, "an array");
    works(furrow_pool_populate(pool, fresh) == 0, "populate");
    calls(pool, a);
    calls(pool, fresh);
    death(pool, a);
    looks(pool, a);
    works(furrow_pool_close(pool) == 0, "the end of a pool");
    pool = open_pool(FURROW_START_FORK);
    works(pool != NULL, "a second pool");
    without_nursery(pool, a);
    stopped_nursery(t);
    works(furrow_array_free(fresh) == 0, "free");
}

static void threads(const trial *t, furrow_array *a)
{
    furrow_pool *pool = open_pool(FURROW_START_THREAD);
    furrow_call call = call_of(step, a);

    if (!pool && says(t, THREADS))
        return;
    reset(a);
    works(furrow_map(pool, &call) == 0, "a call of threads");
    all_are(a, 1);
    works(furrow_pool_close(pool) == 0, "the end of threads");
}

static void named(const trial *t)
{
    furrow_array_options o = {.name = t->name};
    furrow_pool *pool = open_pool(FURROW_START_FORK);
    furrow_array *a = furrow_array_new('Q', LEN / 8, &o), *other;
    furrow_call call;

    if (!a && says(t, NAMED)) {
        works(!pool || furrow_pool_close(pool) == 0, "the end of a pool");
        return;
    }
    works((other = furrow_array_attach(t->name)) != NULL, "attach");
    call = call_of(step, a);
    if (pool) {
        works(furrow_map(pool, &call) == 0, "a call on a named array");
        all_are(other, 1);
        works(furrow_pool_close(pool) == 0, "the end of a pool");
    }
    works(furrow_array_free(other) == 0 && furrow_array_free(a) == 0, "free");
    works(!furrow_array_attach(t->name), "the name is still there");
    furrow_error_clear();
}

/* A child with a name and a pool is killed: the guard takes the name, the nursery all
 * else. The parent of this program looks what is left. */
static void killed_owner(const trial *t)
{
    furrow_array_options o = {.name = t->name};
    pid_t pid = fork();

    if (pid == 0) {
        (void)furrow_array_new('Q', LEN / 8, &o);
        (void)open_pool(FURROW_START_FORK);
        kill(getpid(), SIGKILL);
    }
    works(pid > 0 && waitpid(pid, NULL, 0) == pid, "a child");
}

/* ---- processes ----------------------------------------------------------------------*/

static int rests(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    alarm(20); /* not beyond a test that failed */
    for (;;)
        pause();
    return 0;
}

static int three(void *arg, size_t size)
{
    (void)arg;
    (void)size;
    return 3;
}

/* NULL: it says why not. */
static furrow_process *started(const trial *t, furrow_process_function run,
                               const furrow_process_options *o)
{
    unsigned may = o->start == FURROW_START_FORKSERVER ? SERVER
                   : o->daemon                         ? KEEPER
                                                       : 0;
    furrow_process *p = furrow_process_new(run, NULL, 0, o);

    works(p != NULL, "a process");
    if (furrow_process_start(p) == 0)
        return p;
    (void)says(t, may);
    works(furrow_process_free(p) == 0, "free of what was not started");
    return NULL;
}

static void ended_with(furrow_process *p, int expected)
{
    furrow_waited o = {.what = FURROW_WAIT_FD, .fd = furrow_process_sentinel(p)};
    int code = 1;

    works(o.fd >= 0 && furrow_wait(&o, 1, furrow_in(8)) == 1, "a sentinel");
    works(furrow_process_join(p, furrow_in(8)) == 0, "join");
    works(furrow_process_exit_code(p, &code) == 0, "the exit code");
    if (code != expected)
        fail("%s: the exit code is %d, not %d", furrow_process_name(p), code, expected);
    works(furrow_process_free(p) == 0, "free of a process");
}

static void ended_by(const trial *t, const furrow_process_options *o, int signal)
{
    furrow_process *p = started(t, rests, o);
    furrow_waited w = {.what = FURROW_WAIT_FD};

    if (!p)
        return;
    works(furrow_process_is_alive(p) == 1, "is alive");
    works(furrow_process_join(p, furrow_in(0.01)) == FURROW_ETIME,
          "join of one that runs");
    w.fd = furrow_process_sentinel(p);
    works(furrow_wait(&w, 1, furrow_in(0.002)) == 0, "a sentinel of one that runs");
    works((signal == SIGTERM ? furrow_process_terminate(p) : furrow_process_kill(p)) ==
              0,
          "a signal");
    ended_with(p, -signal);
}

static void children(const trial *t)
{
    const furrow_process_options ways[] = {
        {.start = FURROW_START_FORK},
        {.start = FURROW_START_FORK, .daemon = 1},
        {.start = FURROW_START_SPAWN},
        {.start = FURROW_START_FORKSERVER},
        {.start = FURROW_START_FORKSERVER, .daemon = 1},
    };

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        furrow_process *p = started(t, three, &ways[i]);

        if (p)
            ended_with(p, 3);
        ended_by(t, &ways[i], i % 2 ? SIGKILL : SIGTERM);
    }
    furrow_error_clear();
}

/* ---- locks and queues ---------------------------------------------------------------*/

static void objects(void)
{
    static char seen[70000];
    furrow_lock *lock = furrow_lock_new(NULL);
    furrow_condition *condition = furrow_condition_new(lock, NULL);
    furrow_barrier *barrier = furrow_barrier_new(2, NULL);
    furrow_queue *q = furrow_queue_new(NULL);
    size_t size = 0;

    works(lock && condition && barrier && q, "objects");
    works(furrow_lock_lock(lock, 0) == 0, "lock");
    works(furrow_condition_wait(condition, furrow_in(0.002)) == FURROW_ETIME, "wait");
    works(furrow_lock_unlock(lock) == 0, "unlock");
    works(furrow_barrier_wait(barrier, furrow_in(0.002)) == FURROW_ETIME, "a barrier");
    works(furrow_queue_get(q, seen, 1, NULL, furrow_in(0.002)) == FURROW_EEMPTY, "get");
    works(furrow_queue_put(q, seen, sizeof seen, 0) == 0, "put");
    works(furrow_queue_get(q, seen, sizeof seen, &size, 0) == 0 && size == sizeof seen,
          "get of what was put");
    works(furrow_queue_free(q) == 0 && furrow_barrier_free(barrier) == 0 &&
              furrow_condition_free(condition) == 0 && furrow_lock_free(lock) == 0,
          "free of objects");
    furrow_error_clear();
}

static int be_program(void *arg)
{
    const trial *t = arg;
    furrow_array *a;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
        fail("no reaper");
    refuse(t);
    a = furrow_array_new('Q', LEN, NULL);
    if (!a && says(t, HEAP))
        return 0;
    works(furrow_array_populate(a) == 0, "populate");
    threads(t, a);
    processes(t, a);
    named(t);
    killed_owner(t);
    objects();
    children(t);
    works(furrow_array_free(a) == 0, "free");
    works(furrow_fsck() == 0, "fsck");
    return 0;
}

/* ---- all of them --------------------------------------------------------------------*/

static int name_is_left(const trial *t, double seconds)
{
    double until = left_clock() + seconds;
    char path[96];

    snprintf(path, sizeof path, "/dev/shm%s", t->name);
    while (access(path, F_OK) == 0)
        if (left_clock() > until)
            return unlink(path) == 0;
        else
            left_sleep(0.001);
    return 0;
}

static int try_one(trial *t)
{
    left_mark before = left_now();
    double start = left_clock(), until;
    int rc, left;

    t->told[0] = 0;
    rc = child_run(be_program, t);
    if (rc == 77) {
        puts("no seccomp here");
        exit(77);
    }
    until = left_clock() + 5; /* they come to us: */
    do
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    while (left_new_processes(&before, 0) && left_clock() < until);
    left = left_outside(&before, 0) + name_is_left(t, 0);
    printf("%-30s %-6s %-6s %.1f s%s%s\n", t->row->what,
           t->error == EPERM ? "EPERM" : "ENOSYS",
           rc == CHILD_HANGS ? "HANGS"
           : rc || left      ? "FAILED"
           : t->told[0]      ? "says"
                             : "works",
           left_clock() - start, t->told[0] ? ": " : "", t->told);
    fflush(stdout);
    return rc != 0 || left != 0;
}

int main(int argc, char **argv)
{
    char *told =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int failed = 0, status;
    pid_t pid = fork(); /* a session of its own: see left.h */

    unsetenv("FURROW_START"); /* each step says its own */
    if (pid > 0)
        return waitpid(pid, &status, 0) == pid && WIFEXITED(status)
                   ? WEXITSTATUS(status)
                   : 1;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    setsid();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int k = 0; k < 2; k++) {
            trial t = {&rows[i], k ? EPERM : ENOSYS, "", told};

            if (argc > 1 && strcmp(argv[1], rows[i].what) != 0)
                continue;
            strcpy(t.name, left_name("refused"));
            failed += try_one(&t);
        }
    printf("%d failed\n", failed);
    return failed != 0;
}
