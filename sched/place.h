/* SPDX-License-Identifier: MIT
 *
 * Policy and topology in, a plan out: how many workers, where each runs, whom it steals
 * from. A pure function: no system call, the same plan for the same input.
 *
 * Workers are numbered by (node, L3, core), so that the ids on one node and those on
 * one L3 are contiguous: what one node's workers own is one stretch of an array.
 */
#ifndef FW_PLACE_H
#define FW_PLACE_H

#include "topology.h"

#include <stdio.h>

#define FW_WORKERS_MAX 256

typedef struct fw_place_request {
    int workers;          /* 0: one per core, within the quota */
    fw_cpuset allowed;    /* empty: all CPUs of the topology */
    uint32_t quota_milli; /* CPU quota in thousandths of a CPU; 0: none */
    int pin;              /* FURROW_PIN_CORE, _NODE or _NONE */
    int narrowed; /* say in the description that affinity is suspiciously small */
    int chosen;   /* `allowed` is somebody's choice: bind to it in any case */
} fw_place_request;

/* Why there are so many workers. */
typedef enum fw_place_reason {
    FW_PLACE_ASKED, /* the request says so */
    FW_PLACE_CORES, /* one per core */
    FW_PLACE_QUOTA, /* the CPU quota, rounded down */
    FW_PLACE_MAX    /* FW_WORKERS_MAX */
} fw_place_reason;

enum {
    FW_PLACE_SHARED = 1u,        /* another worker runs on the same core */
    FW_PLACE_OVERSUBSCRIBED = 2u /* another worker runs on the same CPU */
};

typedef struct fw_place_worker {
    int cpu;  /* OS index */
    int core; /* as in fw_pu, and so are the next five */
    int l2;
    int l3;
    int node;
    int package;
    int kind;
    int group; /* 0 .. groups-1: who share an L3 (without L3, a node) */
    unsigned flags;
    fw_cpuset pin; /* where to bind it: its CPU, its node's CPUs, or all allowed */
} fw_place_worker;

typedef struct fw_place {
    int workers;
    int groups;
    int pin; /* what to do: the request's, but FURROW_PIN_NODE when a quota leaves cores
                idle: bound to single CPUs, workers of several such programs would meet
                on the same ones and the kernel could not move them apart */
    fw_place_reason reason;
    int cores;            /* usable */
    int cpus;             /* usable */
    uint32_t quota_milli; /* of the request */
    int narrowed;         /* of the request */
    int chosen;           /* of the request */
    fw_place_worker worker[];
    /* then uint16_t victims[workers][workers - 1] */
} fw_place;

/* Whom worker w steals from, nearest first: each other worker once. By (same core, L2,
 * L3, node, package, then distance); within a class, ids upwards from w, so that not
 * all thieves meet at the same victim. workers-1 of them. */
static inline const uint16_t *fw_place_victims(const fw_place *p, int w)
{
    return (const uint16_t *)(p->worker + p->workers) +
           (size_t)w * (size_t)(p->workers - 1);
}

/* Bytes of a whole plan, which may be copied anywhere. */
static inline size_t fw_place_size(const fw_place *p)
{
    size_t n = (size_t)p->workers;

    return sizeof *p + n * sizeof p->worker[0] + n * (n - 1) * sizeof(uint16_t);
}

/* Make the plan: CPUs are taken by SMT rank (every core once before any twice), then by
 * kind (fast cores first), then evenly over nodes and L3s; more workers than CPUs share
 * them. One block; *out is the caller's.
 * Errors: FURROW_EINVAL (worker count, pin, no CPU of `allowed` is in the topology),
 * FURROW_ENOMEM. */
int fw_place_plan(const fw_topology *t, const fw_place_request *request,
                  fw_place **out);
void fw_place_free(fw_place *p);

/* Print why there are so many workers and where each runs. FURROW_EOS when the stream
 * does not take it. */
int fw_place_describe(const fw_place *p, const fw_topology *t, FILE *out);

#endif
