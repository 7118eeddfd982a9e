/* SPDX-License-Identifier: MIT
 *
 * furrow-worker: what start methods spawn and forkserver may run in place of the program,
 * whose functions are then those of shared objects.
 */
#include "furrow_process.h"

#include <stdio.h>

int main(void)
{
    (void)furrow_init();
    fputs("furrow-worker is run by programs that use furrow, not by hand\n", stderr);
    return 1;
}
