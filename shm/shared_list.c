/* SPDX-License-Identifier: MIT
 *
 * Lists.
 *
 *   +-------------+----------------------------+-------------------------------------+
 *   | furrow_list | slots: a word, where, room | for each slot twice its room        |
 *   +-------------+----------------------------+-------------------------------------+
 *
 *   word of a slot
 *    63                            32 31                      8 7       4 3       0
 *   +--------------------------------+-------------------------+---------+---------+
 *   | bytes of the item              | version                 | which   | kind    |
 *   +--------------------------------+-------------------------+---------+---------+
 *
 * An item is in one of its slot's two rooms; the word says in which. Who changes it has the
 * list's robust lock: he writes the new item into the other room and then stores the word.
 * Killed before that store: the old item, after it: the new one; whoever gets the lock next
 * has nothing to repair.
 *
 * Who reads takes no lock: he loads the word, copies the room, and loads the word again. If
 * it is the same, so was the room: for its next change writes the other one, and the one
 * after that raises the version before it touches this one. Rooms are written and read by
 * atomic words of 8 bytes, each store a release of the word before it: a reader who has
 * got a byte of a change after the next also finds the word that the next one left. The
 * version comes round after 16 million changes within one copy.
 */
#include "shared_list.h"

#include "heap.h"
#include "shared_item.h"
#include "status.h"
#include "sync_object.h"

#include <stdio.h>
#include <string.h>

#define MAGIC UINT64_C(0x7473696c77727566)

enum { KIND_BITS = 4, VERSION_BITS = 24, READS = 64 };
#define ROOM_MOST (UINT32_MAX - 7)

static unsigned kind_in(uint64_t word)
{
    return (unsigned)(word & 15);
}

static size_t size_in(uint64_t word)
{
    return word >> 32;
}

static int room_in(uint64_t word)
{
    return (int)(word >> KIND_BITS & 1);
}

static uint64_t word_of(const furrow_item *item, uint64_t before)
{
    uint64_t version = (before >> 8) + 1;
    uint64_t which = !room_in(before);

    return (uint64_t)fw_shared_item_size(item) << 32 |
           (version & ((1u << VERSION_BITS) - 1)) << 8 | which << KIND_BITS |
           (uint64_t)item->kind;
}

static _Atomic uint64_t *rooms(const furrow_list *l, const fw_list_slot *s, int which)
{
    _Atomic uint64_t *words = (_Atomic uint64_t *)(uintptr_t)&l->slots[l->len];

    return words + s->first + (which ? s->room / 8 : 0);
}

/* A stray store may have met the slot: nobody leaves the heap for that. */
static int is_sound(const furrow_list *l, const fw_list_slot *s)
{
    if (s->first <= SIZE_MAX / 16 &&
        fw_heap_spans(rooms(l, s, 0), 2 * (size_t)s->room, 0))
        return 1;
    fw_fail(FURROW_ECORRUPT, "the list at %p is overwritten", (const void *)l);
    return 0;
}

static furrow_list *list_of(const char *function, const furrow_list *list)
{
    furrow_list *l = (furrow_list *)(uintptr_t)list;

    if (!l) {
        (void)fw_status_null(function, "list");
        return NULL;
    }
    if ((uintptr_t)l % 64 == 0 &&
        (fw_heap_holds(l, sizeof *l) || fw_heap_spans(l, sizeof *l, 0)) &&
        fw_load_acquire(&l->magic) == MAGIC)
        return l;
    fw_fail(FURROW_EINVAL, "%p is not a live list", (const void *)list);
    return fw_status_new(function, NULL);
}

static fw_list_slot *slot_at(const furrow_list *l, size_t index)
{
    if (index < l->len) {
        fw_list_slot *s = (fw_list_slot *)(uintptr_t)&l->slots[index];

        return is_sound(l, s) ? s : NULL;
    }
    fw_fail(FURROW_EINVAL, "index %zu of a list of %zu items", index, (size_t)l->len);
    return NULL;
}

/* ---- a room -------------------------------------------------------------------------*/

/* release: list.room -> copy() */
static void fill(_Atomic uint64_t *room, const furrow_item *item)
{
    const char *from = item->data;
    uint64_t scalar = fw_shared_item_scalar(item), word = 0;

    if (!fw_shared_item_is_sized(item->kind)) {
        fw_store_release(room, scalar);
        return;
    }
    for (size_t at = 0; at < item->size; at += 8) {
        size_t n = item->size - at < 8 ? item->size - at : 8;

        memcpy(&word, from + at, n);
        fw_store_release(&room[at / 8], word);
    }
}

/* acquire: list.room <- fill() */
static void copy(void *to, _Atomic uint64_t *room, size_t size)
{
    for (size_t at = 0; at < size; at += 8) {
        uint64_t word = fw_load_acquire(&room[at / 8]);

        memcpy((char *)to + at, &word, size - at < 8 ? size - at : 8);
    }
}

static int is_equal(_Atomic uint64_t *room, uint64_t word, const furrow_item *item)
{
    const char *data = item->data;
    char part[8];
    furrow_item there;

    if (kind_in(word) != (unsigned)item->kind ||
        size_in(word) != fw_shared_item_size(item))
        return 0;
    if (!fw_shared_item_is_sized(item->kind)) {
        there = fw_shared_item_of(item->kind, fw_load_acquire(room), NULL, 0);
        if (item->kind == FURROW_REAL)
            return there.real == item->real;
        return fw_shared_item_scalar(&there) == fw_shared_item_scalar(item);
    }
    for (size_t at = 0; at < item->size; at += 8) {
        size_t n = item->size - at < 8 ? item->size - at : 8;

        copy(part, &room[at / 8], n);
        if (memcmp(part, data + at, n) != 0)
            return 0;
    }
    return 1;
}

/* ---- making -------------------------------------------------------------------------*/

static size_t room_for(const furrow_item *item, size_t at_least)
{
    size_t size = fw_shared_item_size(item);

    size = size > at_least ? size : at_least;
    size = size > 8 ? size : 8;
    return size > ROOM_MOST ? 0 : (size + 7) / 8 * 8;
}

/* The bytes of the whole list, or 0 with an error. */
static size_t whole_size(const furrow_item *items, size_t len, size_t at_least)
{
    size_t size;

    if (__builtin_mul_overflow(len, sizeof(fw_list_slot), &size) ||
        __builtin_add_overflow(size, sizeof(furrow_list), &size))
        size = SIZE_MAX / 4;
    for (size_t i = 0; i < len; i++) {
        size_t room;

        if (fw_shared_item_check(&items[i]) < 0)
            return 0;
        room = room_for(&items[i], at_least);
        if (room == 0 || size > SIZE_MAX / 4) {
            fw_fail(FURROW_ENOMEM, "item %zu takes more than 4 GiB", i);
            return 0;
        }
        size += 2 * room;
    }
    return size;
}

static furrow_list *make(const furrow_item *items, size_t len, size_t at_least)
{
    size_t size = whole_size(items, len, at_least);
    furrow_list *l = size ? fw_heap_alloc(size) : NULL;
    uint64_t first = 0;

    if (!l)
        return NULL;
    if (fw_lock_init(&l->lock) < 0) {
        (void)fw_heap_free(l);
        return NULL;
    }
    l->len = len;
    for (size_t i = 0; i < len; i++) {
        fw_list_slot *s = &l->slots[i];

        s->room = (uint32_t)room_for(&items[i], at_least);
        s->first = first;
        first += (uint64_t)2 * s->room / 8;
        fill(rooms(l, s, 1), &items[i]);
        fw_store_release(&s->word, word_of(&items[i], 0));
    }
    fw_store_release(&l->magic, MAGIC);
    (void)fw_heap_publish_pair(l, NULL);
    return l;
}

furrow_list *furrow_list_new_sized(const furrow_item *items, size_t len,
                                   const furrow_list_options *options, size_t size)
{
    furrow_list_options o = {0};

    if (options)
        memcpy(&o, options, size < sizeof o ? size : sizeof o);
    if (!items && len) {
        fw_fail_null("items");
        return NULL;
    }
    return fw_status_new("furrow_list_new", make(items, len, o.room));
}

int furrow_list_free(furrow_list *list)
{
    furrow_list *l;

    if (!list)
        return 0;
    l = list_of(__func__, list);
    if (!l)
        return furrow_last_error()->code;
    return fw_sync_free(__func__, l, NULL, &l->magic, MAGIC);
}

/* ---- reading and changing -----------------------------------------------------------*/

int64_t furrow_list_len(const furrow_list *list)
{
    const furrow_list *l = list_of(__func__, list);

    return l ? (int64_t)l->len : furrow_last_error()->code;
}

typedef struct reading {
    furrow_item *out;
    void *buffer;
    size_t size;
} reading;

static int short_of(const furrow_item *item, size_t size)
{
    return fw_fail(FURROW_ESHORT, "the item has %zu bytes, the buffer %zu", item->size,
                   size);
}

/* One look: what was there, or a negative error; 1: it was being changed. */
static int look(const furrow_list *l, const fw_list_slot *s, const reading *r)
{
    /* acquire: list.word <- change() */
    uint64_t scalar = 0, word = fw_load_acquire(&s->word);
    _Atomic uint64_t *room = rooms(l, s, room_in(word));
    size_t size = size_in(word);
    int sized = fw_shared_item_is_sized(kind_in(word));
    int fits = size <= r->size && size <= s->room;

    if (!sized)
        scalar = fw_load_acquire(room);
    else if (fits)
        copy(r->buffer, room, size);
    if (fw_load_acquire(&s->word) != word)
        return 1;
    *r->out = fw_shared_item_of(kind_in(word), scalar, fits ? r->buffer : NULL, size);
    if (sized && !fits)
        return short_of(r->out, r->size);
    if (sized && size < r->size)
        ((char *)r->buffer)[size] = 0;
    return 0;
}

static int take(furrow_list *l)
{
    return fw_lock_lock(&l->lock, FURROW_FOREVER);
}

static int get(furrow_list *l, const fw_list_slot *s, const reading *r)
{
    int rc = 1;

    for (int i = 0; i < READS && rc == 1; i++)
        rc = look(l, s, r);
    if (rc != 1)
        return rc;
    rc = take(l);
    if (rc < 0)
        return rc;
    rc = look(l, s, r);
    fw_lock_unlock(&l->lock);
    return rc;
}

int furrow_list_get(const furrow_list *list, size_t index, furrow_item *out,
                    void *buffer, size_t size)
{
    const reading r = {out, buffer, buffer ? size : 0};
    furrow_list *l = list_of(__func__, list);
    const fw_list_slot *s;

    if (!l)
        return furrow_last_error()->code;
    if (!out)
        return fw_fail_null("out");
    s = slot_at(l, index);
    return fw_status_in(__func__, s ? get(l, s, &r) : furrow_last_error()->code);
}

static int change(furrow_list *l, fw_list_slot *s, const furrow_item *item)
{
    uint64_t before;
    int rc;

    if (fw_shared_item_size(item) > s->room)
        return fw_fail(FURROW_EFULL, "an item of %zu bytes, and room for %zu",
                       item->size, (size_t)s->room);
    rc = take(l);
    if (rc < 0)
        return rc;
    before = fw_load_relaxed(&s->word);
    fill(rooms(l, s, !room_in(before)), item);
    /* release: list.word -> look(), find() */
    fw_store_release(&s->word, word_of(item, before));
    fw_lock_unlock(&l->lock);
    return 0;
}

int furrow_list_set(furrow_list *list, size_t index, const furrow_item *item)
{
    furrow_list *l = list_of(__func__, list);
    fw_list_slot *s;

    if (!l)
        return furrow_last_error()->code;
    if (fw_shared_item_check(item) < 0)
        return fw_status_in(__func__, FURROW_EINVAL);
    s = slot_at(l, index);
    return fw_status_in(__func__, s ? change(l, s, item) : furrow_last_error()->code);
}

/* ---- looking through ----------------------------------------------------------------*/

/* From `begin` on: the first index of an equal item, or len. Under the lock. */
static size_t find(const furrow_list *l, size_t begin, const furrow_item *item)
{
    for (; begin < l->len; begin++) {
        const fw_list_slot *s = &l->slots[begin];
        /* acquire: list.word <- change() */
        uint64_t word = fw_load_acquire(&s->word);

        if (size_in(word) <= s->room && is_sound(l, s) &&
            is_equal(rooms(l, s, room_in(word)), word, item))
            break;
    }
    return begin;
}

/* The first one's index or, when `count`, how many. */
static int64_t search(furrow_list *l, const furrow_item *item, int count)
{
    int64_t found = 0;
    size_t at;
    int rc = fw_shared_item_check(item);

    if (rc == 0)
        rc = take(l);
    if (rc < 0)
        return rc;
    at = find(l, 0, item);
    for (size_t i = at; count && i < l->len; i = find(l, i + 1, item))
        found++;
    fw_lock_unlock(&l->lock);
    if (count)
        return found;
    if (at == l->len)
        return fw_fail(FURROW_EEMPTY, "no item of the list is equal");
    return (int64_t)at;
}

int64_t furrow_list_index_of(furrow_list *list, const furrow_item *item)
{
    furrow_list *l = list_of(__func__, list);
    int64_t at;

    if (!l)
        return furrow_last_error()->code;
    at = search(l, item, 0);
    return at < 0 ? fw_status_in(__func__, (int)at) : at;
}

int64_t furrow_list_count(furrow_list *list, const furrow_item *item)
{
    furrow_list *l = list_of(__func__, list);
    int64_t n;

    if (!l)
        return furrow_last_error()->code;
    n = search(l, item, 1);
    return n < 0 ? fw_status_in(__func__, (int)n) : n;
}

int64_t furrow_list_format(const furrow_list *list, char *text, size_t size)
{
    const furrow_list *l = list_of(__func__, list);
    size_t used = 0;

    if (!l)
        return furrow_last_error()->code;
    if (text && size)
        text[0] = 0;
    for (size_t i = 0; i < l->len; i++) {
        const fw_list_slot *s = &l->slots[i];
        unsigned kind = kind_in(fw_load_relaxed(&s->word));
        char *at = text && used < size ? text + used : NULL;
        size_t left = at ? size - used : 0;

        used += (size_t)(fw_shared_item_is_sized(kind)
                             ? snprintf(at, left, "%u%c", s->room, "n?qdys"[kind])
                             : snprintf(at, left, "%c", "n?qdys"[kind % 6]));
    }
    return (int64_t)used;
}

/* The exported twin of the inline function. */
extern inline furrow_list *furrow_list_new(const furrow_item *items, size_t len,
                                           const furrow_list_options *options);
