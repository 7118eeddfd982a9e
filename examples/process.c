/* SPDX-License-Identifier: MIT
 *
 * A function of the program in a process of its own.
 */
#include <furrow.h>
#include <stdio.h>

static int greet(void *arg, size_t size)
{
    (void)size;
    printf("hello %s\n", (const char *)arg);
    fflush(stdout);
    return 3;
}

int main(void)
{
    furrow_process *p;
    int code = -1;

    furrow_init();
    p = furrow_process_new(greet, "bob", sizeof "bob", NULL);
    if (furrow_process_start(p) || furrow_process_join(p, FURROW_FOREVER) ||
        furrow_process_exit_code(p, &code))
        furrow_perror("process");
    printf("%s ended with code %d\n", furrow_process_name(p), code);
    return furrow_process_free(p);
}
