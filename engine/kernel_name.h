/* SPDX-License-Identifier: MIT
 *
 * Kernels by name, for workers that do not have them at the caller's address.
 */
#ifndef FW_KERNEL_NAME_H
#define FW_KERNEL_NAME_H

#include "entry.h"
#include "furrow.h"

/* In shared memory for as long as the pool; written before any worker hears of it. */
typedef struct fw_kernel_name {
    int32_t opener;   /* pid of who named it, and has it at its address */
    unsigned builtin; /* its number, or 0: */
    fw_entry entry;
} fw_kernel_name;

/* The opener's note of one that it has named. */
typedef struct fw_kernel_known {
    furrow_kernel kernel;
    unsigned long long unloads; /* of the loader, then: its address was its own */
    fw_kernel_name *name;
    int proven; /* workers have found it */
} fw_kernel_known;

/* Of a pool, in private memory. */
typedef struct fw_kernel_names {
    int anew;           /* workers are the program anew: all kernels are named */
    fw_entry_map *code; /* what workers have that are copies; NULL with `anew` */
    fw_kernel_known **known;
    size_t count, room;
} fw_kernel_names;

/* FURROW_ENOMEM. */
int fw_kernel_names_init(fw_kernel_names *names, int anew);
void fw_kernel_names_fini(fw_kernel_names *names);

/* The note of the kernel's name in *out; NULL: the workers have it at the same address.
 * Errors: FURROW_ENOTSUP (no file backs it, so they cannot have it), FURROW_ENOMEM. Needs
 * the pool's mutex. */
int fw_kernel_names_of(fw_kernel_names *names, furrow_kernel kernel,
                       fw_kernel_known **out);

/* In who runs it: `kernel`, the opener's, or what has that name here; NULL when nothing has.
 * In a worker it is called from one thread only. */
furrow_kernel fw_kernel_named(const fw_kernel_name *name, furrow_kernel kernel);

#endif
