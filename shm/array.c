/* SPDX-License-Identifier: MIT
 *
 * Arrays: a small object in the heap that describes, and a block that holds, the elements.
 *
 * Who writes: the creator fills object and block before both are published as one
 * (heap.c); afterwards only `refs` changes, `rule` when a pool takes the memory, and
 * `magic` once, when the handle is freed, and the name with it. A root counts itself and its slices; whoever
 * takes the last reference frees object and block as one (array_end.c). Of one with slices,
 * killed between the last decrement and the free, the block stays until the family ends; it
 * is never freed twice.
 *
 * Files (named arrays, mapped .npy files) are mapped over a run of the window, so that each
 * process of the family finds them at the same address; a worker older than the mapping
 * opens the file through the /proc of the process that mapped it.
 */
#include "array.h"

#include "ledger.h"
#include "named.h"
#include "names.h"
#include "participant.h"
#include "status.h"
#include "type.h"

#include <errno.h>
#include <string.h>

/* ---- what is asked for --------------------------------------------------------------*/

static int spec_type(fw_array_spec *s, int type, const char *format)
{
    fw_struct layout;
    const furrow_type *t;

    s->view.type = type;
    s->format = "";
    if (type == FURROW_STRUCT) {
        if (!format)
            return fw_fail(FURROW_EINVAL, "an array of structs needs a format");
        if (strlen(format) >= FW_TYPE_FORMAT_MAX)
            return fw_fail(FURROW_EINVAL, "the format is longer than %d characters",
                           FW_TYPE_FORMAT_MAX - 1);
        s->format = format;
        s->view.itemsize = 0;
        if (fw_type_parse_struct(format, &layout) < 0)
            return furrow_last_error()->code;
        s->view.itemsize = layout.size;
        return 0;
    }
    t = furrow_type_of(type);
    if (!t)
        return furrow_last_error()->code;
    s->view.itemsize = t->size;
    return 0;
}

static int spec_shape(fw_array_spec *s, size_t len, int ndim, const size_t *shape)
{
    size_t product = 1;

    if (ndim < 0 || ndim > FURROW_MAX_DIMS)
        return fw_fail(FURROW_EINVAL, "%d dimensions; 1 to %d are possible", ndim,
                       FURROW_MAX_DIMS);
    s->view.ndim = ndim ? ndim : 1;
    for (int i = 0; i < s->view.ndim; i++) {
        s->view.shape[i] = ndim ? shape[i] : len;
        if (__builtin_mul_overflow(product, s->view.shape[i], &product))
            return fw_fail(FURROW_ENOMEM, "the shape has more elements than memory");
    }
    if (ndim && len && len != product)
        return fw_fail(FURROW_EINVAL, "len is %zu, but the shape has %zu elements", len,
                       product);
    s->view.len = product;
    if (__builtin_mul_overflow(product, s->view.itemsize, &s->bytes) ||
        s->bytes > SIZE_MAX / 4)
        return fw_fail(FURROW_ENOMEM, "%zu elements of %zu bytes are more than memory",
                       product, s->view.itemsize);
    return 0;
}

int fw_array_spec_make(fw_array_spec *s, int type, const char *format,
                       const furrow_array *shape)
{
    int rc = spec_type(s, type, format);

    return rc < 0 ? rc : spec_shape(s, shape->len, shape->ndim, shape->shape);
}

/* ---- the object ---------------------------------------------------------------------*/

static fw_array *object_new(const fw_array_spec *s)
{
    size_t format_size = strlen(s->format) + 1;
    fw_array *a = fw_heap_alloc(sizeof *a + format_size);

    if (!a)
        return NULL;
    a->view = s->view;
    a->serial = fw_add_relaxed(&fw_segment_get()->heap->serial, 1) + 1;
    a->root = a;
    fw_store_relaxed(&a->refs, 1);
    a->fd = a->name = -1;
    memcpy(a->format, s->format, format_size);
    fw_store_release(&a->magic, FW_ARRAY_MAGIC);
    return a;
}

fw_array *fw_array_behind(const fw_array_spec *s, size_t head)
{
    fw_array *a = object_new(s);

    if (!a)
        return NULL;
    a->kind = FW_ARRAY_HEAP;
    a->block_size = s->bytes + head ? s->bytes + head : 1;
    a->block = fw_heap_alloc(a->block_size);
    if (!a->block) {
        (void)fw_heap_free(a);
        return NULL;
    }
    a->view.data = (char *)a->block + head;
    return a;
}

/* ---- files in the window ------------------------------------------------------------*/

/* Map fd, whose elements begin at offset; it is kept open for the workers. */
static fw_array *file_array(const fw_array_spec *s, int fd, size_t offset, int writable)
{
    fw_array *a = object_new(s);
    int rc;

    if (!a)
        return NULL;
    a->kind = FW_ARRAY_FILE;
    a->block_size = offset + (s->bytes ? s->bytes : 1);
    a->writable = writable;
    a->pid = fw_participant_pid();
    a->block = fw_heap_window(a->block_size);
    if (!a->block) {
        (void)fw_heap_free(a);
        return NULL;
    }
    rc = fw_os_file_id(fd, &a->id);
    if (rc == 0)
        rc = fw_os_map_over(a->block, a->block_size, fd, writable);
    if (rc < 0) {
        (void)fw_heap_free_pair(a, a->block);
        fw_fail_os(-rc, "cannot map the file");
        return NULL;
    }
    (void)fw_os_advise_nodump(a->block, a->block_size);
    a->view.data = (char *)a->block + offset;
    a->fd = fd;
    return a;
}

/* What this process has mapped, by window address: a small table, for at most this many
 * files at a time are used by one worker. */
enum { MAPPED_MAX = 64 };
static struct {
    const void *block;
    uint64_t serial;
} mapped_here[MAPPED_MAX];
static int mapped_next;

/* The program may have closed the file by mistake, and the number be another's now.
 * `unknown` when the system cannot tell what an open file is. */
static int is_its_file(const fw_array *root, int fd, int unknown)
{
    fw_file_id id;
    int rc = fw_os_file_id(fd, &id);

    if (rc < 0)
        return rc != -EBADF && unknown;
    return id.device == root->id.device && id.inode == root->id.inode;
}

static int open_in_owner(const fw_array *root)
{
    int fd = fw_os_open_of(root->pid, root->fd, root->writable);

    if (fd < 0)
        return fw_fail_os(-fd, "cannot open the file of the array in process %ld",
                          (long)root->pid);
    if (is_its_file(root, fd, 0))
        return fd;
    fw_os_close(fd);
    return fw_fail(
        FURROW_EINVAL,
        "file %d of process %ld is not the array's any more: the process has "
        "closed it",
        root->fd, (long)root->pid);
}

int fw_array_map_here(const fw_array *a)
{
    const fw_array *root = a->root;
    int fd, rc;

    if (root->kind != FW_ARRAY_FILE || root->pid == fw_participant_pid())
        return 0;
    for (int i = 0; i < MAPPED_MAX; i++)
        if (mapped_here[i].block == root->block &&
            mapped_here[i].serial == root->serial)
            return 0;
    if (!fw_heap_spans(root->block, root->block_size, 1))
        return fw_fail(FURROW_ECORRUPT, "the array is overwritten");
    fd = open_in_owner(root);
    if (fd < 0)
        return fd;
    rc = fw_os_map_over(root->block, root->block_size, fd, root->writable);
    fw_os_close(fd);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot map the file of the array");
    mapped_here[mapped_next].block = root->block;
    mapped_here[mapped_next].serial = root->serial;
    mapped_next = (mapped_next + 1) % MAPPED_MAX;
    return 0;
}

fw_array *fw_array_of_file(const fw_array_file *file)
{
    fw_array_spec s = {0};
    fw_array *a = NULL;

    if (spec_type(&s, file->type, file->format) == 0 &&
        spec_shape(&s, 0, file->ndim, file->shape) == 0)
        a = file_array(&s, file->fd, file->offset, file->writable);
    if (!a)
        fw_os_close(file->fd);
    return a;
}

furrow_array *fw_array_map_file(const fw_array_file *file)
{
    fw_array *a = fw_array_of_file(file);

    if (!a)
        return NULL;
    (void)fw_heap_publish_pair(a, a->block);
    return &a->view;
}

/* ---- named arrays -------------------------------------------------------------------*/

static int named_publish(fw_array *a, const char *name, int keep)
{
    fw_file_id id;
    int rc;

    if (!keep) {
        rc = fw_os_file_id(a->fd, &id);
        if (rc < 0)
            return fw_fail_os(-rc, "cannot look at the new array");
        rc = fw_names_guard();
        if (rc < 0)
            return rc;
        a->name = fw_names_add(name, &id);
        if (a->name < 0)
            return a->name;
    }
    rc = fw_os_shm_publish(a->fd, name);
    if (rc < 0)
        return fw_fail_os(-rc, "cannot give the array the name %s", name);
    return 0;
}

/* It goes with the handle, whatever slices there are. */
static void drop_name(fw_array *a)
{
    if (a->name >= 0)
        fw_names_remove(a->name);
    a->name = -1;
}

static int object_free(fw_array *a)
{
    if (a->kind == FW_ARRAY_FILE) {
        drop_name(a);
        (void)fw_os_reserve_over(a->block, a->block_size);
        if (is_its_file(a, a->fd, 1))
            fw_os_close(a->fd);
    }
    return fw_heap_free_pair(a, a->kind == FW_ARRAY_SLICE ? NULL : a->block);
}

static fw_array *named_array(const fw_array_spec *s, const furrow_array_options *o)
{
    size_t size = FW_PAGE + (s->bytes ? s->bytes : 1);
    char name[FW_NAME_MAX];
    fw_array *a;
    int fd;

    if (fw_named_spell(o->name, name) < 0 || fw_heap_check_room(size) < 0)
        return NULL;
    fd = fw_os_shm_new(size);
    if (fd < 0) {
        fw_fail_os(fd == -ENOSPC ? ENOMEM : -fd,
                   "cannot make a shared file of %zu bytes", size);
        return NULL;
    }
    a = file_array(s, fd, FW_PAGE, 1);
    if (!a) {
        fw_os_close(fd);
        return NULL;
    }
    fw_named_write(a->block, s);
    if (named_publish(a, name, o->keep) < 0) {
        (void)object_free(a);
        return NULL;
    }
    return a;
}

static fw_array *attach(const char *name)
{
    fw_array_spec s = {0};
    fw_array *a = NULL;
    size_t size;
    int fd = fw_named_open(name, &size);

    if (fd < 0)
        return NULL;
    if (fw_named_read(fd, size, &s) == 0)
        a = file_array(&s, fd, FW_PAGE, 1);
    if (a)
        a->attached = 1;
    else
        fw_os_close(fd);
    return a;
}

/* ---- public -------------------------------------------------------------------------*/

/* What is attached, and slices of it, stay unpublished: a death gives them back. */
static furrow_array *published(const char *function, fw_array *a)
{
    if (!a)
        return fw_status_new(function, NULL);
    if (!a->root->attached)
        (void)fw_heap_publish_pair(a, a->kind == FW_ARRAY_SLICE ? NULL : a->block);
    return &a->view;
}

furrow_array *furrow_array_new_sized(int type, size_t len,
                                     const furrow_array_options *options, size_t size)
{
    furrow_array_options o = {0};
    furrow_array *view;
    fw_array_spec s = {0};
    fw_array *a = NULL;

    if (options)
        memcpy(&o, options, size < sizeof o ? size : sizeof o);
    if (spec_type(&s, type, o.format) == 0 && spec_shape(&s, len, o.ndim, o.shape) == 0)
        a = o.name ? named_array(&s, &o) : fw_array_behind(&s, 0);
    view = published("furrow_array_new", a);
    if (view && o.populate && furrow_array_populate(view) < 0) {
        (void)furrow_array_free(view);
        return fw_status_new("furrow_array_new", NULL);
    }
    return view;
}

furrow_array *furrow_array_attach(const char *name)
{
    if (!name) {
        fw_fail_null("name");
        return NULL;
    }
    return published(__func__, attach(name));
}

static fw_array *slice(fw_array *a, size_t begin, size_t end)
{
    size_t row = a->view.shape[0] ? a->view.len / a->view.shape[0] : 0;
    fw_array_spec s = {.view = a->view, .format = a->format};
    fw_array *b;

    if (begin > end || end > a->view.shape[0]) {
        fw_fail(FURROW_EINVAL, "rows [%zu, %zu) of an array of %zu rows", begin, end,
                a->view.shape[0]);
        return NULL;
    }
    s.view.shape[0] = end - begin;
    s.view.len = row * (end - begin);
    s.view.data = (char *)a->view.data + begin * row * a->view.itemsize;
    b = object_new(&s);
    if (!b)
        return NULL;
    b->kind = FW_ARRAY_SLICE;
    b->root = a->root;
    b->block = a->root->block;
    fw_add_relaxed(&a->root->refs, 1);
    return b;
}

furrow_array *furrow_array_slice(furrow_array *view, size_t begin, size_t end)
{
    fw_array *a;

    if (!view) {
        fw_fail_null("array");
        return NULL;
    }
    a = fw_array_of(view);
    return published(__func__, a ? slice(a, begin, end) : NULL);
}

int furrow_array_populate(furrow_array *view)
{
    fw_array *a;
    int rc;

    if (!view)
        return fw_fail_null("array");
    a = fw_array_of(view);
    if (!a)
        return fw_status_in(__func__, furrow_last_error()->code);
    if (fw_array_map_here(a) < 0)
        return fw_status_in(__func__, furrow_last_error()->code);
    if (a->root->kind == FW_ARRAY_FILE && !a->root->writable)
        return 0; /* there are no later writes */
    rc = fw_ledger_check_taking(a->view.data, a->view.len * a->view.itemsize);
    if (rc < 0)
        return fw_status_in(__func__, rc);
    rc = fw_os_populate(a->view.data, a->view.len * a->view.itemsize);
    if (rc < 0)
        return fw_status_in(__func__, fw_fail_os(-rc, "cannot take %zu MiB",
                                                 a->view.len * a->view.itemsize >> 20));
    if (a->kind == FW_ARRAY_HEAP)
        (void)fw_heap_set_taken(a->block);
    return 0;
}

/* The handle is not live any more. */
static int release(fw_array *a)
{
    fw_array *root = a->root;
    int rc = a != root ? object_free(a) : 0;

    if (a == root)
        drop_name(a);
    if (fw_add_seqcst(&root->refs, (uint32_t)-1) == 1 && object_free(root) < 0)
        rc = furrow_last_error()->code;
    return rc;
}

int furrow_array_free(furrow_array *view)
{
    fw_array *a, *root;
    int rc;

    if (!view)
        return 0;
    a = fw_array_of(view);
    if (!a)
        return fw_status_in(__func__, furrow_last_error()->code);
    root = a->root;
    if (root->kind == FW_ARRAY_FILE && root->pid != fw_participant_pid())
        return fw_status_in(__func__, fw_fail(FURROW_EINVAL,
                                              "the array is a file that process %ld "
                                              "has mapped; only it can free it",
                                              (long)root->pid));
    if (fw_array_is_sole(a)) {
        rc = fw_array_end(a, &a->magic, FW_ARRAY_MAGIC);
    } else {
        rc = fw_heap_swap(&a->magic, FW_ARRAY_MAGIC, 0);
        rc = rc < 0 ? rc : release(a);
    }
    if (rc == FURROW_EBUSY)
        rc = fw_fail(FURROW_EINVAL, "the array is free already");
    return fw_status_in(__func__, rc);
}

const char *furrow_array_format(const furrow_array *view)
{
    const furrow_type *type;
    fw_array *a;

    if (!view) {
        fw_fail_null("array");
        return NULL;
    }
    a = fw_array_of(view);
    if (!a)
        return fw_status_new(__func__, NULL);
    if (a->format[0])
        return a->format;
    type = furrow_type_of(a->view.type);
    return type ? type->format : fw_status_new(__func__, NULL);
}

/* The exported twins of the inline functions. */
extern inline furrow_array *furrow_array_new(int type, size_t len,
                                             const furrow_array_options *options);
extern inline furrow_array *furrow_value_new(int type);
