/* SPDX-License-Identifier: MIT
 *
 * A topology made in a child.
 *
 * The child builds the table in memory that it shares with us. It may die, hang, or be
 * reaped by someone else: the table counts only when the word `valid` holds its magic,
 * which the child writes last.
 */
#include "discovery.h"

#include "status.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ERRAND_SECONDS = 30 };

#define VALID UINT32_C(0x6f70746f)

/* Written by the child, read by the parent when the child is gone. */
typedef struct result {
    _Atomic uint32_t valid;
    int32_t code; /* of the child's error record */
    char text[sizeof((furrow_error *)0)->text];
    fw_topology table; /* its arrays follow */
} result;

typedef struct errand {
    fw_discovery discover;
    const char *source;
    result *out;
} errand;

/* The child's. HWLOC_* variables of the host go too: this machine is this machine. The
 * environment is swapped, not edited: another thread may have held its lock at fork. */
static void run_errand(void *ctx)
{
    static char plugins[] = "HWLOC_PLUGINS_PATH=/nonexistent";
    static char components[] = "HWLOC_COMPONENTS=-gl,-opencl,-pci";
    static char quiet[] = "HWLOC_HIDE_ERRORS=2";
    static char *clean[] = {plugins, components, quiet, NULL};
    const errand *e = ctx;

    environ = clean;
    e->out->code = e->discover(e->source, &e->out->table);
    if (e->out->code < 0)
        memcpy(e->out->text, furrow_last_error()->text, sizeof e->out->text);
    /* release: topology.valid -> take() */
    fw_store_release(&e->out->valid, VALID);
}

int fw_discovery_copy(const fw_topology *t, fw_topology **out)
{
    *out = malloc(t->size);
    if (!*out)
        return fw_fail(FURROW_ENOMEM, "no memory for a topology of %u bytes", t->size);
    memcpy(*out, t, t->size);
    return 0;
}

static int take(const result *r, fw_topology **out)
{
    const fw_topology *t = &r->table;

    /* acquire: topology.valid <- run_errand() */
    if (fw_load_acquire(&r->valid) != VALID)
        return fw_fail(FURROW_EOS, "the child that read the topology ended early");
    if (r->code < 0)
        return fw_fail(r->code, "%s", r->text);
    if (t->pus < 1 || t->pus > FW_CPU_MAX || t->nodes < 1 || t->nodes > FW_NODE_MAX ||
        t->size != fw_topology_size(t->pus, t->nodes))
        return fw_fail(FURROW_ECORRUPT,
                       "the child that read the topology left nonsense");
    return fw_discovery_copy(t, out);
}

static int shared_result(size_t size, result **out)
{
    void *p;
    int rc, fd = fw_os_memfd("furrow-topology", size);

    if (fd < 0)
        return fw_fail_os(-fd, "no shared memory to read the topology into");
    rc = fw_os_map(NULL, size, fd, &p);
    fw_os_close(fd);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot map %zu bytes for the topology", size);
    *out = p;
    return 0;
}

int fw_discovery_run(fw_discovery discover, const char *source, fw_topology **out)
{
    const size_t size =
        (sizeof(result) + fw_topology_size(FW_CPU_MAX, FW_NODE_MAX) + FW_PAGE - 1) /
        FW_PAGE * FW_PAGE;
    errand e = {.discover = discover, .source = source};
    int rc = shared_result(size, &e.out);

    if (rc < 0)
        return rc;
    rc = fw_os_errand(run_errand, &e, ERRAND_SECONDS);
    rc =
        rc < 0 ? fw_fail_os(-rc, "cannot fork to read the topology") : take(e.out, out);
    fw_os_unmap(e.out, size);
    return rc;
}
