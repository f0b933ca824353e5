/* What bytes do files have? Digests by the files' stats: what this run found, and the cache across
 * runs, as `hashing.py` has them. Each that becomes known is kept for the reader, with its moment. */

#ifndef PROVGRAPH_DIGESTS_H
#define PROVGRAPH_DIGESTS_H

#include "noise.h"
#include "sha1.h"
#include "threads.h"

enum { TICK_STEP = 20000000, YOUNG_IN_CACHE = 2000000000, PIECE = 1 << 20 };
enum { LARGEST_BLOB = 512 << 20, BLOB_BYTES = 20, LARGE_FILE = 32 << 20 };

/* What is known of bytes: their BLAKE3, and the name that git gives them as they are, which is all
 * zeros where nobody asked for it. */
struct names {
    uint8_t digest[32], blob[BLOB_BYTES];
};

/* What stands in the record. `asked` is the state that an event told, `found` the one that was
 * hashed; `began` is the tick before the first byte was read, `at` the time of day after the last. */
struct told_digest {
    struct state asked, found;
    uint64_t began, at;
    struct names names;
    uint32_t unused;
};

enum { SECTION_HEAD = 8, TOLD_AT_ONCE = 1 << 20 };

static struct buffer digests; /* room for the head of a section, then each told_digest that is not in the record yet */
static size_t enough_digests = TOLD_AT_ONCE;
static bool digests_dropped; /* some are in no record */
static void write_digests(void);
static struct buffer fresh_cache;
static struct buffer texts; /* the bytes of scripts and small texts that were hashed */
static bool stopped; /* somebody wants us to end */
static bool hurried; /* something happened to a file that matters, so more may soon */
static void (*between_pieces)(void);
static struct slice blob_folder; /* below it, files get git's name, too; empty where none do */

static bool wants_blob(struct slice path, const struct state *s) {
    return blob_folder.size && s->size <= LARGEST_BLOB && is_in(path, blob_folder);
}

static bool has_blob(const struct names *n) {
    static const uint8_t none[BLOB_BYTES];
    return memcmp(n->blob, none, BLOB_BYTES) != 0;
}

/* ---- known in this run, whatever the ctime: chmod, link and rename change that alone ------------- */

struct known {
    uint64_t device, inode;
    int64_t size, mtime;
    uint64_t began, at : 63, blob : 1; /* whether its name for git is known, too */
};

static struct known **known_places;
static size_t known_room, known_count;

static uint64_t state_hash(const struct state *s) {
    uint64_t h = s->inode * 0x9e3779b97f4a7c15u ^ s->device;
    h = (h ^ (uint64_t)s->size) * 0xff51afd7ed558ccdu;
    h = (h ^ (uint64_t)s->mtime) * 0xc4ceb9fe1a85ec53u;
    return h ^ h >> 29;
}

static struct known **place_of(struct known **places, size_t room, const struct state *s) {
    size_t at = state_hash(s) & (room - 1);
    for (; places[at]; at = (at + 1) & (room - 1)) {
        const struct known *k = places[at];
        if (k->inode == s->inode && k->device == s->device && k->size == s->size &&
            k->mtime == s->mtime)
            break;
    }
    return &places[at];
}

static struct state state_known(const struct known *k) {
    return (struct state){k->device, k->inode, k->size, k->mtime, 0};
}

static struct known *find_known(const struct state *s) {
    return known_room ? *place_of(known_places, known_room, s) : NULL;
}

static void make_known(const struct state *s, const struct names *names, uint64_t began, uint64_t at) {
    if ((known_count + 1) * 2 > known_room) {
        size_t room = known_room ? known_room * 2 : 256;
        struct known **places = map_memory(room * sizeof *places);
        if (failed(places)) return;
        for (size_t n = 0; n < known_room; n++) {
            if (!known_places[n]) continue;
            struct state was = state_known(known_places[n]);
            *place_of(places, room, &was) = known_places[n];
        }
        give_back(known_places, known_room * sizeof *places);
        known_places = places, known_room = room;
    }
    struct known **place = place_of(known_places, known_room, s);
    if (!*place) {
        if (!(*place = keep(sizeof **place))) return;
        known_count++;
        **place = (struct known){.device = s->device, .inode = s->inode, .size = s->size, .mtime = s->mtime};
    }
    (*place)->began = began, (*place)->at = at & ~0ull >> 1, (*place)->blob = has_blob(names);
}

static void tell(const struct state *asked, const struct state *found, const struct names *names,
                 uint64_t began, uint64_t at) {
    make_known(asked, names, began, at);
    make_known(found, names, began, at);
    struct told_digest told = {*asked, *found, began, at, *names, 0};
    if (!digests.size) extend(&digests, SECTION_HEAD);
    append(&digests, &told, sizeof told);
    digests_dropped = digests_dropped || digests.lost;
    digests.lost = false; /* it has room again when what it holds is written */
    if (digests.size >= enough_digests) write_digests();
}

static bool is_young(const struct state *s, uint64_t at, uint64_t than) {
    int64_t changed = s->mtime > s->ctime ? s->mtime : s->ctime;
    return (int64_t)at - changed < (int64_t)than;
}

/* ---- the cache across runs --------------------------------------------------------------------- */

#define CACHE_MAGIC "provgraph digests 2\n"
enum { NAMED = 40 + sizeof(struct names), CACHE_WIDTH = NAMED + 4 };
enum { CACHE_HEAD = sizeof CACHE_MAGIC - 1, CACHE_KEY = 16, LOOSE_FILES = 64 };

static char cache_folder[PATH_ROOM], loose_path[PATH_ROOM]; /* that is of this run */
static struct slice sorted_cache;
static const uint8_t **loose; /* by device and inode, the newest of each */
static size_t loose_room;

static uint64_t big_endian(const uint8_t *at) {
    uint64_t n;
    __builtin_memcpy(&n, at, 8);
    return __builtin_bswap64(n);
}

static uint32_t crc32_of(const uint8_t *at, size_t size) {
    uint32_t crc = ~0u;
    for (; size; size--) {
        crc ^= *at++;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
    }
    return ~crc;
}

static void encode_entry(uint8_t to[CACHE_WIDTH], const struct state *s, const struct names *names) {
    uint64_t fields[5] = {s->device, s->inode, (uint64_t)s->size, (uint64_t)s->mtime,
                          (uint64_t)s->ctime};
    for (int n = 0; n < 5; n++) fields[n] = __builtin_bswap64(fields[n]);
    memcpy(to, fields, 40);
    memcpy(to + 40, names, sizeof *names);
    uint32_t crc = __builtin_bswap32(crc32_of(to, NAMED));
    memcpy(to + NAMED, &crc, 4);
}

static const uint8_t **loose_place(const uint8_t *key) {
    size_t at = (big_endian(key + 8) * 0x9e3779b97f4a7c15u ^ big_endian(key)) & (loose_room - 1);
    while (loose[at] && memcmp(loose[at], key, CACHE_KEY) != 0) at = (at + 1) & (loose_room - 1);
    return &loose[at];
}

struct loose_file {
    int64_t written;
    struct slice content;
};

static int list_loose(struct loose_file found[LOOSE_FILES]) {
    int folder = open_at(AT_FDCWD, cache_folder, O_RDONLY | O_DIRECTORY, 0), count = 0;
    if (folder < 0) return 0;
    char names[4096], path[PATH_ROOM];
    long size;
    while ((size = call3(SYS_getdents64, folder, names, sizeof names)) > 0)
        for (long at = 0; at < size && count < LOOSE_FILES; at += *(uint16_t *)(names + at + 16)) {
            const char *name = names + at + 19;
            struct stat s;
            if (!ends(slice_of(name), ".loose") || !stat_at(folder, name, &s, 0)) continue;
            if (!JOIN(path, cache_folder, "/", name)) continue;
            struct slice content = mapped_file(path);
            if (content.size < CACHE_HEAD || !begins(content, CACHE_MAGIC)) continue;
            struct loose_file one = {state_of(&s).mtime, content};
            int place = count++;
            for (; place && found[place - 1].written > one.written; place--)
                found[place] = found[place - 1];
            found[place] = one;
        }
    close_file(folder);
    return count;
}

static void load_cache(void) {
    static bool loaded;
    if (loaded) return;
    loaded = true;
    char path[PATH_ROOM];
    if (!JOIN(path, cache_folder, "/sorted")) return;
    sorted_cache = mapped_file(path);
    if (!begins(sorted_cache, CACHE_MAGIC) || (sorted_cache.size - CACHE_HEAD) % CACHE_WIDTH)
        sorted_cache.size = 0;
    struct loose_file files[LOOSE_FILES];
    int count = list_loose(files);
    size_t entries = 0;
    for (int n = 0; n < count; n++) entries += (files[n].content.size - CACHE_HEAD) / CACHE_WIDTH;
    if (!entries) return;
    for (loose_room = 256; loose_room < 2 * entries; loose_room *= 2) {}
    loose = map_memory(loose_room * sizeof *loose);
    if (failed(loose)) loose = NULL;
    for (int n = 0; n < count && loose; n++)
        for (size_t at = CACHE_HEAD; at + CACHE_WIDTH <= files[n].content.size; at += CACHE_WIDTH) {
            const uint8_t *entry = (const uint8_t *)files[n].content.at + at;
            *loose_place(entry) = entry;
        }
}

static const uint8_t *find_sorted(const uint8_t key[CACHE_KEY]) {
    if (!sorted_cache.size) return NULL;
    const uint8_t *data = (const uint8_t *)sorted_cache.at + CACHE_HEAD;
    size_t low = 0, high = (sorted_cache.size - CACHE_HEAD) / CACHE_WIDTH;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = memcmp(data + middle * CACHE_WIDTH, key, CACHE_KEY);
        if (order == 0) return data + middle * CACHE_WIDTH;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static bool find_cached(const struct state *s, struct names *names) {
    static const struct names nothing;
    uint8_t wanted[CACHE_WIDTH] = {0};
    load_cache();
    encode_entry(wanted, s, &nothing);
    const uint8_t *entry = loose ? *loose_place(wanted) : NULL;
    if (!entry) entry = find_sorted(wanted);
    uint32_t crc;
    if (!entry || memcmp(entry, wanted, 40) != 0) return false;
    memcpy(&crc, entry + NAMED, 4);
    if (__builtin_bswap32(crc) != crc32_of(entry, NAMED)) return false;
    memcpy(names, entry + 40, sizeof *names);
    return true;
}

/* Nothing in the cache is needed: it is left out where it cannot be written. */
static void save_cache(void) {
    static int file = -1;
    static uint64_t saved;
    static bool refused;
    if (!fresh_cache.size) return;
    if (file < 0 && !refused) {
        call3(SYS_mkdirat, AT_FDCWD, cache_folder, 0700);
        file = open_at(AT_FDCWD, loose_path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    }
    refused = refused || file < 0 || !write_all(file, fresh_cache.at, fresh_cache.size, saved);
    saved += fresh_cache.size;
    fresh_cache.size = 0;
}

static void cache_names(const struct state *s, const struct names *names, uint64_t at) {
    uint8_t entry[CACHE_WIDTH];
    if (is_young(s, at, YOUNG_IN_CACHE)) return;
    encode_entry(entry, s, names);
    if (!fresh_cache.room) append(&fresh_cache, CACHE_MAGIC, CACHE_HEAD);
    append(&fresh_cache, entry, sizeof entry);
    if (fresh_cache.size >= TOLD_AT_ONCE) save_cache();
}

/* ---- what is kept, so that it can be shown when the file is different by then -------------------- */

enum { MOST_TEXT = 8 << 20 }; /* of one run; the reader looks on the disk for the rest */

static bool is_text(struct slice path, const char *content) {
    static const struct slice ends[] = {TEXTS, {NULL, 0}}, names[] = {TEXT_NAMES, {NULL, 0}};
    static const struct slice secrets[] = {SECRET_ENDS, {NULL, 0}};
    struct slice name = last_part(path);
    if (ends_any(name, secrets)) return false;
    return ends_any(name, ends) || is_any(name, names) || (content[0] == '#' && content[1] == '!');
}

static void keep_text(struct slice path, const char *content, size_t size) {
    if (size < 2 || size > LARGEST_TEXT || texts.size + size > MOST_TEXT || !is_text(path, content)) return;
    for (size_t n = 0; n < size; n++)
        if (!content[n]) return;
    append_text(&texts, (struct slice){content, size});
}

/* ---- hashing ----------------------------------------------------------------------------------- */

static int open_to_hash(const char *path) {
    int flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW;
    int file = open_at(AT_FDCWD, path, flags | O_NOATIME, 0);
    return file == -EPERM ? open_at(AT_FDCWD, path, flags, 0) : file; /* that is for the owner only */
}

static char *decimal(char *to, uint64_t number) {
    char digits[20];
    int n = 0;
    do digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    while (n) *to++ = digits[--n];
    *to = 0;
    return to;
}

/* `size` is what the file said; where it has another by now, its states will differ, too. What was read
 * last is in `piece`: all of the file, if it is no larger. */
static char *piece;
static long last_read;

static struct sha1 sha;
static bool wants_sha;

static void add_to_sha(size_t size) {
    if (wants_sha) sha1_add(&sha, piece, size);
}

static bool names_of(int file, int64_t size, bool blob, struct names *names) {
    static struct blake3 b;
    static size_t room;
    char head[32] = "blob ";
    size_t wanted = size >= LARGE_FILE ? LARGE_PIECE : PIECE;
    if (room < wanted) {
        if (room) call2(SYS_munmap, piece, room);
        piece = map_own(wanted);
        room = failed(piece) ? 0 : wanted;
        if (!room) return false;
    }
    memset(names, 0, sizeof *names);
    blake3_begin(&b);
    sha1_begin(&sha);
    sha1_add(&sha, head, (size_t)(decimal(head + 5, (uint64_t)size) - head) + 1);
    wants_sha = blob;
    long n;
    last_read = 0;
    while ((n = call3(SYS_read, file, piece, wanted)) > 0) {
        last_read = n;
        if (wanted == LARGE_PIECE) {
            add_by_threads(&b, (uint8_t *)piece, (size_t)n, add_to_sha);
        } else {
            blake3_add(&b, piece, (size_t)n);
            add_to_sha((size_t)n);
        }
        if (n >= PIECE && between_pieces) between_pieces();
        if (stopped) return false;
    }
    blake3_end(&b, names->digest);
    if (blob) sha1_end(&sha, names->blob);
    return n == 0;
}

/* Hash the file if it has the state that was asked for, before and after its bytes are read. */
static void hash_file(const char *path, const struct state *asked) {
    struct stat s;
    struct names names;
    if (stopped) return;
    int file = open_to_hash(path);
    if (file < 0) return;
    if (call2(SYS_fstat, file, &s) == 0 && S_ISREG(s.st_mode)) {
        struct state before = state_of(&s);
        if (before.inode == asked->inode && before.device == asked->device &&
            before.size == asked->size && before.mtime == asked->mtime) {
            uint64_t began = tick();
            bool blob = wants_blob(slice_of(path), asked);
            if (names_of(file, before.size, blob, &names) && call2(SYS_fstat, file, &s) == 0) {
                struct state after = state_of(&s);
                uint64_t at = wall();
                if (same_state(&before, &after)) {
                    tell(asked, &before, &names, began, at);
                    cache_names(&before, &names, at);
                    if (last_read == before.size) keep_text(slice_of(path), piece, (size_t)last_read);
                }
            }
        }
    }
    close_file(file);
}

/* What the cache knows of a state that may be gone by the time that the record is made; whether that
 * is all that is wanted of it. An empty file is known by its size. */
static bool recall(const struct state *s, bool blob) {
    struct names names;
    struct known *known = s->size ? find_known(s) : NULL;
    if (s->size == 0 || (known && (!blob || known->blob))) return true;
    if (known || !find_cached(s, &names)) return false;
    tell(s, s, &names, tick(), wall());
    return !blob || has_blob(&names);
}

/* ---- the paths whose content the record may speak of --------------------------------------------- */

static char **paths;
static size_t paths_room, paths_count;

static char *path_kept(struct slice path) {
    if ((paths_count + 1) * 2 > paths_room) {
        size_t room = paths_room ? paths_room * 2 : 256;
        char **places = map_memory(room * sizeof *places);
        if (failed(places)) return NULL;
        for (size_t n = 0; n < paths_room; n++) {
            if (!paths[n]) continue;
            size_t at = hash_of(slice_of(paths[n])) & (room - 1);
            while (places[at]) at = (at + 1) & (room - 1);
            places[at] = paths[n];
        }
        give_back(paths, paths_room * sizeof *places);
        paths = places, paths_room = room;
    }
    size_t at = hash_of(path) & (paths_room - 1);
    for (; paths[at]; at = (at + 1) & (paths_room - 1))
        if (same(slice_of(paths[at]), path)) return paths[at];
    paths[at] = text_kept(path);
    paths_count += paths[at] != NULL;
    return paths[at];
}

/* A path was told, with the state that it had at `when` unless that is NULL; `written` after a write. */
static void look_into(struct slice path, const struct state *s, uint64_t when, bool written) {
    if (!matters(path)) return;
    static char here[PATH_ROOM];
    hurried = true;
    const char *kept = path_kept(path);
    if (!s || s->size == 0 || (!kept && path.size >= sizeof here)) return;
    if (!kept) memcpy(here, path.at, path.size), here[path.size] = 0, kept = here;
    struct known *known = find_known(s);
    /* A second write within one step of the clock: no stat tells. */
    bool doubtful = known && written && known->began < when && is_young(s, known->at, TICK_STEP);
    if (doubtful || !recall(s, wants_blob(path, s))) hash_file(kept, s);
}

/* Every path as it is now. */
static void look_at_ends(void) {
    struct stat s;
    for (size_t n = 0; n < paths_room && !stopped; n++)
        if (paths[n] && stat_at(AT_FDCWD, paths[n], &s, AT_SYMLINK_NOFOLLOW) &&
            S_ISREG(s.st_mode)) {
            struct state now = state_of(&s);
            if (!recall(&now, wants_blob(slice_of(paths[n]), &now))) hash_file(paths[n], &now);
        }
}

#endif
