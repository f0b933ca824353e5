/* Starting programs, waiting for them, and ending as they ended: docs/decisions/run-waits-as-the-parent.md
 * tells which signals are whose. What is here does as `program.py` does. */

#ifndef PROVGRAPH_PROGRAM_H
#define PROVGRAPH_PROGRAM_H

#include <elf.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "system.h"

#if defined(__x86_64__)
#define MACHINE EM_X86_64
#else
#define MACHINE EM_AARCH64
#endif

/* Left as they are: what cannot be blocked, and what only a fault of our own would raise. */
#define UNBLOCKED                                                                              \
    (SIGNAL(SIGKILL) | SIGNAL(SIGSTOP) | SIGNAL(SIGSEGV) | SIGNAL(SIGBUS) | SIGNAL(SIGFPE) |   \
     SIGNAL(SIGILL) | SIGNAL(SIGTRAP))
#define TAKEN (~(signals)UNBLOCKED)
#define ENDING (SIGNAL(SIGINT) | SIGNAL(SIGTERM) | SIGNAL(SIGHUP) | SIGNAL(SIGQUIT))
#define DUMPING                                                                                 \
    (SIGNAL(SIGQUIT) | SIGNAL(SIGILL) | SIGNAL(SIGTRAP) | SIGNAL(SIGABRT) | SIGNAL(SIGBUS) |    \
     SIGNAL(SIGFPE) | SIGNAL(SIGSEGV) | SIGNAL(SIGXCPU) | SIGNAL(SIGXFSZ) | SIGNAL(SIGSYS))

static signals mask_before;
static bool children_ignored; /* SIGCHLD was: our own children would be gone before we see their end */

static void take_signals(void) {
    struct kernel_action was = {0}, plain = {0};
    block(SIG_SETMASK, TAKEN, &mask_before);
    action(SIGCHLD, &plain, &was);
    children_ignored = was.handler == IGNORED;
}

/* As if we had never been there, for a program that takes our place. */
static void give_signals_back(void) {
    struct kernel_action ignore = {.handler = IGNORED};
    siginfo_t about;
    while (take_signal(SIGNAL(SIGCHLD), 0, &about) > 0) {}
    if (children_ignored) action(SIGCHLD, &ignore, NULL);
    block(SIG_SETMASK, mask_before, NULL);
}

static void die_by(int number) {
    struct kernel_action plain = {0};
    if (DUMPING & SIGNAL(number)) { /* without a core of our own */
        struct rlimit none = {0, 0};
        call4(SYS_prlimit64, 0, RLIMIT_CORE, &none, NULL);
        call2(SYS_prctl, PR_SET_DUMPABLE, 0);
    }
    action(number, &plain, NULL);
    call2(SYS_kill, call0(SYS_getpid), number);
    block(SIG_UNBLOCK, SIGNAL(number), NULL);
    call1(SYS_exit_group, 128 + number);
}

/* ---- starting ---------------------------------------------------------------------------------- */

struct launch {
    const char *path;
    char *const *argv;
    char *const *envp;
    int output; /* what its standard output is, with no input and no errors to be seen; or -1 */
};

__attribute__((noinline, noreturn)) static void become(const struct launch *l, volatile int *error) {
    /* The memory is our parent's, which waits: nothing is written but the answer. */
    struct kernel_action ignore = {.handler = IGNORED};
    if (l->output >= 0) {
        int null = open_at(AT_FDCWD, "/dev/null", O_RDWR, 0);
        call3(SYS_dup3, null, 0, 0);
        call3(SYS_dup3, l->output, 1, 0);
        call3(SYS_dup3, null, 2, 0);
    }
    if (children_ignored) action(SIGCHLD, &ignore, NULL);
    block(SIG_SETMASK, mask_before, NULL);
    *error = (int)-call3(SYS_execve, l->path, l->argv, l->envp);
    for (;;) call1(SYS_exit_group, 127);
}

/* The process id; the negative error number where it cannot be started. */
__attribute__((noinline)) static long start(const struct launch *l) {
    volatile int error = 0;
    long pid = call5(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) become(l, &error);
    if (pid > 0 && error) {
        int status;
        call4(SYS_wait4, pid, &status, 0, NULL);
        return -error;
    }
    return pid;
}

/* ---- which file is meant, and is it one that the shim can be loaded into? ---------------------- */

static const char *variable(char *const *envp, const char *name) {
    size_t n = length_of(name);
    for (; *envp; envp++)
        if (memcmp(*envp, name, n) == 0 && (*envp)[n] == '=') return *envp + n + 1;
    return NULL;
}

static bool is_program(const char *path) {
    struct stat s;
    return stat_at(AT_FDCWD, path, &s, 0) && S_ISREG(s.st_mode) && may(path, 1 /* X_OK */);
}

static bool find_program(const char *name, char *const *envp, char found[PATH_ROOM]) {
    struct slice word = slice_of(name);
    if (!word.size || word.size >= PATH_ROOM) return false;
    if (last_part(word).size != word.size) {
        memcpy(found, name, word.size + 1);
        return is_program(name);
    }
    const char *folders = variable(envp, "PATH");
    struct slice rest = slice_of(folders ? folders : "/bin:/usr/bin");
    bool more = true;
    while (more) {
        more = false;
        for (size_t n = 0; n < rest.size; n++) more = more || rest.at[n] == ':';
        struct slice folder = until(&rest, ':');
        if (!folder.size) folder = slice_of(".");
        if (folder.size + word.size + 2 > PATH_ROOM) continue;
        memcpy(found, folder.at, folder.size);
        found[folder.size] = '/';
        memcpy(found + folder.size + 1, name, word.size + 1);
        if (is_program(found)) return true;
    }
    return false;
}

/* Has a dynamic linker and is not of Go, whose programs make system calls by themselves. */
static bool is_linked(const char *head, size_t size) {
    Elf64_Ehdr e;
    Elf64_Phdr p;
    if (size < sizeof e) return false;
    memcpy(&e, head, sizeof e);
    if (memcmp(e.e_ident, ELFMAG, SELFMAG) != 0 || e.e_ident[EI_CLASS] != ELFCLASS64 ||
        e.e_machine != MACHINE)
        return false;
    bool linked = false;
    for (unsigned n = 0; n < e.e_phnum; n++) {
        uint64_t at = e.e_phoff + (uint64_t)n * e.e_phentsize;
        if (at > size || size - at < sizeof p) return false;
        memcpy(&p, head + at, sizeof p);
        linked = linked || p.p_type == PT_INTERP;
        if (p.p_type == PT_NOTE && p.p_offset + 16 <= size && p.p_filesz >= 16 &&
            memcmp(head + p.p_offset + 12, "Go", 2) == 0)
            return false;
    }
    return linked;
}

/* Whether the program at `path` is surely one that the shim sees; a script is its interpreter. */
static bool is_traceable(const char *path, char *const *envp) {
    static char head[4096], next[PATH_ROOM];
    for (int depth = 0; depth < 5; depth++) {
        struct stat s;
        if (!stat_at(AT_FDCWD, path, &s, 0)) return false;
        if (s.st_mode & (S_ISUID | S_ISGID) && s.st_uid != (uint32_t)call0(SYS_getuid)) return false;
        long size = read_file(path, head, sizeof head);
        if (size < 4 || head[0] != '#' || head[1] != '!')
            return size > 0 && is_linked(head, (size_t)size);
        struct slice rest = {head + 2, (size_t)size - 2};
        struct slice line = until(&rest, '\n'), word = {"", 0};
        while (line.size && !word.size) word = until(&line, ' ');
        if (ends(word, "/env")) { /* `env NAME`, without options */
            struct slice name = {"", 0};
            while (line.size && !name.size) name = until(&line, ' ');
            char *kept = name.size && *name.at != '-' ? text_kept(name) : NULL;
            if (!kept || !find_program(kept, envp, next)) return false;
        } else {
            if (!word.size || word.size >= sizeof next || contains(word, "\t")) return false;
            memcpy(next, word.at, word.size);
            next[word.size] = 0;
        }
        path = next;
    }
    return false;
}

/* ---- waiting ----------------------------------------------------------------------------------- */

static struct {
    long pid;
    bool ended;
    int status; /* as wait gives it */
    uint64_t at; /* the tick when it was seen to have ended */
    bool interrupted; /* we were told to end after it had */
} program;

static bool is_stopped(long pid) {
    char path[64], text[512], digits[12];
    int n = sizeof digits - 1;
    digits[n] = 0;
    for (; pid; pid /= 10) digits[--n] = (char)('0' + pid % 10);
    long size = JOIN(path, "/proc/", digits + n, "/stat") ? read_file(path, text, sizeof text) : -1;
    while (size > 0 && text[size - 1] != ')') size--;
    return size > 0 && text[size + 1] == 'T';
}

/* The shell waits for us, so it learns by our stopping that the program stopped. */
static void stop_too(int number) {
    call2(SYS_kill, call0(SYS_getpid), number);
    if (number != SIGSTOP) {
        block(SIG_UNBLOCK, SIGNAL(number), NULL);
        block(SIG_BLOCK, SIGNAL(number), NULL);
    }
    if (is_stopped(program.pid)) /* whoever woke us up did not wake the group */
        call2(SYS_kill, program.pid, SIGCONT);
}

/* As a container's first process we are the parent of all that lost theirs. */
static void reap(void) {
    long anybody = call0(SYS_getpid) == 1 ? -1 : program.pid, pid;
    int status;
    while ((pid = call4(SYS_wait4, anybody, &status, WNOHANG | WUNTRACED, NULL)) > 0) {
        if (pid != program.pid) continue;
        if ((status & 0xff) == 0x7f) {
            stop_too(status >> 8 & 0xff);
            return;
        }
        program.at = tick();
        program.ended = true, program.status = status;
        return;
    }
}

/* Wait so long for a signal, and deal with it; whether there was one. */
static bool attend(uint64_t nanoseconds) {
    siginfo_t about;
    long number = take_signal(TAKEN, nanoseconds, &about);
    if (number <= 0) return false;
    if (program.ended) {
        if (ENDING & SIGNAL(number)) program.interrupted = true;
    } else if (number == SIGCHLD) {
        reap();
    } else if (about.si_code <= 0 && number != SIGCONT) { /* sent by a process, to us */
        call2(SYS_kill, program.pid, number);
    }
    return true;
}

#endif
