/* Does a program ask the kernel by itself, past libc? Looks for the instruction in its text, as
 * docs/decisions/calls-past-libc.md tells. */

#ifndef PROVGRAPH_DIRECT_H
#define PROVGRAPH_DIRECT_H

#include "system.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

/* What is found in a text. */
enum {
    RENAMES = 1 << 0, /* calls that name, rename, remove or change files */
    OPENS = 1 << 1,   /* calls that open files or run programs */
    ANY = 1 << 2,     /* a function that makes whichever call it is told */
};

SHARED unsigned kind_of_call(long number) {
    switch (number) {
#ifdef SYS_open
    case SYS_open:
    case SYS_creat:
#endif
    case SYS_openat:
    case SYS_openat2:
    case SYS_open_by_handle_at:
    case SYS_execve:
    case SYS_execveat:
    case SYS_io_uring_setup: return OPENS;
#ifdef SYS_rename
    case SYS_rename:
    case SYS_link:
    case SYS_unlink:
#endif
#ifdef SYS_renameat
    case SYS_renameat:
#endif
    case SYS_renameat2:
    case SYS_linkat:
    case SYS_unlinkat:
    case SYS_truncate:
    case SYS_io_submit: return RENAMES;
    default: return 0;
    }
}

enum { BEHIND = 80, AHEAD = 16 }; /* bytes around an instruction that are looked at */

#if defined(__x86_64__)

/* One instruction: its opcode, with the number of its table above; where that stands; its registers. */
struct instruction {
    unsigned size, opcode, mode, reg, rm;
    const unsigned char *at;
};

/* Whether one begins at `p`, as a compiler would write it. */
SHARED bool decode(struct instruction *i, const unsigned char *p, const unsigned char *end) {
    const unsigned char *at = p;
    unsigned rex = 0, table = 0, immediate = 0, word = 4;
    bool vector = false, registers = false;
    if (end - p < AHEAD) return false;
    for (; at - p < 5; at++) {
        if (*at == 0x66)
            word = 2;
        else if (*at != 0x67 && *at != 0xf2 && *at != 0xf3 && *at != 0x2e && *at != 0x64 && *at != 0x65 &&
                 *at != 0xf0)
            break;
    }
    if ((*at & 0xf0) == 0x40) rex = *at++;
    unsigned code = *at;
    if (code == 0xc5) {
        table = 1, vector = true, at += 2;
    } else if (code == 0xc4 || code == 0x62) {
        table = at[1] & (code == 0x62 ? 7 : 31), vector = true, at += code == 0x62 ? 4 : 3;
    } else if (code == 0x0f) {
        table = at[1] == 0x38 ? 2 : at[1] == 0x3a ? 3 : 1;
        at += table == 1 ? 1 : 2;
    }
    code = *at;
    i->at = at++;
    if (table > 1) {
        registers = true;
        immediate = table == 3;
    } else if (table == 1) {
        registers = !(vector ? code == 0x77
                             : (code >= 0x05 && code <= 0x0b) || (code & 0xf8) == 0x30 || code == 0x77 ||
                                   (code & 0xf0) == 0x80 || (code & 0xf4) == 0xa0 || (code & 0xf8) == 0xc8);
        if (!vector && (code == 0x04 || code == 0x0a || code == 0x0c || (code & 0xfc) == 0x24)) return false;
        if (!vector && (code == 0xa3 || code == 0xab)) registers = true;
        if (!vector && (code & 0xf0) == 0x80) immediate = 4;
        if ((code & 0xfc) == 0x70 || code == 0xa4 || code == 0xac || code == 0xba || code == 0xc2 ||
            (code >= 0xc4 && code <= 0xc6))
            immediate = 1;
    } else if (code < 0x40) {
        if ((code & 7) > 5) return false;
        registers = (code & 7) < 4;
        immediate = (code & 7) == 4 ? 1 : (code & 7) == 5 ? word : 0;
    } else if (code >= 0x60 && code < 0x70) {
        if (code < 0x63 || code == 0x64 || code == 0x65) return false;
        registers = code == 0x63 || code == 0x69 || code == 0x6b;
        immediate = code == 0x68 || code == 0x69 ? word : code == 0x6a || code == 0x6b;
    } else if (code >= 0x70 && code < 0x80) {
        immediate = 1;
    } else if (code >= 0x80 && code < 0x90) {
        if (code == 0x82) return false;
        registers = true;
        immediate = code == 0x81 ? word : code == 0x80 || code == 0x83;
    } else if (code >= 0xa0 && code < 0xc0) {
        if (code < 0xa4)
            immediate = 8;
        else if (code >= 0xb8)
            immediate = rex & 8 ? 8 : word;
        else
            immediate = code == 0xa9 ? word : code == 0xa8 || code >= 0xb0;
    } else if (code >= 0xc0 && code < 0xd0) {
        if (code == 0xce) return false;
        registers = code < 0xc2 || code == 0xc6 || code == 0xc7;
        immediate = code == 0xc7                   ? word
                    : code == 0xc2 || code == 0xca ? 2
                    : code == 0xc8                 ? 3
                                                   : code < 0xc2 || code == 0xc6 || code == 0xcd;
    } else if (code >= 0xd0) {
        if ((code >= 0xd4 && code <= 0xd6) || code == 0xea) return false;
        registers = code < 0xd4 || (code & 0xf8) == 0xd8 || code == 0xf6 || code == 0xf7 || code >= 0xfe;
        immediate = code == 0xe8 || code == 0xe9 ? 4 : code >= 0xe0 && code <= 0xeb;
    } else if (code == 0x9a) {
        return false;
    }
    i->mode = i->reg = 0;
    i->rm = (code & 7) | (rex & 1) << 3;
    if (registers) {
        unsigned byte = *at++;
        i->mode = byte >> 6;
        i->reg = (byte >> 3 & 7) | (rex & 4) << 1;
        i->rm = (byte & 7) | (rex & 1) << 3;
        unsigned base = byte & 7;
        if (i->mode != 3) {
            if (base == 4) base = *at++ & 7;
            at += i->mode == 1 ? 1 : i->mode == 2 || base == 5 ? 4 : 0;
        }
        if (!table && (code == 0xf6 || code == 0xf7) && !(byte & 0x30)) immediate = code == 0xf6 ? 1 : word;
    }
    i->opcode = (vector ? 8 : table) << 8 | code;
    i->size = (unsigned)(at - p) + immediate;
    return true;
}

enum { RAX = 0, RDX = 2, RSI = 6, RDI = 7, R10 = 10, UNTOLD = -1, NO_CALL = -2 };

/* The register that an instruction writes, as far as it matters here; -1 where none. */
SHARED int written_by(const struct instruction *i) {
    unsigned code = i->opcode;
    if (code == 0x89 || code == 0xc7 || code == 0x01 || code == 0x09 || code == 0x21 || code == 0x29 || code == 0x31 ||
        ((code == 0x81 || code == 0x83) && i->reg % 8 != 7))
        return i->mode == 3 ? (int)i->rm : -1;
    if (code == 0x8b || code == 0x8d || code == 0x63 || code == 0x03 || code == 0x0b || code == 0x23 ||
        code == 0x2b || code == 0x33 || (code & 0xff6) == 0x1b6 || (code & 0xff0) == 0x140)
        return (int)i->reg;
    return (code & ~7u) == 0xb8 || (code & ~7u) == 0x58 ? (int)i->rm : -1;
}

/* The number of the call, as far as it is told between `p` and `call`; whether all registers are
 * given something, as for a call of any kind. NO_CALL where no instruction begins there. */
SHARED long number_between(const unsigned char *p, const unsigned char *call, const unsigned char *end, bool *any) {
    struct instruction i;
    int32_t values[16], pushed = UNTOLD;
    unsigned given = 0;
    memset(values, 0xff, sizeof values);
    while (p < call) {
        if (!decode(&i, p, end)) {
            p++, given = 0;
            memset(values, 0xff, sizeof values);
            continue;
        }
        int to = written_by(&i);
        int32_t value = UNTOLD;
        bool calls = i.opcode == 0xe8 || (i.opcode == 0xff && i.mode == 3 && i.reg == 2), asks = i.opcode == 0x105;
        if (i.opcode == 0xe9 || i.opcode == 0xeb || i.opcode == 0xc3 || calls || asks) given = 0;
        if (calls || asks) values[RAX] = UNTOLD; /* what else a function changes is not what is given to the next */
        if (to >= 0) given |= 1u << to;
        if ((i.opcode & ~7u) == 0xb8 || i.opcode == 0xc7)
            __builtin_memcpy(&value, i.at + (i.opcode == 0xc7 ? 2 : 1), 4);
        else if (i.opcode == 0x89)
            value = values[i.reg];
        else if (i.opcode == 0x8b && i.mode == 3)
            value = values[i.rm];
        else if ((i.opcode & ~7u) == 0x58)
            value = pushed;
        if (to >= 0) values[to] = value;
        if (i.opcode == 0x6a) pushed = (signed char)i.at[1];
        p += i.size;
    }
    long number = values[RAX];
    *any = !(~given & (1u << RAX | 1u << RDI | 1u << RSI | 1u << RDX | 1u << R10));
    return p == call ? number : NO_CALL;
}

/* Reading may begin within an instruction, but gets into step soon: so most beginnings must agree. */
SHARED unsigned what_is_called(const unsigned char *text, const unsigned char *call, const unsigned char *end) {
    enum { BEGINNINGS = 16 };
    unsigned agreeing = 0, tried = 0, kind = 0;
    for (unsigned n = 0; n < BEGINNINGS; n++) {
        const unsigned char *from = call - BEHIND + n;
        if (from < text) from = text;
        bool any;
        long number = number_between(from, call, end, &any);
        tried++;
        if (number != NO_CALL) agreeing++, kind = number >= 0 ? kind_of_call(number) : any ? ANY : 0;
        if (from == text) break;
    }
    return agreeing * 4 >= tried * 3 ? kind : 0;
}

/* What is called between `from` and `to` in a text that lies between `text` and `end`. */
SHARED unsigned calls_between(const unsigned char *text, const unsigned char *from, const unsigned char *to,
                              const unsigned char *end) {
    const __m128i first = _mm_set1_epi8(0x0f), second = _mm_set1_epi8(0x05);
    unsigned found = 0;
    while (from < to) {
        unsigned hits = 0;
        if (end - from > 16) {
            __m128i a = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)from), first);
            __m128i b = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(from + 1)), second);
            hits = (unsigned)_mm_movemask_epi8(_mm_and_si128(a, b));
        } else {
            for (int n = 0; n + 1 < end - from; n++) hits |= (unsigned)(from[n] == 0x0f && from[n + 1] == 0x05) << n;
        }
        for (; UNLIKELY(hits); hits &= hits - 1) {
            const unsigned char *call = from + __builtin_ctz(hits);
            if (call < to) found |= what_is_called(text, call, end);
        }
        from += 16;
    }
    return found;
}

#else

/* Each instruction is a word: the number is put into x8 before `svc 0`. */
SHARED unsigned calls_between(const unsigned char *text, const unsigned char *from, const unsigned char *to,
                              const unsigned char *end) {
    const uint32_t *first = (const void *)text;
    unsigned found = 0;
    for (const uint32_t *call = (const void *)(((uintptr_t)from + 3) & ~(uintptr_t)3);
         (const unsigned char *)(call + 1) <= end && (const unsigned char *)call < to; call++) {
        if (LIKELY(*call != 0xd4000001)) continue;
        uint32_t given = 0; /* of x0 to x3 */
        for (const uint32_t *i = call; i-- > first && call - i <= BEHIND / 4;) {
            if ((*i & 0x7fe0001f) == 0x52800008) { /* mov w8, number */
                found |= kind_of_call(*i >> 5 & 0xffff);
                break;
            }
            if (*i == 0xd65f03c0 || (*i & 0xfc000000) == 0x94000000) break; /* ret, bl */
            bool moves = (*i & 0x7fe0ffe0) == 0x2a0003e0;                   /* mov register, register */
            bool loads = (*i & 0xbfc00000) == 0xb9400000 || (*i & 0xbfe00c00) == 0xb8400000;
            if (!moves && !loads) continue;
            if ((*i & 31) < 4) given |= 1u << (*i & 31);
            if ((*i & 31) == 8) {
                bool parameter = loads || (*i >> 16 & 31) < 8;
                for (const uint32_t *j = i; j-- > first && call - j <= BEHIND / 4;)
                    if (((*j & 0x7fe0ffe0) == 0x2a0003e0 || (*j & 0xbfc00000) == 0xb9400000) && (*j & 31) < 4)
                        given |= 1u << (*j & 31);
                if (parameter && given == 15) found |= ANY;
                break;
            }
        }
    }
    return found;
}

#endif

/* What the code of a file calls, that is open as `fd`; it is mapped piece by piece, and nothing is
 * left of that. What cannot be looked at calls nothing. */
SHARED unsigned calls_in(int fd, uint64_t size) {
    enum { PIECE = 2 << 20, GRAIN = 64 << 10, MOST = 32 };
    ElfW(Ehdr) elf;
    ElfW(Phdr) headers[MOST];
    unsigned found = 0;
    if (call4(SYS_pread64, fd, &elf, sizeof elf, 0) != sizeof elf || !begins((const char *)elf.e_ident, ELFMAG) ||
        elf.e_machine != MACHINE || elf.e_phentsize != sizeof *headers)
        return 0;
    size_t room = (elf.e_phnum < MOST ? elf.e_phnum : MOST) * sizeof *headers;
    long n = call4(SYS_pread64, fd, headers, room, elf.e_phoff);
    for (const ElfW(Phdr) *h = headers; (const char *)(h + 1) <= (const char *)headers + n; h++) {
        uint64_t end = h->p_offset + h->p_filesz;
        if (h->p_type != PT_LOAD || !(h->p_flags & PF_X) || end > size || end < h->p_offset) continue;
        for (uint64_t from = h->p_offset; from < end; from += PIECE) {
            uint64_t text = from - h->p_offset > BEHIND ? from - BEHIND : h->p_offset, base = text & ~(uint64_t)(GRAIN - 1);
            uint64_t last = end - from > PIECE + AHEAD ? from + PIECE + AHEAD : end;
            long mapped = call6(SYS_mmap, 0, (long)(last - base), PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, (long)base);
            if (mapped < 0 && mapped > -4096) return found;
            const unsigned char *bytes = (const unsigned char *)mapped - base;
            found |= calls_between(bytes + text, bytes + from, bytes + (end - from > PIECE ? from + PIECE : end), bytes + last);
            call2(SYS_munmap, mapped, last - base);
        }
    }
    return found;
}

#endif
