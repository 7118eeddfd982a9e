/* SPDX-License-Identifier: MIT
 *
 * Entry points: is the code at an address also there in a process forked earlier, and if
 * not, how may that process find it?
 */
#ifndef FW_ENTRY_H
#define FW_ENTRY_H

#include <stddef.h>
#include <stdint.h>

typedef void (*fw_entry_function)(void);

/* The executable mappings of this process at one moment, and the loader's counts. */
typedef struct fw_entry_map fw_entry_map;
fw_entry_map *fw_entry_map_new(void);
void fw_entry_map_free(fw_entry_map *map);

/* A function by name: the file that it lies in, that file's build-id, its offset. */
typedef struct fw_entry {
    uint64_t offset; /* from the load address */
    uint32_t id_size;
    unsigned char id[32];
    char path[1024];
} fw_entry;

/* 0: a process forked when the map was made has the function at the same address.
 * 1: it has not, but *out names it. FURROW_ENOTSUP with a sentence: it is in memory that
 * no file backs and that did not exist then. */
int fw_entry_name(const fw_entry_map *map, fw_entry_function function, fw_entry *out);

/* How often the loader has unloaded something so far: while that is the same, what lay at
 * some address of an object lies there still. */
unsigned long long fw_entry_unloads(void);

/* Does the function lie where nothing is ever unloaded while this library is there: in the
 * program, or in the object that the library itself is in? */
int fw_entry_lasts(fw_entry_function function);

/* The name of a function for a process that has nothing of ours but files. FURROW_ENOTSUP
 * when no file backs it. */
int fw_entry_of(fw_entry_function function, fw_entry *out);

/* The function of that name in this process, loading its file when it is not loaded; NULL
 * when it cannot be had or is of another build. */
fw_entry_function fw_entry_resolve(const fw_entry *entry);

#endif
