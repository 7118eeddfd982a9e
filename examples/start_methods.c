/* SPDX-License-Identifier: MIT
 *
 * The same function by every start method: what it writes lies in the shared heap.
 */
#include <furrow.h>
#include <stdio.h>

static int answer(void *arg, size_t size)
{
    furrow_array *value = *(furrow_array **)arg;

    (void)size;
    *(double *)value->data += 1.5;
    return 0;
}

static int by(furrow_start method, furrow_array *value)
{
    furrow_process_options o = {.start = method};
    furrow_process *p = furrow_process_new(answer, &value, sizeof value, &o);

    if (furrow_process_start(p) || furrow_process_join(p, FURROW_FOREVER))
        furrow_perror(furrow_start_name(method));
    printf("%s: %g\n", furrow_start_name(method), *(double *)value->data);
    return furrow_process_free(p);
}

int main(void)
{
    furrow_array *value;

    furrow_init();
    value = furrow_value_new('d');
    by(FURROW_START_THREAD, value);
    by(FURROW_START_FORK, value);
    by(FURROW_START_SPAWN, value);
    by(FURROW_START_FORKSERVER, value);
    return furrow_array_free(value);
}
