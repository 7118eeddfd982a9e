/* SPDX-License-Identifier: MIT
 *
 * A Value and an Array that another process changes: what Python's manual shows for
 * multiprocessing.Value('d', 0.0) and multiprocessing.Array('i', range(10)).
 */
#include <furrow.h>
#include <stdio.h>

struct shared {
    furrow_synchronized *num, *arr;
};

static int change(void *arg, size_t size)
{
    const struct shared *s = arg;
    const double pi = 3.1415927;
    int arr[10];

    (void)size;
    if (furrow_synchronized_set(s->num, &pi, FURROW_FOREVER) < 0 ||
        furrow_synchronized_read(s->arr, 0, 10, arr, FURROW_FOREVER) < 0)
        return 1;
    for (int i = 0; i < 10; i++)
        arr[i] = -arr[i];
    return furrow_synchronized_write(s->arr, 0, 10, arr, FURROW_FOREVER) < 0;
}

int main(void)
{
    const int range[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    int arr[10] = {0}, code = 1;
    double num = 0;

    furrow_init();
    struct shared s = {furrow_synchronized_new('d', 1, NULL),
                       furrow_synchronized_new(
                           'i', 10, &(furrow_synchronized_options){.from = range})};
    furrow_process *p = furrow_process_new(change, &s, sizeof s, NULL);

    if (furrow_process_start(p) || furrow_process_join(p, FURROW_FOREVER) ||
        furrow_process_exit_code(p, &code) || code) {
        furrow_perror("value_and_array");
        return 1;
    }
    furrow_synchronized_get(s.num, &num, FURROW_FOREVER);
    furrow_synchronized_read(s.arr, 0, 10, arr, FURROW_FOREVER);
    printf("%.7f\n[", num);
    for (int i = 0; i < 10; i++)
        printf("%d%s", arr[i], i < 9 ? ", " : "]\n");
    furrow_process_free(p);
    furrow_synchronized_free(s.arr);
    return furrow_synchronized_free(s.num) != 0;
}
