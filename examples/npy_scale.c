/* SPDX-License-Identifier: MIT
 *
 * npy_scale IN.npy OUT.npy FACTOR: read an array of doubles that NumPy saved, scale it
 * on all cores, write it for NumPy. Without arguments it makes a small file first.
 */
#include <furrow.h>
#include <stdio.h>
#include <stdlib.h>

static int make_ramp(const char *path)
{
    furrow_array_options shape = {.ndim = 2, .shape = {3, 4}};
    furrow_array *a = furrow_array_new('d', 12, &shape);

    for (size_t i = 0; a && i < a->len; i++)
        ((double *)a->data)[i] = (double)i;
    const int rc = furrow_npy_save(a, path);
    furrow_array_free(a);
    return rc;
}

static int scale_file(furrow_pool *pool, const char *in, const char *out, double factor)
{
    furrow_array *a = furrow_npy_load(in);

    if (!a)
        return -1;
    if (a->type != 'd') {
        fprintf(stderr, "%s holds '%c', not doubles\n", in, a->type);
        furrow_array_free(a);
        return -1;
    }
    const int rc = furrow_scale(pool, a, &factor) || furrow_npy_save(a, out);
    furrow_array_free(a);
    return rc;
}

static void print(const char *path)
{
    furrow_array *a = furrow_npy_load(path);

    if (!a || a->ndim != 2)
        return;
    for (size_t i = 0; i < a->len; i++)
        printf("%6.2f%c", ((double *)a->data)[i], (i + 1) % a->shape[1] ? ' ' : '\n');
    furrow_array_free(a);
}

int main(int argc, char **argv)
{
    const int own = argc != 4;
    const char *in = own ? "ramp.npy" : argv[1], *out = own ? "scaled.npy" : argv[2];
    const double factor = own ? 2.5 : strtod(argv[3], NULL);
    furrow_pool *pool = furrow_pool_open(NULL);

    if ((own && make_ramp(in)) || scale_file(pool, in, out, factor)) {
        furrow_perror("npy_scale");
        furrow_pool_close(pool);
        return 1;
    }
    if (own)
        print(out);
    return furrow_pool_close(pool) != 0;
}
