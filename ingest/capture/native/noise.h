/* Which paths matter: what `noise.py` says with the project's root alone, from the same tables
 * (SYSTEM, FOLDERS, HOME_FOLDERS, KEPT, SUFFIXES, SKIPPED come from it when this is compiled). */

#ifndef PROVGRAPH_NOISE_H
#define PROVGRAPH_NOISE_H

#include "system.h"
#include "tables.h"

static const struct slice system_folders[] = {SYSTEM, {NULL, 0}};
static const struct slice noise_folders[] = {FOLDERS, {NULL, 0}};
static const struct slice home_folders[] = {HOME_FOLDERS, {NULL, 0}};
static const struct slice kept_ends[] = {KEPT, {NULL, 0}};
static const struct slice noise_suffixes[] = {SUFFIXES, {NULL, 0}};

static struct slice root; /* the project's, without a slash at its end */

static bool ends_any(struct slice text, const struct slice *of) {
    for (; of->at; of++)
        if (text.size >= of->size &&
            memcmp(text.at + text.size - of->size, of->at, of->size) == 0)
            return true;
    return false;
}

/* Whether the path is the folder, or below it. */
static bool is_in(struct slice path, struct slice folder) {
    return path.size >= folder.size && memcmp(path.at, folder.at, folder.size) == 0 &&
           (path.size == folder.size || path.at[folder.size] == '/');
}

static bool is_inside(struct slice path) { return path.size > root.size && is_in(path, root); }

static bool is_noise_folder(struct slice folder, struct slice name) {
    if (is_any(name, noise_folders)) return true;
    if (is_inside(folder)) return false;
    return !ends_any(folder, kept_ends) &&
           (is_any(folder, system_folders) || is_any(name, home_folders));
}

static bool is_noise_outside(struct slice folder, struct slice name) {
    if (ends_any(name, noise_suffixes) || contains(name, ".so.")) return true;
    if (name.size == 0 || *name.at != '.') return false;
    int depth = 0;
    for (size_t n = 0; n < folder.size; n++) depth += folder.at[n] == '/';
    return same(folder, slice_of("/root")) ||
           (depth == 2 && (begins(folder, "/home/") || begins(folder, "/Users/")));
}

/* What is known of a folder; many files lie in few. */
struct folder {
    struct slice path;
    bool noise;
    bool seen, asked; /* by `watch.h` */
};

static bool folds(struct slice folder) {
    bool folded = false;
    for (size_t n = 1; n <= folder.size; n++) {
        if (n < folder.size && folder.at[n] != '/') continue;
        struct slice above = {folder.at, n};
        if (same(above, root)) folded = false;
        else if (folded) folded = !ends_any(above, kept_ends);
        else folded = is_noise_folder(above, last_part(above));
    }
    return folded;
}

static struct folder *folder_of(struct slice path) {
    static struct folder *places[1 << 12], none, *last, *other;
    struct slice folder = {path.at, path.size - last_part(path).size};
    if (folder.size) folder.size--;
    /* A record asks more than once, and its neighbours ask the same: of a module and what it was compiled to. */
    if (last && same(last->path, folder)) return last;
    struct folder *before = last;
    last = other, other = before;
    if (last && same(last->path, folder)) return last;
    size_t at = hash_of(folder) & (sizeof places / sizeof *places - 1);
    for (int tries = 0; tries < 8; tries++, at = (at + 1) & (sizeof places / sizeof *places - 1)) {
        if (places[at] && same(places[at]->path, folder)) return last = places[at];
        if (places[at]) continue;
        struct folder *made = keep(sizeof *made);
        char *kept = made ? text_kept(folder) : NULL;
        if (!kept) break;
        *made = (struct folder){{kept, folder.size}, folds(folder), false, false};
        return last = places[at] = made;
    }
    none = (struct folder){folder, folds(folder), false, false};
    return &none;
}

/* Whether an absolute path is environment rather than lineage. */
static bool is_noise(struct slice path) {
    const struct folder *folder = folder_of(path);
    if (folder->noise || is_inside(path)) return folder->noise;
    return is_noise_outside(folder->path, last_part(path));
}

/* ---- `.provgraphignore`: only the folders that it names plainly; the rest is left to the reader -- */

static struct slice ignored[64];
static int ignored_count;
static bool ignores; /* there is such a file */

static void read_ignored(void) {
    static char path[PATH_ROOM], text[1 << 14];
    if (!JOIN(path, root.at, "/.provgraphignore")) return;
    long size = read_file(path, text, sizeof text);
    ignores = size > 0;
    if (size <= 0 || size == sizeof text) return;
    struct slice rest = {text, (size_t)size};
    while (rest.size && ignored_count < 64) {
        struct slice line = until(&rest, '\n');
        while (line.size && (line.at[line.size - 1] == ' ' || line.at[line.size - 1] == '\r')) line.size--;
        if (line.size && *line.at == '!') { /* what it names again would have to be found */
            ignored_count = 0;
            return;
        }
        while (line.size && line.at[line.size - 1] == '/') line.size--;
        bool plain = line.size && *line.at != '#';
        for (size_t n = 0; n < line.size; n++)
            plain = plain && line.at[n] != '*' && line.at[n] != '?' && line.at[n] != '[' &&
                    line.at[n] != '\\';
        if (plain) ignored[ignored_count++] = line;
    }
}

static bool is_ignored_folder(struct slice folder) {
    for (int n = 0; n < ignored_count; n++) {
        struct slice name = ignored[n];
        bool anchored = false;
        for (size_t i = 0; i < name.size; i++) anchored = anchored || name.at[i] == '/';
        if (*name.at == '/') name.at++, name.size--;
        struct slice inside = {folder.at + root.size + 1, folder.size - root.size - 1};
        if (name.size && same(name, anchored ? inside : last_part(inside))) return true;
    }
    return false;
}

static bool is_ignored(struct slice path) {
    if (!ignored_count || !is_inside(path)) return false;
    for (size_t n = root.size + 1; n < path.size; n++)
        if (path.at[n] == '/' && is_ignored_folder((struct slice){path.at, n})) return true;
    return false;
}

/* Whether the bytes of a file belong into the record: never fewer than the reader will ask for. */
static bool matters(struct slice path) {
    static const char state_folder[] = "/.provgraph";
    if (path.size == 0 || *path.at != '/' || is_noise(path) || is_ignored(path)) return false;
    if (is_inside(path) && is_in((struct slice){path.at + root.size, path.size - root.size},
                                 slice_of(state_folder)))
        return false;
    return !contains(path, "/.git/");
}

#endif
