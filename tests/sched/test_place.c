/* SPDX-License-Identifier: MIT
 *
 * Plans for recorded and described machines: properties that every plan has, checked by
 * counting afresh, and the plans of some machines in full.
 */
#include "place.h"
#include "furrow_sched.h"
#include "status.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#define FIXTURES FURROW_SOURCE_DIR "/tests/fixtures/topology/"

typedef struct source {
    char text[256];
} source;

static source sources[] = {
    {FIXTURES "2socket-snc2-4n2l3.xml"},
    {FIXTURES "container-odd-cpus.xml"},
    {FIXTURES "hybrid-4P2t+4E1t.xml"},
    {FIXTURES "qemu-2n2c+cpuless-hmat.xml"},
    {FIXTURES "qemu-2n2c+memless.xml"},
    {FIXTURES "qemu-2n2c.xml"},
    {FIXTURES "qemu-2n2c2t-smt.xml"},
    {FIXTURES "qemu-4n2c-ring.xml"},
    {FIXTURES "qemu-8n1c-ring.xml"},
    {FIXTURES "4n2c-ring-node2-memoryless.xml"},
    {FIXTURES "2n2c-allowed-cpus123-mem0.xml"},
    {FIXTURES "kinds-without-rank.xml"},
    {"pack:2 [numa] l3:2 core:4 pu:2"},
    {"pack:2 numa:2 l3:4 core:2 pu:2"},
    {"pack:2 [numa] [numa] core:8 pu:1"},
    {"pack:1 l3:2 l2:2 core:2 pu:2"},
    {"numa:4 core:2 pu:2(indexes=0,8,1,9,2,10,3,11,4,12,5,13,6,14,7,15)"},
    {"numa:2 pu:8"},
};

static fw_topology *load(const char *text)
{
    fw_topology *t;

    cr_assert_eq(fw_topology_load(text, &t), 0, "%s", furrow_last_error()->text);
    return t;
}

static fw_place *plan(const fw_topology *t, fw_place_request request)
{
    fw_place *p;

    cr_assert_eq(fw_place_plan(t, &request, &p), 0, "%s", furrow_last_error()->text);
    return p;
}

/* ---- properties of every plan -----------------------------------------------------*/

static const fw_pu *pu_of(const fw_topology *t, int cpu)
{
    for (int i = 0; i < t->pus; i++)
        if (fw_topology_pus(t)[i].cpu == cpu)
            return &fw_topology_pus(t)[i];
    cr_assert(0, "CPU %d is not in the table", cpu);
    return NULL;
}

static int workers_on(const fw_place *p, int cpu)
{
    int n = 0;

    for (int i = 0; i < p->workers; i++)
        n += p->worker[i].cpu == cpu;
    return n;
}

static int workers_in_core(const fw_place *p, int core)
{
    int n = 0;

    for (int i = 0; i < p->workers; i++)
        n += p->worker[i].core == core;
    return n;
}

static void check_what_is_copied(const fw_topology *t, const fw_place *p)
{
    for (int i = 0; i < p->workers; i++) {
        const fw_place_worker *w = &p->worker[i];
        const fw_pu *pu = pu_of(t, w->cpu);

        cr_assert(w->core == pu->core && w->l2 == pu->l2 && w->l3 == pu->l3 &&
                  w->node == pu->node && w->package == pu->package &&
                  w->kind == pu->kind);
    }
}

/* Once a node or a group has ended, it does not come again. */
static void check_contiguous(const fw_place *p)
{
    for (int i = 1; i < p->workers; i++) {
        const fw_place_worker *w = &p->worker[i], *before = &p->worker[i - 1];

        cr_assert(before->group == w->group || before->group + 1 == w->group);
        cr_assert_eq(before->group == w->group,
                     before->node == w->node && before->l3 == w->l3);
        for (int k = 0; k < i && before->node != w->node; k++)
            cr_assert_neq(p->worker[k].node, w->node, "node %d comes twice", w->node);
        for (int k = 0; k < i && before->core != w->core; k++)
            cr_assert_neq(p->worker[k].core, w->core, "core %d comes twice", w->core);
    }
    cr_assert_eq(p->worker[0].group, 0);
    cr_assert_eq(p->worker[p->workers - 1].group, p->groups - 1);
}

/* Every core once before any core twice, every CPU once before any CPU twice. */
static void check_spread(const fw_topology *t, const fw_place *p)
{
    int per_cpu = p->workers / t->pus;

    for (int i = 0; i < t->pus; i++) {
        int n = workers_on(p, fw_topology_pus(t)[i].cpu);

        cr_assert(n == per_cpu || n == per_cpu + 1);
    }
    for (int i = 0; i < t->pus && p->workers <= t->pus; i++) {
        int n = workers_in_core(p, fw_topology_pus(t)[i].core);

        cr_assert(p->workers > p->cores || n <= 1, "SMT comes last");
        cr_assert(p->workers < p->cores || n >= 1, "no core is left out");
    }
}

/* No slow core is taken while a fast one is idle. */
static void check_kinds(const fw_topology *t, const fw_place *p)
{
    const fw_pu *pu = fw_topology_pus(t);

    for (int i = 0; i < p->workers && p->workers <= p->cores; i++)
        for (int k = 0; k < t->pus; k++)
            cr_assert(pu[k].kind <= p->worker[i].kind ||
                      workers_in_core(p, pu[k].core));
}

/* Nodes get equal shares while they have idle cores (machines of one kind). */
static void check_balance(const fw_topology *t, const fw_place *p)
{
    const fw_node *node = fw_topology_nodes(t);
    int on[FW_NODE_MAX] = {0}, idle[FW_NODE_MAX] = {0};
    const fw_pu *pu = fw_topology_pus(t);

    if (p->workers > p->cores || pu[0].kind >= 0)
        return;
    for (int n = 0; n < t->nodes; n++) {
        for (int i = 0; i < p->workers; i++)
            on[n] += p->worker[i].node == node[n].os;
        for (int k = 0; k < t->pus; k++)
            idle[n] |= pu[k].node == node[n].os && !workers_in_core(p, pu[k].core);
        cr_assert(node[n].pus || on[n] == 0, "nobody is at home on node %d",
                  node[n].os);
    }
    for (int a = 0; a < t->nodes; a++)
        for (int b = 0; b < t->nodes; b++)
            cr_assert(!idle[a] || on[a] >= on[b] - 1);
}

static void check_flags(const fw_place *p)
{
    for (int i = 0; i < p->workers; i++) {
        const fw_place_worker *w = &p->worker[i];
        int same_cpu = workers_on(p, w->cpu);

        cr_assert_eq((w->flags & FW_PLACE_OVERSUBSCRIBED) != 0, same_cpu > 1);
        cr_assert_eq((w->flags & FW_PLACE_SHARED) != 0,
                     workers_in_core(p, w->core) > same_cpu);
    }
}

/* How far, as one number: what is shared, then the distance. */
static int farness(const fw_topology *t, const fw_place_worker *a,
                   const fw_place_worker *b)
{
    if (a->core == b->core)
        return 0;
    if (a->l2 != -1 && a->l2 == b->l2)
        return 1;
    if (a->l3 != -1 && a->l3 == b->l3)
        return 2;
    if (a->node == b->node)
        return 3;
    return (a->package != -1 && a->package == b->package ? 1000 : 100000) +
           fw_topology_distance(t, a->node, b->node);
}

static void check_victims_of(const fw_topology *t, const fw_place *p, int self)
{
    const uint16_t *victim = fw_place_victims(p, self);
    char seen[FW_WORKERS_MAX] = {0};
    int last = -1, last_turn = 0;

    seen[self] = 1;
    for (int k = 0; k < p->workers - 1; k++) {
        int v = victim[k], far, turn = (v - self + p->workers) % p->workers;

        cr_assert(v < p->workers && !seen[v], "worker %d: victim %d twice", self, v);
        seen[v] = 1;
        far = farness(t, &p->worker[self], &p->worker[v]);
        cr_assert(far > last || (far == last && turn > last_turn),
                  "worker %d: victim %d is out of order", self, v);
        last = far;
        last_turn = turn;
    }
}

static void check_pins(const fw_topology *t, const fw_place *p)
{
    for (int i = 0; i < p->workers; i++)
        for (int k = 0; k < t->pus; k++) {
            const fw_pu *pu = &fw_topology_pus(t)[k];
            int in = p->pin == FURROW_PIN_NONE ||
                     (p->pin == FURROW_PIN_NODE && pu->node == p->worker[i].node) ||
                     pu->cpu == p->worker[i].cpu;

            cr_assert_eq(fw_cpuset_has(&p->worker[i].pin, pu->cpu), in);
        }
}

static size_t plan_size(const fw_place *p)
{
    return (size_t)((const char *)fw_place_victims(p, p->workers) - (const char *)p);
}

static void check_plan(const fw_topology *t, fw_place_request request)
{
    fw_place *p = plan(t, request), *again = plan(t, request);

    cr_assert_eq(p->workers, request.workers ? request.workers : p->cores);
    cr_assert_eq(p->cores, fw_topology_cores(t, NULL));
    cr_assert_eq(p->cpus, t->pus);
    cr_assert_eq(p->pin, request.pin);
    check_what_is_copied(t, p);
    check_contiguous(p);
    check_spread(t, p);
    check_kinds(t, p);
    check_balance(t, p);
    check_flags(p);
    check_pins(t, p);
    for (int i = 0; i < p->workers; i++)
        check_victims_of(t, p, i);
    cr_assert_eq(memcmp(p, again, plan_size(p)), 0, "a plan is a function");
    fw_place_free(p);
    fw_place_free(again);
}

ParameterizedTestParameters(place, every_plan)
{
    return cr_make_param_array(source, sources, sizeof sources / sizeof *sources);
}

ParameterizedTest(source *s, place, every_plan)
{
    fw_topology *t = load(s->text);

    for (int workers = 0; workers <= 2 * t->pus + 1; workers++)
        check_plan(t, (fw_place_request){.workers = workers, .pin = workers % 3});
    fw_topology_free(t);
}

/* ---- plans of some machines -------------------------------------------------------*/

/* The CPUs of the plan, in the order of the workers' ids: "0 4 8". */
static void expect_cpus(const fw_topology *t, fw_place_request request,
                        const char *cpus)
{
    fw_place *p = plan(t, request);
    char text[2048] = "";

    for (int i = 0; i < p->workers; i++)
        sprintf(text + strlen(text), "%s%d", i ? " " : "", p->worker[i].cpu);
    cr_assert_str_eq(text, cpus, "CPUs %s, not %s", text, cpus);
    fw_place_free(p);
}

Test(place, fast_cores_then_slow_ones_then_second_threads)
{
    fw_topology *t = load(FIXTURES "hybrid-4P2t+4E1t.xml");

    expect_cpus(t, (fw_place_request){.workers = 4}, "0 2 4 6");
    expect_cpus(t, (fw_place_request){.workers = 6}, "0 2 4 6 8 10");
    expect_cpus(t, (fw_place_request){0}, "0 2 4 6 8 10 12 14");
    expect_cpus(t, (fw_place_request){.workers = 9}, "0 1 2 4 6 8 10 12 14");
    fw_topology_free(t);
}

Test(place, kinds_without_rank_are_ignored)
{
    fw_topology *t = load(FIXTURES "kinds-without-rank.xml");

    expect_cpus(t, (fw_place_request){.workers = 5}, "0 2 4 6 8");
    fw_topology_free(t);
}

Test(place, few_workers_over_nodes_and_caches)
{
    fw_topology *t = load(FIXTURES "2socket-snc2-4n2l3.xml");

    expect_cpus(t, (fw_place_request){.workers = 2}, "0 8");
    expect_cpus(t, (fw_place_request){.workers = 4}, "0 8 16 24");
    expect_cpus(t, (fw_place_request){.workers = 6}, "0 4 8 12 16 24");
    expect_cpus(t, (fw_place_request){.workers = 8}, "0 4 8 12 16 20 24 28");
    fw_topology_free(t);
}

Test(place, victims_of_the_ring)
{
    fw_topology *t = load(FIXTURES "qemu-4n2c-ring.xml");
    fw_place *p = plan(t, (fw_place_request){0});
    static const uint16_t of_0[7] = {1, 2, 3, 6, 7, 4, 5},
                          of_5[7] = {4, 6, 7, 2, 3, 0, 1};

    cr_assert_eq(memcmp(fw_place_victims(p, 0), of_0, sizeof of_0), 0);
    cr_assert_eq(memcmp(fw_place_victims(p, 5), of_5, sizeof of_5), 0);
    fw_place_free(p);
    fw_topology_free(t);
}

Test(place, ids_go_by_node_not_by_cpu_number)
{
    fw_topology *t = load("numa:2 core:2 pu:2(indexes=0,4,2,6,1,5,3,7)");

    expect_cpus(t, (fw_place_request){0}, "0 2 1 3");
    expect_cpus(t, (fw_place_request){.workers = 8}, "0 4 2 6 1 5 3 7");
    expect_cpus(t, (fw_place_request){.workers = 10}, "0 0 4 2 6 1 1 5 3 7");
    fw_topology_free(t);
}

/* Ids of cores and L3s need not rise together. */
Test(place, ids_go_by_l3)
{
    enum { PUS = 6 };
    fw_topology *t = calloc(1, fw_topology_size(PUS, 1));
    fw_pu *pu = (fw_pu *)(t + 1);
    fw_place *p;

    *t = (fw_topology){.pus = PUS, .nodes = 1};
    for (int i = 0; i < PUS; i++)
        pu[i] = (fw_pu){.cpu = i, .core = PUS - i, .l2 = -1, .l3 = i % 2, .kind = -1};
    expect_cpus(t, (fw_place_request){0}, "4 2 0 5 3 1");
    p = plan(t, (fw_place_request){.workers = 3});
    cr_assert_eq(p->groups, 2);
    check_contiguous(p);
    fw_place_free(p);
    free(t);
}

static fw_cpuset set_of(const int *cpus, int n)
{
    fw_cpuset s = {{0}};

    for (int i = 0; i < n; i++)
        fw_cpuset_add(&s, cpus[i]);
    return s;
}

/* A core of which only the second thread is allowed is a core like others. */
Test(place, only_allowed_cpus)
{
    fw_topology *t = load(FIXTURES "qemu-2n2c2t-smt.xml");
    fw_place_request r = {.allowed = set_of((int[]){1, 3, 6, 7, 99}, 5)};
    fw_place *p = plan(t, r);

    cr_assert_eq(p->cores, 3);
    cr_assert_eq(p->cpus, 4);
    fw_place_free(p);
    expect_cpus(t, r, "1 3 6");
    r.workers = 4;
    expect_cpus(t, r, "1 3 6 7");
    r.workers = 5;
    r.pin = FURROW_PIN_NODE;
    p = plan(t, r);
    cr_assert_eq(memcmp(&p->worker[0].pin, &(fw_cpuset){{0xa}}, sizeof(fw_cpuset)), 0,
                 "a node's CPUs, as far as they are allowed");
    fw_place_free(p);
    fw_topology_free(t);
}

Test(place, as_many_workers_as_possible)
{
    fw_topology *t = load("core:128 pu:2"), *large = load("numa:8 core:48 pu:2");
    fw_place *p = plan(t, (fw_place_request){.workers = 256});

    cr_assert_eq(p->workers, 256);
    for (int i = 0; i < 256; i++)
        cr_assert_eq(p->worker[i].flags, FW_PLACE_SHARED);
    for (int i = 0; i < 256; i++)
        check_victims_of(t, p, i);
    fw_place_free(p);

    p = plan(t, (fw_place_request){0});
    cr_assert_eq(p->workers, 128);
    cr_assert_eq(p->reason, FW_PLACE_CORES);
    fw_place_free(p);

    p = plan(large, (fw_place_request){0});
    cr_assert_eq(p->workers, 256);
    cr_assert_eq(p->reason, FW_PLACE_MAX);
    check_balance(large, p);
    check_contiguous(p);
    fw_place_free(p);
    fw_topology_free(t);
    fw_topology_free(large);
}

Test(place, requests_that_cannot_be)
{
    fw_topology *t = load("core:4 pu:1");
    fw_place *p;
    const fw_place_request bad[] = {
        {.workers = 257},
        {.workers = -1},
        {.pin = 3},
        {.pin = -1},
        {.allowed = set_of((int[]){4, 5}, 2)},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(fw_place_plan(t, &bad[i], &p), FURROW_EINVAL);
        cr_assert_null(p);
        cr_assert_gt(strlen(furrow_last_error()->text), 0);
    }
    fw_topology_free(t);
}

/* ---- quota ------------------------------------------------------------------------*/

typedef struct quota_case {
    int workers;
    uint32_t milli;
    int expected, pin;
    fw_place_reason reason;
} quota_case;

/* On eight cores. */
Test(place, quota)
{
    static const quota_case cases[] = {
        {0, 500, 1, FURROW_PIN_NODE, FW_PLACE_QUOTA},
        {0, 1, 1, FURROW_PIN_NODE, FW_PLACE_QUOTA},
        {0, 6500, 6, FURROW_PIN_NODE, FW_PLACE_QUOTA},
        {0, 6000, 6, FURROW_PIN_NODE, FW_PLACE_QUOTA},
        {0, 8000, 8, FURROW_PIN_CORE, FW_PLACE_CORES},
        {0, 99000, 8, FURROW_PIN_CORE, FW_PLACE_CORES},
        {0, 0, 8, FURROW_PIN_CORE, FW_PLACE_CORES},
        {8, 2500, 8, FURROW_PIN_CORE, FW_PLACE_ASKED},
        {3, 2500, 3, FURROW_PIN_NODE, FW_PLACE_ASKED},
        {3, 0, 3, FURROW_PIN_CORE, FW_PLACE_ASKED},
    };
    fw_topology *t = load("numa:2 core:4 pu:2");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const quota_case *c = &cases[i];
        fw_place *p =
            plan(t, (fw_place_request){.workers = c->workers, .quota_milli = c->milli});

        cr_assert_eq(p->workers, c->expected, "case %zu: %d", i, p->workers);
        cr_assert_eq(p->reason, c->reason, "case %zu", i);
        cr_assert_eq(p->pin, c->pin, "case %zu", i);
        check_pins(t, p);
        fw_place_free(p);
    }
    fw_topology_free(t);
}

/* ---- telling ----------------------------------------------------------------------*/

static char *description(const fw_topology *t, fw_place_request request)
{
    static char text[8192];
    FILE *out = fmemopen(text, sizeof text, "w");
    fw_place *p = plan(t, request);

    cr_assert_eq(fw_place_describe(p, t, out), 0);
    fclose(out);
    fw_place_free(p);
    return text;
}

Test(place, describe_says_why_and_where)
{
    fw_topology *t = load(FIXTURES "hybrid-4P2t+4E1t.xml");
    char *text = description(t, (fw_place_request){.quota_milli = 6500});

    cr_assert(strstr(text, "6 workers: the CPU quota"), "%s", text);
    cr_assert(strstr(text, "8 cores and 12 CPUs allowed, CPU quota 6.5"), "%s", text);
    cr_assert(strstr(text, "not this machine's"), "%s", text);
    cr_assert(strstr(text, "\n     5    10     5    0     0     0  its node\n"), "%s",
              text);
    cr_assert_null(strstr(text, "OpenMP"), "%s", text);

    text = description(t, (fw_place_request){.workers = 13, .narrowed = 1});
    cr_assert(strstr(text, "13 workers: as asked for"), "%s", text);
    cr_assert(strstr(text, "shares its core, shares its CPU"), "%s", text);
    cr_assert(strstr(text, "bound to one CPU"), "%s", text);

    text = description(t, (fw_place_request){.workers = 1, .quota_milli = 500});
    cr_assert(strstr(text, "1 worker: "), "%s", text);
    cr_assert(strstr(text, "throttled"), "%s", text);
    fw_topology_free(t);
}

Test(place, describe_where_little_is_known)
{
    fw_topology *t = load("numa:2 pu:2");
    char *text = description(t, (fw_place_request){.pin = FURROW_PIN_NONE});

    cr_assert(strstr(text, "4 workers: one per core"), "%s", text);
    cr_assert(strstr(text, "\n     3     3     3    -     1     -  -\n"), "%s", text);
    fw_topology_free(t);
}

Test(place, describe_into_a_full_disk)
{
    fw_topology *t = load("core:2 pu:1");
    fw_place *p = plan(t, (fw_place_request){0});
    FILE *full = fopen("/dev/full", "w");

    cr_assert_eq(fw_place_describe(p, t, full), FURROW_EOS);
    fclose(full);
    fw_place_free(p);
    fw_topology_free(t);
}
