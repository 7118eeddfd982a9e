/* SPDX-License-Identifier: MIT
 *
 * Entry points.
 *
 * A process forked at some moment has, at the same addresses, all code that was mapped
 * then; the map records those ranges. Code that came later is found again by name: the
 * file it lies in, that file's build-id (or, without one, its path alone), the offset from
 * the load address. Code in memory that no file backs (a JIT's) has no name.
 *
 * An object that was unloaded and another one loaded at its place would look the same: the
 * loader counts unloads, and after one the old map is believed for no file.
 */
#include "entry.h"

#include "os.h"
#include "status.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct range {
    uintptr_t from, to;
    int file; /* some file backs it */
} range;

struct fw_entry_map {
    range *range;
    size_t count, room;
    unsigned long long unloads;
};

/* ---- what is mapped now -------------------------------------------------------------*/

/* "5587e000-5587f000 r-xp 00001000 fe:00 123  /bin/x" */
static int add_line(void *ctx, char *line)
{
    fw_entry_map *map = ctx;
    unsigned long from, to, inode;
    char prot[8];

    if (sscanf(line, "%lx-%lx %7s %*s %*s %lu", &from, &to, prot, &inode) != 4 ||
        prot[2] != 'x')
        return 0;
    if (map->count == map->room) {
        size_t room = map->room ? 2 * map->room : 64;
        range *more = realloc(map->range, room * sizeof *more);

        if (!more)
            return 1;
        map->range = more;
        map->room = room;
    }
    map->range[map->count++] = (range){from, to, inode != 0};
    return 0;
}

static int read_unloads(struct dl_phdr_info *info, size_t size, void *out)
{
    if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs)
        *(unsigned long long *)out = info->dlpi_subs;
    return 1;
}

unsigned long long fw_entry_unloads(void)
{
    unsigned long long n = 0;

    dl_iterate_phdr(read_unloads, &n);
    return n;
}

fw_entry_map *fw_entry_map_new(void)
{
    fw_entry_map *map = calloc(1, sizeof *map);

    if (!map) {
        fw_fail(FURROW_ENOMEM, "no memory for a map of the code");
        return NULL;
    }
    map->unloads = fw_entry_unloads();
    (void)fw_os_read_lines("/proc/self/maps", add_line, map);
    return map;
}

void fw_entry_map_free(fw_entry_map *map)
{
    if (!map)
        return;
    free(map->range);
    free(map);
}

static const range *find(const fw_entry_map *map, uintptr_t at)
{
    for (size_t i = 0; i < map->count; i++)
        if (at >= map->range[i].from && at < map->range[i].to)
            return &map->range[i];
    return NULL;
}

/* ---- objects by address and by name -------------------------------------------------*/

typedef struct search {
    uintptr_t at;         /* an address in it, or 0 */
    const fw_entry *want; /* by name */
    fw_entry found;
    uintptr_t base;
    int is_main;
    int hit;
} search;

/* The build-id of a loaded object, from its notes. */
static void read_id(const struct dl_phdr_info *info, fw_entry *out)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        const char *at = (const char *)(info->dlpi_addr + p->p_vaddr);
        const char *end = at + p->p_memsz;

        while (p->p_type == PT_NOTE && at + sizeof(ElfW(Nhdr)) <= end) {
            const ElfW(Nhdr) *note = (const void *)at;
            const char *name = at + sizeof *note;
            const char *bytes = name + ((note->n_namesz + 3u) & ~3u);

            if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
                memcmp(name, "GNU", 4) == 0 && note->n_descsz <= sizeof out->id) {
                out->id_size = note->n_descsz;
                memcpy(out->id, bytes, note->n_descsz);
                return;
            }
            at = bytes + ((note->n_descsz + 3u) & ~3u);
        }
    }
}

static int contains(const struct dl_phdr_info *info, uintptr_t at)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        uintptr_t from = info->dlpi_addr + p->p_vaddr;

        if (p->p_type == PT_LOAD && p->p_flags & PF_X && at >= from &&
            at < from + p->p_memsz)
            return 1;
    }
    return 0;
}

static int same_object(const fw_entry *a, const fw_entry *b)
{
    if (a->id_size || b->id_size)
        return a->id_size == b->id_size && memcmp(a->id, b->id, a->id_size) == 0;
    return strcmp(a->path, b->path) == 0;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *ctx)
{
    search *s = ctx;
    const char *path =
        info->dlpi_name && info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";

    (void)size;
    memset(&s->found, 0, sizeof s->found);
    if (strlen(path) >= sizeof s->found.path)
        return 0;
    strcpy(s->found.path, path);
    read_id(info, &s->found);
    s->base = info->dlpi_addr;
    s->hit = s->want ? same_object(s->want, &s->found) : contains(info, s->at);
    return s->hit;
}

int fw_entry_name(const fw_entry_map *map, fw_entry_function function, fw_entry *out)
{
    search s = {.at = (uintptr_t)function};
    const range *r = find(map, s.at);

    if (r && (!r->file || fw_entry_unloads() == map->unloads))
        return 0;
    dl_iterate_phdr(look_at, &s);
    if (!s.hit)
        return fw_fail(
            FURROW_ENOTSUP,
            "the kernel at %p is in memory that no file backs and that the "
            "workers, which are older, do not have: open the pool after making "
            "it, or use threads",
            (void *)s.at);
    *out = s.found;
    out->offset = s.at - s.base;
    return 1;
}

int fw_entry_of(fw_entry_function function, fw_entry *out)
{
    search s = {.at = (uintptr_t)function};

    if (s.at)
        dl_iterate_phdr(look_at, &s);
    if (!s.hit)
        return fw_fail(FURROW_ENOTSUP,
                       "the function at %p is in memory that no file backs: another "
                       "program cannot find it; start it by fork or as a thread",
                       (void *)s.at);
    *out = s.found;
    out->offset = s.at - s.base;
    return 0;
}

/* The program is the object without a name. */
static int look_whether_lasting(struct dl_phdr_info *info, size_t size, void *ctx)
{
    search *s = ctx;

    (void)size;
    if (!contains(info, s->at))
        return 0;
    s->hit = !info->dlpi_name || !info->dlpi_name[0] ||
             contains(info, (uintptr_t)fw_entry_lasts);
    return 1;
}

int fw_entry_lasts(fw_entry_function function)
{
    search s = {.at = (uintptr_t)function};

    dl_iterate_phdr(look_whether_lasting, &s);
    return s.hit;
}

fw_entry_function fw_entry_resolve(const fw_entry *entry)
{
    search s = {.want = entry};

    dl_iterate_phdr(look_at, &s);
    if (!s.hit && dlopen(entry->path, RTLD_NOW | RTLD_LOCAL))
        dl_iterate_phdr(look_at, &s);
    if (!s.hit)
        return NULL;
    return (fw_entry_function)(s.base + entry->offset);
}
