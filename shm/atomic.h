/* SPDX-License-Identifier: MIT
 *
 * The atomic operations that furrow uses: a dozen, with the memory order in each name.
 *
 * Words shared by processes are _Atomic uint32_t or _Atomic uint64_t, lock-free and
 * therefore address-free (asserted below). Where an announcement must be visible before
 * something else is looked at (Dekker), both sides use a seqcst operation; free-standing
 * fences are not used, for neither ThreadSanitizer nor a reader can tell which pair they
 * belong to.
 *
 * Each release names the acquire that it pairs with, and the other way round:
 *     release: ring.tail -> ring_take()        acquire: ring.tail <- ring_put()
 */
#ifndef FW_ATOMIC_H
#define FW_ATOMIC_H

#include <stdatomic.h>
#include <stdint.h>

_Static_assert(sizeof(void *) == 8, "furrow is for 64-bit systems");
_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
               "shared words must be lock-free to be address-free");

#define fw_load_relaxed(p)     atomic_load_explicit((p), memory_order_relaxed)
#define fw_load_acquire(p)     atomic_load_explicit((p), memory_order_acquire)
#define fw_load_seqcst(p)      atomic_load_explicit((p), memory_order_seq_cst)
#define fw_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define fw_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define fw_store_seqcst(p, v)  atomic_store_explicit((p), (v), memory_order_seq_cst)
#define fw_swap_seqcst(p, v)   atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define fw_add_relaxed(p, v)   atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define fw_add_seqcst(p, v)    atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)

/* 1 and the new value is in, or 0 and *expected is what was there. Never spurious. */
#define fw_cas_seqcst(p, expected, v)                                                  \
    atomic_compare_exchange_strong_explicit(                                           \
        (p), (expected), (v), memory_order_seq_cst, memory_order_seq_cst)

/* Order for a reader who has seen this process end: the compiler's alone is enough, for
 * a kill falls between two instructions and all before it have happened. */
static inline void fw_fence_death(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* ThreadSanitizer maps its shadow where the heap would like to be. */
#if defined(__SANITIZE_THREAD__)
#define FW_UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FW_UNDER_TSAN 1
#endif
#endif
#ifndef FW_UNDER_TSAN
#define FW_UNDER_TSAN 0
#endif

/* Ask for the line of *p in order to write it: so that it is on its way while we work. */
static inline void fw_prefetch_write(const volatile void *p)
{
#if defined(__x86_64__)
    /* the builtin gives a plain prefetch unless told of a newer processor */
    __asm__ volatile("prefetchw %0" ::"m"(*(const volatile char *)p));
#else
    __builtin_prefetch((const void *)p, 1);
#endif
}

/* The processor's spin-wait hint. On aarch64 YIELD does nothing on most cores; ISB waits
 * for some ten nanoseconds. WFE would wait for the line itself, but nobody can say for how
 * long without an event: the system may have turned the timer's off. */
static inline void fw_pause(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#endif
}

#endif
