/* Runs a program that test_any_program.py drew: `actors SHARED ACTOR AT SLOTS FOLDER PROGRAM`.
 *
 * A program is a list of steps, one a line: the number of an actor (a process or a thread), an operation and its
 * arguments. Actors take their turns in that order, whoever they are, so that what happens is the same each time. A byte
 * of a file is the name of the input that it came from, and a process writes the names of all that it has read. What
 * every step did is logged in System V shared memory, of which a test leaves out what is told; the first actor prints it at its end.
 *
 * SHARED is the number of that memory, `new` for the first. After an exec, ACTOR goes on behind the step AT with the
 * descriptors in SLOTS; what its process had read the new program does not know. A name that begins with a slash is one
 * in FOLDER. */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS = 256, SLOTS = 12, ACTORS = 64, INPUTS = 8, CELL = 64, LOG = 1 << 18, PATIENCE = 30 };

struct shared {
    uint32_t turn, length;
    pid_t pids[ACTORS];
    ino_t given[3]; /* what the first actor began with */
    char log[LOG];
};

struct mapping {
    char *at;
    size_t size;
    ino_t inode;
    bool shared;
};

/* What a process has; a child of vfork borrows it. */
struct holding {
    int slots[SLOTS];
    FILE *streams[SLOTS];
    char small[SLOTS][8]; /* buffers of streams */
    struct mapping mappings[SLOTS];
    char heard[INPUTS + 1];
};

static struct shared *shared;
static struct holding own;
static ino_t touched[2]; /* by the step, other than through a descriptor */
static pthread_t threads[ACTORS];
static char *steps[STEPS], *text, *name_of_shared, *program;
static int count;
static char top[4096];
extern char **environ;

static void run(int actor, int at);

/* ---- turns -------------------------------------------------------------------------------------- */

static void await(uint32_t turn) {
    for (uint32_t now; (now = __atomic_load_n(&shared->turn, __ATOMIC_ACQUIRE)) != turn;)
        syscall(SYS_futex, &shared->turn, FUTEX_WAIT, now, NULL, NULL, 0);
}

static void pass(int at) {
    __atomic_store_n(&shared->turn, (uint32_t)at + 1, __ATOMIC_RELEASE);
    syscall(SYS_futex, &shared->turn, FUTEX_WAKE, ACTORS, NULL, NULL, 0);
}

static void say(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    int n = vsnprintf(shared->log + shared->length, LOG - shared->length, format, rest);
    va_end(rest);
    if (n > 0 && (uint32_t)n < LOG - shared->length) shared->length += (uint32_t)n;
}

/* One line: the step, its actor, what came of it, and all files and pipes that its process has: how it may use each,
 * its inode and the stamp of its state. */
static void tell(int at, int actor, long result) {
    struct stat s;
    say("%d %d %ld", at, actor, result);
    for (int fd = 0; fd < 48; fd++) {
        if (fstat(fd, &s) || !(S_ISREG(s.st_mode) || S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode))) continue;
        if (s.st_ino == shared->given[0] || s.st_ino == shared->given[1] || s.st_ino == shared->given[2]) continue;
        int flags = fcntl(fd, F_GETFL);
        char how = flags & O_PATH ? 'p' : "rwbb"[flags & O_ACCMODE];
        if (S_ISREG(s.st_mode))
            say(" %c:%lu:%ld.%ld.%09ld", how, (long)s.st_ino, (long)s.st_size, (long)s.st_mtim.tv_sec,
                s.st_mtim.tv_nsec);
        else
            say(" %c:%lu:-", S_ISSOCK(s.st_mode) ? 'b' : how, S_ISSOCK(s.st_mode) ? 1 : (long)s.st_ino);
    }
    for (int i = 0; i < SLOTS; i++)
        if (own.mappings[i].at) say(" %c:%lu", own.mappings[i].shared ? 'S' : 'P', (long)own.mappings[i].inode);
    for (int i = 0; i < 2; i++) {
        if (touched[i]) say(" t:%lu", (long)touched[i]);
        touched[i] = 0;
    }
    say("\n");
}

static long touch(long result, const char *one, const char *other) {
    const char *names[] = {one, other};
    struct stat s;
    for (int i = 0; i < 2; i++)
        if (result == 0 && names[i] && !lstat(names[i], &s) && S_ISREG(s.st_mode)) touched[i] = s.st_ino;
    return result;
}

/* ---- what is read and written -------------------------------------------------------------------- */

static void hear(const char *bytes, ssize_t n) {
    for (ssize_t i = 0; i < n; i++)
        if (bytes[i] >= 'a' && bytes[i] < 'a' + INPUTS) own.heard[bytes[i] - 'a'] = bytes[i];
}

static size_t speak(char *bytes) {
    size_t n = 0;
    for (int i = 0; i < INPUTS; i++)
        if (own.heard[i]) bytes[n++] = own.heard[i];
    bytes[n++] = '.';
    return n;
}

static long do_read(int fd, const char *how) {
    char bytes[4096];
    struct iovec to[2] = {{bytes, 3}, {bytes + 3, sizeof bytes - 3}};
    ssize_t n = !strcmp(how, "pread")     ? pread(fd, bytes, sizeof bytes, 0)
                : !strcmp(how, "readv")   ? readv(fd, to, 2)
                : !strcmp(how, "preadv2") ? preadv2(fd, to, 2, 0, 0)
                                          : read(fd, bytes, sizeof bytes);
    hear(bytes, n);
    return n;
}

static long do_write(int fd, const char *how) {
    char bytes[CELL];
    size_t n = speak(bytes);
    struct iovec from[2] = {{bytes, 1}, {bytes + 1, n - 1}};
    if (!strcmp(how, "pwrite")) return pwrite(fd, bytes, n, 0);
    if (!strcmp(how, "far")) return pwrite(fd, bytes, n, 10000);
    if (!strcmp(how, "writev")) return writev(fd, from, 2);
    if (!strcmp(how, "pwritev2")) return pwritev2(fd, from, 2, 5, 0);
    return write(fd, bytes, n);
}

/* More than a small buffer takes, or a large one, or what ends a line, which a stream may wait for. */
static long do_fput(FILE *stream, const char *how) {
    char bytes[CELL];
    size_t n = speak(bytes);
    if (how[0] == 'l') bytes[n++] = '\n';
    long result = (long)fwrite(bytes, 1, n, stream);
    for (int i = 0; i < 5000 && how[0] == 'b'; i++) fputc('.', stream);
    return result;
}

static long do_buffer(FILE *stream, char *small, const char *how) {
    if (!strcmp(how, "line")) return setvbuf(stream, NULL, _IOLBF, 0);
    if (!strcmp(how, "none")) return setvbuf(stream, NULL, _IONBF, 0);
    if (!strcmp(how, "small")) return setvbuf(stream, small, _IOFBF, 8);
    return 0;
}

static long do_copy(int from, int to, const char *how) {
    if (!strcmp(how, "sendfile")) return sendfile(to, from, NULL, CELL);
    if (!strcmp(how, "range")) return copy_file_range(from, NULL, to, NULL, CELL, 0);
    if (!strcmp(how, "clone")) return ioctl(to, _IOW(0x94, 9, int) /* FICLONE */, from);
    if (!strcmp(how, "tee")) return tee(from, to, CELL, SPLICE_F_NONBLOCK);
    return splice(from, NULL, to, NULL, CELL, SPLICE_F_NONBLOCK);
}

static long do_map(struct mapping *m, int fd, const char *how) {
    struct stat s;
    if (m->at || fstat(fd, &s) || s.st_size == 0) return -1;
    bool writable = how[0] == 'w';
    m->shared = how[1] == 's' && writable;
    m->size = (size_t)s.st_size;
    m->inode = s.st_ino;
    void *at = mmap(NULL, m->size, PROT_READ | (writable ? PROT_WRITE : 0), how[1] == 's' ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    m->at = at == MAP_FAILED ? NULL : at;
    if (m->at) hear(m->at, s.st_size);
    return m->at ? 0 : -1;
}

static long do_put(struct mapping *m) {
    char bytes[CELL];
    size_t n = speak(bytes);
    if (!m->at || !m->shared) return -1;
    memcpy(m->at, bytes, n < m->size ? n : m->size);
    return 0;
}

/* ---- files ---------------------------------------------------------------------------------------- */

static const char *path_of(const char *name, char *room) {
    if (name[0] != '/') return name;
    snprintf(room, 4096, "%s%s", top, name);
    return room;
}

static long do_open(const char *name, const char *letters, int folder, const char *how) {
    int flags = 0;
    char room[4096];
    const char *path = path_of(name, room);
    for (const char *c = letters; *c; c++) switch (*c) {
        case 'w': flags |= O_WRONLY; break;
        case 'b': flags |= O_RDWR; break;
        case 'c': flags |= O_CREAT; break;
        case 't': flags |= O_TRUNC; break;
        case 'a': flags |= O_APPEND; break;
        case 'x': flags |= O_EXCL; break;
        case 'e': flags |= O_CLOEXEC; break;
        case 'n': flags |= O_NOFOLLOW; break;
        default: break;
        }
    if (!strcmp(how, "creat")) return creat(path, 0644);
    if (!strcmp(how, "openat")) return openat(folder >= 0 ? folder : AT_FDCWD, path, flags, 0644);
    if (!strcmp(how, "syscall")) return syscall(SYS_openat, AT_FDCWD, path, flags, 0644);
    if (!strcmp(how, "openat2")) {
        uint64_t asked[3] = {(uint64_t)flags, flags & O_CREAT ? 0644 : 0, 0};
        return syscall(SYS_openat2, AT_FDCWD, path, asked, sizeof asked);
    }
    if (!strcmp(how, "again")) { /* through a descriptor that has only the name */
        int named = open(path, O_PATH);
        if (named < 0) return -1;
        snprintf(room, sizeof room, "/proc/self/fd/%d", named);
        int fd = open(room, flags & ~(O_CREAT | O_EXCL | O_NOFOLLOW), 0644), kept = errno;
        close(named);
        errno = kept;
        return fd;
    }
    return open(path, flags, 0644);
}

static long do_name(int fd, const char *target, const char *how) {
    char room[4096], link[64];
    target = path_of(target, room);
    if (!strcmp(how, "empty")) return touch(linkat(fd, "", AT_FDCWD, target, AT_EMPTY_PATH), target, NULL);
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return touch(linkat(AT_FDCWD, link, AT_FDCWD, target, AT_SYMLINK_FOLLOW), target, NULL);
}

static long do_rename(const char *a, const char *b, const char *how) {
    char one[4096], other[4096];
    a = path_of(a, one), b = path_of(b, other);
    if (!strcmp(how, "at")) return renameat(AT_FDCWD, a, AT_FDCWD, b);
    if (!strcmp(how, "exchange")) return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
    if (!strcmp(how, "noreplace")) return renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_NOREPLACE);
    if (!strcmp(how, "number")) return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 0);
    return rename(a, b);
}

static long do_link(const char *a, const char *b, const char *how) {
    char one[4096], other[4096];
    a = path_of(a, one), b = path_of(b, other);
    if (!strcmp(how, "soft")) return symlink(a, b);
    if (!strcmp(how, "follow")) return linkat(AT_FDCWD, a, AT_FDCWD, b, AT_SYMLINK_FOLLOW);
    return link(a, b);
}

static long do_unlink(const char *name, const char *how) {
    char room[4096];
    name = path_of(name, room);
    return !strcmp(how, "at") ? unlinkat(AT_FDCWD, name, 0) : !strcmp(how, "remove") ? remove(name) : unlink(name);
}

static int do_dup(int fd, int to, const char *how) {
    if (!strcmp(how, "dup2")) return to >= 0 ? dup2(fd, to) : -1;
    if (!strcmp(how, "dup3")) return to >= 0 && to != fd ? dup3(fd, to, O_CLOEXEC) : -1;
    if (!strcmp(how, "fcntl")) return fcntl(fd, F_DUPFD, 20);
    if (!strcmp(how, "cloexec")) return fcntl(fd, F_DUPFD_CLOEXEC, 20);
    if (!strcmp(how, "out")) return dup2(fd, 1);
    return dup(fd);
}

static long do_pipe(int *ends, const char *how) {
    if (!strcmp(how, "sockets")) return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends);
    if (!strcmp(how, "cloexec")) return pipe2(ends, O_NONBLOCK | O_CLOEXEC);
    if (pipe(ends)) return -1;
    for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFL, fcntl(ends[i], F_GETFL) | O_NONBLOCK);
    return 0;
}

static long do_pass(int socket, int fd) {
    char room[CMSG_SPACE(sizeof fd)] = {0}, byte = '.';
    struct iovec with = {&byte, 1};
    struct msghdr message = {.msg_iov = &with, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = SOL_SOCKET, part->cmsg_type = SCM_RIGHTS, part->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(part), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_DONTWAIT);
}

static int do_take(int socket) {
    char room[CMSG_SPACE(sizeof(int))] = {0}, bytes[CELL];
    struct iovec with = {bytes, sizeof bytes};
    struct msghdr message = {.msg_iov = &with, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT);
    hear(bytes, n);
    struct cmsghdr *part = n < 0 ? NULL : CMSG_FIRSTHDR(&message);
    int fd = -1;
    if (part && part->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(part), sizeof fd);
    return fd;
}

/* ---- processes ------------------------------------------------------------------------------------ */

struct words {
    char at[32], slots[SLOTS * 12], *argv[8], actor[32];
};

/* The words that run this program anew as an actor, from behind a step on. */
static char **words_of(struct words *w, int actor, int at) {
    size_t n = 0;
    snprintf(w->at, sizeof w->at, "%d", at);
    snprintf(w->actor, sizeof w->actor, "%d", actor);
    for (int i = 0; i < SLOTS; i++) n += (size_t)snprintf(w->slots + n, sizeof w->slots - n, "%d,", own.slots[i]);
    char *argv[] = {"actors", name_of_shared, w->actor, w->at, w->slots, top, text, NULL};
    memcpy(w->argv, argv, sizeof argv);
    return w->argv;
}

static long do_exec(int actor, int at, const char *how) {
    struct words w;
    char **argv = words_of(&w, actor, at);
    if (!strcmp(how, "fexecve")) return fexecve(open(program, O_RDONLY | O_CLOEXEC), argv, environ);
    if (!strcmp(how, "empty")) return syscall(SYS_execveat, open(program, O_PATH | O_CLOEXEC), "", argv, environ, AT_EMPTY_PATH);
    if (!strcmp(how, "execv")) return execv(program, argv);
    if (!strcmp(how, "execvp")) return execvp(program, argv);
    return execve(program, argv, environ);
}

static long do_spawn(int actor, int at, int in, int out) {
    struct words w;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (fcntl(in, F_GETFD) >= 0) posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (fcntl(out, F_GETFD) >= 0) posix_spawn_file_actions_adddup2(&actions, out, 1);
    int failed = posix_spawn(&shared->pids[actor], program, &actions, NULL, words_of(&w, actor, at), environ);
    posix_spawn_file_actions_destroy(&actions);
    return -failed;
}

struct start {
    int actor, at;
};

static void *begin(void *argument) {
    struct start start = *(struct start *)argument;
    free(argument);
    run(start.actor, start.at);
    return NULL;
}

static long do_thread(int actor, int at) {
    struct start *start = malloc(sizeof *start);
    *start = (struct start){actor, at + 1};
    return -pthread_create(&threads[actor], NULL, begin, start);
}

static long do_fork(int actor, int at, const char *how) {
    pid_t pid = !strcmp(how, "clone") ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
    if (pid == 0) {
        alarm(PATIENCE);
        run(actor, at + 1);
    }
    return shared->pids[actor] = pid;
}

/* The child goes on in our memory, and gives it back as it was. */
static __attribute__((noinline)) void do_vfork(int actor, int at) {
    struct holding kept = own;
    pid_t pid = vfork();
    if (pid == 0) {
        pass(at);
        run(actor, at + 1);
    }
    own = kept;
}

/* Never 0 or -1, which are everybody. */
static long do_kill(pid_t pid) { return pid > 0 ? kill(pid, SIGKILL) : -1; }

static void leave(const char *how) {
    if (!strcmp(how, "_exit")) _exit(3);
    if (!strcmp(how, "quick")) quick_exit(4);
    if (!strcmp(how, "kill")) raise(SIGKILL);
    if (!strcmp(how, "abort")) abort();
    exit(5);
}

/* ---- steps ---------------------------------------------------------------------------------------- */

static void run(int actor, int at) {
    for (; at < count; at++) {
        char op[32] = "", a[64] = "", b[64] = "", c[64] = "", d[64] = "";
        int who = -1;
        sscanf(steps[at], "%d %31s %63s %63s %63s %63s", &who, op, a, b, c, d);
        if (who != actor) continue;
        await((uint32_t)at);
#define IS(name) !strcmp(op, name)
        int i = atoi(a) % SLOTS, j = atoi(b) % SLOTS;
        int *slot = &own.slots[i < 0 ? 0 : i], *other = &own.slots[j < 0 ? 0 : j];
        FILE **stream = &own.streams[i < 0 ? 0 : i];
        char room[4096], more[4096], bytes[CELL];
        long result = 0;
        if (IS("open") || IS("creat")) result = *slot = (int)do_open(b, c, -1, d);
        else if (IS("folder")) result = *slot = open(path_of(b, room), O_DIRECTORY | O_RDONLY | (c[0] == 'e' ? O_CLOEXEC : 0));
        else if (IS("openin")) result = *slot = (int)do_open(c, d, *other, "openat");
        else if (IS("tmpfile")) result = *slot = open(path_of("/", room), O_TMPFILE | O_RDWR, 0644);
        else if (IS("memfd")) result = *slot = memfd_create("drawn", 0);
        else if (IS("name")) result = do_name(*slot, b, c);
        else if (IS("fopen")) *stream = fopen(path_of(b, room), c), result = *slot = *stream ? fileno(*stream) : -1;
        else if (IS("fdopen")) *stream = fdopen(*slot, b), result = *stream ? 0 : -1;
        else if (IS("fput")) result = *stream ? do_fput(*stream, b) : -1;
        else if (IS("buffer")) result = *stream ? do_buffer(*stream, own.small[i], b) : -1;
        else if (IS("fget")) {
            size_t n = *stream ? fread(bytes, 1, sizeof bytes, *stream) : 0;
            hear(bytes, (ssize_t)n);
            result = (long)n;
        } else if (IS("fflush")) result = b[0] == 'a' ? fflush(NULL) : *stream ? fflush(*stream) : -1;
        else if (IS("fclose")) {
            result = *stream ? fclose(*stream) : -1;
            if (*stream) *slot = -1;
            *stream = NULL;
        } else if (IS("freopen")) {
            if (*stream) *stream = freopen(path_of(b, room), c, *stream);
            result = *slot = *stream ? fileno(*stream) : -1;
        } else if (IS("read")) result = do_read(*slot, b);
        else if (IS("write")) result = do_write(*slot, b);
        else if (IS("copy")) result = do_copy(*slot, *other, c);
        else if (IS("map")) result = do_map(&own.mappings[i], *slot, b);
        else if (IS("put")) result = do_put(&own.mappings[i]);
        else if (IS("unmap")) {
            struct mapping *m = &own.mappings[i];
            result = m->at ? munmap(m->at, m->size) : -1;
            m->at = NULL;
        } else if (IS("close")) result = *slot < 0 ? -1 : b[0] == 'r' ? close_range((unsigned)*slot, (unsigned)*slot, 0) : close(*slot);
        else if (IS("closeall")) result = close_range(3, ~0u, 0);
        else if (IS("dup")) result = *other = do_dup(*slot, *other, c);
        else if (IS("pipe")) {
            int ends[2] = {-1, -1};
            result = do_pipe(ends, c);
            *slot = ends[0], *other = ends[1];
        } else if (IS("pass")) result = do_pass(*slot, *other);
        else if (IS("take")) result = *other = do_take(*slot);
        else if (IS("rename")) result = touch(do_rename(a, b, c), path_of(b, room), c[0] == 'e' ? path_of(a, more) : NULL);
        else if (IS("link")) result = touch(do_link(a, b, c), path_of(b, room), NULL);
        else if (IS("unlink")) result = do_unlink(a, b);
        else if (IS("truncate")) result = touch(truncate(path_of(a, room), atoi(b)), path_of(a, room), NULL);
        else if (IS("ftruncate")) result = ftruncate(*slot, atoi(b));
        else if (IS("fallocate")) result = fallocate(*slot, b[0] == 'p' ? FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE : 0, 0, CELL);
        else if (IS("chdir")) result = chdir(path_of(a, room));
        else if (IS("fchdir")) result = fchdir(*slot);
        else if (IS("fork")) result = do_fork(atoi(a), at, b) < 0 ? -1 : 0;
        else if (IS("thread")) result = do_thread(atoi(a), at);
        else if (IS("kill")) result = do_kill(shared->pids[atoi(a)]);
        else if (IS("reap")) result = waitpid(shared->pids[atoi(a)], &i, 0) < 0 ? -1 : i;
        else if (IS("join")) result = pthread_join(threads[atoi(a)], NULL);
        else if (IS("vfork")) {
            tell(at, actor, 0);
            do_vfork(atoi(a), at);
            continue;
        } else if (IS("born")) shared->pids[actor] = getpid();
        else if (IS("spawn")) {
            tell(at, actor, 0);
            if (do_spawn(atoi(a), at, b[0] == '-' ? -1 : *other, c[0] == '-' ? -1 : own.slots[atoi(c) % SLOTS]) == 0) continue;
            result = -1;
        } else if (IS("exec")) {
            tell(at, actor, 0);
            result = do_exec(actor, at, a);
        } else if (IS("exit")) {
            tell(at, actor, 0);
            if (getpid() == shared->pids[0]) {
                fwrite(shared->log, 1, shared->length, stderr);
                shmctl(atoi(name_of_shared), IPC_RMID, NULL);
            }
            pass(at);
            leave(a);
        } else if (IS("end")) { /* of a thread */
            tell(at, actor, 0);
            pass(at);
            return;
        } else {
            abort();
        }
        tell(at, actor, result);
        pass(at);
    }
    for (;;) pause(); /* until another ends it */
}

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    int actor = atoi(argv[2]), at = atoi(argv[3]);
    name_of_shared = argv[1], text = argv[6], program = "/proc/self/exe";
    static char self[4096];
    if (readlink(program, self, sizeof self - 1) > 0) program = self;
    bool first = !strcmp(name_of_shared, "new");
    int id = first ? shmget(IPC_PRIVATE, sizeof *shared, IPC_CREAT | 0600) : atoi(name_of_shared);
    shared = shmat(id, NULL, 0);
    if (shared == (void *)-1) return 2;
    snprintf(top, sizeof top, "%s", argv[5]);
    signal(SIGPIPE, SIG_IGN);
    alarm(PATIENCE);
    if (first) {
        static char number[16];
        snprintf(number, sizeof number, "%d", id);
        name_of_shared = number;
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        shared->pids[0] = getpid();
        struct stat s;
        for (int fd = 0; fd < 3; fd++) shared->given[fd] = fstat(fd, &s) ? 0 : s.st_ino;
    }
    for (int i = 0; i < SLOTS; i++) own.slots[i] = -1;
    char *rest = argv[4];
    for (int i = 0; i < SLOTS && *rest; i++, rest += *rest == ',') own.slots[i] = (int)strtol(rest, &rest, 10);
    char *lines = strdup(text);
    for (char *line = strtok(lines, "\n"); line && count < STEPS; line = strtok(NULL, "\n")) steps[count++] = line;
    if (!first) {
        shared->pids[actor] = getpid(); /* who started us may be told only after our turn */
        tell(at, actor, 0);
        pass(at);
    }
    run(actor, first ? 0 : at + 1);
    return 0;
}
