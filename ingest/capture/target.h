/* Can the shim be loaded into a program? Looks at its file as exec would. */

#ifndef PROVGRAPH_TARGET_H
#define PROVGRAPH_TARGET_H

#include "writer.h"

/* Not pointers: each would be a relocation. */
static const char reasons[][24] = {"", "static", "architecture", "go", "setuid", "capabilities",
                                      "scrubbed environment", "another root", "another user", "library removed", "inert"};
enum reason { SEEN, STATIC, ARCHITECTURE, GO, SETUID, CAPABILITIES, SCRUBBED, ROOTED, UNREADABLE, REMOVED, INERT };

/* Whether the program that exec would run loads the shim. */
struct target {
    enum reason reason;
    bool script, known;
    bool wakes; /* the shim is sure to wake in it before its own code runs */
    uint64_t look; /* by which looks at its code are kept, or 0 */
    struct program program;
};

SHARED enum reason why_privileged(const struct stat *s, int fd) {
    if (s->st_mode & S_ISUID && s->st_uid != (uint32_t)call1(SYS_getuid, 0)) return SETUID;
    if ((s->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) &&
        s->st_gid != (uint32_t)call1(SYS_getgid, 0))
        return SETUID;
    if (call1(SYS_getuid, 0) != 0 && call4(SYS_fgetxattr, fd, "security.capability", 0, 0) > 0)
        return CAPABILITIES;
    return SEEN;
}

/* Go's own linker leaves a note; its programs ask the kernel directly even where libc is loaded. */
SHARED bool has_go_note(const char *file, long size, const ElfW(Phdr) *header) {
    if (header->p_offset % 4 || header->p_offset > (uint64_t)size - 16) return false;
    const uint32_t *note = (const void *)(file + header->p_offset);
    return note[0] == 4 && note[2] == 4 && begins((const char *)(note + 3), "Go");
}

SHARED enum reason why_escaping(const char *file, long size, const char *path) {
    const ElfW(Ehdr) *elf = (const void *)file;
    if (elf->e_ident[EI_CLASS] != ELFCLASS64 || elf->e_machine != MACHINE) return ARCHITECTURE;
    if (elf->e_phentsize != sizeof(ElfW(Phdr)) || elf->e_phoff % 8) return SEEN;
    bool interpreted = false, go = false;
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        uint64_t at = elf->e_phoff + i * sizeof(ElfW(Phdr));
        if (at > (uint64_t)size - sizeof(ElfW(Phdr))) return SEEN; /* far away: believed */
        const ElfW(Phdr) *header = (const void *)(file + at);
        if (header->p_type == PT_INTERP) interpreted = true;
        if (header->p_type == PT_NOTE && has_go_note(file, size, header)) go = true;
    }
    if (interpreted) return go ? GO : SEEN;
    const char *name = path;
    for (const char *c = path; *c; c++)
        if (*c == '/') name = c + 1;
    return begins(name, "ld-") || begins(name, "ld.") ? SEEN : STATIC; /* the loader itself */
}

enum { HEAD = 4096 };

/* Reads the head of `fd`, and of the interpreters that it names, into `head`, which is aligned as an ELF file wants it. */
SHARED void inspect(struct target *t, int fd, const char *path, char head[HEAD]) {
    for (int depth = 0, at = fd; depth < 5; depth++) {
        struct stat s;
        long n = raw_fstat(at, &s) ? call4(SYS_pread64, at, head, HEAD - 1, 0) : -1;
        enum reason privileged = n > 0 ? why_privileged(&s, at) : SEEN;
        if (at != fd) raw_close(at);
        if (n < 4) return;
        if (head[0] != '#' || head[1] != '!') {
            t->reason = privileged;
            if (!t->reason && n > (long)sizeof(ElfW(Ehdr)) && begins(head, "\177ELF"))
                t->reason = why_escaping(head, n, path);
            return;
        }
        t->script = true; /* whose own setuid bit the kernel ignores */
        head[n] = 0;
        char *start = head + 2;
        while (*start == ' ' || *start == '\t') start++;
        char *end = start;
        while (*end && *end != ' ' && *end != '\t' && *end != '\n') end++;
        *end = 0;
        path = start;
        at = raw_open(AT_FDCWD, start, O_RDONLY);
        if (at < 0) return;
    }
}

#endif
