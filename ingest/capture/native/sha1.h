/* SHA-1 as FIPS 180-4 has it, for the names that git gives to what files hold. */

#ifndef PROVGRAPH_SHA1_H
#define PROVGRAPH_SHA1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

#if defined(__x86_64__)
/* Four rounds are one instruction; the schedule of the words makes them ready for it. */
#define FOURS(from, kind)                                                                          \
    _Pragma("GCC unroll 5") for (int t = from; t < (from) + 5; t++) {                               \
        if (t >= 4)                                                                                \
            w[t & 3] = _mm_sha1msg2_epu32(                                                         \
                _mm_xor_si128(_mm_sha1msg1_epu32(w[t & 3], w[(t + 1) & 3]), w[(t + 2) & 3]),       \
                w[(t + 3) & 3]);                                                                   \
        e = t ? _mm_sha1nexte_epu32(last, w[t & 3]) : _mm_add_epi32(e, w[0]);                      \
        last = abcd, abcd = _mm_sha1rnds4_epu32(abcd, e, kind);                                    \
    }

__attribute__((target("sha,ssse3"))) static void sha1_by_cpu(uint32_t state[5], const uint8_t *at,
                                                              size_t blocks) {
    const __m128i reversed = _mm_set_epi64x(0x0001020304050607, 0x08090a0b0c0d0e0f);
    __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0x1b);
    __m128i e = _mm_set_epi32((int)state[4], 0, 0, 0), last, w[4];
    for (; blocks; blocks--, at += 64) {
        __m128i abcd_before = abcd, e_before = e;
        for (int t = 0; t < 4; t++)
            w[t] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(at + 16 * t)), reversed);
        FOURS(0, 0)
        FOURS(5, 1)
        FOURS(10, 2)
        FOURS(15, 3)
        e = _mm_sha1nexte_epu32(last, e_before);
        abcd = _mm_add_epi32(abcd, abcd_before);
    }
    _mm_storeu_si128((__m128i *)state, _mm_shuffle_epi32(abcd, 0x1b));
    state[4] = (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(e, 12));
}

static int sha1_is_known = -1; /* to this processor, once it was asked */

static bool cpu_knows_sha1(void) {
    uint32_t a = 1, b, c = 0, d;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c & (1u << 9))) return false; /* SSSE3 */
    a = 7, c = 0;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return b & (1u << 29);
}
#endif

static void sha1_blocks(uint32_t state[5], const uint8_t *at, size_t blocks) {
#if defined(__x86_64__)
    if (sha1_is_known < 0) sha1_is_known = cpu_knows_sha1();
    if (sha1_is_known) {
        sha1_by_cpu(state, at, blocks);
        return;
    }
#endif
    for (; blocks; blocks--, at += 64) sha1_block(state, at);
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
        sha1_blocks(s->state, s->held, 1);
    }
    sha1_blocks(s->state, at, size / 64);
    __builtin_memcpy(s->held, at + (size & ~(size_t)63), size & 63);
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
