/* SPDX-License-Identifier: MIT
 *
 * The machine as a flat, read-only table: who shares what with whom.
 *
 * One plain block of memory without pointers, so that it may be copied anywhere, into
 * shared memory too. All CPU and node numbers are the operating system's; the other ids
 * (core, L2, L3, package) are only equal or not equal.
 */
#ifndef FW_TOPOLOGY_H
#define FW_TOPOLOGY_H

#include "os.h"

#include <stdint.h>

#define FW_NODE_MAX 256

/* A hardware thread ("processing unit") that this process's cpuset allows. */
typedef struct fw_pu {
    int32_t cpu;     /* OS index, < FW_CPU_MAX */
    int32_t core;    /* hardware threads of one core are neighbours in the table */
    int32_t smt;     /* rank within the core: 0 for its first thread */
    int32_t l2;      /* -1: not known */
    int32_t l3;      /* -1: not known, or none */
    int32_t node;    /* OS index of the NUMA node whose memory is its own */
    int32_t package; /* -1: not known */
    int32_t kind;    /* efficiency rank, more is faster; -1: not known, or all alike */
} fw_pu;

/* A NUMA node with memory that this process may use. Sorted by `os`. */
typedef struct fw_node {
    int32_t os;
    int32_t pus; /* whose own node it is; 0: memory only (CXL, HBM): never a default */
    uint64_t bytes; /* 0: not known */
} fw_node;

enum {
    FW_TOPOLOGY_THIS_MACHINE = 1u, /* not from a file or description */
    FW_TOPOLOGY_GUESSED = 2u       /* discovery failed: CPUs only, all on node 0 */
};

typedef struct fw_topology {
    uint32_t size; /* bytes of the whole block */
    uint32_t flags;
    int32_t pus;
    int32_t nodes;
    /* then fw_pu[pus], fw_node[nodes], uint16_t distance[nodes][nodes] */
} fw_topology;

static inline const fw_pu *fw_topology_pus(const fw_topology *t)
{
    return (const fw_pu *)(t + 1);
}
static inline const fw_node *fw_topology_nodes(const fw_topology *t)
{
    return (const fw_node *)(fw_topology_pus(t) + t->pus);
}

/* Bytes of a whole table. */
static inline size_t fw_topology_size(int pus, int nodes)
{
    return sizeof(fw_topology) + (size_t)pus * sizeof(fw_pu) +
           (size_t)nodes * sizeof(fw_node) +
           (size_t)nodes * (size_t)nodes * sizeof(uint16_t);
}

/* The table of this machine (source NULL), of an hwloc XML file or of an hwloc
 * synthetic description ("pack:2 [numa] l3:2 core:4 pu:2"). This machine's is read once
 * per process and copied from then on; when it cannot be read, a guess is given, one
 * core per allowed CPU, and the next call tries again. *out is the caller's. Discovery
 * runs in a child: hwloc and its plug-ins never enter the host process. Errors:
 * FURROW_EINVAL (the source is wrong), FURROW_ENOMEM, FURROW_EOS. */
int fw_topology_load(const char *source, fw_topology **out);
void fw_topology_free(fw_topology *t);

/* Distance of two nodes in firmware's units: 10 is here, more is farther. For ordering
 * only. Nodes that are not in the table are 20 from everything else. */
int fw_topology_distance(const fw_topology *t, int from, int to);

/* How many cores have a CPU in `allowed` (NULL: in the table). */
int fw_topology_cores(const fw_topology *t, const fw_cpuset *allowed);

#endif
