/* What the run is given by a pipe from outside: by `ingest/capture/given.py` for the front. */

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>

/* `over`: nobody is left who could write into it, but by its name, which is `named`. `watch` says whether anybody takes
 * something out of it, -1 if nothing does. */
struct given {
    bool is_pipe, named, over;
    int held, room, watch;
};

/* Whether standard input lies in no folder. */
static bool has_no_name(void) {
    char shown[sizeof "pipe:" - 1];
    return call4(SYS_readlinkat, AT_FDCWD, "/proc/self/fd/0", shown, sizeof shown) == sizeof shown &&
           memcmp(shown, "pipe:", sizeof shown) == 0;
}

static struct given given_now(void) {
    struct given now = {.is_pipe = false, .watch = -1};
    struct pollfd asked = {0, POLLIN, 0};
    struct timespec at_once = {0, 0};
    struct stat s;
    if (call2(SYS_fstat, 0, &s) != 0 || !S_ISFIFO(s.st_mode)) return now;
    now.room = (int)call2(SYS_fcntl, 0, F_GETPIPE_SZ);
    // Who writes last and goes does so before or between the two: what it holds once nobody is left is all there will be.
    now.is_pipe = call6(SYS_ppoll, (long)&asked, 1, (long)&at_once, 0, 0, 0) >= 0 &&
                  call3(SYS_ioctl, 0, FIONREAD, &now.held) == 0;
    now.over = asked.revents & POLLHUP;
    now.named = !has_no_name();
    return now;
}

static bool holds_nothing_more(const struct given *now) {
    return !now->is_pipe || (now->over && !now->named && now->held == 0);
}

/* Of a pipe that is open here. It ends with what it says first. */
static int watch_reading(int file) {
    char path[32] = "/proc/self/fd/";
    *decimal(path + sizeof "/proc/self/fd/" - 1, (uint64_t)file) = 0;
    int watch = (int)call1(SYS_inotify_init1, IN_CLOEXEC | IN_NONBLOCK);
    if (watch < 0 || call3(SYS_inotify_add_watch, watch, path, IN_ACCESS | IN_ONESHOT) >= 0) return watch;
    call1(SYS_close, watch);
    return -1;
}

static bool says_read(int watch) {
    struct inotify_event said;
    return call3(SYS_read, watch, &said, sizeof said) == sizeof said;
}

/* Whether this kernel tells of all ways of reading from a pipe: before Linux 6.6 not of splice(2). */
static bool tells_of_reading(void) {
    int from[2], to[2];
    if (call2(SYS_pipe2, from, O_CLOEXEC) != 0) return false;
    bool tells = false;
    if (call2(SYS_pipe2, to, O_CLOEXEC) == 0) {
        int watch = watch_reading(from[0]);
        tells = watch >= 0 && call3(SYS_write, from[1], "", 1) == 1 && !says_read(watch) &&
                call6(SYS_splice, from[0], 0, to[1], 0, 1, 0) == 1 && says_read(watch);
        if (watch >= 0) call1(SYS_close, watch);
        for (int n = 0; n < 2; n++) call1(SYS_close, to[n]);
    }
    for (int n = 0; n < 2; n++) call1(SYS_close, from[n]);
    return tells;
}

static struct given given_to_begin_with(void) {
    struct given now = given_now();
    if (!holds_nothing_more(&now)) now.watch = watch_reading(0);
    return now;
}

/* Whether something was taken out of it meanwhile, or may have been while more came. */
static bool was_heard(struct given before, struct given after) {
    if (holds_nothing_more(&before) || !after.is_pipe) return false;
    if (before.watch >= 0 && says_read(before.watch)) return true;
    bool may_be = before.held != after.held || (after.held == 0 ? after.over : !after.over && 2 * after.held > after.room);
    return may_be && !(before.watch >= 0 && tells_of_reading());
}
