/* SPDX-License-Identifier: MIT
 *
 * Does each part of an array lie on the node of the worker that owns it?
 *
 *     bands NODES [refused]
 *
 * runs on a kernel with so many NUMA nodes (boot.sh starts one). The pages are asked
 * for their nodes one by one, through no code of the library, then furrow_array_where()
 * has to say the same. With `refused`, what most containers refuse is refused here too,
 * and the parts have to lie right all the same.
 */
#include "furrow.h"
#include "os.h"
#include "place.h"
#include "pool.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MIB   ((size_t)1 << 20)
#define EDGE  (2 * MIB)
#define LARGE (32 * MIB)

static int nodes, refused, failures;

static void want(int holds, const char *what)
{
    if (!holds)
        failures++;
    printf("%s: %s\n", holds ? "ok" : "NOT OK", what);
}

static void need(int holds, const char *what)
{
    if (holds)
        return;
    furrow_perror(what);
    exit(1);
}

/* ---- as in a container ------------------------------------------------------------*/

static void refuse_policies(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mbind, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_get_mempolicy, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_move_pages, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("seccomp");
        exit(1);
    }
    want(syscall(SYS_mbind, NULL, 0, 0, NULL, 0, 0) == -1 && errno == EPERM,
         "mbind is refused");
}

/* ---- where pages are, without the library -----------------------------------------*/

/* A child that was made before anything was refused asks for the nodes. So what it says
 * does not come from numa_maps, as what furrow_array_where() says then does. */
typedef struct question {
    char *from, *to;
    int node;
} question;

typedef struct answer {
    size_t there; /* pages of [from, to) that have memory, */
    size_t on;    /* and lie on the node */
} answer;

static int ask_pipe[2], answer_pipe[2];

static answer count(const question *q)
{
    answer a = {0, 0};

    for (char *p = q->from; p < q->to; p += FW_PAGE) {
        void *at = p;
        int node = -1;

        if (fw_os_resident(p, FW_PAGE) == 0)
            continue;
        (void)*(volatile char *)p;
        a.there++;
        if (syscall(SYS_move_pages, 0, 1UL, &at, NULL, &node, 0) == 0)
            a.on += node == q->node;
    }
    return a;
}

static void serve(void)
{
    question q;

    while (read(ask_pipe[0], &q, sizeof q) == sizeof q) {
        answer a = count(&q);

        if (write(answer_pipe[1], &a, sizeof a) != sizeof a)
            break;
    }
    _exit(0);
}

static void start_asker(void)
{
    furrow_heap_info heap;

    need(furrow_heap_describe(&heap) == 0, "heap");
    need(pipe(ask_pipe) == 0 && pipe(answer_pipe) == 0, "pipe");
    fflush(NULL);
    if (fork() == 0) {
        close(ask_pipe[1]);
        serve();
    }
    close(ask_pipe[0]);
    close(answer_pipe[1]);
}

static size_t pages_on(char *from, char *to, int node, size_t *there)
{
    question q = {from, to, node};
    answer a;

    need(write(ask_pipe[1], &q, sizeof q) == sizeof q, "asker");
    need(read(answer_pipe[0], &a, sizeof a) == sizeof a, "asker");
    *there = a.there;
    return a.on;
}

/* ---- the bands of an array --------------------------------------------------------*/

/* Worker w's part: whole 2 MiB, as even as can be. */
static char *part(const furrow_array *a, int workers, int w)
{
    size_t bytes = a->len * a->itemsize, units = (bytes + EDGE - 1) / EDGE;
    size_t at = units * (size_t)w / (size_t)workers * EDGE;

    return (char *)a->data + (at < bytes ? at : bytes);
}

/* Does where() of the slice of the part say: all of it there, all on the node? */
static int where_agrees(furrow_array *a, char *from, char *to, int node)
{
    size_t first = (size_t)(from - (char *)a->data) / a->itemsize;
    size_t end = (size_t)(to - (char *)a->data) / a->itemsize;
    furrow_array *s = furrow_array_slice(a, first, end);
    furrow_where w;
    int agrees;

    need(s && furrow_array_where(s, &w) == 0, "where");
    agrees = w.absent == 0 && w.nodes == 1 && w.node[0].node == node &&
             w.asked == (size_t)(to - from + (long)FW_PAGE - 1) / FW_PAGE;
    furrow_array_free(s);
    return agrees;
}

/* Returns how many of the parts are, as a whole, on their owners' nodes. */
static int parts_at_home(const furrow_pool *pool, furrow_array *a)
{
    const fw_place *place = pool->team->place;
    int home = 0;

    for (int w = 0; w < place->workers; w++) {
        char *from = part(a, place->workers, w), *to = part(a, place->workers, w + 1);
        int node = place->worker[w].node, agrees;
        size_t there, on = pages_on(from, to, node, &there);

        agrees = from == to || where_agrees(a, from, to, node);
        home += on == there && there > 0 && agrees;
        printf("    worker %d on node %d: %5zu of %5zu pages there%s\n", w, node, on,
               there, agrees ? "" : "; where() does not say so");
    }
    return home;
}

static void print_where(const furrow_array *a, const char *what)
{
    static const char *const rules[] = {"no rule", "rule set", "rule refused"};
    furrow_where w;

    need(furrow_array_where(a, &w) == 0, "where");
    printf("  %s: %zu MiB there, %zu absent, %zu MiB huge, %s", what, w.present >> 20,
           w.absent >> 20, w.huge >> 20, rules[w.rule]);
    if (w.rule_error)
        printf(" (%s)", strerror(w.rule_error));
    for (int i = 0; i < w.nodes; i++)
        printf("%s node %d: %zu", i ? "," : ";", w.node[i].node, w.node[i].pages);
    printf(" pages\n");
}

static int rule_of(const furrow_array *a)
{
    furrow_where w;

    need(furrow_array_where(a, &w) == 0, "where");
    return w.rule;
}

/* ---- what is tried ----------------------------------------------------------------*/

static int one(furrow_chunk c)
{
    double *y = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        y[i] += 1;
    return 0;
}

static void pin_to_node(const furrow_pool *pool, int node)
{
    const fw_place *place = pool->team->place;

    for (int w = 0; w < place->workers; w++)
        if (place->worker[w].node == node)
            need(fw_os_pin(&place->worker[w].pin) == 0, "pin");
}

static furrow_array *array_new(size_t bytes)
{
    furrow_array *a = furrow_array_new('d', bytes / sizeof(double), NULL);

    need(a != NULL, "array");
    return a;
}

/* The pool's first call on a new array. */
static void try_map(furrow_pool *pool, size_t bytes, const char *what)
{
    furrow_array *a = array_new(bytes);
    furrow_call call = {.kernel = one, .types = ">d", .out = {a}};
    double sum = 0;

    need(furrow_map(pool, &call) == 0 && furrow_sum(pool, a, &sum) == 0, "map");
    print_where(a, what);
    want(sum == (double)a->len, "the elements are right");
    want(parts_at_home(pool, a) == furrow_pool_workers(pool), "every part is at home");
    want(rule_of(a) == (refused ? FURROW_RULE_REFUSED : FURROW_RULE_SET),
         refused ? "the refusal is told" : "the rule is told");
    furrow_array_free(a);
}

/* The same for a call that is queued. */
static void try_async(furrow_pool *pool)
{
    furrow_array *a = array_new(LARGE);
    furrow_call call = {.kernel = one, .types = ">d", .out = {a}};
    furrow_future *f = furrow_map_async(pool, &call);

    need(f && furrow_future_wait(f, FURROW_FOREVER) == 0, "map_async");
    furrow_future_free(f);
    print_where(a, "first use by a queued call");
    want(parts_at_home(pool, a) == furrow_pool_workers(pool), "every part is at home");
    furrow_array_free(a);
}

/* The caller was first with one page, maybe on the wrong node: the others are not kept from
 * theirs by it. */
static void try_touched(furrow_pool *pool)
{
    furrow_array *a = array_new(LARGE);
    size_t there, on;

    ((volatile double *)a->data)[a->len - 1] = 1;
    need(furrow_pool_populate(pool, a) == 0, "populate");
    print_where(a, "its last page touched by the caller before");
    on = pages_on(a->data, part(a, furrow_pool_workers(pool), 1),
                  pool->team->place->worker[0].node, &there);
    want(on == there && there > 0, "the other parts are at home");
    furrow_array_free(a);
}

/* Taken by the caller alone: lies where he is, and we can tell. */
static void try_caller(furrow_pool *pool)
{
    furrow_array *a = array_new(LARGE);
    int workers = furrow_pool_workers(pool), last = pool->team->place->worker[0].node;
    int others = 0, home;

    pin_to_node(pool, last);
    need(furrow_array_populate(a) == 0, "populate");
    print_where(a, "taken by the caller alone");
    for (int w = 0; w < workers; w++)
        others += pool->team->place->worker[w].node != last;
    home = parts_at_home(pool, a);
    want(home == workers - others, "only the caller's own parts are at home");
    want(rule_of(a) == FURROW_RULE_NONE, "there is no rule");
    furrow_array_free(a);
}

/* Memory that a rule was for is free of it when the array is freed, so that the next
 * one at the same address goes to whoever touches it. */
static void try_reset(furrow_pool *pool)
{
    const fw_place *place = pool->team->place;
    furrow_array *a = array_new(LARGE), *b;
    void *block = a->data;
    size_t there, on;

    need(furrow_pool_populate(pool, a) == 0, "populate");
    if (!refused)
        want(rule_of(a) == FURROW_RULE_SET, "there is a rule");
    furrow_array_free(a);
    b = array_new(LARGE);
    want(b->data == block, "the next array lies at the same address");
    pin_to_node(pool, place->worker[place->workers - 1].node);
    need(furrow_array_populate(b) == 0, "populate");
    print_where(b, "taken by the caller, at the address of one that was placed");
    on = pages_on(b->data, (char *)b->data + LARGE,
                  place->worker[place->workers - 1].node, &there);
    want(there == LARGE / FW_PAGE && on == there, "all of it lies with the caller");
    furrow_array_free(b);
}

/* With the rule set, it does not matter who touches. */
static void try_rule(furrow_pool *pool)
{
    furrow_array *a = array_new(LARGE);
    size_t there, on;
    int first = pool->team->place->worker[0].node;
    fw_cpuset before;

    need(fw_os_affinity(&before) == 0, "affinity");
    need(furrow_pool_populate(pool, a) == 0, "populate");
    pin_to_node(pool, pool->team->place->worker[furrow_pool_workers(pool) - 1].node);
    need(fw_os_punch(a->data, EDGE) == 0, "punch");
    memset(a->data, 1, EDGE);
    on = pages_on(a->data, (char *)a->data + EDGE, first, &there);
    printf(
        "  2 MiB given back and touched from another node: %zu of %zu pages at home\n",
        on, there);
    want(refused ? on == 0 : on == there,
         refused ? "they follow the toucher" : "they follow the rule");
    need(fw_os_pin(&before) == 0, "pin");
    furrow_array_free(a);
}

static int nodes_of(const fw_place *place)
{
    int count = 1;

    for (int w = 1; w < place->workers; w++)
        count += place->worker[w].node != place->worker[w - 1].node;
    return count;
}

int main(int argc, char **argv)
{
    furrow_pool *pool;

    setvbuf(stdout, NULL, _IOLBF, 0);
    nodes = argc > 1 ? atoi(argv[1]) : 0;
    refused = argc > 2 && strcmp(argv[2], "refused") == 0;
    start_asker();
    if (refused)
        refuse_policies();
    pool = furrow_pool_open(NULL);
    need(pool && furrow_pool_describe(pool, stdout) == 0, "pool");
    want(nodes_of(pool->team->place) == nodes, "the workers are on all nodes");
    try_map(pool, LARGE, "first use by a call");
    try_map(pool, LARGE - 3 * MIB + 24, "an odd size");
    try_async(pool);
    try_touched(pool);
    try_rule(pool);
    try_reset(pool);
    try_caller(pool);
    want(furrow_fsck() == 0, "the heap is whole");
    furrow_pool_close(pool);
    close(ask_pipe[1]);
    printf("%d nodes%s: %s\n", nodes, refused ? ", rules refused" : "",
           failures ? "FAILED" : "all as it should be");
    return failures != 0;
}
