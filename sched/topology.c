/* SPDX-License-Identifier: MIT
 *
 * hwloc in, a flat table out. The only file that knows hwloc.
 *
 * hwloc runs in a short-lived child whose environment keeps plug-ins (X11, OpenCL) out;
 * the table is built in memory shared with it. The child may die or be reaped by
 * someone else: the table counts only when the word `valid` holds its magic, which the
 * child writes last.
 *
 * The cache of this machine's table is set once, by compare-and-swap, and never freed:
 * no lock that a fork could leave locked. Two threads may both discover; one wins.
 */
#include "topology.h"

#include "discovery.h"
#include "status.h"

#include <hwloc.h>
#include <stdlib.h>
#include <string.h>

enum { LOCAL = 10, REMOTE = 20 };

/* What the builder knows of a machine while it fills the table. */
typedef struct survey {
    hwloc_topology_t machine;
    hwloc_const_cpuset_t cpus;  /* allowed */
    hwloc_const_nodeset_t mems; /* allowed */
    struct hwloc_distances_s *slit;
    int memory_known; /* some node tells its size: one of size 0 has none */
    int kinds_known;
    fw_topology *out;
} survey;

static _Atomic(fw_topology *) this_machine;

/* ---- reading the table ------------------------------------------------------------*/

static uint16_t *distances(const fw_topology *t)
{
    return (uint16_t *)(fw_topology_nodes(t) + t->nodes);
}

static int node_index(const fw_topology *t, int os)
{
    const fw_node *node = fw_topology_nodes(t);

    for (int i = 0; i < t->nodes; i++)
        if (node[i].os == os)
            return i;
    return -1;
}

int fw_topology_distance(const fw_topology *t, int from, int to)
{
    int a = node_index(t, from), b = node_index(t, to);

    if (a < 0 || b < 0)
        return from == to ? LOCAL : REMOTE;
    return distances(t)[a * t->nodes + b];
}

int fw_topology_cores(const fw_topology *t, const fw_cpuset *allowed)
{
    const fw_pu *pu = fw_topology_pus(t);
    int cores = 0, last = -1;

    for (int i = 0; i < t->pus; i++) {
        if (allowed && !fw_cpuset_has(allowed, pu[i].cpu))
            continue;
        cores += cores == 0 || pu[i].core != last;
        last = pu[i].core;
    }
    return cores;
}

void fw_topology_free(fw_topology *t)
{
    free(t);
}

/* ---- nodes ------------------------------------------------------------------------*/

static hwloc_obj_t nth_node(const survey *s, int i)
{
    return hwloc_get_obj_by_type(s->machine, HWLOC_OBJ_NUMANODE, (unsigned)i);
}

static int count_of(const survey *s, hwloc_obj_type_t type)
{
    int n = hwloc_get_nbobjs_by_type(s->machine, type);

    return n > 0 ? n : 0;
}

/* May memory be taken there? */
static int node_usable(const survey *s, hwloc_obj_t node)
{
    return hwloc_bitmap_isset(s->mems, node->os_index) &&
           (!s->memory_known || node->attr->numanode.local_memory > 0);
}

static int node_distance(const survey *s, hwloc_obj_t from, hwloc_obj_t to)
{
    int a = -1, b = -1;

    for (unsigned i = 0; s->slit && i < s->slit->nbobjs; i++) {
        a = s->slit->objs[i] == from ? (int)i : a;
        b = s->slit->objs[i] == to ? (int)i : b;
    }
    if (a < 0 || b < 0)
        return from == to ? LOCAL : REMOTE;
    hwloc_uint64_t d = s->slit->values[(unsigned)a * s->slit->nbobjs + (unsigned)b];
    return d < UINT16_MAX ? (int)d : UINT16_MAX;
}

/* HBM, CXL and their like are for those who ask. */
static int ordinary_memory(hwloc_obj_t node)
{
    return !node->subtype || strcmp(node->subtype, "DRAM") == 0;
}

/* The latency that the firmware tells for a CPU's access to its node, or "very long".
 */
static hwloc_uint64_t node_latency(const survey *s, hwloc_obj_t node, hwloc_obj_t pu)
{
    struct hwloc_location from = {.type = HWLOC_LOCATION_TYPE_CPUSET};
    hwloc_uint64_t latency;

    from.location.cpuset = pu->cpuset;
    if (hwloc_memattr_get_value(s->machine, HWLOC_MEMATTR_ID_LATENCY, node, &from, 0,
                                &latency) != 0)
        return UINT64_MAX;
    return latency;
}

/* Is `a` more of a home to the PU than `b`? Both contain it. A node without CPUs of its
 * own is attached to some ancestor, or to the CPUs nearest to it. */
static int more_at_home(const survey *s, hwloc_obj_t pu, hwloc_obj_t a, hwloc_obj_t b)
{
    int wider = hwloc_bitmap_weight(a->cpuset) - hwloc_bitmap_weight(b->cpuset);
    hwloc_uint64_t at_a, at_b;

    if (ordinary_memory(a) != ordinary_memory(b))
        return ordinary_memory(a);
    if (wider != 0)
        return wider < 0;
    at_a = node_latency(s, a, pu);
    at_b = node_latency(s, b, pu);
    if (at_a != at_b)
        return at_a < at_b;
    return a->os_index < b->os_index;
}

/* The node that the PU is part of, whether it has memory or not. */
static hwloc_obj_t home_of(const survey *s, hwloc_obj_t pu)
{
    hwloc_obj_t home = NULL;

    for (int i = 0; i < count_of(s, HWLOC_OBJ_NUMANODE); i++) {
        hwloc_obj_t node = nth_node(s, i);

        if (hwloc_bitmap_isincluded(pu->cpuset, node->cpuset) &&
            (!home || more_at_home(s, pu, node, home)))
            home = node;
    }
    return home;
}

/* The node whose memory is the PU's own: its home, or else the nearest usable one. */
static hwloc_obj_t node_of(const survey *s, hwloc_obj_t pu)
{
    hwloc_obj_t home = home_of(s, pu), best = NULL;
    int nearest = 0;

    if (home && node_usable(s, home))
        return home;
    for (int i = 0; i < count_of(s, HWLOC_OBJ_NUMANODE); i++) {
        hwloc_obj_t node = nth_node(s, i);
        int far = home ? node_distance(s, home, node) : REMOTE;

        far += ordinary_memory(node) ? 0 : UINT16_MAX;
        if (node_usable(s, node) &&
            (!best || far < nearest ||
             (far == nearest && node->os_index < best->os_index))) {
            best = node;
            nearest = far;
        }
    }
    return best;
}

/* ---- building ---------------------------------------------------------------------*/

static int32_t ancestor_id(const survey *s, hwloc_obj_type_t type, hwloc_obj_t pu)
{
    hwloc_obj_t up = hwloc_get_ancestor_obj_by_type(s->machine, type, pu);

    return up ? (int32_t)up->logical_index : -1;
}

/* Are the kinds of CPUs told by the hardware? Those that hwloc makes out of frequencies
 * alone differ between equal cores. */
static int kind_is_told(const survey *s, unsigned kind)
{
    struct hwloc_info_s *infos;
    unsigned n;
    int efficiency;

    if (hwloc_cpukinds_get_info(s->machine, kind, NULL, &efficiency, &n, &infos, 0) !=
            0 ||
        efficiency < 0)
        return 0;
    for (unsigned i = 0; i < n; i++)
        if (strcmp(infos[i].name, "CoreType") == 0 ||
            strcmp(infos[i].name, "LinuxCapacity") == 0)
            return 1;
    return 0;
}

static int kinds_are_told(const survey *s)
{
    int n = hwloc_cpukinds_get_nr(s->machine, 0);

    for (int i = 0; i < n; i++)
        if (!kind_is_told(s, (unsigned)i))
            return 0;
    return n > 1;
}

static int32_t kind_of(const survey *s, hwloc_obj_t pu)
{
    int efficiency, kind;

    if (!s->kinds_known)
        return -1;
    kind = hwloc_cpukinds_get_by_cpuset(s->machine, pu->cpuset, 0);
    if (kind < 0 || hwloc_cpukinds_get_info(s->machine, (unsigned)kind, NULL,
                                            &efficiency, NULL, NULL, 0) != 0)
        return -1;
    return efficiency;
}

/* hwloc's order: by package, L3 and core, so that threads of a core are neighbours. */
static void add_pus(const survey *s)
{
    fw_pu *pu = (fw_pu *)(s->out + 1);
    int n = 0;

    for (int i = 0; i < count_of(s, HWLOC_OBJ_PU) && n < FW_CPU_MAX; i++) {
        hwloc_obj_t o = hwloc_get_obj_by_type(s->machine, HWLOC_OBJ_PU, (unsigned)i);
        hwloc_obj_t node = node_of(s, o);

        if (o->os_index >= FW_CPU_MAX || !hwloc_bitmap_isset(s->cpus, o->os_index))
            continue;
        pu[n] = (fw_pu){.cpu = (int32_t)o->os_index,
                        .core = ancestor_id(s, HWLOC_OBJ_CORE, o),
                        .l2 = ancestor_id(s, HWLOC_OBJ_L2CACHE, o),
                        .l3 = ancestor_id(s, HWLOC_OBJ_L3CACHE, o),
                        .node = node ? (int32_t)node->os_index : 0,
                        .package = ancestor_id(s, HWLOC_OBJ_PACKAGE, o),
                        .kind = kind_of(s, o)};
        if (pu[n].core < 0) /* no cores described: each thread is one */
            pu[n].core = i;
        pu[n].smt = n && pu[n - 1].core == pu[n].core ? pu[n - 1].smt + 1 : 0;
        n++;
    }
    s->out->pus = n;
}

static int32_t pus_of_node(const fw_topology *t, int os)
{
    const fw_pu *pu = fw_topology_pus(t);
    int32_t n = 0;

    for (int i = 0; i < t->pus; i++)
        n += pu[i].node == os;
    return n;
}

static int by_os_index(const void *a, const void *b)
{
    const hwloc_obj_t *x = a, *y = b;

    return ((*x)->os_index > (*y)->os_index) - ((*x)->os_index < (*y)->os_index);
}

static int add_nodes(const survey *s)
{
    hwloc_obj_t found[FW_NODE_MAX];
    fw_node *node = (fw_node *)fw_topology_nodes(s->out);
    int n = 0;

    for (int i = 0; i < count_of(s, HWLOC_OBJ_NUMANODE); i++) {
        if (!node_usable(s, nth_node(s, i)))
            continue;
        if (n == FW_NODE_MAX)
            return fw_fail(FURROW_ENOTSUP, "more than %d NUMA nodes", FW_NODE_MAX);
        found[n++] = nth_node(s, i);
    }
    qsort(found, (size_t)n, sizeof found[0], by_os_index);
    s->out->nodes = n;
    for (int i = 0; i < n; i++) {
        node[i] = (fw_node){.os = (int32_t)found[i]->os_index,
                            .pus = pus_of_node(s->out, (int)found[i]->os_index),
                            .bytes = found[i]->attr->numanode.local_memory};
        for (int k = 0; k < n; k++)
            distances(s->out)[i * n + k] =
                (uint16_t)node_distance(s, found[i], found[k]);
    }
    return 0;
}

static void note_memory_sizes(survey *s)
{
    for (int i = 0; i < count_of(s, HWLOC_OBJ_NUMANODE); i++)
        s->memory_known |= nth_node(s, i)->attr->numanode.local_memory > 0;
}

static int build(hwloc_topology_t machine, fw_topology *out)
{
    unsigned matrices = 1;
    int rc;
    survey s = {.machine = machine,
                .cpus = hwloc_topology_get_allowed_cpuset(machine),
                .mems = hwloc_topology_get_allowed_nodeset(machine),
                .out = out};

    if (hwloc_distances_get_by_name(machine, "NUMALatency", &matrices, &s.slit, 0) !=
            0 ||
        matrices == 0)
        s.slit = NULL;
    note_memory_sizes(&s);
    s.kinds_known = kinds_are_told(&s);
    add_pus(&s);
    rc = add_nodes(&s);
    if (s.slit)
        hwloc_distances_release(machine, s.slit);
    if (rc == 0 && (out->pus == 0 || out->nodes == 0))
        rc = fw_fail(FURROW_EINVAL, "the topology has %d CPUs and %d NUMA nodes to use",
                     out->pus, out->nodes);
    out->size = (uint32_t)fw_topology_size(out->pus, out->nodes);
    return rc;
}

/* ---- discovery, in the child ------------------------------------------------------*/

static int set_source(hwloc_topology_t machine, const char *source)
{
    char byte[2];
    int file = fw_os_read_file(source, byte, sizeof byte) >= 0;

    if (file ? hwloc_topology_set_xml(machine, source)
             : hwloc_topology_set_synthetic(machine, source))
        return fw_fail(FURROW_EINVAL, "topology \"%s\" is not %s", source,
                       file ? "an hwloc XML file" : "a file or an hwloc description");
    return 0;
}

/* Everything is kept in sight, disallowed parts too: a node without memory of its own
 * still tells which other node is near. DONT_CHANGE_BINDING: see hwloc issue 474. */
static int configure(hwloc_topology_t machine, const char *source)
{
    hwloc_topology_set_flags(machine, HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING |
                                          HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    hwloc_topology_set_io_types_filter(machine, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (source && set_source(machine, source) != 0)
        return FURROW_EINVAL;
    if (hwloc_topology_load(machine) != 0)
        return fw_fail(FURROW_EINVAL, "hwloc cannot read %s%s",
                       source ? "an XML topology from " : "this machine",
                       source ? source : "");
    if (source && hwloc_topology_is_thissystem(machine))
        return fw_fail(FURROW_EINVAL, "hwloc did not take topology \"%s\"", source);
    return 0;
}

static int discover(const char *source, fw_topology *out)
{
    hwloc_topology_t machine;
    int rc;

    if (hwloc_topology_init(&machine) != 0)
        return fw_fail(FURROW_ENOMEM, "hwloc cannot start");
    rc = configure(machine, source);
    if (rc == 0) {
        out->flags = source ? 0 : FW_TOPOLOGY_THIS_MACHINE;
        rc = build(machine, out);
    }
    hwloc_topology_destroy(machine);
    return rc;
}

/* ---- the parent's side ------------------------------------------------------------*/

/* One core per allowed CPU, all on node 0. */
static int guess(fw_topology **out)
{
    fw_cpuset cpus = {{0}};
    fw_topology *t = calloc(1, fw_topology_size(FW_CPU_MAX, 1));
    fw_pu *pu = (fw_pu *)(t + 1);

    if (!t)
        return fw_fail(FURROW_ENOMEM, "no memory for a topology");
    if (fw_os_affinity(&cpus) < 0)
        fw_cpuset_add(&cpus, 0);
    for (int cpu = 0; cpu < FW_CPU_MAX; cpu++) {
        if (!fw_cpuset_has(&cpus, cpu))
            continue;
        pu[t->pus] =
            (fw_pu){.cpu = cpu, .core = cpu, .l2 = -1, .l3 = -1, .package = -1};
        pu[t->pus++].kind = -1;
    }
    t->nodes = 1;
    ((fw_node *)fw_topology_nodes(t))->pus = t->pus;
    *distances(t) = LOCAL;
    t->flags = FW_TOPOLOGY_THIS_MACHINE | FW_TOPOLOGY_GUESSED;
    t->size = (uint32_t)fw_topology_size(t->pus, 1);
    *out = t;
    return 0;
}

/* Does the table know every CPU that this thread may run on? A cpuset can grow. */
static int is_current(const fw_topology *t)
{
    const fw_pu *pu = fw_topology_pus(t);
    fw_cpuset known = {{0}}, now = {{0}};

    if (fw_os_affinity(&now) < 0)
        return 1;
    for (int i = 0; i < t->pus; i++)
        fw_cpuset_add(&known, pu[i].cpu);
    for (int i = 0; i < FW_CPU_MAX / 64; i++)
        if (now.bits[i] & ~known.bits[i])
            return 0;
    return 1;
}

/* Keep a copy, unless another thread was first. */
static void remember(const fw_topology *t)
{
    fw_topology *none = NULL, *copy = malloc(t->size);

    if (!copy)
        return;
    memcpy(copy, t, t->size);
    if (!fw_cas_seqcst(&this_machine, &none, copy))
        free(copy);
}

/* The guess is a success: the host's error record stays as it was. */
static int load_this_machine(fw_topology **out)
{
    const fw_topology *known = fw_load_seqcst(&this_machine);
    furrow_error before = *furrow_last_error();

    if (known && is_current(known))
        return fw_discovery_copy(known, out);
    if (fw_discovery_run(discover, NULL, out) == 0) {
        remember(*out);
        return 0;
    }
    fw_status_adopt(&before);
    return guess(out);
}

int fw_topology_load(const char *source, fw_topology **out)
{
    *out = NULL;
    return source ? fw_discovery_run(discover, source, out) : load_this_machine(out);
}
