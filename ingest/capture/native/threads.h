/* BLAKE3 of large files by all cores: the groups of a piece are hashed by threads, and joined by the one
 * that asks. Threads live as long as a piece does, so that nobody has to end them; where none can be had,
 * the one that asks does it all. */

#ifndef PROVGRAPH_THREADS_H
#define PROVGRAPH_THREADS_H

#include <linux/futex.h>
#include <sched.h>

#include "blake3.h"
#include "system.h"

enum { MOST_THREADS = 8, STACK_BYTES = 1 << 16, GROUPS_AT_ONCE = 8 };
enum { LARGE_PIECE = 8 << 20, GROUPS_OF_A_PIECE = LARGE_PIECE / (GROUP * CHUNK_BYTES) };
#define A_THREAD                                                                              \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |        \
     CLONE_CHILD_CLEARTID)

/* What clone(2) gives; `*running` is 0, and who waits for it is woken, when `work` has returned. */
long start_thread(unsigned long flags, void *stack, void (*work)(void), uint32_t *running);

#if defined(__x86_64__)
__asm__(".text\n.globl start_thread\n.hidden start_thread\n.type start_thread, @function\n"
        "start_thread:\n"
        " sub $16, %rsi\n mov %rdx, (%rsi)\n mov %rcx, %r10\n xor %edx, %edx\n xor %r8d, %r8d\n"
        " mov $56, %eax\n syscall\n test %rax, %rax\n jnz 1f\n"
        " xor %ebp, %ebp\n mov (%rsp), %rax\n add $16, %rsp\n call *%rax\n"
        " xor %edi, %edi\n mov $60, %eax\n syscall\n"
        "1: ret\n");
#else
__asm__(".text\n.globl start_thread\n.hidden start_thread\n.type start_thread, %function\n"
        "start_thread:\n"
        " str x2, [x1, #-16]!\n mov x4, x3\n mov x2, #0\n mov x3, #0\n mov x8, #220\n svc #0\n"
        " cbnz x0, 1f\n ldr x1, [sp], #16\n mov x29, #0\n mov x30, #0\n blr x1\n"
        " mov x0, #0\n mov x8, #93\n svc #0\n"
        "1: ret\n");
#endif

/* The groups that are to be hashed: who is free takes the next few. */
static struct {
    const uint8_t *at;
    uint64_t first;
    uint32_t count, next;
    uint32_t values[GROUPS_OF_A_PIECE][8];
} lot;

static void hash_lot(void) {
    for (;;) {
        uint32_t from = __atomic_fetch_add(&lot.next, GROUPS_AT_ONCE, __ATOMIC_RELAXED);
        if (from >= lot.count) return;
        uint32_t to = from + GROUPS_AT_ONCE < lot.count ? from + GROUPS_AT_ONCE : lot.count;
        for (uint32_t n = from; n < to; n++)
            blake3_group(lot.at + n * GROUP_BYTES, (lot.first + n) * GROUP, lot.values[n]);
    }
}

static int cores(void) {
    uint64_t mask[16] = {0};
    int count = 0;
    call3(SYS_sched_getaffinity, 0, sizeof mask, mask);
    for (int n = 0; n < 16; n++)
        for (; mask[n]; mask[n] &= mask[n] - 1) count++;
    return count < MOST_THREADS ? count : MOST_THREADS;
}

/* `blake3_add` of a piece that is part of a large file, and as large as most; `meanwhile` is done while the
 * threads work. */
static void add_by_threads(struct blake3 *b, const uint8_t *at, size_t size, void (*meanwhile)(size_t)) {
    static unsigned char *stacks;
    static int threads = -1;
    uint32_t running[MOST_THREADS] = {0}, now;
    if (threads < 0) {
        threads = cores() - 1;
        stacks = threads > 0 ? map_own((size_t)threads * STACK_BYTES) : NULL;
        if (failed(stacks)) threads = 0;
        blake3_group(at, 0, lot.values[0]); /* decides how, for all */
    }
    if (b->count == GROUP_BYTES) blake3_take(b, b->held), b->count = 0;
    lot.at = at, lot.first = b->groups, lot.next = 0;
    lot.count = b->count ? 0 : (uint32_t)((size - 1) / GROUP_BYTES);
    for (int n = 0; n < threads; n++) {
        running[n] = 1;
        if (start_thread(A_THREAD, stacks + (size_t)(n + 1) * STACK_BYTES, hash_lot, &running[n]) < 0)
            running[n] = 0;
    }
    meanwhile(size);
    hash_lot();
    for (int n = 0; n < threads; n++)
        while ((now = __atomic_load_n(&running[n], __ATOMIC_ACQUIRE)))
            call4(SYS_futex, &running[n], FUTEX_WAIT, now, NULL);
    for (uint32_t n = 0; n < lot.count; n++)
        blake3_push(b->stack, &b->depth, lot.values[n], ++b->groups);
    size_t done = lot.count * GROUP_BYTES;
    blake3_add(b, at + done, size - done);
}

#endif
