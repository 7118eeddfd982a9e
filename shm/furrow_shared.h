/* SPDX-License-Identifier: MIT
 *
 * furrow_shared.h - shared state: values and arrays with a lock; plain named segments, as
 * Python's multiprocessing.shared_memory has them, and a manager that frees all it made;
 * lists of values.
 *
 * Functions take NULL and dead handles as those of furrow_shm.h do: FURROW_EINVAL, or the
 * message of the constructor that failed.
 */
#ifndef FURROW_SHARED_H
#define FURROW_SHARED_H

#include "furrow_shm.h"
#include "furrow_sync.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default) /* exported, when all else is hidden */

/* ---- values and arrays with a lock --------------------------------------------------
 *
 * An array, or a value, which is an array of one element, and the lock that guards it. What
 * needs no lock is a furrow_array. The functions here take the lock for as long as they copy
 * elements; who changes a value by what it was, as `value += 1` does, takes it himself:
 *
 *     double x;
 *     furrow_synchronized *v = furrow_synchronized_new('d', 1, NULL);
 *     furrow_synchronized_lock(v, FURROW_FOREVER);
 *     *(double *)furrow_synchronized_array(v)->data += 1;
 *     furrow_synchronized_unlock(v);
 *     furrow_synchronized_get(v, &x, FURROW_FOREVER);
 *
 * When a process dies with the lock, the next one that takes it is told, once, by
 * FURROW_OWNERDIED: what the dead one was changing may be half changed. The array with its
 * lock lives until it is freed, or the family has ended.
 */
typedef struct furrow_synchronized furrow_synchronized;

typedef struct furrow_synchronized_options {
    furrow_lock *lock;  /* this one guards it; NULL: a recursive one of its own */
    const void *from;   /* len elements to begin with; NULL: zeros */
    const char *format; /* of FURROW_STRUCT */
} furrow_synchronized_options;

/* len elements of the type (a typecode of furrow_shm.h, or FURROW_STRUCT), aligned to 64
 * bytes. A lock that was given stays the caller's.
 * Errors: those of furrow_array_new(); FURROW_EINVAL (no live lock).
 * Death in the middle: nothing is left. */
furrow_synchronized *
furrow_synchronized_new_sized(int type, size_t len,
                              const furrow_synchronized_options *options, size_t size);
inline furrow_synchronized *
furrow_synchronized_new(int type, size_t len,
                        const furrow_synchronized_options *options)
{
    return furrow_synchronized_new_sized(type, len, options, sizeof *options);
}

/* The array that is guarded, lent: its elements may be touched by who has the lock. NULL with
 * FURROW_EINVAL. */
furrow_array *furrow_synchronized_array(const furrow_synchronized *s);

/* The lock that guards it, lent; for furrow_condition_new(), say. NULL with FURROW_EINVAL. */
furrow_lock *furrow_synchronized_get_lock(const furrow_synchronized *s);

/* furrow_lock_lock() and furrow_lock_unlock() of that lock, with their results. A lock of its
 * own needs no furrow_lock_consistent() after FURROW_OWNERDIED; a given one does, unless it
 * is .automatic. */
int furrow_synchronized_lock(furrow_synchronized *s, furrow_deadline deadline);
int furrow_synchronized_unlock(furrow_synchronized *s);

/* Copy n elements from `begin` on, under the lock. Returns 0; FURROW_OWNERDIED (it is done,
 * and the last one who had the lock died with it); FURROW_EINVAL (no such elements);
 * FURROW_ETIME and the other errors of furrow_lock_lock(): nothing is done. After a death
 * these say of a given lock, too, that all is in order. Block until the deadline.
 * Death in the middle of a write: some of the elements may have been written; but 1, 2,
 * 4 or 8 bytes in all are written as one. */
int furrow_synchronized_read(furrow_synchronized *s, size_t begin, size_t n, void *to,
                             furrow_deadline deadline);
int furrow_synchronized_write(furrow_synchronized *s, size_t begin, size_t n,
                              const void *from, furrow_deadline deadline);

/* The same for the first element: of a value. */
inline int furrow_synchronized_get(furrow_synchronized *s, void *to,
                                   furrow_deadline deadline)
{
    return furrow_synchronized_read(s, 0, 1, to, deadline);
}
inline int furrow_synchronized_set(furrow_synchronized *s, const void *from,
                                   furrow_deadline deadline)
{
    return furrow_synchronized_write(s, 0, 1, from, deadline);
}

/* Of an array of 'c': the text up to the first NUL, ended by one; all of its bytes are read
 * and written as above. Errors: those above; FURROW_ETYPE (another type), FURROW_ESHORT (the
 * text and its NUL need more than size bytes; of a death the next one is told), FURROW_EFULL
 * (longer than the array). */
int furrow_synchronized_get_text(furrow_synchronized *s, char *to, size_t size,
                                 furrow_deadline deadline);
int furrow_synchronized_set_text(furrow_synchronized *s, const char *text,
                                 furrow_deadline deadline);

/* Give it back with its own lock; NULL is fine. FURROW_EBUSY, and it stays, while a living
 * thread holds a lock of its own. */
int furrow_synchronized_free(furrow_synchronized *s);

/* A new array like a (or like a slice, a file), with a copy of its elements and no name.
 * Errors: those of furrow_array_new(). */
furrow_array *furrow_array_copy(const furrow_array *a);

/* ---- segments -----------------------------------------------------------------------
 *
 * A file in /dev/shm of exactly so many bytes and nothing else in it, readable and
 * writable by its user alone. Other programs attach it by its name: furrow's, and Python's
 * SharedMemory(name). (Python before 3.13 takes every segment that it attaches for its
 * own, and removes the name when it ends; from 3.13 on say track=False.)
 *
 * A segment belongs to the process that made or attached it, whose children see its bytes
 * at the same address. When that process ends, by whatever death, its segments end, and the
 * names of those that it made without .keep go.
 */
typedef struct furrow_segment furrow_segment;

typedef struct furrow_segment_options {
    int keep; /* the name and the bytes outlive this process and furrow_segment_free() */
} furrow_segment_options;

/* A new segment of `size` zeros. name: "x" or "/x", other characters than '/', up to 198 of
 * them; NULL: a name that nobody has, "psm_" and eight digits. Its memory is taken at once.
 * Errors: FURROW_EINVAL (the name, size 0), FURROW_EOS (os_error EEXIST: somebody has the
 * name), FURROW_ENOMEM.
 * Death in the middle: no name is left. */
furrow_segment *furrow_segment_new_sized(const char *name, size_t size,
                                         const furrow_segment_options *options,
                                         size_t options_size);
inline furrow_segment *furrow_segment_new(const char *name, size_t size,
                                          const furrow_segment_options *options)
{
    return furrow_segment_new_sized(name, size, options, sizeof *options);
}

/* Attach what another program, or this one, has made. The file must be this user's or
 * root's: whoever may write it may also cut it short, and bytes that are gone are a SIGBUS.
 * Errors: FURROW_EINVAL (the name), FURROW_EOS (there is none: os_error ENOENT; another
 * user's: EPERM), FURROW_ECORRUPT (it has no bytes), FURROW_ENOMEM. */
furrow_segment *furrow_segment_attach(const char *name);

/* Its name without a slash, as Python has it; lent until it is freed. NULL: no segment. */
const char *furrow_segment_name(const furrow_segment *segment);

/* How many bytes it has; 0: no segment. */
size_t furrow_segment_size(const furrow_segment *segment);

/* Where they are. NULL when it is no segment, or (in a process that is older than it) when
 * its file cannot be mapped here. */
void *furrow_segment_data(const furrow_segment *segment);

/* The same as an array of type 'B', for calls; it lives as long as the segment does. NULL: no
 * segment. */
furrow_array *furrow_segment_array(const furrow_segment *segment);

/* Remove the name; the bytes stay for those who have attached them. Whoever has attached a
 * segment may do that, once: then FURROW_EOS with ENOENT, also when the name is another
 * file's by now. */
int furrow_segment_unlink(furrow_segment *segment);

/* Give it back; NULL is fine. The name goes when this process made it without .keep.
 * FURROW_EOWNER in another process. */
int furrow_segment_free(furrow_segment *segment);

/* ---- managers of segments -----------------------------------------------------------
 *
 * A manager frees the segments that were made by it when it is closed, or when its process
 * ends, by whatever death. It is used by the process that opened it, from any thread.
 */
typedef struct furrow_segments furrow_segments;

/* Errors: FURROW_ENOMEM, FURROW_EOS (no heap can be made). */
furrow_segments *furrow_segments_open(void);

/* A segment of `size` zeros with a name that nobody has. Errors: those of
 * furrow_segment_new(), FURROW_EOWNER (another process's manager). */
furrow_segment *furrow_segments_new(furrow_segments *manager, size_t size);

/* How many segments it has; negative: no manager. */
int furrow_segments_count(const furrow_segments *manager);

/* Free one of them before the others. FURROW_EINVAL when it has no such. */
int furrow_segments_free(furrow_segments *manager, furrow_segment *segment);

/* Free all and the manager itself; NULL is fine. Errors: FURROW_EINVAL, FURROW_EOWNER. */
int furrow_segments_close(furrow_segments *manager);

/* ---- items --------------------------------------------------------------------------
 *
 * What a list keeps: nothing, a truth value, a 64-bit integer, a double, any bytes, or a
 * text in UTF-8. Bytes and texts have a size and may hold NULs, at their ends, too.
 */
typedef enum furrow_kind {
    FURROW_NONE,
    FURROW_BOOL,
    FURROW_INT,
    FURROW_REAL,
    FURROW_BYTES,
    FURROW_TEXT
} furrow_kind;

typedef struct furrow_item {
    furrow_kind kind;
    union {
        int64_t integer; /* of INT; of BOOL 0 or 1 */
        double real;
    };
    const void *data; /* of BYTES and TEXT, which is not ended by a NUL */
    size_t size;
} furrow_item;

inline furrow_item furrow_item_none(void)
{
    furrow_item item = {FURROW_NONE, {0}, NULL, 0};
    return item;
}
inline furrow_item furrow_item_bool(int value)
{
    furrow_item item = {FURROW_BOOL, {value != 0}, NULL, 0};
    return item;
}
inline furrow_item furrow_item_int(int64_t value)
{
    furrow_item item = {FURROW_INT, {value}, NULL, 0};
    return item;
}
inline furrow_item furrow_item_real(double value)
{
    furrow_item item = {FURROW_REAL, {0}, NULL, 0};
    item.real = value;
    return item;
}
inline furrow_item furrow_item_bytes(const void *data, size_t size)
{
    furrow_item item = {FURROW_BYTES, {0}, data, size};
    return item;
}
/* Lent: data is the caller's. */
inline furrow_item furrow_item_text(const char *text)
{
    furrow_item item = {FURROW_TEXT, {0}, text, 0};
    while (text && text[item.size])
        item.size++;
    return item;
}

/* ---- lists --------------------------------------------------------------------------
 *
 * As many items as it was made with, each of which may be changed to another of any kind.
 * A list lies in the shared heap: the handle is good in every process of the family and in
 * all threads, which may use it at the same time. Each item is changed as a whole: whoever
 * reads sees the old or the new one, also when the one who changes it is killed in the
 * middle. Reading waits for nobody (but after many changes in a row of what it reads);
 * changes of one list are made one after another.
 */
typedef struct furrow_list furrow_list;

typedef struct furrow_list_options {
    size_t room; /* bytes that any item may grow to, at least */
} furrow_list_options;

/* A list of these items. An item may grow to the bytes that it begins with, rounded up to a
 * multiple of 8, or to .room where that is more.
 * Errors: FURROW_EINVAL (no such kind, a text that is not UTF-8), FURROW_ENOMEM. */
furrow_list *furrow_list_new_sized(const furrow_item *items, size_t len,
                                   const furrow_list_options *options, size_t size);
inline furrow_list *furrow_list_new(const furrow_item *items, size_t len,
                                    const furrow_list_options *options)
{
    return furrow_list_new_sized(items, len, options, sizeof *options);
}

/* How many items it has; negative: no list. */
int64_t furrow_list_len(const furrow_list *list);

/* The item at an index. Bytes and texts are copied into the buffer, and out->data is it; a
 * NUL follows where there is room for it. FURROW_ESHORT when the buffer is too short: then
 * out->size says what it takes. FURROW_EINVAL: no such index. */
int furrow_list_get(const furrow_list *list, size_t index, furrow_item *out,
                    void *buffer, size_t size);

/* Change the item at an index. FURROW_EFULL when it has no room for so many bytes,
 * FURROW_EINVAL (no such index, not an item): then it stays as it was. */
int furrow_list_set(furrow_list *list, size_t index, const furrow_item *item);

/* The first index of an equal item (of the same kind and value), or how many there are.
 * Negative: FURROW_EEMPTY, none is equal; FURROW_EINVAL. */
int64_t furrow_list_index_of(furrow_list *list, const furrow_item *item);
int64_t furrow_list_count(furrow_list *list, const furrow_item *item);

/* What each item is, one after another, as text: n, ?, q, d, and the room in bytes before a
 * y (bytes) or s (text): "q16sd". Ended by a NUL, cut to `size` bytes. Returns the length
 * that it has when it is not cut; negative: no list. */
int64_t furrow_list_format(const furrow_list *list, char *text, size_t size);

/* Give it back; NULL is fine. FURROW_EINVAL when it is no live list. */
int furrow_list_free(furrow_list *list);

/* ---- lists of Python ----------------------------------------------------------------
 *
 * A segment may hold what Python's ShareableList keeps in it (of Python 3.9 and later).
 * Python cannot keep NULs at the end of bytes and texts, and orders nothing: who changes an
 * item while others read it does so behind a lock of his own. What lies there is checked
 * as hostile input at each call: FURROW_ECORRUPT when it is no such list.
 */

/* A segment with a list for Python's ShareableList(name=...). Errors: those of
 * furrow_segment_new() and furrow_list_new(); FURROW_EINVAL for a NUL at an end, and for
 * more than 9,999,991 bytes. */
furrow_segment *furrow_pylist_new_sized(const char *name, const furrow_item *items,
                                        size_t len,
                                        const furrow_segment_options *options,
                                        size_t size);
inline furrow_segment *furrow_pylist_new(const char *name, const furrow_item *items,
                                         size_t len,
                                         const furrow_segment_options *options)
{
    return furrow_pylist_new_sized(name, items, len, options, sizeof *options);
}

/* The same in a segment of a manager. */
furrow_segment *furrow_segments_pylist(furrow_segments *manager,
                                       const furrow_item *items, size_t len);

/* As for furrow_list_; the format is Python's own. */
int64_t furrow_pylist_len(const furrow_segment *segment);
int furrow_pylist_get(const furrow_segment *segment, size_t index, furrow_item *out,
                      void *buffer, size_t size);
int furrow_pylist_set(furrow_segment *segment, size_t index, const furrow_item *item);
int64_t furrow_pylist_format(const furrow_segment *segment, char *text, size_t size);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
