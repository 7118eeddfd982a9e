/* SPDX-License-Identifier: MIT
 *
 * The table of recorded and described machines, and of this one; and that reading it
 * leaves the host process as it was.
 */
#include "topology.h"
#include "discovery.h"
#include "status.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXTURES FURROW_SOURCE_DIR "/tests/fixtures/topology/"

#define INTERLEAVED "numa:4 core:2 pu:2(indexes=0,8,1,9,2,10,3,11,4,12,5,13,6,14,7,15)"

typedef struct machine {
    char source[256];
    int pus, cores, nodes;
    int l3s;      /* 0: not told */
    int packages; /* 0: not told */
} machine;

static fw_topology *load(const char *source)
{
    fw_topology *t;

    cr_assert_eq(fw_topology_load(source, &t), 0, "%s", furrow_last_error()->text);
    cr_assert_eq(t->size, fw_topology_size(t->pus, t->nodes));
    return t;
}

static const fw_pu *pu_of(const fw_topology *t, int cpu)
{
    for (int i = 0; i < t->pus; i++)
        if (fw_topology_pus(t)[i].cpu == cpu)
            return &fw_topology_pus(t)[i];
    cr_assert(0, "CPU %d is not in the table", cpu);
    return NULL;
}

static void expect_node(const fw_topology *t, int cpu, int node)
{
    cr_assert_eq(pu_of(t, cpu)->node, node, "CPU %d is on node %d, not %d", cpu,
                 pu_of(t, cpu)->node, node);
}

/* ---- recorded and described machines ----------------------------------------------*/

ParameterizedTestParameters(topology, machines)
{
    static machine m[] = {
        {FIXTURES "2socket-snc2-4n2l3.xml", 32, 16, 4, 8, 2},
        {FIXTURES "container-odd-cpus.xml", 9, 5, 2, 3, 2},
        {FIXTURES "hybrid-4P2t+4E1t.xml", 12, 8, 1, 1, 1},
        {FIXTURES "qemu-2n2c+cpuless-hmat.xml", 4, 4, 3, 2, 2},
        {FIXTURES "qemu-2n2c+memless.xml", 6, 6, 2, 3, 3},
        {FIXTURES "qemu-2n2c.xml", 4, 4, 2, 2, 2},
        {FIXTURES "qemu-2n2c2t-smt.xml", 8, 4, 2, 2, 2},
        {FIXTURES "qemu-4n2c-ring.xml", 8, 8, 4, 4, 4},
        {FIXTURES "qemu-8n1c-ring.xml", 8, 8, 8, 8, 8},
        {"pack:2 [numa] l3:2 core:4 pu:2", 32, 16, 2, 4, 2},
        {"pack:2 numa:2 l3:4 core:2 pu:2", 64, 32, 4, 16, 2},
        {"pack:2 [numa] [numa] core:8 pu:1", 16, 16, 4, 0, 2},
        {"core:128 pu:2", 256, 128, 1, 0, 0},
        {"pack:1 l3:2 l2:2 core:2 pu:1", 8, 8, 1, 2, 1},
        {INTERLEAVED, 16, 8, 4, 0, 0},
        {"numa:2 pu:8", 16, 16, 2, 0, 0},
    };
    return cr_make_param_array(machine, m, sizeof m / sizeof *m);
}

static int distinct(const fw_topology *t, size_t field)
{
    int n = 0;

    for (int i = 0; i < t->pus; i++) {
        const char *all = (const char *)fw_topology_pus(t);
        int32_t a, b = -1, seen = 0;

        memcpy(&a, all + (size_t)i * sizeof(fw_pu) + field, sizeof a);
        for (int k = 0; k < i && !seen; k++) {
            memcpy(&b, all + (size_t)k * sizeof(fw_pu) + field, sizeof b);
            seen = a == b;
        }
        n += a >= 0 && !seen;
    }
    return n;
}

static void check_nodes(const fw_topology *t)
{
    const fw_node *node = fw_topology_nodes(t);
    int pus = 0;

    for (int i = 0; i < t->nodes; i++) {
        cr_assert(i == 0 || node[i - 1].os < node[i].os, "sorted by OS index");
        cr_assert_eq(fw_topology_distance(t, node[i].os, node[i].os), 10);
        for (int k = 0; k < t->nodes; k++)
            cr_assert(k == i || fw_topology_distance(t, node[i].os, node[k].os) > 10);
        pus += node[i].pus;
    }
    cr_assert_eq(pus, t->pus, "each CPU has a node that is in the table");
}

static void check_cores(const fw_topology *t)
{
    const fw_pu *pu = fw_topology_pus(t);

    for (int i = 1; i < t->pus; i++) {
        int sibling = pu[i].core == pu[i - 1].core;

        cr_assert_eq(pu[i].smt, sibling ? pu[i - 1].smt + 1 : 0);
        for (int k = 0; k < i && !sibling; k++)
            cr_assert_neq(pu[k].core, pu[i].core, "threads of a core are neighbours");
    }
}

ParameterizedTest(machine *m, topology, machines)
{
    fw_topology *t = load(m->source);

    cr_assert_eq(t->flags, 0, "not this machine");
    cr_assert_eq(t->pus, m->pus);
    cr_assert_eq(t->nodes, m->nodes);
    cr_assert_eq(distinct(t, offsetof(fw_pu, cpu)), m->pus);
    cr_assert_eq(distinct(t, offsetof(fw_pu, core)), m->cores);
    cr_assert_eq(distinct(t, offsetof(fw_pu, l3)), m->l3s);
    cr_assert_eq(distinct(t, offsetof(fw_pu, package)), m->packages);
    cr_assert_eq(fw_topology_cores(t, NULL), m->cores);
    check_nodes(t);
    check_cores(t);
    fw_topology_free(t);
}

Test(topology, distances_of_the_ring)
{
    fw_topology *t = load(FIXTURES "qemu-4n2c-ring.xml");
    static const int hops[4] = {10, 20, 30, 20};

    for (int a = 0; a < 4; a++)
        for (int b = 0; b < 4; b++)
            cr_assert_eq(fw_topology_distance(t, a, b), hops[(b - a) & 3]);
    cr_assert_eq(fw_topology_distance(t, 0, 77), 20, "not in the table");
    fw_topology_free(t);
}

/* hwloc numbers the CPU-less node 2 before node 1, and attaches it to the CPUs of 0. */
Test(topology, os_indices_and_the_node_without_cpus)
{
    fw_topology *t = load(FIXTURES "qemu-2n2c+cpuless-hmat.xml");
    const fw_node *node = fw_topology_nodes(t);

    for (int cpu = 0; cpu < 4; cpu++)
        expect_node(t, cpu, cpu / 2);
    cr_assert_eq(node[2].os, 2);
    cr_assert_eq(node[2].pus, 0);
    cr_assert_eq(node[2].bytes, 130740224);
    cr_assert_eq(fw_topology_distance(t, 1, 2), 40);
    fw_topology_free(t);
}

/* A node of the whole machine (memory without CPUs is attached so) is nobody's own. */
Test(topology, narrowest_node)
{
    fw_topology *t = load("[numa] pack:2 [numa(indexes=1,2,0)] core:2 pu:1");

    for (int cpu = 0; cpu < 4; cpu++)
        expect_node(t, cpu, 1 + cpu / 2);
    cr_assert_eq(fw_topology_nodes(t)[0].pus, 0);
    fw_topology_free(t);
}

Test(topology, os_indices_of_interleaved_cpus)
{
    fw_topology *t = load(INTERLEAVED);

    for (int cpu = 0; cpu < 16; cpu++) {
        expect_node(t, cpu, cpu % 8 / 2);
        cr_assert_eq(pu_of(t, cpu)->smt, cpu / 8);
        cr_assert_eq(pu_of(t, cpu)->core, pu_of(t, (cpu + 8) % 16)->core);
    }
    fw_topology_free(t);
}

/* The node of CPUs 4 and 5 was dropped from the recording: any with memory will do. */
Test(topology, memoryless_node_that_was_dropped)
{
    fw_topology *t = load(FIXTURES "qemu-2n2c+memless.xml");

    expect_node(t, 0, 0);
    expect_node(t, 2, 1);
    expect_node(t, 4, 0);
    expect_node(t, 5, 0);
    fw_topology_free(t);
}

/* Node 2 of the ring has no memory: 1 is a neighbour, 0 is opposite. */
Test(topology, memoryless_node_takes_the_nearest)
{
    fw_topology *t = load(FIXTURES "4n2c-ring-node2-memoryless.xml");

    cr_assert_eq(t->nodes, 3);
    expect_node(t, 2, 1);
    expect_node(t, 4, 1);
    expect_node(t, 5, 1);
    expect_node(t, 6, 3);
    fw_topology_free(t);
}

/* cpuset.mems without node 1 and cpuset.cpus without CPU 0. */
Test(topology, what_the_cpuset_forbids)
{
    fw_topology *t = load(FIXTURES "2n2c-allowed-cpus123-mem0.xml");

    cr_assert_eq(t->pus, 3);
    cr_assert_eq(t->nodes, 1);
    for (int cpu = 1; cpu < 4; cpu++)
        expect_node(t, cpu, 0);
    fw_topology_free(t);
}

Test(topology, kinds)
{
    fw_topology *t = load(FIXTURES "hybrid-4P2t+4E1t.xml");

    for (int cpu = 0; cpu < 8; cpu++)
        cr_assert_eq(pu_of(t, cpu)->kind, 1);
    for (int cpu = 8; cpu < 16; cpu += 2)
        cr_assert_eq(pu_of(t, cpu)->kind, 0);
    fw_topology_free(t);
}

/* Without efficiency, hwloc's order of kinds means nothing; by frequency alone it is
 * often wrong. */
Test(topology, kinds_that_mean_nothing)
{
    static const char *const sources[] = {FIXTURES "kinds-without-rank.xml",
                                          FIXTURES "kinds-by-frequency.xml",
                                          FIXTURES "qemu-2n2c.xml"};

    for (int i = 0; i < 3; i++) {
        fw_topology *t = load(sources[i]);

        for (int k = 0; k < t->pus; k++)
            cr_assert_eq(fw_topology_pus(t)[k].kind, -1);
        fw_topology_free(t);
    }
}

Test(topology, cores_among_allowed_cpus)
{
    fw_topology *t = load(FIXTURES "hybrid-4P2t+4E1t.xml");
    fw_cpuset s = {{0}};

    cr_assert_eq(fw_topology_cores(t, &s), 0);
    fw_cpuset_add(&s, 1);
    cr_assert_eq(fw_topology_cores(t, &s), 1);
    fw_cpuset_add(&s, 0);
    fw_cpuset_add(&s, 9); /* there is none */
    cr_assert_eq(fw_topology_cores(t, &s), 1);
    fw_cpuset_add(&s, 10);
    cr_assert_eq(fw_topology_cores(t, &s), 2);
    fw_topology_free(t);
}

/* One plain block: a copy elsewhere is as good. */
Test(topology, may_be_copied)
{
    fw_topology *t = load(FIXTURES "2socket-snc2-4n2l3.xml"), *copy = malloc(t->size);

    memcpy(copy, t, t->size);
    memset(t, 0xff, t->size);
    fw_topology_free(t);
    expect_node(copy, 31, 3);
    cr_assert_eq(fw_topology_distance(copy, 0, 3), 22);
    free(copy);
}

ParameterizedTestParameters(topology, bad_sources)
{
    static machine bad[] = {
        {.source = "no-such-file.xml"}, {.source = "pack:x"}, {.source = ""},
        {.source = "/etc/passwd"},      {.source = "/tmp"},   {.source = "pu:0"},
    };
    return cr_make_param_array(machine, bad, sizeof bad / sizeof *bad);
}

ParameterizedTest(machine *bad, topology, bad_sources)
{
    fw_topology *t;

    cr_assert_eq(fw_topology_load(bad->source, &t), FURROW_EINVAL);
    cr_assert_null(t);
    cr_assert(strstr(furrow_last_error()->text, bad->source), "%s",
              furrow_last_error()->text);
}

/* ---- the child --------------------------------------------------------------------*/

static int dies(const char *source, fw_topology *table)
{
    (void)source, (void)table;
    raise(SIGKILL);
    return 0;
}

static int leaves(const char *source, fw_topology *table)
{
    (void)source, (void)table;
    _exit(0);
}

static int fails(const char *source, fw_topology *table)
{
    (void)table;
    return fw_fail(FURROW_ENOTSUP, "no %s today", source);
}

static int lies(const char *source, fw_topology *table)
{
    (void)source;
    *table = (fw_topology){.size = UINT32_MAX, .pus = 3, .nodes = 1};
    return 0;
}

Test(topology, child_that_does_not_succeed)
{
    fw_topology *t = NULL;

    cr_assert_eq(fw_discovery_run(dies, NULL, &t), FURROW_EOS);
    cr_assert_eq(fw_discovery_run(leaves, NULL, &t), FURROW_EOS);
    cr_assert_eq(fw_discovery_run(lies, NULL, &t), FURROW_ECORRUPT);
    cr_assert_eq(fw_discovery_run(fails, "maps", &t), FURROW_ENOTSUP);
    cr_assert_str_eq(furrow_last_error()->text, "no maps today");
    cr_assert_null(t);
}

static void expect_real(const fw_topology *t)
{
    fw_cpuset now = {{0}};

    cr_assert_eq(t->flags, FW_TOPOLOGY_THIS_MACHINE, "it was read, not guessed");
    fw_os_affinity(&now);
    for (int cpu = 0; cpu < FW_CPU_MAX; cpu++)
        if (fw_cpuset_has(&now, cpu))
            pu_of(t, cpu);
}

Test(topology, this_machine)
{
    fw_topology *first = load(NULL), *second = load(NULL);

    expect_real(first);
    check_nodes(first);
    check_cores(first);
    cr_assert_neq(first, second, "each caller has its own");
    cr_assert_eq(first->size, second->size);
    cr_assert_eq(memcmp(first, second, first->size), 0);
    fw_topology_free(first);
    fw_topology_free(second);
}

Test(topology, host_ignores_sigchld)
{
    fw_topology *t;

    signal(SIGCHLD, SIG_IGN);
    t = load(NULL);
    expect_real(t);
    fw_topology_free(t);
}

static _Atomic uint32_t done;

static void *reap_everything(void *reaped)
{
    while (!fw_load_seqcst(&done))
        if (wait(NULL) > 0)
            ++*(int *)reaped;
    return NULL;
}

/* A thread of the host takes every status that it can get. */
Test(topology, host_waits_for_everything)
{
    pthread_t thread;
    int reaped = 0;

    pthread_create(&thread, NULL, reap_everything, &reaped);
    for (int i = 0; i < 30; i++)
        fw_topology_free(load("core:2 pu:2"));
    fw_topology *t = load(NULL);
    expect_real(t);
    fw_topology_free(t);
    fw_store_seqcst(&done, 1);
    pthread_join(thread, NULL);
}

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    while (readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int mapped(const char *name)
{
    char line[1024];
    FILE *maps = fopen("/proc/self/maps", "r");
    int found = 0;

    while (fgets(line, sizeof line, maps))
        found |= strstr(line, name) != NULL;
    fclose(maps);
    return found;
}

Test(topology, leaves_the_host_as_it_was)
{
    int fds = count_fds();

    setenv("HWLOC_SYNTHETIC", "core:77 pu:1", 1); /* must not become this machine */
    fw_topology_free(load("core:2 pu:1"));
    fw_topology *t = load(NULL);
    expect_real(t);
    cr_assert_neq(fw_topology_cores(t, NULL), 77);
    fw_topology_free(t);
    cr_assert_eq(count_fds(), fds);
    cr_assert_not(mapped("furrow-topology"));
    cr_assert_not(mapped("hwloc_"), "no plug-in was loaded");
    cr_assert_null(getenv("HWLOC_COMPONENTS"));
    cr_assert_null(getenv("HWLOC_PLUGINS_PATH"));
    cr_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no zombie is left");
}

/* No descriptor to be had, so no child: a guess, which the next call does not keep. */
Test(topology, failure_gives_a_guess_that_is_not_kept)
{
    struct rlimit old, none;
    fw_cpuset now = {{0}};
    fw_topology *t;

    furrow_error_clear();
    getrlimit(RLIMIT_NOFILE, &old);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = old.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    t = load(NULL);
    setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_eq(t->flags, FW_TOPOLOGY_THIS_MACHINE | FW_TOPOLOGY_GUESSED);
    cr_assert_eq(furrow_last_error()->code, 0, "a success leaves the record alone");
    fw_os_affinity(&now);
    cr_assert_eq(fw_topology_cores(t, &now), t->pus);
    cr_assert_eq(t->nodes, 1);
    check_nodes(t);
    check_cores(t);
    fw_topology_free(t);
    t = load(NULL);
    expect_real(t);
    fw_topology_free(t);
}

static void *load_once(void *out)
{
    fw_topology_load(NULL, out);
    return NULL;
}

Test(topology, threads_that_load_at_the_same_time)
{
    enum { THREADS = 8 };
    pthread_t thread[THREADS];
    fw_topology *t[THREADS];

    for (int i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, load_once, &t[i]);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        expect_real(t[i]);
        cr_assert_eq(memcmp(t[i], t[0], t[0]->size), 0);
    }
    for (int i = 0; i < THREADS; i++)
        fw_topology_free(t[i]);
}
