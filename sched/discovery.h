/* SPDX-License-Identifier: MIT
 *
 * Reading a topology in a short-lived child, so that what reads it (hwloc, and whatever
 * it loads) leaves no trace in the host process.
 */
#ifndef FW_DISCOVERY_H
#define FW_DISCOVERY_H

#include "topology.h"

/* Fill `table` (room for FW_CPU_MAX and FW_NODE_MAX) from the source: 0, or fw_fail().
 */
typedef int (*fw_discovery)(const char *source, fw_topology *table);

/* Run `discover` in a child that has a clean environment, and give a copy of its table,
 * or its error. Errors: its own, FURROW_EOS, FURROW_ENOMEM, FURROW_ECORRUPT. */
int fw_discovery_run(fw_discovery discover, const char *source, fw_topology **out);

/* A copy of a table, the caller's. */
int fw_discovery_copy(const fw_topology *t, fw_topology **out);

#endif
