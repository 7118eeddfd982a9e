/* SPDX-License-Identifier: MIT
 *
 * A list that another process changes, and a list for Python in a named segment.
 */
#include <furrow.h>
#include <stdio.h>
#include <string.h>

struct shared {
    furrow_list *list;
};

static int change(void *arg, size_t size)
{
    const struct shared *s = arg;
    const furrow_item found = furrow_item_text("found"), when = furrow_item_real(8.25);

    (void)size;
    return furrow_list_set(s->list, 0, &found) < 0 ||
           furrow_list_set(s->list, 1, &when) < 0;
}

static void print(const furrow_list *list)
{
    for (size_t i = 0; i < (size_t)furrow_list_len(list); i++) {
        char buffer[64];
        furrow_item item;

        if (furrow_list_get(list, i, &item, buffer, sizeof buffer))
            furrow_perror("notes");
        else if (item.kind == FURROW_TEXT)
            printf("%zu: \"%s\"\n", i, buffer);
        else if (item.kind == FURROW_BYTES)
            printf("%zu: %zu bytes\n", i, item.size);
        else if (item.kind == FURROW_REAL)
            printf("%zu: %g\n", i, item.real);
        else
            printf("%zu: nothing\n", i);
    }
}

static int for_python(void)
{
    const furrow_item items[] = {furrow_item_text("howdy"), furrow_item_int(42)};
    furrow_segments *manager = furrow_segments_open();
    furrow_segment *s = furrow_segments_pylist(manager, items, 2);
    char format[32];

    if (!s || furrow_pylist_format(s, format, sizeof format) < 0)
        return -1;
    printf("a name of %zu characters, %zu bytes, %s\n", strlen(furrow_segment_name(s)),
           furrow_segment_size(s), format);
    return furrow_segments_close(manager); /* the name goes, the memory, too */
}

int main(void)
{
    furrow_init();
    const furrow_item items[] = {furrow_item_text("lost"), furrow_item_none(),
                                 furrow_item_bytes("a\0b\0\0", 5)};
    struct shared s = {furrow_list_new(items, 3, &(furrow_list_options){.room = 32})};
    furrow_process *p = furrow_process_new(change, &s, sizeof s, NULL);

    if (furrow_process_start(p) || furrow_process_join(p, FURROW_FOREVER)) {
        furrow_perror("notes");
        return 1;
    }
    print(s.list);
    furrow_process_free(p);
    furrow_list_free(s.list);
    if (for_python() < 0)
        furrow_perror("notes");
    return 0;
}
