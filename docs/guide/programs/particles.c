/* SPDX-License-Identifier: MIT
 *
 * An array of C structs, moved by a kernel on all cores.
 */
#include <furrow.h>
#include <stdio.h>

struct particle {
    double x, v;
    int id;
};
#define PARTICLE "T{d:x:d:v:i:id:}" /* padded as C pads it */

static int move(furrow_chunk c)
{
    const double dt = *(const double *)c.ctx;
    struct particle *p = c.out[0];

    for (size_t i = 0; i < c.len; i++)
        p[i].x += p[i].v * dt;
    return 0;
}

int main(void)
{
    double dt = 0.5;
    furrow_pool *pool = furrow_pool_open(NULL);
    furrow_array *a = furrow_array_new(FURROW_STRUCT, 100000,
                                       &(furrow_array_options){.format = PARTICLE});
    furrow_call call = {.kernel = move,
                        .types = ">" PARTICLE,
                        .out = {a},
                        .ctx = &dt,
                        .ctx_size = sizeof dt};

    for (size_t i = 0; a && i < a->len; i++)
        ((struct particle *)a->data)[i] = (struct particle){.v = 2, .id = (int)i};
    if (furrow_map(pool, &call) || furrow_map(pool, &call)) {
        furrow_perror("particles");
        return 1;
    }
    const struct particle *last = (struct particle *)a->data + a->len - 1;
    printf("%zu bytes each; particle %d is at x = %g\n", a->itemsize, last->id,
           last->x);
    furrow_array_free(a);
    return furrow_pool_close(pool) != 0;
}
