/* Every way through libc and the kernel by which a file is read, written or named: one a start.
 *
 * `entries` lists their names; `entries NAME` makes out/NAME from in/NAME by that one, and nothing else.
 */

#define _GNU_SOURCE
#define _LARGEFILE64_SOURCE
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <wordexp.h>
#endif

extern char **environ;
static char in[PATH_MAX], out[PATH_MAX], part[PATH_MAX], text[4096];
static size_t size;

static void need(int holds, const char *what) {
    if (holds) return;
    perror(what);
    _exit(9);
}
#define NEED(holds) need(holds, #holds)

static void take(int fd) {
    ssize_t n;
    NEED(fd >= 0);
    while ((n = read(fd, text + size, sizeof text - size)) > 0) size += (size_t)n;
    close(fd);
}

static int fresh(void) { return open(out, O_WRONLY | O_CREAT | O_TRUNC, 0644); }

static void put(int fd) {
    NEED(fd >= 0);
    NEED(write(fd, text, size) == (ssize_t)size);
}

static void give(int fd) {
    put(fd);
    NEED(close(fd) == 0);
}

static void read_plainly(void) { take(open(in, O_RDONLY)); }
static void write_plainly(void) { give(fresh()); }

static void take_stream(FILE *stream) {
    NEED(stream != NULL);
    size = fread(text, 1, sizeof text, stream);
}

static void give_stream(FILE *stream) {
    NEED(stream != NULL);
    NEED(fwrite(text, 1, size, stream) == size);
}

static void wait_for(long child) {
    int status;
    NEED(child > 0 && waitpid((pid_t)child, &status, 0) == child && status == 0);
}

static void onto(int fd, int standard) {
    NEED(fd >= 0 && dup2(fd, standard) == standard);
    close(fd);
}

static void redirect(void) {
    onto(open(in, O_RDONLY), 0);
    onto(fresh(), 1);
}

static char *cat[] = {"cat", NULL};

/* Not every libc has it. */
#if defined(__GLIBC__)
#define renameat2_ renameat2
#else
#define renameat2_(...) syscall(SYS_renameat2, __VA_ARGS__)
#endif

struct how {
    uint64_t flags, mode, resolve;
};

struct way {
    const char *name;
    void (*make)(void);
};

/* R reads in/NAME its own way, W writes out/NAME so; B does both. What begins with `p_` is made by another
 * program, which this one starts or becomes. */
#define B(name, ...)                                                                        \
    static void name##_(void) { __VA_ARGS__; }                                              \
    static const struct way name##_way __attribute__((section("ways"), used)) = {#name, name##_};
#define R(name, ...) B(name, __VA_ARGS__; write_plainly())
#define W(name, ...) B(name, read_plainly(); __VA_ARGS__)
extern const struct way __start_ways[], __stop_ways[];

int __open_2(const char *, int);
int __open64_2(const char *, int);
int __openat_2(int, const char *, int);
int __openat64_2(int, const char *, int);

R(r_open, take(open(in, O_RDONLY)))
R(r_openat, take(openat(open("in", O_PATH), in + 3, O_RDONLY)))
R(r_fopen, take_stream(fopen(in, "re")))
R(r_freopen, take_stream(freopen(in, "r", stdin)))
R(r_fdopen, take_stream(fdopen(open(in, O_RDONLY), "r")))
R(r_number_openat, take((int)syscall(SYS_openat, AT_FDCWD, in, O_RDONLY)))
R(r_number_openat2, struct how h = {0}; take((int)syscall(SYS_openat2, AT_FDCWD, in, &h, sizeof h)))
R(r_path_then_proc, char p[64]; sprintf(p, "/proc/self/fd/%d", open(in, O_PATH)); take(open(p, O_RDONLY)))
R(r_mmap, int fd = open(in, O_RDONLY); struct stat s; fstat(fd, &s); size = (size_t)s.st_size;
  char *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0); close(fd); memcpy(text, p, size))
R(r_mmap_shared, int fd = open(in, O_RDONLY); struct stat s; fstat(fd, &s); size = (size_t)s.st_size;
  char *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0); close(fd); memcpy(text, p, size))
R(r_pread, size = (size_t)pread(open(in, O_RDONLY), text, sizeof text, 0))
R(r_preadv, struct iovec v = {text, sizeof text}; size = (size_t)preadv(open(in, O_RDONLY), &v, 1, 0))
R(r_dup, take(dup(open(in, O_RDONLY))))
R(r_link_to_it, NEED(symlink(in + 3, "in/link") == 0); take(open("in/link", O_RDONLY)); unlink("in/link"))
R(r_sendfile_to_pipe, int p[2]; NEED(pipe(p) == 0); NEED(sendfile(p[1], open(in, O_RDONLY), NULL, 4096) > 0);
  close(p[1]); take(p[0]))
R(r_splice_to_pipe, int p[2]; NEED(pipe2(p, 0) == 0);
  NEED(splice(open(in, O_RDONLY), NULL, p[1], NULL, 4096, 0) > 0); close(p[1]); take(p[0]))
R(r_tee, int p[2]; int q[2]; NEED(pipe(p) == 0 && pipe(q) == 0);
  NEED(splice(open(in, O_RDONLY), NULL, p[1], NULL, 4096, 0) > 0); NEED(tee(p[0], q[1], 4096, 0) > 0);
  close(q[1]); take(q[0]))
R(r_aio, struct aiocb a = {.aio_fildes = open(in, O_RDONLY), .aio_buf = text, .aio_nbytes = sizeof text};
  NEED(aio_read(&a) == 0); while (aio_error(&a) == EINPROGRESS) usleep(100); size = (size_t)aio_return(&a))
R(r_popen, char c[5000]; sprintf(c, "cat %s", in); FILE *f = popen(c, "r"); take_stream(f); pclose(f))
R(r_child_by_pipe, int p[2]; NEED(pipe(p) == 0); pid_t c = fork();
  if (c == 0) { read_plainly(); give(p[1]); _exit(0); } close(p[1]); take(p[0]); wait_for(c))
R(r_child_by_socket, int p[2]; NEED(socketpair(AF_UNIX, SOCK_STREAM, 0, p) == 0); pid_t c = fork();
  if (c == 0) { read_plainly(); give(p[1]); _exit(0); } close(p[1]); take(p[0]); wait_for(c))
R(r_child_by_memory, char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t c = fork(); if (c == 0) { read_plainly(); memcpy(m, text, size); _exit(0); } wait_for(c);
  size = strlen(m); memcpy(text, m, size))
R(r_child_by_nameless, int m = memfd_create("between", 0); pid_t c = fork();
  if (c == 0) { read_plainly(); put(m); _exit(0); } wait_for(c); lseek(m, 0, SEEK_SET); take(m))
R(r_child_by_tmpfile, FILE *m = tmpfile(); pid_t c = fork();
  if (c == 0) { read_plainly(); put(fileno(m)); _exit(0); } wait_for(c); rewind(m); take_stream(m))
R(r_program_by_nameless, int m = memfd_create("between", 0); pid_t c = fork();
  if (c == 0) { onto(open(in, O_RDONLY), 0); dup2(m, 1); execvp("cat", cat); _exit(9); }
  wait_for(c); lseek(m, 0, SEEK_SET); take(m))
R(r_program_by_tmpfile, FILE *m = tmpfile(); pid_t c = fork();
  if (c == 0) { onto(open(in, O_RDONLY), 0); dup2(fileno(m), 1); execvp("cat", cat); _exit(9); }
  wait_for(c); rewind(m); take_stream(m))
R(r_program_by_shm, char n[64]; sprintf(n, "/entries-%d", getpid()); pid_t c = fork();
  if (c == 0) { execl("/proc/self/exe", "entries", "shm", in, n, (char *)NULL); _exit(9); }
  wait_for(c); take(shm_open(n, O_RDONLY, 0)); shm_unlink(n))

W(w_open, give(open(out, O_WRONLY | O_CREAT, 0644)))
W(w_open_new, give(open(out, O_WRONLY | O_CREAT | O_EXCL, 0644)))
W(w_open_append, give(open(out, O_WRONLY | O_CREAT | O_APPEND, 0644)))
W(w_openat, give(openat(open("out", O_PATH), out + 4, O_WRONLY | O_CREAT, 0644)))
W(w_creat, give(creat(out, 0644)))
W(w_number_openat, give((int)syscall(SYS_openat, AT_FDCWD, out, O_WRONLY | O_CREAT, 0644)))
W(w_number_openat2, struct how h = {O_WRONLY | O_CREAT, 0644, 0};
  give((int)syscall(SYS_openat2, AT_FDCWD, out, &h, sizeof h)))
W(w_fopen, FILE *f = fopen(out, "w"); give_stream(f); fclose(f))
W(w_fopen_new, FILE *f = fopen(out, "wxe"); give_stream(f); fclose(f))
W(w_fopen_append, FILE *f = fopen(out, "a"); give_stream(f); fclose(f))
W(w_fopen_both, FILE *f = fopen(out, "w+b"); give_stream(f); fclose(f))
W(w_fopen_never_closed, give_stream(fopen(out, "w")))
W(w_fopen_flushed, FILE *f = fopen(out, "w"); give_stream(f); fflush(f); _exit(0))
W(w_freopen, FILE *f = freopen(out, "w", stdout); give_stream(f))
W(w_freopen_other_mode, FILE *f = fopen(out, "w"); give_stream(f); f = freopen(NULL, "a", f); fputs("more\n", f); fclose(f))
W(w_freopen_twice, FILE *f = freopen(part, "w", stdout); give_stream(f); f = freopen(out, "w", stdout); give_stream(f);
  fclose(f); unlink(part))
W(w_fdopen, FILE *f = fdopen(fresh(), "w"); give_stream(f); fclose(f))
W(w_mkstemp, strcat(part, "XXXXXX"); give(mkstemp(part)); NEED(rename(part, out) == 0))
W(w_mkostemp, strcat(part, "XXXXXX"); give(mkostemp(part, O_CLOEXEC)); NEED(rename(part, out) == 0))
W(w_mkstemps, strcat(part, "XXXXXX.t"); give(mkstemps(part, 2)); NEED(rename(part, out) == 0))
W(w_mkostemps, strcat(part, "XXXXXX.t"); give(mkostemps(part, 2, O_APPEND)); NEED(rename(part, out) == 0))
W(w_nameless, char p[64]; int fd = open("out", O_TMPFILE | O_WRONLY, 0644); put(fd);
  sprintf(p, "/proc/self/fd/%d", fd); NEED(linkat(AT_FDCWD, p, AT_FDCWD, out, AT_SYMLINK_FOLLOW) == 0))
W(w_nameless_by_descriptor, int fd = open("out", O_TMPFILE | O_RDWR, 0644); put(fd);
  if (linkat(fd, "", AT_FDCWD, out, AT_EMPTY_PATH)) { char p[64]; sprintf(p, "/proc/self/fd/%d", fd);
      NEED(linkat(AT_FDCWD, p, AT_FDCWD, out, AT_SYMLINK_FOLLOW) == 0); })
W(w_rename, give(open(part, O_WRONLY | O_CREAT, 0644)); NEED(rename(part, out) == 0))
W(w_rename_while_open, int fd = open(part, O_WRONLY | O_CREAT, 0644); NEED(rename(part, out) == 0); give(fd))
W(w_renameat, give(open(part, O_WRONLY | O_CREAT, 0644)); int at = open("out", O_PATH);
  NEED(renameat(at, part + 4, at, out + 4) == 0))
W(w_renameat2, give(open(part, O_WRONLY | O_CREAT, 0644));
  NEED(renameat2_(AT_FDCWD, part, AT_FDCWD, out, 1 /* RENAME_NOREPLACE */) == 0))
W(w_number_renameat, give(open(part, O_WRONLY | O_CREAT, 0644));
  NEED(syscall(SYS_renameat2, AT_FDCWD, part, AT_FDCWD, out, 0) == 0))
W(w_exchange, give(open(part, O_WRONLY | O_CREAT, 0644)); int fd = open(out, O_WRONLY | O_CREAT, 0644); write(fd, "x", 1); close(fd);
  NEED(renameat2_(AT_FDCWD, part, AT_FDCWD, out, 2 /* RENAME_EXCHANGE */) == 0); NEED(unlink(part) == 0))
W(w_link, give(open(part, O_WRONLY | O_CREAT, 0644)); NEED(link(part, out) == 0 && unlink(part) == 0))
W(w_linkat, give(open(part, O_WRONLY | O_CREAT, 0644)); int at = open("out", O_PATH);
  NEED(linkat(at, part + 4, at, out + 4, 0) == 0 && unlinkat(at, part + 4, 0) == 0))
W(w_number_linkat, give(open(part, O_WRONLY | O_CREAT, 0644));
  NEED(syscall(SYS_linkat, AT_FDCWD, part, AT_FDCWD, out, 0) == 0 && syscall(SYS_unlinkat, AT_FDCWD, part, 0) == 0))
W(w_pwrite, NEED(pwrite(fresh(), text, size, 0) > 0))
W(w_writev, struct iovec v = {text, size}; NEED(writev(fresh(), &v, 1) > 0))
W(w_pwritev, struct iovec v = {text, size}; NEED(pwritev(fresh(), &v, 1, 0) > 0))
W(w_aio, struct aiocb a = {.aio_fildes = fresh(), .aio_buf = text, .aio_nbytes = size};
  NEED(aio_write(&a) == 0); while (aio_error(&a) == EINPROGRESS) usleep(100))
W(w_mmap, int fd = open(out, O_RDWR | O_CREAT, 0644); NEED(ftruncate(fd, (off_t)size) == 0);
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); memcpy(p, text, size); munmap(p, size); close(fd))
W(w_mmap_after_close, int fd = open(out, O_RDWR | O_CREAT, 0644); NEED(ftruncate(fd, (off_t)size) == 0);
  char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); close(fd); memcpy(p, text, size); msync(p, size, MS_SYNC))
W(w_mremap, int fd = open(out, O_RDWR | O_CREAT, 0644); NEED(posix_fallocate(fd, 0, 8192) == 0);
  char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); p = mremap(p, 4096, 8192, MREMAP_MAYMOVE);
  NEED(p != MAP_FAILED); close(fd); memcpy(p + 4096, text, size))
W(w_mprotect, int fd = open(out, O_RDWR | O_CREAT, 0644); NEED(ftruncate(fd, (off_t)size) == 0);
  char *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0); NEED(mprotect(p, size, PROT_READ | PROT_WRITE) == 0);
  close(fd); usleep(20000); memcpy(p, text, size))
W(w_fallocate, int fd = fresh(); NEED(posix_fallocate(fd, 0, 64) == 0))
W(w_ftruncate, int fd = fresh(); NEED(ftruncate(fd, 64) == 0))
W(w_truncate, write_plainly(); NEED(truncate(out, 3) == 0))
W(w_number_truncate, write_plainly(); NEED(syscall(SYS_truncate, out, 3) == 0))
W(w_number_ftruncate, NEED(syscall(SYS_ftruncate, fresh(), 3) == 0))
W(w_dup, int fd = fresh(); int other = dup(fd); close(fd); give(other))
W(w_dup2, onto(fresh(), 1); put(1))
W(w_dup3_over_open, int fd = fresh(); int other = open("/dev/null", O_WRONLY); NEED(dup3(fd, other, O_CLOEXEC) == other);
  close(fd); give(other))
W(w_closed_by_dup2, int fd = fresh(); put(fd); NEED(dup2(2, fd) == fd); usleep(1000))
W(w_number_dup3, int fd = fresh(); int other = open("/dev/null", O_WRONLY); NEED(syscall(SYS_dup3, fd, other, 0) == other);
  close(fd); give(other))
W(w_fcntl_dup, int fd = fresh(); int other = fcntl(fd, F_DUPFD_CLOEXEC, 200); close(fd); give(other))
W(w_high_descriptor, int fd = fresh(); int other = fcntl(fd, F_DUPFD, 900); close(fd); give(other))
W(w_close_range, int fd = fresh(); put(fd); NEED(syscall(SYS_close_range, 3, ~0u, 0) == 0))
W(w_number_close, int fd = fresh(); put(fd); syscall(SYS_close, fd))
W(w_exit_at_once, put(fresh()); _exit(0))
W(w_Exit, put(fresh()); _Exit(0))
W(w_quick_exit, put(fresh()); quick_exit(0))
W(w_number_exit_group, put(fresh()); syscall(SYS_exit_group, 0))
W(w_number_exit, put(fresh()); syscall(SYS_exit, 0))
W(w_pthread_exit, put(fresh()); pthread_exit(NULL))
W(w_vmsplice, int p[2]; NEED(pipe(p) == 0); struct iovec v = {text, size}; NEED(vmsplice(p[1], &v, 1, 0) > 0);
  NEED(splice(p[0], NULL, fresh(), NULL, 4096, 0) > 0))
W(w_fork, pid_t c = fork(); if (c == 0) { write_plainly(); _exit(0); } wait_for(c))
W(w_fork_inherited, int fd = fresh(); pid_t c = fork(); if (c == 0) { put(fd); _exit(0); } wait_for(c))
W(w_fork_parent_closes_first, int fd = fresh(); pid_t c = fork(); if (c == 0) { usleep(30000); put(fd); _exit(0); }
  close(fd); wait_for(c))
W(w_number_clone, long c = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); if (c == 0) { write_plainly(); _exit(0); } wait_for(c))
W(w_number_clone3, uint64_t a[8] = {0, 0, 0, 0, SIGCHLD}; long c = syscall(SYS_clone3, a, sizeof a);
  if (c == 0) { write_plainly(); _exit(0); } wait_for(c))
static int begin(void *unused) { write_plainly(); _exit(0); }
static char stack[65536] __attribute__((aligned(16)));
W(w_clone, wait_for(clone(begin, stack + sizeof stack, SIGCHLD, NULL)))
W(w_forkpty, int fd; pid_t c = forkpty(&fd, NULL, NULL, NULL); if (c == 0) { write_plainly(); _exit(0); } wait_for(c))
static void *begin_thread(void *unused) { write_plainly(); return NULL; }
W(w_thread, pthread_t t; pthread_create(&t, NULL, begin_thread, NULL); pthread_join(t, NULL))
static void *exit_thread(void *unused) { put(fresh()); exit(0); }
W(w_exit_in_thread, pthread_t t; pthread_create(&t, NULL, exit_thread, NULL); pthread_join(t, NULL))
W(w_popen, char c[5000]; sprintf(c, "cat > %s", out); FILE *f = popen(c, "w"); give_stream(f); pclose(f))
W(w_fifo, char c[9000]; NEED(mkfifo(part, 0600) == 0); sprintf(c, "cat %s > %s &", part, out); system(c);
  give(open(part, O_WRONLY)); struct stat s; do usleep(1000); while (stat(out, &s) || (size_t)s.st_size < size);
  unlink(part))

B(b_copy_file_range, NEED(copy_file_range(open(in, O_RDONLY), NULL, fresh(), NULL, 4096, 0) > 0))
B(b_sendfile, NEED(sendfile(fresh(), open(in, O_RDONLY), NULL, 4096) > 0))
B(b_splice, int p[2]; NEED(pipe(p) == 0); NEED(splice(open(in, O_RDONLY), NULL, p[1], NULL, 4096, 0) > 0);
  NEED(splice(p[0], NULL, fresh(), NULL, 4096, 0) > 0))
B(p_execve, redirect(); execve("/bin/cat", cat, environ))
B(p_execv, redirect(); execv("/bin/cat", cat))
B(p_execvp, redirect(); execvp("cat", cat))
B(p_execvpe, redirect(); execvpe("cat", cat, environ))
B(p_execl, redirect(); execl("/bin/cat", "cat", (char *)NULL))
B(p_execlp, redirect(); execlp("cat", "cat", (char *)NULL))
B(p_execle, redirect(); execle("/bin/cat", "cat", (char *)NULL, environ))
B(p_fexecve, redirect(); fexecve(open("/bin/cat", O_RDONLY | O_CLOEXEC), cat, environ))
B(p_fexecve_by_path, redirect(); fexecve(open("/bin/cat", O_PATH | O_CLOEXEC), cat, environ))
B(p_number_execve, redirect(); syscall(SYS_execve, "/bin/cat", cat, environ))
B(p_number_execveat, redirect(); syscall(SYS_execveat, AT_FDCWD, "/bin/cat", cat, environ, 0))
B(p_vfork, pid_t c = vfork(); if (c == 0) { redirect(); execvp("cat", cat); _exit(9); } wait_for(c))
B(p_fork, pid_t c = fork(); if (c == 0) { redirect(); execvp("cat", cat); _exit(9); } wait_for(c))
B(p_spawn, posix_spawn_file_actions_t a; posix_spawn_file_actions_init(&a);
  posix_spawn_file_actions_addopen(&a, 0, in, O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&a, 1, out, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  pid_t c; NEED(posix_spawn(&c, "/bin/cat", &a, NULL, cat, environ) == 0); wait_for(c))
B(p_spawnp, posix_spawn_file_actions_t a; posix_spawn_file_actions_init(&a); int i = open(in, O_RDONLY); int o = fresh();
  posix_spawn_file_actions_adddup2(&a, i, 0); posix_spawn_file_actions_adddup2(&a, o, 1);
  pid_t c; NEED(posix_spawnp(&c, "cat", &a, NULL, cat, environ) == 0); wait_for(c); close(i); close(o))
B(p_system, char c[9000]; sprintf(c, "cat %s > %s", in, out); NEED(system(c) == 0))
B(b_daemon, char p; int end[2]; NEED(pipe(end) == 0); pid_t c = fork();
  if (c == 0) { close(end[0]); daemon(1, 1); read_plainly(); write_plainly(); _exit(0); }
  close(end[1]); read(end[0], &p, 1))

#if defined(__GLIBC__)
R(r_open64, take(open64(in, O_RDONLY)))
R(r_openat64, take(openat64(AT_FDCWD, in, O_RDONLY)))
R(r_open_2, take(__open_2(in, O_RDONLY)))
R(r_open64_2, take(__open64_2(in, O_RDONLY)))
R(r_openat_2, take(__openat_2(AT_FDCWD, in, O_RDONLY)))
R(r_openat64_2, take(__openat64_2(AT_FDCWD, in, O_RDONLY)))
R(r_fopen64, take_stream(fopen64(in, "r")))
R(r_freopen64, take_stream(freopen64(in, "r", stdin)))
R(r_mmap64, int fd = open(in, O_RDONLY); struct stat s; fstat(fd, &s); size = (size_t)s.st_size;
  char *p = mmap64(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0); memcpy(text, p, size))
R(r_preadv2, struct iovec v = {text, sizeof text}; size = (size_t)preadv2(open(in, O_RDONLY), &v, 1, 0, 0))
R(r_wordexp, char c[5000]; wordexp_t e; sprintf(c, "$(cat %s)", in); NEED(wordexp(c, &e, 0) == 0);
  size = (size_t)sprintf(text, "%s", e.we_wordv[0]))
R(r_by_handle, struct { struct file_handle h; char rest[128]; } h = {{.handle_bytes = 128}}; int mount;
  if (name_to_handle_at(AT_FDCWD, in, &h.h, &mount, 0)) { read_plainly(); return write_plainly(); } /* an overlay */
  int fd = open_by_handle_at(open("in", O_RDONLY), &h.h, O_RDONLY);
  take(fd < 0 && errno == EPERM ? open(in, O_RDONLY) : fd))
W(w_open64, give(open64(out, O_WRONLY | O_CREAT, 0644)))
W(w_openat64, give(openat64(AT_FDCWD, out, O_WRONLY | O_CREAT, 0644)))
W(w_creat64, give(creat64(out, 0644)))
W(w_fopen64, FILE *f = fopen64(out, "w"); give_stream(f); fclose(f))
W(w_fcloseall, give_stream(fopen(out, "w")); fcloseall(); usleep(20000))
W(w_mkstemp64, strcat(part, "XXXXXX"); give(mkstemp64(part)); NEED(rename(part, out) == 0))
W(w_mkostemp64, strcat(part, "XXXXXX"); give(mkostemp64(part, 0)); NEED(rename(part, out) == 0))
W(w_mkstemps64, strcat(part, "XXXXXX.t"); give(mkstemps64(part, 2)); NEED(rename(part, out) == 0))
W(w_mkostemps64, strcat(part, "XXXXXX.t"); give(mkostemps64(part, 2, 0)); NEED(rename(part, out) == 0))
W(w_pwritev2, struct iovec v = {text, size}; NEED(pwritev2(fresh(), &v, 1, 0, 0) > 0))
W(w_mmap64, int fd = open(out, O_RDWR | O_CREAT, 0644); NEED(ftruncate64(fd, (off_t)size) == 0);
  char *p = mmap64(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0); memcpy(p, text, size); munmap(p, size))
W(w_truncate64, write_plainly(); NEED(truncate64(out, 3) == 0))
W(w_closefrom, int fd = fresh(); put(fd); closefrom(3))
W(w_Fork, pid_t c = _Fork(); if (c == 0) { write_plainly(); _exit(0); } wait_for(c))
B(p_execveat, redirect(); execveat(AT_FDCWD, "/bin/cat", cat, environ, 0))
#endif
#ifdef SYS_open
R(r_number_open, take((int)syscall(SYS_open, in, O_RDONLY)))
W(w_number_creat, give((int)syscall(SYS_creat, out, 0644)))
W(w_number_rename, give(open(part, O_WRONLY | O_CREAT, 0644)); NEED(syscall(SYS_rename, part, out) == 0))
W(w_number_link, give(open(part, O_WRONLY | O_CREAT, 0644));
  NEED(syscall(SYS_link, part, out) == 0 && syscall(SYS_unlink, part) == 0))
W(w_number_dup2, int fd = fresh(); int other = open("/dev/null", O_WRONLY); NEED(syscall(SYS_dup2, fd, other) == other);
  close(fd); give(other))
W(w_number_dup, int fd = fresh(); int other = (int)syscall(SYS_dup, fd); close(fd); give(other))
W(w_number_fork, long c = syscall(SYS_fork); if (c == 0) { write_plainly(); _exit(0); } wait_for(c))
W(w_number_mmap, int fd = open(out, O_RDWR | O_CREAT, 0644); NEED(ftruncate(fd, (off_t)size) == 0);
  char *p = (char *)syscall(SYS_mmap, NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd); usleep(20000); memcpy(p, text, size))
#endif

int main(int argc, char **argv) {
    if (argc == 4) {
        snprintf(in, sizeof in, "%s", argv[2]);
        read_plainly();
        give(shm_open(argv[3], O_CREAT | O_WRONLY, 0600));
        return 0;
    }
    for (const struct way *w = __start_ways; w < __stop_ways; w++) {
        if (argc < 2) puts(w->name);
        if (argc < 2 || strcmp(argv[1], w->name)) continue;
        snprintf(in, sizeof in, "in/%s", w->name);
        snprintf(out, sizeof out, "out/%s", w->name);
        snprintf(part, sizeof part, "out/%s.part", w->name);
        w->make();
        return 0;
    }
    return argc > 1;
}
