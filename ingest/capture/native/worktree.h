/* How does the git work tree stand? Git is asked, unless nothing that its answer depends on changed
 * since it was asked last: HEAD and what it names, the index, the settings, and every file's state.
 *
 * What is kept is the answer's text; `worktree.py` reads it. */

#ifndef PROVGRAPH_WORKTREE_H
#define PROVGRAPH_WORKTREE_H

#include "program.h"
#include "tree.h"

static const struct slice repository_variables[] = {REPOSITORY_VARIABLES, {NULL, 0}};
static char work_tree[PATH_ROOM]; /* empty where there is none */

struct git_answer {
    bool known;
    int status;
    struct buffer output;
};

/* The nearest folder upwards from the project's root that holds a `.git`. */
static void find_work_tree(void) {
    char path[PATH_ROOM];
    struct slice folder = root;
    memcpy(work_tree, root.at, root.size + 1);
    for (;;) {
        if (JOIN(path, work_tree, "/.git") && is_there(path)) return;
        while (folder.size && folder.at[folder.size - 1] != '/') folder.size--;
        if (!folder.size) break;
        work_tree[--folder.size] = 0;
    }
    if (!is_there("/.git")) return;
    work_tree[0] = '/', work_tree[1] = 0;
}

static bool mentions(const char *folder, const char *name, const char *const *words) {
    static char text[1 << 15];
    char path[PATH_ROOM];
    if (!JOIN(path, folder, name)) return true;
    long size = read_file(path, text, sizeof text);
    if (size == sizeof text) return true;
    for (long n = 0; n < size; n++)
        if (text[n] >= 'A' && text[n] <= 'Z') text[n] |= 32;
    for (; size > 0 && *words; words++)
        if (contains((struct slice){text, (size_t)size}, *words)) return true;
    return false;
}

/* Whether git names the project's files by nothing but their bytes, by SHA-1: no attributes (line
 * endings, filters, LFS), and no setting that does the same. */
static bool names_plain_bytes(const struct look *look, char *const *envp) {
    static const char *const converting[] = {"autocrlf", "attributesfile", "objectformat", "include",
                                             NULL};
    char folder[PATH_ROOM], path[PATH_ROOM];
    const char *home = variable(envp, "HOME"), *config = variable(envp, "XDG_CONFIG_HOME");
    const char *global = variable(envp, "GIT_CONFIG_GLOBAL"), *system = variable(envp, "GIT_CONFIG_SYSTEM");
    struct entry e;
    if (!JOIN(folder, work_tree, "/.git") || !is_folder(folder) || !look->whole) return false;
    if (!JOIN(path, folder, "/info/attributes") || is_there(path)) return false;
    if (!JOIN(path, home ? home : "", "/.config/git/attributes") || is_there(path)) return false;
    if (!JOIN(path, config ? config : "", "/git/attributes") || is_there(path)) return false;
    if (is_there("/etc/gitattributes")) return false;
    if (mentions(folder, "/config", converting) || mentions(folder, "/config.worktree", converting) ||
        mentions(home ? home : "", "/.gitconfig", converting) ||
        mentions(home ? home : "", "/.config/git/config", converting) ||
        mentions(config ? config : "", "/git/config", converting) ||
        mentions(global ? global : "", "", converting) ||
        mentions(system ? system : "/etc/gitconfig", "", converting))
        return false;
    for (size_t at = 0; at < look->entries.size;) {
        at = entry_at(look, at, &e);
        if (same(last_part(e.path), slice_of(".gitattributes"))) return false;
    }
    for (struct slice above = root; above.size > length_of(work_tree);) {
        while (above.size && root.at[above.size - 1] != '/') above.size--;
        if (above.size) above.size--;
        char *kept = text_kept(above);
        if (!kept || !JOIN(path, kept, "/.gitattributes") || is_there(path)) return false;
    }
    return true;
}

/* Ours, but for what would point git at another repository. */
static char **git_environment(char *const *envp) {
    size_t count = 0, kept = 0;
    while (envp[count]) count++;
    char **made = keep((count + 4) * sizeof *made);
    for (size_t n = 0; made && n < count; n++) {
        struct slice rest = slice_of(envp[n]);
        struct slice name = until(&rest, '=');
        if (is_any(name, repository_variables) || begins(name, "PROVGRAPH_") ||
            same(name, slice_of("GIT_OPTIONAL_LOCKS")) || same(name, slice_of("LC_ALL")) ||
            same(name, slice_of("GIT_TERMINAL_PROMPT")))
            continue;
        made[kept++] = envp[n];
    }
    if (!made) return NULL;
    made[kept++] = "GIT_OPTIONAL_LOCKS=0";
    made[kept++] = "GIT_TERMINAL_PROMPT=0";
    made[kept++] = "LC_ALL=C";
    made[kept] = NULL;
    return made;
}

static void ask_git(char *const *envp, struct git_answer *answer) {
    char git[PATH_ROOM];
    char *const argv[] = {"git", "-C", work_tree, "-c", "core.fsmonitor=false", "status",
                          "--porcelain=v2", "--branch", "-z", "--untracked-files=no",
                          "--no-renames", NULL};
    char **ours = git_environment(envp);
    if (!ours || !find_program("git", envp, git)) return;
    int output = (int)call2(SYS_memfd_create, "provgraph", MFD_CLOEXEC);
    if (output < 0) return;
    long pid = start(&(struct launch){git, argv, ours, output});
    struct stat s;
    int status = 0;
    if (pid > 0 && call4(SYS_wait4, pid, &status, 0, NULL) == pid &&
        call2(SYS_fstat, output, &s) == 0) {
        size_t done = 0, size = (size_t)s.st_size;
        char *to = extend(&answer->output, size);
        while (to && done < size) {
            long n = call4(SYS_pread64, output, to + done, size - done, done);
            if (n <= 0) break;
            done += (size_t)n;
        }
        answer->known = to && done == size;
        answer->status = status & 0x7f ? -(status & 0x7f) : status >> 8 & 0xff;
    }
    close_file(output);
}

/* ---- when git need not be asked ----------------------------------------------------------------- */

#define ANSWER_MAGIC "provgraph work tree 2\n"
enum { ANSWER_HEAD = sizeof ANSWER_MAGIC - 1, LONGEST_REF = 512 };

/* When a file's state began to tell each further change: a moment after the last one. Where file times are
 * coarser than a tick of the clock (NFS, FAT), seconds after it: there, they are round. */
static void note_settled(const struct state *s, uint64_t *settled) {
    int64_t changed = s->mtime > s->ctime ? s->mtime : s->ctime;
    if (changed <= 0) return;
    uint64_t since = (uint64_t)changed + (s->ctime % 1000000 ? TICK_STEP : YOUNG_IN_CACHE);
    if (since > *settled) *settled = since;
}

static bool add_file_state(struct blake3 *b, const char *folder, const char *name, uint64_t *settled) {
    char path[PATH_ROOM];
    struct stat s;
    struct state now = {0};
    if (!JOIN(path, folder, name)) return false;
    if (stat_at(AT_FDCWD, path, &s, 0)) now = state_of(&s);
    note_settled(&now, settled);
    blake3_add(b, &now, sizeof now);
    return true;
}

enum { INDEX_HEAD = 12, INDEX_NAME = 62, INDEX_SUM = 20, EXTENDED = 0x4000, SUBMODULE = 016 };

static uint32_t in_index(struct slice index, size_t at) {
    uint32_t n;
    memcpy(&n, index.at + at, 4);
    return __builtin_bswap32(n);
}

/* What stands behind the files in the index: false where it bears upon them, as where they stand in another
 * index, too. Such parts have small letters. */
static bool tells_all(struct slice index, size_t at) {
    for (; at + 8 + INDEX_SUM <= index.size; at += 8 + in_index(index, at + 4))
        if (index.at[at] < 'A' || index.at[at] > 'Z') return false;
    return at + INDEX_SUM == index.size;
}

/* The states of the files that git knows, as a look saw them; false where the index does not tell which they
 * are, or git looks into a submodule. Of files that it does not know, its answer says nothing. */
static bool add_tracked(struct blake3 *b, struct look *look, struct slice index, uint64_t *settled) {
    static const struct state missing;
    struct entry e;
    char path[PATH_ROOM];
    size_t at = INDEX_HEAD;
    if (!index.size) return true;
    if (!make_places(look) || index.size < INDEX_HEAD + INDEX_SUM) return false;
    memcpy(path, root.at, root.size);
    path[root.size] = '/';
    for (uint32_t left = in_index(index, 8); left; left--) {
        if (at + INDEX_NAME + 2 + INDEX_SUM > index.size) return false;
        uint32_t flags = in_index(index, at + INDEX_NAME - 4) & 0xffff;
        size_t name = at + INDEX_NAME + (flags & EXTENDED ? 2 : 0), size = 0;
        while (name + size < index.size && index.at[name + size]) size++;
        if (name + size >= index.size || root.size + 1 + size > sizeof path) return false;
        if (in_index(index, at + 24) >> 12 == SUBMODULE) return false;
        memcpy(path + root.size + 1, index.at + name, size);
        uint64_t *place = place_in(look, (struct slice){path, root.size + 1 + size});
        if (*place) entry_at(look, *place - 1, &e);
        else e.state = missing;
        note_settled(&e.state, settled);
        blake3_add(b, &e.state, sizeof e.state);
        at += (name - at + size + 8) & ~(size_t)7;
    }
    return tells_all(index, at);
}

static bool add_all(struct blake3 *b, const struct look *look, uint64_t *settled) {
    struct entry e;
    for (size_t at = 0; at < look->entries.size;) {
        at = entry_at(look, at, &e);
        if (!(e.mark & UNREADABLE)) note_settled(&e.state, settled);
    }
    blake3_add(b, look->entries.at, look->entries.size);
    return true;
}

/* Whether a look saw all that git does: no name that looks leave out stands in the index. */
static bool sees_all(const struct look *look, struct slice index) {
    char name[PATH_ROOM];
    bool all = !index.size || (index.size > INDEX_HEAD && index.at[7] < 4); /* version 4 shortens names */
    for (const struct slice *skipped = skipped_names; all && skipped->at; skipped++)
        all = JOIN(name, skipped->at, "/") && !contains(index, name);
    for (int n = 0; all && n < look->environment_count; n++)
        all = JOIN(name, look->environments[n].at + root.size + 1, "/") && !contains(index, name);
    return all;
}

/* The states of the files that git looks at. Where it may convert their content, that depends on others, too. */
static bool add_files(struct blake3 *b, struct look *look, const char *folder, bool plain, uint64_t *settled) {
    char path[PATH_ROOM];
    struct entry e;
    if (!JOIN(path, folder, "/index")) return false;
    for (size_t at = 0; at < look->entries.size;) {
        at = entry_at(look, at, &e);
        if (e.mark & UNREADABLE) return false;
    }
    struct slice index = mapped_file(path);
    bool added = (index.at || !is_there(path)) && sees_all(look, index) &&
                 (plain ? add_tracked(b, look, index, settled) : add_all(b, look, settled));
    if (index.at) call2(SYS_munmap, index.at, index.size);
    return added;
}

/* All that git's answer depends on, as one number; false where that cannot be told. What changes after
 * `settled` changes the number. */
static bool fingerprint(struct look *look, char *const *envp, bool plain, uint8_t to[32],
                        uint64_t *settled) {
    static struct blake3 b;
    char folder[PATH_ROOM], path[PATH_ROOM], head[LONGEST_REF];
    struct stat s;
    *settled = 0;
    if (!look->whole || look->skipped || !same(slice_of(work_tree), root)) return false;
    if (!JOIN(folder, work_tree, "/.git") || !stat_at(AT_FDCWD, folder, &s, AT_SYMLINK_NOFOLLOW) ||
        !S_ISDIR(s.st_mode))
        return false;
    if (!JOIN(path, work_tree, "/.gitmodules") || is_there(path)) return false;
    if (!JOIN(path, folder, "/HEAD")) return false;
    long size = read_file(path, head, sizeof head - 1);
    if (size <= 0 || size >= (long)sizeof head - 1) return false;
    blake3_begin(&b);
    blake3_add(&b, head, (size_t)size);
    while (size && head[size - 1] == '\n') size--;
    head[size] = 0;
    if (begins(slice_of(head), "ref: ")) {
        char value[LONGEST_REF];
        if (contains(slice_of(head), "..") || !JOIN(path, folder, "/", head + 5)) return false;
        long read = read_file(path, value, sizeof value);
        if (read >= (long)sizeof value || (read > 4 && memcmp(value, "ref:", 4) == 0)) return false;
        blake3_add(&b, value, read > 0 ? (size_t)read : 0);
    }
    const char *home = variable(envp, "HOME"), *config = variable(envp, "XDG_CONFIG_HOME");
    static const char *const inside[] = {"/packed-refs", "/index", "/config", "/config.worktree",
                                         "/info/attributes", "/reftable/tables.list", NULL};
    for (int n = 0; inside[n]; n++)
        if (!add_file_state(&b, folder, inside[n], settled)) return false;
    if (!add_file_state(&b, "/etc", "/gitconfig", settled) ||
        !add_file_state(&b, home ? home : "", "/.gitconfig", settled) ||
        !add_file_state(&b, home ? home : "", "/.config/git/config", settled) ||
        !add_file_state(&b, home ? home : "", "/.config/git/attributes", settled) ||
        !add_file_state(&b, config ? config : "", "/git/config", settled))
        return false;
    for (; *envp; envp++)
        if (begins(slice_of(*envp), "GIT_")) blake3_add(&b, *envp, length_of(*envp) + 1);
    if (!add_files(&b, look, folder, plain, settled)) return false;
    blake3_end(&b, to);
    return true;
}

static bool read_answer(const char *path, const uint8_t print[32], struct git_answer *answer) {
    struct slice kept = mapped_file(path);
    bool right = kept.size >= ANSWER_HEAD + 32 && begins(kept, ANSWER_MAGIC) &&
                 memcmp(kept.at + ANSWER_HEAD, print, 32) == 0;
    if (right) {
        append(&answer->output, kept.at + ANSWER_HEAD + 32, kept.size - ANSWER_HEAD - 32);
        answer->known = !answer->output.lost;
    }
    if (kept.at) call2(SYS_munmap, kept.at, kept.size);
    return right && answer->known;
}

static void keep_answer(const char *path, const uint8_t print[32], const struct git_answer *answer,
                        const char *run) {
    char fresh[PATH_ROOM];
    struct buffer text = {0};
    call3(SYS_mkdirat, AT_FDCWD, cache_folder, 0700);
    if (!JOIN(fresh, path, ".", run)) return;
    append(&text, ANSWER_MAGIC, ANSWER_HEAD);
    append(&text, print, 32);
    append(&text, answer->output.at, answer->output.size);
    int file = open_at(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (file < 0) return;
    bool whole = !text.lost && write_all(file, text.at, text.size, 0);
    close_file(file);
    if (!whole || call5(SYS_renameat2, AT_FDCWD, fresh, AT_FDCWD, path, 0) < 0)
        call3(SYS_unlinkat, AT_FDCWD, fresh, 0);
}

/* `plain` is what `names_plain_bytes` says. */
static void ask_or_remember(struct look *look, char *const *envp, bool plain, const char *run,
                            struct git_answer *answer) {
    char path[PATH_ROOM];
    uint8_t print[32], again[32];
    uint64_t settled, began = wall();
    bool told = fingerprint(look, envp, plain, print, &settled) && JOIN(path, cache_folder, "/worktree");
    if (told && read_answer(path, print, answer)) return;
    ask_git(envp, answer);
    /* A file that changed just now could change again without its state telling. */
    if (told && answer->known && answer->status == 0 && settled < began &&
        fingerprint(look, envp, plain, again, &settled) && memcmp(print, again, 32) == 0)
        keep_answer(path, print, answer, run);
}

#endif
