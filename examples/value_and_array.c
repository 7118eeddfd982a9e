/* SPDX-License-Identifier: MIT
 *
 * A Value and an Array that another process changes: what Python's manual shows for
 * multiprocessing.Value('d', 0.0) and multiprocessing.Array('i', range(10)).
 */
#include <furrow.h>
#include <stdio.h>

struct shared {
    double *value; /* shared memory has the same address in every process */
};

static int change(furrow_chunk c)
{
    const struct shared *s = c.ctx;
    int *a = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        a[i] = -a[i];
    if (c.begin == 0)
        *s->value = 3.1415927;
    return 0;
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(&(furrow_pool_options){.workers = 1});
    furrow_array *value = furrow_value_new('d');
    furrow_array *array = furrow_array_new('i', 10, NULL);

    if (!pool || !value || !array) {
        furrow_perror("value_and_array");
        return 1;
    }
    int *a = array->data;
    for (int i = 0; i < 10; i++)
        a[i] = i;

    struct shared s = {value->data};
    furrow_call call = {.kernel = change,
                        .types = ">i",
                        .out = {array},
                        .ctx = &s,
                        .ctx_size = sizeof s};
    if (furrow_map(pool, &call))
        furrow_perror("value_and_array");

    printf("%.7f\n[", *(double *)value->data);
    for (int i = 0; i < 10; i++)
        printf("%d%s", a[i], i < 9 ? ", " : "]\n");
    furrow_array_free(array);
    furrow_array_free(value);
    return furrow_pool_close(pool) != 0;
}
