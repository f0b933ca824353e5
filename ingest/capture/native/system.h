/* What the front has instead of a C library: system calls, memory, text. */

#ifndef PROVGRAPH_SYSTEM_H
#define PROVGRAPH_SYSTEM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "../calls.h"

/* ---- text and memory: the compiler calls the first four by itself ------------------------------ */

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);
void *memmove(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#if defined(__x86_64__)
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
    void *t = to;
    __asm__ volatile("rep movsb" : "+D"(t), "+S"(from), "+c"(n)::"memory");
    return to;
}
void *memset(void *to, int byte, size_t n) {
    void *t = to;
    __asm__ volatile("rep stosb" : "+D"(t), "+c"(n) : "a"(byte) : "memory");
    return to;
}
#else
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
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
void *memset(void *to, int byte, size_t n) {
    unsigned char *t = to;
    for (; n; n--) {
        *t++ = (unsigned char)byte;
        __asm__ volatile("" ::: "memory");
    }
    return to;
}
#endif

void *memmove(void *to, const void *from, size_t n) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f) return memcpy(to, from, n); /* both copy upwards */
    while (n--) {
        t[n] = f[n];
        __asm__ volatile("" ::: "memory");
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t n) {
    const unsigned char *x = a, *y = b;
    for (uint64_t one, other; n >= 8; n -= 8, x += 8, y += 8) {
        __builtin_memcpy(&one, x, 8);
        __builtin_memcpy(&other, y, 8);
        if (one != other) break;
    }
    for (; n; n--, x++, y++) {
        if (*x != *y) return *x < *y ? -1 : 1;
        __asm__ volatile("" ::: "memory");
    }
    return 0;
}

#define memcpy __builtin_memcpy /* a few bytes, whose number is known, need no call */

static size_t length_of(const char *text) {
    size_t n = 0;
    for (; text[n]; n++) __asm__ volatile("");
    return n;
}

/* Bytes that are somewhere else; not ended by a zero. */
struct slice {
    const char *at;
    size_t size;
};

/* In tables, whose lengths the compiler knows. */
#define WORD(text) {text, sizeof text - 1}

static struct slice slice_of(const char *text) { return (struct slice){text, length_of(text)}; }

static bool same(struct slice a, struct slice b) {
    return a.size == b.size && memcmp(a.at, b.at, a.size) == 0;
}

static bool is_any(struct slice text, const struct slice *of) {
    for (; of->at; of++)
        if (of->size == text.size && *of->at == *text.at && same(text, *of)) return true;
    return false;
}

static bool begins(struct slice text, const char *with) {
    size_t n = length_of(with);
    return text.size >= n && memcmp(text.at, with, n) == 0;
}

static bool ends(struct slice text, const char *with) {
    size_t n = length_of(with);
    return text.size >= n && memcmp(text.at + text.size - n, with, n) == 0;
}

static bool contains(struct slice text, const char *part) {
    size_t n = length_of(part);
    for (size_t at = 0; at + n <= text.size; at++)
        if (text.at[at] == *part && memcmp(text.at + at, part, n) == 0) return true;
    return false;
}

/* The text before the first `mark`, which is taken from `rest` with the mark. */
static struct slice until(struct slice *rest, char mark) {
    size_t n = 0;
    while (n < rest->size && rest->at[n] != mark) n++;
    struct slice found = {rest->at, n};
    size_t taken = n < rest->size ? n + 1 : n;
    rest->at += taken, rest->size -= taken;
    return found;
}

static struct slice last_part(struct slice path) {
    size_t n = path.size;
    while (n && path.at[n - 1] != '/') n--;
    return (struct slice){path.at + n, path.size - n};
}

static uint64_t number_in(struct slice *text) {
    uint64_t n = 0;
    while (text->size && *text->at == ' ') text->at++, text->size--;
    for (; text->size && *text->at >= '0' && *text->at <= '9'; text->at++, text->size--)
        n = n * 10 + (uint64_t)(*text->at - '0');
    return n;
}

static bool failed(const void *at) { return (unsigned long)at > -4096ul; }

enum { PATH_ROOM = 4096 };

static int open_at(int folder, const char *path, int flags, int mode) {
    return (int)call4(SYS_openat, folder, path, flags | O_CLOEXEC, mode);
}
static void close_file(int file) { call1(SYS_close, file); }

static void *map_own(size_t size) {
    return (void *)call6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* What is known of a run grows with it. The first MOST_OWN of it are memory; of what comes later each large
 * piece is a file without a name, made at `room_path` and gone with its mapping, which the kernel can write
 * out. It has its blocks before it is mapped, so that a full disk is seen here and not as a fault later.
 * Where it cannot be had, `room_lacks`, and what would stand there is not known. */
enum { MOST_OWN = 16 << 20, LARGE_ROOM = 1 << 20 };
static char room_path[PATH_ROOM];
static size_t own;
static bool room_lacks;

static void *map_room(size_t size) {
    void *at = (void *)-1l;
    int file = *room_path && !room_lacks ? open_at(AT_FDCWD, room_path, O_RDWR | O_CREAT | O_EXCL, 0600) : -1;
    if (file >= 0) {
        call3(SYS_unlinkat, AT_FDCWD, room_path, 0);
        if (call4(SYS_fallocate, file, 0, 0, size) == 0)
            at = (void *)call6(SYS_mmap, 0, (long)size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close_file(file);
    }
    if (failed(at)) room_lacks = true;
    return at;
}

static bool is_too_much(size_t size) { return size >= LARGE_ROOM && own + size > MOST_OWN; }

static void *map_memory(size_t size) {
    if (is_too_much(size)) return map_room(size);
    own += size;
    return map_own(size);
}

static void give_back(void *at, size_t size) {
    if (size >= 1 << 16) call2(SYS_munmap, at, size);
}

/* Memory that is never given back. NULL where there is none. */
static void *keep(size_t size) {
    static char first[1 << 14], *at = first;
    static size_t left = sizeof first;
    size = (size + 15) & ~(size_t)15;
    if (size > left) {
        size_t least = is_too_much(LARGE_ROOM) ? 4 * LARGE_ROOM : 1 << 18;
        size_t room = size > least ? size : least;
        char *fresh = map_memory(room);
        if (failed(fresh)) return NULL;
        at = fresh, left = room;
    }
    char *found = at;
    at += size, left -= size;
    return found;
}

/* Bytes that grow. `lost` where there was no memory for some; then no others come behind them. */
struct buffer {
    char *at;
    size_t size, room;
    bool lost;
};

static char *enlarged(const struct buffer *b, size_t room) {
    size_t more = room - b->room; /* as much as it has, or more: one that is a file stays one */
    if (b->at && !is_too_much(more)) {
        own += more;
        return (char *)call4(SYS_mremap, b->at, b->room, room, MREMAP_MAYMOVE);
    }
    char *fresh = map_memory(room);
    if (failed(fresh) || !b->at) return fresh;
    memcpy(fresh, b->at, b->size);
    call2(SYS_munmap, b->at, b->room);
    return fresh;
}

static char *extend(struct buffer *b, size_t by) {
    if (b->lost) return NULL;
    if (b->size + by > b->room) {
        size_t room = b->room ? b->room * 2 : 1 << 14;
        while (room < b->size + by) room *= 2;
        char *fresh = enlarged(b, room);
        if (failed(fresh)) {
            b->lost = true;
            return NULL;
        }
        b->at = fresh, b->room = room;
    }
    b->size += by;
    return b->at + b->size - by;
}

static void empty(struct buffer *b) {
    if (b->room) call2(SYS_munmap, b->at, b->room);
    *b = (struct buffer){.lost = b->lost};
}

static void append(struct buffer *b, const void *from, size_t size) {
    char *to = extend(b, size);
    if (to) memcpy(to, from, size);
}

static void append_number(struct buffer *b, uint32_t n) { append(b, &n, sizeof n); }

/* As the readers have texts: a length and the bytes. */
static void append_text(struct buffer *b, struct slice text) {
    append_number(b, (uint32_t)text.size);
    append(b, text.at, text.size);
}

/* A text that ends by a zero, made of parts; NULL where it would be longer than `room`. */
static char *joined(char *to, size_t room, const char *const *parts) {
    size_t used = 0;
    for (; *parts; parts++) {
        size_t n = length_of(*parts);
        if (used + n + 1 > room) return NULL;
        memcpy(to + used, *parts, n);
        used += n;
    }
    to[used] = 0;
    return to;
}
#define JOIN(to, ...) joined(to, sizeof(to), (const char *const[]){__VA_ARGS__, NULL})

static char *text_kept(struct slice text) {
    char *to = keep(text.size + 1);
    if (to) memcpy(to, text.at, text.size), to[text.size] = 0;
    return to;
}

static uint64_t hash_of(struct slice text) { /* FNV-1a */
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t n = 0; n < text.size; n++) h = (h ^ (unsigned char)text.at[n]) * 0x100000001b3u;
    return h ^ h >> 32;
}

/* ---- files ------------------------------------------------------------------------------------ */

/* What identifies one state of one file, as the spool and the journal have it. */
struct state {
    uint64_t device, inode;
    int64_t size, mtime, ctime;
};

static struct state state_of(const struct stat *s) {
    return (struct state){s->st_dev, s->st_ino, s->st_size,
                          (int64_t)s->st_mtim.tv_sec * 1000000000 + s->st_mtim.tv_nsec,
                          (int64_t)s->st_ctim.tv_sec * 1000000000 + s->st_ctim.tv_nsec};
}

static bool same_state(const struct state *a, const struct state *b) {
    return a->inode == b->inode && a->size == b->size && a->mtime == b->mtime &&
           a->ctime == b->ctime && a->device == b->device;
}

static bool stat_at(int folder, const char *path, struct stat *s, int flags) {
    return call4(SYS_newfstatat, folder, path, s, flags) == 0;
}
static bool is_folder(const char *path) {
    struct stat s;
    return stat_at(AT_FDCWD, path, &s, 0) && S_ISDIR(s.st_mode);
}
static bool is_there(const char *path) {
    struct stat s;
    return stat_at(AT_FDCWD, path, &s, AT_SYMLINK_NOFOLLOW);
}
static bool may(const char *path, int how) { return call3(SYS_faccessat, AT_FDCWD, path, how) == 0; }

/* The first bytes of a file, as many as there is room for; -1 where it cannot be read. */
static long read_file(const char *path, char *to, size_t room) {
    int file = open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (file < 0) return -1;
    size_t size = 0;
    long n = 0;
    while (size < room && (n = call3(SYS_read, file, to + size, room - size)) > 0) size += (size_t)n;
    close_file(file);
    return n < 0 ? -1 : (long)size;
}

static bool write_all(int file, const void *from, size_t size, uint64_t offset) {
    const char *at = from;
    while (size) {
        long n = call4(SYS_pwrite64, file, at, size, offset);
        if (n <= 0) return false;
        at += n, size -= (size_t)n, offset += (uint64_t)n;
    }
    return true;
}

/* A file's bytes, mapped; empty where there are none. Who truncates it meanwhile makes zeros of it
 * (see `on_bus_error`). */
static struct slice mapped(int file) {
    struct slice none = {NULL, 0};
    struct stat s;
    if (call2(SYS_fstat, file, &s) < 0 || !S_ISREG(s.st_mode) || s.st_size <= 0) return none;
    void *at = (void *)call6(SYS_mmap, 0, s.st_size, PROT_READ, MAP_SHARED, file, 0);
    if (failed(at)) /* some storage has no shared mappings */
        at = (void *)call6(SYS_mmap, 0, s.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    return failed(at) ? none : (struct slice){at, (size_t)s.st_size};
}

static struct slice mapped_file(const char *path) {
    int file = open_at(AT_FDCWD, path, O_RDONLY, 0);
    if (file < 0) return (struct slice){NULL, 0};
    struct slice bytes = mapped(file);
    close_file(file);
    return bytes;
}

/* ---- time ------------------------------------------------------------------------------------- */

static uint64_t clock_now(int clock) {
    struct timespec t = {0, 0};
    call2(SYS_clock_gettime, clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
static uint64_t tick(void) { return clock_now(CLOCK_BOOTTIME); }
static uint64_t wall(void) { return clock_now(CLOCK_REALTIME); }

/* ---- signals ---------------------------------------------------------------------------------- */

typedef uint64_t signals;
#define SIGNAL(n) ((signals)1 << ((n) - 1))

typedef void (*handler)(int, siginfo_t *, void *);
struct kernel_action {
    handler handler;
    unsigned long flags;
    void (*restorer)(void);
    signals mask;
};

#if defined(__x86_64__)
void restore_frame(void);
__asm__(".text\nrestore_frame:\n mov $15, %eax\n syscall\n"); /* rt_sigreturn */
#define RESTORED 0x04000000ul
#else
static void restore_frame(void) {}
#define RESTORED 0ul
#endif

/* What is mapped of a file that somebody made shorter reads as zeros, instead of ending us. */
static void on_bus_error(int number, siginfo_t *about, void *context) {
    (void)number, (void)context;
    char *page = (char *)((unsigned long)about->si_addr & ~4095ul);
    long made = call6(SYS_mmap, (long)page, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (made < 0) call1(SYS_exit_group, 128 + SIGBUS);
}

#define IGNORED ((handler)1l)

static long action(int number, const struct kernel_action *set, struct kernel_action *was) {
    return call4(SYS_rt_sigaction, number, set, was, sizeof(signals));
}

static long block(int how, signals set, signals *was) {
    return call4(SYS_rt_sigprocmask, how, &set, was, sizeof(signals));
}

/* The number of a signal of the set that arrived within so many nanoseconds, or less than 1. */
static long take_signal(signals set, uint64_t nanoseconds, siginfo_t *about) {
    struct timespec t = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
    return call4(SYS_rt_sigtimedwait, &set, about, &t, sizeof(signals));
}

#endif
