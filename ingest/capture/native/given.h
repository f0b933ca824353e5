/* What the run is given by a pipe from outside: by `ingest/capture/given.py` for the front. */

#include <poll.h>
#include <sys/ioctl.h>

/* `over`: nobody is left who could write into it. */
struct given {
    bool is_pipe, over;
    int held, room;
};

static struct given given_now(void) {
    struct given now = {.is_pipe = false};
    struct pollfd asked = {0, POLLIN, 0};
    struct timespec at_once = {0, 0};
    struct stat s;
    if (call2(SYS_fstat, 0, &s) != 0 || !S_ISFIFO(s.st_mode)) return now;
    now.room = (int)call2(SYS_fcntl, 0, F_GETPIPE_SZ);
    now.is_pipe = call3(SYS_ioctl, 0, FIONREAD, &now.held) == 0 &&
                  call6(SYS_ppoll, (long)&asked, 1, (long)&at_once, 0, 0, 0) >= 0;
    now.over = asked.revents & POLLHUP;
    return now;
}

/* Whether something was taken out of it meanwhile, or may have been while more came. */
static bool was_heard(struct given before, struct given after) {
    if (!before.is_pipe || !after.is_pipe || (before.over && before.held == 0)) return false;
    if (before.held != after.held) return true;
    return after.held == 0 ? after.over : !after.over && 2 * after.held > after.room;
}
