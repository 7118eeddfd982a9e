/* SPDX-License-Identifier: MIT
 *
 * The plan: choose CPUs, number the workers, order the victims.
 *
 * Candidates are the allowed CPUs in the topology's order, where threads of one core
 * are neighbours. Each round takes the best of those left; what is best depends on how
 * many were taken on its node and L3 already. Those counts are kept in the first
 * candidate of each node and L3, its "head".
 */
#include "place.h"

#include "furrow_sched.h"
#include "status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct candidate {
    const fw_pu *pu;
    int rank; /* among the allowed threads of its core */
    int taken;
    int node_head; /* index of the first candidate on the same node */
    int l3_head;   /* and on the same L3 */
    int on_node;   /* in heads: how many are taken */
    int on_l3;
} candidate;

typedef struct candidates {
    candidate *list;
    int count;
    int cores;
} candidates;

/* ---- candidates -------------------------------------------------------------------*/

static int same_node(const fw_pu *a, const fw_pu *b)
{
    return a->node == b->node;
}

/* A node without known L3s is one; an L3 that spans nodes (some clustering modes)
 * counts as one on each. */
static int same_l3(const fw_pu *a, const fw_pu *b)
{
    return a->node == b->node && a->l3 == b->l3;
}

static int head(const candidates *c, int i, int (*same)(const fw_pu *, const fw_pu *))
{
    for (int k = 0; k < i; k++)
        if (same(c->list[k].pu, c->list[i].pu))
            return k;
    return i;
}

static int is_empty(const fw_cpuset *s)
{
    for (int i = 0; i < FW_CPU_MAX / 64; i++)
        if (s->bits[i])
            return 0;
    return 1;
}

static void add_candidate(candidates *c, const fw_pu *pu)
{
    candidate *this = &c->list[c->count], *last = c->count ? this - 1 : NULL;

    this->pu = pu;
    this->rank = last && last->pu->core == pu->core ? last->rank + 1 : 0;
    this->node_head = last && same_node(last->pu, pu) ? last->node_head
                                                      : head(c, c->count, same_node);
    this->l3_head =
        last && same_l3(last->pu, pu) ? last->l3_head : head(c, c->count, same_l3);
    c->cores += this->rank == 0;
    c->count++;
}

static int find_candidates(const fw_topology *t, const fw_cpuset *allowed,
                           candidates *c)
{
    const fw_pu *pu = fw_topology_pus(t);
    int all = is_empty(allowed);

    *c = (candidates){.list = calloc((size_t)t->pus, sizeof *c->list)};
    if (!c->list)
        return fw_fail(FURROW_ENOMEM, "no memory to place workers on %d CPUs", t->pus);
    for (int i = 0; i < t->pus; i++)
        if (all || fw_cpuset_has(allowed, pu[i].cpu))
            add_candidate(c, &pu[i]);
    if (c->count)
        return 0;
    free(c->list);
    return fw_fail(FURROW_EINVAL, "none of the %d CPUs of the topology is allowed",
                   t->pus);
}

/* Is `a` to be taken before `b`? */
static int is_better(const candidates *c, const candidate *a, const candidate *b)
{
    int on_a = c->list[a->node_head].on_node, on_b = c->list[b->node_head].on_node;

    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->pu->kind != b->pu->kind)
        return a->pu->kind > b->pu->kind;
    if (on_a != on_b)
        return on_a < on_b;
    return c->list[a->l3_head].on_l3 < c->list[b->l3_head].on_l3;
}

static const fw_pu *take_best(candidates *c)
{
    candidate *best = NULL;

    for (candidate *a = c->list; a < c->list + c->count; a++)
        if (!a->taken && (!best || is_better(c, a, best)))
            best = a;
    best->taken = 1;
    c->list[best->node_head].on_node++;
    c->list[best->l3_head].on_l3++;
    return best->pu;
}

/* ---- how many ---------------------------------------------------------------------*/

static int check_request(const fw_place_request *r)
{
    if (r->workers < 0 || r->workers > FW_WORKERS_MAX)
        return fw_fail(FURROW_EINVAL, "%d workers: 0 to %d are possible", r->workers,
                       FW_WORKERS_MAX);
    if (r->pin < FURROW_PIN_CORE || r->pin > FURROW_PIN_NONE)
        return fw_fail(FURROW_EINVAL, "pin is %d, not one of FURROW_PIN_*", r->pin);
    return 0;
}

static int count_workers(const fw_place_request *r, int cores, fw_place_reason *reason)
{
    uint32_t quota = r->quota_milli / 1000;
    int n = cores;

    *reason = FW_PLACE_CORES;
    if (r->workers) {
        *reason = FW_PLACE_ASKED;
        return r->workers;
    }
    if (r->quota_milli && quota < (uint32_t)cores) {
        *reason = FW_PLACE_QUOTA;
        n = quota ? (int)quota : 1;
    }
    if (n > FW_WORKERS_MAX) {
        *reason = FW_PLACE_MAX;
        n = FW_WORKERS_MAX;
    }
    return n;
}

/* See fw_place.pin. */
static int choose_pin(const fw_place_request *r, int workers, int cores)
{
    int idle = r->quota_milli && r->quota_milli / 1000 < (uint32_t)cores;

    return r->pin == FURROW_PIN_CORE && idle && workers < cores ? FURROW_PIN_NODE
                                                                : r->pin;
}

/* ---- workers ----------------------------------------------------------------------*/

static int compare(int a, int b)
{
    return (a > b) - (a < b);
}

static int by_closeness(const void *a, const void *b)
{
    const fw_pu *x = *(const fw_pu *const *)a, *y = *(const fw_pu *const *)b;
    int order = compare(x->node, y->node);

    if (order == 0)
        order = compare(x->l3, y->l3);
    if (order == 0)
        order = compare(x->core, y->core);
    return order ? order : compare(x->cpu, y->cpu);
}

/* The CPUs of all workers, in the order of their ids. */
static void choose(candidates *c, int workers, const fw_pu **chosen)
{
    for (int i = 0; i < workers; i++)
        chosen[i] = i < c->count ? take_best(c) : chosen[i - c->count];
    qsort(chosen, (size_t)workers, sizeof *chosen, by_closeness);
}

static void set_pin(fw_place_worker *w, int pin, const candidates *c)
{
    memset(&w->pin, 0, sizeof w->pin);
    for (int i = 0; i < c->count; i++) {
        const fw_pu *pu = c->list[i].pu;

        if (pin == FURROW_PIN_NONE || (pin == FURROW_PIN_NODE && pu->node == w->node) ||
            pu->cpu == w->cpu)
            fw_cpuset_add(&w->pin, pu->cpu);
    }
}

static unsigned overlap(const fw_place_worker *a, const fw_place_worker *b)
{
    if (a->cpu == b->cpu)
        return FW_PLACE_OVERSUBSCRIBED;
    return a->core == b->core ? FW_PLACE_SHARED : 0;
}

/* The workers of one core follow each other, and within them those of one CPU. */
static void mark_overlap(fw_place *p)
{
    for (int i = 0; i < p->workers; i++) {
        for (int k = i + 1; k < p->workers; k++) {
            unsigned flags = overlap(&p->worker[i], &p->worker[k]);

            if (!flags)
                break;
            p->worker[i].flags |= flags;
            p->worker[k].flags |= flags;
        }
    }
}

static void fill_workers(fw_place *p, const fw_pu *const *chosen, const candidates *c)
{
    for (int i = 0; i < p->workers; i++) {
        const fw_pu *pu = chosen[i];
        int next_group = i && !same_l3(chosen[i - 1], pu);

        p->worker[i] = (fw_place_worker){.cpu = pu->cpu,
                                         .core = pu->core,
                                         .l2 = pu->l2,
                                         .l3 = pu->l3,
                                         .node = pu->node,
                                         .package = pu->package,
                                         .kind = pu->kind};
        p->worker[i].group = i ? p->worker[i - 1].group + next_group : 0;
        set_pin(&p->worker[i], p->pin, c);
    }
    p->groups = p->worker[p->workers - 1].group + 1;
    mark_overlap(p);
}

/* ---- victims ----------------------------------------------------------------------*/

/* 0 is nearest. */
static unsigned distance_class(const fw_place_worker *a, const fw_place_worker *b)
{
    if (a->core == b->core)
        return 0;
    if (a->l2 >= 0 && a->l2 == b->l2)
        return 1;
    if (a->l3 >= 0 && a->l3 == b->l3)
        return 2;
    if (a->node == b->node)
        return 3;
    return a->package >= 0 && a->package == b->package ? 4 : 5;
}

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* The key of a victim: its class, then its distance, then its id counted from ours. */
static void order_victims(const fw_topology *t, fw_place *p, int self)
{
    uint16_t *victims =
        (uint16_t *)(p->worker + p->workers) + (size_t)self * (size_t)(p->workers - 1);
    uint64_t key[FW_WORKERS_MAX];
    int n = p->workers - 1;

    for (int k = 0; k < n; k++) {
        const fw_place_worker *me = &p->worker[self];
        const fw_place_worker *other = &p->worker[(self + 1 + k) % p->workers];
        unsigned class = distance_class(me, other);
        int far = class > 3 ? fw_topology_distance(t, me->node, other->node) : 0;

        key[k] = (uint64_t) class << 40 | (uint64_t)(unsigned)far << 16 | (unsigned)k;
    }
    qsort(key, (size_t)n, sizeof key[0], by_key);
    for (int k = 0; k < n; k++)
        victims[k] =
            (uint16_t)(((unsigned)self + 1 + (key[k] & 0xffff)) % (unsigned)p->workers);
}

/* ---- the plan ---------------------------------------------------------------------*/

static fw_place *new_plan(const fw_place_request *r, const candidates *c)
{
    fw_place_reason reason;
    int n = count_workers(r, c->cores, &reason);
    size_t victims = (size_t)n * (size_t)(n - 1) * sizeof(uint16_t);
    fw_place *p = calloc(1, sizeof *p + (size_t)n * sizeof p->worker[0] + victims);

    if (!p)
        return NULL;
    *p = (fw_place){.workers = n,
                    .pin = choose_pin(r, n, c->cores),
                    .reason = reason,
                    .cores = c->cores,
                    .cpus = c->count,
                    .quota_milli = r->quota_milli,
                    .narrowed = r->narrowed,
                    .chosen = r->chosen};
    return p;
}

int fw_place_plan(const fw_topology *t, const fw_place_request *request, fw_place **out)
{
    const fw_pu *chosen[FW_WORKERS_MAX];
    candidates c = {.list = NULL};
    fw_place *p;
    int rc = check_request(request);

    *out = NULL;
    if (rc == 0)
        rc = find_candidates(t, &request->allowed, &c);
    if (rc < 0)
        return rc;
    p = new_plan(request, &c);
    if (!p) {
        free(c.list);
        return fw_fail(FURROW_ENOMEM, "no memory for a plan of the workers");
    }
    choose(&c, p->workers, chosen);
    fill_workers(p, chosen, &c);
    free(c.list);
    for (int w = 0; w < p->workers; w++)
        order_victims(t, p, w);
    *out = p;
    return 0;
}

void fw_place_free(fw_place *p)
{
    free(p);
}

/* ---- telling ----------------------------------------------------------------------*/

static void print_quota(uint32_t milli, FILE *out)
{
    if (milli == 0)
        fputs("no CPU quota", out);
    else
        fprintf(out, "CPU quota %g", milli / 1000.0);
}

static void print_reason(const fw_place *p, FILE *out)
{
    static const char *const why[] = {
        [FW_PLACE_ASKED] = "as asked for",
        [FW_PLACE_CORES] = "one per core",
        [FW_PLACE_QUOTA] = "the CPU quota, rounded down, at least 1",
        [FW_PLACE_MAX] = "the most that are possible",
    };

    fprintf(out, "%d worker%s: %s (%d core%s and %d CPU%s allowed, ", p->workers,
            p->workers == 1 ? "" : "s", why[p->reason], p->cores,
            p->cores == 1 ? "" : "s", p->cpus, p->cpus == 1 ? "" : "s");
    print_quota(p->quota_milli, out);
    fputs(")\n", out);
}

static void print_notes(const fw_place *p, const fw_topology *t, FILE *out)
{
    if (t->flags & FW_TOPOLOGY_GUESSED)
        fputs("note: the topology could not be read; cores and nodes are a guess\n",
              out);
    if (!(t->flags & FW_TOPOLOGY_THIS_MACHINE))
        fputs("note: the topology is not this machine's\n", out);
    if (p->narrowed)
        fputs(
            "note: this thread is bound to one CPU although the cpuset has more (by an "
            "OpenMP runtime?);\n      give the CPUs, as in FURROW_CPUS=0-3, to use "
            "them\n",
            out);
    if (p->quota_milli && p->quota_milli / 1000 < (uint32_t)p->workers)
        fputs("note: the CPU quota is less than the workers: they will be throttled\n",
              out);
}

/* A number, or "-" for what is not known. */
static void print_id(int id, int width, FILE *out)
{
    if (id < 0)
        fprintf(out, "%*s", width, "-");
    else
        fprintf(out, "%*d", width, id);
}

static void print_worker(const fw_place *p, int i, FILE *out)
{
    const fw_place_worker *w = &p->worker[i];
    static const char *const bound[] = {
        [FURROW_PIN_CORE] = "its CPU",
        [FURROW_PIN_NODE] = "its node",
        [FURROW_PIN_NONE] = "-",
    };

    fprintf(out, "%6d %5d %5d", i, w->cpu, w->core);
    print_id(w->l3, 5, out);
    fprintf(out, " %5d", w->node);
    print_id(w->kind, 6, out);
    fprintf(out, "  %s%s%s\n", bound[p->pin],
            w->flags & FW_PLACE_SHARED ? ", shares its core" : "",
            w->flags & FW_PLACE_OVERSUBSCRIBED ? ", shares its CPU" : "");
}

int fw_place_describe(const fw_place *p, const fw_topology *t, FILE *out)
{
    errno = 0;
    print_reason(p, out);
    print_notes(p, t, out);
    fputs("worker   CPU  core   L3  node  kind  bound to\n", out);
    for (int i = 0; i < p->workers; i++)
        print_worker(p, i, out);
    if (fflush(out) != 0 || ferror(out))
        return fw_fail_os(errno ? errno : EIO, "cannot write the description");
    return 0;
}
