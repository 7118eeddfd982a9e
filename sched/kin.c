/* SPDX-License-Identifier: MIT
 *
 * This process and its parent, as handles of their own in private memory.
 */
#include "kin.h"

#include "participant.h"
#include "status.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static furrow_process self = {
    .magic = FW_PROCESS_MAGIC, .is = {.name = "MainProcess"}, .state = FW_PROCESS_RUNS};
static furrow_process parent = {.magic = FW_PROCESS_MAGIC, .state = FW_PROCESS_RUNS};
static uint64_t parent_start;
static int has_parent;
static int parent_pidfd = -1; /* once somebody wants to wait for it */
static _Atomic uint32_t children;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the key and the pidfd */

static _Thread_local furrow_process *current;

void fw_kin_become(const fw_identity *is, const fw_parent *by)
{
    self.is = *is;
    parent.is = (fw_identity){0};
    memcpy(parent.is.name, by->name, sizeof parent.is.name);
    fw_store_relaxed(&parent.pid, by->pid);
    parent_start = by->start_time;
    has_parent = 1;
    fw_os_close(parent_pidfd);
    parent_pidfd = -1;
    fw_store_relaxed(&children, 0);
    current = NULL;
    pthread_mutex_init(&lock, NULL); /* another thread may have had it */
}

void fw_kin_thread(furrow_process *p)
{
    current = p;
}

int fw_kin_is(const furrow_process *p)
{
    return p == &self || p == current ? FW_KIN_SELF : p == &parent ? FW_KIN_PARENT : 0;
}

void fw_kin_self(fw_parent *out)
{
    fw_participant_identity(&out->pid, &out->start_time);
    snprintf(out->name, sizeof out->name, "%s", furrow_process_current()->is.name);
}

unsigned fw_kin_next(void)
{
    return fw_add_relaxed(&children, 1) + 1;
}

furrow_process *furrow_process_current(void)
{
    if (current)
        return current;
    fw_store_relaxed(&self.pid, fw_os_pid());
    return &self;
}

furrow_process *furrow_process_parent(void)
{
    return has_parent ? &parent : NULL;
}

int fw_kin_parent_gone(void)
{
    return fw_os_process_gone(fw_load_relaxed(&parent.pid), parent_start);
}

int fw_kin_parent_sentinel(void)
{
    int fd;

    pthread_mutex_lock(&lock);
    if (parent_pidfd < 0)
        parent_pidfd = fw_os_pidfd_open(fw_load_relaxed(&parent.pid));
    fd = parent_pidfd;
    pthread_mutex_unlock(&lock);
    if (fd < 0)
        return fw_fail_os(-fd, "the process that started this one cannot be watched");
    return fd;
}

int fw_kin_parent_join(furrow_deadline deadline)
{
    while (!fw_kin_parent_gone()) {
        int64_t now = fw_os_now(), tick = now + 20 * 1000 * 1000;

        if (now >= deadline)
            return fw_fail(FURROW_ETIME,
                           "the process that started this one still runs");
        (void)fw_os_readable(NULL, 0, tick < deadline ? tick : deadline);
    }
    return 0;
}

int fw_kin_key(fw_identity *out)
{
    int rc = 0;

    pthread_mutex_lock(&lock);
    if (!self.is.key_size) {
        rc = fw_os_random(self.is.key, 32);
        self.is.key_size = rc == 0 ? 32 : 0;
    }
    out->key_size = self.is.key_size;
    memcpy(out->key, self.is.key, sizeof out->key);
    pthread_mutex_unlock(&lock);
    return rc < 0 ? fw_fail_os(-rc, "no random bytes for a key") : 0;
}
