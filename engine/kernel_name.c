/* SPDX-License-Identifier: MIT
 *
 * Names of kernels.
 *
 * A worker that is a copy of the caller has at the caller's addresses what was loaded when
 * the pool was opened; a worker that is the program anew may have everything elsewhere. So
 * what is not known to be there is named: a built-in kernel by its number, all else by
 * object, build-id and offset (entry.h). The name lies in the heap, the call's job points
 * to it, and each worker looks it up when the job is news to it: never between two calls of
 * the same kernel.
 *
 * The opener finds a name again by the kernel's address, unless something was unloaded since:
 * then another kernel may lie there.
 */
#include "kernel_name.h"

#include "builtin.h"
#include "heap.h"
#include "participant.h"
#include "status.h"

#include <stdlib.h>
#include <string.h>

/* ---- the opener -----------------------------------------------------------------------*/

int fw_kernel_names_init(fw_kernel_names *names, int anew)
{
    *names = (fw_kernel_names){.anew = anew};
    if (anew)
        return 0;
    names->code = fw_entry_map_new();
    return names->code ? 0 : furrow_last_error()->code;
}

void fw_kernel_names_fini(fw_kernel_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        (void)fw_heap_free(names->known[i]->name);
        free(names->known[i]);
    }
    free(names->known);
    fw_entry_map_free(names->code);
}

static fw_kernel_known *known_at(const fw_kernel_names *names, furrow_kernel kernel,
                                 unsigned long long unloads)
{
    for (size_t i = 0; i < names->count; i++)
        if (names->known[i]->kernel == kernel && names->known[i]->unloads == unloads)
            return names->known[i];
    return NULL;
}

/* Room for one more. */
static int make_room(fw_kernel_names *names)
{
    size_t room = names->room ? 2 * names->room : 16;
    fw_kernel_known **more;

    if (names->count < names->room)
        return 0;
    more = realloc(names->known, room * sizeof *more);
    if (!more)
        return fw_fail(FURROW_ENOMEM, "no memory for the name of a kernel");
    names->known = more;
    names->room = room;
    return 0;
}

static int add(fw_kernel_names *names, const fw_kernel_name *name, furrow_kernel kernel,
               fw_kernel_known **out)
{
    fw_kernel_known *k = make_room(names) < 0 ? NULL : malloc(sizeof *k);

    if (!k)
        return fw_fail(FURROW_ENOMEM, "no memory for the name of a kernel");
    *k = (fw_kernel_known){
        .kernel = kernel, .unloads = fw_entry_unloads(), .proven = name->builtin != 0};
    k->name = fw_heap_alloc(sizeof *name);
    if (!k->name) {
        free(k);
        return furrow_last_error()->code;
    }
    *k->name = *name;
    (void)fw_heap_publish_pair(k->name, NULL);
    names->known[names->count++] = *out = k;
    return 0;
}

/* 1: it is to be named so. 0: workers have it. */
static int name_of(const fw_kernel_names *names, furrow_kernel kernel,
                   fw_kernel_name *out)
{
    int rc;

    memset(out, 0, sizeof *out);
    out->opener = fw_participant_pid();
    if (names->code)
        return fw_entry_name(names->code, (fw_entry_function)kernel, &out->entry);
    out->builtin = fw_builtin_number(kernel);
    rc = out->builtin ? 0 : fw_entry_of((fw_entry_function)kernel, &out->entry);
    return rc < 0 ? rc : 1;
}

int fw_kernel_names_of(fw_kernel_names *names, furrow_kernel kernel,
                       fw_kernel_known **out)
{
    fw_kernel_name name;
    int rc;

    *out = NULL;
    if (names->count)
        *out = known_at(names, kernel, fw_entry_unloads());
    if (*out)
        return 0;
    rc = name_of(names, kernel, &name);
    return rc <= 0 ? rc : add(names, &name, kernel, out);
}

/* ---- a worker -------------------------------------------------------------------------*/

enum { FOUND = 16 };

/* What was looked up. Copies of the names: addresses in the heap are used again. */
static struct found {
    fw_kernel_name name;
    furrow_kernel kernel;
} found[FOUND];

static furrow_kernel look_up(const fw_kernel_name *name)
{
    if (name->builtin)
        return fw_builtin_numbered(name->builtin);
    return (furrow_kernel)fw_entry_resolve(&name->entry);
}

furrow_kernel fw_kernel_named(const fw_kernel_name *name, furrow_kernel kernel)
{
    struct found *f = &found[(uintptr_t)name / sizeof *name % FOUND];

    if (name->opener == fw_participant_pid())
        return kernel;
    if (!f->kernel || memcmp(&f->name, name, sizeof *name) != 0) {
        f->kernel = look_up(name);
        f->name = *name;
    }
    return f->kernel;
}
