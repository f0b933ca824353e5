/* What programs do to files, seen from outside: follows by ptrace where the shim cannot be loaded.
 *
 * In: the path of a spool, and a program to become or a thread to follow from its next exec on. Out: the
 * records that the shim would write (preload.h), for that process and all that it starts.
 *
 *     tracer SPOOL whole PROGRAM ARGV...    become PROGRAM, followed with everything below it
 *     tracer SPOOL some PROGRAM ARGV...     the same, but what can load the shim is left to the shim
 *     tracer SPOOL seize THREAD DESCRIPTOR  what the shim's exec hooks ask for: as `some`; our process id
 *                                           is written to the descriptor once the thread is held
 *     tracer SPOOL join THREAD DESCRIPTOR   the same, but at once: what the shim of a program asks for that
 *                                           calls past libc, before the program begins
 *
 * How it stays harmless:
 * - The program keeps its process id and its parent. Who follows it is an orphan in a session of its own,
 *   which holds none of its descriptors, so that nobody waits for it or is signalled with it.
 * - Nothing is put into the program. Every call stops at its begin and its end, which costs more than a
 *   seccomp filter would; but a filter can never be taken off again: without `no_new_privs` it needs
 *   rights, with it sudo fails, and behind it neither a debugger, nor a leak checker, nor a program whose
 *   follower was killed gets a file open (docs/decisions/tracing-without-a-filter.md).
 * - So any process can be let go at any time, and is: before it becomes a program with raised rights,
 *   traces or wants to be traced by another, or enters another run. Should we die, the kernel lets all go.
 * - No dependency and no libc, like the shim. */

#include "rings.h"
#include "target.h"

#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>

/* ---- the kernel's words ------------------------------------------------------------------------ */

/* Not those of sys/ptrace.h, which are not the same in every libc. */
enum {
    TRACE_ME = 0,
    CONTINUE = 7,
    ATTACH = 16,
    DETACH = 17,
    SYSCALL = 24,
    GET_MESSAGE = 0x4201,
    SEIZE = 0x4206,
    INTERRUPT = 0x4207,
    LISTEN = 0x4208,
    GET_REGISTERS = 0x4204,
    SET_REGISTERS = 0x4205,
    GET_CALL = 0x420e,
};
enum { EVENT_FORK = 1, EVENT_VFORK = 2, EVENT_CLONE = 3, EVENT_EXEC = 4, EVENT_STOP = 128 };
enum { OPTIONS = 1 /* tell calls from traps */ | 1 << EVENT_FORK | 1 << EVENT_VFORK | 1 << EVENT_CLONE | 1 << EVENT_EXEC };
enum { CALL_BEGINS = 1, CALL_ENDS = 2 };
enum { AT_CALL = 5 | 0x80, TRAP = 5 };
enum { UNTRACED = 0x00800000, NEW_MOUNTS = 0x00020000, EMPTY_PATH = 0x1000, SAME_FILES = 2 };
enum { CAN_PTRACE = 19 };

struct call {
    uint8_t where;
    uint8_t unused[3];
    uint32_t machine;
    uint64_t instruction, stack;
    union {
        struct {
            uint64_t number, arguments[6];
        } begin;
        struct {
            int64_t result;
            uint8_t failed;
        } end;
    };
};

#if defined(__x86_64__)
#define OWN_MACHINE 0xc000003eu
#else
#define OWN_MACHINE 0xc00000b7u
#endif

static long trace(int what, uint32_t tid, uint64_t a, uint64_t b) {
    return call4(SYS_ptrace, what, tid, a, b);
}

/* ---- memory ------------------------------------------------------------------------------------ */

static void *pools[32];
static char *fresh, *fresh_end;

static int pool_of(size_t size) {
    int pool = 5;
    while ((size_t)1 << pool < size) pool++;
    return pool;
}

static void *obtain(size_t size) {
    int pool = pool_of(size);
    size_t whole = (size_t)1 << pool;
    void *at = pools[pool];
    if (at) {
        pools[pool] = *(void **)at;
    } else {
        if ((size_t)(fresh_end - fresh) < whole) {
            size_t region = whole > STEP ? whole : STEP;
            fresh = raw_mmap(region, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (!fresh) call1(SYS_exit_group, 1); /* the kernel lets all go */
            fresh_end = fresh + region;
        }
        at = fresh;
        fresh += whole;
    }
    memset(at, 0, size);
    return at;
}

static void give_back(void *at, size_t size) {
    if (!at) return;
    int pool = pool_of(size);
    *(void **)at = pools[pool];
    pools[pool] = at;
}

/* ---- whom we follow ---------------------------------------------------------------------------- */

/* One tracked descriptor; `opened` is 0 where there is none. */
struct entry {
    uint64_t opened;
    uint32_t flags; /* READABLE, WRITABLE, MAPPED and those below */
    uint32_t names; /* the spool's when `path` was right */
    uint64_t device, inode;
    int64_t size, modified;
    uint64_t path; /* where its text is in the spool, or 0 */
    uint32_t taken, given, teller; /* the turns in which it was told last that something was, and who did it */
};
enum { DUPED = 1 << 16, INHERITED = 1 << 17, LIVELY = 1 << 18, DATED = 1 << 19, CONNECTION = 1 << 20,
       WATCHED = 1 << 21, WROTE = 1 << 22, TOOK = 1 << 25,
       THROUGH = 1 << 23, PACKETS = 1 << 24 };

/* A table of descriptors: a process's own, unless it was cloned to share it. */
struct files {
    uint32_t users;
    int room;
    struct entry *all;
    struct ring rings[RINGS]; /* not a fork's, who has them from another */
};

struct process {
    uint32_t pid, parent;
    uint32_t threads;
    bool exited;
    struct addresses addresses;
    uint32_t shares; /* it was said that it has memory that its forks share */
    bool talks; /* it may have ends of pipes or of pairs of sockets */
    bool elsewhere; /* its paths may begin at another root than ours */
    bool ringed; /* it was said that its rings do more than is seen */
    bool wrote;  /* its program did, anywhere */
    uint32_t spoke; /* through which of the descriptors 0 to 2, as bits */
    uint64_t forked;
    struct files *files;
};

struct before {
    bool existed, looked;
    struct stat stat;
};

struct move {
    bool known, over;
    struct stat source, target;
};

struct task {
    struct task *next;
    struct process *process; /* none: a child whose birth has not been told yet */
    uint32_t tid;
    bool passive; /* not followed before its next exec */
    bool inside;  /* between the begin and the end of a call */
    bool wanted;  /* whose end is to be looked at */
    bool replaced; /* by another, of which nothing is told */
    uint64_t number, arguments[6];
    union {
        struct before before;
        struct move move;
        uint64_t tick;
    };
};

enum { BUCKETS = 512, MOST_FILES = 1 << 16 };
static struct task *buckets[BUCKETS];
static bool handing_back; /* programs that can load the shim are left to it */
static bool capable;      /* of following programs with raised rights */
static char buffer[LARGEST_RECORD];
static char reached[2][PATHS + 64], asked[2][PATHS];
static unsigned char draft_bytes[LARGEST_RECORD - 64];

static struct task *find_task(uint32_t tid) {
    struct task *t = buckets[tid % BUCKETS];
    while (t && t->tid != tid) t = t->next;
    return t;
}

static struct task *new_task(uint32_t tid, struct process *p) {
    struct task *t = obtain(sizeof *t);
    t->tid = tid;
    t->process = p;
    if (p) p->threads++;
    t->next = buckets[tid % BUCKETS];
    buckets[tid % BUCKETS] = t;
    return t;
}

static void leave_process(struct process *p) {
    if (!p || --p->threads) return;
    if (!--p->files->users) {
        give_back(p->files->all, (size_t)p->files->room * sizeof *p->files->all);
        give_back(p->files, sizeof *p->files);
    }
    give_back(p, sizeof *p);
}

static void forget(struct task *t) {
    struct task **at = &buckets[t->tid % BUCKETS];
    while (*at != t) at = &(*at)->next;
    *at = t->next;
    leave_process(t->process);
    give_back(t, sizeof *t);
}

static struct process *new_process(uint32_t pid, uint32_t parent, struct files *files) {
    struct process *p = obtain(sizeof *p);
    p->pid = pid;
    p->parent = parent;
    p->files = files ? files : obtain(sizeof *files);
    p->files->users++;
    return p;
}

static struct files *copy_of(const struct files *from) {
    struct files *f = obtain(sizeof *f);
    f->room = from->room;
    if (f->room) {
        f->all = obtain((size_t)f->room * sizeof *f->all);
        memcpy(f->all, from->all, (size_t)f->room * sizeof *f->all);
    }
    return f;
}

static struct entry *tracked(const struct process *p, int fd) {
    struct files *f = p->files;
    return fd >= 0 && fd < f->room && f->all[fd].opened ? &f->all[fd] : NULL;
}

static bool track(struct process *p, int fd, const struct entry *e) {
    struct files *f = p->files;
    if (fd >= MOST_FILES) return false;
    if (fd >= f->room) {
        int room = 8;
        while (room <= fd) room *= 2;
        struct entry *all = obtain((size_t)room * sizeof *all);
        if (f->room) memcpy(all, f->all, (size_t)f->room * sizeof *all);
        give_back(f->all, (size_t)f->room * sizeof *all);
        f->all = all;
        f->room = room;
    }
    f->all[fd] = *e;
    return true;
}

#define EACH_TRACKED(p, fd) \
    for (int fd = 0; fd < (p)->files->room; fd++) \
        if ((p)->files->all[fd].opened)

/* ---- what /proc tells of them ------------------------------------------------------------------ */

static char *append(char *to, const char *text) {
    size_t n = length_of(text);
    memcpy(to, text, n + 1);
    return to + n;
}

static char *about(char *to, uint32_t tid, const char *what) {
    return append(decimal(append(to, "/proc/"), tid), what);
}

static const char *about_descriptor(uint32_t tid, const char *folder, int fd) {
    static char path[64];
    decimal(about(path, tid, folder), (unsigned)fd);
    return path;
}

static bool stat_descriptor(const struct task *t, int fd, struct stat *s) {
    return fd >= 0 && raw_stat(AT_FDCWD, about_descriptor(t->tid, "/fd/", fd), s, 0);
}

static size_t put_descriptor_path(struct draft *d, const struct task *t, int fd) {
    return put_link(d, about_descriptor(t->tid, "/fd/", fd));
}

static size_t put_own_descriptor_path(struct draft *d, int fd) {
    char link[32];
    decimal(append(link, "/proc/self/fd/"), (unsigned)fd);
    return put_link(d, link);
}

static void put_link_of(struct draft *d, const struct task *t, const char *what) {
    char link[40];
    about(link, t->tid, what);
    put_link(d, link);
}

/* The first part of a file of /proc, ended by a zero; its length. */
static long read_about(uint32_t tid, const char *what, char *to, size_t room) {
    char path[64];
    about(path, tid, what);
    int fd = raw_open(AT_FDCWD, path, O_RDONLY);
    if (fd < 0) return -1;
    long n, whole = 0;
    while ((n = call3(SYS_read, fd, to + whole, room - 1 - (size_t)whole)) > 0) whole += n;
    raw_close(fd);
    to[whole] = 0;
    return whole;
}

static const char *find_line(const char *text, const char *name) {
    while (text && *text) {
        if (begins(text, name)) return text + length_of(name);
        while (*text && *text != '\n') text++;
        if (*text) text++;
    }
    return NULL;
}

static unsigned long number_in(const char *text, unsigned base) {
    unsigned long number = 0;
    while (text && (*text == ' ' || *text == '\t')) text++;
    for (; text && *text >= '0' && *text < '0' + (char)base; text++)
        number = number * base + (unsigned long)(*text - '0');
    return number;
}

/* What the kernel tells of a descriptor, as a number: -1 if there is none. */
static long told_of(const struct task *t, int fd, const char *what, unsigned base) {
    char text[256];
    char link[24];
    decimal(append(link, "/fdinfo/"), (unsigned)fd);
    if (read_about(t->tid, link, text, sizeof text) < 0) return -1;
    const char *line = find_line(text, what);
    return line ? (long)number_in(line, base) : -1;
}

/* The flags that it was opened with, O_CLOEXEC among them. */
static long flags_of(const struct task *t, int fd) { return told_of(t, fd, "flags:", 8); }

static uint32_t parent_of(uint32_t tid) {
    long n = read_about(tid, "/status", buffer, sizeof buffer);
    return n < 0 ? 0 : (uint32_t)number_in(find_line(buffer, "PPid:"), 10);
}

/* Whose event tells of a new task: its own process's, if it is a thread of one, else its parent's. */
static uint32_t teller_of(uint32_t tid) {
    long n = read_about(tid, "/status", buffer, sizeof buffer);
    uint32_t process = n < 0 ? tid : (uint32_t)number_in(find_line(buffer, "Tgid:"), 10);
    return process == tid ? parent_of(tid) : process;
}

/* ---- what they say ----------------------------------------------------------------------------- */

static long read_memory(const struct task *t, uint64_t at, void *to, size_t n) {
    struct iovec own = {to, n}, theirs = {(void *)at, n};
    return call6(SYS_process_vm_readv, t->tid, (long)&own, 1, (long)&theirs, 1, 0);
}

/* A text of at most PATHS - 1 bytes; false where it is longer or cannot be read. */
static bool read_text(const struct task *t, uint64_t at, char *to) {
    size_t done = 0;
    while (at && done < PATHS - 1) {
        size_t part = page - (size_t)((at + done) & (page - 1));
        if (part > 256 && done == 0) part = 256; /* most are short */
        if (part > PATHS - 1 - done) part = PATHS - 1 - done;
        long n = read_memory(t, at + done, to + done, part);
        if (n <= 0) return false;
        for (long i = 0; i < n; i++)
            if (!to[done + (size_t)i]) return true;
        done += (size_t)n;
    }
    return false;
}

/* The path by which we reach what the program means by one; NULL where it is too long. */
static const char *reach(const struct task *t, int at, const char *path, char *room) {
    static const char *const own[][2] = {{"/proc/self/", "/"},   {"/proc/thread-self/", "/"},
                                         {"/dev/fd/", "/fd/"},   {"/dev/stdin", "/fd/0"},
                                         {"/dev/stdout", "/fd/1"}, {"/dev/stderr", "/fd/2"}};
    if (length_of(path) >= PATHS) return NULL;
    if (path[0] == '/') {
        for (size_t i = 0; i < sizeof own / sizeof *own; i++)
            if (begins(path, own[i][0])) {
                append(about(room, t->tid, own[i][1]), path + length_of(own[i][0]));
                return room;
            }
        if (!t->process->elsewhere) return path;
        append(about(room, t->tid, "/root"), path);
    } else {
        char *to = at == AT_FDCWD ? about(room, t->tid, "/cwd") : decimal(about(room, t->tid, "/fd/"), (unsigned)at);
        if (path[0]) append(append(to, "/"), path);
    }
    return room;
}

static bool stat_path(const struct task *t, int at, const char *path, struct stat *s, bool follow) {
    const char *to = reach(t, at, path, reached[0]);
    return to && raw_stat(AT_FDCWD, to, s, follow ? 0 : AT_SYMLINK_NOFOLLOW);
}

/* The absolute name of `path`, whose last part is not followed if it is a link. */
static void put_name(struct draft *d, const struct task *t, int at, const char *path) {
    size_t n = length_of(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t base = n;
    while (base && path[base - 1] != '/') base--;
    if ((size_t)(d->end - d->at) < n + 16) {
        d->cut = true;
        put_u32(d, 0);
        return;
    }
    unsigned char *start = d->at;
    char folder[PATHS];
    memcpy(folder, path, base);
    folder[base] = 0;
    const char *to = reach(t, at, folder, reached[0]);
    int fd = to ? raw_open(AT_FDCWD, to, O_PATH | O_DIRECTORY) : -1;
    if (fd >= 0) {
        put_own_descriptor_path(d, fd);
        raw_close(fd);
    } else {
        put_text(d, path, base - (base > 1));
    }
    if (d->cut && d->at == start + 4) return; /* an empty name is none; a part of one would be another's */
    if (d->at == start + 4 + 1 && start[4] == '/') d->at--; /* the root has its slash already */
    put(d, "/", 1);
    put(d, path + base, n - base);
    uint32_t whole = (uint32_t)(d->at - start - 4);
    memcpy(start, &whole, 4);
}

#define BEGIN(d) struct draft d = {draft_bytes, draft_bytes + sizeof draft_bytes, false}
#define TELL(type, flags, value, pid, tick, d) \
    write_record(type, flags, value, pid, tick, &(d), draft_bytes, NULL)

/* ---- descriptors ------------------------------------------------------------------------------- */

static uint32_t access_of(long flags) {
    switch (flags & O_ACCMODE) {
    case O_RDONLY: return READABLE;
    case O_WRONLY: return WRITABLE;
    default: return READABLE | WRITABLE;
    }
}

static struct entry entry_of(uint64_t tick, uint32_t flags, const struct stat *s, uint64_t path) {
    struct entry e = {tick,
                      flags,
                      load(&spool->names),
                      (uint64_t)s->st_dev,
                      (uint64_t)s->st_ino,
                      (int64_t)s->st_size,
                      nanoseconds(&s->st_mtim),
                      path,
                      0,
                      0,
                      0};
    return e;
}

static bool changed(const struct entry *e, const struct stat *s) {
    return e->size != (int64_t)s->st_size || e->modified != nanoseconds(&s->st_mtim);
}

static bool same_file(const struct entry *e, const struct stat *s) {
    return e->device == (uint64_t)s->st_dev && e->inode == (uint64_t)s->st_ino;
}

static bool is_path_known(const struct entry *e) { return e->path && e->names == load(&spool->names); }

static void put_known_path(struct draft *d, const struct task *t, const struct entry *e, int fd) {
    if (is_path_known(e)) {
        put_u32(d, ELSEWHERE);
        put_u64(d, e->path);
    } else {
        put_descriptor_path(d, t, fd);
    }
}

/* A descriptor of ours for one of theirs, or a negative number. */
static int borrow(const struct task *t, int fd) {
    long process = fd < 0 ? fd : call2(SYS_pidfd_open, t->process->pid, 0);
    if (process < 0) return -1;
    long own = call3(SYS_pidfd_getfd, process, fd, 0);
    raw_close((int)process);
    return own < 0 ? -1 : (int)own;
}

static void return_it(int fd) {
    if (fd >= 0) raw_close(fd);
}

static bool has_dead_pipe(const struct task *t, int fd) {
    int own = borrow(t, fd);
    bool dead = own >= 0 && is_dead_pipe(own);
    return_it(own);
    return dead;
}

/* A `Descriptor`, as the shim writes it. Files are tracked from `tick` on. */
static bool put_descriptor(struct draft *d, const struct task *t, int fd, uint64_t tick) {
    struct process *p = t->process;
    struct stat s;
    if (!stat_descriptor(t, fd, &s)) return false;
    const struct entry *known = tracked(p, fd);
    if (known && !same_file(known, &s)) known = NULL;
    uint16_t kind = kind_of(&s);
    uint16_t access = READABLE | WRITABLE;
    if (known)
        access = (uint16_t)(known->flags & (READABLE | WRITABLE));
    else if (kind == KIND_FILE || kind == KIND_PIPE)
        access = (uint16_t)access_of(flags_of(t, fd));
    if (kind == KIND_PIPE && access == READABLE && has_dead_pipe(t, fd)) kind = KIND_OTHER;
    if ((size_t)(d->end - d->at) < 72 + PATHS) {
        d->cut = true;
        return false;
    }
    put_u32(d, (uint32_t)fd);
    put(d, &kind, 2);
    put(d, &access, 2);
    put_stat(d, &s);
    if (kind != KIND_FILE) {
        put_u32(d, 0);
        return true;
    }
    struct entry e = entry_of(tick, access | INHERITED, &s, known && is_path_known(known) ? known->path : 0);
    if (known) e.flags |= known->flags & (DUPED | MAPPED);
    if (fd > 2 && access & READABLE) e.flags |= WATCHED;
    put_known_path(d, t, &e, fd);
    if (access & WRITABLE || !known || tick != p->forked) track(p, fd, &e);
    return true;
}

static bool is_watched(const struct process *p, int fd, uint32_t how) {
    const struct entry *e = tracked(p, fd);
    return e && e->flags & how;
}

/* Descriptors 0 to 2 and those that are tracked, counted. */
static void put_descriptors(struct draft *d, const struct task *t, uint64_t tick) {
    unsigned char *counted = d->at;
    uint32_t count = 0;
    put_u32(d, 0);
    for (int fd = 0; fd <= 2; fd++) count += put_descriptor(d, t, fd, tick);
    EACH_TRACKED(t->process, fd)
        if (fd > 2 && !is_watched(t->process, fd, THROUGH)) count += put_descriptor(d, t, fd, tick);
    memcpy(counted, &count, 4);
}

/* What is not open any more is not tracked any more. */
static void drop_closed(const struct task *t) {
    EACH_TRACKED(t->process, fd) {
        struct stat s;
        struct entry *e = tracked(t->process, fd);
        if (!stat_descriptor(t, fd, &s) || !same_file(e, &s)) e->opened = 0;
    }
}

/* Which of those that were given a file have changed it shows nowhere in that, and what is moved there out of a pipe the
 * kernel does not even count. */
static void writes(struct process *p, int to) {
    if (to < 0) return;
    p->wrote = true;
    if (to <= 2) p->spoke |= 1u << to;
    struct entry *e = tracked(p, to);
    if (e) e->flags |= WROTE;
}

/* A shell that opened a file for a program may have read there itself. */
static void reads(const struct process *p, int from) {
    struct entry *e = tracked(p, from);
    if (e) e->flags |= TOOK;
}

/* How many bytes a process has written so far. */
static uint64_t written_by(const struct process *p) {
    char text[512];
    if (read_about(p->pid, "/io", text, sizeof text) < 0) return 0;
    const char *line = find_line(text, "wchar:");
    return line ? number_in(line, 10) : 0;
}

/* Those who talk through pipes learn from files, or have made one. */
static void end_turn(const struct process *p) {
    if (p->talks) add(&spool->turns, 1);
}

static void write_closed(const struct task *t, const struct entry *e, int fd) {
    struct process *p = t->process;
    struct stat s;
    if (e->flags & (PACKETS | THROUGH)) return;
    if (!stat_descriptor(t, fd, &s) || !same_file(e, &s)) return;
    if (e->flags & CONNECTION) {
        int own = borrow(t, fd);
        write_parted(fd, e->inode, was_heard(own), p->pid);
        return_it(own);
        return;
    }
    bool inherited = e->flags & INHERITED || e->opened < p->forked;
    bool dated = e->flags & DATED && !changed(e, &s);
    bool written = e->flags & WRITABLE && (dated || e->flags & (LIVELY | MAPPED) || changed(e, &s));
    if (dated) s.st_mtim = s.st_ctim;
    if (inherited && (!written || !(e->flags & (MAPPED | WROTE) || p->wrote))) return;
    BEGIN(d);
    put_u64(&d, e->opened);
    put_stat(&d, &s);
    if (e->flags & WRITABLE)
        put_known_path(&d, t, e, fd);
    else
        put_u32(&d, 0); /* as it was opened */
    unsigned how = (e->flags & MAPPED) | (e->flags & WROTE ? GIVEN : 0) | (e->flags & TOOK ? READABLE : 0);
    TELL(CLOSED, how, fd, p->pid, next_tick(), d);
    if (!written) return;
    add(&spool->activity, 1);
    end_turn(p);
}

static bool is_same_open(const struct entry *a, const struct entry *b) {
    bool alike = !((a->flags ^ b->flags) & (READABLE | WRITABLE));
    return alike && a->opened == b->opened && a->inode == b->inode && a->device == b->device;
}

/* As the shim has it. */
static bool is_left_to_another(const struct process *p, const struct entry *e, int fd) {
    EACH_TRACKED(p, other) {
        if (other == fd || !is_same_open(&p->files->all[other], e)) continue;
        p->files->all[other].flags |= e->flags & (WROTE | TOOK);
        return true;
    }
    return false;
}

static void closing(const struct task *t, int fd) {
    struct entry *at = tracked(t->process, fd);
    if (!at) return;
    struct entry e = *at;
    at->opened = 0;
    if (e.flags & DUPED && is_left_to_another(t->process, &e, fd)) return;
    write_closed(t, &e, fd);
}

static void closing_from(const struct task *t, unsigned first, unsigned last) {
    EACH_TRACKED(t->process, fd)
        if ((unsigned)fd >= first && (unsigned)fd <= last) closing(t, fd);
}

/* Something was read from a file that a program was started with. */
static void drawn(const struct task *t, int fd) {
    if (!is_watched(t->process, fd, WATCHED)) return;
    struct entry *e = tracked(t->process, fd);
    e->flags &= ~(uint32_t)WATCHED;
    write_drawn(fd, e->opened, e->device, e->inode, t->process->pid);
}

/* The end of a pipe, or of a pair of sockets, whose uses are told: each once in a turn in either direction. */
static void talks_through(const struct task *t, int fd) {
    struct stat s;
    if (fd <= 2 || !stat_descriptor(t, fd, &s)) return;
    struct entry e = entry_of(next_tick(), THROUGH, &s, 0);
    track(t->process, fd, &e);
    t->process->talks = true;
}

/* Something was taken (READABLE), or is about to be given. */
static void talked(const struct task *t, int fd, uint32_t how) {
    struct stat s;
    if (!is_watched(t->process, fd, THROUGH)) return;
    struct entry *e = tracked(t->process, fd);
    uint32_t turn = turn_of_run(), pid = t->process->pid;
    uint32_t *told = how == READABLE ? &e->taken : &e->given;
    if (e->teller != pid) e->taken = e->given = 0;
    if (*told == turn || !stat_descriptor(t, fd, &s) || !same_file(e, &s)) return;
    write_talked(how, fd, &s, turn, pid);
    e->teller = pid;
    *told = turn;
}

static void piped(const struct task *t, int fd, const struct stat *s, uint32_t named) {
    uint32_t access = READABLE | WRITABLE;
    if (S_ISFIFO(s->st_mode)) access = access_of(flags_of(t, fd)) | named;
    if (S_ISCHR(s->st_mode)) access |= OF_TERMINAL;
    BEGIN(d);
    put_u64(&d, (uint64_t)s->st_ino);
    if (named) put_u64(&d, (uint64_t)s->st_dev);
    TELL(PIPED, access, fd, t->process->pid, next_tick(), d);
}

/* Of a FIFO: whether it lies in a folder. A pipe that was opened through /proc does not. */
static bool has_a_name(const struct task *t, int fd) {
    enum { OF_PIPES = 0x50495045 };
    struct statfs about;
    return call2(SYS_statfs, about_descriptor(t->tid, "/fd/", fd), &about) == 0 && about.f_type != OF_PIPES;
}

/* As the shim has it. */
static void made_fifo(const struct task *t, bool relative) {
    struct stat s;
    int at = relative ? (int)t->arguments[0] : AT_FDCWD;
    if (!read_text(t, t->arguments[relative], asked[0]) || !stat_path(t, at, asked[0], &s, false) || !S_ISFIFO(s.st_mode))
        return;
    BEGIN(d);
    put_u64(&d, (uint64_t)s.st_ino);
    TELL(PIPED, 0, -1, t->process->pid, next_tick(), d);
}

static bool is_one_of_a_pair(const struct task *t, int fd);

static void duplicated(const struct task *t, int from, int to) {
    struct process *p = t->process;
    struct entry *e = tracked(p, from);
    if (e) {
        e->flags |= DUPED;
        struct entry copy = *e;
        copy.teller = 0;
        if (to > 2 || !(copy.flags & THROUGH)) track(p, to, &copy);
        if (!(copy.flags & (CONNECTION | THROUGH))) return;
    }
    struct stat s;
    if ((from > 2 && to > 2) || !stat_descriptor(t, to, &s)) return;
    bool is_end = S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode);
    if (to <= 2 && (is_end || kind_of(&s) == KIND_TERMINAL)) piped(t, to, &s, 0);
    else if (to > 2 && !e && is_end && (S_ISFIFO(s.st_mode) || is_one_of_a_pair(t, to))) talks_through(t, to);
}

/* An end under a number that was free among the standard ones. */
static void made_end(const struct task *t, int fd) {
    struct stat s;
    if (fd > 2) talks_through(t, fd);
    else if (stat_descriptor(t, fd, &s)) piped(t, fd, &s, 0);
}

/* The two ends of a pair of sockets have inodes of their own. */
static void paired(const struct task *t) {
    struct stat one, other;
    int ends[2];
    if (read_memory(t, t->arguments[3], ends, sizeof ends) != sizeof ends) return;
    if (!stat_descriptor(t, ends[0], &one) || !stat_descriptor(t, ends[1], &other)) return;
    made_end(t, ends[0]); /* first, as the shim does */
    made_end(t, ends[1]);
    BEGIN(d);
    put_u64(&d, (uint64_t)one.st_ino);
    put_u64(&d, (uint64_t)other.st_ino);
    TELL(PAIRED, 0, ends[0], t->process->pid, next_tick(), d);
}

static void made_pipe(const struct task *t) {
    int ends[2];
    if (read_memory(t, t->arguments[0], ends, sizeof ends) != sizeof ends) return;
    made_end(t, ends[0]);
    made_end(t, ends[1]);
}

/* As the shim has it. */
static void mapped(const struct task *t, int fd) {
    struct process *p = t->process;
    struct entry *e = tracked(p, fd);
    struct stat s;
    if (fd < 0 || e || (stat_descriptor(t, fd, &s) && S_ISREG(s.st_mode) && !s.st_nlink)) share_memory(&p->shares, p->pid);
    if (!e) return;
    EACH_TRACKED(t->process, other)
        if (is_same_open(&t->process->files->all[other], e)) t->process->files->all[other].flags |= MAPPED;
}

/* Before a file is emptied, replaced or removed: what it holds is kept. */
static void about_to_lose(const struct task *t, const char *to, const struct stat *s) {
    if (to && is_worth_preserving(s)) preserve(AT_FDCWD, to, s, t->process->pid, next_tick());
}

/* ---- registers --------------------------------------------------------------------------------- */

#if defined(__x86_64__)
enum { REGISTERS = 27, FIRST = 14, SECOND = 13, RESULT = 10, NUMBER = 15 }; /* rdi, rsi, rax, orig_rax */
#else
enum { REGISTERS = 34, FIRST = 0, SECOND = 1, RESULT = 0 };
#endif

struct registers {
    uint64_t all[REGISTERS];
};

static bool get_registers(const struct task *t, struct registers *r) {
    struct iovec whole = {r, sizeof *r};
    return trace(GET_REGISTERS, t->tid, 1 /* NT_PRSTATUS */, (uint64_t)&whole) == 0;
}

static bool set_registers(const struct task *t, struct registers *r) {
    struct iovec whole = {r, sizeof *r};
    return trace(SET_REGISTERS, t->tid, 1, (uint64_t)&whole) == 0;
}

/* Which call it is that the kernel is about to do. */
static bool set_number(const struct task *t, struct registers *r, uint64_t number) {
#if defined(__x86_64__)
    (void)t;
    r->all[NUMBER] = number;
    return true;
#else
    int wanted = (int)number;
    struct iovec whole = {&wanted, sizeof wanted};
    (void)r;
    return trace(SET_REGISTERS, t->tid, 0x404 /* NT_ARM_SYSTEM_CALL */, (uint64_t)&whole) == 0;
#endif
}

/* ---- opens ------------------------------------------------------------------------------------- */

struct opening {
    int at, flags;
    uint64_t path;
};

static struct opening opening_of(const struct task *t) {
    const uint64_t *a = t->arguments;
    struct opening o = {AT_FDCWD, 0, 0};
    switch (t->number) {
#ifdef SYS_open
    case SYS_open: o.path = a[0], o.flags = (int)a[1]; break;
    case SYS_creat: o.path = a[0], o.flags = O_CREAT | O_TRUNC | O_WRONLY; break;
#endif
    case SYS_openat2: {
        uint64_t flags = 0;
        read_memory(t, a[2], &flags, sizeof flags);
        o.at = (int)a[0], o.path = a[1], o.flags = (int)flags;
        break;
    }
    case SYS_open_by_handle_at: o.flags = (int)a[2]; break;
    case SYS_memfd_create: o.flags = O_RDWR | O_TMPFILE; break;
    default: o.at = (int)a[0], o.path = a[1], o.flags = (int)a[2];
    }
    return o;
}

static bool is_of_a_file(int flags) {
    return !(flags & (O_PATH | O_DIRECTORY)) || (flags & (O_TMPFILE | O_PATH)) == O_TMPFILE;
}

/* Has the kernel do another call, with `a` and `b` as its first arguments. */
static bool replace(struct task *t, uint64_t number, uint64_t a, uint64_t b) {
    struct registers r;
    if (!get_registers(t, &r)) return false;
    r.all[FIRST] = a, r.all[SECOND] = b;
    t->replaced = set_number(t, &r, number) && set_registers(t, &r);
    return t->replaced;
}

/* At the end of such a call: the kernel leaves a program's arguments as they were. */
static void restore_arguments(struct task *t) {
    struct registers r;
    t->replaced = false;
    if (!get_registers(t, &r)) return;
    if ((int)FIRST != (int)RESULT) r.all[FIRST] = t->arguments[0];
    r.all[SECOND] = t->arguments[1];
    set_registers(t, &r);
}

static void kept_from_spool(const struct task *t) { missed(t->process->pid, "own record", ""); }

/* What an open that may create, truncate or write would find; whether its end is to be looked at. In place of the spool
 * a file in memory is opened, as by the shim. */
static bool look_before(struct task *t) {
    struct opening o = opening_of(t);
    struct before *b = &t->before;
    b->looked = b->existed = false;
    if (!is_of_a_file(o.flags)) return false;
    bool makes = o.flags & (O_CREAT | O_TRUNC);
    if ((!makes && !(o.flags & O_ACCMODE)) || (o.flags & O_TMPFILE) == O_TMPFILE || !o.path) return true;
    b->looked = makes;
    if (o.flags & O_CREAT && o.flags & O_EXCL) return true; /* success says that nothing was there */
    bool existed = read_text(t, o.path, asked[0]) &&
                   stat_path(t, o.at, asked[0], &b->stat, !(o.flags & O_NOFOLLOW)) && S_ISREG(b->stat.st_mode);
    if (existed && is_spool(&b->stat) &&
        replace(t, SYS_memfd_create, o.path + length_of(asked[0]) /* no name */, (o.flags & O_CLOEXEC) != 0)) {
        kept_from_spool(t);
        return true;
    }
    b->existed = existed && makes;
    if (!existed) return true;
    static uint64_t last;
    bool changes = (o.flags & O_ACCMODE) == O_RDWR && is_worth_preserving_open(&b->stat, &last);
    if (o.flags & O_TRUNC || changes) about_to_lose(t, reach(t, o.at, asked[0], reached[0]), &b->stat);
    return true;
}

/* Files of the kernel, and those that libc makes of semaphores, are nobody's data. */
static bool is_nobodys(const char *path) {
    return begins(path, "/proc/") || begins(path, "/sys/") || begins(path, "/dev/shm/sem.") ||
           (begins(path, "/dev/") && !begins(path, "/dev/shm/"));
}

/* Tells that a descriptor of a regular file is there: opened, or had from somebody (`given`). */
static void tell_opened(const struct task *t, int fd, int flags, const struct before *b, bool given) {
    struct process *p = t->process;
    struct stat s;
    if (!stat_descriptor(t, fd, &s)) return;
    if (!S_ISREG(s.st_mode)) {
        if (!S_ISFIFO(s.st_mode) || given) return;
        piped(t, fd, &s, has_a_name(t, fd) ? BY_NAME : 0);
        talks_through(t, fd); /* whoever has it from this one says what it uses */
        return;
    }
    uint32_t access = access_of(flags), seen = access;
    if (flags & O_TRUNC) seen |= TRUNCATES;
    if (flags & O_APPEND) seen |= APPENDS;
    if ((b->looked && flags & O_CREAT && !b->existed) || (flags & O_TMPFILE) == O_TMPFILE) seen |= CREATED;
    if (b->existed) seen |= HAS_BEFORE;
    BEGIN(d);
    put_stat(&d, &s);
    if (b->existed) put_stat(&d, &b->stat);
    char *named = (char *)d.at + 4;
    size_t n = put_descriptor_path(&d, t, fd);
    named[n] = 0;
    if (n > 5 && is_nobodys(named)) return;
    uint64_t tick = next_tick();
    uint64_t written = TELL(OPENED, seen, fd, p->pid, tick, d);
    uint32_t more = seen & CREATED || (seen & TRUNCATES && b->existed && b->stat.st_size) ? LIVELY : 0;
    struct entry e = entry_of(tick, access | more | (given ? INHERITED : 0), &s, 0);
    if (written) e.path = written + (b->existed ? 80 : 40);
    track(p, fd, &e);
    end_turn(p);
}

static void opened(const struct task *t, int fd) {
    tell_opened(t, fd, opening_of(t).flags, &t->before, false);
}

/* A connection, as the shim tells of it. */
static void connected(const struct task *t, int fd, uint64_t to, size_t size, int listener, uint32_t how, uint64_t tick) {
    unsigned char address[ADDRESS] = {0};
    struct connection c;
    struct stat s;
    if (size > ADDRESS) size = ADDRESS;
    if (!stat_descriptor(t, fd, &s) || !S_ISSOCK(s.st_mode)) return;
    if (to && read_memory(t, to, address, size) != (long)size) return;
    int own = borrow(t, fd), theirs = borrow(t, listener);
    bool seen = own >= 0 && look_at_connection(&c, own, to ? address : NULL, size, theirs);
    return_it(own);
    return_it(theirs);
    if (!seen || (how & GIVEN && !is_within(&c))) return;
    write_connected(&c, how, fd, (uint64_t)s.st_ino, t->process->pid, tick);
    struct entry e = entry_of(tick, READABLE | CONNECTION, &s, 0);
    track(t->process, fd, &e);
}

/* A socket of packets, which is told of when something first comes. */
static void opened_for_packets(const struct task *t, int fd) {
    struct stat s;
    if (!stat_descriptor(t, fd, &s)) return;
    struct entry e = entry_of(next_tick(), PACKETS, &s, 0);
    track(t->process, fd, &e);
}

static void packet_came(const struct task *t, int fd, uint64_t from, uint32_t size) {
    struct entry *e = tracked(t->process, fd);
    unsigned char address[ADDRESS] = {0};
    char name[ADDRESS];
    const char *what;
    if (size > ADDRESS) size = ADDRESS;
    bool known = from && read_memory(t, from, address, size) == (long)size;
    int own = borrow(t, fd);
    bool came = own >= 0 && look_at_packet(own, known ? address : NULL, size, &what, name);
    return_it(own);
    if (!came) return;
    e->opened = 0;
    if (is_news(&t->process->addresses, name)) missed(t->process->pid, what, name);
}

/* What a call that takes in packets has to tell. */
static void received_packet(const struct task *t) {
    const uint64_t *a = t->arguments;
    uint32_t size = 0;
    struct {
        uint64_t name;
        uint32_t size, unused;
    } message = {0, 0, 0};
    if (!is_watched(t->process, (int)a[0], PACKETS)) return;
    switch (t->number) {
    case SYS_recvfrom:
        if (a[5]) read_memory(t, a[5], &size, sizeof size);
        message.name = a[4], message.size = size;
        break;
    case SYS_recvmsg:
    case SYS_recvmmsg: read_memory(t, a[1], &message, sizeof message); break;
    default: break;
    }
    packet_came(t, (int)a[0], message.name, message.size);
}

static bool is_one_of_a_pair(const struct task *t, int fd) {
    int own = borrow(t, fd);
    bool paired = own >= 0 && is_of_a_pair(own);
    return_it(own);
    return paired;
}

static void given(const struct task *t, int fd) {
    static const struct before nothing;
    long flags = flags_of(t, fd);
    struct stat s;
    if (flags < 0 || !stat_descriptor(t, fd, &s)) return;
    if (S_ISFIFO(s.st_mode) || (S_ISSOCK(s.st_mode) && is_one_of_a_pair(t, fd))) talks_through(t, fd);
    tell_opened(t, fd, (int)flags & (O_ACCMODE | O_APPEND), &nothing, true);
    connected(t, fd, 0, 0, -1, GIVEN, next_tick());
}

/* A time that is set may be the one that a file had before it was written to: then no stat tells. */
static void about_to_date(const struct task *t) {
    struct stat s;
    EACH_TRACKED(t->process, fd) {
        struct entry *e = tracked(t->process, fd);
        if (e->flags & WRITABLE && stat_descriptor(t, fd, &s) && same_file(e, &s) && changed(e, &s))
            e->flags |= DATED;
    }
}

/* Descriptors that came with a message. */
static void received(const struct task *t, uint64_t message) {
    uint64_t head[7]; /* name, its size, vector, its size, control, its size, flags */
    if (read_memory(t, message, head, sizeof head) != sizeof head || !head[4]) return;
    size_t size = head[5] > 2048 ? 2048 : head[5];
    struct {
        uint64_t length;
        int level, type;
    } part;
    if (size < sizeof part || read_memory(t, head[4], buffer, size) != (long)size) return;
    for (size_t at = 0; at + sizeof part <= size; at += (part.length + 7) & ~(uint64_t)7) {
        memcpy(&part, buffer + at, sizeof part);
        if (part.length < sizeof part || part.length > size - at) return;
        if (part.level != 1 || part.type != 1) continue; /* SOL_SOCKET, SCM_RIGHTS */
        for (size_t i = sizeof part; i + 4 <= part.length; i += 4) {
            int fd;
            memcpy(&fd, buffer + at + i, 4);
            given(t, fd);
        }
    }
}

/* ---- rings of io_uring -------------------------------------------------------------------------
 *
 * Known by the number they were made with, until it is closed or taken by another. One that came in any other way is not
 * looked at. */

static void ring_missed(const struct task *t) {
    if (!t->process->ringed) missed(t->process->pid, "io_uring", "");
    t->process->ringed = true;
}

/* By its descriptor and 1; by 0 one that is free. */
static struct ring *find_ring(const struct task *t, uint32_t name) {
    struct ring *all = t->process->files->rings;
    for (int i = 0; i < RINGS; i++)
        if (all[i].name == name) return &all[i];
    return NULL;
}

static void forget_rings(const struct process *p, unsigned first, unsigned last) {
    for (int i = 0; i < RINGS; i++) {
        uint32_t *name = &p->files->rings[i].name;
        if (*name > first && *name - 1 <= last) *name = 0;
    }
}

static void ring_made(const struct task *t, int fd) {
    uint32_t parameters[30];
    forget_rings(t->process, (unsigned)fd, (unsigned)fd);
    struct ring *r = find_ring(t, 0);
    bool seen = r && read_memory(t, t->arguments[1], parameters, sizeof parameters) == sizeof parameters &&
                describe_ring(r, parameters);
    if (seen)
        r->name = (uint32_t)fd + 1;
    else
        ring_missed(t);
}

/* Through a descriptor of ours, as older kernels let nobody read such memory of another. */
static bool ring_waits_only(const struct task *t, struct ring *r) {
    struct stat s;
    int own = borrow(t, (int)r->name - 1);
    bool only = own >= 0 && raw_fstat(own, &s) && !(s.st_mode & S_IFMT) /* a file may end within what is mapped */ &&
                waits_only(own, r);
    return_it(own);
    return only;
}

/* Whether the end of the call is to be looked at. */
static bool ring_handed_over(const struct task *t) {
    const uint64_t *a = t->arguments;
    if (!(uint32_t)a[1] || t->process->ringed) return false;
    struct ring *r = a[3] & REGISTERED ? NULL : find_ring(t, (uint32_t)a[0] + 1);
    bool only = r && r->name && ring_waits_only(t, r);
    if (!only) ring_missed(t);
    return only;
}

static void ring_taken(const struct task *t, uint32_t count) {
    struct ring *r = find_ring(t, (uint32_t)t->arguments[0] + 1);
    if (!r || was_faster(r, count)) ring_missed(t);
}

/* ---- names ------------------------------------------------------------------------------------- */

/* A call that takes two names. */
struct pair {
    int at, to, flags;
    uint64_t source, target;
};

static struct pair pair_of(const struct task *t) {
    const uint64_t *a = t->arguments;
    struct pair p = {AT_FDCWD, AT_FDCWD, 0, a[0], a[1]};
    switch (t->number) {
    case SYS_renameat2:
    case SYS_linkat: p.flags = (int)a[4]; __attribute__((fallthrough));
#ifdef SYS_renameat
    case SYS_renameat:
#endif
        p.at = (int)a[0], p.source = a[1], p.to = (int)a[2], p.target = a[3];
        break;
    default: break;
    }
    return p;
}

static bool read_pair(const struct task *t, const struct pair *p) {
    return read_text(t, p->source, asked[0]) && read_text(t, p->target, asked[1]);
}

static bool is_named_thing(const struct stat *s) { return S_ISREG(s->st_mode) || S_ISDIR(s->st_mode); }

static bool look_at_move(struct task *t) {
    struct pair p = pair_of(t);
    struct move *m = &t->move;
    if (!read_pair(t, &p)) return false;
    m->known = stat_path(t, p.at, asked[0], &m->source, false) && is_named_thing(&m->source);
    m->over = m->known && stat_path(t, p.to, asked[1], &m->target, false) && is_named_thing(&m->target);
    if (m->over) about_to_lose(t, reach(t, p.to, asked[1], reached[0]), &m->target);
    return m->known;
}

static void renamed(const struct task *t) {
    struct pair p = pair_of(t);
    const struct move *m = &t->move;
    if (!read_pair(t, &p)) return;
    BEGIN(d);
    put_stat(&d, &m->source);
    if (m->over) put_stat(&d, &m->target);
    put_name(&d, t, p.at, asked[0]);
    put_name(&d, t, p.to, asked[1]);
    uint32_t seen = HAS_STAT | (m->over ? HAS_REPLACED : 0);
    if (S_ISDIR(m->source.st_mode)) seen |= DIRECTORY;
    if (p.flags & RENAME_EXCHANGE) seen |= EXCHANGE;
    TELL(RENAMED, seen, 0, t->process->pid, next_tick(), d);
    add(&spool->names, 1);
    add(&spool->activity, 1);
}

static bool look_at_link(struct task *t) {
    struct pair p = pair_of(t);
    if (!read_pair(t, &p)) return false;
    bool follow = p.flags & AT_SYMLINK_FOLLOW || (p.flags & EMPTY_PATH && !asked[0][0]);
    return stat_path(t, p.at, asked[0], &t->move.source, follow) && S_ISREG(t->move.source.st_mode);
}

static void linked(const struct task *t) {
    struct pair p = pair_of(t);
    const struct stat *s = &t->move.source;
    if (!read_pair(t, &p)) return;
    BEGIN(d);
    put_stat(&d, s);
    const char *to = reach(t, p.at, asked[0], reached[0]);
    if (s->st_nlink == 0)
        put_text(&d, "", 0); /* made by O_TMPFILE: this is its first name */
    else if (to && (!asked[0][0] || (p.flags & AT_SYMLINK_FOLLOW && begins(to, "/proc/"))))
        put_link(&d, to);
    else
        put_name(&d, t, p.at, asked[0]);
    put_name(&d, t, p.to, asked[1]);
    TELL(LINKED, HAS_STAT, 0, t->process->pid, next_tick(), d);
    add(&spool->names, 1);
    add(&spool->activity, 1);
}

/* Where the path of a call that removes or cuts a file by its name stands. */
static bool read_single(const struct task *t, int *at) {
    bool relative = t->number == SYS_unlinkat;
    *at = relative ? (int)t->arguments[0] : AT_FDCWD;
    return read_text(t, t->arguments[relative], asked[0]);
}

static bool look_at_single(struct task *t, bool follow) {
    int at;
    struct stat *s = &t->move.source;
    if (!read_single(t, &at) || !stat_path(t, at, asked[0], s, follow) || !S_ISREG(s->st_mode)) return false;
    const uint64_t *a = t->arguments;
    if (t->number == SYS_truncate && is_spool(s) && (int64_t)a[1] >= 0 && replace(t, SYS_sched_yield, a[0], a[1])) {
        kept_from_spool(t);
        return true;
    }
    if (follow || s->st_nlink == 1) about_to_lose(t, reach(t, at, asked[0], reached[0]), s);
    return true;
}

static void unlinked(const struct task *t) {
    int at;
    if (!read_single(t, &at)) return;
    BEGIN(d);
    put_stat(&d, &t->move.source);
    put_name(&d, t, at, asked[0]);
    TELL(UNLINKED, HAS_STAT, 0, t->process->pid, next_tick(), d);
    add(&spool->names, 1);
}

static void truncated(const struct task *t) {
    struct stat after;
    int at;
    const char *to = read_single(t, &at) ? reach(t, at, asked[0], reached[0]) : NULL;
    int fd = to ? raw_open(AT_FDCWD, to, O_PATH) : -1;
    if (fd < 0) return;
    if (raw_fstat(fd, &after)) {
        BEGIN(d);
        put_stat(&d, &t->move.source);
        put_stat(&d, &after);
        put_own_descriptor_path(&d, fd);
        TELL(TRUNCATED, HAS_BEFORE | HAS_STAT, 0, t->process->pid, next_tick(), d);
        add(&spool->activity, 1);
        end_turn(t->process);
    }
    raw_close(fd);
}

static void moved(const struct task *t) {
    BEGIN(d);
    put_link_of(&d, t, "/cwd");
    TELL(MOVED, 0, 0, t->process->pid, next_tick(), d);
}

/* ---- letting go -------------------------------------------------------------------------------- */

static void born(struct task *parent, uint32_t child, int event);

/* Holds a thread that runs, wherever it is, and lets it go. */
static void release(struct task *t) {
    int status = 0;
    trace(INTERRUPT, t->tid, 0, 0);
    long got;
    do got = call4(SYS_wait4, t->tid, &status, 0x40000000 /* __WALL */, 0);
    while (got == -EINTR);
    if (got > 0 && WIFSTOPPED(status)) {
        int event = status >> 16, signal = WSTOPSIG(status);
        if (event >= EVENT_FORK && event <= EVENT_CLONE) {
            uint64_t child = 0;
            trace(GET_MESSAGE, t->tid, 0, (uint64_t)&child);
            born(t, (uint32_t)child, event);
        }
        trace(DETACH, t->tid, 0, event || signal == AT_CALL ? 0 : (uint64_t)signal);
    }
    forget(t);
}

/* Lets a process go with all its threads; `held` is one that stands still. */
static void let_go(struct process *p, struct task *held) {
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct task *t = buckets[i], *next; t; t = next) {
            next = t->next;
            if (t->process == p && t != held) release(t);
        }
    if (!held) return;
    trace(DETACH, held->tid, 0, 0);
    forget(held);
}

static void say_closed(const struct task *t) {
    if (t->process->files->users == 1) closing_from(t, 0, MOST_FILES);
}

/* A process that somebody else is about to trace, who must find it free. */
static void leave_to_another(struct task *t, struct task *held) {
    uint32_t pid = t->process->pid;
    say_closed(t);
    BEGIN(d);
    put_text(&d, "ptrace", 6);
    put_link_of(&d, t, "/exe");
    TELL(MISSED, 0, 0, pid, next_tick(), d);
    let_go(t->process, held);
}

/* ---- processes --------------------------------------------------------------------------------- */

static void born(struct task *parent, uint32_t child, int event) {
    struct task *t = find_task(child);
    bool waiting = t != NULL;
    if (t && t->process) return;
    struct process *p = parent->process;
    char thread[64];
    struct stat s;
    decimal(about(thread, p->pid, "/task/"), child);
    if (event == EVENT_CLONE && raw_stat(AT_FDCWD, thread, &s, 0)) {
        if (!t)
            new_task(child, p);
        else
            t->process = p, p->threads++;
    } else {
        uint64_t tick = next_tick();
        bool sharing = event != EVENT_VFORK &&
                       call6(SYS_kcmp, parent->tid, child, SAME_FILES, 0, 0, 0) == 0;
        struct process *own = new_process(child, p->pid, sharing ? p->files : copy_of(p->files));
        own->elsewhere = p->elsewhere;
        own->talks = p->talks;
        end_turn(p);
        own->forked = tick;
        if (!t)
            t = new_task(child, own);
        else
            t->process = own, own->threads++;
        BEGIN(d);
        if (event == EVENT_VFORK)
            put_u32(&d, 0); /* its parent stands still until it runs another program */
        else
            put_descriptors(&d, t, tick);
        TELL(FORKED, 0, (int32_t)p->pid, child, tick, d);
    }
    if (waiting) trace(SYSCALL, child, 0, 0);
}

/* A child that stopped before its parent told of it, and whose parent is gone. */
static void adopt(void) {
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct task *t = buckets[i]; t; t = t->next) {
            if (t->process) continue;
            struct task *teller = find_task(teller_of(t->tid));
            if (teller && teller->process) continue; /* it will tell */
            t->process = new_process(t->tid, parent_of(t->tid), NULL);
            t->process->threads = 1;
            t->process->forked = next_tick();
            BEGIN(d);
            put_descriptors(&d, t, t->process->forked);
            TELL(FORKED, 0, (int32_t)t->process->parent, t->tid, t->process->forked, d);
            trace(SYSCALL, t->tid, 0, 0);
        }
}

/* What a program that is run needs of us. */
static void put_argv_of(struct draft *d, const struct task *t) {
    unsigned char *counted = d->at;
    uint32_t count = 0;
    size_t room = ARGV_BYTES - 4;
    put_u32(d, 0);
    long n = read_about(t->tid, "/cmdline", buffer, ARGV_BYTES);
    bool all = n < ARGV_BYTES - 1;
    for (long at = 0; at < n; count++) {
        size_t size = length_of(buffer + at);
        if ((at + (long)size >= n && !all) || size + 4 > room) {
            all = false;
            break;
        }
        put_text(d, buffer + at, size);
        room -= size + 4;
        at += (long)size + 1;
    }
    if (!all) count |= SHORTENED;
    memcpy(counted, &count, 4);
}

static void put_argv_at(struct draft *d, const struct task *t, uint64_t argv) {
    unsigned char *counted = d->at;
    uint32_t count = 0;
    size_t room = ARGV_BYTES - 4;
    put_u32(d, 0);
    for (uint64_t at = 0; argv; argv += 8, count++) {
        if (read_memory(t, argv, &at, sizeof at) != sizeof at || !at) break;
        size_t size = read_text(t, at, buffer) ? length_of(buffer) : room;
        if (count >= 1000 || size + 4 > room) {
            count |= SHORTENED;
            break;
        }
        put_text(d, buffer, size);
        room -= size + 4;
    }
    memcpy(counted, &count, 4);
}

static bool is_run_by_make(const struct task *t) {
    static char text[1 << 15];
    long n = read_about(t->tid, "/environ", text, sizeof text);
    for (long at = 0; at < n; at += (long)length_of(text + at) + 1)
        if (begins(text + at, "MAKEFLAGS=") && contains(text + at, "jobserver")) return true;
    return false;
}

/* Whether something is said through a pipe, or a socket of a pair, that a program was started with. A pipe whose two ends
 * it has tells nothing if it may be the jobserver's, which all that make starts have. */
static bool is_spoken_through(const struct task *t, int fd, const struct stat *s) {
    if (!S_ISFIFO(s->st_mode)) return is_one_of_a_pair(t, fd);
    if (!is_run_by_make(t)) return true;
    uint32_t access = access_of(flags_of(t, fd));
    if (access == (READABLE | WRITABLE)) return false;
    EACH_TRACKED(t->process, other) {
        struct entry *e = tracked(t->process, other);
        if (other == fd || !(e->flags & THROUGH) || !same_file(e, s)) continue;
        if (access_of(flags_of(t, other)) == access) continue;
        e->opened = 0;
        return false;
    }
    return true;
}

static uint64_t told_through; /* the inode of the pipe by which a shim that called us is told */

/* Files, connections, pipes and pairs of sockets that are open where nobody told us so. Of the image of a program that
 * is followed already (`again`), only the latter two. */
static void track_all(const struct task *t, uint64_t tick, bool again) {
    EACH_TRACKED(t->process, fd)
        if (t->process->files->all[fd].flags & THROUGH) t->process->files->all[fd].opened = 0;
    char path[40];
    about(path, t->tid, "/fd");
    int folder = raw_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    long n;
    while (folder >= 0 && (n = call3(SYS_getdents64, folder, buffer, sizeof buffer)) > 0)
        for (long at = 0; at < n; at += *(uint16_t *)(buffer + at + 16)) {
            const char *name = buffer + at + 19;
            struct stat s;
            int fd = (int)number_in(name, 10);
            if (name[0] == '.' || fd <= 2 || !stat_descriptor(t, fd, &s)) continue;
            if (!S_ISREG(s.st_mode) && !S_ISSOCK(s.st_mode) && !S_ISFIFO(s.st_mode)) continue;
            if (S_ISFIFO(s.st_mode) && s.st_ino == told_through) continue;
            if (again && (S_ISREG(s.st_mode) || is_watched(t->process, fd, CONNECTION))) continue;
            if (!S_ISREG(s.st_mode) && is_spoken_through(t, fd, &s)) {
                talks_through(t, fd);
                continue;
            }
            if (again || S_ISFIFO(s.st_mode)) continue;
            uint32_t access = S_ISREG(s.st_mode) ? access_of(flags_of(t, fd)) : READABLE | CONNECTION;
            struct entry e = entry_of(tick, access | INHERITED, &s, 0);
            track(t->process, fd, &e);
        }
    if (folder >= 0) raw_close(folder);
}

static void write_image(struct task *t, bool first) {
    struct process *p = t->process;
    p->talks = false;
    uint64_t tick = next_tick();
    if (!first) drop_closed(t);
    track_all(t, tick, !first);
    BEGIN(d);
    put_link_of(&d, t, "/exe");
    put_link_of(&d, t, "/cwd");
    put_descriptors(&d, t, tick);
    put_argv_of(&d, t);
    TELL(IMAGE, 0, (int32_t)p->parent, p->pid, tick, d);
}

/* Where the spool says who follows its programs, so that a killed follower is noticed. */
static uint32_t *announced;

static void announce(void) {
    for (int i = 0; i < TRACERS && !announced; i++) {
        uint32_t free = 0;
        if (swap(&spool->tracers[i], &free, state->pid)) announced = &spool->tracers[i];
    }
}

/* A program runs. It is the only thread of its process, and has the process's number. */
static void began(struct task *t, uint32_t former) {
    if (t->passive) {
        t->passive = false;
        announce();
        t->process = new_process(t->tid, parent_of(t->tid), NULL);
        t->process->threads = 1;
        struct stat own, theirs;
        char root[40];
        about(root, t->tid, "/root");
        t->process->elsewhere = !raw_stat(AT_FDCWD, "/", &own, 0) || !raw_stat(AT_FDCWD, root, &theirs, 0) ||
                                own.st_ino != theirs.st_ino || own.st_dev != theirs.st_dev;
        write_image(t, true);
        return;
    }
    struct process *p = t->process;
    if (former != t->tid) {
        struct task *caller = find_task(former);
        if (caller) {
            t->inside = caller->inside;
            t->wanted = caller->wanted;
            t->number = caller->number;
        }
    }
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct task *other = buckets[i], *next; other; other = next) {
            next = other->next;
            if (other->process == p && other != t) forget(other);
        }
    if (p->files->users > 1) { /* an exec ends the sharing */
        struct files *own = copy_of(p->files);
        p->files->users--;
        p->files = own;
        own->users = 1;
    }
    forget_rings(p, 0, ~0u);
    p->ringed = p->wrote = false;
    p->spoke = 0;
    write_image(t, false);
}

static void write_executing(const struct task *t, enum reason reason, int fd, uint64_t argv, uint64_t kept,
                            const unsigned char *list) {
    BEGIN(d);
    put_u64(&d, kept); /* u32 number, u32 0 */
    if (kept) put(&d, list, kept * sizeof(struct kept));
    put_text(&d, reasons[reason], length_of(reasons[reason]));
    put_own_descriptor_path(&d, fd);
    if (reason)
        put_argv_at(&d, t, argv);
    else
        put_u32(&d, 0);
    const struct process *p = t->process;
    uint32_t pid = p->pid;
    int32_t spoke = p->forked ? (int32_t)p->spoke : 0;
    uint64_t at = TELL(EXECUTING, reason ? 0 : TRACEABLE, spoke, pid, next_tick(), d);
    if (!kept) return;
    struct slot *slot = &spool->slots[pid % SLOTS];
    slot->chunk = 0;
    store(&slot->pid, pid);
    slot->kept = at;
}

enum { LOOKED_FOR = 63 }; /* the shim finds pipes up to here by itself */

/* The descriptors that an exec leaves open, for the shim of the next image. */
static uint32_t list_kept(const struct task *t, unsigned char *list, size_t room) {
    struct draft d = {list, list + room, false};
    uint32_t count = 0, access = 0;
    EACH_TRACKED(t->process, fd) {
        const struct entry *e = &t->process->files->all[fd];
        long flags = flags_of(t, fd);
        if (flags < 0 || flags & O_CLOEXEC || (e->flags & THROUGH && fd <= LOOKED_FOR)) continue;
        struct kept k = {(uint32_t)fd, e->flags & (READABLE | WRITABLE), e->device, e->inode, e->path, e->names};
        access |= k.access;
        put(&d, &k, sizeof k);
        count += !d.cut;
    }
    if (access & WRITABLE && t->process->wrote) {
        struct kept k = {NO_DESCRIPTOR, 0, written_by(t->process), 0, 0, 0};
        put(&d, &k, sizeof k);
        count += !d.cut;
    }
    return count;
}

/* What it leaves open of that which a fork opened for itself is the next program's, and the fork's where it has read. What a
 * fork was given it has made where it wrote there. */
static void close_on_exec(const struct task *t) {
    const struct process *p = t->process;
    EACH_TRACKED(p, fd) {
        const struct entry *e = &p->files->all[fd];
        bool own = p->forked && e->opened >= p->forked && e->flags & READABLE &&
                   !(e->flags & (INHERITED | CONNECTION | PACKETS | THROUGH));
        if (!own && !(e->flags & WRITABLE)) continue;
        if ((p->forked && e->flags & WROTE && e->flags & INHERITED) || flags_of(t, fd) & O_CLOEXEC)
            write_closed(t, e, fd);
        else if (own && told_of(t, fd, "pos:", 10) > 0)
            write_drawn(fd, e->opened, e->device, e->inode, p->pid);
    }
}

struct surroundings {
    bool shim;    /* the program would load it */
    bool another; /* it belongs to another run */
    bool own;     /* our spool is named */
};

/* What an exec's environment says. Most variables are told apart by their first bytes. */
static struct surroundings surroundings_at(const struct task *t, uint64_t env) {
    enum { MOST = 1000, HEAD = 24 };
    static uint64_t at[MOST];
    static char heads[MOST][HEAD];
    struct surroundings found = {false, false, false};
    struct iovec own[1], theirs[1];
    for (int i = 0; env && i < MOST; i++) {
        if (i % 64 == 0) {
            long n = read_memory(t, env + 8 * (uint64_t)i, &at[i], 64 * 8 > (MOST - i) * 8 ? (size_t)(MOST - i) * 8 : 64 * 8);
            if (n < 8 && read_memory(t, env + 8 * (uint64_t)i, &at[i], 8) != 8) return found;
        }
        if (!at[i]) return found;
        own[0] = (struct iovec){heads[i], HEAD};
        theirs[0] = (struct iovec){(void *)at[i], HEAD};
        long n = call6(SYS_process_vm_readv, t->tid, (long)own, 1, (long)theirs, 1, 0);
        bool spooled = n < 16 || begins(heads[i], "PROVGRAPH_SPOOL=");
        if (!spooled && !begins(heads[i], "LD_PRELOAD=")) continue;
        if (!read_text(t, at[i], buffer)) continue;
        if (begins(buffer, "PROVGRAPH_SPOOL=")) {
            found.own = equal(buffer + 16, spool_path);
            found.another = !found.own && buffer[16];
        }
        if (begins(buffer, "LD_PRELOAD=") && contains(buffer, "/preload-")) found.shim = true;
    }
    return found;
}

/* Before an exec; whether its end is to be looked at. The thread may be gone afterwards: `*gone`. */
static bool executing(struct task *t, int at, uint64_t path, uint64_t argv, uint64_t env, int flags, bool *gone) {
    struct stat s;
    if (!read_text(t, path, asked[0]) || (!asked[0][0] && !(flags & EMPTY_PATH))) return false;
    const char *to = reach(t, at, asked[0], reached[1]);
    if (!to || !raw_stat(AT_FDCWD, to, &s, 0) || !S_ISREG(s.st_mode) || !(s.st_mode & 0111)) return false;
    int fd = raw_open(AT_FDCWD, to, O_RDONLY);
    bool readable = fd >= 0;
    if (!readable) fd = raw_open(AT_FDCWD, to, O_PATH);
    if (fd < 0) return false;
    struct target target = {.reason = SEEN};
    char head[HEAD] __attribute__((aligned(8)));
    if (readable) inspect(&target, fd, asked[0], head);
    bool foreign = target.reason == ARCHITECTURE;
    bool raised = target.reason >= SETUID || !readable;
    bool loads = target.reason == SEEN;
    struct surroundings found = surroundings_at(t, env);
    close_on_exec(t);
    if (found.another) {
        write_executing(t, SCRUBBED, fd, argv, 0, NULL);
    } else if (foreign || (raised && !capable)) {
        write_executing(t, target.reason ? target.reason : CAPABILITIES, fd, argv, 0, NULL);
    } else if (handing_back && loads && found.shim && found.own) {
        static unsigned char list[512 * sizeof(struct kept)];
        uint32_t kept = list_kept(t, list, sizeof list);
        write_executing(t, SEEN, fd, argv, kept, list);
    } else {
        write_executing(t, SEEN, fd, argv, 0, NULL);
        raw_close(fd);
        return true;
    }
    raw_close(fd);
    let_go(t->process, t);
    *gone = true;
    return false;
}

static void exec_failed(const struct task *t, int64_t code) {
    BEGIN(d);
    TELL(EXEC_FAILED, 0, (int32_t)code, t->process->pid, next_tick(), d);
}

static void ending(const struct task *t, int status, bool whole) {
    struct process *p = t->process;
    if (p->exited || (!whole && p->threads > 1)) return;
    p->exited = true;
    say_closed(t);
    BEGIN(d);
    TELL(EXITED, 0, status & 0xff, p->pid, next_tick(), d);
}

/* A call of ptrace: whoever is to be traced must be free. */
static void tracing(struct task *t, bool *gone) {
    uint64_t what = t->arguments[0];
    if (what == TRACE_ME) {
        leave_to_another(t, t);
        *gone = true;
    } else if (what == ATTACH || what == SEIZE) {
        struct task *other = find_task((uint32_t)t->arguments[1]);
        if (other && other->process && other->process != t->process) leave_to_another(other, NULL);
    }
}

/* ---- calls ------------------------------------------------------------------------------------- */

/* Whether `vmsplice` moves data out of the pipe rather than into it. */
static bool is_read_end(const struct task *t, int fd) { return access_of(flags_of(t, fd)) == READABLE; }

/* What a call that moves data reads from; -1 where it reads nothing, or is no such call. */
static int source_of(const struct task *t) {
    switch (t->number) {
    case SYS_vmsplice: return is_read_end(t, (int)t->arguments[0]) ? (int)t->arguments[0] : -1;
    case SYS_read:
    case SYS_readv:
    case SYS_pread64:
    case SYS_preadv:
    case SYS_preadv2:
    case SYS_splice:
    case SYS_tee:
    case SYS_copy_file_range:
    case SYS_recvfrom:
    case SYS_recvmsg:
    case SYS_recvmmsg: return (int)t->arguments[0];
    case SYS_sendfile: return (int)t->arguments[1];
    default: return -1;
    }
}

/* What it writes to. */
static int target_of(const struct task *t) {
    switch (t->number) {
    case SYS_vmsplice: return is_read_end(t, (int)t->arguments[0]) ? -1 : (int)t->arguments[0];
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_pwritev2:
    case SYS_sendto:
    case SYS_sendmsg:
    case SYS_sendmmsg:
    case SYS_sendfile: return (int)t->arguments[0];
    case SYS_tee: return (int)t->arguments[1];
    case SYS_splice:
    case SYS_copy_file_range: return (int)t->arguments[2];
    default: return -1;
    }
}

static void submitting(const struct task *t) {
    for (uint64_t i = 0; i < t->arguments[1]; i++) {
        struct queued q;
        uint64_t at;
        if (read_memory(t, t->arguments[2] + i * sizeof at, &at, sizeof at) != sizeof at) return;
        if (read_memory(t, at + QUEUED_AT, &q, sizeof q) != sizeof q) return;
        if (reads_when_queued(&q)) drawn(t, q.fd);
        if (writes_when_queued(&q)) writes(t->process, q.fd);
    }
}

/* Whether what is mapped so is changed by others, too, and changes for them. */
static bool is_written_by_others(const uint64_t *mmap) { return mmap[3] & MAP_SHARED && mmap[2] & PROT_WRITE; }

/* At the begin of a call: whether its end is to be looked at. */
static bool begins_call(struct task *t, bool *gone) {
    const uint64_t *a = t->arguments;
    struct process *p = t->process;
    switch (t->number) {
#ifdef SYS_open
    case SYS_open:
    case SYS_creat:
#endif
    case SYS_openat:
    case SYS_openat2:
    case SYS_open_by_handle_at:
    case SYS_memfd_create: return look_before(t);
    case SYS_close:
        forget_rings(p, (unsigned)a[0], (unsigned)a[0]);
        closing(t, (int)a[0]);
        return false;
    case SYS_close_range:
        if (a[2] & 4 /* CLOSE_RANGE_CLOEXEC */) return false;
        forget_rings(p, (unsigned)a[0], (unsigned)a[1]);
        closing_from(t, (unsigned)a[0], (unsigned)a[1]);
        return false;
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup3: {
        struct stat s;
        if (a[0] == a[1]) return false;
        forget_rings(p, (unsigned)a[1], (unsigned)a[1]);
        if (tracked(p, (int)a[1]) && stat_descriptor(t, (int)a[0], &s)) closing(t, (int)a[1]);
        return tracked(p, (int)a[0]) || a[1] <= 2;
    }
    case SYS_dup: return true;
    case SYS_fcntl: return a[1] == F_DUPFD || a[1] == F_DUPFD_CLOEXEC;
    case SYS_mmap: return is_written_by_others(a) || tracked(p, (int)a[4]);
    case SYS_shmat: return true;
    case SYS_socket: return takes_packets((long)a[0], (long)a[1]);
    case SYS_recvmsg:
    case SYS_recvmmsg:
    case SYS_socketpair:
#ifdef SYS_pipe
    case SYS_pipe:
#endif
    case SYS_pipe2: return true;
    case SYS_connect: t->tick = next_tick(); return true;
#ifdef SYS_accept
    case SYS_accept:
#endif
    case SYS_accept4: return true;
    case SYS_pidfd_getfd: return true;
#ifdef SYS_rename
    case SYS_rename:
#endif
#ifdef SYS_renameat
    case SYS_renameat:
#endif
    case SYS_renameat2: return look_at_move(t);
#ifdef SYS_link
    case SYS_link:
#endif
    case SYS_linkat: return look_at_link(t);
#ifdef SYS_unlink
    case SYS_unlink:
#endif
    case SYS_unlinkat:
        return !(t->number == SYS_unlinkat && a[2] & AT_REMOVEDIR) && look_at_single(t, false);
#ifdef SYS_mknod
    case SYS_mknod: return S_ISFIFO(a[1]);
#endif
    case SYS_mknodat: return S_ISFIFO(a[2]);
    case SYS_truncate: return look_at_single(t, true);
    case SYS_ftruncate: {
        struct stat s;
        if (stat_descriptor(t, (int)a[0], &s) && (int64_t)a[1] < s.st_size)
            about_to_lose(t, about_descriptor(t->tid, "/fd/", (int)a[0]), &s);
        return false;
    }
#ifdef SYS_utime
    case SYS_utime:
    case SYS_utimes:
    case SYS_futimesat:
#endif
    case SYS_utimensat: about_to_date(t); return false;
    case SYS_chdir:
    case SYS_fchdir: return true;
    case SYS_chroot:
    case SYS_pivot_root:
    case SYS_setns: p->elsewhere = true; return false;
    case SYS_unshare:
        if (a[0] & NEW_MOUNTS) p->elsewhere = true;
        return false;
    case SYS_execve: return executing(t, AT_FDCWD, a[0], a[1], a[2], 0, gone);
    case SYS_execveat: return executing(t, (int)a[0], a[1], a[2], a[3], (int)a[4], gone);
    case SYS_exit_group: ending(t, (int)a[0], true); return false;
    case SYS_exit: ending(t, (int)a[0], false); return false;
    case SYS_io_submit: submitting(t); return false;
    case SYS_io_uring_setup: return true;
    case SYS_io_uring_enter: return ring_handed_over(t);
    case SYS_ptrace: tracing(t, gone); return false;
    case SYS_clone:
    case SYS_clone3: {
        uint64_t flags = a[0];
        if (t->number == SYS_clone3 && read_memory(t, a[0], &flags, sizeof flags) != sizeof flags) return false;
        if (flags & UNTRACED) { /* a leak checker, or a dumper, which will trace this process */
            leave_to_another(t, t);
            *gone = true;
        } else if (flags & NEW_MOUNTS) {
            p->elsewhere = true;
        }
        return false;
    }
    default:
        talked(t, target_of(t), WRITABLE);
        writes(p, target_of(t));
        reads(p, source_of(t));
        return is_watched(p, source_of(t), WATCHED | PACKETS | THROUGH);
    }
}

static void ends_call(struct task *t, int64_t result) {
    const uint64_t *a = t->arguments;
    uint64_t number = t->number;
    if (number == SYS_execve || number == SYS_execveat) {
        if (result < 0) exec_failed(t, -result);
        return;
    }
    if (number == SYS_connect && a[1] && (result == 0 || result == -EINPROGRESS))
        connected(t, (int)a[0], a[1], a[2], -1, 0, t->tick);
    if (result < 0) return;
    switch (number) {
#ifdef SYS_open
    case SYS_open:
    case SYS_creat:
#endif
    case SYS_openat:
    case SYS_openat2:
    case SYS_open_by_handle_at:
    case SYS_memfd_create: opened(t, (int)result); break;
#ifdef SYS_dup2
    case SYS_dup2:
#endif
    case SYS_dup3:
    case SYS_dup:
    case SYS_fcntl: duplicated(t, (int)a[0], (int)result); break;
    case SYS_mmap:
        if (is_written_by_others(a)) mapped(t, a[3] & MAP_ANONYMOUS ? -1 : (int)a[4]);
        drawn(t, (int)a[4]);
        break;
    case SYS_shmat: write_bare(MEMORY, (int)a[0] + 1, t->process->pid); break;
    case SYS_recvmmsg:
        if (result > 0) received_packet(t), talked(t, (int)a[0], READABLE);
        for (long i = 0; i < result; i++) received(t, a[1] + (uint64_t)i * 64 /* struct mmsghdr */);
        break;
    case SYS_socket: opened_for_packets(t, (int)result); break;
    case SYS_recvmsg:
        if (result > 0) received_packet(t), talked(t, (int)a[0], READABLE);
        received(t, a[1]);
        break;
    case SYS_socketpair: paired(t); break;
#ifdef SYS_pipe
    case SYS_pipe:
#endif
    case SYS_pipe2: made_pipe(t); break;
#ifdef SYS_accept
    case SYS_accept:
#endif
    case SYS_accept4: connected(t, (int)result, 0, 0, (int)a[0], ACCEPTED, next_tick()); break;
    case SYS_pidfd_getfd: given(t, (int)result); break;
#ifdef SYS_rename
    case SYS_rename:
#endif
#ifdef SYS_renameat
    case SYS_renameat:
#endif
    case SYS_renameat2: renamed(t); break;
#ifdef SYS_link
    case SYS_link:
#endif
    case SYS_linkat: linked(t); break;
#ifdef SYS_unlink
    case SYS_unlink:
#endif
    case SYS_unlinkat: unlinked(t); break;
#ifdef SYS_mknod
    case SYS_mknod:
#endif
    case SYS_mknodat: made_fifo(t, t->number == SYS_mknodat); break;
    case SYS_truncate: truncated(t); break;
    case SYS_chdir:
    case SYS_fchdir: moved(t); break;
    case SYS_io_uring_setup: ring_made(t, (int)result); break;
    case SYS_io_uring_enter: ring_taken(t, (uint32_t)result); break;
    default:
        if (result == 0) break;
        drawn(t, source_of(t));
        talked(t, source_of(t), READABLE);
        if (source_of(t) >= 0) received_packet(t);
    }
}

static void at_call(struct task *t) {
    struct call c;
    if (t->inside && !t->wanted) { /* the end of what nobody asks for; should it be a begin, the next tells */
        t->inside = false;
        trace(SYSCALL, t->tid, 0, 0);
        return;
    }
    if (trace(GET_CALL, t->tid, sizeof c, (uint64_t)&c) <= 0) {
        trace(SYSCALL, t->tid, 0, 0);
        return;
    }
    bool gone = false;
    if (c.where == CALL_BEGINS) {
        t->inside = true;
        t->wanted = false;
        if (c.machine == OWN_MACHINE) {
            t->number = c.begin.number;
            memcpy(t->arguments, c.begin.arguments, sizeof t->arguments);
            t->wanted = begins_call(t, &gone);
        }
    } else if (c.where == CALL_ENDS) {
        if (t->replaced) restore_arguments(t);
        else if (t->inside && t->wanted) ends_call(t, c.end.result);
        t->inside = t->wanted = false;
    }
    if (!gone) trace(SYSCALL, t->tid, 0, 0);
}

/* ---- following --------------------------------------------------------------------------------- */

static void at_event(struct task *t, int event, int signal) {
    uint64_t about_it = 0;
    switch (event) {
    case EVENT_FORK:
    case EVENT_VFORK:
    case EVENT_CLONE:
        trace(GET_MESSAGE, t->tid, 0, (uint64_t)&about_it);
        if (about_it && t->process) born(t, (uint32_t)about_it, event);
        break;
    case EVENT_EXEC:
        trace(GET_MESSAGE, t->tid, 0, (uint64_t)&about_it);
        began(t, (uint32_t)about_it);
        break;
    case EVENT_STOP:
        if (signal != TRAP) { /* stopped as by a shell's job control, and to stay so */
            trace(LISTEN, t->tid, 0, 0);
            return;
        }
        break;
    default: break;
    }
    trace(t->passive ? CONTINUE : SYSCALL, t->tid, 0, 0);
}

static void at_stop(uint32_t tid, int status) {
    struct task *t = find_task(tid);
    int event = status >> 16, signal = WSTOPSIG(status);
    if (!t) {
        new_task(tid, NULL); /* which waits until its parent tells of it */
        return;
    }
    if (event)
        at_event(t, event, signal);
    else if (signal == AT_CALL && t->process)
        at_call(t);
    else
        trace(t->passive ? CONTINUE : SYSCALL, tid, 0, signal == AT_CALL ? 0 : (uint64_t)signal);
}

/* One that was killed within an exec has run nothing of the program: it waits for us before its first instruction. */
static void killed(const struct task *t, int signal) {
    if (!t->process || !t->inside || !t->wanted || (t->number != SYS_execve && t->number != SYS_execveat)) return;
    BEGIN(d);
    TELL(KILLED, 0, signal, t->process->pid, next_tick(), d);
}

static void follow(void) {
    for (;;) {
        int status = 0;
        long tid = call4(SYS_wait4, -1, &status, 0x40000000 /* __WALL */, 0);
        if (tid == -EINTR) continue;
        if (tid < 0) return;
        if (WIFSTOPPED(status)) {
            at_stop((uint32_t)tid, status);
        } else {
            struct task *t = find_task((uint32_t)tid);
            if (t && status & 0x7f) killed(t, status & 0x7f);
            if (t) forget(t);
            adopt();
        }
    }
}

/* ---- beginning --------------------------------------------------------------------------------- */

static bool has_capability(unsigned which) {
    struct {
        uint32_t version;
        int pid;
    } head = {0x20080522, 0};
    struct {
        uint32_t effective, permitted, inheritable;
    } sets[2] = {{0, 0, 0}, {0, 0, 0}};
    return call2(SYS_capget, &head, sets) == 0 && sets[which / 32].effective >> which % 32 & 1;
}

/* Holds a thread, tells so on a descriptor, and follows it until nobody is left. */
static long hold_and_follow(uint32_t tid, int tell, bool at_once) {
    static const uint64_t all = ~(uint64_t)0;
    call4(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &all, 0, 8);
    call1(SYS_setsid, 0);
    call4(SYS_prctl, 15 /* PR_SET_NAME */, "provgraph-trace", 0, 0);
    if (tell > 0) call3(SYS_close_range, 0, tell - 1, 0);
    call3(SYS_close_range, tell + 1, ~0u, 0);
    call1(SYS_chdir, "/");
    long refused = trace(SEIZE, tid, 0, OPTIONS);
    if (refused < 0) return 1;
    struct task *t = new_task(tid, NULL);
    t->passive = true;
    capable = has_capability(CAN_PTRACE);
    state->pid = (uint32_t)call1(SYS_getpid, 0);
    if (at_once) {
        struct stat s;
        int status = 0;
        if (raw_fstat(tell, &s)) told_through = s.st_ino;
        trace(INTERRUPT, tid, 0, 0);
        if (call4(SYS_wait4, tid, &status, 0x40000000 /* __WALL */, 0) < 0 || !WIFSTOPPED(status)) return 1;
        began(t, tid);
    }
    call3(SYS_write, tell, &state->pid, 4);
    raw_close(tell);
    if (at_once) trace(SYSCALL, tid, 0, 0);
    follow();
    if (announced) store(announced, 0);
    return 0;
}

/* Two forks, so that the follower is nobody's child; both are invisible to a plain wait. */
static bool start_follower(char **env) {
    int ends[2], status;
    uint32_t tid = (uint32_t)call1(SYS_gettid, 0), follower = 0;
    if (call2(SYS_pipe2, ends, O_CLOEXEC) < 0) return false;
    long child = call6(SYS_clone, UNTRACED, 0, 0, 0, 0, 0);
    if (child == 0) {
        /* By its environment it would pass for a process of the run. */
        for (char **e = env; *e; e++) memset(*e, 0, length_of(*e));
        if (call6(SYS_clone, UNTRACED, 0, 0, 0, 0, 0) == 0) call1(SYS_exit_group, hold_and_follow(tid, ends[1], false));
        call1(SYS_exit_group, 0);
    }
    raw_close(ends[1]);
    if (child > 0) call4(SYS_wait4, child, &status, 0x40000000, 0);
    long n = call3(SYS_read, ends[0], &follower, 4);
    raw_close(ends[0]);
    return n == 4;
}

static long say_failed(const char *name, long code) {
    static const char *const why[][2] = {{"", ": cannot be executed\n"}, {"", ": no such file or directory\n"}};
    const char *end = why[code == -ENOENT][1];
    call3(SYS_write, 2, "provgraph: cannot execute ", 26);
    call3(SYS_write, 2, name, length_of(name));
    call3(SYS_write, 2, end, length_of(end));
    return code == -ENOENT ? 127 : 126;
}

/* Becomes the program; a script without `#!` is the shell's, as execvp(3) has it. */
static long become(const char *program, char **argv, char **env) {
    long code = call3(SYS_execve, program, argv, env);
    if (code == -ENOEXEC) {
        long count = 0;
        while (argv[count]) count++;
        char *words[count + 3];
        words[0] = words[1] = (char *)"/bin/sh";
        words[1] = (char *)program;
        for (long i = 1; i <= count; i++) words[i + 1] = argv[i];
        code = call3(SYS_execve, "/bin/sh", words, env);
    }
    return say_failed(program, code);
}

static long begin(int argc, char **argv, char **env, const ElfW(auxv_t) * auxiliary) {
    page = 4096;
    for (; auxiliary && auxiliary->a_type != AT_NULL; auxiliary++)
        if (auxiliary->a_type == AT_PAGESZ) page = auxiliary->a_un.a_val;
    if (argc < 5) return 2;
    bool spooled = map_spool(argv[1]);
    const char *way = argv[2];
    handing_back = !equal(way, "whole");
    bool at_once = equal(way, "join");
    if (at_once || equal(way, "seize"))
        return spooled ? hold_and_follow((uint32_t)number_in(argv[3], 10), (int)number_in(argv[4], 10), at_once) : 1;
    call4(SYS_prctl, 0x59616d61 /* PR_SET_PTRACER */, -1, 0, 0);
    bool followed = spooled && start_follower(env);
    call4(SYS_prctl, 0x59616d61, 0, 0, 0);
    if (spooled && !followed) {
        state->pid = (uint32_t)call1(SYS_getpid, 0);
        missed(state->pid, "not-traced", argv[3]);
    }
    return become(argv[3], argv + 4, env);
}

__attribute__((used)) static void enter(long *stack) {
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1), **env = argv + argc + 1, **end = env;
    while (*end) end++;
    call1(SYS_exit_group, begin(argc, argv, env, (const void *)(end + 1)));
}

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n.type _start, @function\n_start:\n"
        "xorl %ebp, %ebp\nmovq %rsp, %rdi\nandq $-16, %rsp\ncall enter\nhlt\n.size _start, .-_start\n");
#else
__asm__(".text\n.globl _start\n.type _start, %function\n_start:\n"
        "mov x29, #0\nmov x30, #0\nmov x0, sp\nand sp, x0, #-16\nbl enter\nbrk #0\n.size _start, .-_start\n");
#endif
