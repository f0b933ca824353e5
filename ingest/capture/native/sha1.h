/* SHA-1 as FIPS 180-4 has it, for the names that git gives to what files hold. */

#ifndef PROVGRAPH_SHA1_H
#define PROVGRAPH_SHA1_H

#include <stddef.h>
#include <stdint.h>

struct sha1 {
    uint32_t state[5];
    uint64_t length;
    uint8_t held[64];
};

#define LEFT(x, n) ((x) << (n) | (x) >> (32 - (n)))

#define TWENTY(from, f, k)                                             \
    _Pragma("GCC unroll 20") for (int t = from; t < (from) + 20; t++) { \
        uint32_t next = LEFT(a, 5) + (f) + e + (k) + w[t];              \
        e = d, d = c, c = LEFT(b, 30), b = a, a = next;                 \
    }

static void sha1_block(uint32_t state[5], const uint8_t *at) {
    uint32_t w[80];
    for (int t = 0; t < 16; t++, at += 4)
        w[t] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    _Pragma("GCC unroll 64") for (int t = 16; t < 80; t++) {
        uint32_t x = w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16];
        w[t] = LEFT(x, 1);
    }
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    TWENTY(0, (b & c) | (~b & d), 0x5a827999)
    TWENTY(20, b ^ c ^ d, 0x6ed9eba1)
    TWENTY(40, (b & c) | (d & (b | c)), 0x8f1bbcdc)
    TWENTY(60, b ^ c ^ d, 0xca62c1d6)
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

static void sha1_begin(struct sha1 *s) {
    static const uint32_t start[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    __builtin_memcpy(s->state, start, sizeof start);
    s->length = 0;
}

static void sha1_add(struct sha1 *s, const void *from, size_t size) {
    const uint8_t *at = from;
    size_t held = s->length & 63;
    s->length += size;
    if (held) {
        size_t some = 64 - held < size ? 64 - held : size;
        __builtin_memcpy(s->held + held, at, some);
        at += some, size -= some;
        if (held + some < 64) return;
        sha1_block(s->state, s->held);
    }
    for (; size >= 64; at += 64, size -= 64) sha1_block(s->state, at);
    __builtin_memcpy(s->held, at, size);
}

static void sha1_end(struct sha1 *s, uint8_t out[20]) {
    static const uint8_t padding[64] = {0x80};
    uint8_t bits[8];
    for (int n = 0; n < 8; n++) bits[n] = (uint8_t)(s->length * 8 >> (56 - 8 * n));
    sha1_add(s, padding, 64 - ((s->length + 8) & 63));
    sha1_add(s, bits, 8);
    for (int n = 0; n < 20; n++) out[n] = (uint8_t)(s->state[n / 4] >> (24 - 8 * (n % 4)));
}

#endif
