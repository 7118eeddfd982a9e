/* SPDX-License-Identifier: MIT
 *
 * Every system call of every operation fails once, or is the caller's last.
 *
 * For each operation and fault, and for each N: a fresh program prepares, does the
 * operation while its N-th system call that the fault can meet is met by it, and then must
 * find either success with the right effect or an error with a sentence; no process, open
 * file, name or heap block left; and a library that does the same operation again, and a
 * whole call. A program that was killed itself must have left nothing either. All within a
 * deadline.
 *
 * In the program's own process every N is tried of those that come from different places
 * (trace.c: site_of()), and all of them where they are not too many; in its children,
 * whose calls repeat, a sample that has each place too.
 *
 *     fault-each [OPERATION [FAULT [TASK N]]]      -v as first argument: each error
 */
#include "operations.h"
#include "trace.h"
#include "heap.h"
#include "left.h"

#include <stdarg.h>
#include <sys/mman.h>

enum { OWN_ALL = 60, OWN_SAME = 2, CHILD_ALL = 12, CHILD_SAME = 1, PLANS = 4096 };
#define DEADLINE 20.0

/* What the program tells the tracer, in shared memory. */
typedef struct report {
    trace_page page;
    int rc; /* of the operation; 1: it has not come back */
    furrow_error error;
    char wrong[400]; /* the first thing that is not as it should be */
} report;

typedef struct program {
    const operation *op;
    fault fault;
    report *report;
    char name[64], path[64];
} program;

typedef struct tally {
    int tried, errors, recovered, ended, failed;
    double slowest;
} tally;

static int verbose;

/* ---- the program --------------------------------------------------------------------*/

__attribute__((format(printf, 2, 3))) static void wrong(program *p, const char *format,
                                                        ...)
{
    char *text = p->report->wrong;
    size_t used = strlen(text);
    va_list args;

    if (used > sizeof p->report->wrong - 3)
        return;
    if (used)
        used += (size_t)sprintf(text + used, "; ");
    va_start(args, format);
    vsnprintf(text + used, sizeof p->report->wrong - used, format, args);
    va_end(args);
}

static world new_world(const program *p)
{
    world w = {0};

    strcpy(w.name, p->name);
    strcpy(w.path, p->path);
    return w;
}

static int runs_a_program(const operation *op)
{
    return strstr(op->name, "spawn") || strstr(op->name, "forkserver");
}

/* An interruption is nobody's error; a death may end the pool, a refusal may not. */
static int fits(const operation *op, fault f, int code)
{
    switch (code) {
    case FURROW_ENOMEM:
    case FURROW_EOS:
        return f != FAULT_EINTR;
    case FURROW_EDIED: /* a program that is run and cannot load its libraries ends, too */
        return f <= FAULT_KILL_PARENT || (f != FAULT_EINTR && runs_a_program(op));
    case FURROW_ECLOSED:
        return f <= FAULT_KILL_PARENT;
    case FURROW_EEOF:
    case FURROW_ECORRUPT:
    case FURROW_ETIME:
    case FURROW_EEMPTY:
    case FURROW_EBROKEN:
        return operations.have_peers && f != FAULT_EINTR && f != FAULT_EAGAIN;
    default:
        return 0;
    }
}

static void judge_error(program *p, const world *w, int rc)
{
    const furrow_error *e = furrow_last_error();

    if (rc != e->code || !fits(p->op, p->fault, rc))
        wrong(p, "the error is %s", furrow_status_name(rc));
    if (strlen(e->text) < 10 || strstr(e->text, "Success") || strchr(e->text, '\n'))
        wrong(p, "the sentence is \"%s\"", e->text);
    if (rc == FURROW_EDIED && w->a && operations.check_torn &&
        operations.check_torn(w) != 0)
        wrong(p, "elements are wrong that are not torn");
}

/* What was made had begun to die: the kill came so late that nobody could tell before. */
static int died_behind(const program *p)
{
    return furrow_last_error()->code == FURROW_EDIED &&
           fits(p->op, p->fault, FURROW_EDIED);
}

static void first_time(program *p)
{
    report *r = p->report;
    world w = new_world(p);
    int rc;

    if (p->op->prepare(&w) < 0)
        wrong(p, "not prepared: %s", furrow_last_error()->text);
    furrow_error_clear();
    r->page.armed = 1;
    rc = p->op->run(&w);
    r->page.armed = 0;
    r->error = *furrow_last_error();
    r->rc = rc;
    if (rc < 0)
        judge_error(p, &w, rc);
    else if (p->op->check(&w) < 0 && !died_behind(p))
        wrong(p, "the effect is wrong (%s)", furrow_last_error()->text);
    if (world_end(&w) < 0)
        wrong(p, "not undone: %s", furrow_last_error()->text);
}

static void second_time(program *p)
{
    world w = new_world(p);

    if (p->op->prepare(&w) < 0 || p->op->run(&w) < 0 || p->op->check(&w) < 0)
        wrong(p, "not done again: %s", furrow_last_error()->text);
    if (world_end(&w) < 0)
        wrong(p, "not undone again: %s", furrow_last_error()->text);
}

static void look_for_fds(program *p, const char *before)
{
    char now[LEFT_FDS];

    (void)left_files(now);
    for (int fd = 0; fd < LEFT_FDS; fd++)
        if (now[fd] && !before[fd])
            wrong(p, "fd %d is left", fd);
}

/* The dead are swept by whoever looks after them, a moment later. */
static void look_for_blocks(program *p)
{
    double until = left_clock() + 1;

    while (left_blocks() != 0 && left_clock() < until) {
        fw_heap_sweep();
        left_sleep(0.002);
    }
    if (left_blocks() != 0)
        wrong(p, "%zu heap blocks are left", left_blocks());
    if (furrow_fsck() != 0)
        wrong(p, "a broken heap: %s", furrow_last_error()->text);
}

static void look_for_processes(program *p)
{
    double until = left_clock() + 5;

    p->report->page.ended = 1;
    while (!p->report->page.alone && left_clock() < until)
        left_sleep(0.001);
    if (!p->report->page.alone)
        wrong(p, "a process is left");
}

static void be_program(void *arg)
{
    program *p = arg;
    char fds[LEFT_FDS];

    (void)left_files(fds);
    first_time(p);
    second_time(p);
    if (world_use_library() < 0)
        wrong(p, "not usable any more: %s", furrow_last_error()->text);
    look_for_fds(p, fds);
    look_for_blocks(p);
    look_for_processes(p);
}

/* ---- one run ------------------------------------------------------------------------*/

static program program_for(const operation *op, fault f, report *r)
{
    static unsigned number;
    program p = {.op = op, .fault = f, .report = r};

    number++;
    snprintf(p.name, sizeof p.name, "/furrow-fault-%ld-%u", (long)getpid(), number);
    snprintf(p.path, sizeof p.path, "/tmp/furrow-fault-%ld-%u.npy", (long)getpid(),
             number);
    memset(r, 0, sizeof *r);
    r->rc = 1;
    return p;
}

/* Names and files that a program which is gone has left. What the killed one was writing
 * is left by contract (furrow_shm.h: npy_save), and so is the path that it listened at. */
static void look_outside(program *p)
{
    char path[256];

    snprintf(path, sizeof path, "/dev/shm%s", p->name);
    if (unlink(path) == 0)
        wrong(p, "%s is left", path);
    unlink(p->path);
    snprintf(path, sizeof path, "rm -f %s.*.tmp %s.sock", p->path, p->path);
    if (p->report->rc == 1 && system(path) != 0)
        wrong(p, "%s fails", path);
}

static void judge_end(program *p, const trace_result *r)
{
    if (r->hung)
        wrong(p, "hangs:%s (the operation %s)", r->text,
              p->report->rc == 1 ? "does not come back" : "came back");
    else if (r->killed ? !WIFSIGNALED(r->status)
                       : !WIFEXITED(r->status) || WEXITSTATUS(r->status) != 0)
        wrong(p, "the program ends with wait status 0x%x", (unsigned)r->status);
}

static void tell_error(const program *p, const trace_plan *plan)
{
    if (verbose && p->report->rc < 0)
        printf("    %s %s task %d call %ld: %s: %s: %s\n", p->op->name,
               os_calls_fault_name(plan->fault), plan->task, plan->n,
               furrow_status_name(p->report->rc), p->report->error.function,
               p->report->error.text);
}

/* 1, or 0 when the fault found no call to meet. */
static int try_once(const operation *op, const trace_plan *plan, report *r, tally *t)
{
    program p = program_for(op, plan->fault, r);
    trace_result result;

    if (trace_run(be_program, &p, &r->page, plan, DEADLINE, &result) != 0) {
        puts("nothing can be traced here (ptrace or seccomp is refused)");
        exit(77);
    }
    judge_end(&p, &result);
    look_outside(&p);
    tell_error(&p, plan);
    if (!result.fired && !r->wrong[0])
        return 0;
    t->tried++;
    t->slowest = result.seconds > t->slowest ? result.seconds : t->slowest;
    if (r->wrong[0]) {
        t->failed++;
        printf("FAILED %s %s task %d call %ld: %s (deaths:%s)\n", op->name,
               os_calls_fault_name(plan->fault), plan->task, plan->n, r->wrong,
               result.deaths);
    } else if (r->rc == 1) {
        t->ended++;
    } else {
        *(r->rc < 0 ? &t->errors : &t->recovered) += 1;
    }
    return 1;
}

/* Which worker does what is not the same each time. */
static void try_until_met(const operation *op, const trace_plan *plan, report *r,
                          tally *t)
{
    for (int k = 0; k < 3; k++)
        if (try_once(op, plan, r, t))
            return;
}

/* ---- all of them --------------------------------------------------------------------*/

typedef struct counted {
    uint64_t site;
    int times;
} counted;

/* How often has this place been met in this task? */
static int times_met(counted *table, int *used, uint64_t site)
{
    for (int i = 0; i < *used; i++)
        if (table[i].site == site)
            return ++table[i].times;
    table[(*used)++] = (counted){site, 1};
    return 1;
}

static int total_of(fault f, int task)
{
    int count, total = 0;
    const trace_call *seen = trace_seen(&count);

    for (int i = 0; i < count; i++)
        total += seen[i].task == task && os_calls_meets(f, &seen[i].call);
    return total;
}

/* The N of one task that are worth a run. Returns how many. */
static int plan_task(fault f, int task, trace_plan *plans)
{
    static counted table[TRACE_CALLS];
    int all = task ? CHILD_ALL : OWN_ALL, same = task ? CHILD_SAME : OWN_SAME;
    int count, used = 0, planned = 0, total = total_of(f, task), n = 0;
    const trace_call *seen = trace_seen(&count);

    for (int i = 0; i < count && planned < PLANS; i++) {
        if (seen[i].task != task || !os_calls_meets(f, &seen[i].call))
            continue;
        n++;
        if (times_met(table, &used, seen[i].site) <= same || total <= all ||
            n % (total / all + 1) == 0)
            plans[planned++] = (trace_plan){f, task, n};
    }
    return planned;
}

static int last_task(void)
{
    int count, last = 0;
    const trace_call *seen = trace_seen(&count);

    for (int i = 0; i < count; i++)
        last = seen[i].task > last ? seen[i].task : last;
    return last;
}

static int try_fault(const operation *op, fault f, report *r)
{
    static trace_plan plans[PLANS];
    tally t = {0};
    int points = 0, planned = 0;

    for (int task = 0; task <= last_task(); task++) {
        points += total_of(f, task);
        planned = plan_task(f, task, plans);
        for (int i = 0; i < planned; i++)
            try_until_met(op, &plans[i], r, &t);
    }
    if (points)
        printf("%-18s %-8s %5d calls %5d tried %5d errors %5d recovered %5d ended "
               "%3d failed  (slowest %.1f s)\n",
               op->name, os_calls_fault_name(f), points, t.tried, t.errors, t.recovered,
               t.ended, t.failed, t.slowest);
    fflush(stdout);
    return t.failed;
}

/* Once without a fault: it must go well, and tells which calls there are. */
static int look(const operation *op, report *r)
{
    tally t = {0};

    try_once(op, &(trace_plan){.fault = FAULTS - 1}, r, &t);
    return t.failed;
}

static int try_operation(const operation *op, report *r, char **argv)
{
    int failed = look(op, r);

    for (int f = 0; f < FAULTS; f++) {
        tally t = {0};

        if (argv[0] && strcmp(argv[0], os_calls_fault_name((fault)f)) != 0)
            continue;
        if (!argv[0] || !argv[1]) {
            failed += try_fault(op, (fault)f, r);
            continue;
        }
        try_once(op, &(trace_plan){(fault)f, atoi(argv[1]), atol(argv[2])}, r, &t);
        printf("tried %d, errors %d, recovered %d, ended %d\n", t.tried, t.errors,
               t.recovered, t.ended);
        failed += t.failed;
    }
    return failed;
}

/* Each of so many tracers takes its share of the operations: they wait most of the time. */
enum { TRACERS = 3 };

static int trace_share(int share, char **argv)
{
    report *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int failed = 0;

    for (int i = 0; i < operations.count; i++) {
        const operation *op = &operations.operation[i];

        if (argv[1] ? share == 0 && strcmp(argv[1], op->name) == 0
                    : i % TRACERS == share)
            failed += try_operation(op, r, argv[1] ? argv + 2 : argv + 1);
    }
    return failed;
}

int main(int argc, char **argv)
{
    double start = left_clock();
    int failed = 0, skipped = 0, status;

    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    argv += verbose;
    for (int share = 0; share < TRACERS; share++)
        if (fork() == 0)
            exit(trace_share(share, argv) ? 1 : 0);
    while (wait(&status) > 0) {
        skipped += WIFEXITED(status) && WEXITSTATUS(status) == 77;
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    }
    printf("%s, %.0f s\n", failed == 0 ? "no failure" : "FAILED", left_clock() - start);
    return skipped ? 77 : failed != 0;
}
