/* BLAKE3 in its plain mode, as the paper defines it: 16 chunks at a time in the lanes of vectors.
 *
 * In: bytes, in pieces of any size. Out: 32 bytes. Nothing is allocated and no library is needed;
 * tests/capture/test_front.py holds it against the library that Python uses. */

#ifndef PROVGRAPH_BLAKE3_H
#define PROVGRAPH_BLAKE3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LANES = 8, CHUNK_BYTES = 1024, BLOCK_BYTES = 64, GROUP = 16 };
enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };
#define GROUP_BYTES ((size_t)GROUP * CHUNK_BYTES)

typedef uint32_t lanes __attribute__((vector_size(4 * LANES)));

struct blake3 {
    uint8_t held[GROUP_BYTES]; /* what is not known yet to have more behind it */
    size_t count;
    uint64_t groups;
    uint32_t stack[54][8];
    int depth;
};

static const uint32_t blake3_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
/* The order of the message's words in each of the seven rounds. */
static const uint8_t blake3_order[7][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
    {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
    {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
    {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
    {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
    {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

#define TURNED(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define MIXED(v, a, b, c, d, x, y)                              \
    v[a] += v[b] + (x), v[d] ^= v[a], v[d] = TURNED(v[d], 16),  \
    v[c] += v[d], v[b] ^= v[c], v[b] = TURNED(v[b], 12),        \
    v[a] += v[b] + (y), v[d] ^= v[a], v[d] = TURNED(v[d], 8),   \
    v[c] += v[d], v[b] ^= v[c], v[b] = TURNED(v[b], 7)
#define ROUNDS(v, m)                                                         \
    _Pragma("GCC unroll 7") for (int r = 0; r < 7; r++) {                    \
        const uint8_t *o = blake3_order[r];                                  \
        MIXED(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);                             \
        MIXED(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);                             \
        MIXED(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);                            \
        MIXED(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);                            \
        MIXED(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);                            \
        MIXED(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);                          \
        MIXED(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);                           \
        MIXED(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);                           \
    }

static void blake3_compress(const uint32_t chain[8], const uint32_t m[16], uint64_t counter,
                            uint32_t length, uint32_t flags, uint32_t out[8]) {
    uint32_t v[16];
    for (int i = 0; i < 8; i++) v[i] = chain[i];
    for (int i = 0; i < 4; i++) v[8 + i] = blake3_start[i];
    v[12] = (uint32_t)counter, v[13] = (uint32_t)(counter >> 32), v[14] = length, v[15] = flags;
    ROUNDS(v, m)
    for (int i = 0; i < 8; i++) out[i] = v[i] ^ v[8 + i];
}

/* Eight blocks at once, each in its own lane. `inline` into a function for each instruction set. */
__attribute__((always_inline)) static inline void lanes_compress(lanes chain[8],
                                                                 const lanes m[16], lanes low,
                                                                 lanes high, uint32_t flags) {
    lanes v[16], zero = {0};
    for (int i = 0; i < 8; i++) v[i] = chain[i];
    for (int i = 0; i < 4; i++) v[8 + i] = zero + blake3_start[i];
    v[12] = low, v[13] = high, v[14] = zero + BLOCK_BYTES, v[15] = zero + flags;
    ROUNDS(v, m)
    for (int i = 0; i < 8; i++) chain[i] = v[i] ^ v[8 + i];
}

/* The chaining values of 8 whole chunks, or with `parents` of 8 pairs of chaining values. */
__attribute__((always_inline)) static inline void lanes_hash(const uint8_t *at, size_t stride,
                                                             int blocks, uint64_t counter,
                                                             bool parents, uint32_t out[][8]) {
    lanes chain[8], m[16], zero = {0}, low = zero, high = zero;
    for (int i = 0; i < 8; i++) chain[i] = zero + blake3_start[i];
    for (int lane = 0; lane < LANES && !parents; lane++) {
        low[lane] = (uint32_t)(counter + (uint64_t)lane);
        high[lane] = (uint32_t)((counter + (uint64_t)lane) >> 32);
    }
    for (int block = 0; block < blocks; block++) {
        for (int word = 0; word < 16; word++) {
            uint32_t one[LANES];
            for (int lane = 0; lane < LANES; lane++)
                __builtin_memcpy(&one[lane], at + (size_t)lane * stride + block * BLOCK_BYTES + word * 4, 4);
            __builtin_memcpy(&m[word], one, sizeof one);
        }
        uint32_t flags = parents ? PARENT
                                 : (uint32_t)((block == 0 ? CHUNK_START : 0) |
                                              (block == blocks - 1 ? CHUNK_END : 0));
        lanes_compress(chain, m, low, high, flags);
    }
    for (int lane = 0; lane < LANES; lane++)
        for (int i = 0; i < 8; i++) out[lane][i] = chain[i][lane];
}

/* The chaining value of a whole group of 16 chunks. */
__attribute__((always_inline)) static inline void lanes_group(const uint8_t *at, uint64_t counter,
                                                              uint32_t out[8]) {
    uint32_t values[GROUP][8], above[GROUP][8];
    for (int i = 0; i < GROUP; i += LANES)
        lanes_hash(at + (size_t)i * CHUNK_BYTES, CHUNK_BYTES, CHUNK_BYTES / BLOCK_BYTES,
                   counter + (uint64_t)i, false, values + i);
    lanes_hash((uint8_t *)values, BLOCK_BYTES, 1, 0, true, above);
    for (int n = LANES / 2; n; n /= 2)
        for (int i = 0; i < n; i++)
            blake3_compress(blake3_start, above[2 * i], 0, BLOCK_BYTES, PARENT, above[i]);
    __builtin_memcpy(out, above[0], 32);
}

static void group_plain(const uint8_t *at, uint64_t counter, uint32_t out[8]) {
    lanes_group(at, counter, out);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void group_avx2(const uint8_t *at, uint64_t counter,
                                                       uint32_t out[8]) {
    lanes_group(at, counter, out);
}

static bool has_avx2(void) {
    uint32_t a = 1, b, c = 0, d, low, high;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c & (1u << 27)) || !(c & (1u << 28))) return false; /* OSXSAVE, AVX */
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    if ((low & 6) != 6) return false;
    a = 7, c = 0;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b & (1u << 5);
}

static void blake3_group(const uint8_t *at, uint64_t counter, uint32_t out[8]) {
    static int wide = -1;
    if (wide < 0) wide = has_avx2();
    (wide ? group_avx2 : group_plain)(at, counter, out);
}
#else
static void blake3_group(const uint8_t *at, uint64_t counter, uint32_t out[8]) {
    group_plain(at, counter, out);
}
#endif

/* A node that may turn out to be the root: everything but whether it is. */
struct node {
    uint32_t chain[8], m[16];
    uint64_t counter;
    uint32_t length, flags;
};

static void node_value(const struct node *n, uint32_t out[8]) {
    blake3_compress(n->chain, n->m, n->counter, n->length, n->flags, out);
}

static struct node parent_of(const uint32_t left[8], const uint32_t right[8]) {
    struct node n = {.length = BLOCK_BYTES, .flags = PARENT};
    __builtin_memcpy(n.chain, blake3_start, 32);
    __builtin_memcpy(n.m, left, 32);
    __builtin_memcpy(n.m + 8, right, 32);
    return n;
}

static struct node chunk_node(const uint8_t *at, size_t size, uint64_t counter) {
    struct node n = {.counter = counter, .flags = CHUNK_START};
    __builtin_memcpy(n.chain, blake3_start, 32);
    while (size > BLOCK_BYTES) {
        __builtin_memcpy(n.m, at, BLOCK_BYTES);
        n.length = BLOCK_BYTES;
        node_value(&n, n.chain);
        n.flags = 0;
        at += BLOCK_BYTES, size -= BLOCK_BYTES;
    }
    __builtin_memset(n.m, 0, sizeof n.m);
    __builtin_memcpy(n.m, at, size);
    n.length = (uint32_t)size;
    n.flags |= CHUNK_END;
    return n;
}

/* Put a value on the stack, after joining those of whole subtrees; `total` counts its kind. */
static void blake3_push(uint32_t stack[][8], int *depth, uint32_t value[8], uint64_t total) {
    for (; !(total & 1); total >>= 1) {
        struct node n = parent_of(stack[--*depth], value);
        node_value(&n, value);
    }
    __builtin_memcpy(stack[(*depth)++], value, 32);
}

static void blake3_begin(struct blake3 *b) { b->count = 0, b->groups = 0, b->depth = 0; }

static void blake3_take(struct blake3 *b, const uint8_t *at) {
    uint32_t value[8];
    blake3_group(at, b->groups * GROUP, value);
    blake3_push(b->stack, &b->depth, value, ++b->groups);
}

static void blake3_add(struct blake3 *b, const void *from, size_t size) {
    const uint8_t *at = from;
    while (size) {
        if (b->count == GROUP_BYTES) blake3_take(b, b->held), b->count = 0;
        for (; !b->count && size > GROUP_BYTES; at += GROUP_BYTES, size -= GROUP_BYTES)
            blake3_take(b, at);
        size_t some = GROUP_BYTES - b->count < size ? GROUP_BYTES - b->count : size;
        __builtin_memcpy(b->held + b->count, at, some);
        b->count += some, at += some, size -= some;
    }
}

static void blake3_end(struct blake3 *b, uint8_t out[32]) {
    uint32_t stack[5][8], value[8];
    int depth = 0;
    const uint8_t *at = b->held;
    uint64_t chunk = 0;
    for (; b->count > CHUNK_BYTES; b->count -= CHUNK_BYTES, at += CHUNK_BYTES) {
        struct node n = chunk_node(at, CHUNK_BYTES, b->groups * GROUP + chunk);
        node_value(&n, value);
        blake3_push(stack, &depth, value, ++chunk);
    }
    struct node last = chunk_node(at, b->count, b->groups * GROUP + chunk);
    while (depth || b->depth) {
        node_value(&last, value);
        last = parent_of(depth ? stack[--depth] : b->stack[--b->depth], value);
    }
    last.flags |= ROOT;
    node_value(&last, value);
    __builtin_memcpy(out, value, 32);
}

#endif
