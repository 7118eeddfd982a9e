/* SPDX-License-Identifier: MIT
 *
 * Ten processes print, one at a time: no line is cut by another.
 */
#include <furrow.h>
#include <stdio.h>

struct turn {
    furrow_lock *lock;
    int *lines; /* shared: how many there are */
};

static int f(void *arg, size_t size)
{
    const struct turn *t = arg;

    (void)size;
    if (furrow_lock_lock(t->lock, FURROW_FOREVER) < 0)
        return 1;
    printf("hello world %d\n", *t->lines);
    *t->lines += 1;
    fflush(stdout); /* while it is ours */
    return furrow_lock_unlock(t->lock) != 0;
}

int main(void)
{
    furrow_process *p[10];

    furrow_init();
    furrow_array *lines = furrow_value_new('i');
    struct turn t = {furrow_lock_new(NULL), lines ? lines->data : NULL};

    if (!lines || !t.lock) {
        furrow_perror("lock");
        return 1;
    }
    for (int i = 0; i < 10; i++) {
        p[i] = furrow_process_new(f, &t, sizeof t, NULL);
        furrow_process_start(p[i]);
    }
    for (int i = 0; i < 10; i++) {
        furrow_process_join(p[i], FURROW_FOREVER);
        furrow_process_free(p[i]);
    }
    furrow_lock_free(t.lock);
    return furrow_array_free(lines) != 0;
}
