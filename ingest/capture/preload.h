/* The spool as it lies in the file: what preload.c writes and spool.py reads.
 *
 * docs/spool-format.md tells it in words. Everything is in the machine's own byte order and
 * aligned to 8 bytes. A change of meaning raises SPOOL_VERSION here and VERSION in spool.py. */

#ifndef PROVGRAPH_PRELOAD_H
#define PROVGRAPH_PRELOAD_H

#include <stdint.h>

#define SPOOL_MAGIC 0x314c4f4f50535650ull /* "PVSPOOL1" */
#define SPOOL_VERSION 1u
#define CHUNK_MAGIC 0x4b4e4843u /* "CHNK" */
#define DATA_START 4096u        /* behind the header */
#define GRANULE 1024u           /* every chunk begins at a multiple of it */
#define FIRST_CHUNK 1024u
#define LARGEST_CHUNK (1u << 20)
#define LARGEST_RECORD (64u << 10)
#define SLOTS 64u
#define TRACERS 24

enum gap {
    GAP_FULL = 1 << 0,        /* no space could be allocated: later events are lost */
    GAP_UNREACHABLE = 1 << 1, /* the spool could not be opened again to grow or be mapped */
    GAP_LIMIT = 1 << 2,       /* RLIMIT_FSIZE of a process forbids to grow */
    GAP_SEALED = 1 << 3,      /* events came after the reader had sealed the spool */
    GAP_HARMED = 1 << 4,      /* somebody emptied the spool, or removed it, while the run went on */
};

/* Where a process's records are, so that its next image goes on there after an exec. `kept` is the
 * offset of the tracked descriptors that the exec leaves open (in its EXECUTING record), or 0; its highest bits
 * say which of `programs` the exec runs, or 0. */
#define KEPT_BITS 48
#define KEPT_AT ((1ull << KEPT_BITS) - 8) /* offsets are multiples of 8 */
#define GOES_WITHOUT_US 1 /* in place of an offset: it is a program without the shim, whose end its parent tells */
#define WILL_WAKE 2 /* beside one: the shim is sure to wake in it before its own code runs, and has not */
struct slot {
    uint32_t pid;
    uint32_t chunk; /* its offset / GRANULE */
    uint64_t kept;
};

/* What was found about a program file, for the many processes that run the same: its canonical path
 * by the absolute one that was asked for. `turn` is odd while it is written. */
struct program {
    uint32_t turn;
    uint16_t reason; /* index of why the shim cannot see it, 0 where it can */
    uint8_t length;
    uint8_t inert;   /* the shim would see nothing in it */
    uint64_t name; /* a hash of the path asked for */
    uint64_t device, inode, changed;
    uint64_t modules; /* a hash of the libraries with which it was seen to ask libc for all, or 0 */
    char path[208];
};
_Static_assert(sizeof(struct program) == 256, "sixteen in a page");
#define PROGRAMS 11u

/* What the code of a file was seen to call, kept from run to run: its place is a hash of device, inode, size
 * and times, and the last bits are what was found. */
#define LOOKS 8192u
#define FOUND 7u

struct spool {
    uint64_t magic;
    uint32_t version;
    uint32_t sealed;    /* not 0: write no more */
    uint64_t cursor;    /* where the next chunk begins; grows past `allocated` when it is full */
    uint64_t allocated; /* bytes of the file that have their place on the disk */
    uint64_t activity;  /* grows with each close after a write and each rename */
    uint32_t gaps;      /* of enum gap */
    uint32_t names;     /* grows with each rename, link and removal: known paths may be stale */
    uint64_t tracer;    /* where the text is that names the tracer for static programs, or 0 */
    uint32_t tracers[TRACERS]; /* process ids of those at work; one that was killed stays */
    uint64_t began;     /* when the run did, in the time of files; what is older was there before */
    uint64_t preserved; /* how much was spent on keeping what files held before */
    uint64_t looked_at; /* where the text is that names a file of `struct look`, or 0 */
    uint64_t turns;     /* grows with what those who talk through pipes do to files, and with their forks */
    uint64_t root;      /* where the text is that names the project's folder, or 0 */
    uint64_t device, inode; /* its own: what writes to it would end all that have it mapped */
    uint64_t library; /* how far from a library's beginning it says where its tables are, or 0 */
    uint32_t tables;  /* and which of what it says there tell of its symbols */
    uint32_t unused[9];
    struct slot slots[SLOTS];
    struct program programs[PROGRAMS];
};
_Static_assert(sizeof(struct spool) == DATA_START, "one page, because each that a process touches is a fault");

struct chunk {
    uint32_t magic; /* written last */
    uint32_t size;  /* with this header; a multiple of GRANULE */
    uint32_t used;  /* with this header; may exceed `size` once it is full */
    uint32_t pid;   /* who claimed it; each record has its own */
    uint64_t offset; /* its own, in the file */
};

/* A text is its length and its bytes. This length says that the offset of another text in the file
 * follows, which is this one: paths of inherited descriptors are not written twice. */
#define ELSEWHERE 0xffffffffu

/* One descriptor in EXECUTING's list; where it is none, `device` says how many bytes the process had written by then. */
#define NO_DESCRIPTOR 0xffffffffu
struct kept {
    uint32_t fd;
    uint32_t access; /* 0: the end of a pipe or of a pair of sockets */
    uint64_t device, inode;
    uint64_t path; /* offset of its text, */
    uint64_t names; /* which is right while the spool's `names` is this */
};

#define UNFINISHED 1u /* in `length`: reserved, and perhaps never finished */

struct record {
    uint32_t length; /* with this header, a multiple of 8 */
    uint16_t type;
    uint16_t flags;
    uint32_t pid;
    int32_t value;
    uint64_t tick;
};

enum type {
    IMAGE = 1,
    FORKED,
    EXECUTING,
    EXEC_FAILED,
    OPENED,
    CLOSED,
    RENAMED,
    LINKED,
    UNLINKED,
    TRUNCATED,
    PIPED,
    MOVED,
    EXITED,
    MISSED,
    PRESERVED,
    PAIRED,
    CONNECTED,
    PARTED,
    DRAWN,
    MEMORY,
    TALKED,
    KILLED,
};

enum flag {
    READABLE = 1 << 0, /* opened, piped, descriptor; talked: something was taken */
    WRITABLE = 1 << 1, /* talked: or given */
    TRUNCATES = 1 << 2, /* opened */
    APPENDS = 1 << 3,
    CREATED = 1 << 4,
    BY_NAME = 1 << 4,    /* piped: a FIFO was opened by its own name */
    OF_TERMINAL = 1 << 5, /* piped */
    HAS_BEFORE = 1 << 5, /* opened, truncated: a second stat follows */
    MAPPED = 1 << 6,     /* closed; talked: from now on, through a stream, which is not seen */
    HAS_STAT = 1 << 7,   /* renamed, linked, unlinked, truncated */
    HAS_REPLACED = 1 << 8,
    DIRECTORY = 1 << 9,
    EXCHANGE = 1 << 10,
    TRACEABLE = 1 << 11, /* executing */
    CUT = 1 << 12,       /* paths or descriptors did not fit */
    ACCEPTED = 1 << 13,  /* connected: by who listened */
    GIVEN = 1 << 14,     /* connected: another process did it; closed: what was written there is known to be its own */
    HEARD = 1 << 15,     /* parted: something may have come */
};

/* In the number of the arguments: more followed, and were left out. What a program did is told all the same, so this is no
 * gap: a pattern of the shell may name very many files. */
#define SHORTENED 0x80000000u

enum kind { KIND_FILE, KIND_PIPE, KIND_SOCKET, KIND_OTHER, KIND_TERMINAL };

#endif
