/* How records get into the spool: places are claimed by atomic additions, then written through the map.
 *
 * What is said of the format stands in preload.h, why it is so in docs/spool-format.md. The shim includes
 * this in every process, the tracer once for all that it follows. */

#ifndef PROVGRAPH_WRITER_H
#define PROVGRAPH_WRITER_H

#include "system.h" /* first: it says which names of libc are wanted */

#include "preload.h"

enum { PATHS = 4096, STEP = 1 << 20, ARGV_BYTES = 32 << 10 };
enum { SMALLEST_WINDOW = 1 << 20, LARGEST_WINDOW = 64 << 20 };

/* ---- what the writer keeps --------------------------------------------------------------------- */

/* The addresses from which a process was said to have got packets: hashes of their names. */
enum { ADDRESSES = 8 };
struct addresses {
    uint32_t count, hashes[ADDRESSES];
};

/* Begun anew in a forked child. */
struct state {
    uint32_t pid;
    uint32_t exited;
    struct chunk *chunk;
    uint32_t next_size;
    uint32_t claiming;
    uint64_t tick;
    uint64_t forked; /* in a forked child: when, */
    uint32_t parent; /* and by whom, where that was noted: it may have got another by now */
    uint32_t guest; /* the last child in our own memory that was announced */
    uint32_t overflowed;
    uint32_t stuck; /* no more space can be had in this process */
    uint32_t looked; /* how much this process has read to find out how much it has read */
    uint32_t shares; /* it was said that it has memory that its forks share */
    uint32_t written; /* how much it had written, anywhere, when its program began, where that was noted */
    uint32_t seen_to_write; /* what else it writes is taken to be seen as well */
    uint32_t spoke; /* through which of the descriptors 0 to 2, as bits */
    struct addresses addresses;
};

static struct spool *spool;
static struct state state[1];
static uint64_t window; /* how much of the spool is mapped at `spool` */
static size_t page;
static char spool_path[768];

/* Whether that is the spool itself, which no program of the run shall write to. */
SHARED bool is_spool(const struct stat *s) {
    return (uint64_t)s->st_ino == spool->inode && (uint64_t)s->st_dev == spool->device;
}

SHARED void gap(uint32_t which) {
    if (!(load(&spool->gaps) & which)) __atomic_fetch_or(&spool->gaps, which, __ATOMIC_ACQ_REL);
}

static int (*clock_in_memory)(int, struct timespec *); /* the kernel's own, where somebody looked for it */

/* CLOCK_BOOTTIME in nanoseconds, made unique and rising within the process. */
SHARED uint64_t now(void) {
    struct timespec t = {0, 0};
    if (!clock_in_memory || clock_in_memory(CLOCK_BOOTTIME, &t) != 0)
        call2(SYS_clock_gettime, CLOCK_BOOTTIME, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

SHARED uint64_t next_tick(void) {
    uint64_t tick = now(), last = load(&state->tick);
    do
        if (tick <= last) tick = last + 1;
    while (!swap(&state->tick, &last, tick));
    return tick;
}

/* ---- the spool -------------------------------------------------------------------------------- */

/* Writes zeros where nothing can be allocated. They must not meet records that another process
 * writes: one does it at a time, from the allocation as it is by then. The kernel lets go of the lock
 * of a killed one. */
SHARED bool back_by_zeros(int fd, uint64_t end) {
    static const char zeros[512];
    if (call2(SYS_flock, fd, 2 /* LOCK_EX */) < 0) return false;
    long result = 1;
    for (uint64_t at = load(&spool->allocated); at < end && result > 0; at += (uint64_t)result)
        result = call4(SYS_pwrite64, fd, zeros, sizeof zeros, at);
    if (result > 0 && load(&spool->allocated) < end) store(&spool->allocated, end);
    call2(SYS_flock, fd, 8 /* LOCK_UN */);
    return result > 0;
}

/* Gives the file real blocks up to `end`: what is mapped and not backed would be SIGBUS. */
SHARED bool back(int fd, uint64_t end) {
    uint64_t from = load(&spool->allocated);
    if (from >= end) return true;
    uint64_t whole = from + (end - from < STEP ? STEP : end - from);
    struct rlimit limit;
    if (call4(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, &limit) == 0 && whole > limit.rlim_cur) {
        gap(GAP_LIMIT); /* the kernel would send SIGXFSZ */
        return false;
    }
    long result = call4(SYS_fallocate, fd, 0, from, whole - from);
    if (result == -ENOSPC) result = call4(SYS_fallocate, fd, 0, from, (whole = end) - from);
    if (result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL)
        return back_by_zeros(fd, whole);
    if (result < 0) return false;
    uint64_t seen = load(&spool->allocated);
    while (seen < whole && !swap(&spool->allocated, &seen, whole)) {
    }
    return true;
}

SHARED bool grow(uint64_t end) {
    int fd = raw_open(AT_FDCWD, spool_path, O_RDWR);
    if (fd < 0) {
        gap(GAP_UNREACHABLE);
        return false;
    }
    bool done = back(fd, end);
    raw_close(fd);
    return done;
}

SHARED void *at_offset(uint64_t offset, uint32_t size) {
    if (offset + size <= window) return (char *)spool + offset;
    uint64_t start = offset & ~(uint64_t)(page - 1);
    int fd = raw_open(AT_FDCWD, spool_path, O_RDWR);
    if (fd < 0) {
        gap(GAP_UNREACHABLE);
        return NULL;
    }
    char *at = raw_mmap(offset + size - start, PROT_READ | PROT_WRITE, MAP_SHARED, fd, start);
    raw_close(fd);
    if (!at) gap(GAP_UNREACHABLE);
    return at ? at + (offset - start) : NULL;
}

/* A chunk of `size`, or where there is no room for it, of `least`. */
SHARED struct chunk *claim(uint32_t size, uint32_t least, uint64_t *where) {
    if (state->stuck) return NULL;
    if (load(&spool->sealed)) {
        gap(GAP_SEALED);
        return NULL;
    }
    uint64_t offset = load(&spool->cursor);
    do {
        while (offset + size > load(&spool->allocated) && !grow(offset + size)) {
            if (size == least) {
                if (!(load(&spool->gaps) & (GAP_LIMIT | GAP_UNREACHABLE))) gap(GAP_FULL);
                state->stuck = 1;
                return NULL;
            }
            size = least;
        }
    } while (!swap(&spool->cursor, &offset, offset + size));
    struct chunk *c = at_offset(offset, size);
    if (!c) {
        state->stuck = 1;
        return NULL;
    }
    *where = offset;
    c->size = size;
    c->pid = state->pid;
    c->offset = offset;
    store(&c->used, (uint32_t)sizeof *c);
    store(&c->magic, CHUNK_MAGIC);
    return c;
}

SHARED uint32_t granules(uint32_t size) { return (size + GRANULE - 1) & ~(GRANULE - 1); }

/* A place of `size` bytes for one record, or NULL. */
SHARED struct record *reserve(uint32_t size, struct chunk **in) {
    for (;;) {
        struct chunk *c = *in = load(&state->chunk);
        if (c && load(&spool->sealed)) {
            gap(GAP_SEALED);
            return NULL;
        }
        if (c && load(&c->used) <= c->size) {
            uint32_t at = add(&c->used, size);
            if (at <= c->size && size <= c->size - at) return (struct record *)((char *)c + at);
        }
        uint64_t offset;
        uint32_t unlocked = 0;
        if (!swap(&state->claiming, &unlocked, 1)) {
            /* Another thread, or the thread that this signal handler interrupted, is at it. */
            struct chunk *single = claim(granules(size + sizeof *c), granules(size + sizeof *c), &offset);
            if (!single) return NULL;
            *in = single;
            store(&single->used, (uint32_t)sizeof *single + size);
            return (struct record *)(single + 1);
        }
        if (load(&state->chunk) != c) {
            store(&state->claiming, 0);
            continue;
        }
        uint32_t wanted = state->next_size ? state->next_size : FIRST_CHUNK;
        while (wanted < size + sizeof *c) wanted *= 4;
        struct chunk *fresh = claim(wanted, granules(size + sizeof *c), &offset);
        if (fresh) {
            state->next_size = wanted * 4 > LARGEST_CHUNK ? LARGEST_CHUNK : wanted * 4;
            struct slot *slot = &spool->slots[state->pid % SLOTS];
            slot->chunk = (uint32_t)(offset / GRANULE);
            slot->kept = 0;
            store(&slot->pid, state->pid);
            store(&state->chunk, fresh);
        }
        store(&state->claiming, 0);
        if (!fresh) return NULL;
    }
}

/* A record is put together on the stack, then copied. Only the part of the buffer that is used is
 * ever touched. */
struct draft {
    unsigned char *at, *end;
    bool cut;
};

#define DRAFT(name, room)                      \
    unsigned char name##_bytes[room];          \
    struct draft name = {name##_bytes, name##_bytes + (room), false}

SHARED void put(struct draft *d, const void *bytes, size_t n) {
    if (n > (size_t)(d->end - d->at)) {
        d->cut = true;
        return;
    }
    memcpy(d->at, bytes, n);
    d->at += n;
}

SHARED void put_u32(struct draft *d, uint32_t number) { put(d, &number, sizeof number); }
SHARED void put_u64(struct draft *d, uint64_t number) { put(d, &number, sizeof number); }

SHARED void put_text(struct draft *d, const char *text, size_t n) {
    if (n + 4 > (size_t)(d->end - d->at)) {
        n = 0;
        d->cut = true;
    }
    put_u32(d, (uint32_t)n);
    put(d, text, n);
}

SHARED int64_t nanoseconds(const struct timespec *t) {
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

SHARED void put_stat(struct draft *d, const struct stat *s) {
    put_u64(d, (uint64_t)s->st_dev);
    put_u64(d, (uint64_t)s->st_ino);
    put_u64(d, (uint64_t)s->st_size);
    put_u64(d, (uint64_t)nanoseconds(&s->st_mtim));
    put_u64(d, (uint64_t)nanoseconds(&s->st_ctim));
}

/* What a descriptor is of: an `enum kind`. A terminal is one that a program holds the other end of (the
 * kernel's numbers of these are 136 to 143). */
SHARED uint16_t kind_of(const struct stat *s) {
    if (S_ISREG(s->st_mode)) return KIND_FILE;
    if (S_ISFIFO(s->st_mode)) return KIND_PIPE;
    if (S_ISSOCK(s->st_mode)) return KIND_SOCKET;
    bool is_terminal = S_ISCHR(s->st_mode) && (s->st_rdev >> 8 & 0xff8) == 136;
    return is_terminal ? KIND_TERMINAL : KIND_OTHER;
}

SHARED bool has_no_name(int fd) {
    char link[32] = "/proc/self/fd/", shown[sizeof "pipe:" - 1];
    decimal(link + sizeof "/proc/self/fd/" - 1, (unsigned)fd);
    return call4(SYS_readlinkat, AT_FDCWD, link, shown, sizeof shown) == sizeof shown && begins(shown, "pipe:");
}

/* Whether a pipe that lies in no folder has no writer left and nothing in it: nobody can ever say anything through it. make
 * gives such a one as standard input to the recipes that it runs beside the first. The kernel looks for what a pipe holds and
 * only then for its writers, so what the last one wrote in between shows the next time. */
SHARED bool is_dead_pipe(int fd) {
    struct pollfd asked = {fd, POLLIN, 0};
    struct timespec at_once = {0, 0};
    for (int n = 0; n < 2; n++)
        if (call6(SYS_ppoll, (long)&asked, 1, (long)&at_once, 0, 0, 0) != 1 ||
            (asked.revents & (POLLIN | POLLHUP)) != POLLHUP)
            return false;
    return has_no_name(fd);
}

/* The text of a symbolic link; its length. */
SHARED size_t put_link(struct draft *d, const char *link) {
    size_t room = (size_t)(d->end - d->at);
    if (room < 5) {
        d->cut = true;
        return 0;
    }
    room = room - 4 > PATHS ? PATHS : room - 4;
    long n = call4(SYS_readlinkat, AT_FDCWD, link, d->at + 4, room);
    if ((size_t)n == room || n == -ENAMETOOLONG) d->cut = true; /* longer than the kernel can say */
    if (n < 0) n = 0;
    put_u32(d, (uint32_t)n);
    d->at += n;
    return (size_t)n;
}

static char *const no_arguments[] = {NULL};

struct argv {
    uint32_t count, bytes;
    bool cut;
};

SHARED struct argv measure(char *const *argv) {
    struct argv m = {0, 4, false};
    for (; argv && argv[m.count]; m.count++) {
        size_t n = length_of(argv[m.count]) + 4;
        if (m.bytes + n > ARGV_BYTES) {
            m.cut = true;
            break;
        }
        m.bytes += (uint32_t)n;
    }
    return m;
}

/* The file offset of what was written behind the record's head, or 0. */
SHARED uint64_t write_record(enum type type, uint32_t flags, int32_t value, uint32_t pid, uint64_t tick,
                         const struct draft *d, const unsigned char *bytes, char *const *argv) {
    uint32_t body = (uint32_t)(d->at - bytes);
    struct argv m = {0, 0, false};
    if (argv) m = measure(argv);
    uint32_t size = ((uint32_t)sizeof(struct record) + body + m.bytes + 7u) & ~7u;
    struct chunk *c;
    struct record *r = reserve(size, &c);
    if (!r) return 0;
    __atomic_store_n(&r->length, size | UNFINISHED, __ATOMIC_RELEASE);
    r->type = (uint16_t)type;
    r->flags = (uint16_t)(flags | (d->cut ? CUT : 0));
    r->pid = pid;
    r->value = value;
    r->tick = tick;
    unsigned char *to = (unsigned char *)(r + 1);
    memcpy(to, bytes, body);
    if (argv) {
        struct draft rest = {to + body, to + body + m.bytes, false};
        put_u32(&rest, m.count | (m.cut ? SHORTENED : 0));
        for (uint32_t i = 0; i < m.count; i++) put_text(&rest, argv[i], length_of(argv[i]));
    }
    store(&r->length, size);
    return c->offset + (uint64_t)(to - (unsigned char *)c);
}

#define WRITE(type, flags, value, pid, tick, name) \
    write_record(type, flags, value, pid, tick, &(name), name##_bytes, NULL)
#define WRITE_ARGV(type, flags, value, pid, tick, name, argv) \
    write_record(type, flags, value, pid, tick, &(name), name##_bytes, argv)

SHARED void write_bare(enum type type, int32_t value, uint32_t pid) {
    static const unsigned char nothing[1];
    struct draft d = {(unsigned char *)nothing, NULL, false};
    write_record(type, 0, value, pid, next_tick(), &d, nothing, NULL);
}

SHARED void missed(uint32_t pid, const char *what, const char *detail) {
    DRAFT(d, 600);
    put_text(&d, what, length_of(what));
    size_t n = length_of(detail);
    put_text(&d, detail, n > 500 ? 500 : n);
    WRITE(MISSED, 0, 0, pid, next_tick(), d);
}

/* ---- the network --------------------------------------------------------------------------------- */

enum { LOCAL = 1, INET = 2, INET6 = 10, PACKET = 17, VSOCK = 40, ADDRESS = 128, SOCKETS = 1 /* SOL_SOCKET */ };
enum { STREAM = 1, DATAGRAM = 2, RAW = 3, SEQUENCE = 5 };

/* Where an address leads: `192.0.2.1:80`, `[2001:db8::1]:80` with all its zeros, a path, `@` and an abstract name, the number
 * of a virtual machine and its port (`vsock:2:80`).
 * Empty where it has no name. `bytes` are a sockaddr; `room` has `ADDRESS`. */
SHARED void name_address(char *room, const unsigned char *bytes, size_t size) {
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint16_t family;
    *room = 0;
    if (size < 4) return;
    memcpy(&family, bytes, 2);
    if (family == LOCAL) {
        bool abstract = !bytes[2];
        size_t n = 0;
        if (abstract) *room++ = '@', bytes++, size--;
        while (n + 2 < size && n + 2 < ADDRESS && (abstract || bytes[2 + n])) {
            room[n] = bytes[2 + n] ? (char)bytes[2 + n] : '@';
            n++;
        }
        room[n] = 0;
        return;
    }
    if (family == VSOCK && size >= 12) {
        uint32_t numbers[2]; /* port, machine */
        memcpy(numbers, bytes + 4, sizeof numbers);
        memcpy(room, "vsock:", 6);
        room = decimal(room + 6, numbers[1]);
        *room++ = ':';
        decimal(room, numbers[0]);
    }
    if (size < 8 || (family != INET && (family != INET6 || size < 24))) return;
    unsigned port = (unsigned)bytes[2] << 8 | bytes[3];
    bool plain = family == INET;
    if (!plain) {
        plain = true;
        for (int i = 0; i < 12; i++) plain = plain && bytes[8 + i] == mapped[i];
        if (plain) bytes += 16;
    }
    if (plain) {
        for (int i = 4; i < 8; i++) {
            room = decimal(room, bytes[i]);
            *room++ = i < 7 ? '.' : ':';
        }
    } else {
        *room++ = '[';
        for (int i = 8; i < 24; i++) {
            *room++ = "0123456789abcdef"[bytes[i] >> 4];
            *room++ = "0123456789abcdef"[bytes[i] & 15];
            if (i % 2 && i < 23) *room++ = ':';
        }
        *room++ = ']';
        *room++ = ':';
    }
    decimal(room, port);
}

/* Whether an address is to be said: each once in a process, and of those beyond the first some that there were. */
SHARED bool is_news(struct addresses *said, char *name) {
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (const char *at = name; *at; at++) hash = (hash ^ (unsigned char)*at) * 16777619u;
    if (said->count > ADDRESSES) return false;
    for (uint32_t n = 0; n < said->count; n++)
        if (said->hashes[n] == hash) return false;
    if (said->count == ADDRESSES) memcpy(name, "more addresses", sizeof "more addresses");
    else said->hashes[said->count] = hash;
    said->count++;
    return true;
}

/* A connection, as one of its ends is told of it. */
struct connection {
    const char *what;        /* `network`, `local socket` */
    char own[ADDRESS], peer[ADDRESS];
    uint64_t network;        /* which namespace of the network, where the kernel tells */
    uint32_t other, listener; /* of a local one: who connected or listens; who listens */
};

SHARED long ask_socket(int fd, int level, int what, void *to, uint32_t size) {
    return call6(SYS_getsockopt, fd, level, what, (long)to, (long)&size, 0) < 0 ? -1 : (long)size;
}

SHARED uint32_t process_behind(int fd) {
    uint32_t credentials[3] = {0, 0, 0};
    return fd < 0 || ask_socket(fd, SOCKETS, 17 /* SO_PEERCRED */, credentials, sizeof credentials) < 0
               ? 0
               : credentials[0];
}

/* Whether it is a stream with an address, as which it is then described. `to` is the address that it is being
 * connected to, NULL where it is connected; `listener` is what it was accepted from, or -1. */
SHARED bool look_at_connection(struct connection *c, int fd, const unsigned char *to, size_t size, int listener) {
    unsigned char own[ADDRESS] = {0}, peer[ADDRESS] = {0};
    uint32_t room = sizeof own;
    int type = 0;
    if (ask_socket(fd, SOCKETS, 3 /* SO_TYPE */, &type, sizeof type) < 0 || (type != STREAM && type != SEQUENCE)) return false;
    if (call3(SYS_getsockname, fd, own, &room) < 0) return false;
    name_address(c->own, own, room < sizeof own ? room : sizeof own);
    if (!to) {
        room = sizeof peer;
        if (call3(SYS_getpeername, fd, peer, &room) < 0) return false;
        to = peer;
        size = room < sizeof peer ? room : sizeof peer;
    }
    name_address(c->peer, to, size);
    uint16_t family;
    memcpy(&family, own, 2);
    bool local = family == LOCAL;
    if (local ? !c->own[0] && !c->peer[0] : !c->own[0] || !c->peer[0]) return false;
    c->what = local ? "local socket" : "network";
    c->network = 0;
    c->other = c->listener = 0;
    if (local) {
        c->other = process_behind(fd);
        c->listener = process_behind(listener);
    } else {
        ask_socket(fd, SOCKETS, 71 /* SO_NETNS_COOKIE */, &c->network, sizeof c->network);
    }
    return true;
}

/* Whether a new socket may take in packets without a connection. */
SHARED bool takes_packets(long family, long type) {
    type &= 15;
    return (family == INET || family == INET6 || family == LOCAL || family == PACKET) && (type == DATAGRAM || type == RAW);
}

enum { OF_NAMES = 53, OF_NAMES_NEARBY = 5353 };

/* What a packet that such a socket took in was: where it came from, of a local one where it came to. `from` is a
 * sockaddr, or NULL where the kernel has not told it. False where it is none, or only told an address for a name. */
SHARED bool look_at_packet(int fd, const unsigned char *from, size_t size, const char **what, char name[ADDRESS]) {
    unsigned char own[ADDRESS] = {0}, peer[ADDRESS] = {0};
    uint32_t room = sizeof own;
    int type = 0;
    if (ask_socket(fd, SOCKETS, 3 /* SO_TYPE */, &type, sizeof type) < 0 || (type != DATAGRAM && type != RAW)) return false;
    if (call3(SYS_getsockname, fd, own, &room) < 0) return false;
    uint16_t family;
    memcpy(&family, own, 2);
    *what = family == LOCAL ? "local socket" : "network";
    memcpy(name, "packets", sizeof "packets");
    if (family == PACKET) return true;
    if (family != LOCAL && (!from || size < 4)) {
        uint32_t length = sizeof peer;
        size = call3(SYS_getpeername, fd, peer, &length) < 0 ? 0 : length;
        from = peer;
    }
    if (family != LOCAL && size >= 4) {
        unsigned port = (unsigned)from[2] << 8 | from[3];
        if (port == OF_NAMES || port == OF_NAMES_NEARBY) return false;
        name_address(name, from, size < ADDRESS ? size : ADDRESS);
    } else {
        name_address(name, own, room < sizeof own ? room : sizeof own);
    }
    if (!*name) memcpy(name, "packets", sizeof "packets");
    return true;
}

/* Whether both its ends may be on this machine. */
SHARED bool is_within(const struct connection *c) {
    if (c->what[0] == 'l' || (begins(c->own, "127.") && begins(c->peer, "127."))) return true;
    size_t end = 0, colon = 0;
    for (; c->own[end] && c->own[end] == c->peer[end]; end++)
        if (c->own[end] == ':' && (c->own[0] != '[' || c->own[end - 1] == ']')) colon = end;
    return colon != 0;
}

/* Whether something may have come over it: packets of a plain TCP stream that hold data are counted. */
SHARED bool was_heard(int fd) {
    enum { DATA_SEGMENTS_IN = 152 };
    unsigned char told[160] = {0};
    uint32_t count;
    if (fd < 0 || ask_socket(fd, 6 /* TCP */, 11 /* TCP_INFO */, told, sizeof told) < DATA_SEGMENTS_IN + 4) return true;
    memcpy(&count, told + DATA_SEGMENTS_IN, 4);
    return count != 0;
}

SHARED void write_connected(const struct connection *c, uint32_t how, int fd, uint64_t inode, uint32_t pid, uint64_t tick) {
    DRAFT(d, 2 * ADDRESS + 64);
    put_u64(&d, inode);
    put_u64(&d, c->network);
    put_u32(&d, c->other);
    put_u32(&d, c->listener);
    put_text(&d, c->what, length_of(c->what));
    put_text(&d, c->own, length_of(c->own));
    put_text(&d, c->peer, length_of(c->peer));
    WRITE(CONNECTED, how, fd, pid, tick, d);
}

SHARED void write_parted(int fd, uint64_t inode, bool heard, uint32_t pid) {
    DRAFT(d, 8);
    put_u64(&d, inode);
    WRITE(PARTED, heard ? HEARD : 0, fd, pid, next_tick(), d);
}

/* Says that something was read from a file that the image of `opened` had inherited, or that a fork opened then. */
SHARED void write_drawn(int fd, uint64_t opened, uint64_t device, uint64_t inode, uint32_t pid) {
    DRAFT(d, 24);
    put_u64(&d, opened);
    put_u64(&d, device);
    put_u64(&d, inode);
    WRITE(DRAWN, 0, fd, pid, next_tick(), d);
}

/* Says once that a process has memory that its forks will share. */
SHARED void share_memory(uint32_t *said, uint32_t pid) {
    uint32_t not_yet = 0;
    if (swap(said, &not_yet, 1)) write_bare(MEMORY, 0, pid);
}

enum { NO_END, NEVER, FIRST_TURN }; /* what may stand where a turn is kept */

SHARED uint32_t turn_of_run(void) { return (uint32_t)load(&spool->turns) + FIRST_TURN; }

/* Says that something was taken from a pipe or socket of a pair, or given: for the first time in this turn. */
SHARED void write_talked(uint32_t how, int fd, const struct stat *s, uint32_t turn, uint32_t pid) {
    DRAFT(d, 16);
    put_u64(&d, (uint64_t)s->st_ino);
    put_u32(&d, turn);
    put_u32(&d, kind_of(s));
    WRITE(TALKED, how, fd, pid, next_tick(), d);
}

/* Whether a socket is one of a pair without names. */
SHARED bool is_of_a_pair(int fd) {
    unsigned char own[ADDRESS] = {0}, peer[ADDRESS] = {0};
    uint32_t own_size = sizeof own, peer_size = sizeof peer;
    return call3(SYS_getsockname, fd, own, &own_size) == 0 && call3(SYS_getpeername, fd, peer, &peer_size) == 0 &&
           own[0] == LOCAL && own_size == 2 && peer_size == 2;
}

/* ---- what files held before --------------------------------------------------------------------- */

enum { PRESERVED_LARGEST = 256 << 10, PRESERVED_LEAST = 16 << 10, PRESERVED_ALL = 16 << 20 };

/* Whether a file that is about to be emptied, replaced or removed may have been read by this run, which
 * then could not tell any more what it held. What the run itself made is hashed when it is closed. */
SHARED bool is_worth_preserving(const struct stat *s) {
    return S_ISREG(s->st_mode) && s->st_size > 0 && s->st_size <= PRESERVED_LARGEST &&
           (uint64_t)nanoseconds(&s->st_mtim) < spool->began && load(&spool->preserved) < PRESERVED_ALL;
}

/* The same of one that is opened to be read and changed: `last` is the one of which this was asked before. Some open it again and
 * again, to change nothing, and room is left for what is lost for certain. */
SHARED bool is_worth_preserving_open(const struct stat *s, uint64_t *last) {
    if (*last == (uint64_t)s->st_ino || load(&spool->preserved) >= PRESERVED_ALL / 2) return false;
    *last = (uint64_t)s->st_ino;
    return is_worth_preserving(s);
}

/* Copies what a file holds into the spool. What the kernel says under /sys is nobody's data, and to read it may do something. */
SHARED void preserve(int at, const char *path, const struct stat *s, uint32_t pid, uint64_t tick) {
    struct stat now;
    if (begins(path, "/sys/")) return;
    int fd = raw_open(at, path, O_RDONLY | O_NONBLOCK | O_NOATIME);
    if (fd == -EPERM) fd = raw_open(at, path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) return;
    uint32_t size = (uint32_t)s->st_size;
    uint32_t whole = ((uint32_t)sizeof(struct record) + 44 + size + 7u) & ~7u;
    struct chunk *c;
    struct record *r = NULL;
    if (raw_fstat(fd, &now) && now.st_ino == s->st_ino && now.st_dev == s->st_dev && now.st_size == s->st_size)
        r = reserve(whole, &c);
    if (r) {
        add(&spool->preserved, size < PRESERVED_LEAST ? PRESERVED_LEAST : size);
        __atomic_store_n(&r->length, whole | UNFINISHED, __ATOMIC_RELEASE);
        r->type = PRESERVED;
        r->flags = HAS_STAT;
        r->pid = pid;
        r->value = 0;
        r->tick = tick;
        struct draft d = {(unsigned char *)(r + 1), (unsigned char *)r + whole, false};
        put_stat(&d, s);
        put_u32(&d, size);
        if (call4(SYS_pread64, fd, d.at, size, 0) == (long)size) store(&r->length, whole);
    }
    raw_close(fd);
}

SHARED bool map_spool(const char *path) {
    size_t n = length_of(path);
    if (path[0] != '/' || n >= sizeof spool_path) return false;
    int fd = raw_open(AT_FDCWD, path, O_RDWR);
    if (fd < 0) return false;
    struct spool *at = NULL;
    int64_t size = call3(SYS_lseek, fd, 0, SEEK_END); /* cheaper than a stat */
    if (size >= (int64_t)DATA_START) {
        window = SMALLEST_WINDOW;
        while (window < (uint64_t)size && window < LARGEST_WINDOW) window *= 2;
        at = raw_mmap(window, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    raw_close(fd);
    if (!at) return false;
    add(&at->cursor, 0); /* first touched by a write: one fault instead of two */
    if (at->magic != SPOOL_MAGIC || at->version != SPOOL_VERSION || load(&at->sealed)) {
        call2(SYS_munmap, at, window);
        return false;
    }
    memcpy(spool_path, path, n + 1);
    spool = at;
    return true;
}

#endif
