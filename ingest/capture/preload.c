/* What a program does to files, seen from inside: the shim that LD_PRELOAD puts before libc.
 *
 * In: PROVGRAPH_SPOOL, the path of a spool made by spool.py. Out: records in that spool (preload.h,
 * docs/spool-format.md). It never changes what the program asked for, never allocates through libc,
 * never prints, keeps errno, and when anything of its own fails it sets a gap and is silent.
 *
 * How it stays cheap and harmless:
 * - No dependency and one relocation (`environ`). What it does for itself are raw system calls,
 *   which leave errno alone; what the program asked for goes to the next definition of the same
 *   function (as RTLD_NEXT would), so that other preloads, sanitizers and thread cancellation work.
 * - No lock: the spool is shared memory with atomic cursors, so a signal handler, a thread, or a
 *   process killed halfway disturbs nobody.
 * - vfork itself is libc's: the hook only notes that a child may share our memory and jumps there.
 *   A call with another pid than the state's is then such a guest, whose events carry its own pid and
 *   who never touches our table of descriptors; else it is a child of a fork that no hook saw.
 * - A process that only starts and ends pays for page faults before all: what is written lies in one
 *   page of our own data, one of the spool's head and one of its records.
 */

#include "direct.h"
#include "rings.h"
#include "target.h"

#include <sys/socket.h>

/* Macros in older headers of musl. */
#undef open64
#undef openat64
#undef creat64
#undef fopen64
#undef freopen64
#undef mkstemp64
#undef mkstemps64
#undef mkostemp64
#undef mkostemps64
#undef mmap64
#undef lseek64
#undef fseeko64
#undef fsetpos64
#undef sendfile64
#undef aio_read64
#undef lio_listio64
#undef truncate64
#undef fcntl64

#define NAMED(name) __asm__(name) __attribute__((visibility("default"), used))

/* All our data are one page (tests/capture/test_shim_build.py): a second one would be a map more in every process. What
 * few processes need is in the table. */
enum { TRACKED = 4096, NEAREST = 8, LIBRARIES = 32, GUESTS = 8, MODULE_FOLDERS = 512, LENT = 8, ROOM = 5 * PATHS };

/* ---- what the process keeps ------------------------------------------------------------------- */

/* One tracked descriptor. `opened` tells apart opens (ticks are unique in a process); 0 is free. */
struct entry {
    uint64_t opened;
    uint32_t flags; /* READABLE, WRITABLE, MAPPED and those below */
    uint32_t names; /* the spool's when `path` was right, or UNSETTLED */
    uint64_t device, inode;
    int64_t size, modified;
    void *stream; /* of fopen or fdopen: flushed before the last look at exit */
    uint64_t path; /* where its text is in the spool, or 0 */
    int64_t position; /* of what is WATCHED: where it stood at first */
};
enum { DUPED = 1 << 16, INHERITED = 1 << 17, LIVELY = 1 << 18, DATED = 1 << 19, CONNECTION = 1 << 20, WATCHED = 1 << 21,
       WROTE = 1 << 22, TOOK = 1 << 23 };

/* What a child in our memory has open. */
struct guest {
    uint32_t pid;
    int fd;
    struct entry entry;
};

/* Mapped when it is first needed. The first of `entries` and `tracks` stand in our own page. */
struct table {
    struct entry entries[TRACKED];
    uint64_t tracks[TRACKED / 64];
    uint64_t packets[TRACKED / 64];     /* a bit for each socket of packets that nothing came to so far */
    uint64_t folders[MODULE_FOLDERS];   /* of modules that one was told of for all */
    uint64_t libraries[LIBRARIES];      /* those that were told: hashes of their names */
    uint64_t changing;                  /* the inode of the last file that was opened to be read and changed */
    struct guest guests[GUESTS];        /* one child at a time is usual: the entries are not theirs */
    struct ring rings[RINGS];
    uint32_t ringed; /* the process that was said to do more with them than is seen */
    uint32_t lent;   /* a bit for each of these that somebody has */
    _Alignas(8) unsigned char rooms[LENT][ROOM];
};

enum { ASLEEP, WAKING, READY, SILENT, RESTRICTED };

static uint32_t readiness;
static uint32_t sharing; /* a vfork or the like was asked for */
static struct table *table;
static uint64_t nearest_tracks; /* a bit for each tracked descriptor */
static uint32_t top;            /* how many words of such bits were ever used */
static bool at_exit; /* a handler runs after all others; without one, the destructor must do */
static const ElfW(auxv_t) * auxiliary;
static struct link_map *maps, *last_map, *own_map;
static uint32_t borrowed, library_tables;
static uint64_t library; /* whose tables are named there, by how far from its beginning it says so */
static unsigned char scratch[976]; /* for short records: the stack would be one page more */
static struct entry nearest[NEAREST];

extern char **environ __attribute__((weak));
extern ElfW(Dyn) _DYNAMIC[] HIDDEN;

/* ---- names of files ---------------------------------------------------------------------------- */

static size_t put_descriptor_path(struct draft *d, int fd) {
    char link[32];
    memcpy(link, "/proc/self/fd/", 14);
    decimal(link + 14, (unsigned)fd);
    return put_link(d, link);
}

static void put_cwd(struct draft *d) {
    size_t room = (size_t)(d->end - d->at);
    long n = room > 5 ? call2(SYS_getcwd, d->at + 4, room - 4) : -ERANGE;
    if (n == -ERANGE || n == -ENAMETOOLONG) d->cut = true;
    n = n > 0 ? n - 1 : 0;
    put_u32(d, (uint32_t)n);
    d->at += n;
}

/* Writes the canonical text of a path without links; false, and nothing, if it does not fit. */
static bool put_plain_path(struct draft *d, const char *path) {
    struct draft to = *d;
    uint32_t none = 0;
    put(&to, &none, 4);
    if (path[0] != '/') {
        to.at -= 4;
        put_cwd(&to);
        if (to.at == d->at + 4 || d->at[4] != '/') return false;
        if (to.at == d->at + 5) to.at--;
    }
    unsigned char *root = d->at + 4;
    while (*path) {
        while (*path == '/') path++;
        size_t n = 0;
        while (path[n] && path[n] != '/') n++;
        if (n == 2 && path[0] == '.' && path[1] == '.') {
            while (to.at > root && *--to.at != '/') {
            }
        } else if (n && !(n == 1 && path[0] == '.')) {
            put(&to, "/", 1);
            put(&to, path, n);
        }
        path += n;
    }
    if (to.cut || to.at == root) return false;
    uint32_t size = (uint32_t)(to.at - root);
    memcpy(d->at, &size, 4);
    d->at = to.at;
    return true;
}

/* The absolute name of `path`, whose last part is not followed if it is a link. The folder may have
 * to be opened to be named; where it cannot, its text is taken. */
static void put_name(struct draft *d, int at, const char *path) {
    size_t n = length_of(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t base = n;
    while (base && path[base - 1] != '/') base--;
    if (n >= PATHS || (size_t)(d->end - d->at) < n + 16) {
        d->cut = true;
        put_u32(d, 0);
        return;
    }
    unsigned char *start = d->at;
    if (base == 0) {
        if (at == AT_FDCWD)
            put_cwd(d);
        else
            put_descriptor_path(d, at);
    } else {
        char *folder = (char *)d->at + 4;
        memcpy(folder, path, base);
        folder[base] = 0;
        int fd = raw_open(at, folder, O_PATH | O_DIRECTORY);
        if (fd >= 0) {
            put_descriptor_path(d, fd);
            raw_close(fd);
        } else if ((path[0] == '/' || at == AT_FDCWD) && put_plain_path(d, path)) {
            return; /* no descriptor is free, or the folder may not be looked into: its text must do */
        } else if (path[0] == '/') {
            put_text(d, path, base - (base > 1));
        } else {
            put_descriptor_path(d, at);
            put(d, "/", 1);
            put(d, path, base - 1);
        }
    }
    if (d->cut && d->at == start + 4) return; /* an empty name is none; a part of one would be another's */
    if (d->at == start + 4 + 1 && start[4] == '/') d->at--; /* the root has its slash already */
    put(d, "/", 1);
    put(d, path + base, n - base);
    uint32_t whole = (uint32_t)(d->at - start - 4);
    memcpy(start, &whole, 4);
}

/* Whether no part of `path` is a symbolic link, so that it can be made canonical by its text alone:
 * half as dear as to ask /proc for the name of a descriptor. From Linux 5.6 on. */
static bool is_without_links(const char *path) {
    static bool unknown;
    if (unknown) return false;
    struct {
        uint64_t flags, mode, resolve;
    } how = {O_PATH | O_CLOEXEC, 0, 4 /* RESOLVE_NO_SYMLINKS */};
    int fd = (int)call4(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd == -ENOSYS || fd == -EPERM) unknown = true;
    if (fd < 0) return false;
    raw_close(fd);
    return true;
}

/* ---- descriptors ------------------------------------------------------------------------------ */

/* Only words below `top` may be asked for, or those that there is a table for. */
static uint64_t *tracks(uint32_t word) { return word ? &load(&table)->tracks[word] : &nearest_tracks; }

static bool is_tracked(int fd) {
    return fd >= 0 && (uint32_t)fd / 64 < load(&top) && load(tracks((uint32_t)fd / 64)) >> fd % 64 & 1;
}

static struct entry *entry(int fd) { return fd < NEAREST ? &nearest[fd] : &load(&table)->entries[fd]; }

static struct entry *tracked(int fd) { return is_tracked(fd) ? entry(fd) : NULL; }

/* The first tracked descriptor from `fd` on, or -1. */
static int first_tracked(int fd) {
    for (uint32_t word = (uint32_t)fd / 64; word < load(&top); word++, fd = (int)word * 64) {
        uint64_t bits = load(tracks(word)) >> fd % 64;
        if (bits) return fd + __builtin_ctzll(bits);
    }
    return -1;
}

#define EACH_TRACKED(fd) \
    for (int fd = first_tracked(0); fd >= 0; fd = fd + 1 < TRACKED ? first_tracked(fd + 1) : -1)

static struct table *make_table(void) {
    struct table *none = NULL, *all = load(&table);
    if (all) return all;
    all = raw_mmap(sizeof *all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all && !swap(&table, &none, all)) call2(SYS_munmap, all, sizeof *all);
    return load(&table);
}

/* ---- room for paths ------------------------------------------------------------------------------
 *
 * The stack of a thread, or that a signal is handled on, may be as small as what a program itself needs there: what is
 * long is put together elsewhere, but on the first stack, which always has this much (Linux gives it no less). */

enum { FIRST_STACK = 128 << 10 };

static bool is_on_first_stack(void) {
    return (uintptr_t)auxiliary - (uintptr_t)__builtin_frame_address(0) < FIRST_STACK;
}

/* Some room, or NULL on the first stack, or where there is none. */
static unsigned char *borrow(void) {
    struct table *all = is_on_first_stack() ? NULL : make_table();
    if (!all) return NULL;
    for (int i = 0; i < LENT; i++)
        if (!(__atomic_fetch_or(&all->lent, 1u << i, __ATOMIC_ACQ_REL) >> i & 1)) return all->rooms[i];
    return raw_mmap(ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void give_back(unsigned char *room) {
    struct table *all = load(&table);
    if (!room) return;
    size_t i = ((uintptr_t)room - (uintptr_t)all->rooms) / ROOM;
    if (i < LENT)
        __atomic_fetch_and(&all->lent, ~(1u << i), __ATOMIC_ACQ_REL);
    else
        call2(SYS_munmap, room, ROOM);
}

/* `name` has that many bytes, which are to be given back: not by an attribute, as nothing here may need libgcc. */
#define ROOM_FOR(name, size)                                                              \
    unsigned char *name##_borrowed = borrow();                                            \
    unsigned char name##_own[name##_borrowed ? 1 : (size)] __attribute__((aligned(8)));   \
    unsigned char *const name = name##_borrowed ? name##_borrowed : name##_own
#define GIVE_BACK(name) give_back(name##_borrowed)

#define LONG_DRAFT(name, size)    \
    ROOM_FOR(name##_bytes, size); \
    struct draft name = {name##_bytes, name##_bytes + (size), false}

static bool track(int fd, const struct entry *e) {
    if (fd >= NEAREST && !make_table()) return false;
    *entry(fd) = *e;
    uint32_t seen = load(&top), words = (uint32_t)fd / 64 + 1;
    __atomic_fetch_or(tracks((uint32_t)fd / 64), 1ull << fd % 64, __ATOMIC_ACQ_REL);
    while (seen < words && !swap(&top, &seen, words)) {
    }
    return true;
}

static void untrack(int fd) {
    __atomic_fetch_and(tracks((uint32_t)fd / 64), ~(1ull << fd % 64), __ATOMIC_ACQ_REL);
}

static struct entry entry_of(uint64_t tick, uint32_t flags, const struct stat *s, uint64_t path) {
    struct entry e = {tick,
                      flags,
                      load(&spool->names),
                      (uint64_t)s->st_dev,
                      (uint64_t)s->st_ino,
                      (int64_t)s->st_size,
                      nanoseconds(&s->st_mtim),
                      NULL,
                      path,
                      0};
    return e;
}

static bool changed(const struct entry *e, const struct stat *s) {
    return e->size != (int64_t)s->st_size || e->modified != nanoseconds(&s->st_mtim);
}

static bool same_file(const struct entry *e, const struct stat *s) {
    return e->device == (uint64_t)s->st_dev && e->inode == (uint64_t)s->st_ino;
}

static uint32_t access_of(int flags) {
    switch (flags & O_ACCMODE) {
    case O_RDONLY: return READABLE;
    case O_WRONLY: return WRITABLE;
    default: return READABLE | WRITABLE;
    }
}

/* The path of what is open as `fd`: not written again where it still is as it was. */
static bool is_path_known(const struct entry *e) { return e->path && e->names == load(&spool->names); }

static void put_known_path(struct draft *d, const struct entry *e, int fd) {
    if (is_path_known(e)) {
        put_u32(d, ELSEWHERE);
        put_u64(d, e->path);
    } else {
        put_descriptor_path(d, fd);
    }
}

/* The paths that stand in a draft are known to the process and to those that it starts once it is written: `at`
 * is where, `names` the spool's before they were asked for. */
enum { UNSETTLED = 0xffffffff };

static void settle_paths(const struct draft *d, const unsigned char *d_bytes, uint64_t at, uint32_t names) {
    EACH_TRACKED(fd) {
        struct entry *e = entry(fd);
        if (e->names != UNSETTLED) continue;
        uint64_t within = e->path - (uintptr_t)d_bytes;
        e->path = at && within < (size_t)(d->at - d_bytes) ? at + within : 0;
        e->names = names;
    }
}

enum { OTHERS = 61 };

static int64_t position_of(int fd) { return call3(SYS_lseek, fd, 0, SEEK_CUR); }

/* A `Descriptor`: u32 fd, u16 kind, u16 access, the stat, and for a file its path. Files are tracked
 * from `tick` on. `known` is what this image or the one before knew of it, which spares to ask. */
static bool put_descriptor(struct draft *d, int fd, uint64_t tick, const struct entry *known) {
    struct stat s;
    if (!raw_fstat(fd, &s)) return false;
    if (known && !same_file(known, &s)) known = NULL;
    uint16_t kind = kind_of(&s);
    uint16_t access = READABLE | WRITABLE;
    if (known)
        access = (uint16_t)(known->flags & (READABLE | WRITABLE));
    else if (kind == KIND_FILE || kind == KIND_PIPE)
        access = (uint16_t)access_of((int)raw_fcntl(fd, F_GETFL));
    if (kind == KIND_PIPE && access == READABLE && is_dead_pipe(fd)) kind = KIND_OTHER;
    if ((size_t)(d->end - d->at) < 72) {
        d->cut = true;
        return false;
    }
    put_u32(d, (uint32_t)fd);
    put(d, &kind, 2);
    put(d, &access, 2);
    put_stat(d, &s);
    if (kind != KIND_FILE) {
        put_u32(d, 0);
        if (kind == KIND_SOCKET && known && fd < TRACKED && !is_tracked(fd)) {
            struct entry e = entry_of(tick, READABLE | CONNECTION | INHERITED, &s, 0);
            track(fd, &e);
        }
        return true;
    }
    struct entry e = entry_of(tick, access | INHERITED, &s, known && is_path_known(known) ? known->path : 0);
    if (known) {
        e.flags |= known->flags & (DUPED | MAPPED);
        e.stream = known->stream;
    }
    if (fd > 2 && access & READABLE) {
        e.flags |= WATCHED;
        e.position = position_of(fd);
    }
    unsigned char *text = d->at;
    put_known_path(d, &e, fd);
    if (!is_path_known(&e) && d->at > text + 4) {
        e.names = UNSETTLED;
        e.path = (uintptr_t)text;
    }
    /* One that cannot be written to is never said to be closed here: its entry may stay as it is,
     * which in a forked child spares the copy of a page. */
    if (fd < TRACKED && (!is_tracked(fd) || access & WRITABLE || !known || entry(fd)->names == UNSETTLED))
        track(fd, &e);
    return true;
}

/* ---- who is calling --------------------------------------------------------------------------- */

enum { MANY_TOLD = 16 };
static uint32_t told_of; /* files that were opened, and children in our memory */

static void *look_up(const struct link_map *from, const char *name);

/* Who tells much asks the time without a system call. To find out how takes longer than that spares one who tells
 * little. */
static void count_told(void) {
#if defined(__x86_64__)
    static const char name[] = "__vdso_clock_gettime";
#else
    static const char name[] = "__kernel_clock_gettime";
#endif
    if (UNLIKELY(add(&told_of, 1) == MANY_TOLD)) clock_in_memory = (__typeof__(clock_in_memory))look_up(maps, name);
}

/* The three records that every process writes are short but for long paths: they are tried in the
 * scratch, and only then on the stack. `enough` says that what does not fit is cut. */
#define TRY(function, ...)                                                           \
    do {                                                                             \
        uint32_t free = 0;                                                           \
        bool done = false;                                                           \
        if (swap(&borrowed, &free, 1)) {                                             \
            done = function(scratch, sizeof scratch, false, __VA_ARGS__);            \
            store(&borrowed, 0);                                                     \
        }                                                                            \
        if (!done) function##_large(__VA_ARGS__);                                    \
    } while (0)

static bool write_forked(unsigned char *d_bytes, size_t room, bool enough, uint32_t pid,
                         uint64_t tick) {
    struct draft d = {d_bytes, d_bytes + room, false};
    unsigned char *counted = d.at;
    uint32_t count = 0, names = load(&spool->names);
    put_u32(&d, 0);
    for (int fd = 0; fd <= 2; fd++) count += put_descriptor(&d, fd, tick, tracked(fd));
    for (int fd = first_tracked(3); fd >= 0; fd = first_tracked(fd + 1))
        count += put_descriptor(&d, fd, tick, entry(fd));
    if (first_tracked(0) >= 0) put_u64(&d, now()); /* which is when their states were looked at */
    if (d.cut && !enough) return false;
    memcpy(counted, &count, 4);
    uint32_t parent = state->parent ? state->parent : (uint32_t)call1(SYS_getppid, 0);
    settle_paths(&d, d_bytes, WRITE(FORKED, 0, (int32_t)parent, pid, tick, d), names);
    return true;
}

static __attribute__((noinline)) void write_forked_large(uint32_t pid, uint64_t tick) {
    ROOM_FOR(room, 4 * PATHS);
    write_forked(room, 4 * PATHS, true, pid, tick);
    GIVE_BACK(room);
}

static void become_forked(uint32_t pid) {
    uint64_t tick = state->forked;
    if (!tick) tick = now();
    state->forked = tick;
    store(&state->tick, tick);
    add(&spool->cursor, 0); /* its page is first touched by a write: one fault instead of two */
    TRY(write_forked, pid, tick);
}

/* The pid of the caller, who is announced if it is new. */
static uint32_t caller(void) {
    uint32_t pid = raw_getpid(), seen = load(&state->pid);
    if (LIKELY(seen == pid)) return pid;
    if (seen && !load(&sharing)) { /* forked past our hooks */
        memset(state, 0, sizeof *state);
        seen = 0;
    }
    if (!seen) {
        store(&state->pid, pid);
        store(&borrowed, 0);
        become_forked(pid);
        return pid;
    }
    if (load(&state->guest) != pid) {
        store(&state->guest, pid);
        count_told();
        DRAFT(d, 8);
        put_u32(&d, 0);
        WRITE(FORKED, 0, (int32_t)call1(SYS_getppid, 0), pid, next_tick(), d);
    }
    return pid;
}

/* A child that shares our memory (vfork), whose descriptors are not those of our table. */
static bool is_guest(uint32_t pid) { return pid != state->pid; }

/* A descriptor that the table has no room for. */
static void too_high(int fd, uint32_t pid) {
    char number[12];
    if (state->overflowed) return;
    state->overflowed = 1;
    decimal(number, (unsigned)fd);
    missed(pid, "descriptor", number);
}

/* ---- waking up -------------------------------------------------------------------------------- */

/* The first environment, behind argv: NULL where libc does not know it yet, or the program has another by now. */
static char **first_environment(void) {
    uintptr_t here = (uintptr_t)&here, there = &environ ? (uintptr_t)environ : 0;
    return there < here || there - here > (64u << 20) ? NULL : environ;
}

static bool is_auxiliary(const ElfW(auxv_t) *a) {
    while (a->a_type != AT_NULL && a->a_type != AT_PHDR) a++;
    return a->a_type == AT_PHDR;
}

/* Sought below the random bytes of which the kernel tells: what it tells itself is of the loader, where that was told to
 * run a program, until the loader writes down there which program it is. */
static const ElfW(auxv_t) *seek_auxiliary(void) {
    enum { MOST = 64, ABOVE = 4096, TYPES = 256 };
    ElfW(auxv_t) all[MOST + 1];
    uintptr_t random = 0;
    int fd = raw_open(AT_FDCWD, "/proc/self/auxv", O_RDONLY);
    long n = fd < 0 ? 0 : call3(SYS_read, fd, all, MOST * sizeof *all);
    if (fd >= 0) raw_close(fd);
    for (long i = 0; i < n / (long)sizeof *all; i++)
        if (all[i].a_type == AT_RANDOM) random = all[i].a_un.a_val;
    for (uintptr_t at = random & ~(sizeof at - 1); random && random - at < ABOVE; at -= sizeof at) {
        const ElfW(auxv_t) *a = (const void *)at;
        if (a->a_type != AT_RANDOM || a->a_un.a_val != random) continue;
        while (a[-1].a_type && a[-1].a_type < TYPES) a--;
        return is_auxiliary(a) ? a : NULL;
    }
    return NULL;
}

/* It stands behind the environment, unless something was taken out of that: then that ends before. */
static bool find_auxiliary(char **env) {
    if (auxiliary) return true;
    while (env && *env) env++;
    const ElfW(auxv_t) *behind = (const void *)(env + 1);
    auxiliary = env && is_auxiliary(behind) ? behind : seek_auxiliary();
    return auxiliary;
}

static unsigned long auxiliary_value(unsigned long type) {
    for (const ElfW(auxv_t) *a = auxiliary; a && a->a_type != AT_NULL; a++)
        if (a->a_type == type) return a->a_un.a_val;
    return 0;
}

/* The list of loaded objects, from the main program's DT_DEBUG: needs no lock and no libc. */
static void find_maps(void) {
    const ElfW(Phdr) *headers = (const void *)auxiliary_value(AT_PHDR);
    size_t count = auxiliary_value(AT_PHNUM);
    uintptr_t base = 0;
    const ElfW(Dyn) *dynamic = NULL;
    for (size_t i = 0; headers && i < count; i++) {
        if (headers[i].p_type == PT_PHDR) base = (uintptr_t)headers - headers[i].p_vaddr; /* it stands first */
        if (headers[i].p_type == PT_DYNAMIC) dynamic = (const void *)(base + headers[i].p_vaddr);
    }
    while (dynamic && dynamic->d_tag != DT_NULL && dynamic->d_tag != DT_DEBUG) dynamic++;
    if (!dynamic || dynamic->d_tag == DT_NULL || !dynamic->d_un.d_ptr) return;
    struct link_map *first = ((struct r_debug *)dynamic->d_un.d_ptr)->r_map, *last = first;
    for (struct link_map *m = first; m; m = m->l_next) {
        if (m->l_ld == _DYNAMIC) own_map = m;
        last = m;
    }
    store(&last_map, last);
    store(&maps, first);
}

/* What stands behind `name` and `=`, or NULL. */
static inline const char *value_of(const char *entry, const char *name) {
    while (*name && *entry == *name) entry++, name++;
    return !*name && *entry == '=' ? entry + 1 : NULL;
}

static const char *variable(char *const *env, const char *name) {
    const char *value = NULL;
    for (; env && *env && !value; env++)
        if (**env == *name) value = value_of(*env, name);
    return value;
}

/* The chunk of this process's image before an exec, if there is room in it and all is whole. */
static uint64_t resume(uint32_t pid) {
    struct slot *slot = &spool->slots[pid % SLOTS];
    if (load(&slot->pid) != pid) return 0;
    uint64_t kept = slot->kept, offset = (uint64_t)slot->chunk * GRANULE;
    if (kept) slot->kept = kept & WILL_WAKE; /* until it is said that we woke */
    if (!offset || offset + GRANULE > load(&spool->allocated)) return kept;
    if (offset + GRANULE > window) return kept;
    struct chunk *c = (struct chunk *)((char *)spool + offset);
    add(&c->used, 0); /* first touched by a write: one fault instead of two */
    if (load(&c->magic) != CHUNK_MAGIC || c->pid != pid || offset + c->size > window) return kept;
    uint32_t at = sizeof *c, used = load(&c->used);
    if (used > c->size || c->size - used < 256) return kept;
    while (at < used) {
        uint32_t length = load((uint32_t *)((char *)c + at)) & ~7u;
        if (length < sizeof(struct record)) return kept; /* killed between two instructions */
        at += length;
    }
    if (at != used) return kept;
    state->next_size = c->size * 4 > LARGEST_CHUNK ? LARGEST_CHUNK : c->size * 4;
    state->chunk = c;
    return kept;
}

/* What the exec before said of us is out of date: who waits for this process must not believe it. */
static void have_woken(void) {
    struct slot *slot = &spool->slots[state->pid % SLOTS];
    if (slot->kept && load(&slot->pid) == state->pid) slot->kept = 0;
}

/* Before libc has set `environ` only the constructor knows argv; later it lies below environ. */
static char *const *find_argv(char **env) {
    char **end = env - 1; /* argv's last element, NULL; argc lies before its first */
    for (long n = 0; n < (1 << 20); n++)
        if (*(long *)(end - n - 1) == n) return end - n;
    return NULL;
}

/* A text of the spool's maker; NULL where there is none. */
static const char *text_at(uint64_t at) {
    return at >= DATA_START && at < SMALLEST_WINDOW ? (const char *)spool + at + 4 : NULL;
}

/* ---- programs: what one process found out spares the next ------------------------------------------ */

static uint64_t hash_of(const char *text) {
    uint64_t hash = 0xcbf29ce484222325ull;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3ull;
    return hash;
}

static bool copy_program(struct program *to, uint64_t name) {
    const struct program *p = &spool->programs[name % PROGRAMS];
    uint32_t turn = load(&p->turn);
    if (turn & 1 || p->name != name) return false;
    *to = *p;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return load(&p->turn) == turn && to->length <= sizeof to->path;
}

static bool find_program(struct program *to, const char *path, const struct stat *s) {
    uint64_t name = hash_of(path);
    const struct program *p = &spool->programs[name % PROGRAMS];
    return p->inode == (uint64_t)s->st_ino && p->changed == (uint64_t)nanoseconds(&s->st_ctim) &&
           copy_program(to, name) && to->inode == (uint64_t)s->st_ino && to->device == (uint64_t)s->st_dev &&
           to->changed == (uint64_t)nanoseconds(&s->st_ctim);
}

/* Which program an exec was about to run, as the slot of its process says to the next image: what was true of the
 * file then need not be asked again. Never 0; another after the program's place was written again. */
static uint64_t mark_of(const struct program *p) { return ((p->name >> 32) + p->turn) % (1u << 16) | 1; }

static void keep_program(const char *path, const struct stat *s, const char *canonical, size_t n,
                         uint16_t reason, uint64_t modules, bool inert) {
    uint64_t name = hash_of(path);
    struct program *p = &spool->programs[name % PROGRAMS];
    uint32_t turn = load(&p->turn);
    if (!n || n > sizeof p->path || turn & 1 || !swap(&p->turn, &turn, turn + 1)) return;
    p->name = name;
    p->device = (uint64_t)s->st_dev;
    p->inode = (uint64_t)s->st_ino;
    p->changed = (uint64_t)nanoseconds(&s->st_ctim);
    p->modules = modules;
    p->reason = reason;
    p->inert = inert;
    p->length = (uint8_t)n;
    memcpy(p->path, canonical, n);
    store(&p->turn, turn + 2);
}

/* With which libraries a program that is known was seen now, and whether it is inert. */
static void keep_modules(const struct program *known, uint64_t modules, bool inert) {
    struct program *p = &spool->programs[known->name % PROGRAMS];
    uint32_t turn = known->turn;
    if (!swap(&p->turn, &turn, turn + 1)) return;
    p->modules = modules;
    p->inert = inert;
    store(&p->turn, turn + 2);
}

/* What the image before left for this one. */
struct legacy {
    uint32_t count, unused;
    struct kept list[];
};

static const struct legacy *find_legacy(uint64_t offset) {
    if (!offset || offset % 8 || offset + sizeof(struct legacy) > load(&spool->allocated)) return NULL;
    const struct legacy *l = at_offset(offset, sizeof *l);
    if (!l || !l->count || l->count > TRACKED) return NULL;
    return at_offset(offset, (uint32_t)(sizeof *l + l->count * sizeof *l->list));
}

static bool find_kept(struct entry *e, int fd, const struct legacy *kept) {
    for (uint32_t i = 0; kept && i < kept->count; i++) {
        const struct kept *k = &kept->list[i];
        if ((int)k->fd != fd) continue;
        struct entry found = {0,    k->access, (uint32_t)k->names, k->device, k->inode, 0, 0,
                              NULL, k->path,   0};
        *e = found;
        return true;
    }
    return false;
}

static uint32_t written_before(const struct legacy *kept) {
    for (uint32_t i = 0; kept && i < kept->count; i++)
        if (kept->list[i].fd == NO_DESCRIPTOR) return (uint32_t)kept->list[i].device;
    return 0;
}

static uint64_t number_after(const char *text, const char *name) {
    while (*text && !begins(text, name)) text++;
    uint64_t number = 0;
    for (text += *text ? length_of(name) : 0; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (uint64_t)(*text - '0');
    return number;
}

/* How many bytes this process has read (`rchar: `) or written (`wchar: `) by now, anywhere; where the kernel does not
 * count, or has nowhere to say so, as many as no process can. */
#define UNCOUNTED UINT64_MAX
static uint64_t so_far(const char *what) {
    char text[256];
    int fd = raw_open(AT_FDCWD, "/proc/self/io", O_RDONLY);
    if (fd < 0) return UNCOUNTED;
    long n = call3(SYS_read, fd, text, sizeof text - 1);
    raw_close(fd);
    if (n <= 0) return UNCOUNTED;
    text[n] = 0;
    uint64_t own = what[0] == 'r' ? state->looked : 0;
    state->looked += (uint32_t)n; /* which is read, too */
    return number_after(text, what) - own;
}

/* ---- what is said through pipes -------------------------------------------------------------------
 *
 * Each use of a descriptor that may be the end of a pipe, or of a pair of sockets, is told once in a turn in either
 * direction. A turn ends when anybody who has such ends opens a file, has changed one or forks: in between nobody learns
 * anything but what others say. Who has no such end pays for one test. */

/* By descriptor, in which turn it was told last that something was taken, and given. There from the first end on. */
struct told {
    uint32_t taken, given;
};
static struct told *told;
static uint32_t highest; /* of all that were ever ends */

static inline bool may_talk(int fd) {
    const struct told *all = load(&told);
    return UNLIKELY(all != NULL) && fd > 2 && fd < TRACKED && load(&all[fd].taken) != NO_END;
}

static bool find_room_to_tell(void) {
    struct told *none = NULL, *all = load(&told);
    if (all) return true;
    all = raw_mmap(TRACKED * sizeof *all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all && !swap(&told, &none, all)) call2(SYS_munmap, all, TRACKED * sizeof *all);
    return load(&told) != NULL;
}

/* What stands on descriptors 0 to 2 is used as long as a program runs, for all that anybody knows. */
static void talks_through(int fd) {
    if (fd <= 2) return;
    if (fd >= TRACKED || !find_room_to_tell()) {
        too_high(fd, caller());
        return;
    }
    store(&told[fd].given, NEVER);
    store(&told[fd].taken, NEVER);
    uint32_t most = load(&highest);
    while (most < (uint32_t)fd && !swap(&highest, &most, (uint32_t)fd)) {
    }
}

static void talks_no_more(int fd) {
    if (told) store(&told[fd].taken, NO_END);
}

static inline void end_turn(void) {
    if (UNLIKELY(load(&told) != NULL)) add(&spool->turns, 1);
}

/* `how` it is used: to be called after something was taken, and before something is given. A child in our memory knows
 * what its parent does, who waits for it; what it tells itself is not what we have told. */
static void talked(int fd, uint32_t how) {
    struct stat s;
    if (load(&readiness) != READY) return;
    uint32_t turn = turn_of_run();
    if ((!(how & READABLE) || load(&told[fd].taken) == turn) && (!(how & WRITABLE) || load(&told[fd].given) == turn)) return;
    if (!raw_fstat(fd, &s) || !(S_ISFIFO(s.st_mode) || (S_ISSOCK(s.st_mode) && is_of_a_pair(fd)))) {
        talks_no_more(fd); /* it was closed since */
        return;
    }
    uint32_t pid = caller();
    write_talked(how, fd, &s, turn, pid);
    if (is_guest(pid) || how & MAPPED) return;
    if (how & READABLE) store(&told[fd].taken, turn);
    if (how & WRITABLE) store(&told[fd].given, turn);
}

/* A pipe whose two ends a program was started with tells nothing if it may be the jobserver's, which all that make starts
 * have. */
enum { THROUGH = 8 };
struct through {
    uint32_t count;
    struct {
        int fd;
        uint32_t access;
        uint64_t device, inode;
    } list[THROUGH];
};

static void note_through(struct through *all, int fd, const struct stat *s) {
    talks_through(fd);
    if (!S_ISFIFO(s->st_mode)) return;
    uint32_t access = access_of((int)raw_fcntl(fd, F_GETFL));
    bool both = access == (READABLE | WRITABLE);
    const char *flags = &environ && environ ? variable(environ, "MAKEFLAGS") : NULL;
    if (!flags || !contains(flags, "jobserver")) return;
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->list[i].inode != s->st_ino || all->list[i].device != s->st_dev) continue;
        both = both || all->list[i].access != access;
        if (both) talks_no_more(all->list[i].fd);
    }
    if (both) talks_no_more(fd);
    if (all->count < THROUGH) {
        all->list[all->count].fd = fd;
        all->list[all->count].access = both ? READABLE | WRITABLE : access;
        all->list[all->count].device = s->st_dev;
        all->list[all->count++].inode = s->st_ino;
    }
}

/* Sockets of packets are told of when something first comes: who only sends hears nothing. */
static void await_packets(int fd) {
    struct table *all = fd < TRACKED ? make_table() : NULL;
    if (all) __atomic_fetch_or(&all->packets[fd / 64], 1ull << fd % 64, __ATOMIC_ACQ_REL);
}

static void await_no_packets(int fd) {
    __atomic_fetch_and(&load(&table)->packets[fd / 64], ~(1ull << fd % 64), __ATOMIC_ACQ_REL);
}

static inline bool may_take_packets(int fd) {
    const struct table *all = load(&table);
    return UNLIKELY(all != NULL) && fd >= 0 && fd < TRACKED && UNLIKELY(load(&all->packets[fd / 64]) >> fd % 64 & 1);
}

/* Others than those that were tracked in the image before, or that came without it. */
static uint32_t put_others(struct draft *d, uint64_t tick, const struct legacy *kept) {
    struct pollfd asked[OTHERS];
    struct timespec at_once = {0, 0};
    struct entry e;
    struct stat s;
    struct through through = {.count = 0};
    uint32_t count = 0;
    for (int i = 0; i < OTHERS; i++) asked[i] = (struct pollfd){3 + i, 0, 0};
    if (call6(SYS_ppoll, (long)asked, OTHERS, (long)&at_once, 0, 0, 0) < 0) return 0;
    for (int i = 0; i < OTHERS; i++) {
        int fd = asked[i].fd;
        if (asked[i].revents & POLLNVAL || find_kept(&e, fd, kept) || !raw_fstat(fd, &s)) continue;
        if (S_ISREG(s.st_mode)) count += put_descriptor(d, fd, tick, NULL);
        if (S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode)) note_through(&through, fd, &s);
        if (S_ISSOCK(s.st_mode)) await_packets(fd);
    }
    return count;
}

/* How this program was started: what is known of the path, and the libraries that came with it. */
struct started {
    bool absolute, known;
    const char *path;
    struct stat stat;
    uint64_t modules;
    bool inert; /* found out now */
    struct program program;
};

static void look_at_start(struct started *from, uint64_t mark) {
    from->path = (const char *)auxiliary_value(AT_EXECFN);
    if (!from->path || from->path[0] != '/') return;
    from->known = mark && copy_program(&from->program, hash_of(from->path)) && mark_of(&from->program) == mark;
    if (from->known) return;
    from->absolute = raw_stat(AT_FDCWD, from->path, &from->stat, 0);
    from->known = from->absolute && find_program(&from->program, from->path, &from->stat);
}

/* The canonical path of this program: known by the path it was started by, if that is absolute and
 * still the same file; else asked for, which is dear in a process that has not yet used /proc. */
static void put_executable(struct draft *d, const struct started *from) {
    struct stat real;
    if (from->known) {
        put_text(d, from->program.path, from->program.length);
        if (from->program.modules != from->modules) keep_modules(&from->program, from->modules, from->inert);
        return;
    }
    unsigned char *text = d->at + 4;
    size_t n = put_link(d, "/proc/self/exe");
    /* A script's path is that of the script. */
    if (from->absolute && raw_stat(AT_FDCWD, "/proc/self/exe", &real, 0) && real.st_ino == from->stat.st_ino &&
        real.st_dev == from->stat.st_dev)
        keep_program(from->path, &from->stat, (const char *)text, n, 0, from->modules, from->inert);
}

static bool write_image(unsigned char *d_bytes, size_t room, bool enough, uint32_t pid, uint64_t tick,
                        char *const *argv, const struct legacy *kept, const struct started *from) {
    struct draft d = {d_bytes, d_bytes + room, false};
    put_executable(&d, from);
    put_cwd(&d);
    unsigned char *counted = d.at;
    uint32_t count = 0, names = load(&spool->names);
    put_u32(&d, 0);
    for (int fd = 0; fd <= 2; fd++) {
        struct entry e;
        count += put_descriptor(&d, fd, tick, find_kept(&e, fd, kept) ? &e : NULL);
    }
    for (uint32_t i = 0; kept && i < kept->count; i++) {
        struct entry e;
        int fd = (int)kept->list[i].fd;
        if (!kept->list[i].access) talks_through(fd);
        else if (fd > 2 && find_kept(&e, fd, kept)) count += put_descriptor(&d, fd, tick, &e);
    }
    count += put_others(&d, tick, kept);
    if (d.cut && !enough) return false;
    memcpy(counted, &count, 4);
    uint64_t at = WRITE_ARGV(IMAGE, 0, (int32_t)call1(SYS_getppid, 0), pid, tick, d, argv ? argv : no_arguments);
    settle_paths(&d, d_bytes, at, names);
    return true;
}

static __attribute__((noinline)) void write_image_large(uint32_t pid, uint64_t tick, char *const *argv,
                                                        const struct legacy *kept,
                                                        const struct started *from) {
    ROOM_FOR(room, 5 * PATHS);
    write_image(room, 5 * PATHS, true, pid, tick, argv, kept, from);
    GIVE_BACK(room);
}

static void leaving_by_exit(int status, void *unused);
static void *next(void **slot, const char *name);
static void tell_first_libraries(void);
static void tell_direct(const char *path);
static uint64_t hash_of_modules(bool *own);
static const char *find_direct(void);
static bool is_inert(const char *path);
static bool hand_to_tracer(void);
static void tell_led(char *const *env);

/* Whether this is a program of Go, which asks the kernel directly, and the tracer follows it. Then the
 * tracer says all, and we nothing. */
static bool is_followed_go(void) {
    const ElfW(Phdr) *headers = (const void *)auxiliary_value(AT_PHDR);
    size_t count = auxiliary_value(AT_PHNUM);
    uintptr_t base = 0;
    bool go = false;
    for (size_t i = 0; headers && i < count; i++)
        if (headers[i].p_type == PT_PHDR) base = (uintptr_t)headers - headers[i].p_vaddr;
    for (size_t i = 0; headers && i < count; i++) {
        const uint32_t *note = (const void *)(base + headers[i].p_vaddr);
        if (headers[i].p_type == PT_NOTE && headers[i].p_memsz >= 16 && note[0] == 4 && note[2] == 4 &&
            begins((const char *)(note + 3), "Go"))
            go = true;
    }
    if (!go) return false;
    char text[1024];
    int fd = raw_open(AT_FDCWD, "/proc/self/status", O_RDONLY);
    long n = fd < 0 ? 0 : call3(SYS_read, fd, text, sizeof text - 1);
    if (fd >= 0) raw_close(fd);
    text[n > 0 ? n : 0] = 0;
    return contains(text, "TracerPid:\t") && !contains(text, "TracerPid:\t0\n");
}

/* The first environment, where a library has made another before we woke: what glibc's loader has of argv lies before it. */
static char **loaders_environment(void) {
    if (!load(&maps) && find_auxiliary(NULL)) find_maps();
    char ***argv = load(&maps) ? look_up(maps, "_dl_argv") : NULL;
    long argc = argv && *argv ? (*(long **)argv)[-1] : 0;
    return argc > 0 && argc < (1 << 20) && !(*argv)[argc] ? *argv + argc + 1 : NULL;
}

static bool wake(char **env) {
    uint32_t asleep = ASLEEP;
    if (!swap(&readiness, &asleep, WAKING)) return load(&readiness) == READY;
    if (!env) env = first_environment();
    if (!env && &environ && environ) env = loaders_environment();
    if (!env || !find_auxiliary(env)) {
        store(&readiness, ASLEEP); /* too early: the constructor will know */
        return false;
    }
    page = auxiliary_value(AT_PAGESZ);
    if (!page) page = 4096;
    find_maps();
    const char *path = variable(env, "PROVGRAPH_SPOOL");
    if (!path || !map_spool(path) || (spool->tracer && is_followed_go())) {
        store(&readiness, SILENT);
        return false;
    }
    uint64_t place = load(&spool->library);
    library_tables = spool->tables;
    store(&library, place);
    state->pid = raw_getpid();
    uint64_t left = resume(state->pid);
    const struct legacy *kept = find_legacy(left & KEPT_AT);
    state->written = written_before(kept);
    struct started from = {0};
    look_at_start(&from, left >> KEPT_BITS);
    bool own = false;
    from.modules = hash_of_modules(&own);
    bool looked = from.known && from.modules && from.program.modules == from.modules;
    const char *direct = looked ? NULL : find_direct();
    if (direct && hand_to_tracer()) {
        have_woken();
        tell_first_libraries(); /* they were opened before */
        store(&readiness, SILENT);
        return false;
    }
    if (direct) from.modules = 0;
    from.inert = from.modules && !looked && is_inert(from.path);
    uint64_t tick = next_tick();
    char *const *argv = find_argv(env);
    TRY(write_image, state->pid, tick, argv, kept, &from);
    have_woken();
    store(&readiness, READY);
    if (direct) tell_direct(direct);
    if (own) tell_first_libraries();
    tell_led(env);
    static void *slot;
    int (*on_exit)(void (*)(int, void *), void *) = next(&slot, "on_exit");
    at_exit = on_exit && on_exit(leaving_by_exit, NULL) == 0;
    if (!place) {
        spool->tables = library_tables;
        store(&spool->library, library);
    }
    return true;
}

/* Whether there is a spool to write to. Every hook asks this first. */
static inline bool awake(void) {
    uint32_t r = load(&readiness);
    return LIKELY(r == READY) || (r == ASLEEP && wake(NULL));
}

/* DT_INIT. glibc gives argc, argv and the environment; musl gives nothing. */
HIDDEN void shim_begin(long argc, char **argv, char **env) {
    argc = (int)argc;
    if (argc >= 0 && argc < (1 << 20) && env == argv + argc + 1)
        wake(env);
    else
        wake(NULL);
}

/* ---- the next definition of a name ------------------------------------------------------------- */

struct symbols {
    const ElfW(Sym) * symbols;
    const char *names;
    const uint32_t *gnu, *sysv;
    const ElfW(Half) * versions;
    uint32_t tables; /* where they are named, if all but `sysv` are */
};

/* glibc has made these addresses, musl and the vdso leave them offsets. */
static const void *table_at(const struct link_map *m, const ElfW(Dyn) *d) {
    uintptr_t at = d->d_un.d_ptr;
    return (const void *)(at < m->l_addr ? at + m->l_addr : at);
}

/* Where among what a library says of itself its tables are named, a byte for each: of the one in which the run found a name
 * first, libc as a rule, since to walk through all that is dear in a process that has just begun. Only then the spool tells
 * it and is told: a name may be looked up at any time, and somebody may have emptied it. */
enum { SYMBOLS = 0, NAMES = 8, HASHES = 16, VERSIONS = 24 };

static const ElfW(Dyn) *named(const struct link_map *m, uint32_t which, ElfW(Sxword) tag) {
    const ElfW(Dyn) *d = &m->l_ld[library_tables >> which & 255];
    return d->d_tag == tag ? d : NULL;
}

static void remember_library(const struct link_map *m, const struct symbols *s) {
    if (load(&library) || !s->tables) return;
    library_tables = s->tables;
    store(&library, (uintptr_t)m->l_ld - m->l_addr);
}

static struct symbols symbols_of(const struct link_map *m) {
    struct symbols s = {0};
    if (load(&library) == (uintptr_t)m->l_ld - m->l_addr) {
        const ElfW(Dyn) *symbols = named(m, SYMBOLS, DT_SYMTAB), *names = named(m, NAMES, DT_STRTAB),
                        *gnu = named(m, HASHES, DT_GNU_HASH), *versions = named(m, VERSIONS, DT_VERSYM);
        if (symbols && names && gnu && versions) {
            s.symbols = table_at(m, symbols), s.names = table_at(m, names);
            s.gnu = table_at(m, gnu), s.versions = table_at(m, versions);
            return s;
        }
    }
    uint32_t which = 0;
    for (const ElfW(Dyn) *d = m->l_ld; d && d->d_tag != DT_NULL; d++, which++) switch (d->d_tag) {
        case DT_SYMTAB: s.symbols = table_at(m, d), s.tables |= which << SYMBOLS; break;
        case DT_STRTAB: s.names = table_at(m, d), s.tables |= which << NAMES; break;
        case DT_GNU_HASH: s.gnu = table_at(m, d), s.tables |= which << HASHES; break;
        case DT_VERSYM: s.versions = table_at(m, d), s.tables |= which << VERSIONS; break;
        case DT_HASH: s.sysv = table_at(m, d); break;
        default: break;
        }
    if (which > 256 || !s.symbols || !s.names || !s.gnu || !s.versions) s.tables = 0;
    return s;
}

static bool is_wanted(const struct symbols *s, uint32_t i, const char *name) {
    const ElfW(Sym) *symbol = &s->symbols[i];
    if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value) return false;
    unsigned type = symbol->st_info & 15;
    if (type != STT_FUNC && type != STT_OBJECT && type != STT_NOTYPE && type != STT_GNU_IFUNC)
        return false;
    if (s->versions && s->versions[i] & 0x8000) return false; /* an old version, not the default */
    return equal(s->names + symbol->st_name, name);
}

static uint32_t find_gnu(const struct symbols *s, const char *name, uint32_t hash) {
    const uint32_t *header = s->gnu;
    uint32_t buckets = header[0], first = header[1], words = header[2], shift = header[3];
    const ElfW(Addr) *bloom = (const void *)(header + 4);
    const uint32_t *bucket = (const void *)(bloom + words), *chain = bucket + buckets;
    enum { BITS = 8 * sizeof(ElfW(Addr)) };
    if (!buckets || !words) return 0;
    ElfW(Addr) word = bloom[hash / BITS & (words - 1)];
    if (!(word >> hash % BITS & word >> (hash >> shift) % BITS & 1)) return 0;
    uint32_t i = bucket[hash % buckets];
    if (i < first) return 0;
    for (;; i++) {
        uint32_t other = chain[i - first];
        if ((other | 1) == (hash | 1) && is_wanted(s, i, name)) return i;
        if (other & 1) return 0;
    }
}

static uint32_t find_sysv(const struct symbols *s, const char *name) {
    uint32_t hash = 0;
    for (const char *c = name; *c; c++) {
        hash = (hash << 4) + (unsigned char)*c;
        hash ^= hash >> 24 & 0xf0;
        hash &= 0x0fffffff;
    }
    const uint32_t *bucket = s->sysv + 2, *chain = bucket + s->sysv[0];
    for (uint32_t i = bucket[hash % s->sysv[0]]; i; i = chain[i])
        if (is_wanted(s, i, name)) return i;
    return 0;
}

static uint32_t hash_of_name(const char *name) {
    uint32_t hash = 5381;
    for (const char *c = name; *c; c++) hash = hash * 33 + (unsigned char)*c;
    return hash;
}

static void *look_up_until(const struct link_map *from, const struct link_map *last, const char *name) {
    uint32_t hash = hash_of_name(name);
    for (const struct link_map *m = from; m; m = m->l_next) {
        struct symbols s = symbols_of(m);
        uint32_t i = 0;
        if (s.symbols && s.names && s.gnu)
            i = find_gnu(&s, name, hash);
        else if (s.symbols && s.names && s.sysv && s.sysv[0])
            i = find_sysv(&s, name);
        if (i) {
            remember_library(m, &s);
            const ElfW(Sym) *symbol = &s.symbols[i];
            void *at = (void *)(m->l_addr + symbol->st_value);
            if ((symbol->st_info & 15) == STT_GNU_IFUNC) {
                union {
                    void *at;
                    void *(*choose)(unsigned long);
                } resolver = {at};
                at = resolver.choose(auxiliary_value(AT_HWCAP));
            }
            return at;
        }
        if (m == last) break;
    }
    return NULL;
}

/* What was loaded later may be unloaded while we look. */
static void *look_up(const struct link_map *from, const char *name) {
    return look_up_until(from, last_map, name);
}

static void *next(void **slot, const char *name) {
    void *at = load(slot);
    if (LIKELY(at != NULL)) return at;
    if (!load(&maps) && find_auxiliary(first_environment())) find_maps();
    if (own_map) at = look_up(own_map->l_next, name);
    if (at) store(slot, at);
    return at;
}

static int *errno_at(void) {
    static void *slot;
    int *(*location)(void) = next(&slot, "__errno_location");
    static int nowhere;
    return location ? location() : &nowhere;
}

static long fail(int code) {
    *errno_at() = code;
    return -1;
}

/* ---- calls past libc ------------------------------------------------------------------------------
 *
 * A program may ask the kernel by itself for what we see only where libc is asked. Whether it has code for
 * that is looked up in its file, once for each file; then the tracer follows it, and we say nothing. */

static uint64_t hash_of_stat(const struct stat *s) {
    const uint64_t all[] = {(uint64_t)s->st_dev, (uint64_t)s->st_ino, (uint64_t)s->st_size,
                            (uint64_t)nanoseconds(&s->st_mtim), (uint64_t)nanoseconds(&s->st_ctim)};
    uint64_t hash = 0x9e3779b97f4a7c15ull;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        hash = (hash ^ all[i]) * 0xff51afd7ed558ccdull;
        hash ^= hash >> 32;
    }
    return hash & ~(uint64_t)FOUND;
}

/* What earlier looks found, or NULL; to be given back. */
static uint64_t *open_looks(void) {
    const char *path = text_at(load(&spool->looked_at));
    int fd = path ? raw_open(AT_FDCWD, path, O_RDWR) : -1;
    struct stat s;
    uint64_t *looks = NULL;
    if (fd < 0) return NULL;
    if (raw_fstat(fd, &s) && s.st_size == LOOKS * sizeof *looks)
        looks = raw_mmap(LOOKS * sizeof *looks, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    raw_close(fd);
    return looks;
}

static void close_looks(uint64_t *looks) {
    if (looks) call2(SYS_munmap, looks, LOOKS * sizeof *looks);
}

enum { WAYS = 8 };

static uint64_t *line_of(uint64_t *looks, uint64_t hash) { return looks + (hash >> 16) % (LOOKS / WAYS) * WAYS; }

static unsigned calls_of(const char *path, uint64_t *looks) {
    struct stat s;
    if (!raw_stat(AT_FDCWD, path, &s, 0) || !S_ISREG(s.st_mode)) return 0;
    uint64_t hash = hash_of_stat(&s), *line = looks ? line_of(looks, hash) : NULL;
    for (int n = 0; line && n < WAYS; n++) {
        uint64_t look = load(&line[n]);
        if ((look & ~(uint64_t)FOUND) == hash) return look & FOUND;
    }
    int fd = raw_open(AT_FDCWD, path, O_RDONLY);
    if (fd < 0) return 0;
    struct stat now;
    unsigned found = calls_in(fd, (uint64_t)s.st_size);
    bool same = raw_fstat(fd, &now) && hash_of_stat(&now) == hash;
    raw_close(fd);
    for (int n = 0; same && line && n < WAYS; n++) {
        uint64_t none = 0;
        if (swap(&line[n], &none, hash | found)) return found;
    }
    if (same && line) store(&line[hash >> 8 & (WAYS - 1)], hash | found);
    return found;
}

/* Whether a program that we were in was looked at, in any run, and asks libc for all. */
static bool was_run_before(uint64_t look) {
    uint64_t *looks = open_looks(), found = OPENS;
    const uint64_t *line = looks ? line_of(looks, look) : NULL;
    for (int n = 0; line && n < WAYS; n++)
        if ((load(&line[n]) & ~(uint64_t)FOUND) == look) found = load(&line[n]) & FOUND;
    close_looks(looks);
    return !(found & OPENS);
}

/* The libraries that libc is made of, which we stand before, and the loader: `librt.so.1` and `librt-2.31.so`, but not
 * `librtaudio.so` nor `libc-client.so`. */
static bool is_libc(const char *path) {
    static const char names[][12] = {"libc", "ld", "libpthread", "librt", "libdl", "libanl"};
    const char *name = path;
    for (const char *c = path; *c; c++)
        if (*c == '/') name = c + 1;
    if (begins(name, "linux-vdso.") || begins(name, "ld-linux") || begins(name, "ld-musl-") || begins(name, "ld64.")) return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *rest = name + length_of(names[i]);
        if (!begins(name, names[i])) continue;
        if (begins(rest, ".so") || begins(rest, ".musl-") || (rest[0] == '-' && rest[1] >= '0' && rest[1] <= '9')) return true;
    }
    return false;
}

/* Whether it is a checker of memory, or one is in it: those ask for reports and suppressions only, and
 * one that looks for leaks cannot be traced. */
static bool is_sanitizer(const struct link_map *m) {
    return look_up_until(m, m, "__sanitizer_set_report_path") != NULL;
}

/* One that only renames files is left to us: what it renames was opened by libc, and most of it is found by
 * its inode under any name. */
static bool is_direct_library(const char *path, uint64_t *looks) {
    return !is_libc(path) && calls_of(path, looks) & OPENS;
}

static bool is_of_system(const char *library) { return begins(library, "/lib") || begins(library, "/usr/"); }

/* 0 where it depends on the working directory which they are. `own`: there are such as do not belong to the system. */
static uint64_t hash_of_modules(bool *own) {
    uint64_t hash = 1;
    for (const struct link_map *m = maps ? maps->l_next : NULL; m; m = m->l_next) {
        if (m == own_map || !m->l_name || begins(m->l_name, "linux-")) continue;
        if (!is_of_system(m->l_name)) *own = true;
        if (m->l_name[0] != '/') hash = 0;
        if (hash) hash = (hash * 0x9e3779b97f4a7c15ull + hash_of(m->l_name)) | 1;
    }
    return hash;
}

/* The path of the first module that asks the kernel by itself, or NULL. */
static const char *find_direct(void) {
    const char *found = NULL;
    uint64_t *looks = open_looks();
    if (maps && calls_of("/proc/self/exe", looks) && !is_sanitizer(maps)) found = "/proc/self/exe";
    for (const struct link_map *m = maps ? maps->l_next : NULL; m && !found; m = m->l_next)
        if (m != own_map && m->l_name && is_direct_library(m->l_name, looks) && !is_sanitizer(m))
            found = m->l_name;
    close_looks(looks);
    return found;
}

/* Whether we would see what is done by a function of libc, or libc does by it what we would not see without us: it loads more
 * code, or runs programs by itself. Another descriptor of what is open already, or where one stands, matters only to who does
 * more with it. */
static bool may_do_more(const char *name, const struct symbols *ours, bool installed) {
    static const char leaving[][16] = {"_exit", "_Exit",   "exit",    "fclose", "fflush", "fflush_unlocked", "fcntl",     "fcntl64",
                                       "lseek", "lseek64", "fseek",   "fseeko", "fseeko64", "fsetpos",       "fsetpos64", "rewind"};
    static const char loading[][12] = {"dl",      "getpw",   "getgr",    "getsp",   "initgroups", "getaddrinfo", "getname",
                                       "gethost", "getserv", "getproto", "getnet",  "iconv_open", "wordexp"};
    for (size_t n = 0; n < sizeof leaving / sizeof *leaving; n++)
        if (equal(name, leaving[n])) return false;
    if (installed && equal(name, "bindtextdomain")) return false;
    for (size_t n = 0; n < sizeof loading / sizeof *loading; n++)
        if (begins(name, loading[n])) return true;
    return find_gnu(ours, name, hash_of_name(name));
}

/* Whether the program asks libc alone, for nothing that we stand before but to leave, to close and flush its streams and for what its
 * descriptors are like, and for nothing that libc does unseen: in it we would see nothing. What it asks for is what the loader
 * was told to find for it: how many names it has does not stand anywhere, and some may be found by others, too. A program of
 * the system has its translations there. */
static bool is_inert(const char *path) {
    if (!maps || !own_map || !auxiliary_value(AT_BASE)) return false; /* by the loader's own path any program is run */
    for (const struct link_map *m = maps->l_next; m; m = m->l_next)
        if (m != own_map && !is_libc(m->l_name)) return false;
    struct symbols asks = symbols_of(maps), ours = symbols_of(own_map);
    const ElfW(Rela) *lists[2] = {NULL, NULL};
    size_t sizes[2] = {0, 0};
    for (const ElfW(Dyn) *d = maps->l_ld; d->d_tag != DT_NULL; d++) switch (d->d_tag) {
        case DT_RELA: lists[0] = table_at(maps, d); break;
        case DT_RELASZ: sizes[0] = d->d_un.d_val; break;
        case DT_JMPREL: lists[1] = table_at(maps, d); break;
        case DT_PLTRELSZ: sizes[1] = d->d_un.d_val; break;
        default: break;
        }
    bool any = false, installed = path && (is_of_system(path) || begins(path, "/bin/"));
    for (int list = 0; list < 2; list++)
        for (size_t i = 0; lists[list] && i < sizes[list] / sizeof *lists[list]; i++) {
            uint32_t symbol = (uint32_t)(lists[list][i].r_info >> 32);
            if (!symbol) continue;
            any = true;
            if (may_do_more(asks.names + asks.symbols[symbol].st_name, &ours, installed)) return false;
        }
    return any;
}

static void tell_direct(const char *path) {
    LONG_DRAFT(d, PATHS + 64);
    put_text(&d, "past libc", 9);
    if (equal(path, "/proc/self/exe"))
        put_link(&d, path);
    else if (!put_plain_path(&d, path))
        put_text(&d, path, length_of(path));
    WRITE(MISSED, 0, 0, state->pid, next_tick(), d);
    GIVE_BACK(d_bytes);
}

/* HOOK(int, unlink, (const char *path), (path)) begins the definition of `unlink`, in which
 * REAL(unlink) is the next one. */
#define HOOK(type, name, parameters)       \
    type shim_##name parameters NAMED(#name); \
    static void *next_##name __attribute__((unused)); \
    type shim_##name parameters
#define REAL(name) ((__typeof__(&shim_##name))next(&next_##name, #name))
#define NEED(name, otherwise) \
    if (UNLIKELY(!REAL(name))) return otherwise
/* What is asked for very often is not looked up by a call. */
#define QUICK(name, otherwise)                                        \
    __typeof__(&shim_##name) real = load((void **)&next_##name);      \
    if (UNLIKELY(!real) && !(real = REAL(name))) return otherwise
/* In a hook that is called seldom: the function is looked up each time, as a pointer to each would be too much for our page. */
#define SOUGHT(name) void *next_##name = NULL

/* ---- children in our memory ---------------------------------------------------------------------
 *
 * As of a vfork: what such a child spills must not lie in a frame that its parent goes on in, so it
 * calls a function at once and never returns. A plain wait does not see it, nor does a tracer. */

enum { ALIKE = CLONE_VM | CLONE_VFORK | CLONE_UNTRACED };

static uint64_t block_signals(void) {
    static const uint64_t all = ~(uint64_t)0;
    uint64_t mask = 0;
    call4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, &mask, 8);
    return mask;
}

static void unblock_signals(uint64_t mask) { call4(SYS_rt_sigprocmask, 2, &mask, 0, 8); }

static void await(long child) {
    int status;
    if (child > 0) call4(SYS_wait4, child, &status, 0x40000000 /* __WALL */, 0);
}

struct doomed {
    int at;
    const char *path;
    const struct stat *stat;
    uint32_t pid;
    uint64_t tick;
};

static __attribute__((noinline, noreturn)) void preserve_apart(const struct doomed *d) {
    preserve(d->at, d->path, d->stat, d->pid, d->tick);
    for (;;) call1(SYS_exit_group, 0);
}

static __attribute__((noinline)) long preserving(const struct doomed *d) {
    long child = call6(SYS_clone, ALIKE, 0, 0, 0, 0, 0);
    if (child == 0) preserve_apart(d);
    return child;
}

/* Before a file is emptied, replaced or removed. By a child with a table of descriptors of its own: to
 * close a file would end the locks that this process has on it. */
static void about_to_lose(int at, const char *path, const struct stat *s) {
    if (!is_worth_preserving(s)) return;
    struct doomed d = {at, path, s, caller(), next_tick()};
    uint64_t mask = block_signals();
    await(preserving(&d));
    unblock_signals(mask);
}

/* ---- libraries ----------------------------------------------------------------------------------
 *
 * The loader opens them past our hooks. Those of the system and of installed packages are noise; one of
 * the project is as much part of what a program makes as the program itself. */

#ifndef RTLD_DEEPBIND
#define RTLD_DEEPBIND 8
#endif
enum { LOADED = 1, APART = 2 };
static uint32_t loading; /* something may have been loaded since the last look, and whether it finds libc before us */

static bool is_new_library(const char *name) {
    if (!name || !name[0] || is_of_system(name) || begins(name, "linux-vdso") || contains(name, "-packages/") ||
        (own_map && equal(name, own_map->l_name)))
        return false;
    uint64_t hash = hash_of(name);
    struct table *all = make_table();
    for (size_t i = 0; all && i < LIBRARIES; i++) {
        uint64_t none = 0;
        if (swap(&all->libraries[i], &none, hash)) return true;
        if (none == hash) return false;
    }
    return false;
}

/* What was opened past our hooks, by its name. */
static void tell_read(const char *name) {
    struct stat s;
    int fd = raw_open(AT_FDCWD, name, O_PATH);
    if (fd < 0) return;
    if (raw_fstat(fd, &s) && S_ISREG(s.st_mode)) {
        LONG_DRAFT(d, PATHS + 64);
        put_stat(&d, &s);
        if (!is_without_links(name) || !put_plain_path(&d, name)) put_descriptor_path(&d, fd);
        WRITE(OPENED, READABLE, -1, state->pid, next_tick(), d);
        GIVE_BACK(d_bytes);
        end_turn();
    }
    raw_close(fd);
}

static void tell_library(const char *name) {
    if (is_new_library(name)) tell_read(name);
}

/* A walk through what is loaded. The loader puts new objects behind the others: while none was taken out, as it
 * counts that, the first ones are those that the walk before has passed. */
struct walk {
    uint32_t passed, removed, known;
    bool apart;
    uint64_t *looks;
};

static uint64_t walked; /* the last: how many it passed, how many had been taken out */

/* Whether it asks libc for files. What it takes from others stands before what it has. */
static bool opens_files(const struct link_map *m) {
    static const char names[][16] = {"open",    "open64",   "openat",    "openat64",   "__open_2", "__open64_2", "creat",
                                     "creat64", "fopen",    "fopen64",   "freopen",    "freopen64", "mkstemp",   "mkstemp64",
                                     "mkostemp", "tmpfile", "mkostemp64", "tmpfile64", "syscall"};
    struct symbols s = symbols_of(m);
    uint32_t count = s.gnu ? s.gnu[1] : s.sysv ? s.sysv[1] : 0;
    for (uint32_t i = 1; s.symbols && s.names && i < count; i++)
        for (size_t n = 0; s.symbols[i].st_shndx == SHN_UNDEF && n < sizeof names / sizeof *names; n++)
            if (equal(s.names + s.symbols[i].st_name, names[n])) return true;
    return false;
}

static void tell_apart(const char *name) { missed(state->pid, "loaded apart", name); }

static int tell_object(struct dl_phdr_info *object, size_t size, void *argument) {
    struct walk *walk = argument;
    if (!walk->passed && size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof object->dlpi_subs) {
        uint64_t before = load(&walked);
        walk->removed = (uint32_t)object->dlpi_subs;
        if (walk->removed == (uint32_t)(before >> 32)) walk->known = (uint32_t)before;
    }
    if (++walk->passed <= walk->known) return 0;
    const char *name = object->dlpi_name;
    tell_library(name);
    if (!name || !name[0] || (own_map && equal(name, own_map->l_name))) return 0;
    bool direct = is_direct_library(name, walk->looks);
    if (!direct && !walk->apart) return 0;
    const struct link_map *m = maps;
    while (m && !(m->l_name && equal(m->l_name, name))) m = m->l_next;
    if (direct && (!m || !is_sanitizer(m))) tell_direct(name);
    if (walk->apart && m && opens_files(m)) tell_apart(name);
    return 0;
}

/* Those that were loaded before anything of the program ran. */
static void tell_first_libraries(void) {
    for (const struct link_map *m = maps ? maps->l_next : NULL; m; m = m->l_next) tell_library(m->l_name);
}

/* To be called before anything is told that may have come from a library. */
static void tell_libraries(void) {
    static void *slot;
    uint32_t loaded = load(&loading);
    if (LIKELY(!loaded) || state->pid != raw_getpid()) return;
    store(&loading, 0);
    int (*iterate)(int (*)(struct dl_phdr_info *, size_t, void *), void *) = next(&slot, "dl_iterate_phdr");
    struct walk walk = {.apart = loaded & APART};
    if (!iterate) return;
    walk.looks = open_looks();
    iterate(tell_object, &walk);
    close_looks(walk.looks);
    store(&walked, (uint64_t)walk.removed << 32 | walk.passed);
}

/* By whom these are called decides where they look: our frame must be gone. */
static void *find_loader(void **slot, const char *name) {
    void *at = next(slot, name);
    return at || !own_map ? at : look_up_until(own_map->l_next, NULL, name); /* in a libdl that came later */
}

HIDDEN __attribute__((used)) void *shim_before_dlopen(const char *name, int flags) {
    static void *slot;
    (void)name;
    uint32_t apart = flags & RTLD_DEEPBIND ? APART : 0;
    if (UNLIKELY((load(&loading) ^ apart) & APART) && awake()) { /* what came before is otherwise */
        if (apart) store(&loading, LOADED); /* even where it was there from the beginning */
        tell_libraries();
    }
    store(&loading, LOADED | apart);
    return find_loader(&slot, "dlopen");
}

static void *load_nothing(void) { return NULL; }

/* Whose libraries have a libc of their own. */
HIDDEN __attribute__((used)) void *shim_before_dlmopen(long among, const char *name) {
    static void *slot;
    void *at = find_loader(&slot, "dlmopen");
    if (!among)
        store(&loading, LOADED | (load(&loading) & APART));
    else if (at && name && awake() && state->pid == raw_getpid())
        tell_apart(name);
    return at ? at : (void *)load_nothing;
}

#if defined(__x86_64__)
#define BEFORE(name)                                                                    \
    __asm__(".text\n.globl " name "\n.type " name ", @function\n" name ":\n.cfi_startproc\n" \
            "pushq %rdi\n.cfi_adjust_cfa_offset 8\npushq %rsi\n.cfi_adjust_cfa_offset 8\n" \
            "pushq %rdx\n.cfi_adjust_cfa_offset 8\ncall shim_before_" name "\n"           \
            "popq %rdx\n.cfi_adjust_cfa_offset -8\npopq %rsi\n.cfi_adjust_cfa_offset -8\n" \
            "popq %rdi\n.cfi_adjust_cfa_offset -8\njmp *%rax\n"                           \
            ".cfi_endproc\n.size " name ", .-" name "\n")
#else
#define BEFORE(name)                                                                    \
    __asm__(".text\n.globl " name "\n.type " name ", %function\n" name ":\n.cfi_startproc\n" \
            "stp x29, x30, [sp, #-48]!\n.cfi_adjust_cfa_offset 48\n.cfi_rel_offset x29, 0\n" \
            ".cfi_rel_offset x30, 8\nstp x0, x1, [sp, #16]\nstr x2, [sp, #32]\n"            \
            "bl shim_before_" name "\nmov x16, x0\nldr x2, [sp, #32]\n"                    \
            "ldp x0, x1, [sp, #16]\nldp x29, x30, [sp], #48\n.cfi_adjust_cfa_offset -48\n"  \
            ".cfi_restore x29\n.cfi_restore x30\nbr x16\n.cfi_endproc\n.size " name ", .-" name "\n")
#endif
BEFORE("dlopen");
BEFORE("dlmopen");

/* ---- opens and closes -------------------------------------------------------------------------- */

/* Devices and the kernel's own files are nobody's data; what /proc has of a process's descriptors, folders and maps may
 * stand for any. */
static bool is_uninteresting(const char *path) {
    static const char any[][12] = {"/fd/", "/cwd", "/root", "/exe", "/map_files/"};
    if (path[0] != '/') return false;
    if (begins(path, "/proc/")) {
        for (size_t i = 0; i < sizeof any / sizeof *any; i++)
            if (contains(path, any[i])) return false;
        return true;
    }
    if (begins(path, "/sys/")) return true;
    if (!begins(path, "/dev/")) return false;
    path += 5;
    return !(begins(path, "shm/") || begins(path, "fd/") || begins(path, "std"));
}

/* The modules that Python compiled, its own and those of installed packages, are environment, and a program opens
 * thousands: the first of a folder is told as any file is, and stands for the others. It does where its path
 * has no links, so that the folder is where it seems to be, and until something gets another name. */

/* The folder of such a module, with the names as they are: a number, 0 of any other file. */
static uint64_t folder_of_module(const char *path, int flags) {
    static const char cache[] = "/__pycache__/";
    if (path[0] != '/' || flags & (O_ACCMODE | O_CREAT | O_TRUNC)) return 0;
    const char *end = path, *name = path;
    for (; *end; end++)
        if (*end == '/') name = end + 1;
    size_t n = (size_t)(name - path);
    if (end - name < 4 || !equal(end - 4, ".pyc") || n < sizeof cache ||
        !begins(name - (sizeof cache - 1), cache))
        return 0;
    uint64_t hash = n ^ (uint64_t)load(&spool->names) << 32, word;
    for (size_t at = 0; at < n; at += 8) {
        __builtin_memcpy(&word, path + (n - at < 8 ? n - 8 : at), 8); /* the last overlaps what is before */
        hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
        hash ^= hash >> 32;
    }
    return hash | 1;
}

static bool is_told_of(uint64_t folder) {
    const struct table *all = load(&table);
    return all && load(&all->folders[folder / 2 % MODULE_FOLDERS]) == folder;
}

/* How much of the path of the interpreter that runs here is the folder it is installed in; 0 of other programs. */
static size_t installed_in(char *program, size_t room) {
    long size = call4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", program, room - 1);
    if (size <= 0 || size == (long)room - 1) return 0;
    program[size] = 0;
    const char *name = program + size;
    while (name > program && name[-1] != '/') name--;
    if (!begins(name, "python")) return 0;
    for (name += 6; *name; name++)
        if ((*name < '0' || *name > '9') && *name != '.' && *name != '-') return 0;
    size_t n = 1;
    while (program[n] && !begins(program + n, "/bin/") && !begins(program + n, "/lib/") &&
           !begins(program + n, "/lib64/"))
        n++;
    if (!program[n]) return 0;
    program[n] = 0;
    return n;
}

/* What of a path lies within a folder that is environment whatever the project holds, as `noise.py` has it; NULL
 * where nothing does. */
static const char *within_environment(const char *path, const char *root) {
    char program[512];
    const char *within = NULL;
    for (const char *at = path; *at; at++)
        if (*at == '/' && (begins(at, "/site-packages/") || begins(at, "/dist-packages/"))) within = at + 14;
    if (within) return contains(root, "-packages") ? NULL : within;
    size_t n = installed_in(program, sizeof program);
    if (!n || begins(root, program) || !begins(path, program)) return NULL;
    return begins(path + n, "/lib/") || begins(path + n, "/lib64/") ? path + n : NULL;
}

static bool is_environment(const char *path) {
    /* What is kept although it lies there has one of these in its path. */
    static const char kept[][12] = {"/.", "/dev/shm/", "/run/media/"};
    const char *root = text_at(load(&spool->root));
    const char *within = root ? within_environment(path, root) : NULL;
    for (size_t i = 0; within && i < sizeof kept / sizeof *kept; i++)
        if (contains(within, kept[i])) return false;
    return within;
}

static void let_stand(uint64_t folder) {
    struct table *all = make_table();
    if (all) store(&all->folders[folder / 2 % MODULE_FOLDERS], folder);
}

static void piped(int fd, uint32_t pid, const struct stat *s, uint32_t named) {
    uint32_t access = READABLE | WRITABLE;
    if (S_ISFIFO(s->st_mode)) access = access_of((int)raw_fcntl(fd, F_GETFL)) | named;
    if (S_ISCHR(s->st_mode)) access |= OF_TERMINAL;
    DRAFT(d, 16);
    put_u64(&d, (uint64_t)s->st_ino);
    if (named) put_u64(&d, (uint64_t)s->st_dev);
    WRITE(PIPED, access, fd, pid, next_tick(), d);
}

struct before {
    bool looked, existed;
    int stand_in;     /* what is opened instead of the spool, or 0 */
    const char *path; /* what is to be opened */
    char link[32];
    struct stat stat;
};

/* Says that a program would have written to the spool. */
static void kept_from_spool(void) { missed(caller(), "own record", ""); }

/* Has a file in memory opened instead of the spool, which all that have it mapped would otherwise die of. Its number is
 * a high one, so that the program gets the one that it would get. */
static void stand_in_for_spool(struct before *b) {
    int fd = (int)call2(SYS_memfd_create, "", 1 /* MFD_CLOEXEC */);
    int high = fd < 0 ? fd : (int)call3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 200);
    if (high >= 0) raw_close(fd);
    b->stand_in = high >= 0 ? high : fd;
    b->path = "/dev/null";
    if (b->stand_in <= 0) return;
    call2(SYS_ftruncate, b->stand_in, b->stat.st_size);
    memcpy(b->link, "/proc/self/fd/", 14);
    decimal(b->link + 14, (unsigned)b->stand_in);
    b->path = b->link;
}

/* What an open that may create, truncate or write would find. */
static void look_before(struct before *b, int at, const char *path, int flags) {
    b->looked = b->existed = false;
    b->stand_in = 0;
    b->path = path;
    bool makes = flags & (O_CREAT | O_TRUNC);
    if ((!makes && !(flags & O_ACCMODE)) || flags & O_PATH || (flags & O_TMPFILE) == O_TMPFILE) return;
    b->looked = makes;
    if (flags & O_CREAT && flags & O_EXCL) return; /* success says that nothing was there */
    bool existed = raw_stat(at, path, &b->stat, flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0) &&
                   S_ISREG(b->stat.st_mode);
    if (UNLIKELY(existed && is_spool(&b->stat))) {
        kept_from_spool();
        stand_in_for_spool(b);
        return;
    }
    b->existed = existed && makes;
    if (!existed) return;
    struct table *all = (flags & O_ACCMODE) == O_RDWR ? make_table() : NULL;
    bool changes = all && is_worth_preserving_open(&b->stat, &all->changing);
    if (flags & O_TRUNC || changes) about_to_lose(at, path, &b->stat);
}

/* To be called behind the open; what that gave. */
static int looked_before(struct before *b, int fd) {
    if (UNLIKELY(b->stand_in > 0)) raw_close(b->stand_in);
    return fd;
}

/* What a child in our memory has open as a number from `first` to `last`, or NULL. */
static struct guest *find_guest(uint32_t pid, unsigned first, unsigned last) {
    struct table *all = load(&table);
    for (int i = 0; all && i < GUESTS; i++) {
        struct guest *g = &all->guests[i];
        if (g->pid == pid && (unsigned)g->fd >= first && (unsigned)g->fd <= last) return g;
    }
    return NULL;
}

static void note_guest(uint32_t pid, int fd, const struct entry *e) {
    struct table *all = make_table();
    struct guest *g = find_guest(pid, (unsigned)fd, (unsigned)fd);
    for (int i = 0; all && !g && i < GUESTS; i++)
        if (all->guests[i].pid != pid) g = &all->guests[i];
    if (!g) return;
    g->fd = fd;
    g->entry = *e;
    store(&g->pid, pid);
}

static void opened(int fd, int at, const char *path, int flags, const struct before *b, void *stream) {
    struct stat s;
    if (path && (b->path != path || is_uninteresting(path))) return;
    if (flags & (O_PATH | O_DIRECTORY) && (flags & O_TMPFILE) != O_TMPFILE) return;
    uint64_t folder = path ? folder_of_module(path, flags) : 0;
    if (folder && is_told_of(folder)) {
        if (is_tracked(fd) && !is_guest(raw_getpid())) untrack(fd); /* it was closed past our hooks */
        return;
    }
    if (!raw_fstat(fd, &s)) return;
    if (!S_ISREG(s.st_mode)) {
        bool in_memory = path && begins(path, "/dev/shm/"); /* else through a name to a pipe that somebody has */
        bool through = path && !in_memory && (begins(path, "/proc/") || begins(path, "/dev/"));
        if (!S_ISFIFO(s.st_mode)) return;
        piped(fd, caller(), &s, path && !through ? BY_NAME : 0);
        talks_through(fd); /* whoever has it from us says what it uses */
        if (stream && may_talk(fd)) talked(fd, access_of(flags) | MAPPED);
        return;
    }
    uint32_t pid = caller();
    tell_libraries();
    uint32_t access = access_of(flags), seen = access;
    if (flags & O_TRUNC) seen |= TRUNCATES;
    if (flags & O_APPEND) seen |= APPENDS;
    bool nameless = (flags & O_TMPFILE) == O_TMPFILE; /* the path is its folder's */
    if ((b->looked && flags & O_CREAT && !b->existed) || nameless) seen |= CREATED;
    if (b->existed) seen |= HAS_BEFORE;
    LONG_DRAFT(d, PATHS + 100);
    put_stat(&d, &s);
    if (b->existed) put_stat(&d, &b->stat);
    unsigned char *named = d.at + 4;
    bool plain = path && !nameless && (path[0] == '/' || at == AT_FDCWD) && is_without_links(path) &&
                 put_plain_path(&d, path);
    size_t n = plain ? (size_t)(d.at - named) : put_descriptor_path(&d, fd);
    if (n > 6 && (begins((char *)named, "/proc/") || begins((char *)named, "/sys/"))) {
        GIVE_BACK(d_bytes);
        return;
    }
    if (!n && path) {
        d.at -= 4;
        put_name(&d, at, path);
    }
    count_told();
    uint64_t tick = next_tick();
    uint64_t written = WRITE(OPENED, seen, fd, pid, tick, d);
    GIVE_BACK(d_bytes);
    uint32_t lively = seen & CREATED || (seen & TRUNCATES && b->existed && b->stat.st_size) ? LIVELY : 0;
    struct entry e = entry_of(tick, access | lively, &s, written);
    if (written) e.path = written + (b->existed ? 80 : 40);
    e.stream = stream;
    if (is_guest(pid)) {
        note_guest(pid, fd, &e);
    } else if (fd < TRACKED) {
        track(fd, &e);
        if (folder && plain && written && is_environment(path)) let_stand(folder);
    } else {
        too_high(fd, pid);
    }
    end_turn();
}

static bool is_same_open(const struct entry *a, const struct entry *b) {
    bool alike = !((a->flags ^ b->flags) & (READABLE | WRITABLE));
    return alike && a->opened == b->opened && a->inode == b->inode && a->device == b->device;
}

/* Another duplicate says what was written through this one, once it is the last. */
static bool is_left_to_another(const struct entry *e, int fd) {
    EACH_TRACKED(other) {
        if (other == fd || !is_same_open(entry(other), e)) continue;
        entry(other)->flags |= e->flags & (WROTE | TOOK);
        return true;
    }
    return false;
}

/* Whether this process surely wrote nothing anywhere: a file that it inherited, such as a log as its
 * standard output, was then changed by another that has it. Where the kernel does not count, no; what is moved into a file
 * out of a pipe (`splice`) it counts nowhere, so what is seen to be written stands with the descriptor. */
static bool wrote_nothing(void) {
    uint64_t now = so_far("wchar: ");
    return now != UNCOUNTED && (uint32_t)now == state->written;
}

/* A file that a program was started with under a number is read by it where its position is another than at first: a
 * look at each `read` would cost, and the shell that opened it may have meant it for any of its programs. The position is
 * its parent's, too: a fork that has read nothing at all, as one that a shell begins while it goes on with its script,
 * has not moved it. */
static bool was_moved(const struct entry *e, int fd, uint32_t pid) {
    int64_t position = e->flags & WATCHED ? position_of(fd) : -1;
    if (position < 0 || position == e->position) return false;
    return is_guest(pid) || !state->forked || so_far("rchar: ") != 0;
}

static void about_to_leave(const struct entry *e, int fd, uint32_t pid) {
    if (was_moved(e, fd, pid)) write_drawn(fd, e->opened, e->device, e->inode, pid);
}

static bool has_changed(const struct entry *e, int fd) {
    struct stat s;
    return raw_fstat(fd, &s) && same_file(e, &s) && changed(e, &s);
}

/* Whether a file that was given changed since, and we may have done it. */
static bool may_have_changed(const struct entry *e, int fd) { return has_changed(e, fd) && !wrote_nothing(); }

/* What writes, and not through our hooks, does so through a stream of C: to any of the files that it was given, then. */
static bool wrote_unseen(void) { return !state->seen_to_write; }

/* Says that `e`, which is open as `fd`, is closed. */
static void write_closed(const struct entry *e, int fd, uint32_t pid) {
    struct stat s;
    if (!raw_fstat(fd, &s) || !same_file(e, &s)) return;
    if (e->flags & CONNECTION) {
        write_parted(fd, e->inode, was_heard(fd), pid);
        return;
    }
    about_to_leave(e, fd, pid);
    bool inherited = e->flags & INHERITED || e->opened < state->forked;
    bool dated = e->flags & DATED && !changed(e, &s);
    bool written = e->flags & WRITABLE && (dated || e->flags & (LIVELY | MAPPED) || changed(e, &s));
    if (dated) s.st_mtim = s.st_ctim;
    if (inherited && (!written || (!(e->flags & (MAPPED | WROTE)) && wrote_nothing()))) return;
    bool wrote = e->flags & WROTE || (inherited && !(e->flags & MAPPED) && wrote_unseen());
    if (written) tell_libraries();
    LONG_DRAFT(d, PATHS + 64);
    put_u64(&d, e->opened);
    put_stat(&d, &s);
    if (e->flags & WRITABLE)
        put_known_path(&d, e, fd);
    else
        put_u32(&d, 0); /* as it was opened */
    unsigned how = (e->flags & MAPPED) | (wrote ? GIVEN : 0) | (e->flags & TOOK ? READABLE : 0);
    WRITE(CLOSED, how, fd, pid, next_tick(), d);
    GIVE_BACK(d_bytes);
    if (!written) return;
    add(&spool->activity, 1);
    end_turn();
}

/* A forked child says what it inherited before it changes a standard descriptor. */
static void about_to_change(int fd) {
    if (fd >= 0 && fd <= 2 && !load(&state->pid)) caller();
}

static void closing_guest(struct guest *g) {
    const struct table *all = load(&table);
    struct entry e = g->entry;
    uint32_t pid = g->pid;
    store(&g->pid, 0);
    for (int i = 0; i < GUESTS; i++)
        if (all->guests[i].pid == pid && is_same_open(&all->guests[i].entry, &e)) return;
    write_closed(&e, g->fd, pid);
}

/* What a child in our memory closes from `first` to `last`; false where the caller is none. */
static bool closing_of_guest(unsigned first, unsigned last) {
    if (LIKELY(!load(&sharing))) return false;
    uint32_t pid = caller();
    if (!is_guest(pid)) return false;
    for (struct guest *g; (g = find_guest(pid, first, last)) != NULL;) closing_guest(g);
    return true;
}

/* To be called before `fd` is closed, while it can be looked at. */
static void closing(int fd) {
    if (fd >= 0 && closing_of_guest((unsigned)fd, (unsigned)fd)) return;
    about_to_change(fd);
    if (!tracked(fd)) return;
    uint32_t pid = caller();
    if (is_guest(pid)) return;
    struct entry e = *entry(fd);
    untrack(fd);
    if (e.flags & DUPED && is_left_to_another(&e, fd)) return;
    write_closed(&e, fd, pid);
}

static void closing_from(unsigned first, unsigned last) {
    if (closing_of_guest(first, last)) return;
    if (first <= 2) about_to_change((int)first);
    EACH_TRACKED(fd)
        if ((unsigned)fd >= first && (unsigned)fd <= last) closing(fd);
}

static void duplicated(int from, int to) {
    if (may_talk(from)) talks_through(to);
    if (UNLIKELY(load(&sharing))) {
        uint32_t pid = caller();
        const struct guest *g = is_guest(pid) ? find_guest(pid, (unsigned)from, (unsigned)from) : NULL;
        if (g) note_guest(pid, to, &g->entry);
    }
    struct entry *e = tracked(from);
    if (e) {
        if (is_guest(caller()) || to >= TRACKED) return;
        e->flags |= DUPED;
        struct entry copy = *e;
        copy.stream = NULL;
        track(to, &copy);
        if (!(copy.flags & CONNECTION)) return;
    }
    struct stat s;
    if ((from > 2 && to > 2) || !raw_fstat(to, &s)) return;
    bool is_end = S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode);
    if (to <= 2 && (is_end || kind_of(&s) == KIND_TERMINAL)) piped(to, caller(), &s, 0);
    else if (is_end) talks_through(to);
}

#define OPEN(name)                                                                \
    HOOK(int, name, (const char *path, int flags, unsigned mode)) {               \
        NEED(name, (int)fail(ENOSYS));                                            \
        if (!awake()) return REAL(name)(path, flags, mode);                       \
        struct before b;                                                          \
        look_before(&b, AT_FDCWD, path, flags);                                   \
        int fd = looked_before(&b, REAL(name)(b.path, flags, mode));              \
        if (fd >= 0) opened(fd, AT_FDCWD, path, flags, &b, NULL);                 \
        return fd;                                                                \
    }
#define OPENAT(name)                                                              \
    HOOK(int, name, (int at, const char *path, int flags, unsigned mode)) {       \
        NEED(name, (int)fail(ENOSYS));                                            \
        if (!awake()) return REAL(name)(at, path, flags, mode);                   \
        struct before b;                                                          \
        look_before(&b, at, path, flags);                                         \
        int fd = looked_before(&b, REAL(name)(at, b.path, flags, mode));          \
        if (fd >= 0) opened(fd, at, path, flags, &b, NULL);                       \
        return fd;                                                                \
    }
#define CREAT(name)                                                               \
    HOOK(int, name, (const char *path, unsigned mode)) {                          \
        NEED(name, (int)fail(ENOSYS));                                            \
        if (!awake()) return REAL(name)(path, mode);                              \
        struct before b;                                                          \
        look_before(&b, AT_FDCWD, path, O_CREAT | O_TRUNC);                       \
        int fd = looked_before(&b, REAL(name)(b.path, mode));                     \
        if (fd >= 0) opened(fd, AT_FDCWD, path, O_CREAT | O_TRUNC | O_WRONLY, &b, NULL); \
        return fd;                                                                \
    }
OPEN(open)
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)
OPENAT(openat)
OPENAT(openat64)
OPENAT(__openat_2)
OPENAT(__openat64_2)
CREAT(creat)
CREAT(creat64)

enum { OPEN_HOW = 24 };

/* Reads what a program has the kernel read, to which a wrong address is no more than an error. */
static bool copied(void *to, const void *from, size_t n) {
    struct {
        const void *base;
        size_t size;
    } own = {to, n}, theirs = {from, n};
    long got = call6(SYS_process_vm_readv, call1(SYS_getpid, 0), (long)&own, 1, (long)&theirs, 1, 0);
    if (got < 0 && got != -EFAULT) { /* some sandboxes forbid it */
        memcpy(to, from, n);
        return true;
    }
    return got == (long)n;
}

/* What `openat2` is asked for, if it can be: the path, which begins in its folder, even with a slash, where it may
 * not leave that. */
static const char *look_before_openat2(struct before *b, int *flags, int at, const char *path,
                                       const void *asked) {
    uint64_t how[OPEN_HOW / 8];
    char first;
    if (!copied(how, asked, sizeof how)) return NULL;
    *flags = (int)how[0];
    while (how[2] & 0x10 /* RESOLVE_IN_ROOT */ && copied(&first, path, 1) && first == '/') path++;
    look_before(b, at, path, *flags);
    return path;
}

/* `openat2` may have been told not to follow links. */
static int open_stand_in(struct before *b, int flags) {
    int fd = looked_before(b, (int)call4(SYS_openat, AT_FDCWD, b->path, flags, 0));
    return fd < 0 ? (int)fail(-fd) : fd;
}

HOOK(int, openat2, (int at, const char *path, const uint64_t *how, size_t size)) {
    NEED(openat2, (int)fail(ENOSYS));
    struct before b;
    int flags;
    const char *seen = NULL;
    if (awake() && size >= OPEN_HOW) seen = look_before_openat2(&b, &flags, at, path, how);
    if (seen && b.path != seen) return open_stand_in(&b, flags);
    int fd = REAL(openat2)(at, path, how, size);
    if (fd >= 0 && seen) opened(fd, at, seen, flags, &b, NULL);
    return fd;
}

static const struct before not_looked;

HOOK(int, open_by_handle_at, (int mount, void *handle, int flags)) {
    NEED(open_by_handle_at, (int)fail(ENOSYS));
    int fd = REAL(open_by_handle_at)(mount, handle, flags);
    if (fd >= 0 && awake()) opened(fd, AT_FDCWD, NULL, flags, &not_looked, NULL);
    return fd;
}

/* A file in memory under a name, which other programs may open. */
enum { SHARED_NAME = 256 + 16 };

static bool put_shared_name(char path[SHARED_NAME], const char *name) {
    while (name && *name == '/') name++;
    if (!name || length_of(name) > 255) return false;
    memcpy(path, "/dev/shm/", 9);
    memcpy(path + 9, name, length_of(name) + 1);
    return true;
}

HOOK(int, shm_open, (const char *name, int flags, unsigned mode)) {
    NEED(shm_open, (int)fail(ENOSYS));
    char path[SHARED_NAME];
    if (!awake() || !put_shared_name(path, name)) return REAL(shm_open)(name, flags, mode);
    struct before b;
    look_before(&b, AT_FDCWD, path, flags);
    int fd = REAL(shm_open)(name, flags, mode);
    if (fd >= 0) opened(fd, AT_FDCWD, path, flags, &b, NULL);
    return fd;
}

/* One without a name, through which a program's children may tell it something. */
HOOK(int, memfd_create, (const char *name, unsigned flags)) {
    NEED(memfd_create, (int)fail(ENOSYS));
    int fd = REAL(memfd_create)(name, flags);
    if (fd >= 0 && awake()) opened(fd, AT_FDCWD, NULL, O_RDWR | O_TMPFILE, &not_looked, NULL);
    return fd;
}

static int number_of(void *stream) {
    static void *slot;
    int (*fileno)(void *) = next(&slot, "fileno");
    if (!fileno) return -1;
    int kept = *errno_at(), fd = fileno(stream);
    *errno_at() = kept;
    return fd;
}

enum { ANYWHERE = 7 };

/* Something may be written to a standard descriptor. */
static inline void speaks(int fd) {
    if ((unsigned)fd <= 2) state->spoke |= 1u << fd;
}

/* A stream is written by libc, past all hooks: what was written to a file that changed meanwhile shows once it is said that the
 * stream is to be flushed; and to one that others have open, too, if we have written anything. One that is no descriptor's is
 * written nowhere. */
static void flushed(void *stream) {
    int fd = number_of(stream);
    if (fd < 0) return;
    speaks(fd);
    struct entry *e = tracked(fd);
    bool given = e && e->flags & INHERITED;
    if (!given) state->seen_to_write = 1;
    if (!e || e->flags & WROTE || !(given ? may_have_changed(e, fd) : has_changed(e, fd))) return;
    e->flags |= WROTE;
    state->seen_to_write = 1;
}

/* What all streams hold is written at once, and what one holds at its close: which of the files that a fork was given that
 * changes shows before and after it. */
struct look {
    int fd;
    int64_t size;
    int64_t modified;
};
enum { MANY_GIVEN = 32 };

static bool look_at_given(struct look *look, int fd) {
    struct entry *e = tracked(fd);
    struct stat s;
    if (!state->forked || !e || (e->flags & (INHERITED | WRITABLE | WROTE)) != (INHERITED | WRITABLE)) return false;
    if (!raw_fstat(fd, &s) || !same_file(e, &s)) return false;
    *look = (struct look){fd, s.st_size, nanoseconds(&s.st_mtim)};
    return true;
}

static void look_again(const struct look *look) {
    struct entry *e = tracked(look->fd);
    struct stat s;
    if (!e || !raw_fstat(look->fd, &s) || !same_file(e, &s)) return;
    if (s.st_size == look->size && nanoseconds(&s.st_mtim) == look->modified) return;
    e->flags |= WROTE;
    state->seen_to_write = 1;
}

static __attribute__((noinline)) int flush_all(int (*flush)(void *)) {
    struct look looks[MANY_GIVEN];
    uint32_t count = 0;
    EACH_TRACKED(fd)
        if (count < MANY_GIVEN && look_at_given(&looks[count], fd)) count++;
    int result = flush(NULL);
    state->spoke |= ANYWHERE;
    for (uint32_t i = 0; i < count; i++) look_again(&looks[i]);
    return result;
}

#define FLUSH(name)                                                          \
    HOOK(int, name, (void *stream)) {                                        \
        QUICK(name, (int)fail(ENOSYS));                                      \
        bool looking = (state->forked || load(&top)) && load(&readiness) == READY; \
        if (looking && !stream) return flush_all(real);                      \
        int result = real(stream);                                           \
        if (looking) flushed(stream);                                        \
        return result;                                                       \
    }
FLUSH(fflush)
FLUSH(fflush_unlocked)

static void flush(void *stream, bool locking) {
    int (*f)(void *) = locking ? REAL(fflush) : REAL(fflush_unlocked);
    int kept = *errno_at();
    if (f) f(stream);
    *errno_at() = kept;
}

static int flags_of(const char *mode) {
    int flags = mode[0] == 'r'   ? O_RDONLY
                : mode[0] == 'w' ? O_WRONLY | O_CREAT | O_TRUNC
                                 : O_WRONLY | O_CREAT | O_APPEND;
    for (const char *c = mode + (mode[0] != 0); *c && *c != ','; c++) {
        if (*c == '+') flags = (flags & ~O_ACCMODE) | O_RDWR;
        if (*c == 'x') flags |= O_EXCL;
    }
    return flags;
}

static void opened_stream(void *stream, const char *path, int flags, const struct before *b,
                          uint64_t since) {
    int fd = number_of(stream);
    if (fd < 0) return;
    struct entry *e = tracked(fd);
    if (e && e->opened > since)
        e->stream = stream; /* a preload behind us opened it through our own `open` */
    else
        opened(fd, AT_FDCWD, path, flags, b, stream);
}

/* A stream's buffer is written by its close: it is flushed first, so that the look sees all. What a line brought into a file that
 * a fork was given was written before, past all hooks. */
static void closing_stream(void *stream) {
    if (!stream || (!load(&top) && load(&state->pid))) return;
    int fd = number_of(stream);
    about_to_change(fd);
    struct entry *e = tracked(fd);
    if (!e) return;
    if (e->flags & WRITABLE) {
        struct look look;
        bool looking = look_at_given(&look, fd);
        flush(stream, true);
        if (looking) look_again(&look);
        if (looking && may_have_changed(e, fd)) e->flags |= WROTE;
    }
    closing(fd);
}

static void *open_stream(void *(*real)(const char *, const char *), const char *path, const char *mode) {
    if (!awake() || !mode) return real(path, mode);
    struct before b;
    int flags = flags_of(mode);
    look_before(&b, AT_FDCWD, path, flags);
    uint64_t since = load(&state->tick);
    void *stream = real(b.path, mode);
    looked_before(&b, 0);
    if (stream) opened_stream(stream, path, flags, &b, since);
    return stream;
}

#define FOPEN(name)                                            \
    HOOK(void *, name, (const char *path, const char *mode)) { \
        NEED(name, (fail(ENOSYS), NULL));                      \
        return open_stream(REAL(name), path, mode);            \
    }
#define FREOPEN(name)                                                                \
    HOOK(void *, name, (const char *path, const char *mode, void *old)) {            \
        NEED(name, (fail(ENOSYS), NULL));                                            \
        if (!awake() || !mode) return REAL(name)(path, mode, old);                   \
        struct before b = {.looked = false};                                         \
        int flags = flags_of(mode);                                                  \
        if (path) look_before(&b, AT_FDCWD, path, flags);                            \
        closing_stream(old);                                                         \
        uint64_t since = load(&state->tick);                                         \
        void *stream = REAL(name)(b.path, mode, old);                                \
        looked_before(&b, 0);                                                        \
        if (stream) opened_stream(stream, path, flags, &b, since);                   \
        return stream;                                                               \
    }
FOPEN(fopen)
FOPEN(fopen64)
FREOPEN(freopen)
FREOPEN(freopen64)

HOOK(void *, fdopen, (int fd, const char *mode)) {
    NEED(fdopen, (fail(ENOSYS), NULL));
    void *stream = REAL(fdopen)(fd, mode);
    if (stream && awake()) {
        struct entry *e = tracked(fd);
        if (e && !is_guest(caller())) e->stream = stream;
        if (may_talk(fd)) talked(fd, access_of(flags_of(mode)) | MAPPED);
    }
    return stream;
}

HOOK(int, fclose, (void *stream)) {
    NEED(fclose, (int)fail(ENOSYS));
    if (awake()) closing_stream(stream);
    return REAL(fclose)(stream);
}

#include "by_libc.h"

static const struct before nothing_before = {.looked = true};

static int opened_temporary(int fd, int flags) {
    if (fd >= 0 && awake()) opened(fd, AT_FDCWD, NULL, flags | O_RDWR | O_CREAT | O_EXCL, &nothing_before, NULL);
    return fd;
}

#define MKSTEMP(name, parameters, arguments, flags)                        \
    HOOK(int, name, parameters) {                                          \
        NEED(name, (int)fail(ENOSYS));                                     \
        return opened_temporary(REAL(name) arguments, flags);              \
    }
MKSTEMP(mkstemp, (char *path), (path), 0)
MKSTEMP(mkstemp64, (char *path), (path), 0)
MKSTEMP(mkstemps, (char *path, int suffix), (path, suffix), 0)
MKSTEMP(mkstemps64, (char *path, int suffix), (path, suffix), 0)
MKSTEMP(mkostemp, (char *path, int flags), (path, flags), flags)
MKSTEMP(mkostemp64, (char *path, int flags), (path, flags), flags)
MKSTEMP(mkostemps, (char *path, int suffix, int flags), (path, suffix, flags), flags)
MKSTEMP(mkostemps64, (char *path, int suffix, int flags), (path, suffix, flags), flags)

#define TMPFILE(name)                                                                          \
    HOOK(void *, name, (void)) {                                                               \
        NEED(name, (fail(ENOSYS), NULL));                                                      \
        void *stream = REAL(name)();                                                           \
        if (stream && awake()) opened_stream(stream, NULL, O_RDWR | O_TMPFILE, &not_looked, ~0ull); \
        return stream;                                                                         \
    }
TMPFILE(tmpfile)
TMPFILE(tmpfile64)

HOOK(int, close, (int fd)) {
    NEED(close, (int)call1(SYS_close, fd));
    if (awake()) closing(fd);
    return REAL(close)(fd);
}

enum { UNSHARED = 1 << 1, ON_EXEC = 1 << 2 }; /* CLOSE_RANGE_UNSHARE, CLOSE_RANGE_CLOEXEC */

HOOK(int, close_range, (unsigned first, unsigned last, int flags)) {
    NEED(close_range, (int)fail(ENOSYS));
    if (first <= last && !(flags & ON_EXEC) && awake()) closing_from(first, last);
    return REAL(close_range)(first, last, flags);
}

HOOK(void, closefrom, (int first)) {
    if (awake()) closing_from(first < 0 ? 0 : (unsigned)first, TRACKED);
    if (REAL(closefrom)) REAL(closefrom)(first);
}

/* An end under a number that was free among the standard ones. */
static void made_end(int fd, const struct stat *s) {
    if (fd <= 2) piped(fd, caller(), s, 0);
    else talks_through(fd);
}

/* The two ends of a pair of sockets have inodes of their own: ksh joins a pipeline by them. */
static void paired(const int *both) {
    struct stat one, other;
    if (!raw_fstat(both[0], &one) || !raw_fstat(both[1], &other)) return;
    made_end(both[0], &one); /* first, which tells it from one that is plugged in later */
    made_end(both[1], &other);
    DRAFT(d, 16);
    put_u64(&d, (uint64_t)one.st_ino);
    put_u64(&d, (uint64_t)other.st_ino);
    WRITE(PAIRED, 0, both[0], caller(), next_tick(), d);
}

HOOK(int, socketpair, (int domain, int type, int protocol, int *both)) {
    NEED(socketpair, (int)fail(ENOSYS));
    int result = REAL(socketpair)(domain, type, protocol, both);
    if (result == 0 && awake()) paired(both);
    return result;
}

static int made_pipe(int result, const int *both) {
    if (result != 0 || !awake()) return result;
    struct stat s;
    for (int i = 0; i < 2; i++)
        if (both[i] > 2 || raw_fstat(both[i], &s)) made_end(both[i], &s);
    return result;
}

HOOK(int, pipe, (int *both)) {
    NEED(pipe, (int)fail(ENOSYS));
    return made_pipe(REAL(pipe)(both), both);
}

HOOK(int, pipe2, (int *both, int flags)) {
    NEED(pipe2, (int)fail(ENOSYS));
    return made_pipe(REAL(pipe2)(both, flags), both);
}

/* A connection is told of. One that came with a message is told of only if its other end may be a process of the run: what is
 * said over another is looked for where it was made. */
static void connected(int fd, const void *to, unsigned size, int listener, uint32_t how, uint64_t tick) {
    struct connection c;
    struct stat s;
    if (!look_at_connection(&c, fd, to, size, listener) || !raw_fstat(fd, &s)) return;
    if (how & GIVEN && !is_within(&c)) return;
    uint32_t pid = caller();
    write_connected(&c, how, fd, (uint64_t)s.st_ino, pid, tick);
    if (is_guest(pid) || fd >= TRACKED) return;
    struct entry e = entry_of(tick, READABLE | CONNECTION, &s, 0);
    track(fd, &e);
}

/* A descriptor that another process opened, which came with a message or was taken from it. */
static void given(int fd) {
    long flags = raw_fcntl(fd, F_GETFL);
    struct stat s;
    if (flags < 0 || !raw_fstat(fd, &s)) return;
    if (S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode)) talks_through(fd);
    if (S_ISFIFO(s.st_mode)) return;
    opened(fd, AT_FDCWD, NULL, (int)flags & (O_ACCMODE | O_APPEND | O_PATH), &not_looked, NULL);
    struct entry *e = tracked(fd);
    if (e) e->flags |= INHERITED;
    connected(fd, NULL, 0, -1, GIVEN, next_tick());
}

HOOK(int, socket, (int family, int type, int protocol)) {
    NEED(socket, (int)fail(ENOSYS));
    int fd = REAL(socket)(family, type, protocol);
    if (fd >= 0 && UNLIKELY(takes_packets(family, type))) await_packets(fd);
    return fd;
}

/* Told once of each socket, and of each address in a process. What answers for a name is waited past. */
static void packet_came(int fd, const void *from, unsigned size) {
    char name[ADDRESS];
    const char *what;
    int type = 0;
    if (!awake()) return;
    if (!look_at_packet(fd, from, size, &what, name)) {
        if (ask_socket(fd, SOCKETS, 3 /* SO_TYPE */, &type, sizeof type) < 0 || type == STREAM)
            await_no_packets(fd);
        return;
    }
    await_no_packets(fd);
    uint32_t pid = caller();
    if (is_guest(pid) || is_news(&state->addresses, name)) missed(pid, what, name);
}

/* The descriptors that a message brought. */
static void came_with(const struct msghdr *message) {
    if (!message->msg_control) return;
    const char *all = message->msg_control;
    for (size_t at = 0; at + sizeof(struct cmsghdr) <= message->msg_controllen;) {
        const struct cmsghdr *part = (const void *)(all + at);
        size_t length = part->cmsg_len;
        if (length < sizeof *part || length > message->msg_controllen - at) break;
        const int *descriptors = (const void *)(part + 1);
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
            for (size_t i = 0; i < (length - sizeof *part) / sizeof(int); i++) given(descriptors[i]);
        at += (length + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
    }
}

HOOK(long, recvmsg, (int socket, struct msghdr *message, int flags)) {
    NEED(recvmsg, fail(ENOSYS));
    long result = REAL(recvmsg)(socket, message, flags);
    if (result > 0 && may_take_packets(socket)) packet_came(socket, message->msg_name, message->msg_namelen);
    if (result >= 0 && message->msg_control && awake()) came_with(message);
    if (result > 0 && may_talk(socket)) talked(socket, READABLE);
    return result;
}

HOOK(int, dup, (int fd)) {
    NEED(dup, (int)fail(ENOSYS));
    int copy = REAL(dup)(fd);
    if (copy >= 0 && awake()) duplicated(fd, copy);
    return copy;
}

static void before_dup2(int from, int to) {
    about_to_change(to);
    if (from != to && (tracked(to) || load(&sharing)) && raw_fcntl(from, F_GETFD) >= 0) closing(to);
}

HOOK(int, dup2, (int from, int to)) {
    NEED(dup2, (int)fail(ENOSYS));
    if (!awake()) return REAL(dup2)(from, to);
    before_dup2(from, to);
    int copy = REAL(dup2)(from, to);
    if (copy >= 0 && from != to) duplicated(from, copy);
    return copy;
}

HOOK(int, dup3, (int from, int to, int flags)) {
    NEED(dup3, (int)fail(ENOSYS));
    if (!awake()) return REAL(dup3)(from, to, flags);
    before_dup2(from, to);
    int copy = REAL(dup3)(from, to, flags);
    if (copy >= 0) duplicated(from, copy);
    return copy;
}

#define FCNTL(name)                                                                          \
    HOOK(int, name, (int fd, int what, long argument)) {                                     \
        NEED(name, (int)fail(ENOSYS));                                                       \
        int result = REAL(name)(fd, what, argument);                                         \
        if ((what == F_DUPFD || what == F_DUPFD_CLOEXEC) && result >= 0 && awake())          \
            duplicated(fd, result);                                                          \
        return result;                                                                       \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

/* Something was read from what this program was started with. */
static void drawn(int fd) {
    struct entry *e = entry(fd);
    uint32_t pid = caller();
    if (is_guest(pid)) return;
    e->flags |= TOOK;
    if (!(e->flags & WATCHED)) return;
    e->flags &= ~(uint32_t)WATCHED;
    write_drawn(fd, e->opened, e->device, e->inode, pid);
}

/* Forks have what is mapped so, too, and what one of them writes there the others read. */
static void mapped(int fd) {
    const struct entry *e = tracked(fd);
    struct stat s;
    uint32_t pid = caller();
    if (is_guest(pid)) return;
    if (fd < 0 || e || (raw_fstat(fd, &s) && S_ISREG(s.st_mode) && !s.st_nlink)) share_memory(&state->shares, pid);
    EACH_TRACKED(other)
        if (e && is_same_open(entry(other), e)) entry(other)->flags |= MAPPED;
}
static void seen_mapping(void *result, int protection, int flags, int fd) {
    if (result == MAP_FAILED) return;
    bool written = flags & MAP_SHARED && protection & PROT_WRITE;
    if (UNLIKELY(written) && awake()) mapped(flags & MAP_ANONYMOUS ? -1 : fd);
    if (is_tracked(fd) && awake()) drawn(fd);
}

#define MMAP(name)                                                                           \
    HOOK(void *, name, (void *at, size_t size, int protection, int flags, int fd, long from)) { \
        NEED(name, (fail(ENOSYS), MAP_FAILED));                                              \
        void *result = REAL(name)(at, size, protection, flags, fd, from);                    \
        seen_mapping(result, protection, flags, fd);                                         \
        return result;                                                                       \
    }
MMAP(mmap)
MMAP(mmap64)

static void seen_attached(long result, int segment) {
    if (result != -1 && awake()) write_bare(MEMORY, segment + 1, caller());
}

HOOK(void *, shmat, (int segment, const void *at, int flags)) {
    NEED(shmat, (fail(ENOSYS), (void *)-1));
    void *result = REAL(shmat)(segment, at, flags);
    seen_attached((long)result, segment);
    return result;
}

/* Reads that leave the position as it is; the last argument is that of some. */
#define READ_AT(name, number)                                                             \
    HOOK(long, name, (int fd, void *to, number size, long from, long more)) {             \
        NEED(name, fail(ENOSYS));                                                         \
        long result = REAL(name)(fd, to, size, from, more);                               \
        if (UNLIKELY(is_tracked(fd)) && result > 0 && awake()) drawn(fd);                 \
        if (result > 0 && may_talk(fd)) talked(fd, READABLE); /* from -1, as `read` */    \
        return result;                                                                    \
    }
READ_AT(pread, size_t)
READ_AT(pread64, size_t)
READ_AT(__pread_chk, size_t)
READ_AT(__pread64_chk, size_t)
READ_AT(preadv, int)
READ_AT(preadv64, int)
READ_AT(preadv2, int)
READ_AT(preadv64v2, int)

static inline void read_at(int fd) {
    if (UNLIKELY(is_tracked(fd)) && awake()) drawn(fd);
}

/* Which of those that were given a file have changed it shows nowhere in that. */
static inline void writes(int fd) {
    state->seen_to_write = 1;
    speaks(fd);
    if (LIKELY(!is_tracked(fd))) return;
    struct entry *e = entry(fd);
    if (!(e->flags & WROTE)) e->flags |= WROTE;
}

/* Asynchronous ones are told of when they are asked for, and may be done at any time then. Each libc has the descriptor first, and
 * then what is asked. */
static void asked_for(int fd, uint32_t how) {
    if (may_talk(fd)) talked(fd, how | MAPPED);
    if (how == READABLE) read_at(fd);
    else writes(fd);
}

#define AIO(name, how)                                \
    HOOK(int, name, (const int *asked)) {             \
        SOUGHT(name);                                 \
        NEED(name, (int)fail(ENOSYS));                \
        int fd = *asked;                              \
        int result = REAL(name)((const void *)asked); \
        if (result == 0) asked_for(fd, how);          \
        return result;                                \
    }
AIO(aio_read, READABLE)
AIO(aio_read64, READABLE)
AIO(aio_write, WRITABLE)
AIO(aio_write64, WRITABLE)

#define AIO_LIST(name)                                                          \
    HOOK(int, name, (int mode, const int *const *list, int count, void *event)) { \
        enum { READ = 0, WRITE = 1 };                                           \
        SOUGHT(name);                                                           \
        NEED(name, (int)fail(ENOSYS));                                          \
        int result = REAL(name)(mode, list, count, event);                      \
        for (int i = 0; i < count; i++) {                                       \
            if (list[i] && list[i][1] == READ) asked_for(list[i][0], READABLE); \
            if (list[i] && list[i][1] == WRITE) asked_for(list[i][0], WRITABLE); \
        }                                                                       \
        return result;                                                          \
    }
AIO_LIST(lio_listio)
AIO_LIST(lio_listio64)

/* Who reads, and then goes back to where a file stood, is found out before it does; who only looks about in it has not
 * read. */
static void about_to_seek(int fd) {
    struct entry *e = entry(fd);
    if (!(e->flags & WATCHED) || !awake()) return;
    uint32_t pid = caller();
    if (!is_guest(pid) && was_moved(e, fd, pid)) drawn(fd);
}

static void stands_at(int fd, long position) {
    const struct entry *e = entry(fd);
    if (!(e->flags & WATCHED) || position < 0 || is_guest(caller())) return;
    EACH_TRACKED(other)
        if (is_same_open(entry(other), e)) entry(other)->position = position;
}

#define SEEK(name)                                         \
    HOOK(long, name, (int fd, long to, int from)) {        \
        NEED(name, fail(ENOSYS));                          \
        if (LIKELY(!is_tracked(fd))) return REAL(name)(fd, to, from); \
        about_to_seek(fd);                                 \
        long result = REAL(name)(fd, to, from);            \
        stands_at(fd, result);                             \
        return result;                                     \
    }
SEEK(lseek)
SEEK(lseek64)

/* A stream may read as it goes there: where that ends is no place that it was at without having read, but the beginning. */
static void about_to_seek_in(void *stream) {
    if (!stream || !load(&top)) return;
    int fd = number_of(stream);
    if (is_tracked(fd)) about_to_seek(fd);
}

static void stands_in(void *stream) {
    if (!stream || !load(&top)) return;
    int fd = number_of(stream);
    if (is_tracked(fd) && entry(fd)->flags & WATCHED && position_of(fd) == 0) stands_at(fd, 0);
}

#define SEEK_IN(name, parameters, ...)         \
    HOOK(int, name, parameters) {              \
        NEED(name, (int)fail(ENOSYS));         \
        about_to_seek_in(stream);              \
        int result = REAL(name)(__VA_ARGS__);  \
        stands_in(stream);                     \
        return result;                         \
    }
SEEK_IN(fseek, (void *stream, long to, int from), stream, to, from)
SEEK_IN(fseeko, (void *stream, long to, int from), stream, to, from)
SEEK_IN(fseeko64, (void *stream, long to, int from), stream, to, from)

#define SEEK_SELDOM(name)                              \
    HOOK(int, name, (void *stream, const void *to)) {  \
        SOUGHT(name);                                  \
        NEED(name, (int)fail(ENOSYS));                 \
        about_to_seek_in(stream);                      \
        return REAL(name)(stream, to);                 \
    }
SEEK_SELDOM(fsetpos)
SEEK_SELDOM(fsetpos64)

HOOK(void, rewind, (void *stream)) {
    about_to_seek_in(stream);
    if (REAL(rewind)) REAL(rewind)(stream);
    stands_in(stream);
}

/* ---- the network -------------------------------------------------------------------------------- */

/* What a fork says so is told, and is nothing that it wrote to what it was given. */
static __attribute__((noinline)) long told_there(int fd, long size) {
    if (size > 0 && state->forked && may_talk(fd)) state->written += (uint32_t)size;
    return size;
}

/* A shell that opened a file for a program may have read there itself. */
static inline void reads(int fd) {
    if (LIKELY(!is_tracked(fd))) return;
    struct entry *e = entry(fd);
    if (!(e->flags & TOOK)) e->flags |= TOOK;
}

/* What is taken from a descriptor, of whichever kind. */
#define TAKE(type, name, parameters, ...)                          \
    HOOK(type, name, parameters) {                                 \
        QUICK(name, (type)fail(ENOSYS));                           \
        type result = real(__VA_ARGS__);                           \
        if (result > 0 && may_talk(fd)) talked(fd, READABLE);      \
        if (result > 0) reads(fd);                                 \
        return result;                                             \
    }
#define RECEIVE(name, parameters, from, size, ...)                         \
    HOOK(long, name, parameters) {                                         \
        QUICK(name, fail(ENOSYS));                                         \
        long result = real(__VA_ARGS__);                                   \
        if (result > 0 && may_take_packets(fd)) packet_came(fd, from, size); \
        if (result > 0 && may_talk(fd)) talked(fd, READABLE);              \
        return result;                                                     \
    }
#define SEND(type, name, parameters, ...)                \
    HOOK(type, name, parameters) {                       \
        QUICK(name, (type)fail(ENOSYS));                 \
        if (may_talk(fd)) talked(fd, WRITABLE);          \
        return real(__VA_ARGS__);                        \
    }
#define GIVE(type, name, parameters, ...)                \
    HOOK(type, name, parameters) {                       \
        QUICK(name, (type)fail(ENOSYS));                 \
        if (may_talk(fd)) {                              \
            talked(fd, WRITABLE);                        \
            writes(fd);                                  \
            return (type)told_there(fd, real(__VA_ARGS__)); \
        }                                                \
        writes(fd);                                      \
        return real(__VA_ARGS__);                        \
    }
TAKE(long, read, (int fd, void *to, size_t size), fd, to, size)
TAKE(long, __read_chk, (int fd, void *to, size_t size, size_t room), fd, to, size, room)
TAKE(long, readv, (int fd, const void *parts, int count), fd, parts, count)
RECEIVE(recv, (int fd, void *to, size_t size, int flags), NULL, 0, fd, to, size, flags)
RECEIVE(__recv_chk, (int fd, void *to, size_t size, size_t room, int flags), NULL, 0, fd, to, size, room, flags)
RECEIVE(recvfrom, (int fd, void *to, size_t size, int flags, void *address, unsigned *length), address,
        address && length ? *length : 0, fd, to, size, flags, address, length)
RECEIVE(__recvfrom_chk, (int fd, void *to, size_t size, size_t room, int flags, void *address, unsigned *length), address,
        address && length ? *length : 0, fd, to, size, room, flags, address, length)
GIVE(long, write, (int fd, const void *from, size_t size), fd, from, size)
GIVE(long, writev, (int fd, const void *parts, int count), fd, parts, count)
GIVE(long, pwrite, (int fd, const void *from, size_t size, long at), fd, from, size, at)
GIVE(long, pwrite64, (int fd, const void *from, size_t size, long at), fd, from, size, at)
GIVE(long, pwritev, (int fd, const void *parts, int count, long at), fd, parts, count, at)
GIVE(long, pwritev64, (int fd, const void *parts, int count, long at), fd, parts, count, at)
GIVE(long, pwritev2, (int fd, const void *parts, int count, long at, int flags), fd, parts, count, at, flags)
GIVE(long, pwritev64v2, (int fd, const void *parts, int count, long at, int flags), fd, parts, count, at, flags)
SEND(long, send, (int fd, const void *from, size_t size, int flags), fd, from, size, flags)
SEND(long, sendto, (int fd, const void *from, size_t size, int flags, const void *to, unsigned length), fd, from, size, flags,
     to, length)
SEND(long, sendmsg, (int fd, const void *message, int flags), fd, message, flags)
SEND(int, sendmmsg, (int fd, void *messages, unsigned count, int flags), fd, messages, count, flags)

/* From memory into a pipe, or out of one, as which of its ends that is. */
HOOK(long, vmsplice, (int fd, const void *parts, size_t count, unsigned flags)) {
    QUICK(vmsplice, fail(ENOSYS));
    uint32_t access = may_talk(fd) ? access_of((int)raw_fcntl(fd, F_GETFL)) : 0;
    if (access & WRITABLE) talked(fd, WRITABLE);
    if (access != READABLE) writes(fd);
    long result = real(fd, parts, count, flags);
    if (result > 0 && access & READABLE) talked(fd, READABLE);
    return result;
}

GIVE(int, vdprintf, (int fd, const char *format, va_list words), fd, format, words)
GIVE(int, __vdprintf_chk, (int fd, int how, const char *format, va_list words), fd, how, format, words)

HOOK(int, dprintf, (int fd, const char *format, ...)) {
    va_list words;
    va_start(words, format);
    int result = shim_vdprintf(fd, format, words);
    va_end(words);
    return result;
}

HOOK(int, __dprintf_chk, (int fd, int how, const char *format, ...)) {
    va_list words;
    va_start(words, format);
    int result = shim___vdprintf_chk(fd, how, format, words);
    va_end(words);
    return result;
}

/* From one descriptor to another. */
#define PASS(name, parameters, ...)                              \
    HOOK(long, name, parameters) {                               \
        NEED(name, fail(ENOSYS));                                \
        if (may_talk(to)) talked(to, WRITABLE);                  \
        long result = REAL(name)(__VA_ARGS__);                   \
        if (result > 0 && may_talk(fd)) talked(fd, READABLE);    \
        if (result > 0) writes(to);                              \
        if (result > 0) read_at(fd);                             \
        return result;                                           \
    }
PASS(splice, (int fd, long *at, int to, long *target, size_t size, unsigned flags), fd, at, to, target, size, flags)
PASS(tee, (int fd, int to, size_t size, unsigned flags), fd, to, size, flags)
PASS(sendfile, (int to, int fd, long *at, size_t size), to, fd, at, size)
PASS(sendfile64, (int to, int fd, long *at, size_t size), to, fd, at, size)

HOOK(long, copy_file_range, (int fd, long *at, int to, long *target, size_t size, unsigned flags)) {
    SOUGHT(copy_file_range);
    NEED(copy_file_range, fail(ENOSYS));
    long result = REAL(copy_file_range)(fd, at, to, target, size, flags);
    if (result > 0) read_at(fd), writes(to);
    return result;
}

HOOK(int, recvmmsg, (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *until)) {
    NEED(recvmmsg, (int)fail(ENOSYS));
    int result = REAL(recvmmsg)(fd, messages, count, flags, until);
    if (result > 0 && may_take_packets(fd))
        packet_came(fd, messages->msg_hdr.msg_name, messages->msg_hdr.msg_namelen);
    if (result > 0 && may_talk(fd)) talked(fd, READABLE);
    for (int i = 0; i < result; i++)
        if (messages[i].msg_hdr.msg_control && awake()) came_with(&messages[i].msg_hdr);
    return result;
}

HOOK(int, connect, (int fd, const void *address, unsigned size)) {
    NEED(connect, (int)fail(ENOSYS));
    if (!address || !awake()) return REAL(connect)(fd, address, size);
    uint64_t tick = next_tick(); /* who accepts may be told before we are */
    int result = REAL(connect)(fd, address, size);
    if (result == 0 || *errno_at() == EINPROGRESS) connected(fd, address, size, -1, 0, tick);
    return result;
}

HOOK(int, accept, (int listener, void *address, unsigned *size)) {
    NEED(accept, (int)fail(ENOSYS));
    int fd = REAL(accept)(listener, address, size);
    if (fd >= 0 && awake()) connected(fd, NULL, 0, listener, ACCEPTED, next_tick());
    return fd;
}

HOOK(int, accept4, (int listener, void *address, unsigned *size, int flags)) {
    NEED(accept4, (int)fail(ENOSYS));
    int fd = REAL(accept4)(listener, address, size, flags);
    if (fd >= 0 && awake()) connected(fd, NULL, 0, listener, ACCEPTED, next_tick());
    return fd;
}

/* ---- names -------------------------------------------------------------------------------------- */

static bool is_named_thing(const struct stat *s) { return S_ISREG(s->st_mode) || S_ISDIR(s->st_mode); }

struct move {
    bool known, over;
    struct stat source, target;
};

static void look_at_move(struct move *m, int at, const char *source, int to, const char *target) {
    m->known = raw_stat(at, source, &m->source, AT_SYMLINK_NOFOLLOW) && is_named_thing(&m->source);
    m->over = m->known && raw_stat(to, target, &m->target, AT_SYMLINK_NOFOLLOW) &&
              is_named_thing(&m->target);
    if (m->over) about_to_lose(to, target, &m->target);
}

static void renamed(const struct move *m, int at, const char *source, int to, const char *target,
                    unsigned flags) {
    if (!m->known) return;
    uint32_t pid = caller();
    LONG_DRAFT(d, 2 * PATHS + 2 * 4200);
    put_stat(&d, &m->source);
    if (m->over) put_stat(&d, &m->target);
    put_name(&d, at, source);
    put_name(&d, to, target);
    uint32_t seen = HAS_STAT | (m->over ? HAS_REPLACED : 0);
    if (S_ISDIR(m->source.st_mode)) seen |= DIRECTORY;
    if (flags & RENAME_EXCHANGE) seen |= EXCHANGE;
    WRITE(RENAMED, seen, 0, pid, next_tick(), d);
    GIVE_BACK(d_bytes);
    add(&spool->names, 1);
    add(&spool->activity, 1);
}

HOOK(int, rename, (const char *source, const char *target)) {
    NEED(rename, (int)fail(ENOSYS));
    if (!awake()) return REAL(rename)(source, target);
    struct move m;
    look_at_move(&m, AT_FDCWD, source, AT_FDCWD, target);
    int result = REAL(rename)(source, target);
    if (result == 0) renamed(&m, AT_FDCWD, source, AT_FDCWD, target, 0);
    return result;
}

HOOK(int, renameat, (int at, const char *source, int to, const char *target)) {
    NEED(renameat, (int)fail(ENOSYS));
    if (!awake()) return REAL(renameat)(at, source, to, target);
    struct move m;
    look_at_move(&m, at, source, to, target);
    int result = REAL(renameat)(at, source, to, target);
    if (result == 0) renamed(&m, at, source, to, target, 0);
    return result;
}

HOOK(int, renameat2, (int at, const char *source, int to, const char *target, unsigned flags)) {
    NEED(renameat2, (int)fail(ENOSYS));
    if (!awake()) return REAL(renameat2)(at, source, to, target, flags);
    struct move m;
    look_at_move(&m, at, source, to, target);
    int result = REAL(renameat2)(at, source, to, target, flags);
    if (result == 0) renamed(&m, at, source, to, target, flags);
    return result;
}

static bool look_at_link(struct stat *s, int at, const char *source, int flags) {
    int how = flags & AT_EMPTY_PATH;
    if (!(flags & AT_SYMLINK_FOLLOW)) how |= AT_SYMLINK_NOFOLLOW;
    return raw_stat(at, source, s, how) && S_ISREG(s->st_mode);
}

static void linked(const struct stat *s, int at, const char *source, int to, const char *target,
                   int flags) {
    uint32_t pid = caller();
    LONG_DRAFT(d, 2 * PATHS + 2 * 4200);
    put_stat(&d, s);
    if (s->st_nlink == 0)
        put_text(&d, "", 0); /* made by O_TMPFILE: this is its first name */
    else if (flags & AT_EMPTY_PATH && !source[0])
        put_descriptor_path(&d, at);
    else if (flags & AT_SYMLINK_FOLLOW && begins(source, "/proc/"))
        put_link(&d, source);
    else
        put_name(&d, at, source);
    put_name(&d, to, target);
    WRITE(LINKED, HAS_STAT, 0, pid, next_tick(), d);
    GIVE_BACK(d_bytes);
    add(&spool->names, 1);
    add(&spool->activity, 1);
}

HOOK(int, link, (const char *source, const char *target)) {
    NEED(link, (int)fail(ENOSYS));
    struct stat s;
    bool known = awake() && look_at_link(&s, AT_FDCWD, source, 0);
    int result = REAL(link)(source, target);
    if (known && result == 0) linked(&s, AT_FDCWD, source, AT_FDCWD, target, 0);
    return result;
}

HOOK(int, linkat, (int at, const char *source, int to, const char *target, int flags)) {
    NEED(linkat, (int)fail(ENOSYS));
    struct stat s;
    bool known = awake() && look_at_link(&s, at, source, flags);
    int result = REAL(linkat)(at, source, to, target, flags);
    if (known && result == 0) linked(&s, at, source, to, target, flags);
    return result;
}

static bool look_at_file(struct stat *s, int at, const char *path) {
    if (!raw_stat(at, path, s, AT_SYMLINK_NOFOLLOW) || !S_ISREG(s->st_mode)) return false;
    if (s->st_nlink == 1) about_to_lose(at, path, s);
    return true;
}

static void unlinked(const struct stat *s, int at, const char *path) {
    uint32_t pid = caller();
    LONG_DRAFT(d, PATHS + 4300);
    put_stat(&d, s);
    put_name(&d, at, path);
    WRITE(UNLINKED, HAS_STAT, 0, pid, next_tick(), d);
    GIVE_BACK(d_bytes);
    add(&spool->names, 1);
}

#define UNLINK(name)                                                          \
    HOOK(int, name, (const char *path)) {                                     \
        NEED(name, (int)fail(ENOSYS));                                        \
        struct stat s;                                                        \
        bool known = awake() && look_at_file(&s, AT_FDCWD, path);             \
        int result = REAL(name)(path);                                        \
        if (known && result == 0) unlinked(&s, AT_FDCWD, path);               \
        return result;                                                        \
    }
UNLINK(unlink)
UNLINK(remove)

HOOK(int, shm_unlink, (const char *name)) {
    NEED(shm_unlink, (int)fail(ENOSYS));
    struct stat s;
    char path[SHARED_NAME];
    bool known = awake() && put_shared_name(path, name) && look_at_file(&s, AT_FDCWD, path);
    int result = REAL(shm_unlink)(name);
    if (known && result == 0) unlinked(&s, AT_FDCWD, path);
    return result;
}

HOOK(int, unlinkat, (int at, const char *path, int flags)) {
    NEED(unlinkat, (int)fail(ENOSYS));
    struct stat s;
    bool known = !(flags & AT_REMOVEDIR) && awake() && look_at_file(&s, at, path);
    int result = REAL(unlinkat)(at, path, flags);
    if (known && result == 0) unlinked(&s, at, path);
    return result;
}

/* A FIFO may get the inode of one that was removed, and that nobody has any more. */
static void made_fifo(int at, const char *path) {
    struct stat s;
    if (!raw_stat(at, path, &s, AT_SYMLINK_NOFOLLOW) || !S_ISFIFO(s.st_mode)) return;
    DRAFT(d, 8);
    put_u64(&d, (uint64_t)s.st_ino);
    WRITE(PIPED, 0, -1, caller(), next_tick(), d);
}

HOOK(int, mkfifo, (const char *path, unsigned mode)) {
    SOUGHT(mkfifo);
    NEED(mkfifo, (int)fail(ENOSYS));
    int result = REAL(mkfifo)(path, mode);
    if (result == 0 && awake()) made_fifo(AT_FDCWD, path);
    return result;
}

HOOK(int, mkfifoat, (int at, const char *path, unsigned mode)) {
    SOUGHT(mkfifoat);
    NEED(mkfifoat, (int)fail(ENOSYS));
    int result = REAL(mkfifoat)(at, path, mode);
    if (result == 0 && awake()) made_fifo(at, path);
    return result;
}

HOOK(int, mknod, (const char *path, unsigned mode, unsigned long device)) {
    SOUGHT(mknod);
    NEED(mknod, (int)fail(ENOSYS));
    int result = REAL(mknod)(path, mode, device);
    if (result == 0 && awake()) made_fifo(AT_FDCWD, path);
    return result;
}

HOOK(int, mknodat, (int at, const char *path, unsigned mode, unsigned long device)) {
    SOUGHT(mknodat);
    NEED(mknodat, (int)fail(ENOSYS));
    int result = REAL(mknodat)(at, path, mode, device);
    if (result == 0 && awake()) made_fifo(at, path);
    return result;
}

static void truncated(const struct stat *before, const char *path) {
    struct stat after;
    int fd = raw_open(AT_FDCWD, path, O_PATH);
    if (fd < 0) return;
    if (raw_fstat(fd, &after)) {
        uint32_t pid = caller();
        LONG_DRAFT(d, PATHS + 100);
        put_stat(&d, before);
        put_stat(&d, &after);
        put_descriptor_path(&d, fd);
        WRITE(TRUNCATED, HAS_BEFORE | HAS_STAT, 0, pid, next_tick(), d);
        GIVE_BACK(d_bytes);
        add(&spool->activity, 1);
        end_turn();
    }
    raw_close(fd);
}

#define TRUNCATE(name)                                                                    \
    HOOK(int, name, (const char *path, long size)) {                                      \
        NEED(name, (int)fail(ENOSYS));                                                    \
        struct stat before;                                                               \
        bool known = awake() && raw_stat(AT_FDCWD, path, &before, 0) &&                   \
                     S_ISREG(before.st_mode);                                             \
        if (UNLIKELY(known && is_spool(&before) && size >= 0)) {                          \
            kept_from_spool();                                                            \
            return 0;                                                                     \
        }                                                                                 \
        if (known) about_to_lose(AT_FDCWD, path, &before);                                \
        int result = REAL(name)(path, size);                                              \
        if (known && result == 0) truncated(&before, path);                               \
        return result;                                                                    \
    }
TRUNCATE(truncate)
TRUNCATE(truncate64)

/* What a program has open it may empty long after; that it is shorter shows when it is closed. */
static void about_to_shorten(int fd, long size) {
    struct stat s;
    char link[32] = "/proc/self/fd/";
    if (fd < 0 || !raw_fstat(fd, &s) || size >= s.st_size) return;
    decimal(link + 14, (unsigned)fd);
    about_to_lose(AT_FDCWD, link, &s);
}

#define FTRUNCATE(name)                          \
    HOOK(int, name, (int fd, long size)) {       \
        NEED(name, (int)fail(ENOSYS));           \
        if (awake()) about_to_shorten(fd, size); \
        return REAL(name)(fd, size);             \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

/* A time that is set may be the one that a file had before it was written to: then no stat tells. */
static void about_to_date(void) {
    struct stat s;
    EACH_TRACKED(fd) {
        struct entry *e = entry(fd);
        if (e->flags & WRITABLE && raw_fstat(fd, &s) && same_file(e, &s) && changed(e, &s)) e->flags |= DATED;
    }
}

#define DATE(name, parameters, ...)        \
    HOOK(int, name, parameters) {          \
        SOUGHT(name);                      \
        NEED(name, (int)fail(ENOSYS));     \
        if (awake()) about_to_date();      \
        return REAL(name)(__VA_ARGS__);    \
    }
DATE(utime, (const char *path, const void *times), path, times)
DATE(utimes, (const char *path, const void *times), path, times)
DATE(futimes, (int fd, const void *times), fd, times)
DATE(futimesat, (int at, const char *path, const void *times), at, path, times)
DATE(futimens, (int fd, const void *times), fd, times)
DATE(utimensat, (int at, const char *path, const void *times, int flags), at, path, times, flags)

static void moved(void) {
    uint32_t pid = caller();
    LONG_DRAFT(d, PATHS + 16);
    put_cwd(&d);
    WRITE(MOVED, 0, 0, pid, next_tick(), d);
    GIVE_BACK(d_bytes);
}

HOOK(int, chdir, (const char *path)) {
    NEED(chdir, (int)fail(ENOSYS));
    int result = REAL(chdir)(path);
    if (result == 0 && awake()) moved();
    return result;
}

HOOK(int, fchdir, (int fd)) {
    NEED(fchdir, (int)fail(ENOSYS));
    int result = REAL(fchdir)(fd);
    if (result == 0 && awake()) moved();
    return result;
}

/* ---- processes ---------------------------------------------------------------------------------- */

/* The child keeps the moment of the fork in the page that is its own. What it will call next is
 * looked up before it, once for all children. */
#define FORK(name)                                        \
    HOOK(int, name, (void)) {                             \
        NEED(name, (int)fail(ENOSYS));                    \
        if (!awake()) return REAL(name)();                \
        next(&next_execve, "execve");                     \
        next(&next__exit, "_exit");                       \
        uint32_t parent = caller();                       \
        uint64_t tick = now();                            \
        int pid = REAL(name)();                           \
        if (pid == 0) forked_at(tick, parent);            \
        return pid;                                       \
    }

static void forked_at(uint64_t tick, uint32_t parent) {
    memset(state, 0, sizeof *state);
    state->forked = tick;
    state->parent = parent;
    sharing = borrowed = 0;
    end_turn(); /* the child has told nothing so far */
    /* What it writes to an inherited file shows only against a look from before. */
    EACH_TRACKED(fd) {
        if (!(entry(fd)->flags & WRITABLE)) continue;
        caller();
        break;
    }
}

static void *next_execve, *next__exit;
FORK(fork)
FORK(_Fork)

/* These fork inside libc, past the hook. */
HOOK(int, daemon, (int stay, int keep)) {
    NEED(daemon, (int)fail(ENOSYS));
    uint32_t parent = awake() ? caller() : 0;
    uint64_t tick = now();
    int result = REAL(daemon)(stay, keep);
    if (result == 0 && load(&readiness) == READY) forked_at(tick, parent);
    return result;
}

HOOK(int, forkpty, (int *fd, char *name, const void *terminal, const void *size)) {
    NEED(forkpty, (int)fail(ENOSYS));
    uint32_t parent = awake() ? caller() : 0;
    uint64_t tick = now();
    int pid = REAL(forkpty)(fd, name, terminal, size);
    if (pid == 0 && load(&readiness) == READY) forked_at(tick, parent);
    return pid;
}

enum { NEW_TIME = 0x80 }; /* CLONE_NEWTIME */

HOOK(int, unshare, (int what)) {
    NEED(unshare, (int)fail(ENOSYS));
    int result = REAL(unshare)(what);
    if (result == 0 && what & NEW_TIME && awake()) missed(caller(), "clock", "");
    return result;
}

HOOK(int, setns, (int fd, int what)) {
    NEED(setns, (int)fail(ENOSYS));
    int result = REAL(setns)(fd, what);
    if (result == 0 && what & NEW_TIME && awake()) missed(caller(), "clock", "");
    return result;
}

/* A child of clone begins in a function and on a stack of its own, never in ours. One that has a copy of our memory has this,
 * too: without it, it would be taken for one that shares ours, where any did before. */
struct beginning {
    int (*begin)(void *);
    void *argument;
    uint64_t tick;
    uint32_t parent;
};

static int begin_forked(void *beginning) {
    struct beginning b = *(struct beginning *)beginning;
    if (load(&readiness) == READY) forked_at(b.tick, b.parent);
    return b.begin(b.argument);
}

HOOK(int, clone,
     (void *begin, void *stack, int flags, void *argument, void *a, void *b, void *c)) {
    NEED(clone, (int)fail(ENOSYS));
    if (flags & CLONE_VM && !(flags & CLONE_THREAD)) store(&sharing, 1);
    if (flags & CLONE_VM || !begin || !awake()) return REAL(clone)(begin, stack, flags, argument, a, b, c);
    struct beginning forked = {(int (*)(void *))begin, argument, 0, caller()};
    forked.tick = now();
    return REAL(clone)((void *)begin_forked, stack, flags, &forked, a, b, c);
}

/* The frame of a function that calls vfork must not be left by its child: ours is gone before. */
HIDDEN __attribute__((used)) void *shim_before_vfork(void) {
    static void *slot;
    store(&sharing, 1);
    return next(&slot, "vfork");
}

#if defined(__x86_64__)
__asm__(".text\n.globl vfork\n.type vfork, @function\nvfork:\n.cfi_startproc\n"
        "subq $8, %rsp\n.cfi_adjust_cfa_offset 8\ncall shim_before_vfork\n"
        "addq $8, %rsp\n.cfi_adjust_cfa_offset -8\njmp *%rax\n"
        ".cfi_endproc\n.size vfork, .-vfork\n");
#else
__asm__(".text\n.globl vfork\n.type vfork, %function\nvfork:\n.cfi_startproc\n"
        "stp x29, x30, [sp, #-16]!\n.cfi_adjust_cfa_offset 16\n.cfi_rel_offset x29, 0\n"
        ".cfi_rel_offset x30, 8\nbl shim_before_vfork\nldp x29, x30, [sp], #16\n"
        ".cfi_adjust_cfa_offset -16\n.cfi_restore x29\n.cfi_restore x30\nbr x0\n"
        ".cfi_endproc\n.size vfork, .-vfork\n");
#endif

static const char *own_path(void) { return own_map && own_map->l_name ? own_map->l_name : ""; }

/* What an environment says of us, found in one pass: there is one before each exec. */
struct ours {
    const char *spool, *preload;
    bool loaded; /* `preload` names us */
    bool more; /* what else it may load before us, or in our place, is not known */
    bool led;  /* to files that libc would open unasked */
};

static struct ours ours_in(char *const *env) {
    struct ours o = {NULL, NULL, false, false, false};
    for (; env && *env; env++) {
        o.led |= is_led(*env);
        if (**env == 'P' && !o.spool) o.spool = value_of(*env, "PROVGRAPH_SPOOL");
        if (**env != 'L') continue;
        const char *preload = value_of(*env, "LD_PRELOAD");
        o.more |= (preload && o.preload) || value_of(*env, "LD_AUDIT");
        if (!o.preload) o.preload = preload;
    }
    o.loaded = o.preload && contains(o.preload, own_path());
    return o;
}

static bool is_scrubbed(const struct ours *o) { return !o->loaded || !o->spool || !equal(o->spool, spool_path); }

static long may_read(const char *path) { return call3(SYS_faccessat, AT_FDCWD, path, 4 /* R_OK */); }

/* Why a program that is run from here cannot load us: its root is another (chroot, pivot_root), or its user may not
 * read what another's home has, or somebody emptied the cache that we lie in. */
static enum reason why_unseen(void) {
    long seen = may_read(own_path());
    if (seen == -EACCES) return UNREADABLE;
    if (seen != -ENOENT && seen != -ENOTDIR) return SEEN;
    return may_read(spool_path) == 0 ? REMOVED : ROOTED;
}

static size_t room_for(char *const *env, const struct ours *o) {
    size_t count = 0;
    while (env[count]) count++;
    return (count + 1) * sizeof *env + sizeof "LD_PRELOAD=" + length_of(o->preload);
}

/* Its loader would complain, or the kernel would end it for what we do in it. How much room an environment without us needs;
 * 0 where we are seen, or not in it. */
static size_t room_without_us(char *const *env, const struct ours *o) {
    if (!o->loaded) return 0;
    if (load(&readiness) != RESTRICTED && why_unseen() == SEEN) return 0;
    return room_for(env, o);
}

static char *const *without_us(char *const *env, char **room) {
    char **at = room;
    for (char *const *each = env; *each; each++)
        if (!begins(*each, "LD_PRELOAD=")) *at++ = *each;
    char *text = (char *)(at + 2), *end = text + sizeof "LD_PRELOAD=" - 1;
    memcpy(text, "LD_PRELOAD=", sizeof "LD_PRELOAD=");
    size_t own = length_of(own_path());
    const char *left = variable(env, "LD_PRELOAD");
    while (*left) {
        size_t n = 0;
        while (left[n] && left[n] != ':' && left[n] != ' ') n++;
        if (n != own || !begins(left, own_path())) {
            memcpy(end, left, n + 1); /* and what stands behind it */
            end += n + 1;
        }
        left += n + (left[n] != 0);
    }
    end[-1] = 0;
    if (end > text + sizeof "LD_PRELOAD=") *at++ = text;
    *at = NULL;
    return room;
}

/* Lists the tracked descriptors that an exec leaves open, and the ends of pipes that the next image does not look for. */
static uint32_t put_kept(struct draft *d, uint32_t pid) {
    uint32_t count = 0;
    bool wrote = false;
    struct stat s;
    for (int fd = 3 + OTHERS; fd <= (int)load(&highest); fd++) {
        if (load(&told[fd].taken) == NO_END || raw_fcntl(fd, F_GETFD) != 0 || !raw_fstat(fd, &s)) continue;
        struct kept k = {(uint32_t)fd, 0, (uint64_t)s.st_dev, (uint64_t)s.st_ino, 0, 0};
        put(d, &k, sizeof k);
        count += !d->cut;
    }
    EACH_TRACKED(fd) {
        const struct entry *e = entry(fd);
        long flags = raw_fcntl(fd, F_GETFD);
        if (flags < 0 || flags & FD_CLOEXEC) continue;
        struct kept k = {(uint32_t)fd, e->flags & (READABLE | WRITABLE), e->device, e->inode, e->path,
                         e->names};
        wrote = wrote || e->flags & WROTE || (e->flags & WRITABLE && state->seen_to_write);
        put(d, &k, sizeof k);
        count += !d->cut;
    }
    uint64_t written = wrote && !is_guest(pid) ? so_far("wchar: ") : UNCOUNTED;
    if (written != UNCOUNTED) {
        struct kept k = {NO_DESCRIPTOR, 0, written, 0, 0, 0};
        put(d, &k, sizeof k);
        count += !d->cut;
    }
    return count;
}

/* What an exec closes is said to be closed; should it fail, a later close says so again. What it leaves open of that which
 * a child opened for itself is the next program's, which it may have been opened for, and the child's where it has read. What
 * a fork was given it has made where it wrote there: the next program only has it, too. */
static void leave_open(struct entry e, int fd, uint32_t pid) {
    bool child = is_guest(pid) || (state->forked && e.opened >= state->forked);
    bool own = child && e.flags & READABLE && !(e.flags & (INHERITED | CONNECTION));
    bool wrote = !is_guest(pid) && state->forked && e.flags & WROTE && e.flags & INHERITED;
    if (wrote || ((own || e.flags & WRITABLE) && raw_fcntl(fd, F_GETFD) & FD_CLOEXEC)) {
        write_closed(&e, fd, pid);
        return;
    }
    if (own) e.flags |= WATCHED;
    about_to_leave(&e, fd, pid);
}

static void close_on_exec(uint32_t pid) {
    const struct table *all = load(&table);
    if (!is_guest(pid)) {
        EACH_TRACKED(fd) {
            struct entry *e = entry(fd);
            bool given = state->forked && e->flags & INHERITED && e->flags & WRITABLE && !(e->flags & WROTE);
            if (given && wrote_unseen() && may_have_changed(e, fd)) e->flags |= WROTE;
            leave_open(*e, fd, pid);
        }
        return;
    }
    for (int i = 0; all && i < GUESTS; i++)
        if (all->guests[i].pid == pid) leave_open(all->guests[i].entry, all->guests[i].fd, pid);
}

/* Whether no parent waits for its children: as one that is forked has it. */
static bool ends_unnoticed(void) {
    enum { CHILD = 17 /* SIGCHLD */, IGNORED = 1, NOT_KEPT = 2 /* SA_NOCLDWAIT */, SET = 8 };
    struct {
        uintptr_t handler;
        unsigned long flags;
        uintptr_t restorer;
        uint64_t mask;
    } at_end = {0, 0, 0, 0};
    return call4(SYS_rt_sigaction, CHILD, 0, &at_end, SET) == 0 && (at_end.handler == IGNORED || at_end.flags & NOT_KEPT);
}

/* An inert program is told of by who runs it, and begins without us: most of what we cost is to be loaded. Not where it is
 * given a file or a socket, of which we would tell what becomes of them; nor in place of a program, whose parent may not be
 * one that tells of its end, nor where nobody is told of that; nor where another run is to be told of it. */
static bool may_go_without_us(const struct ours *o, uint32_t pid) {
    const struct table *all = load(&table);
    struct stat s;
    if (is_scrubbed(o) || o->led || !equal(o->preload, own_path()) || (!is_guest(pid) && !state->forked) || ends_unnoticed()) return false;
    for (int fd = 0; fd <= 2; fd++)
        if (raw_fstat(fd, &s) && (S_ISREG(s.st_mode) || S_ISSOCK(s.st_mode))) return false;
    for (int i = 0; all && is_guest(pid) && i < GUESTS; i++)
        if (all->guests[i].pid == pid) return false;
    EACH_TRACKED(fd) {
        long flags = raw_fcntl(fd, F_GETFD);
        if (flags >= 0 && !(flags & FD_CLOEXEC)) return false;
    }
    return true;
}

/* The ends that an inert program has among its standard descriptors, as kept ones, with their kinds for paths. */
static uint32_t put_ends(struct draft *d) {
    uint32_t count = 0;
    struct stat s;
    for (int fd = 0; fd <= 2; fd++) {
        if (!raw_fstat(fd, &s)) continue;
        uint16_t kind = kind_of(&s);
        uint32_t access = kind == KIND_PIPE ? access_of((int)raw_fcntl(fd, F_GETFL)) : READABLE | WRITABLE;
        if (kind == KIND_OTHER || (kind == KIND_PIPE && access == READABLE && is_dead_pipe(fd))) continue;
        struct kept k = {(uint32_t)fd, access, (uint64_t)s.st_dev, (uint64_t)s.st_ino, kind, 0};
        put(d, &k, sizeof k);
        count += !d->cut;
    }
    return count;
}

/* Where the next image of this process finds that list, and which program it is. */
static void leave(uint32_t pid, uint64_t left) {
    struct slot *slot = &spool->slots[pid % SLOTS];
    if (is_guest(pid) && left) {
        slot->chunk = 0;
        store(&slot->pid, pid);
    }
    if (slot->pid == pid && slot->kept != left) slot->kept = left;
}

enum { NOWHERE = -1, KNOWN = -2 };

/* Whether what is written there is heard by somebody: it is neither a file nor `/dev/null` and the like. */
static bool reaches_somebody(int fd) {
    struct stat s;
    return raw_fstat(fd, &s) && !S_ISREG(s.st_mode) && !(S_ISCHR(s.st_mode) && s.st_rdev >> 8 == 1);
}

/* Through which standard descriptors a fork has said something before it becomes a program, which may be what it learned from
 * its parent. What it asked to be flushed was perhaps nothing. Libc writes of a stream past our hooks what it has no room for,
 * and a child in our memory counts its own from nothing. */
static uint32_t said_before(uint32_t pid) {
    bool guest = is_guest(pid);
    if (!guest && !state->forked) return 0;
    if (!guest && state->spoke) return wrote_nothing() ? 0 : state->spoke;
    if (!reaches_somebody(1) && !reaches_somebody(2)) return 0;
    uint32_t looked = state->looked;
    uint64_t written = so_far("wchar: ");
    if (guest) state->looked = looked;
    return written == UNCOUNTED || (uint32_t)written == (guest ? 0 : state->written) ? 0 : ANYWHERE;
}

static bool write_executing(unsigned char *d_bytes, size_t room, bool enough, uint32_t pid,
                            uint64_t tick, const struct target *t, int fd, const char *path,
                            char *const *argv, bool leaving) {
    struct draft d = {d_bytes, d_bytes + room, false};
    struct {
        uint32_t count, unused;
    } head = {0, 0};
    unsigned char *counted = d.at;
    put(&d, &head, sizeof head);
    if (t->reason == INERT) head.count = put_ends(&d);
    else if (leaving) head.count = put_kept(&d, pid);
    memcpy(counted, &head, sizeof head);
    put_text(&d, reasons[t->reason], length_of(reasons[t->reason]));
    if (t->known)
        put_text(&d, t->program.path, t->program.length);
    else if (fd >= 0)
        put_descriptor_path(&d, fd);
    else if (fd == NOWHERE)
        put_text(&d, path, length_of(path));
    else
        put_name(&d, AT_FDCWD, path);
    if (d.cut && !enough) return false;
    uint64_t at = WRITE_ARGV(EXECUTING, t->reason ? 0 : TRACEABLE, leaving ? (int32_t)said_before(pid) : 0, pid, tick, d,
                             t->reason && argv ? argv : no_arguments);
    uint64_t mark = t->known && !t->reason ? mark_of(&t->program) : 0;
    if (t->reason == INERT) leave(pid, GOES_WITHOUT_US);
    else if (leaving) leave(pid, (head.count ? at : 0) | mark << KEPT_BITS | (t->wakes ? WILL_WAKE : 0));
    return true;
}

static __attribute__((noinline)) void write_executing_large(uint32_t pid, uint64_t tick,
                                                            const struct target *t, int fd,
                                                            const char *path, char *const *argv,
                                                            bool leaving) {
    ROOM_FOR(room, 4 * PATHS);
    write_executing(room, 4 * PATHS, true, pid, tick, t, fd, path, argv, leaving);
    GIVE_BACK(room);
}

/* Opens what an exec of `path` would open, or says why it cannot (a negative errno). */
static int open_target(int at, const char *path, int flags) {
    if (!(flags & AT_EMPTY_PATH) || !path || path[0]) return raw_open(at, path, O_RDONLY);
    char link[32];
    memcpy(link, "/proc/self/fd/", 14);
    decimal(link + 14, (unsigned)at);
    return raw_open(AT_FDCWD, link, O_RDONLY);
}

/* The path of the tracer, or NULL where this run has none. */
static const char *tracer(void) { return text_at(spool->tracer); }

/* Looks at the program as exec would; NOWHERE where exec would fail, else a descriptor to name it by, or
 * KNOWN where its name is. */
static int look_at_target(struct target *t, int at, const char *path, int flags) {
    struct stat s;
    t->reason = SEEN;
    t->script = t->known = t->wakes = false;
    t->look = 0;
    if (!raw_stat(at, path, &s, flags & AT_EMPTY_PATH) || !S_ISREG(s.st_mode)) return NOWHERE;
    if (!(s.st_mode & (S_ISUID | S_ISGID))) t->look = hash_of_stat(&s);
    bool absolute = path[0] == '/';
    if (absolute && find_program(&t->program, path, &s) && t->program.reason < SETUID) {
        t->reason = (enum reason)t->program.reason;
        t->known = true;
        return KNOWN;
    }
    const char *follower = tracer();
    if (follower && equal(path, follower)) return KNOWN;
    int fd = open_target(at, path, flags);
    if (fd < 0) return KNOWN; /* executable, but not to be read */
    ROOM_FOR(head, HEAD);
    inspect(t, fd, path, (char *)head);
    GIVE_BACK(head);
    if (absolute && !t->script && t->reason < SETUID) {
        DRAFT(d, sizeof t->program.path + 8);
        size_t n = put_descriptor_path(&d, fd);
        keep_program(path, &s, (char *)d_bytes + 4, d.cut ? 0 : n, (uint16_t)t->reason, 0, false);
    }
    return fd;
}

/* ---- the tracer, for programs that cannot load us ------------------------------------------------ */

/* Whether the tracer shall follow the program. What belongs to another run is the other's. */
static bool wants_tracer(const struct target *t, const struct ours *o) {
    if (!tracer() || (o->spool && !equal(o->spool, spool_path))) return false;
    if (t->reason == SEEN) return is_scrubbed(o);
    return t->reason == STATIC || t->reason == GO;
}

struct request {
    const char *argv[6];
    char thread[12], descriptor[12];
    int end;
};

static __attribute__((noinline, noreturn)) void become_tracer(struct request *r) {
    call3(SYS_fcntl, r->end, F_SETFD, 0);
    call3(SYS_execve, tracer(), r->argv, r->argv + 5);
    for (;;) call1(SYS_exit_group, 1);
}

static __attribute__((noinline, noreturn)) void beget_tracer(struct request *r) {
    if (call6(SYS_clone, ALIKE, 0, 0, 0, 0, 0) == 0) become_tracer(r);
    for (;;) call1(SYS_exit_group, 0);
}

static __attribute__((noinline)) long beget(struct request *r) {
    long child = call6(SYS_clone, ALIKE, 0, 0, 0, 0, 0);
    if (child == 0) beget_tracer(r);
    return child;
}

/* Has the tracer follow this thread, from its next exec on ("seize") or at once ("join"); the tracer's process
 * id, or 0. It is nobody's child, so that no wait of this program finds it, and no signal tells of its parent. */
static uint32_t call_tracer(const char *way) {
    uint32_t pid = 0;
    int ends[2];
    if (call2(SYS_pipe2, ends, O_CLOEXEC) < 0) return 0;
    struct request r = {{"provgraph-trace", spool_path, way, NULL, NULL, NULL}, {0}, {0}, ends[1]};
    decimal(r.thread, (unsigned)call1(SYS_gettid, 0));
    decimal(r.descriptor, (unsigned)ends[1]);
    r.argv[3] = r.thread;
    r.argv[4] = r.descriptor;
    uint64_t mask = block_signals();
    call2(SYS_prctl, 0x59616d61 /* PR_SET_PTRACER */, -1);
    await(beget(&r));
    raw_close(ends[1]);
    if (call3(SYS_read, ends[0], &pid, 4) != 4) pid = 0;
    raw_close(ends[0]);
    call2(SYS_prctl, 0x59616d61, 0);
    unblock_signals(mask);
    return pid;
}

/* Whether the tracer says from now on what this program does. It follows one thread, so there may be no more. */
static bool hand_to_tracer(void) {
    struct stat s;
    return tracer() && raw_stat(AT_FDCWD, "/proc/self/task", &s, 0) && s.st_nlink == 3 && call_tracer("join");
}

/* The environment does not name us, or no more. */
static void unloaded(struct target *t, uint32_t pid, const char *path) {
    enum reason reason = why_unseen();
    if (!reason) reason = SCRUBBED;
    if (!t->reason) t->reason = reason;
    missed(pid, reasons[reason], path);
}

static bool can_leave(void) { return awake() || load(&readiness) == RESTRICTED; }

/* An exec that is about to be asked for, of what `fd` says as `look_at_target` does; `room` is how much an environment
 * without us needs, if it is to get one. */
struct departure {
    struct target target;
    struct ours ours;
    size_t room;
    uint32_t pid;
    bool unseen; /* from where it is asked for */
    int fd;
};

static bool may_open(const char *path, int flags) {
    int fd = raw_open(AT_FDCWD, path, flags);
    if (fd >= 0) raw_close(fd);
    return fd >= 0;
}

/* Whether we are sure to wake in the program before its own code runs: if it is killed and we did not, it has done nothing. That
 * nothing speaks against it is not enough, since a system may deny to a program what it grants to others: the same file must
 * have been seen to load us before. What else would keep us out is looked for where it would: in its process, by its user. */
static bool will_wake(const struct target *t, const struct ours *o, int at, const char *path) {
    struct rlimit limit;
    if (t->reason || t->script || !t->look || at != AT_FDCWD || !path[0]) return false;
    if (is_scrubbed(o) || o->more || !equal(o->preload, own_path())) return false;
    if (!(t->known && t->program.modules) && !was_run_before(t->look)) return false;
    long user = call1(SYS_getuid, 0), group = call1(SYS_getgid, 0);
    if (user != call1(SYS_geteuid, 0) || group != call1(SYS_getegid, 0)) return false;
    if (user != 0 && call4(SYS_getxattr, path, "security.capability", 0, 0) > 0) return false;
    if (call4(SYS_prlimit64, 0, RLIMIT_AS, 0, &limit) != 0 || limit.rlim_cur != ~0ul) return false;
    return may_open(own_path(), O_RDONLY) && may_open(spool_path, O_RDWR);
}

static void look_at_departure(struct departure *d, int at, const char *path, int flags, char *const *env) {
    struct target *t = &d->target;
    d->room = 0;
    d->fd = NOWHERE;
    if (!can_leave()) return;
    d->ours = ours_in(env);
    if (awake()) {
        d->pid = caller();
        if (path) d->fd = look_at_target(t, at, path, flags);
    }
    d->room = room_without_us(env, &d->ours);
    d->unseen = d->room;
    if (d->unseen) d->ours.loaded = false;
    if (d->unseen || d->fd == NOWHERE) return;
    if (t->known && !t->reason && t->program.inert && may_go_without_us(&d->ours, d->pid)) {
        t->reason = INERT;
        d->room = room_for(env, &d->ours);
    } else {
        t->wakes = will_wake(t, &d->ours, at, path);
    }
}

/* Before it: 0 if nothing was said, else the tracer that waits for it, or 1. */
static uint32_t executing(struct departure *d, const char *path, char *const *argv) {
    struct target *t = &d->target;
    const struct ours *o = &d->ours;
    uint32_t follower = 0;
    if (d->fd == NOWHERE) return 0;
    if (!d->unseen && wants_tracer(t, o)) follower = call_tracer("seize");
    if (follower)
        t->reason = SEEN;
    else if (is_scrubbed(o))
        unloaded(t, d->pid, path);
    close_on_exec(d->pid);
    uint64_t tick = next_tick();
    TRY(write_executing, d->pid, tick, t, d->fd, path, argv, true);
    if (d->fd >= 0) raw_close(d->fd);
    return follower ? follower : 1;
}

static int exec_failed(uint32_t said, int result) {
    if (!said) return result;
    int code = *errno_at();
    if (said > 1) call2(SYS_kill, said, 9 /* it waits in vain */);
    uint32_t pid = caller();
    leave(pid, 0);
    write_bare(EXEC_FAILED, code, pid);
    *errno_at() = code;
    return result;
}

/* How much `search` takes: what it finds must stay until an exec, which may be that of a child in our memory, on a stack
 * that has little. */
static size_t room_to_search(const char *name) {
    const char *path = &environ && environ ? variable(environ, "PATH") : NULL;
    size_t longest = sizeof "/usr/bin", n = 0;
    for (; path && *path; path++) {
        n = *path == ':' ? 0 : n + 1;
        if (n > longest) longest = n;
    }
    longest += length_of(name) + 4;
    return longest < PATHS ? longest : PATHS;
}

/* Where execvp would find `name`, in `room`. */
static const char *search(const char *name, char *room, size_t most) {
    for (const char *c = name; *c; c++)
        if (*c == '/') return name;
    const char *path = variable(environ, "PATH");
    if (!path) path = "/bin:/usr/bin";
    size_t n = length_of(name);
    for (;;) {
        const char *end = path;
        while (*end && *end != ':') end++;
        size_t size = (size_t)(end - path);
        if (size + n + 3 < most) {
            memcpy(room, path, size);
            if (!size) room[size++] = '.';
            room[size++] = '/';
            memcpy(room + size, name, n + 1);
            struct stat s;
            if (raw_stat(AT_FDCWD, room, &s, 0) && S_ISREG(s.st_mode) && s.st_mode & 0111) return room;
        }
        if (!*end) return NULL;
        path = end + 1;
    }
}

/* Gives the hook another `env` where we cannot be seen, and `ours`, what it says of us then. */
#define SEEN_FROM_HERE(env)                                 \
    struct ours ours = ours_in(can_leave() ? env : NULL);   \
    size_t room = room_without_us(env, &ours);              \
    char *without[room / sizeof *env + 1];                  \
    if (room) env = without_us(env, without), ours.loaded = false

/* The same for an exec, and where the program is to go without us. */
#define DEPART(at, path, flags, env)                        \
    struct departure departure;                             \
    look_at_departure(&departure, at, path, flags, env);    \
    char *without[departure.room / sizeof *env + 1];        \
    if (departure.room) env = without_us(env, without)

HOOK(int, execve, (const char *path, char *const *argv, char *const *env)) {
    NEED(execve, (int)fail(ENOSYS));
    DEPART(AT_FDCWD, path, 0, env);
    uint32_t said = executing(&departure, path, argv);
    return exec_failed(said, REAL(execve)(path, argv, env));
}

HOOK(int, execv, (const char *path, char *const *argv)) { return shim_execve(path, argv, environ); }

HOOK(int, execvpe, (const char *name, char *const *argv, char *const *env)) {
    NEED(execvpe, (int)fail(ENOSYS));
    char found[room_to_search(name)];
    const char *path = can_leave() ? search(name, found, sizeof found) : NULL;
    DEPART(AT_FDCWD, path, 0, env);
    uint32_t said = executing(&departure, path, argv);
    return exec_failed(said, REAL(execvpe)(name, argv, env));
}

HOOK(int, execvp, (const char *name, char *const *argv)) { return shim_execvpe(name, argv, environ); }

HOOK(int, execveat, (int at, const char *path, char *const *argv, char *const *env, int flags)) {
    NEED(execveat, (int)fail(ENOSYS));
    DEPART(at, path, flags, env);
    uint32_t said = executing(&departure, path, argv);
    return exec_failed(said, REAL(execveat)(at, path, argv, env, flags));
}

HOOK(int, fexecve, (int fd, char *const *argv, char *const *env)) {
    NEED(fexecve, (int)fail(ENOSYS));
    DEPART(fd, "", AT_EMPTY_PATH, env);
    uint32_t said = executing(&departure, "", argv);
    return exec_failed(said, REAL(fexecve)(fd, argv, env));
}

/* What libc starts by itself gets the environment as it stands: we are taken out of that. */
static void about_to_ask_shell(void) {
    if (!&environ || !can_leave()) return;
    struct ours ours = ours_in(environ);
    size_t room = room_without_us(environ, &ours);
    char **kept = room ? raw_mmap(room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : NULL;
    if (!kept) return;
    if (awake()) missed(caller(), reasons[why_unseen()], "/bin/sh");
    without_us(environ, kept);
    for (char **to = environ; (*to = *kept); to++) kept++;
}

/* Asked for seldom enough to be looked up each time: our own data are one page. */
HOOK(int, system, (const char *command)) {
    void *slot = NULL;
    int (*real)(const char *) = next(&slot, "system");
    if (!real) return (int)fail(ENOSYS);
    about_to_ask_shell();
    return real(command);
}

HOOK(void *, popen, (const char *command, const char *mode)) {
    void *slot = NULL;
    void *(*real)(const char *, const char *) = next(&slot, "popen");
    if (!real) return (fail(ENOSYS), NULL);
    about_to_ask_shell();
    return real(command, mode);
}

static int count_arguments(const char *first, va_list more) {
    int n = 1;
    va_list counted;
    va_copy(counted, more);
    for (const char *a = first; a; a = va_arg(counted, const char *)) n++;
    va_end(counted);
    return n;
}

#define GATHER(argv, first, more)                                        \
    int argv##_count = count_arguments(first, more);                     \
    char *argv[argv##_count];                                            \
    argv[0] = (char *)first;                                             \
    for (int i = 1; i < argv##_count; i++) argv[i] = va_arg(more, char *)

HOOK(int, execl, (const char *path, const char *first, ...)) {
    va_list more;
    va_start(more, first);
    GATHER(argv, first, more);
    va_end(more);
    return shim_execv(path, argv);
}

HOOK(int, execlp, (const char *name, const char *first, ...)) {
    va_list more;
    va_start(more, first);
    GATHER(argv, first, more);
    va_end(more);
    return shim_execvp(name, argv);
}

HOOK(int, execle, (const char *path, const char *first, ...)) {
    va_list more;
    va_start(more, first);
    GATHER(argv, first, more);
    char **env = first ? va_arg(more, char **) : environ;
    va_end(more);
    return shim_execve(path, argv, env);
}

/* It has begun. Once it has woken the slot is its own, and what stands there of another with its number is not true of it. */
static void leave_spawned(uint32_t child, bool wakes) {
    struct slot *slot = &spool->slots[child % SLOTS];
    if (load(&slot->pid) == child) {
        if (!wakes) __atomic_fetch_and(&slot->kept, ~(uint64_t)WILL_WAKE, __ATOMIC_ACQ_REL);
    } else if (wakes) {
        slot->chunk = 0;
        slot->kept = WILL_WAKE;
        store(&slot->pid, child);
    }
}

/* The child of a posix_spawn calls none of our hooks before its exec: its parent speaks for it. A program that is not where we
 * look runs all the same: a relative path is another one in the folder that the child goes to (addchdir_np). */
static void spawned(uint32_t child, uint64_t tick, const char *path, char *const *argv,
                    const struct ours *o, bool followed) {
    struct target t;
    int fd = look_at_target(&t, AT_FDCWD, path, 0);
    uint32_t pid = caller();
    if (followed)
        t.reason = SEEN;
    else if (is_scrubbed(o))
        unloaded(&t, pid, path);
    DRAFT(d, 8);
    put_u32(&d, 0);
    WRITE(FORKED, 0, (int32_t)pid, child, tick, d);
    leave_spawned(child, !followed && path[0] == '/' && will_wake(&t, o, AT_FDCWD, path));
    TRY(write_executing, child, tick + 1, &t, fd, path, argv, false);
    if (fd >= 0) raw_close(fd);
}

/* Whether the child shall be the tracer, which becomes the program and has itself followed. */
static bool spawns_tracer(const char *path, const struct ours *o) {
    struct target t;
    int fd = look_at_target(&t, AT_FDCWD, path, 0);
    if (fd >= 0) raw_close(fd);
    return fd != NOWHERE && wants_tracer(&t, o) &&
           call3(SYS_faccessat, AT_FDCWD, path, 1 /* X_OK */) == 0;
}

typedef int spawner(int *, const char *, const void *, const void *, char *const *, char *const *);

/* One whose number is not known. Where it loads us it tells of itself. */
static void spawned_nameless(const char *path, const struct ours *o) {
    struct target t;
    int fd = look_at_target(&t, AT_FDCWD, path, 0);
    if (fd >= 0) raw_close(fd);
    if (is_scrubbed(o))
        unloaded(&t, caller(), path);
    else if (t.reason)
        missed(caller(), reasons[t.reason], path);
}

/* The process that a descriptor stands for; 0 where it cannot be asked, or has ended and nobody was to wait for it. */
static uint32_t process_of(int pidfd) {
    char path[40] = "/proc/self/fdinfo/", text[512];
    decimal(path + length_of(path), (unsigned)pidfd);
    int fd = raw_open(AT_FDCWD, path, O_RDONLY);
    long n = fd < 0 ? 0 : call3(SYS_read, fd, text, sizeof text - 1);
    if (fd >= 0) raw_close(fd);
    if (n <= 0) return 0;
    state->looked += (uint32_t)n;
    text[n] = 0;
    return contains(text, "\nPid:\t") ? (uint32_t)number_after(text, "\nPid:\t") : 0;
}

enum { SEARCHES = 1, BY_DESCRIPTOR = 2 };

/* What `real` gives of the child is its number, or BY_DESCRIPTOR one that stands for it. */
static int spawning(spawner *real, unsigned how, int *given, const char *path, const void *actions, const void *attributes,
                    char *const *argv, char *const *env) {
    SEEN_FROM_HERE(env);
    if (!awake()) return real(given, path, actions, attributes, argv, env);
    int child = 0, result;
    uint64_t tick = next_tick();
    char named[how & SEARCHES ? room_to_search(path) : 1];
    const char *found = how & SEARCHES ? search(path, named, sizeof named) : path;
    bool followed = found && argv && !room && spawns_tracer(found, &ours);
    if (followed) {
        size_t count = 0;
        while (argv[count]) count++;
        const char *words[count + 5];
        words[0] = "provgraph-trace", words[1] = spool_path, words[2] = "some";
        words[3] = found;
        for (size_t i = 0; i <= count; i++) words[4 + i] = argv[i];
        followed = real(&child, tracer(), actions, attributes, (char **)words, env) == 0;
    }
    result = followed ? 0 : real(&child, path, actions, attributes, argv, env);
    if (result) return result;
    if (given) *given = child;
    uint32_t pid = how & BY_DESCRIPTOR ? process_of(child) : (uint32_t)child;
    if (!found) found = path;
    if (pid)
        spawned(pid, tick, found, argv, &ours, followed);
    else if (!followed)
        spawned_nameless(found, &ours);
    return result;
}

#define SPAWN(name, how)                                                                   \
    HOOK(int, name,                                                                        \
         (int *pid, const char *path, const void *actions, const void *attributes,         \
          char *const *argv, char *const *env)) {                                          \
        NEED(name, ENOSYS);                                                                \
        return spawning(REAL(name), how, pid, path, actions, attributes, argv, env);       \
    }
SPAWN(posix_spawn, 0)
SPAWN(posix_spawnp, SEARCHES)

/* From glibc 2.39 on. */
#define SPAWN_SELDOM(name, how)                                                            \
    HOOK(int, name,                                                                        \
         (int *pidfd, const char *path, const void *actions, const void *attributes,       \
          char *const *argv, char *const *env)) {                                          \
        SOUGHT(name);                                                                      \
        NEED(name, ENOSYS);                                                                \
        return spawning(REAL(name), how, pidfd, path, actions, attributes, argv, env);     \
    }
SPAWN_SELDOM(pidfd_spawn, BY_DESCRIPTOR)
SPAWN_SELDOM(pidfd_spawnp, SEARCHES | BY_DESCRIPTOR)

enum { UNKNOWN = 1 << 30 };

static void write_exited(int status) {
    uint32_t pid = caller();
    if (!is_guest(pid)) {
        if (state->exited) return;
        state->exited = 1;
        tell_libraries();
            EACH_TRACKED(fd) closing(fd);
    } else {
        closing_of_guest(0, ~0u);
    }
    write_bare(EXITED, status == UNKNOWN ? -1 : status & 0xff, pid);
}

enum { STOPPED = 0x7f, CONTINUED = 0xffff }; /* statuses of a child that lives */

/* The end of a child that went without us is told by who waits for it, unless it was killed; and of one in which we were to
 * wake and did not, that it was killed. Who waits may do nothing else for long: if somebody has emptied the spool meanwhile, it
 * is not to end for that. */
static void waited(uint32_t child, int status) {
    struct slot *slot = &spool->slots[child % SLOTS];
    struct stat s;
    if (!raw_stat(AT_FDCWD, spool_path, &s, 0) || s.st_size < (int64_t)DATA_START) return;
    uint64_t kept = slot->kept;
    if (LIKELY(!(kept & (GOES_WITHOUT_US | WILL_WAKE))) || load(&slot->pid) != child) return;
    if ((status & 0xff) == STOPPED || status == CONTINUED) return;
    slot->kept = 0;
    if (kept == GOES_WITHOUT_US && !(status & 0x7f)) write_bare(EXITED, status >> 8 & 0xff, child);
    if (kept & WILL_WAKE && status & 0x7f) write_bare(KILLED, status & 0x7f, child);
}

#define WAIT(name, parameters, ...)                                            \
    HOOK(int, name, parameters) {                                              \
        int status = 0;                                                        \
        NEED(name, (int)fail(ENOSYS));                                         \
        if (!into) into = &status;                                             \
        int child = REAL(name)(__VA_ARGS__);                                   \
        if (child > 0 && awake()) waited((uint32_t)child, *into);              \
        return child;                                                          \
    }
WAIT(wait, (int *into), into)
WAIT(waitpid, (int pid, int *into, int options), pid, into, options)
WAIT(wait3, (int *into, int options, void *used), into, options, used)
WAIT(wait4, (int pid, int *into, int options, void *used), pid, into, options, used)

/* What waitid tells. */
struct child {
    int signal, error, how, unused, pid, user, status, more[25];
};

static void waited_by_id(const struct child *child) {
    enum { EXITED_ITSELF = 1, DUMPED = 3 }; /* CLD_EXITED, CLD_DUMPED */
    if (child->pid <= 0 || child->how < EXITED_ITSELF || child->how > DUMPED || !awake()) return;
    waited((uint32_t)child->pid, child->how == EXITED_ITSELF ? (child->status & 0xff) << 8 : child->status & 0x7f);
}

HOOK(int, waitid, (int type, unsigned id, void *into, int options)) {
    struct child child = {0};
    NEED(waitid, (int)fail(ENOSYS));
    if (!into) into = &child;
    int result = REAL(waitid)(type, id, into, options);
    if (result == 0) waited_by_id(into);
    return result;
}

/* What streams still hold is written by libc after all handlers: it is written now, so that the
 * last look at their files sees it. Without locks, as libc itself does at that moment. */
static void flush_streams(void) {
    EACH_TRACKED(fd) {
        struct entry *e = entry(fd);
        struct stat s;
        if (!(e->flags & WRITABLE)) continue;
        if (e->stream && raw_fstat(fd, &s) && same_file(e, &s)) {
            flush(e->stream, false);
        } else if (fd == 1) {
            void **out = look_up(maps, "stdout");
            if (out && *out && number_of(*out) == 1) flush(*out, false);
        }
    }
}

static void leaving_by_exit(int status, void *unused) {
    (void)unused;
    if (load(&readiness) != READY || is_guest(raw_getpid())) {
        if (load(&readiness) != READY || state->pid) return;
    }
    flush_streams();
    write_exited(status);
}

/* DT_FINI: where libc has no on_exit (musl), the status is only known to the hook of exit. */
static int exit_status = UNKNOWN;

HIDDEN void shim_end(void) {
    if (!at_exit) leaving_by_exit(exit_status, NULL);
}

#define LEAVE(name)                                                   \
    HOOK(void, name, (int status)) {                                  \
        if (awake()) write_exited(status);                            \
        if (REAL(name)) REAL(name)(status);                           \
        for (;;) call1(SYS_exit_group, status);                       \
    }
LEAVE(_exit)
LEAVE(_Exit)

HOOK(void, exit, (int status)) {
    exit_status = status;
    if (REAL(exit)) REAL(exit)(status);
    for (;;) call1(SYS_exit_group, status);
}

/* quick_exit runs its own handlers and then libc's internal _exit, past our hook of it. */
HOOK(void, quick_exit, (int status)) {
    if (awake()) write_exited(status);
    if (REAL(quick_exit)) REAL(quick_exit)(status);
    for (;;) call1(SYS_exit_group, status);
}

/* ---- calls by number, and what must not be disturbed --------------------------------------------- */

/* A program that restricts its own system calls must not be killed for ours. */
static void fall_silent(const char *why) {
    if (!awake()) return;
    uint32_t pid = caller();
    missed(pid, why, "");
    if (!is_guest(pid)) store(&readiness, SILENT);
}

/* What a program has the kernel decide by whether a call may be made (seccomp). */
struct filter {
    uint16_t length;
    const struct step {
        uint16_t code;
        uint8_t then, otherwise;
        uint32_t number;
    } * steps;
};

/* What it answers to a call whose arguments are all 0. Of what compilers of filters do not use, the worst is believed. */
static uint32_t answer_of(const struct filter *f, uint32_t call) {
    enum { KILL = 0, ARCHITECTURE_AT = 4 };
    uint32_t a = 0;
    for (uint32_t n = 0; n < f->length; n++) {
        const struct step *s = &f->steps[n];
        bool holds;
        switch (s->code) {
        case 0x20: /* load a word of what is told of the call */
            a = s->number == 0 ? call : s->number == ARCHITECTURE_AT ? 0xc0000000u | MACHINE : 0;
            continue;
        case 0x54: a &= s->number; continue;
        case 0x05: n += s->number; continue;
        case 0x15: holds = a == s->number; break;
        case 0x25: holds = a > s->number; break;
        case 0x35: holds = a >= s->number; break;
        case 0x45: holds = a & s->number; break;
        case 0x06: return s->number;
        default: return KILL;
        }
        n += holds ? s->then : s->otherwise;
    }
    return KILL;
}

/* Whether it would end a program for what we do in each: the kernel has accepted it. */
static bool is_deadly(const struct filter *f) {
    static const uint16_t ours[] = {
        SYS_openat,    SYS_openat2,    SYS_close,     SYS_read,   SYS_pread64,   SYS_lseek,      SYS_fstat,        SYS_newfstatat,
        SYS_mmap,      SYS_munmap,     SYS_fcntl,     SYS_ppoll,  SYS_getcwd,    SYS_readlinkat, SYS_clock_gettime, SYS_getpid,
        SYS_getppid,   SYS_getuid,     SYS_getgid,    SYS_clone,  SYS_wait4,     SYS_exit_group, SYS_rt_sigprocmask, SYS_fgetxattr,
        SYS_fallocate, SYS_prlimit64, SYS_faccessat, SYS_process_vm_readv, SYS_rt_sigaction, SYS_getxattr, SYS_geteuid, SYS_getegid};
    enum { ACTION = 0x7fff0000, TRAP = 0x00030000 };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if ((answer_of(f, ours[i]) & ACTION) <= TRAP) return true;
    return false;
}

/* After such a filter was set: programs that are run from here are started without us where they would die of it. */
static void restricted(const struct filter *f) {
    if (load(&readiness) == SILENT && is_deadly(f)) store(&readiness, RESTRICTED);
}

HOOK(int, prctl, (int what, long a, long b, long c, long d)) {
    NEED(prctl, (int)fail(ENOSYS));
    if (what == 22 /* PR_SET_SECCOMP */) fall_silent("seccomp");
    int result = REAL(prctl)(what, a, b, c, d);
    if (what == 22 && a == 2 /* SECCOMP_MODE_FILTER */ && result == 0) restricted((const struct filter *)b);
    return result;
}

#ifdef SYS_io_uring_setup
/* ---- rings of io_uring ----------------------------------------------------------------------------- */

static void ring_missed(void) {
    struct table *all = make_table();
    uint32_t pid = caller();
    if (all && load(&all->ringed) == pid) return;
    if (all) store(&all->ringed, pid);
    missed(pid, "io_uring", "");
}

static struct ring *find_ring(int fd, uint32_t name) {
    struct table *all = make_table();
    for (int i = 0; all && i < RINGS; i++) {
        uint32_t found = name;
        if (swap(&all->rings[i].name, &found, (uint32_t)fd + 1)) return &all->rings[i];
    }
    return NULL;
}

/* A number is used again after its ring was closed. */
static void ring_made(int fd, const uint32_t *parameters) {
    struct ring *r = find_ring(fd, (uint32_t)fd + 1);
    if (!r) r = find_ring(fd, 0);
    if (!r || !describe_ring(r, parameters)) ring_missed();
}

/* Whether what the kernel takes of it is to be counted. */
static bool ring_handed_over(int fd, unsigned flags) {
    struct table *all = load(&table);
    if (all && load(&all->ringed) == caller()) return false;
    struct ring *r = flags & REGISTERED ? NULL : find_ring(fd, (uint32_t)fd + 1);
    bool only = r && r->entries && waits_only(fd, r);
    if (!only) ring_missed();
    return only;
}

static void ring_taken(int fd, uint32_t count) {
    struct ring *r = find_ring(fd, (uint32_t)fd + 1);
    if (!r || was_faster(r, count)) ring_missed();
}
#endif

/* ---- what the kernel is asked to do by itself ---------------------------------------------------- */

static void submitting(long count, const void *const *list) {
    for (long i = 0; i < count && awake(); i++) {
        struct queued q;
        const char *at;
        if (!copied(&at, list + i, sizeof at) || !copied(&q, at + QUEUED_AT, sizeof q)) return;
        if (reads_when_queued(&q)) read_at(q.fd);
        if (writes_when_queued(&q)) writes(q.fd);
    }
}

/* Of libaio, which asks the kernel itself. */
HOOK(int, io_submit, (void *queue, long count, void **list)) {
    SOUGHT(io_submit);
    NEED(io_submit, -ENOSYS);
    submitting(count, (const void *const *)list);
    return REAL(io_submit)(queue, count, list);
}

static long call_for_descriptor(long n, long a, long b, long c, long d);

HOOK(long, syscall, (long n, long a, long b, long c, long d, long e, long f)) {
    NEED(syscall, fail(ENOSYS));
    switch (n) {
#ifdef SYS_open
    case SYS_open: return shim_open((const char *)a, (int)b, (unsigned)c);
    case SYS_creat: return shim_creat((const char *)a, (unsigned)b);
#endif
#ifdef SYS_rename
    case SYS_rename: return shim_rename((const char *)a, (const char *)b);
#endif
#ifdef SYS_link
    case SYS_link: return shim_link((const char *)a, (const char *)b);
#endif
#ifdef SYS_unlink
    case SYS_unlink: return shim_unlink((const char *)a);
#endif
#ifdef SYS_dup2
    case SYS_dup2: return shim_dup2((int)a, (int)b);
#endif
    case SYS_openat: return shim_openat((int)a, (const char *)b, (int)c, (unsigned)d);
    case SYS_close: return shim_close((int)a);
    case SYS_dup: return shim_dup((int)a);
    case SYS_dup3: return shim_dup3((int)a, (int)b, (int)c);
    /* Not by our functions: Open MPI writes into them that they are to call this one. */
    case SYS_mmap: {
        long result = REAL(syscall)(n, a, b, c, d, e, f);
        seen_mapping((void *)result, (int)c, (int)d, (int)e);
        return result;
    }
    case SYS_shmat: {
        long result = REAL(syscall)(n, a, b, c, d, e, f);
        seen_attached(result, (int)a);
        return result;
    }
#ifdef SYS_renameat
    case SYS_renameat: return shim_renameat((int)a, (const char *)b, (int)c, (const char *)d);
#endif
    case SYS_unlinkat: return shim_unlinkat((int)a, (const char *)b, (int)c);
    case SYS_linkat: return shim_linkat((int)a, (const char *)b, (int)c, (const char *)d, (int)e);
    case SYS_truncate: return shim_truncate((const char *)a, b);
    case SYS_ftruncate: return shim_ftruncate((int)a, b);
    case SYS_chdir: return shim_chdir((const char *)a);
    case SYS_fchdir: return shim_fchdir((int)a);
    case SYS_connect: return shim_connect((int)a, (const void *)b, (unsigned)c);
#ifdef SYS_accept
    case SYS_accept: return shim_accept((int)a, (void *)b, (unsigned *)c);
#endif
    case SYS_accept4: return shim_accept4((int)a, (void *)b, (unsigned *)c, (int)d);
    case SYS_socketpair: return shim_socketpair((int)a, (int)b, (int)c, (int *)d);
    case SYS_socket: return shim_socket((int)a, (int)b, (int)c);
#ifdef SYS_pipe
    case SYS_pipe: return shim_pipe((int *)a);
#endif
    case SYS_pipe2: return shim_pipe2((int *)a, (int)b);
    case SYS_pread64: return shim_pread((int)a, (void *)b, (size_t)c, d, 0);
    case SYS_preadv:
    case SYS_preadv2:
    case SYS_copy_file_range: {
        long result = REAL(syscall)(n, a, b, c, d, e, f);
        if (result > 0) read_at((int)a);
        if (result > 0 && n == SYS_copy_file_range) writes((int)c);
        return result;
    }
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2: writes((int)a); break;
    case SYS_io_submit: submitting(b, (const void *const *)c); break;
    case SYS_lseek: return shim_lseek((int)a, b, (int)c);
    case SYS_read: return shim_read((int)a, (void *)b, (size_t)c);
    case SYS_readv: return shim_readv((int)a, (const void *)b, (int)c);
    case SYS_write: return shim_write((int)a, (const void *)b, (size_t)c);
    case SYS_writev: return shim_writev((int)a, (const void *)b, (int)c);
    case SYS_sendto:
        return shim_sendto((int)a, (const void *)b, (size_t)c, (int)d, (const void *)e, (unsigned)f);
    case SYS_sendmsg: return shim_sendmsg((int)a, (const void *)b, (int)c);
    case SYS_sendmmsg: return shim_sendmmsg((int)a, (void *)b, (unsigned)c, (int)d);
    case SYS_splice: return shim_splice((int)a, (long *)b, (int)c, (long *)d, (size_t)e, (unsigned)f);
    case SYS_tee: return shim_tee((int)a, (int)b, (size_t)c, (unsigned)d);
    case SYS_sendfile: return shim_sendfile((int)a, (int)b, (long *)c, (size_t)d);
    case SYS_recvfrom: return shim_recvfrom((int)a, (void *)b, (size_t)c, (int)d, (void *)e, (unsigned *)f);
    case SYS_recvmsg: return shim_recvmsg((int)a, (struct msghdr *)b, (int)c);
    case SYS_recvmmsg:
        return shim_recvmmsg((int)a, (struct mmsghdr *)b, (unsigned)c, (int)d, (struct timespec *)e);
    case SYS_execve: return shim_execve((const char *)a, (char *const *)b, (char *const *)c);
    /* Not every libc has a function for these. */
    case SYS_execveat: {
        char *const *env = (char *const *)d;
        DEPART((int)a, (const char *)b, (int)e, env);
        uint32_t said = executing(&departure, (const char *)b, (char *const *)c);
        return exec_failed(said, (int)REAL(syscall)(n, a, b, c, (long)env, e, f));
    }
    case SYS_wait4: {
        int status = 0, *into = b ? (int *)b : &status;
        long child = REAL(syscall)(n, a, (long)into, c, d, e, f);
        if (child > 0 && awake()) waited((uint32_t)child, *into);
        return child;
    }
    case SYS_waitid: {
        struct child child = {0}, *into = c ? (struct child *)c : &child;
        long result = REAL(syscall)(n, a, b, (long)into, d, e, f);
        if (result == 0) waited_by_id(into);
        return result;
    }
    case SYS_fcntl:
    case SYS_openat2:
    case SYS_open_by_handle_at:
#ifdef SYS_pidfd_getfd
    case SYS_pidfd_getfd:
#endif
    case SYS_memfd_create: return call_for_descriptor(n, a, b, c, d);
    case SYS_renameat2: {
        struct move m = {0};
        bool on = awake();
        if (on) look_at_move(&m, (int)a, (const char *)b, (int)c, (const char *)d);
        long result = REAL(syscall)(n, a, b, c, d, e, f);
        if (on && result == 0) renamed(&m, (int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e);
        return result;
    }
#ifdef SYS_close_range
    case SYS_close_range:
        if ((unsigned)a <= (unsigned)b && !(c & ON_EXEC) && awake()) closing_from((unsigned)a, (unsigned)b);
        break;
#endif
#ifdef SYS_fork
    case SYS_fork: a = b = 0; __attribute__((fallthrough)); /* as a clone without anything */
#endif
    case SYS_clone: {
        if (a & CLONE_VM || b) {
            if (!(a & CLONE_THREAD)) store(&sharing, 1);
            break; /* a jump to libc's: the child may be on another stack */
        }
        uint32_t parent = awake() ? caller() : 0;
        uint64_t tick = now();
        long pid = REAL(syscall)(n, a, b, c, d, e, f);
        if (pid == 0 && load(&readiness) == READY) forked_at(tick, parent);
        return pid;
    }
    case SYS_exit_group:
        if (awake()) write_exited((int)a);
        break;
#ifdef SYS_clone3
    case SYS_clone3: {
        uint64_t wanted[6]; /* the last is a stack, on which the child could not return from here */
        if (!copied(wanted, (const void *)a, sizeof wanted)) break;
        if (wanted[0] & CLONE_VM && !(wanted[0] & CLONE_THREAD)) store(&sharing, 1);
        if (wanted[0] & CLONE_VM || wanted[5]) break;
        uint32_t parent = awake() ? caller() : 0;
        uint64_t tick = now();
        long pid = REAL(syscall)(n, a, b, c, d, e, f);
        if (pid == 0 && load(&readiness) == READY) forked_at(tick, parent);
        return pid;
    }
#endif
#ifdef SYS_seccomp
    case SYS_seccomp: {
        fall_silent("seccomp");
        long result = REAL(syscall)(n, a, b, c, d, e, f);
        if (a == 1 /* SECCOMP_SET_MODE_FILTER */ && result == 0) restricted((const struct filter *)c);
        return result;
    }
#endif
#ifdef SYS_io_uring_setup
    case SYS_io_uring_setup: {
        long ring = REAL(syscall)(n, a, b, c, d, e, f);
        if (ring >= 0 && awake()) ring_made((int)ring, (const uint32_t *)b);
        return ring;
    }
    case SYS_io_uring_enter: {
        bool counted = b && awake() && ring_handed_over((int)a, (unsigned)d);
        long taken = REAL(syscall)(n, a, b, c, d, e, f);
        if (counted && taken > 0) ring_taken((int)a, (uint32_t)taken);
        return taken;
    }
#endif
    default: break;
    }
    return REAL(syscall)(n, a, b, c, d, e, f);
}

/* A call by number whose result may be a new descriptor. */
static long call_for_descriptor(long n, long a, long b, long c, long d) {
    struct before before = not_looked;
    const char *path = NULL;
    int at = AT_FDCWD, flags = n == SYS_open_by_handle_at ? (int)c : O_RDWR | O_TMPFILE;
    if (n == SYS_openat2 && d >= OPEN_HOW && awake())
        path = look_before_openat2(&before, &flags, at = (int)a, (const char *)b, (const void *)c);
    if (path && before.path != path) return open_stand_in(&before, flags);
    int fd = (int)REAL(syscall)(n, a, b, c, d, 0, 0);
    if (fd < 0 || !awake()) return fd;
    switch (n) {
    case SYS_fcntl:
        if (b == F_DUPFD || b == F_DUPFD_CLOEXEC) duplicated((int)a, fd);
        break;
#ifdef SYS_pidfd_getfd
    case SYS_pidfd_getfd: given(fd); break;
#endif
    default: opened(fd, at, path, flags, &before, NULL);
    }
    return fd;
}
