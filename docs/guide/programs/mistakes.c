/* SPDX-License-Identifier: MIT
 *
 * What goes wrong is said in a sentence: a call that does not fit its kernel is refused
 * before it starts, a kernel may fail the call, and a NULL keeps the first message.
 */
#include <furrow.h>
#include <stdio.h>

static int roots(furrow_chunk c)
{
    const double *x = c.in[0];

    for (size_t i = 0; i < c.len; i++)
        if (x[i] < 0)
            return 7; /* any value but 0 fails the call */
    return 0;
}

static void tell(const char *what)
{
    const furrow_error *e = furrow_last_error();

    printf("%s: %s in %s:\n    %s\n", what, furrow_status_name(e->code), e->function,
           e->text);
    furrow_error_clear();
}

int main(void)
{
    furrow_pool *pool = furrow_pool_open(NULL);
    furrow_array *f = furrow_array_new('f', 5000, NULL);
    furrow_array *d = furrow_array_new('d', 5000, NULL);
    furrow_call call = {.kernel = roots, .types = "d>", .in = {f}, .chunk = 1000};

    if (furrow_map(pool, &call))
        tell("wrong type");
    call.in[0] = d;
    ((double *)d->data)[2345] = -1;
    if (furrow_map(pool, &call))
        tell("kernel failed");
    furrow_array *none = furrow_array_new('z', 10, NULL);
    if (furrow_array_populate(none))
        tell("no such type");
    furrow_array_free(f);
    furrow_array_free(d);
    return furrow_pool_close(pool) != 0;
}
