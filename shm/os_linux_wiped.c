/* SPDX-License-Identifier: MIT
 *
 * Pages that read as zeros in a forked child: what a process knows of itself alone.
 *
 * The kernel wipes them, however the fork was made; emulators do not, so a fork handler
 * does, too. It goes by a table of the pages there are, whose entries are never taken back.
 */
#include "os.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGES = 8 };

static void *_Atomic page_of[PAGES];
static _Atomic uint32_t pages;

static void wipe(void)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        void *page = fw_load_relaxed(&page_of[i]);

        if (page)
            memset(page, 0, FW_PAGE);
    }
}

static void mind_forks(void)
{
    (void)pthread_atfork(NULL, NULL, wipe);
}

static int map(void **out)
{
    int rc;

    *out =
        mmap(NULL, FW_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*out == MAP_FAILED)
        return -errno;
    if (madvise(*out, FW_PAGE, MADV_WIPEONFORK) == 0)
        return 0;
    rc = -errno;
    munmap(*out, FW_PAGE);
    return rc;
}

int fw_os_page_wiped_on_fork(void *_Atomic *slot, void **out)
{
    static pthread_once_t minded = PTHREAD_ONCE_INIT;
    void *nothing = NULL;
    uint32_t i;
    int rc;

    *out = fw_load_acquire(slot);
    if (*out)
        return 0;
    pthread_once(&minded, mind_forks);
    rc = map(out);
    if (rc < 0)
        return rc;
    if (!fw_cas_seqcst(slot, &nothing, *out)) {
        munmap(*out, FW_PAGE);
        *out = nothing;
        return 0;
    }
    i = fw_add_seqcst(&pages, 1);
    if (i < PAGES)
        fw_store_relaxed(&page_of[i], *out);
    return 0;
}
