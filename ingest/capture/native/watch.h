/* What did the programs of the run do so far? Reads the spool as it grows (preload.h tells how it
 * lies in the file), has what matters hashed, and finds what only Python can write down. */

#ifndef PROVGRAPH_WATCH_H
#define PROVGRAPH_WATCH_H

#include "secrets.h"
#include "tree.h"

#include "../preload.h"

enum { TRUNCATION_STATES = 2, MOST_SITES = 64 };

static char spool_path[PATH_ROOM];
static int spool_held = -1;     /* open: a program may remove it, or put another there */
static uint64_t spool_size;      /* the largest that it was seen to have */
static struct slice spool_file; /* mapped, as far as it was allocated */
static uint64_t next_chunk = DATA_START;
static bool image_seen, secret_seen, project_touched;
static struct slice sites[MOST_SITES]; /* folders of installed packages that were read in */
static int site_count;

/* ---- processes --------------------------------------------------------------------------------- */

struct life {
    uint32_t pid;
    bool exited;
    uint64_t started, last;
};

static struct life *lives;
static size_t lives_room, lives_count;

static struct life *life_place(struct life *places, size_t room, uint32_t pid) {
    size_t at = pid * 0x9e3779b1u & (room - 1);
    while (places[at].pid && places[at].pid != pid) at = (at + 1) & (room - 1);
    return &places[at];
}

static void note_life(uint32_t pid, uint64_t when, bool exit) {
    if ((lives_count + 1) * 2 > lives_room) {
        size_t room = lives_room ? lives_room * 2 : 128;
        struct life *places = map_memory(room * sizeof *places);
        if (failed(places)) return;
        for (size_t n = 0; n < lives_room; n++)
            if (lives[n].pid) *life_place(places, room, lives[n].pid) = lives[n];
        if (lives) call2(SYS_munmap, lives, lives_room * sizeof *lives);
        lives = places, lives_room = room;
    }
    struct life *l = life_place(lives, lives_room, pid);
    if (!l->pid) *l = (struct life){pid, false, when, 0}, lives_count++;
    if (when < l->started) l->started = when;
    if (when >= l->last) l->last = when, l->exited = exit;
}

/* Whether that process, and not a later one of the same number, still runs. */
static bool is_alive(const struct life *l) {
    char path[64], text[1024], digits[12];
    int n = sizeof digits - 1;
    digits[n] = 0;
    for (uint32_t pid = l->pid; pid; pid /= 10) digits[--n] = (char)('0' + pid % 10);
    long size = JOIN(path, "/proc/", digits + n, "/stat") ? read_file(path, text, sizeof text) : -1;
    long end = size;
    while (end > 0 && text[end - 1] != ')') end--;
    if (end <= 0 || end + 1 >= size) return false;
    struct slice rest = {text + end + 1, (size_t)(size - end - 1)};
    if (*rest.at == 'Z' || *rest.at == 'X') return false;
    for (int field = 0; field < 19; field++) until(&rest, ' ');
    return number_in(&rest) * 10000000u <= l->started + 1000000000u / 100; /* of a hundredth second */
}

static bool anybody_lives(void) {
    for (size_t n = 0; n < lives_room; n++)
        if (lives[n].pid && !lives[n].exited && is_alive(&lives[n])) return true;
    return false;
}

/* ---- records ----------------------------------------------------------------------------------- */

/* The rest of a record's payload. What would reach beyond its end reads as nothing. */
static uint64_t take_number(struct slice *rest, size_t width) {
    uint64_t n = 0;
    if (rest->size < width) {
        rest->size = 0;
        return 0;
    }
    memcpy(&n, rest->at, width);
    rest->at += width, rest->size -= width;
    return n;
}

static struct slice take_text(struct slice *rest) {
    uint64_t length = take_number(rest, 4);
    if (length == ELSEWHERE) {
        uint64_t offset = take_number(rest, 8);
        if (offset < DATA_START || offset + 4 > spool_file.size) return (struct slice){"", 0};
        struct slice there = {spool_file.at + offset, spool_file.size - offset};
        length = take_number(&there, 4);
        if (length > PATH_ROOM || length > there.size) return (struct slice){"", 0};
        return (struct slice){there.at, length};
    }
    if (length > rest->size) length = rest->size;
    struct slice text = {rest->at, length};
    rest->at += length, rest->size -= length;
    return text;
}

static bool take_state(struct slice *rest, struct state *s) {
    if (rest->size < sizeof *s) return false;
    memcpy(s, rest->at, sizeof *s);
    rest->at += sizeof *s, rest->size -= sizeof *s;
    return true;
}

/* The words of an exec are those of the image that follows, and often of the next. */
static void check_words(struct slice rest) {
    static struct buffer checked;
    struct slice words = rest;
    uint64_t count = take_number(&rest, 4);
    struct slice end = rest;
    for (uint64_t n = 0; n < count && end.size; n++) take_text(&end);
    words.size = (size_t)(end.at - words.at);
    if (same(words, (struct slice){checked.at, checked.size})) return;
    checked.size = 0;
    append(&checked, words.at, words.size);
    for (int n = 0; (uint64_t)n < count && rest.size && !secret_seen; n++) {
        struct slice word = take_text(&rest);
        secret_seen = may_be_secret(word) || is_secretive(word, n);
    }
}

static void add_site(struct slice site) {
    for (int n = 0; n < site_count; n++)
        if (same(sites[n], site)) return;
    char *kept = site_count < MOST_SITES ? text_kept(site) : NULL;
    if (kept) sites[site_count++] = (struct slice){kept, site.size};
}

static void note_site(struct slice path) {
    struct folder *folder = folder_of(path);
    if (folder->seen) return;
    folder->seen = true;
    for (size_t at = 0; at + 14 < path.size; at++) {
        struct slice rest = {path.at + at, path.size - at};
        if (*rest.at != '/' || !(begins(rest, "/site-packages/") || begins(rest, "/dist-packages/")))
            continue;
        add_site((struct slice){path.at, at + 14});
        return;
    }
}

/* Where conda tells what is installed around a program. */
static void note_conda(struct slice program) {
    static const char list[] = "/conda-meta";
    struct folder *folder = folder_of(program);
    if (folder->asked || folder->path.size + sizeof list > PATH_ROOM) return;
    folder->asked = true;
    char path[PATH_ROOM];
    memcpy(path, folder->path.at, folder->path.size);
    for (size_t n = folder->path.size; n; n--) {
        if (n < folder->path.size && path[n] != '/') continue;
        memcpy(path + n, list, sizeof list);
        if (is_folder(path)) {
            add_site((struct slice){path, n + sizeof list - 1});
            return;
        }
        path[n] = '/';
    }
}

/* The module that Python compiled into a file of a `__pycache__`: its text is what matters. */
static void note_compiled(struct slice path) {
    static const char cache[] = "__pycache__/";
    struct slice name = last_part(path);
    struct slice folder = {path.at, path.size - name.size};
    char source[PATH_ROOM];
    if (!ends(path, ".pyc") || !ends(folder, cache)) return;
    folder.size -= sizeof cache - 1;
    name = until(&name, '.');
    if (folder.size + name.size + 4 > sizeof source) return;
    memcpy(source, folder.at, folder.size);
    memcpy(source + folder.size, name.at, name.size);
    memcpy(source + folder.size + name.size, ".py", 3);
    look_into((struct slice){source, folder.size + name.size + 3}, NULL, 0, false);
}

static void on_path(struct slice path, const struct state *s, uint64_t when, bool written) {
    if (is_inside(path) && !contains(path, "/.provgraph/")) project_touched = true;
    look_into(path, s, when, written);
}

static void on_descriptors(struct slice *rest, uint64_t when) {
    struct state s;
    uint64_t count = take_number(rest, 4);
    for (uint64_t n = 0; n < count && rest->size; n++) {
        uint64_t kind = take_number(rest, 8) >> 32 & 0xffff;
        bool held = take_state(rest, &s);
        struct slice path = take_text(rest);
        if (held && kind == KIND_FILE) on_path(path, &s, when, false);
    }
}

static void on_record(const struct record *head, struct slice rest) {
    struct state s, other;
    uint64_t when = head->tick;
    note_life(head->pid, when, head->type == EXITED);
    switch (head->type) {
    case IMAGE: {
        image_seen = true;
        struct slice executable = take_text(&rest);
        if (is_inside(executable)) project_touched = true;
        note_conda(executable);
        take_text(&rest);
        on_descriptors(&rest, when);
        check_words(rest);
        break;
    }
    case FORKED: on_descriptors(&rest, when); break;
    case EXECUTING: {
        uint64_t kept = take_number(&rest, 8) & 0xffffffffu;
        for (; kept && rest.size; kept--)
            for (int n = 0; n < 5; n++) take_number(&rest, 8);
        take_text(&rest);
        if (is_inside(take_text(&rest))) project_touched = true;
        check_words(rest);
        break;
    }
    case OPENED: {
        bool held = take_state(&rest, &s);
        if (head->flags & HAS_BEFORE && take_state(&rest, &other)) recall(&other, false);
        struct slice path = take_text(&rest);
        note_site(path);
        if (ends(folder_of(path)->path, "/bin")) note_conda(path); /* a shell's script */
        if (held) on_path(path, head->flags & WRITABLE ? NULL : &s, when, false);
        note_compiled(path);
        break;
    }
    case CLOSED: {
        take_number(&rest, 8);
        bool held = take_state(&rest, &s);
        struct slice path = take_text(&rest); /* of what was opened for reading it is empty */
        if (held && path.size) on_path(path, &s, when, true);
        break;
    }
    case RENAMED: {
        bool held = head->flags & HAS_STAT && take_state(&rest, &s);
        if (head->flags & HAS_REPLACED && take_state(&rest, &other)) recall(&other, false);
        take_text(&rest);
        struct slice target = take_text(&rest);
        if (!(head->flags & DIRECTORY)) on_path(target, held ? &s : NULL, when, false);
        else if (is_inside(target)) project_touched = true;
        break;
    }
    case LINKED: {
        bool held = head->flags & HAS_STAT && take_state(&rest, &s);
        take_text(&rest);
        on_path(take_text(&rest), held ? &s : NULL, when, false);
        break;
    }
    case UNLINKED: {
        if (head->flags & HAS_STAT && take_state(&rest, &s)) recall(&s, false);
        if (is_inside(take_text(&rest))) project_touched = true;
        break;
    }
    case TRUNCATED: {
        if (head->flags & HAS_BEFORE && take_state(&rest, &other)) recall(&other, false);
        bool held = head->flags & HAS_STAT && take_state(&rest, &s);
        on_path(take_text(&rest), held ? &s : NULL, when, true);
        break;
    }
    default: break;
    }
}

/* ---- the file ---------------------------------------------------------------------------------- */

struct part { /* a chunk that is not read to its end */
    uint64_t at, end;
};

static struct buffer parts;

static const struct spool *spool_head(void) { return (const struct spool *)spool_file.at; }

/* Somebody whom the shim does not keep from it made it shorter: before more programs end by SIGBUS, it gets its size
 * back, and they write no more. */
static void mend_spool(uint64_t size) {
    static struct spool empty = {.magic = SPOOL_MAGIC, .version = SPOOL_VERSION, .sealed = 1, .cursor = DATA_START,
                                 .allocated = DATA_START, .gaps = GAP_HARMED};
    write_all(spool_held, &empty, sizeof empty, 0);
    call2(SYS_ftruncate, spool_held, size);
}

static bool map_spool(void) {
    struct stat s;
    if (call2(SYS_fstat, spool_held, &s) == 0 && (uint64_t)s.st_size < spool_size) mend_spool(spool_size);
    else if (spool_file.at && __atomic_load_n(&spool_head()->allocated, __ATOMIC_ACQUIRE) <= spool_file.size)
        return true;
    if (spool_file.at) call2(SYS_munmap, spool_file.at, spool_file.size);
    spool_file = mapped(spool_held);
    if (spool_file.size > spool_size) spool_size = spool_file.size;
    return spool_file.size >= DATA_START && spool_head()->magic == SPOOL_MAGIC;
}

static void find_chunks(void) {
    const struct spool *head = spool_head();
    uint64_t end = __atomic_load_n(&head->cursor, __ATOMIC_ACQUIRE);
    uint64_t allocated = __atomic_load_n(&head->allocated, __ATOMIC_ACQUIRE);
    if (end > allocated) end = allocated;
    if (end > spool_file.size) end = spool_file.size;
    uint64_t at = next_chunk;
    bool open = false; /* a chunk whose head is not written yet */
    while (at + sizeof(struct chunk) <= end) {
        const struct chunk *c = (const struct chunk *)(spool_file.at + at);
        bool begun = __atomic_load_n(&c->magic, __ATOMIC_ACQUIRE) == CHUNK_MAGIC;
        uint32_t size = __atomic_load_n(&c->size, __ATOMIC_RELAXED); /* once: others may write it */
        if (!begun || size < GRANULE || size % GRANULE) {
            open = true;
            at += GRANULE;
            continue;
        }
        if (open) break; /* chunks behind it wait for the last look, which passes over it */
        struct part p = {at + sizeof *c, at + size < spool_file.size ? at + size : spool_file.size};
        append(&parts, &p, sizeof p);
        at += size;
        next_chunk = at;
    }
}

/* With `last`, holes are passed over that a killed process left. */
static void read_part(struct part *p, bool last) {
    while (p->at + sizeof(struct record) <= p->end) {
        const struct record *head = (const struct record *)(spool_file.at + p->at);
        uint32_t word = __atomic_load_n(&head->length, __ATOMIC_ACQUIRE), length = word & ~7u;
        if (length < sizeof *head || p->at + length > p->end || (word & UNFINISHED && !last)) break;
        if (!(word & UNFINISHED))
            on_record(head, (struct slice){(const char *)(head + 1), length - sizeof *head});
        p->at += length;
    }
}

/* Take in what was written since; whether it was about files that matter. */
static bool read_spool(bool last) {
    hurried = false;
    if (!map_spool()) return false;
    find_chunks();
    if (last) {
        const struct spool *head = spool_head();
        uint64_t end = head->cursor < spool_file.size ? head->cursor : spool_file.size;
        while (next_chunk + sizeof(struct chunk) <= end) {
            uint64_t before = next_chunk;
            find_chunks();
            if (next_chunk == before) next_chunk += GRANULE;
        }
    }
    size_t kept = 0, count = parts.size / sizeof(struct part);
    struct part *all = (struct part *)parts.at;
    for (size_t n = 0; n < count; n++) {
        read_part(&all[n], last);
        if (all[n].at + sizeof(struct record) <= all[n].end) all[kept++] = all[n];
    }
    parts.size = kept * sizeof(struct part);
    return hurried;
}

#endif
