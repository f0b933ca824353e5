/* Which files does the project have, and in which states? As `tree.py` looks at it.
 *
 * A look is entries one after the other: a length with marks, the path, and for what is no folder
 * that could not be read its state. */

#ifndef PROVGRAPH_TREE_H
#define PROVGRAPH_TREE_H

#include "digests.h"

enum { MOST_ENTRIES = 200000, MOST_ENVIRONMENTS = 16, STATE_BYTES = sizeof(struct state) };
#define UNREADABLE (1u << 31)
#define NO_FILE (1u << 30) /* a link, a socket or the like: only to see whether anything changed */
#define STILL_THERE (1ull << 63)
#define LENGTH_BITS (NO_FILE - 1)

static const struct slice skipped_names[] = {SKIPPED, {NULL, 0}};
static const struct slice environment_marks[] = {MARKS, {NULL, 0}};

struct look {
    struct buffer entries;
    size_t count;
    bool whole;   /* there were not too many */
    bool skipped; /* a folder was left out that is not told below */
    struct slice environments[MOST_ENVIRONMENTS]; /* folders left out for what is in them */
    int environment_count;
    uint64_t *places; /* an entry's offset + 1, by its path; made when it is first asked for */
    size_t room;
};

static void add_entry(struct look *l, struct slice path, uint32_t mark, const struct state *s) {
    append_number(&l->entries, (uint32_t)path.size | mark);
    append(&l->entries, path.at, path.size);
    if (s) append(&l->entries, s, STATE_BYTES);
    l->count++;
}

/* The names of a folder: of each its kind and itself, ended by a zero. */
static bool list_folder(int folder, struct buffer *names, size_t *count) {
    static char raw[1 << 15];
    long size;
    names->size = 0;
    while ((size = call3(SYS_getdents64, folder, raw, sizeof raw)) > 0)
        for (long at = 0; at < size; at += *(uint16_t *)(raw + at + 16)) {
            const char *name = raw + at + 19;
            if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
            append(names, raw + at + 18, 1);
            append(names, name, length_of(name) + 1);
            if (++*count > MOST_ENTRIES) return true;
        }
    return size == 0 && !names->lost;
}

static bool is_environment(const struct buffer *names) {
    for (size_t at = 0; at < names->size;) {
        struct slice name = slice_of(names->at + at + 1);
        if (is_any(name, environment_marks)) return true;
        at += name.size + 2;
    }
    return false;
}

static void add_environment(struct look *l, struct slice folder) {
    char *kept = l->environment_count < MOST_ENVIRONMENTS ? text_kept(folder) : NULL;
    if (kept) l->environments[l->environment_count++] = (struct slice){kept, folder.size};
    else l->skipped = true;
}

enum { A_FOLDER = 4, A_FILE = 8 }; /* as getdents has them */

static void look_in(struct look *l, struct buffer *waiting, int folder, char *path, size_t size,
                    const struct buffer *names) {
    struct stat s;
    for (size_t at = 0; at < names->size;) {
        char kind = names->at[at];
        struct slice name = slice_of(names->at + at + 1);
        at += name.size + 2;
        if (size + name.size + 2 > PATH_ROOM) continue;
        path[size] = '/';
        memcpy(path + size + 1, name.at, name.size + 1);
        struct slice whole = {path, size + 1 + name.size};
        bool read = kind != A_FOLDER && stat_at(folder, name.at, &s, AT_SYMLINK_NOFOLLOW);
        if (kind == A_FOLDER || (read && S_ISDIR(s.st_mode))) {
            if (is_any(name, skipped_names)) continue;
            if (is_ignored_folder(whole)) l->skipped = true;
            else append(waiting, path, whole.size + 1);
        } else if (read) {
            struct state now = state_of(&s);
            add_entry(l, whole, S_ISREG(s.st_mode) ? 0 : NO_FILE, &now);
        }
    }
    path[size] = 0;
}

static void look_at_tree(struct look *l) {
    static struct buffer waiting, names;
    static char path[PATH_ROOM];
    size_t seen = 0;
    l->entries.size = 0, l->count = 0, l->places = NULL, l->whole = true, l->skipped = ignores, l->environment_count = 0;
    waiting.size = 0;
    append(&waiting, root.at, root.size + 1);
    while (waiting.size && l->whole) {
        size_t start = waiting.size - 1;
        while (start && waiting.at[start - 1]) start--;
        struct slice folder = {path, waiting.size - 1 - start};
        memcpy(path, waiting.at + start, folder.size + 1);
        waiting.size = start;
        int file = open_at(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (file < 0 || !list_folder(file, &names, &seen)) add_entry(l, folder, UNREADABLE, NULL);
        else if (folder.size != root.size && is_environment(&names)) add_environment(l, folder);
        else if (seen <= MOST_ENTRIES) look_in(l, &waiting, file, path, folder.size, &names);
        if (file >= 0) close_file(file);
        if (seen > MOST_ENTRIES || names.lost || waiting.lost || l->entries.lost) l->whole = false;
    }
    if (!l->whole) empty(&l->entries);
}

static bool same_look(const struct look *a, const struct look *b) {
    return a->whole && b->whole && a->entries.size == b->entries.size &&
           memcmp(a->entries.at, b->entries.at, a->entries.size) == 0;
}

/* An entry, and the offset behind it. */
struct entry {
    struct slice path;
    uint32_t mark;
    struct state state;
};

static size_t entry_at(const struct look *l, size_t at, struct entry *e) {
    uint32_t word;
    memcpy(&word, l->entries.at + at, 4);
    e->mark = word & ~LENGTH_BITS;
    e->path = (struct slice){l->entries.at + at + 4, word & LENGTH_BITS};
    at += 4 + e->path.size;
    if (e->mark & UNREADABLE) return at;
    memcpy(&e->state, l->entries.at + at, STATE_BYTES);
    return at + STATE_BYTES;
}

/* Where the entry of a path stands in a look whose places are made; 0 where there is none. */
static uint64_t *place_in(const struct look *l, struct slice path) {
    struct entry e;
    size_t at = hash_of(path) & (l->room - 1);
    for (; l->places[at]; at = (at + 1) & (l->room - 1)) {
        entry_at(l, (l->places[at] & ~STILL_THERE) - 1, &e);
        if (same(e.path, path)) break;
    }
    return &l->places[at];
}

static bool make_places(struct look *l) {
    struct entry e;
    if (l->places) return true;
    l->room = 256;
    while (l->room < 2 * l->count) l->room *= 2;
    uint64_t *places = map_memory(l->room * sizeof *places);
    if (failed(places)) return false;
    l->places = places;
    for (size_t at = 0, next; at < l->entries.size; at = next) {
        next = entry_at(l, at, &e);
        size_t place = hash_of(e.path) & (l->room - 1);
        while (places[place]) place = (place + 1) & (l->room - 1);
        places[place] = at + 1;
    }
    return true;
}

/* What changed between two looks is looked into; of what was there before, what is known is kept. */
static void compare_looks(struct look *before, const struct look *after) {
    struct entry e, was;
    if (!make_places(before)) return;
    for (size_t at = 0; at < after->entries.size && !stopped;) {
        at = entry_at(after, at, &e);
        if (e.mark) continue;
        uint64_t *place = place_in(before, e.path);
        if (*place) {
            entry_at(before, (*place & ~STILL_THERE) - 1, &was);
            *place |= STILL_THERE;
            if (!was.mark && same_state(&was.state, &e.state)) continue;
            if (!was.mark) recall(&was.state, false);
        }
        look_into(e.path, &e.state, tick(), false);
    }
    for (size_t n = 0; n < before->room; n++)
        if (before->places[n] && !(before->places[n] & STILL_THERE)) {
            entry_at(before, before->places[n] - 1, &was);
            if (!was.mark) recall(&was.state, false);
        }
}

#endif
