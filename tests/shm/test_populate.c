/* SPDX-License-Identifier: MIT
 *
 * Taking the memory of an array: what can be taken, what is refused.
 */
#include "child.h"
#include "furrow_shm.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static int read_only_file(void *arg)
{
    char path[] = "/tmp/furrow-populate-XXXXXX";
    furrow_array *a = furrow_array_new('d', 1000, NULL), *b;
    int fd = mkstemp(path), rc;

    (void)arg;
    child_want(fd >= 0 && a);
    rc = furrow_npy_save(a, path);
    b = furrow_npy_map(path, 0);
    unlink(path);
    close(fd);
    child_want(rc == 0 && b);
    child_want(furrow_array_populate(b) == 0); /* there are no later writes */
    child_want(((const double *)b->data)[999] == 0.0);
    child_want(furrow_array_free(b) == 0);
    return 0;
}

Test(populate, leaves_what_is_mapped_read_only)
{
    cr_assert_eq(child_run(read_only_file, NULL), 0);
}
