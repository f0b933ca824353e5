/* What is asked of a ring of io_uring, and by `io_submit`?
 *
 * What the kernel reads and writes for one is not seen. libuv, and so Node.js and CMake, has one in each loop only to say which
 * descriptors it waits for: what is asked is looked at when it is handed over. */

#ifndef PROVGRAPH_RINGS_H
#define PROVGRAPH_RINGS_H

#include "writer.h"

enum { RINGS = 16 }; /* of a process: of more it is not looked at what is asked */
enum { NO_ARRAY = 1 << 16, REGISTERED = 1 << 4 }; /* IORING_SETUP_NO_SQARRAY, IORING_ENTER_REGISTERED_RING */
/* And IORING_SETUP_CQSIZE, CLAMP, SUBMIT_ALL, COOP_TASKRUN, TASKRUN_FLAG, SINGLE_ISSUER: with others the kernel may take what
 * is asked by itself, or it lies elsewhere. */
enum { LOOKED_AT = NO_ARRAY | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 12 };

/* Where in its memory it says how far it was filled and emptied, and how much it holds at once, or 0 where what is asked through
 * it is not looked at. */
struct ring {
    uint32_t name; /* its descriptor and 1, or 0 */
    uint32_t entries, flags, head, tail, array;
    uint32_t looked, taken; /* of all that was ever asked: how far it was looked at, and how much the kernel said to have taken */
};

/* From what the kernel said when it made the ring; false where it is not looked at. */
SHARED bool describe_ring(struct ring *r, const uint32_t *parameters) {
    bool seen = !(parameters[2] & ~(uint32_t)LOOKED_AT);
    r->entries = seen ? parameters[0] : 0;
    r->flags = parameters[2];
    r->head = parameters[10], r->tail = parameters[11], r->array = parameters[16];
    r->looked = r->taken = 0;
    return seen;
}

SHARED bool is_only_waited_for(unsigned asked) {
    enum { NOP = 0, POLL = 6, POLL_NO_MORE = 7, TIMEOUT = 11, NO_TIMEOUT = 12, CANCEL = 14, LINK_TIMEOUT = 15, EPOLL_CTL = 29 };
    return asked == NOP || asked == POLL || asked == POLL_NO_MORE || asked == TIMEOUT || asked == NO_TIMEOUT || asked == CANCEL ||
           asked == LINK_TIMEOUT || asked == EPOLL_CTL;
}

/* Whether nothing else is asked so far. It is mapped for so long only: a map would keep a ring alive that the program closes. */
SHARED bool waits_only(int fd, struct ring *r) {
    enum { EACH = 64, ASKED = 0x10000000 }; /* IORING_OFF_SQES */
    size_t room = r->flags & NO_ARRAY ? page : r->array + r->entries * sizeof(uint32_t), size = (size_t)r->entries * EACH;
    char *ring = raw_mmap(room, PROT_READ, MAP_SHARED, fd, 0);
    unsigned char *asked = ring ? raw_mmap(size, PROT_READ, MAP_SHARED, fd, ASKED) : NULL;
    bool only = asked;
    if (asked) {
        uint32_t at = load((uint32_t *)(ring + r->head)), end = load((uint32_t *)(ring + r->tail)), looked = load(&r->looked);
        while ((int32_t)(end - looked) > 0 && !swap(&r->looked, &looked, end)) {}
        for (uint32_t n = 0; at != end && n < r->entries; at++, n++) {
            uint32_t i = at & (r->entries - 1);
            if (!(r->flags & NO_ARRAY)) i = load((uint32_t *)(ring + r->array) + i);
            if (i < r->entries && !is_only_waited_for(asked[i * EACH])) only = false;
        }
        call2(SYS_munmap, asked, size);
    }
    if (ring) call2(SYS_munmap, ring, room);
    return only;
}

/* Whether the kernel, which has taken `count` more, took what another thread asked only after we had looked. */
SHARED bool was_faster(struct ring *r, uint32_t count) {
    uint32_t taken = add(&r->taken, count) + count;
    return (int32_t)(load(&r->looked) - taken) < 0;
}

/* What `io_submit` is asked for, of each `struct iocb` of <linux/aio_abi.h> what begins 16 bytes into it. */
enum { QUEUED_AT = 16 };
struct queued {
    uint16_t what;
    int16_t priority;
    int32_t fd;
};

SHARED bool reads_when_queued(const struct queued *q) { return q->what == 0 /* PREAD */ || q->what == 7 /* PREADV */; }
SHARED bool writes_when_queued(const struct queued *q) { return q->what == 1 /* PWRITE */ || q->what == 8 /* PWRITEV */; }

#endif
