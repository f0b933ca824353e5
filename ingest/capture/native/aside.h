/* Where does a run's spool lie if the project's storage gives no shared mappings? The same as `aside.py`
 * says, which tells why. */

#ifndef PROVGRAPH_ASIDE_H
#define PROVGRAPH_ASIDE_H

#include "digests.h"
#include "program.h"

enum { ASIDE_PLACES = 5 };

static bool is_private(const char *folder) {
    struct stat s;
    return stat_at(AT_FDCWD, folder, &s, AT_SYMLINK_NOFOLLOW) && S_ISDIR(s.st_mode) &&
           s.st_uid == (uint32_t)call0(SYS_geteuid) && !(s.st_mode & (S_IRWXG | S_IRWXO));
}

/* The nth place for the spool of a run, in a folder that was made for it; false where that cannot be, or others
 * could exchange it or look into it. `to` has PATH_ROOM. */
static bool name_aside(char *to, int n, const char *run, char *const *variables) {
    const char *named = variable(variables, "TMPDIR"), *own = variable(variables, "XDG_RUNTIME_DIR");
    const char *base = (const char *[ASIDE_PLACES]){named, "/var/tmp", "/tmp", own, "/dev/shm"}[n];
    uint32_t user = (uint32_t)call0(SYS_geteuid);
    char folder[PATH_ROOM], digits[12];
    struct stat s;
    if (!base || *base != '/' || !stat_at(AT_FDCWD, base, &s, 0)) return false;
    if ((s.st_uid && s.st_uid != user) || (s.st_mode & (S_IWGRP | S_IWOTH) && !(s.st_mode & S_ISVTX)))
        return false;
    decimal(digits, user);
    if (!JOIN(folder, base, "/provgraph-", digits)) return false;
    call3(SYS_mkdirat, AT_FDCWD, folder, 0700);
    return is_private(folder) && joined(to, PATH_ROOM, (const char *const[]){folder, "/", run, NULL});
}

/* Delete a spool if it is there, and its folder with the last of it. */
static void discard_aside(const char *path) {
    struct slice place = slice_of(path);
    size_t parent = place.size - last_part(place).size;
    char folder[PATH_ROOM];
    if (parent < 2 || parent > sizeof folder) return;
    memcpy(folder, path, parent - 1);
    folder[parent - 1] = 0;
    if (!is_private(folder)) return;
    call3(SYS_unlinkat, AT_FDCWD, path, 0);
    call3(SYS_unlinkat, AT_FDCWD, folder, AT_REMOVEDIR);
}

/* The same of what a recording leads to. */
static void remove_aside(const char *events) {
    char path[PATH_ROOM];
    long size = call4(SYS_readlinkat, AT_FDCWD, events, path, sizeof path - 1);
    if (size <= 0) return;
    path[size] = 0;
    discard_aside(path);
}

#endif
