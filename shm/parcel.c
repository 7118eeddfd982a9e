/* SPDX-License-Identifier: MIT
 *
 * Arrays through a connection: where one is, instead of what is in it.
 *
 * A message of a fixed form, in the machine's byte order, for both ends are on one
 * machine. Whether they are of one family is told by the file that the heap is: the
 * kernel's identity of a memfd, which no other heap ever has. In the family the address
 * is the array, if the object there still has the serial number that was sent: an array
 * that was freed meanwhile, and another one in its place, are told apart. What comes
 * from the wire is believed only as far as fw_array_of() and the checks of attaching
 * go.
 */
#include "array.h"
#include "connection.h"
#include "named.h"
#include "participant.h"
#include "segment.h"
#include "status.h"

#include <string.h>

typedef struct parcel {
    char form[16]; /* FORM */
    fw_file_id heap;
    uint64_t address, serial;
    char name[FW_NAME_MAX]; /* in /dev/shm, or "" */
} parcel;
_Static_assert(sizeof(parcel) == 248, "what goes over the wire has no holes");

static const char FORM[16] = "furrow array 1\n";

/* Of this process's heap: asked once by each thread. */
static int heap_identity(fw_file_id *id)
{
    static _Thread_local const fw_heap *known;
    static _Thread_local fw_file_id its;
    const fw_segment *s = fw_segment_get();
    int rc;

    if (!s)
        return furrow_last_error()->code;
    if (known != s->heap) {
        rc = fw_os_mapping_id(s->heap, &its);
        if (rc < 0)
            return fw_fail_os(-rc,
                              "cannot tell the heap from others (/proc/self/maps)");
        known = s->heap;
    }
    *id = its;
    return 0;
}

static int pack(parcel *p, const furrow_array *view)
{
    const fw_array *a = fw_array_of(view);

    memset(p, 0, sizeof *p);
    memcpy(p->form, FORM, sizeof FORM);
    if (!a || heap_identity(&p->heap) < 0)
        return furrow_last_error()->code;
    p->address = (uintptr_t)a;
    p->serial = a->serial;
    if (a->kind == FW_ARRAY_FILE &&
        fw_os_shm_name_of(&a->id, p->name, sizeof p->name) < 0)
        p->name[0] = '\0';
    return 0;
}

int furrow_connection_send_array(furrow_connection *c, furrow_array *a,
                                 furrow_deadline deadline)
{
    parcel p;
    struct iovec part[2] = {{&p, sizeof p}, {NULL, 0}};
    int rc = fw_connection_check_writable(c);

    if (rc == 0 && !a)
        return fw_fail_null("the array");
    if (rc == 0)
        rc = pack(&p, a);
    if (rc == 0)
        rc = fw_send_message(c, part, deadline);
    return fw_connection_done(__func__, c, rc);
}

/* ---- receiving -------------------------------------------------------------------*/

static furrow_array *ours(const parcel *p)
{
    furrow_array *view = (furrow_array *)(uintptr_t)p->address;
    fw_array *a = fw_array_of(view);

    if (!a)
        return NULL;
    if (a->serial != p->serial) {
        fw_fail(FURROW_EINVAL, "the array that was sent has been freed");
        return NULL;
    }
    return fw_array_map_here(a) < 0 ? NULL : view;
}

static furrow_array *unpack(const parcel *p)
{
    fw_file_id heap = {0};

    if (heap_identity(&heap) < 0)
        return NULL;
    if (p->heap.device == heap.device && p->heap.inode == heap.inode)
        return ours(p);
    if (p->name[0])
        return furrow_array_attach(p->name);
    fw_fail(FURROW_EINVAL, "the array is another program's and has no name");
    return NULL;
}

/* The message stays unless it is an array's. */
static int receive_parcel(furrow_connection *c, parcel *p, furrow_deadline deadline)
{
    int rc = fw_receive_head(c, deadline);

    if (rc == 0 && c->in.size == sizeof *p)
        rc = fw_receive_kept(c, deadline);
    if (rc < 0)
        return rc;
    if (c->in.size != sizeof *p || memcmp(c->in.kept, FORM, sizeof FORM) != 0)
        return fw_fail(FURROW_ECORRUPT, "the next message is no array's; it stays");
    memcpy(p, c->in.kept, sizeof *p);
    p->name[sizeof p->name - 1] = '\0';
    fw_receive_done(c);
    return 0;
}

furrow_array *furrow_connection_recv_array(furrow_connection *c,
                                           furrow_deadline deadline)
{
    int rc = fw_connection_check_readable(c);
    furrow_array *a;
    parcel p;

    if (rc == 0)
        rc = fw_receive_take(c, deadline);
    if (rc == 0)
        rc = fw_receive_give(c, receive_parcel(c, &p, deadline));
    a = rc < 0 ? NULL : unpack(&p);
    return a ? a : fw_connection_none(__func__, c);
}
