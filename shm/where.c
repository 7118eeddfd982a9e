/* SPDX-License-Identifier: MIT
 *
 * Where an array's memory is.
 *
 * The kernel tells the node, and the size, only of pages that the asking process has in
 * its own page table, and a look at a page that has no memory would take some. So the
 * array is walked extent by extent on a view of its own: which pages are there is asked
 * first (mincore), and only such are mapped, then asked for. Where move_pages() is
 * refused, as in most containers, all pages that are there are mapped and the kernel's
 * summary of the view is read instead.
 */
#include "array.h"

#include "os.h"
#include "status.h"

#include <errno.h>
#include <string.h>

enum { EXTENT = 512, SAMPLED_FROM = 16384, SAMPLE = 64 }; /* pages */

typedef struct survey {
    furrow_where *out;
    char *at; /* where this process looks at them: on a view, or in the heap itself */
    size_t pages;
    size_t count[FW_OS_NODES]; /* pages per node */
} survey;

/* What is done with the pages [first, first + n); there[]: have they memory? */
typedef int (*visit)(survey *s, size_t first, size_t n, const unsigned char *there);

/* In pieces that end on 2 MiB: a huge page is in one of them. */
static int walk(survey *s, visit do_piece)
{
    unsigned char there[EXTENT];
    size_t n;
    int rc = 0;

    for (size_t i = 0; i < s->pages && rc == 0; i += n) {
        n = EXTENT - ((uintptr_t)s->at / FW_PAGE + i) % EXTENT;
        n = n < s->pages - i ? n : s->pages - i;
        rc = fw_os_pages_there(s->at + i * FW_PAGE, n, there);
        if (rc == 0)
            rc = do_piece(s, i, n, there);
    }
    return rc;
}

static int count_present(survey *s, size_t first, size_t n, const unsigned char *there)
{
    (void)first;
    for (size_t i = 0; i < n; i++)
        *(there[i] & 1 ? &s->out->present : &s->out->absent) += FW_PAGE;
    return 0;
}

static int map_present(survey *s, size_t first, size_t n, const unsigned char *there)
{
    size_t end;

    for (size_t i = 0; i < n; i = end + 1) {
        for (end = i; end < n && there[end] & 1; end++)
            ;
        if (end > i)
            (void)fw_os_map_pages(s->at + (first + i) * FW_PAGE, (end - i) * FW_PAGE);
    }
    return 0;
}

static int ask_nodes(survey *s, size_t first, size_t n, const unsigned char *there)
{
    const size_t stride = s->out->stride;
    void *page[EXTENT];
    int node[EXTENT], rc;
    size_t asked = 0;

    if (stride == 1)
        (void)map_present(s, first, n, there);
    for (size_t i = 0; i < n; i++) {
        if (!(there[i] & 1) || (first + i) % stride)
            continue;
        page[asked] = s->at + (first + i) * FW_PAGE;
        if (stride > 1)
            (void)fw_os_map_pages(page[asked], FW_PAGE);
        asked++;
    }
    rc = asked ? fw_os_numa_nodes(page, asked, node) : 0;
    for (size_t i = 0; i < asked && rc == 0; i++)
        if (node[i] >= 0 && node[i] < FW_OS_NODES)
            s->count[node[i]]++;
    return rc;
}

/* 0 or -errno. */
static int find_nodes(survey *s, int viewed)
{
    int rc = walk(s, ask_nodes);

    if (rc == 0 || !viewed)
        return rc;
    s->out->stride = 1;
    memset(s->count, 0, sizeof s->count);
    (void)walk(s, map_present);
    return fw_os_numa_count(s->at, s->count) == 0 ? 0 : rc;
}

static void list_nodes(const survey *s)
{
    furrow_where *out = s->out;

    for (int node = 0; node < FW_OS_NODES; node++) {
        out->asked += s->count[node];
        if (s->count[node] && out->nodes == FURROW_WHERE_NODES)
            out->elsewhere += s->count[node];
        else if (s->count[node])
            out->node[out->nodes++] = (furrow_where_node){node, s->count[node]};
    }
}

static int look(survey *s)
{
    fw_os_view view;
    int viewed = fw_os_view_open(&view, s->at, s->pages * FW_PAGE) == 0;
    ssize_t huge = -1;
    int rc;

    if (viewed)
        s->at = view.at;
    rc = walk(s, count_present);
    if (rc == 0) {
        s->out->nodes_error = -find_nodes(s, viewed);
        if (viewed)
            huge = fw_os_mapped_huge(s->at);
    }
    if (huge >= 0)
        s->out->huge = (size_t)huge;
    if (viewed)
        fw_os_view_close(&view);
    list_nodes(s);
    return rc < 0 ? fw_fail_os(-rc, "cannot look at the array's memory") : 0;
}

static void tell_rule(const fw_array *root, furrow_where *out)
{
    int rule = fw_load_relaxed(&root->rule);

    out->rule = rule < 0 ? FURROW_RULE_REFUSED : FURROW_RULE_NONE;
    if (rule == FW_ARRAY_PLACED)
        out->rule = FURROW_RULE_SET;
    out->rule_error = rule < 0 ? -rule : 0;
}

static int where(const fw_array *a, furrow_where *out)
{
    uintptr_t from = (uintptr_t)a->view.data & ~(FW_PAGE - 1);
    uintptr_t to = (uintptr_t)a->view.data + a->view.len * a->view.itemsize;
    survey s = {.out = out, .at = (char *)from};
    int rc = fw_array_map_here(a);

    if (rc < 0)
        return rc;
    *out = (furrow_where){.page = FW_PAGE, .stride = 1, .huge = SIZE_MAX};
    tell_rule(a->root, out);
    s.pages = (to - from + FW_PAGE - 1) / FW_PAGE;
    if (a->view.len * a->view.itemsize == 0)
        return 0;
    if (s.pages > SAMPLED_FROM)
        out->stride = SAMPLE;
    return look(&s);
}

int furrow_array_where(const furrow_array *view, furrow_where *out)
{
    fw_array *a;

    if (!view || !out)
        return fw_fail_null(view ? "out" : "array");
    a = fw_array_of(view);
    if (!a)
        return fw_status_in(__func__, furrow_last_error()->code);
    return fw_status_in(__func__, where(a, out));
}
