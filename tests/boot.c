/* SPDX-License-Identifier: MIT
 *
 * Linked into every test program. The main() of a suite is its framework's, which runs
 * the program anew for each test: what a test starts by spawn or forkserver is taken over
 * before that main().
 */
#include "furrow_process.h"

__attribute__((constructor)) static void boot(void)
{
    (void)furrow_init();
}
