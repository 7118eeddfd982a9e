/* SPDX-License-Identifier: MIT
 *
 * Bands on machines that are only described: they tile the array, end on 2 MiB, and
 * each lies on the node of the workers whose parts it is.
 */
#include "band.h"
#include "furrow_sched.h"
#include "topology.h"

#include <criterion/criterion.h>

#define MIB ((size_t)1 << 20)

static fw_topology *topology;

static fw_place *plan(const char *machine, int workers, int pin)
{
    fw_place_request request = {.workers = workers, .pin = pin};
    fw_place *p;

    cr_assert_eq(fw_topology_load(machine, &topology), 0);
    cr_assert_eq(fw_place_plan(topology, &request, &p), 0);
    return p;
}

static void done(fw_place *p)
{
    fw_place_free(p);
    fw_topology_free(topology);
}

/* The node of the band that holds worker w's part, which one band does. */
static int node_of_part(const fw_band *band, int bands, size_t from, size_t to)
{
    for (int i = 0; i < bands; i++)
        if (band[i].from <= from && to <= band[i].to)
            return band[i].node;
    return -1;
}

static void check(const fw_place *p, size_t size)
{
    fw_band band[FW_WORKERS_MAX];
    int bands = fw_band_plan(p, size, band);
    size_t end = 0;

    for (int i = 0; i < bands; i++) {
        cr_assert_eq(band[i].from, end);
        cr_assert_gt(band[i].to, band[i].from);
        cr_assert_eq(band[i].to % (2 * MIB), 0);
        cr_assert(i == 0 || band[i].node != band[i - 1].node);
        end = band[i].to;
    }
    cr_assert_geq(end, size);
    cr_assert_lt(end, size + 2 * MIB);
    for (int w = 0; w < p->workers; w++) {
        size_t from = fw_band_edge(size, p->workers, w);
        size_t to = fw_band_edge(size, p->workers, w + 1);

        cr_assert_leq(from, to);
        if (from < to)
            cr_assert_eq(node_of_part(band, bands, from, to), p->worker[w].node);
    }
}

Test(band, four_nodes_of_four)
{
    fw_place *p = plan("numa:4 core:4 pu:1", 0, FURROW_PIN_CORE);
    fw_band band[FW_WORKERS_MAX];

    cr_assert_eq(p->workers, 16);
    cr_assert_eq(fw_band_plan(p, 64 * MIB, band), 4);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(band[i].node, p->worker[4 * i].node);
        cr_assert_eq(band[i].from, (size_t)i * 16 * MIB);
        cr_assert_eq(band[i].to, (size_t)(i + 1) * 16 * MIB);
    }
    done(p);
}

Test(band, all_sizes_and_teams)
{
    static const char *const machines[] = {"numa:2 core:2 pu:1", "numa:4 core:3 pu:2",
                                           "numa:8 core:1 pu:1",
                                           "pack:2 numa:2 l3:2 core:2 pu:1"};

    for (size_t m = 0; m < sizeof machines / sizeof *machines; m++)
        for (int workers = 2; workers <= 19; workers++) {
            fw_place *p = plan(machines[m], workers, FURROW_PIN_CORE);

            for (size_t size = MIB; size < 100 * MIB; size += 7 * MIB + 4097)
                check(p, size);
            done(p);
        }
}

/* Fewer extents than workers: only some own any. */
Test(band, one_extent)
{
    fw_place *p = plan("numa:2 core:2 pu:1", 0, FURROW_PIN_NODE);
    fw_band band[FW_WORKERS_MAX];

    cr_assert_eq(fw_band_plan(p, MIB, band), 1);
    cr_assert_eq(band[0].from, 0);
    cr_assert_eq(band[0].to, 2 * MIB);
    done(p);
}

Test(band, nothing_to_place)
{
    fw_place *p = plan("numa:1 core:4 pu:1", 0, FURROW_PIN_CORE);
    fw_band band[FW_WORKERS_MAX];

    cr_assert_eq(fw_band_plan(p, 64 * MIB, band), 0);
    done(p);
    p = plan("numa:2 core:2 pu:1", 0, FURROW_PIN_NONE);
    cr_assert_eq(fw_band_plan(p, 64 * MIB, band), 0);
    done(p);
    p = plan("numa:2 core:2 pu:1", 1, FURROW_PIN_CORE);
    cr_assert_eq(fw_band_plan(p, 64 * MIB, band), 0);
    done(p);
}
