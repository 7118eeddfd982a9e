/* SPDX-License-Identifier: MIT
 *
 * What docs/memory-layout.md says in numbers, from the code: a line "struct offset
 * bytes field" for each field. A named array's header is private to its file; it is
 * read from a real one, and each field is looked for where it should be.
 */
#include "array.h"
#include "control.h"
#include "layout.h"
#include "queue.h"
#include "sync_barrier.h"
#include "sync_condition.h"
#include "sync_event.h"
#include "sync_lock.h"
#include "sync_semaphore.h"
#include "shared_list.h"
#include "shared_synchronized.h"
#include "process.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PRINT_FIELD(s, field)                                                          \
    printf(#s " %zu %zu " #field "\n", offsetof(s, field), sizeof(((s *)NULL)->field))

static void print_heap(void)
{
    PRINT_FIELD(fw_heap, magic);
    PRINT_FIELD(fw_heap, size);
    PRINT_FIELD(fw_heap, lock);
    PRINT_FIELD(fw_heap, serial);
    PRINT_FIELD(fw_heap, hint);
    PRINT_FIELD(fw_heap, slab_hint);
    PRINT_FIELD(fw_heap, lines);
    PRINT_FIELD(fw_heap, names);
    PRINT_FIELD(fw_heap, pair_object);
    PRINT_FIELD(fw_heap, pair_block);
    PRINT_FIELD(fw_heap, small_open);
    PRINT_FIELD(fw_heap, small_fine);
    PRINT_FIELD(fw_heap, pass_word);
    PRINT_FIELD(fw_heap, pass_expected);
    PRINT_FIELD(fw_heap, pass_block);
    PRINT_FIELD(fw_heap, pass_owner);
    PRINT_FIELD(fw_heap, participant);
    PRINT_FIELD(fw_heap, name);
    PRINT_FIELD(fw_participant, live);
    PRINT_FIELD(fw_participant, gen);
    PRINT_FIELD(fw_participant, pid);
    PRINT_FIELD(fw_participant, start_time);
    PRINT_FIELD(fw_name, used);
    PRINT_FIELD(fw_name, pid);
    PRINT_FIELD(fw_name, start_time);
    PRINT_FIELD(fw_name, id);
    PRINT_FIELD(fw_name, name);
}

static void print_array(void)
{
    PRINT_FIELD(furrow_array, data);
    PRINT_FIELD(furrow_array, len);
    PRINT_FIELD(furrow_array, itemsize);
    PRINT_FIELD(furrow_array, type);
    PRINT_FIELD(furrow_array, ndim);
    PRINT_FIELD(furrow_array, shape);
    PRINT_FIELD(fw_array, view);
    PRINT_FIELD(fw_array, magic);
    PRINT_FIELD(fw_array, serial);
    PRINT_FIELD(fw_array, root);
    PRINT_FIELD(fw_array, refs);
    PRINT_FIELD(fw_array, rule);
    PRINT_FIELD(fw_array, pid);
    PRINT_FIELD(fw_array, block);
    PRINT_FIELD(fw_array, block_size);
}

static void print_sync(void)
{
    PRINT_FIELD(fw_lock, mutex);
    PRINT_FIELD(fw_lock, magic);
    PRINT_FIELD(fw_lock, kind);
    PRINT_FIELD(fw_lock, automatic);
    PRINT_FIELD(furrow_semaphore, magic);
    PRINT_FIELD(furrow_semaphore, tokens);
    PRINT_FIELD(furrow_semaphore, most);
    PRINT_FIELD(furrow_semaphore, value);
    PRINT_FIELD(furrow_semaphore, bell);
    PRINT_FIELD(furrow_event, magic);
    PRINT_FIELD(furrow_event, state);
    PRINT_FIELD(furrow_event, bell);
    PRINT_FIELD(furrow_condition, magic);
    PRINT_FIELD(furrow_condition, lock);
    PRINT_FIELD(furrow_condition, own_lock);
    PRINT_FIELD(furrow_condition, slots);
    PRINT_FIELD(furrow_condition, used);
    PRINT_FIELD(furrow_condition, first);
    PRINT_FIELD(furrow_barrier, magic);
    PRINT_FIELD(furrow_barrier, state);
    PRINT_FIELD(furrow_barrier, bell);
    PRINT_FIELD(furrow_barrier, parties);
    PRINT_FIELD(furrow_barrier, slots);
    PRINT_FIELD(furrow_barrier, timeout_ns);
    PRINT_FIELD(furrow_barrier, entry);
    PRINT_FIELD(furrow_barrier, arg);
}

static void print_queue(void)
{
    PRINT_FIELD(furrow_queue, magic);
    PRINT_FIELD(furrow_queue, closed);
    PRINT_FIELD(furrow_queue, traits);
    PRINT_FIELD(furrow_queue, filled);
    PRINT_FIELD(furrow_queue, emptied);
    PRINT_FIELD(furrow_queue, done);
    PRINT_FIELD(furrow_queue, ring);
    PRINT_FIELD(fw_ring, tail);
    PRINT_FIELD(fw_ring, head);
    PRINT_FIELD(fw_ring, capacity);
    PRINT_FIELD(fw_ring, stride);
    PRINT_FIELD(fw_ringslot, word);
    PRINT_FIELD(fw_ringslot, size);
    PRINT_FIELD(fw_ringslot, bytes);
}

static void print_team(void)
{
    PRINT_FIELD(fw_go, seq);
    PRINT_FIELD(fw_go, version);
    PRINT_FIELD(fw_go, chunks);
    PRINT_FIELD(fw_go, grace_ns);
    PRINT_FIELD(fw_go, reruns);
    PRINT_FIELD(fw_go, tail_size);
    PRINT_FIELD(fw_go, held);
    PRINT_FIELD(fw_go, out);
    PRINT_FIELD(fw_go, tail);
    PRINT_FIELD(fw_member, in_gen);
    PRINT_FIELD(fw_member, range);
    PRINT_FIELD(fw_member, count);
    PRINT_FIELD(fw_member, out_gen);
    PRINT_FIELD(fw_member, state);
    PRINT_FIELD(fw_member, pid);
    PRINT_FIELD(fw_member, status);
    PRINT_FIELD(fw_member, kill);
    PRINT_FIELD(fw_member, start);
    PRINT_FIELD(fw_member, early);
}

/* ---- a named array's file ---------------------------------------------------------*/

typedef struct field {
    const char *name;
    size_t offset, bytes;
    uint64_t value; /* little-endian; not looked at when `text` is given */
    const char *text;
} field;

static int check_field(const unsigned char *page, const field *f)
{
    uint64_t value = 0;

    if (f->text && strcmp((const char *)page + f->offset, f->text) != 0)
        return fprintf(stderr, "%s is not at byte %zu\n", f->name, f->offset), 1;
    if (!f->text && f->bytes <= sizeof value) {
        memcpy(&value, page + f->offset, f->bytes);
        if (f->value && value != f->value)
            return fprintf(stderr, "%s is not at byte %zu\n", f->name, f->offset), 1;
    }
    printf("named %zu %zu %s\n", f->offset, f->bytes, f->name);
    return 0;
}

/* FNV-1a over the header, with zeros for the checksum: what another program must
 * compute. */
static uint64_t checksum(const unsigned char *page, size_t header)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < header; i++)
        hash = (hash ^ (i >= 16 && i < 24 ? 0 : page[i])) * UINT64_C(0x100000001b3);
    return hash;
}

static int print_named(void)
{
    static const char format[] = "T{d:x:i:n:4x}";
    char name[64];
    furrow_array_options options = {
        .ndim = 2, .shape = {3, 5}, .format = format, .name = name};

    snprintf(name, sizeof name, "/furrow-layout-%ld", (long)getpid());
    furrow_array *a = furrow_array_new(FURROW_STRUCT, 15, &options);
    if (!a)
        return furrow_perror("layout"), 1;

    const unsigned char *page = (const unsigned char *)a->data - 4096;
    const size_t header = 120 + FW_TYPE_FORMAT_MAX;
    const field fields[] = {
        {"magic", 0, 8, UINT64_C(0x31414d4158575546), NULL},
        {"version", 8, 4, 1, NULL},
        {"abi", 12, 4, 0x01020304u ^ (uint32_t)sizeof(long double) << 8, NULL},
        {"checksum", 16, 8, checksum(page, header), NULL},
        {"offset", 24, 8, 4096, NULL},
        {"bytes", 32, 8, 15 * 16, NULL},
        {"itemsize", 40, 8, 16, NULL},
        {"type", 48, 4, FURROW_STRUCT, NULL},
        {"ndim", 52, 4, 2, NULL},
        {"shape", 56, 64, 0, NULL},
        {"format", 120, FW_TYPE_FORMAT_MAX, 0, format}};
    int wrong = 0;

    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        wrong += check_field(page, &fields[i]);
    furrow_array_free(a);
    return wrong;
}

static void print_shared(void)
{
    PRINT_FIELD(furrow_synchronized, magic);
    PRINT_FIELD(furrow_synchronized, array);
    PRINT_FIELD(furrow_synchronized, lock);
    PRINT_FIELD(furrow_synchronized, own);
    PRINT_FIELD(furrow_list, magic);
    PRINT_FIELD(furrow_list, len);
    PRINT_FIELD(furrow_list, lock);
    PRINT_FIELD(fw_list_slot, word);
    PRINT_FIELD(fw_list_slot, room);
    PRINT_FIELD(fw_list_slot, first);
}

static void print_process(void)
{
    PRINT_FIELD(furrow_process, magic);
    PRINT_FIELD(furrow_process, maker);
    PRINT_FIELD(furrow_process, maker_start);
    PRINT_FIELD(furrow_process, is);
    PRINT_FIELD(furrow_process, pid);
}

int main(void)
{
    print_heap();
    print_process();
    print_array();
    print_queue();
    print_sync();
    print_shared();
    print_team();
    fflush(stdout); /* under ThreadSanitizer every forked child would flush it too */
    return print_named() != 0;
}
