/* `provgraph`, the program that a shell finds: runs commands under capture, by itself where it can.
 *
 * A captured command is felt each time, and starting Python costs more than most of them. So this
 * does what has to be done while a program runs: it makes the recording, starts the program, waits
 * for it as its parent, hashes what it reads and writes, and looks at the project before and after.
 * Records are made of that later, by the next `sync`, or at once where waiting would lose something.
 * All else is Python's: every other command, and every run with anything unusual about it, is left
 * to `provgraph-python` beside this file before anything is touched. docs/recording-format.md tells
 * what is written, docs/decisions/native-front.md why.
 *
 * It depends on nothing, not even a C library, so it starts in a fraction of a millisecond and one
 * file serves every Linux of its machine. */

#include "aside.h"
#include "given.h"
#include "watch.h"
#include "worktree.h"

#define FRONT_MAGIC 0x31544e5246475650ull /* "PVGFRNT1" */
enum { FRONT_VERSION = 1, MOST_WAITING = 100, RUN_ID = 27, NANOSECONDS = 1000000000 };
enum { SHORTEST = 20000000, LONGEST = 200000000, LONGEST_REST = 2000000000, BUSY = 10, IDLE = 100 };

enum flag_of_run {
    TREE_UNCHANGED = 1 << 0, /* both looks saw the same; neither is kept */
    TREE_TOO_LARGE = 1 << 1,
    HASHING_STOPPED = 1 << 2,
    TO_BE_FINISHED = 1 << 3, /* by whoever started the run, not by the next sync */
    INPUT_HEARD = 1 << 4,    /* from a pipe that comes from outside */
};

struct head {
    uint64_t magic;
    uint32_t version, flags;
    uint64_t ended; /* the tick of the program's end, 0 while it runs */
    int32_t status; /* as wait gives it */
    uint32_t pid;
    uint64_t unused[4];
};

enum section { START = 1, BEFORE, AFTER, STATUS, DIGESTS, PACKAGES, CONTENTS, VARIABLES_SET, SHELL, UNSEEN, MOUNTS };

static char **arguments, **variables;
static char launcher[PATH_ROOM];       /* this file */
static char python_program[PATH_ROOM]; /* what all else is left to */

/* ---- leaving it to Python ---------------------------------------------------------------------- */

static void say(const char *text) { call3(SYS_write, 2, text, length_of(text)); }

__attribute__((noreturn)) static void leave_to_python(void) {
    arguments[0] = python_program;
    long error = call3(SYS_execve, python_program, arguments, variables);
    say(error == -ENOENT ? "provgraph: its Python part is missing: "
                         : "provgraph: its Python part cannot be started: ");
    say(python_program);
    say("\nhint: install provgraph again\n");
    for (;;) call1(SYS_exit_group, 127);
}

static bool find_ourselves(void) {
    long size = call4(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", launcher, sizeof launcher - 1);
    if (size <= 0) return false;
    struct slice folder = {launcher, (size_t)size};
    launcher[size] = 0;
    folder.size -= last_part(folder).size;
    char *kept = text_kept(folder);
    return kept && JOIN(python_program, kept, "provgraph-python");
}

/* ---- the command line -------------------------------------------------------------------------- */

static char **flags_given, **command;
static uint32_t flag_count;

/* Only what there is nothing to say about: `--tag` and `--param` with a value, then the command. */
static bool read_arguments(void) {
    char **word = arguments + 2;
    if (!arguments[0] || !arguments[1] || !same(slice_of(arguments[1]), slice_of("run"))) return false;
    flags_given = word;
    for (; *word && **word == '-'; word++) {
        struct slice value = slice_of(*word);
        struct slice flag = until(&value, '=');
        if (same(slice_of(*word), slice_of("--"))) {
            command = word + 1;
            return *command != NULL;
        }
        if (!same(flag, slice_of("--tag")) && !same(flag, slice_of("--param"))) return false;
        flag_count++;
        if (flag.size == length_of(*word)) {
            if (!*++word) return false;
            value = slice_of(*word);
            flag_count++;
        }
        struct slice name = until(&value, '=');
        if (!name.size || !value.size) return false;
    }
    command = word;
    return *command != NULL;
}

static bool holds_secrets(void) {
    for (char **word = arguments + 2; *word; word++) {
        long place = word - command;
        if (may_be_secret(slice_of(*word)) || (place >= 0 && is_secretive(slice_of(*word), (int)place)))
            return true;
    }
    return false;
}

/* ---- what Python noted for us ------------------------------------------------------------------ */

static struct slice library, site;
static struct slice spool_runs[64]; /* `OFFSET HEX` of the bytes that an empty spool has */
static int spool_run_count;

/* Whether `SIZE MTIME INODE PATH` is still true of that file. */
static bool is_unchanged(struct slice line) {
    uint64_t size = number_in(&line), mtime = number_in(&line), inode = number_in(&line);
    struct stat s;
    if (line.size < 2) return false;
    char *path = text_kept((struct slice){line.at + 1, line.size - 1});
    if (!path || !stat_at(AT_FDCWD, path, &s, 0)) return false;
    struct state now = state_of(&s);
    return now.inode == inode && (uint64_t)now.size == size && (uint64_t)now.mtime == mtime;
}

/* The note is made by this installation, for us, and nothing of it changed since. */
static bool read_note(void) {
    static char text[1 << 14], path[PATH_ROOM];
    char name[17] = {0};
    uint64_t hash = hash_of(slice_of(launcher));
    for (int n = 0; n < 16; n++) name[n] = "0123456789abcdef"[hash >> (60 - 4 * n) & 15];
    const char *cache = variable(variables, "XDG_CACHE_HOME"), *home = variable(variables, "HOME");
    bool found = cache && *cache ? !!JOIN(path, cache, "/provgraph/front-", name)
                                 : home && *home == '/' && JOIN(path, home, "/.cache/provgraph/front-", name);
    struct stat s;
    if (!found || !stat_at(AT_FDCWD, path, &s, 0)) return false;
    if (s.st_uid != (uint32_t)call0(SYS_getuid) || s.st_mode & (S_IWGRP | S_IWOTH)) return false;
    long size = read_file(path, text, sizeof text);
    if (size <= 0 || size == sizeof text) return false;
    struct slice rest = {text, (size_t)size};
    if (!same(until(&rest, '\n'), slice_of("provgraph front 1"))) return false;
    bool ours = false, whole = false;
    while (rest.size) {
        struct slice line = until(&rest, '\n');
        struct slice word = until(&line, ' ');
        if (same(word, slice_of("launcher"))) ours = same(line, slice_of(launcher));
        else if (same(word, slice_of("library"))) library = line;
        else if (same(word, slice_of("site"))) site = line;
        else if (same(word, slice_of("spool"))) {
            if (spool_run_count == 64) return false;
            spool_runs[spool_run_count++] = line;
        } else if (same(word, slice_of("end"))) whole = true;
        else if (!same(word, slice_of("file")) || !is_unchanged(line)) return false;
    }
    return ours && whole && library.size && site.size && spool_run_count;
}

/* ---- the project ------------------------------------------------------------------------------- */

/* A line `id = "..."`, as `config.py` wants it. */
static bool names_an_id(struct slice text) {
    while (text.size) {
        struct slice line = until(&text, '\n');
        size_t n = 2, length = 0;
        if (!begins(line, "id")) continue;
        while (n < line.size && (line.at[n] == ' ' || line.at[n] == '\t')) n++;
        if (n >= line.size || line.at[n++] != '=') continue;
        while (n < line.size && (line.at[n] == ' ' || line.at[n] == '\t')) n++;
        if (n >= line.size || line.at[n++] != '"') continue;
        while (n < line.size && line.at[n] != '"') {
            char c = line.at[n++];
            if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c == '-' && length))) break;
            length++;
        }
        if (length >= 8 && length <= 64 && n + 1 == line.size && line.at[n] == '"') return true;
    }
    return false;
}

struct unit {
    struct slice name;
    uint64_t size;
};

static const struct unit durations[] = {{WORD("s"), 1000000000}, {WORD("m"), 60000000000},
                                        {WORD("h"), 3600000000000}, {WORD("d"), 86400000000000},
                                        {{NULL, 0}, 0}};
static const struct unit sizes[] = {{WORD("B"), 1}, {WORD("kB"), 1000}, {WORD("MB"), 1000000},
                                    {WORD("GB"), 1000000000}, {WORD("KiB"), 1 << 10},
                                    {WORD("MiB"), 1 << 20}, {WORD("GiB"), 1 << 30}, {{NULL, 0}, 0}};

/* `"1h30m"`, behind an equals sign; `otherwise` where it is written in another way. */
static uint64_t amount_in(struct slice line, const struct unit *units, uint64_t otherwise) {
    uint64_t sum = 0;
    until(&line, '"');
    struct slice rest = until(&line, '"');
    if (!rest.size) return otherwise;
    while (rest.size) {
        uint64_t number = number_in(&rest);
        struct slice name = {rest.at, 0};
        for (; rest.size && (*rest.at < '0' || *rest.at > '9'); rest.at++, rest.size--) name.size++;
        const struct unit *u = units;
        while (u->size && !same(u->name, name)) u++;
        if (!u->size) return otherwise;
        sum += number * u->size;
    }
    return sum;
}

/* After how long, and how many bytes of events, Python is asked whether a run that goes on is to be told of.
 * What it finds in `[capture]` counts; what is not understood here makes us ask it often. */
static uint64_t ask_every = 3600000000000, ask_after = 64000000;

static void read_rhythm(struct slice text) {
    bool ours = false;
    while (text.size) {
        struct slice line = until(&text, '\n');
        if (begins(line, "[")) ours = begins(line, "[capture]");
        else if (ours && begins(line, "every")) ask_every = amount_in(line, durations, 60000000000);
        else if (ours && begins(line, "after")) ask_after = amount_in(line, sizes, 1000000);
    }
}

static char cwd[PATH_ROOM];
static char spools[PATH_ROOM];
static bool asks_for_more; /* than the tables say: contents or variables that only Python can tell */

static bool find_project(void) {
    static char folder[PATH_ROOM], path[PATH_ROOM], text[1 << 14];
    struct stat s;
    if (call2(SYS_getcwd, cwd, sizeof cwd) <= 0 || cwd[0] != '/') return false;
    struct slice at = slice_of(cwd);
    memcpy(folder, cwd, at.size + 1);
    for (;;) {
        if (at.size > 1 && JOIN(path, folder, "/provgraph.toml") && stat_at(AT_FDCWD, path, &s, 0) &&
            S_ISREG(s.st_mode))
            break;
        while (at.size && folder[at.size - 1] != '/') at.size--;
        if (at.size <= 1) return false;
        folder[--at.size] = 0;
    }
    long size = read_file(path, text, sizeof text);
    if (size <= 0 || size == sizeof text || !names_an_id((struct slice){text, (size_t)size})) return false;
    asks_for_more = contains((struct slice){text, (size_t)size}, "\n[content]") ||
                    contains((struct slice){text, (size_t)size}, "\n[environment]");
    read_rhythm((struct slice){text, (size_t)size});
    root = (struct slice){folder, at.size};
    return JOIN(spools, folder, "/.provgraph/spool") && JOIN(cache_folder, folder, "/.provgraph/cache") &&
           JOIN(path, folder, "/.provgraph/journal") && is_folder(path) && may(path, 2 /* W_OK */) &&
           is_folder(spools);
}

/* ---- the recording ----------------------------------------------------------------------------- */

static char run[RUN_ID + 1], recording[PATH_ROOM], python_folder[PATH_ROOM];
static int lock_file = -1, front_file = -1;
static struct head head = {.magic = FRONT_MAGIC, .version = FRONT_VERSION};
static uint64_t written; /* how far the front's file reaches */

static bool name_run(void) {
    unsigned char random[RUN_ID / 2];
    if (call3(SYS_getrandom, random, sizeof random, 0) != sizeof random) return false;
    run[0] = 'r';
    for (size_t n = 0; n < sizeof random; n++) {
        run[1 + 2 * n] = "0123456789abcdef"[random[n] >> 4];
        run[2 + 2 * n] = "0123456789abcdef"[random[n] & 15];
    }
    return JOIN(recording, spools, "/", run) && JOIN(spool_path, recording, "/events") &&
           JOIN(python_folder, recording, "/python") && JOIN(loose_path, cache_folder, "/", run, ".loose");
}

static void remove_recording(void) {
    static const char *const names[] = {"/events", "/front", "/told", "/lock", NULL};
    char path[PATH_ROOM];
    remove_aside(spool_path);
    for (int n = 0; names[n]; n++)
        if (JOIN(path, recording, names[n])) call3(SYS_unlinkat, AT_FDCWD, path, 0);
    int *const open[] = {&spool_held, &front_file, &lock_file};
    for (int n = 0; n < 3; n++) { /* some storage keeps under another name what is open */
        if (*open[n] >= 0) close_file(*open[n]);
        *open[n] = -1;
    }
    call3(SYS_unlinkat, AT_FDCWD, recording, AT_REMOVEDIR);
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; }

enum made { NOT_MADE, NOT_SHARED, MADE };

/* An empty spool at that path, if it can be mapped there. */
static enum made make_spool_at(const char *path) {
    enum { HEAD = 1 << 14 };
    static unsigned char empty[HEAD];
    size_t size = 0;
    if (length_of(path) > 767) return NOT_MADE;
    memset(empty, 0, HEAD);
    for (int n = 0; n < spool_run_count; n++) {
        struct slice line = spool_runs[n];
        size_t at = number_in(&line), count = line.size ? (line.size - 1) / 2 : 0;
        if (at > HEAD || count > HEAD - at) return NOT_MADE;
        for (size_t i = 0; i < count; i++)
            empty[at + i] = (unsigned char)(hex_digit(line.at[1 + 2 * i]) << 4 | hex_digit(line.at[2 + 2 * i]));
        if (at + count > size) size = at + count;
    }
    struct spool *head = (struct spool *)empty;
    head->began = wall();
    size_t text = (size + 8) & ~(size_t)7; /* behind the other texts, and a zero */
    uint32_t length = (uint32_t)root.size;
    if (text + sizeof length + length < DATA_START + GRANULE) {
        head->root = text;
        memcpy(empty + text, &length, sizeof length);
        memcpy(empty + text + sizeof length, root.at, length);
        size = text + sizeof length + length;
    }
    int file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file < 0) return NOT_MADE;
    struct stat own;
    bool known = call2(SYS_fstat, file, &own) == 0;
    if (known) head->device = own.st_dev, head->inode = own.st_ino;
    bool made = known && head->magic == SPOOL_MAGIC && head->version == SPOOL_VERSION &&
                call4(SYS_fallocate, file, 0, 0, head->allocated) == 0 &&
                write_all(file, empty, size, 0);
    void *at = (void *)call6(SYS_mmap, 0, DATA_START, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (failed(at)) call3(SYS_unlinkat, AT_FDCWD, path, 0);
    else call2(SYS_munmap, at, DATA_START);
    if (failed(at) || !made) close_file(file);
    else spool_held = file, spool_size = head->allocated;
    return failed(at) ? NOT_SHARED : made ? MADE : NOT_MADE;
}

static int aside = -1; /* in which place the spool lies, if not in the recording */

static bool make_spool(void) {
    enum made made = make_spool_at(spool_path);
    char path[PATH_ROOM];
    JOIN(room_path, spool_path, ".room"); /* where one file can be mapped, so can another */
    for (int n = 0; made == NOT_SHARED && n < ASIDE_PLACES; n++)
        if (name_aside(path, n, run, variables)) {
            aside = n;
            if (make_spool_at(path) == MADE && call3(SYS_symlinkat, path, AT_FDCWD, spool_path) == 0)
                return JOIN(room_path, path, ".room") != NULL;
            discard_aside(path);
        }
    return made == MADE;
}

static void add_section(struct buffer *to, uint32_t kind, const struct buffer *content) {
    append_number(to, kind);
    append_number(to, (uint32_t)content->size);
    append(to, content->at, content->size);
    static const char padding[8];
    append(to, padding, -content->size & 7);
}

static bool write_sections(const struct buffer *made) {
    if (made->lost) return false;
    if (!write_all(front_file, made->at, made->size, written)) {
        call2(SYS_ftruncate, front_file, written); /* nothing half behind what is written next */
        return false;
    }
    written += made->size;
    return true;
}

/* To `made`, or if it is large into the file: from where it is, so that there are not two of it. */
static bool put_section(struct buffer *made, uint32_t kind, const struct buffer *content) {
    uint32_t begin[] = {kind, (uint32_t)content->size};
    uint64_t from = written;
    if (content->size < LARGE_ROOM) {
        add_section(made, kind, content);
        return true;
    }
    bool all = write_all(front_file, begin, sizeof begin, written);
    written += sizeof begin;
    all = all && write_sections(content);
    written = all ? written + (-content->size & 7) : from;
    return call2(SYS_ftruncate, front_file, written) == 0 && all;
}

/* Where git finds who works here. */
static const struct slice settings[] = {WORD("HOME"), WORD("XDG_CONFIG_HOME"),
                                        WORD("GIT_CONFIG_GLOBAL"), WORD("GIT_CONFIG_SYSTEM"),
                                        WORD("GIT_CONFIG_NOSYSTEM"), {NULL, 0}};

static bool is_setting(const char *entry) {
    struct slice rest = slice_of(entry);
    return is_any(until(&rest, '='), settings);
}

/* Who, where, when, what: all of the start that cannot be asked for later. */
static void describe_start(struct buffer *to, uint64_t began, uint64_t offset) {
    static char boot[9], host[6][65];
    const char *author = variable(variables, "GIT_AUTHOR_NAME");
    const char *email = variable(variables, "GIT_AUTHOR_EMAIL");
    uint32_t count = 0, set = 0;
    read_file("/proc/sys/kernel/random/boot_id", boot, 8);
    call1(SYS_uname, host);
    for (char **entry = variables; *entry; entry++) set += is_setting(*entry);
    while (command[count]) count++;
    append(to, &began, 8);
    append(to, &offset, 8);
    append_number(to, (uint32_t)call0(SYS_getuid));
    append_number(to, set);
    append_number(to, flag_count);
    append_number(to, count);
    append_text(to, slice_of(boot));
    append_text(to, slice_of(host[1]));
    append_text(to, slice_of(cwd));
    append_text(to, slice_of(author ? author : ""));
    append_text(to, slice_of(email ? email : ""));
    for (char **entry = variables; *entry; entry++)
        if (is_setting(*entry)) append_text(to, slice_of(*entry));
    for (uint32_t n = 0; n < flag_count; n++) append_text(to, slice_of(flags_given[n]));
    for (uint32_t n = 0; n < count; n++) append_text(to, slice_of(command[n]));
}

static void list_variables(struct buffer *to) {
    static const struct slice names[] = {VARIABLES, {NULL, 0}};
    for (char **entry = variables; *entry; entry++) {
        struct slice rest = slice_of(*entry);
        if (is_any(until(&rest, '='), names)) append_text(to, slice_of(*entry));
    }
}

/* What is mounted where: the project may have other names. */
static void list_mounts(struct buffer *to) {
    enum { PIECE = 1 << 12 };
    int file = open_at(AT_FDCWD, "/proc/self/mountinfo", O_RDONLY, 0);
    if (file < 0) return;
    for (long n = 1; n > 0;) {
        char *at = extend(to, PIECE);
        if (!at) break;
        n = call3(SYS_read, file, at, PIECE);
        to->size -= (size_t)(n > 0 ? PIECE - n : PIECE);
    }
    close_file(file);
}

static struct buffer beginning; /* what our file begins with */
static struct look before, after;
static struct git_answer answer;

static bool make_recording(uint64_t began) {
    char path[PATH_ROOM];
    uint64_t first = tick(), offset = wall();
    offset -= first + (tick() - first) / 2;
    if (call3(SYS_mkdirat, AT_FDCWD, recording, 0700) < 0) return false;
    if (!JOIN(path, recording, "/lock")) return false;
    lock_file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (lock_file < 0 || call2(SYS_flock, lock_file, 2 | 4 /* LOCK_EX | LOCK_NB */) < 0) return false;
    if (!make_spool() || !JOIN(path, recording, "/front")) return false;
    front_file = open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (front_file < 0) return false;
    read_ignored();
    look_at_tree(&before);
    find_work_tree();
    if (work_tree[0]) {
        bool plain = names_plain_bytes(&before, variables);
        if (plain) blob_folder = root;
        ask_or_remember(&before, variables, plain, run, &answer);
    }
    struct buffer start_told = {0}, status_told = {0}, variables_told = {0}, mounts_told = {0};
    append(&beginning, &head, sizeof head);
    describe_start(&start_told, began, offset);
    add_section(&beginning, START, &start_told);
    list_variables(&variables_told);
    if (variables_told.size) add_section(&beginning, VARIABLES_SET, &variables_told);
    list_mounts(&mounts_told);
    if (mounts_told.size && !mounts_told.lost) add_section(&beginning, MOUNTS, &mounts_told);
    if (answer.known) {
        append_number(&status_told, (uint32_t)answer.status);
        append(&status_told, answer.output.at, answer.output.size);
        add_section(&beginning, STATUS, &status_told);
    }
    return !start_told.lost && !status_told.lost && write_sections(&beginning);
}

/* ---- the program's environment ----------------------------------------------------------------- */

static char *assignment(const char *name, struct slice first, char between, struct slice rest) {
    size_t n = length_of(name);
    char *to = keep(n + first.size + rest.size + 3);
    if (!to) return NULL;
    char *at = to;
    memcpy(at, name, n), at += n;
    *at++ = '=';
    memcpy(at, first.at, first.size), at += first.size;
    if (rest.size) {
        *at++ = between;
        memcpy(at, rest.at, rest.size), at += rest.size;
    }
    *at = 0;
    return to;
}

/* A list without one of its entries. */
static struct slice without(struct slice list, struct slice entry, bool blanks_too) {
    char *to = keep(list.size + 1);
    size_t size = 0;
    if (!to) return list;
    for (size_t n = 0; n <= list.size; n++) {
        size_t start = n;
        while (n < list.size && list.at[n] != ':' && !(blanks_too && list.at[n] == ' ')) n++;
        struct slice one = {list.at + start, n - start};
        if (same(one, entry) || (blanks_too && !one.size)) continue;
        if (size || start) to[size++] = ':';
        memcpy(to + size, one.at, one.size);
        size += one.size;
    }
    if (size && *to == ':' && blanks_too) to++, size--;
    return (struct slice){to, size};
}

static char **environment(void) {
    static const char order[] = "verify_asan_link_order=";
    struct slice preload = {"", 0}, modules = {"", 0}, sanitizer = {"", 0};
    size_t count = 0, kept = 0;
    while (variables[count]) count++;
    char **made = keep((count + 5) * sizeof *made);
    for (size_t n = 0; made && n < count; n++) {
        struct slice value = slice_of(variables[n]);
        struct slice name = until(&value, '=');
        if (same(name, slice_of("LD_PRELOAD"))) preload = value;
        else if (same(name, slice_of("PYTHONPATH"))) modules = value;
        else if (same(name, slice_of("ASAN_OPTIONS"))) sanitizer = value;
        else made[kept++] = variables[n];
    }
    if (!made) return NULL;
    struct slice nothing = {"", 0};
    bool told = contains(sanitizer, order);
    made[kept++] = assignment("LD_PRELOAD", library, ':', without(preload, library, true));
    made[kept++] = assignment("PYTHONPATH", site, ':', without(modules, site, false));
    made[kept++] = told ? assignment("ASAN_OPTIONS", sanitizer, ':', nothing)
                        : assignment("ASAN_OPTIONS", slice_of("verify_asan_link_order=0"), ':', sanitizer);
    made[kept++] = assignment("PROVGRAPH_SPOOL", slice_of(spool_path), 0, nothing);
    made[kept] = NULL;
    for (size_t n = 0; n < kept; n++)
        if (!made[n]) return NULL;
    return made;
}

/* ---- the end ----------------------------------------------------------------------------------- */

/* What Python processes said of themselves: `audit.py` tells the format. */
static void look_at_sources(void) {
    static char text[1 << 20];
    char names[4096], path[PATH_ROOM];
    int folder = open_at(AT_FDCWD, python_folder, O_RDONLY | O_DIRECTORY, 0);
    long size;
    while (folder >= 0 && (size = call3(SYS_getdents64, folder, names, sizeof names)) > 0)
        for (long at = 0; at < size; at += *(uint16_t *)(names + at + 16)) {
            const char *name = names + at + 19;
            if (*name == '.' || !JOIN(path, python_folder, "/", name)) continue;
            long read = read_file(path, text, sizeof text);
            struct slice rest = {text, read > 0 ? (size_t)read - 1 : 0}; /* but the newline */
            for (int field = 0; rest.size; field++) {
                struct slice value = until(&rest, 0);
                if ((field == 4 || field > 7) && value.size) on_path(value, NULL, 0, false);
            }
        }
    if (folder >= 0) close_file(folder);
}

/* The names that tell which packages a folder holds; it may hold others by the time that is asked. */
static void list_packages(struct buffer *to) {
    static struct buffer names;
    for (int n = 0; n < site_count; n++) {
        size_t count = 0;
        int folder = open_at(AT_FDCWD, sites[n].at, O_RDONLY | O_DIRECTORY, 0);
        if (folder < 0) continue;
        const char *mark = ends(sites[n], "/conda-meta") ? ".json" : "-info";
        append_text(to, sites[n]);
        if (list_folder(folder, &names, &count))
            for (size_t at = 0; at < names.size;) {
                struct slice name = slice_of(names.at + at + 1);
                if (ends(name, mark)) append_text(to, name);
                at += name.size + 2;
            }
        append_number(to, 0);
        close_file(folder);
    }
}

/* Lists processes from ourselves on: where one stands in /proc follows from its number, which is tried with our own. All
 * of them cost a tenth of what a short run takes. */
static long list_processes(int folder, char *raw, size_t room) {
    enum { FIRST = 258 };
    uint64_t pid = (uint64_t)call0(SYS_getpid);
    call3(SYS_lseek, folder, FIRST + pid, 0 /* SEEK_SET */);
    long size = (long)pid < program.pid ? call3(SYS_getdents64, folder, raw, room) : 0;
    struct slice name = slice_of(size > 0 ? raw + 19 : "");
    if (number_in(&name) == pid && !name.size) return size;
    call3(SYS_lseek, folder, 0, 0);
    return call3(SYS_getdents64, folder, raw, room);
}

/* Whether a process of this run was forked a moment ago and has written nothing yet. */
static bool anybody_newborn(void) {
    static char text[1 << 17];
    char raw[1 << 14], path[64], mark[PATH_ROOM];
    JOIN(mark, "PROVGRAPH_SPOOL=", spool_path);
    int folder = open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY, 0);
    bool found = false;
    long size = folder < 0 ? 0 : list_processes(folder, raw, sizeof raw);
    for (; size > 0 && !found; size = call3(SYS_getdents64, folder, raw, sizeof raw))
        for (long at = 0; at < size && !found; at += *(uint16_t *)(raw + at + 16)) {
            struct slice name = slice_of(raw + at + 19);
            if ((long)number_in(&name) <= program.pid || name.size) continue;
            if (!JOIN(path, "/proc/", raw + at + 19, "/environ")) continue;
            long read = read_file(path, text, sizeof text);
            found = read == sizeof text || (read > 0 && contains((struct slice){text, (size_t)read}, mark));
        }
    if (folder >= 0) close_file(folder);
    return found;
}

static void interrupt_hashing(void) {
    while (attend(0)) {}
    stopped = program.interrupted;
}

/* Nobody writes any more, so what was allocated ahead is given back. */
static void seal_spool(void) {
    int file = open_at(AT_FDCWD, spool_path, O_RDWR, 0);
    if (file < 0) return;
    uint32_t sealed = 1;
    if (spool_file.size < DATA_START) return close_file(file);
    write_all(file, &sealed, sizeof sealed, offsetof(struct spool, sealed));
    uint64_t used = (spool_head()->cursor + 4095) & ~4095ull, size = spool_file.size;
    if (used < size)
        call4(SYS_fallocate, file, 3 /* PUNCH_HOLE | KEEP_SIZE */, used, size - used);
    close_file(file);
}

static int recordings_waiting(void) {
    char raw[1 << 14];
    int count = 0, folder = open_at(AT_FDCWD, spools, O_RDONLY | O_DIRECTORY, 0);
    long size;
    while (folder >= 0 && (size = call3(SYS_getdents64, folder, raw, sizeof raw)) > 0)
        for (long at = 0; at < size; at += *(uint16_t *)(raw + at + 16)) count += raw[at + 19] == 'r';
    if (folder >= 0) close_file(folder);
    return count;
}

static void head_digests(void) {
    uint32_t begin[] = {DIGESTS, (uint32_t)digests.size - SECTION_HEAD};
    memcpy(digests.at, begin, sizeof begin);
}

/* Those that there are so far, while the run goes on: they need no memory, and outlive us. On a full disk as many
 * as MOST_KEPT bytes wait until there is room again. */
static void write_digests(void) {
    enum { MOST_KEPT = 8 * TOLD_AT_ONCE };
    head_digests();
    bool done = write_sections(&digests);
    if (!done && digests.size < MOST_KEPT) {
        enough_digests = digests.size + TOLD_AT_ONCE;
        return;
    }
    digests_dropped = digests_dropped || !done;
    digests.size = 0, enough_digests = TOLD_AT_ONCE;
}

/* All that is to be known now; whether it could be written. */
static bool take_down(void) {
    struct buffer made = {0}, packages = {0};
    bool all = true;
    read_spool(true);
    look_at_sources();
    look_at_tree(&after);
    bool unchanged = same_look(&before, &after);
    if (!unchanged && before.whole && after.whole) compare_looks(&before, &after);
    look_at_ends();
    list_packages(&packages);
    if (!before.whole || !after.whole) head.flags |= TREE_TOO_LARGE;
    if (unchanged) head.flags |= TREE_UNCHANGED;
    if (stopped) head.flags |= HASHING_STOPPED;
    if (before.whole && after.whole && (!unchanged || project_touched)) {
        all = put_section(&made, BEFORE, &before.entries);
        if (!unchanged) all = put_section(&made, AFTER, &after.entries) && all;
    }
    if (digests.size) {
        head_digests();
        append(&made, digests.at, digests.size);
    }
    if (packages.size) add_section(&made, PACKAGES, &packages);
    if (write_sections(&made) && all && !packages.lost) {
        made.size = 0;
        if (texts.size && !texts.lost) add_section(&made, CONTENTS, &texts);
        write_sections(&made); /* nothing depends on them */
        return !digests_dropped && !room_lacks;
    }
    return false;
}

static bool is_removed(void) {
    struct stat s;
    return call2(SYS_fstat, front_file, &s) == 0 && s.st_nlink == 0;
}

static bool is_at(const char *path, int file) {
    struct stat there, own;
    return stat_at(AT_FDCWD, path, &there, 0) && call2(SYS_fstat, file, &own) == 0 && there.st_ino == own.st_ino &&
           there.st_dev == own.st_dev;
}

static int make_anew(const char *path) {
    call3(SYS_unlinkat, AT_FDCWD, path, 0);
    return open_at(AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL, 0600);
}

/* Our file at its place again: what it held, or where somebody emptied it what it began with. */
static bool put_back_front(const char *path, bool emptied) {
    struct slice held = emptied ? (struct slice){beginning.at, beginning.size} : mapped(front_file);
    if (emptied) written = held.size;
    else if (held.size > written) held.size = written;
    int file = make_anew(path);
    if (file < 0 || !write_all(file, held.at, held.size, 0)) return false;
    close_file(front_file);
    front_file = file;
    return true;
}

static int make_spool_anew(void) {
    char path[PATH_ROOM];
    if (aside < 0) return make_anew(spool_path);
    int file = name_aside(path, aside, run, variables) ? make_anew(path) : -1;
    if (file < 0) return file;
    call3(SYS_unlinkat, AT_FDCWD, spool_path, 0);
    call3(SYS_symlinkat, path, AT_FDCWD, spool_path);
    return file;
}

/* The spool at its place again, with what we still have of it. */
static bool put_back_spool(void) {
    uint32_t gaps = GAP_HARMED;
    if (!map_spool()) return false;
    uint64_t used = spool_head()->cursor < spool_file.size ? spool_head()->cursor : spool_file.size;
    gaps |= spool_head()->gaps;
    int file = make_spool_anew();
    bool done = file >= 0 && write_all(file, spool_file.at, used, 0) &&
                write_all(file, &gaps, sizeof gaps, offsetof(struct spool, gaps));
    if (file >= 0) close_file(file);
    return done;
}

/* A program of the run may have removed the recording, moved it or emptied our file, as what cleans up a project does.
 * Where the project is still there it gets back what we have; whether that was needed, and done. */
static bool put_back(void) {
    static const char *const folders[] = {"/.provgraph", "/.provgraph/journal", "/.provgraph/spool", NULL};
    char front[PATH_ROOM], lock[PATH_ROOM], path[PATH_ROOM];
    struct stat s;
    if (!JOIN(front, recording, "/front") || !JOIN(lock, recording, "/lock")) return false;
    bool emptied = call2(SYS_fstat, front_file, &s) == 0 && (uint64_t)s.st_size < written;
    bool front_lacks = emptied || !is_at(front, front_file), spool_lacks = !is_at(spool_path, spool_held);
    if (!front_lacks && !spool_lacks) return false;
    if (!JOIN(path, root.at, "/provgraph.toml") || !is_there(path)) return false;
    for (int n = 0; folders[n]; n++)
        if (JOIN(path, root.at, folders[n])) call3(SYS_mkdirat, AT_FDCWD, path, 0700);
    call3(SYS_mkdirat, AT_FDCWD, recording, 0700);
    if (!is_at(lock, lock_file)) {
        int file = make_anew(lock);
        if (file < 0 || call2(SYS_flock, file, 2 | 4) < 0) return false;
        close_file(lock_file);
        lock_file = file;
    }
    return (!front_lacks || put_back_front(front, emptied)) && (!spool_lacks || put_back_spool());
}

static bool save_head(void) { return write_all(front_file, &head, sizeof head, 0); }

/* Have the record made now, and wait for it. What it leaves is left to the next sync. */
static void finish_by_python(void) {
    char *argv[] = {python_program, "run", "--finish", recording, NULL};
    if (lock_file >= 0) close_file(lock_file);
    lock_file = -1;
    long pid = start(&(struct launch){python_program, argv, variables, -1});
    int status;
    siginfo_t about;
    if (pid <= 0) return;
    for (;;) {
        long number = take_signal(TAKEN, (uint64_t)NANOSECONDS, &about);
        if (call4(SYS_wait4, pid, &status, WNOHANG, NULL) != 0) return;
        if (number > 0 && ENDING & SIGNAL(number) && about.si_code <= 0) call2(SYS_kill, pid, number);
    }
}

__attribute__((noreturn)) static void end_as_it_ended(void) {
    siginfo_t about;
    while (take_signal(TAKEN, 0, &about) > 0) {}
    give_signals_back();
    if (program.status & 0x7f) die_by(program.status & 0x7f);
    for (;;) call1(SYS_exit_group, program.status >> 8 & 0xff);
}

/* A run that goes on for long is told of meanwhile, so that it can be asked about (`ongoing.py`). Python
 * measures from the moment when it told last, which was after we had asked: so we wait a little longer. */
static void have_it_told(void) {
    static uint64_t asked, events;
    static long teller;
    char *argv[] = {python_program, "run", "--finish", recording, NULL};
    int status;
    uint64_t now = tick(), reached = spool_file.size >= DATA_START ? spool_head()->cursor : 0;
    if (!asked) asked = now;
    if (now - asked < ask_every + ask_every / 64 + NANOSECONDS &&
        reached - events < ask_after + ask_after / 16)
        return;
    if (teller > 0 && call4(SYS_wait4, teller, &status, WNOHANG, NULL) == 0) return; /* at it still */
    asked = now, events = reached;
    int null = open_at(AT_FDCWD, "/dev/null", O_WRONLY, 0);
    teller = null < 0 ? 0 : start(&(struct launch){python_program, argv, variables, null});
    if (null >= 0) close_file(null);
}

static void wait_for_program(void) {
    uint64_t pause = SHORTEST;
    while (!program.ended) {
        uint64_t from = tick();
        bool hurry = read_spool(false);
        uint64_t spent = tick() - from, rest = spent * (hurry ? BUSY : IDLE);
        pause = hurry ? SHORTEST : pause * 3 / 2;
        if (pause > LONGEST) pause = LONGEST;
        if (rest > LONGEST_REST) rest = LONGEST_REST;
        if (!program.ended && !attend(rest > pause ? rest : pause) && pause == LONGEST) reap();
        if (!program.ended) have_it_told();
    }
}

/* ---- a run ------------------------------------------------------------------------------------- */

static bool is_usual(void) {
    struct rlimit limit;
    for (int file = 0; file < 3; file++)
        if (call2(SYS_fcntl, file, F_GETFD) < 0) return false;
    for (char **entry = variables; *entry; entry++)
        if (begins(slice_of(*entry), "PROVGRAPH_") || /* a run within a run, or a wish */
            (begins(slice_of(*entry), "GIT_CONFIG") && !is_setting(*entry)))
            return false;
    return call4(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

/* Whether a tracer did not come to its end: the next sync could no longer tell. */
static bool traced(void) {
    for (int n = 0; n < TRACERS && spool_file.size >= DATA_START; n++)
        if (spool_head()->tracers[n]) return true;
    return false;
}

static void run_captured(void) {
    static char path[PATH_ROOM];
    uint64_t began = tick();
    struct kernel_action on_bus = {.handler = on_bus_error, .flags = SA_SIGINFO | RESTORED,
                                   .restorer = restore_frame};
    struct kernel_action bus_before;
    siginfo_t about;
    if (!read_arguments() || !is_usual() || holds_secrets() || !find_project() || !read_note() ||
        !find_program(command[0], variables, path) || !is_traceable(path, variables) || !name_run())
        return;
    char **given = environment();
    if (!given) return;
    action(SIGBUS, &on_bus, &bus_before);
    if (bus_before.handler == IGNORED) { /* the program would not inherit that */
        action(SIGBUS, &bus_before, NULL);
        return;
    }
    take_signals();
    bool ready = make_recording(began);
    struct given input = given_to_begin_with();
    long number = take_signal(ENDING, 0, &about);
    if (number > 0) {
        remove_recording();
        die_by((int)number);
    }
    if (ready) {
        head.pid = 0;
        program.pid = start(&(struct launch){path, command, given, -1});
    }
    if (!ready || program.pid < 0) { /* Python says why */
        remove_recording();
        give_signals_back();
        action(SIGBUS, &bus_before, NULL);
        return;
    }
    head.pid = (uint32_t)program.pid;
    save_head();
    between_pieces = interrupt_hashing;
    wait_for_program();
    bool harmed = put_back(), whole = take_down();
    head.ended = program.at, head.status = program.status;
    bool living = anybody_lives() || anybody_newborn();
    bool now = harmed || !whole || living || secret_seen || !image_seen || stopped ||
               (work_tree[0] && project_touched && !blob_folder.size) || traced() ||
               asks_for_more ||
               recordings_waiting() >= MOST_WAITING;
    if (now) head.flags |= TO_BE_FINISHED;
    if (was_heard(input, given_now())) head.flags |= INPUT_HEARD;
    if (!living) seal_spool();
    save_head();
    save_cache();
    if (is_removed()) say("provgraph: the run was not recorded to its end: its recording was removed\n");
    else if (now) finish_by_python();
    end_as_it_ended();
}

#include "line.h"

__attribute__((used)) static void begin(long *stack) {
    arguments = (char **)(stack + 1);
    variables = arguments + stack[0] + 1;
    if (!find_ourselves()) {
        say("provgraph: /proc is needed to find its Python part\n");
        call1(SYS_exit_group, 127);
    }
    attend_to_shell();
    run_captured();
    leave_to_python();
}

#if defined(__x86_64__)
__asm__(".text\n.globl _start\n_start:\n xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n"
        " call begin\n");
#else
__asm__(".text\n.globl _start\n_start:\n mov x29, #0\n mov x30, #0\n mov x0, sp\n"
        " and sp, x0, #-16\n bl begin\n");
#endif
