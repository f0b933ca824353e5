/* What the shim and the tracer stand on: raw system calls, memory and text, without any libc.
 *
 * Both are built without dependencies, and neither may touch errno or allocate through a program's own
 * libc. */

#ifndef PROVGRAPH_SYSTEM_H
#define PROVGRAPH_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "calls.h"

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

#define HIDDEN __attribute__((visibility("hidden")))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define load(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define store(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define add(p, v) __atomic_fetch_add(p, v, __ATOMIC_ACQ_REL)
#define swap(p, old, new) \
    __atomic_compare_exchange_n(p, old, new, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

/* Not every program of ours uses all that stands here. */
#define SHARED __attribute__((unused)) static

/* ---- system calls ---------------------------------------------------------------------------- */

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

SHARED int raw_open(int at, const char *path, int flags) {
    return (int)call4(SYS_openat, at, path, flags | O_CLOEXEC, 0);
}
SHARED void raw_close(int fd) { call1(SYS_close, fd); }
SHARED bool raw_fstat(int fd, struct stat *s) { return call2(SYS_fstat, fd, s) == 0; }
SHARED bool raw_stat(int at, const char *path, struct stat *s, int flags) {
    return call4(SYS_newfstatat, at, path, s, flags) == 0;
}
SHARED long raw_fcntl(int fd, int what) { return call3(SYS_fcntl, fd, what, 0); }
SHARED uint32_t raw_getpid(void) { return (uint32_t)call1(SYS_getpid, 0); }
SHARED void *raw_mmap(size_t size, int protection, int flags, int fd, uint64_t offset) {
    long at = call6(SYS_mmap, 0, (long)size, protection, flags, fd, (long)offset);
    return at < 0 && at > -4096 ? NULL : (void *)at;
}

/* ---- memory and text ----------------------------------------------------------------------------
 *
 * The compiler may call the first two by itself. The empty statements keep it from seeing in a loop
 * the very function that the loop is. */

HIDDEN void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    unsigned char *t = to;
    const unsigned char *f = from;
    for (; n >= 8; n -= 8, t += 8, f += 8) {
        uint64_t eight;
        __builtin_memcpy(&eight, f, 8);
        __builtin_memcpy(t, &eight, 8);
        __asm__ volatile("" ::: "memory");
    }
    for (; n; n--) {
        *t++ = *f++;
        __asm__ volatile("" ::: "memory");
    }
    return to;
}

HIDDEN void *memset(void *to, int byte, size_t n) {
    unsigned char *t = to;
    for (; n; n--) {
        *t++ = (unsigned char)byte;
        __asm__ volatile("" ::: "memory");
    }
    return to;
}

SHARED size_t length_of(const char *text) {
    size_t n = 0;
    for (; text[n]; n++) __asm__ volatile("");
    return n;
}

SHARED bool equal(const char *a, const char *b) {
    while (*a && *a == *b) a++, b++;
    return *a == *b;
}

SHARED bool begins(const char *text, const char *prefix) {
    while (*prefix)
        if (*text++ != *prefix++) return false;
    return true;
}

SHARED bool contains(const char *text, const char *part) {
    for (; *text; text++)
        if (begins(text, part)) return true;
    return *part == 0;
}

SHARED char *decimal(char *to, unsigned number) {
    char digits[12];
    int n = 0;
    do digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n) *to++ = digits[--n];
    *to = 0;
    return to;
}

#endif
