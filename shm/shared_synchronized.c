/* SPDX-License-Identifier: MIT
 *
 * Values and arrays with a lock.
 *
 *   the array's object          the array's block
 *   +----------------+          +---------------------+-------------------+
 *   | fw_array       | -------> | furrow_synchronized | elements          |
 *   +----------------+          +---------------------+-------------------+
 *
 * The lock lies in front of the elements, in the array's own block. So all there is are an
 * array's two blocks, which are published and given back as one (heap.c, array_end.c): a
 * kill while one is made or freed leaves nothing, unless the array has slices. The head is
 * written before that, and later only `magic`, once, by who frees it, as one with the blocks;
 * elements are written under the lock, or by who knows better. So is `untold`, by who learned
 * of a holder's death and had another error to tell; killed there, his own death is told.
 */
#include "shared_synchronized.h"

#include "status.h"
#include "sync_object.h"

#include <string.h>

static furrow_synchronized *object_of(const char *function,
                                      const furrow_synchronized *synchronized)
{
    furrow_synchronized *s = (furrow_synchronized *)(uintptr_t)synchronized;

    if (!s) {
        (void)fw_status_null(function, "synchronized");
        return NULL;
    }
    if ((uintptr_t)s % 64 == 0 && fw_heap_spans(s, sizeof *s, 0) &&
        fw_load_acquire(&s->magic) == FW_SYNCHRONIZED_MAGIC)
        return s;
    fw_fail(FURROW_EINVAL, "%p is no live synchronized array",
            (const void *)synchronized);
    return fw_status_new(function, NULL);
}

/* ---- made and freed -----------------------------------------------------------------*/

static int make_lock(furrow_synchronized *s, furrow_lock *given)
{
    int rc;

    s->lock = given ? given : &s->own;
    if (given)
        return 0;
    rc = fw_lock_init_kind(&s->own.lock, FW_LOCK_RECURSIVE);
    s->own.lock.automatic = 1;
    fw_store_release(&s->own.lock.magic, FW_SYNC_LOCK_MAGIC);
    return rc;
}

static furrow_synchronized *make(int type, size_t len,
                                 const furrow_synchronized_options *o)
{
    const furrow_array shape = {.len = len};
    fw_array_spec spec = {0};
    furrow_synchronized *s;
    fw_array *a;

    if (fw_array_spec_make(&spec, type, o->format, &shape) < 0)
        return NULL;
    if (o->lock && !fw_sync_lock_live(o->lock)) {
        fw_fail(FURROW_EINVAL, "%p is not a live lock", (void *)o->lock);
        return NULL;
    }
    a = fw_array_behind(&spec, sizeof *s);
    if (!a)
        return NULL;
    s = a->block;
    s->array = a;
    if (make_lock(s, o->lock) < 0) {
        (void)fw_heap_free_pair(a, a->block);
        return NULL;
    }
    if (o->from && spec.bytes)
        memcpy(a->view.data, o->from, spec.bytes);
    fw_store_release(&s->magic, FW_SYNCHRONIZED_MAGIC);
    (void)fw_heap_publish_pair(a, a->block);
    return s;
}

furrow_synchronized *
furrow_synchronized_new_sized(int type, size_t len,
                              const furrow_synchronized_options *options, size_t size)
{
    furrow_synchronized_options o;

    fw_sync_options(&o, sizeof o, options, size);
    return fw_status_new("furrow_synchronized_new", make(type, len, &o));
}

/* With slices of its array the elements outlive it. */
static int end(furrow_synchronized *s)
{
    fw_array *a = s->array;
    int rc;

    if (fw_array_of(&a->view) != a)
        return furrow_last_error()->code;
    if (fw_array_is_sole(a)) {
        rc = fw_array_end(a, &s->magic, FW_SYNCHRONIZED_MAGIC);
    } else {
        rc = fw_heap_swap(&s->magic, FW_SYNCHRONIZED_MAGIC, 0);
        rc = rc < 0 ? rc : furrow_array_free(&a->view);
    }
    return rc == FURROW_EBUSY ? fw_fail(FURROW_EINVAL, "it is free already") : rc;
}

int furrow_synchronized_free(furrow_synchronized *synchronized)
{
    furrow_synchronized *s;

    if (!synchronized)
        return 0;
    s = object_of(__func__, synchronized);
    if (!s)
        return furrow_last_error()->code;
    if (s->lock == &s->own && fw_lock_holder(&s->own.lock) != 0)
        return fw_status_in(__func__, fw_fail(FURROW_EBUSY, "somebody holds its lock"));
    return fw_status_in(__func__, end(s));
}

/* ---- the lock and what it guards ----------------------------------------------------*/

furrow_array *furrow_synchronized_array(const furrow_synchronized *synchronized)
{
    furrow_synchronized *s = object_of(__func__, synchronized);

    return s ? &s->array->view : NULL;
}

furrow_lock *furrow_synchronized_get_lock(const furrow_synchronized *synchronized)
{
    furrow_synchronized *s = object_of(__func__, synchronized);

    return s ? s->lock : NULL;
}

/* A lock that was given may have been freed since. */
static int take(furrow_synchronized *s, furrow_deadline deadline)
{
    int rc;

    if (!fw_sync_lock_live(s->lock))
        return fw_fail(FURROW_EINVAL, "its lock at %p is not live any more",
                       (void *)s->lock);
    rc = fw_sync_lock_take(s->lock, deadline);
    if (rc == 0 && s->untold)
        rc = FURROW_OWNERDIED;
    if (rc >= 0)
        s->untold = 0;
    return rc;
}

int furrow_synchronized_lock(furrow_synchronized *synchronized,
                             furrow_deadline deadline)
{
    furrow_synchronized *s = object_of(__func__, synchronized);

    return s ? fw_status_in(__func__, take(s, deadline)) : furrow_last_error()->code;
}

int furrow_synchronized_unlock(furrow_synchronized *synchronized)
{
    furrow_synchronized *s = object_of(__func__, synchronized);

    if (!s)
        return furrow_last_error()->code;
    if (!fw_sync_lock_live(s->lock))
        return fw_status_in(__func__, fw_fail(FURROW_EINVAL,
                                              "its lock at %p is not live any more",
                                              (void *)s->lock));
    return fw_status_in(__func__, fw_lock_give(&s->lock->lock));
}

/* ---- elements -----------------------------------------------------------------------*/

/* A scalar is copied by one load and one store: not torn, whoever dies. */
static void copy(void *to, const void *from, size_t bytes)
{
    switch (bytes) {
    case 0:
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    default:
        memcpy(to, from, bytes);
    }
}

typedef struct span {
    size_t begin, n;
    void *to; /* or, to write, */
    const void *from;
} span;

static int move(furrow_synchronized *s, const span *what, furrow_deadline deadline)
{
    const furrow_array *a = &s->array->view;
    char *at = (char *)a->data + what->begin * a->itemsize;
    size_t bytes = what->n * a->itemsize;
    int rc;

    if (what->begin > a->len || what->n > a->len - what->begin)
        return fw_fail(FURROW_EINVAL, "%zu elements from %zu on, of %zu", what->n,
                       what->begin, a->len);
    if (!what->to && !what->from && bytes)
        return fw_fail(FURROW_EINVAL, "there is nothing to copy to or from");
    rc = take(s, deadline);
    if (rc < 0)
        return rc;
    copy(what->to ? what->to : at, what->to ? at : what->from, bytes);
    if (rc == FURROW_OWNERDIED)
        fw_lock_consistent(&s->lock->lock);
    (void)fw_lock_give(&s->lock->lock);
    return rc;
}

int furrow_synchronized_read(furrow_synchronized *synchronized, size_t begin, size_t n,
                             void *to, furrow_deadline deadline)
{
    const span what = {.begin = begin, .n = n, .to = to};
    furrow_synchronized *s = object_of(__func__, synchronized);

    return s ? fw_status_in(__func__, move(s, &what, deadline))
             : furrow_last_error()->code;
}

int furrow_synchronized_write(furrow_synchronized *synchronized, size_t begin, size_t n,
                              const void *from, furrow_deadline deadline)
{
    const span what = {.begin = begin, .n = n, .from = from};
    furrow_synchronized *s = object_of(__func__, synchronized);

    return s ? fw_status_in(__func__, move(s, &what, deadline))
             : furrow_last_error()->code;
}

/* ---- texts --------------------------------------------------------------------------*/

static int want_characters(const furrow_synchronized *s)
{
    if (s->array->view.type == 'c')
        return 0;
    return fw_fail(FURROW_ETYPE, "a text is in an array of 'c', not of '%c'",
                   s->array->view.type);
}

static int read_text(furrow_synchronized *s, char *to, size_t size,
                     furrow_deadline deadline)
{
    const char *data = s->array->view.data;
    size_t len;
    int fits, rc = want_characters(s);

    if (rc == 0)
        rc = take(s, deadline);
    if (rc < 0)
        return rc;
    len = strnlen(data, s->array->view.len);
    fits = to && len < size;
    if (fits) {
        memcpy(to, data, len);
        to[len] = 0;
    }
    s->untold = rc == FURROW_OWNERDIED && !fits;
    if (rc == FURROW_OWNERDIED)
        fw_lock_consistent(&s->lock->lock);
    (void)fw_lock_give(&s->lock->lock);
    return fits ? rc
                : fw_fail(FURROW_ESHORT, "the text has %zu bytes, the buffer %zu", len,
                          size);
}

int furrow_synchronized_get_text(furrow_synchronized *synchronized, char *to,
                                 size_t size, furrow_deadline deadline)
{
    furrow_synchronized *s = object_of(__func__, synchronized);

    return s ? fw_status_in(__func__, read_text(s, to, size, deadline))
             : furrow_last_error()->code;
}

/* The NUL goes with it where there is room: as Python does it. */
static int write_text(furrow_synchronized *s, const char *text,
                      furrow_deadline deadline)
{
    size_t room = s->array->view.len, len = text ? strlen(text) : 0;
    const span what = {.n = len < room ? len + 1 : len, .from = text};
    int rc = want_characters(s);

    if (rc < 0)
        return rc;
    if (!text)
        return fw_fail(FURROW_EINVAL, "text is NULL");
    if (len > room)
        return fw_fail(FURROW_EFULL, "a text of %zu bytes, and room for %zu", len,
                       room);
    return move(s, &what, deadline);
}

int furrow_synchronized_set_text(furrow_synchronized *synchronized, const char *text,
                                 furrow_deadline deadline)
{
    furrow_synchronized *s = object_of(__func__, synchronized);

    return s ? fw_status_in(__func__, write_text(s, text, deadline))
             : furrow_last_error()->code;
}

/* ---- copies -------------------------------------------------------------------------*/

static furrow_array *copy_of(const furrow_array *view)
{
    const fw_array *a = fw_array_of(view);
    furrow_array_options o = {0};
    furrow_array *b;

    if (!a || fw_array_map_here(a) < 0)
        return NULL;
    o.ndim = view->ndim;
    memcpy(o.shape, view->shape, sizeof o.shape);
    o.format = a->format[0] ? a->format : NULL;
    b = furrow_array_new_sized(view->type, 0, &o, sizeof o);
    if (b && view->len)
        memcpy(b->data, view->data, view->len * view->itemsize);
    return b;
}

furrow_array *furrow_array_copy(const furrow_array *a)
{
    if (!a) {
        fw_fail_null("array");
        return NULL;
    }
    return fw_status_new(__func__, copy_of(a));
}

/* The exported twins of the inline functions. */
extern inline furrow_synchronized *
furrow_synchronized_new(int type, size_t len,
                        const furrow_synchronized_options *options);
extern inline int furrow_synchronized_get(furrow_synchronized *s, void *to,
                                          furrow_deadline deadline);
extern inline int furrow_synchronized_set(furrow_synchronized *s, const void *from,
                                          furrow_deadline deadline);
