/* What libc opens by itself, past every hook: a file that somebody named to it, in a call or in the environment. What it
 * finds in places of the system is environment, like its own code. docs/decisions/read-by-libc.md tells which and why. */

static void tell_read_by_libc(const char *path) {
    if (path && path[0] && !is_of_system(path) && awake()) tell_read(path);
}

static void tell_read_within(const char *folder, const char *name) {
    char path[PATHS];
    size_t n = length_of(folder), m = length_of(name);
    if (n + m + 2 > sizeof path) return;
    memcpy(path, folder, n);
    path[n] = '/';
    memcpy(path + n + 1, name, m + 1);
    tell_read_by_libc(path);
}

/* ---- what the environment names ---------------------------------------------------------------- */

struct lead {
    char name[16];
    enum { FILE_OF_ZONE, ZONES, FOLDERS, LIBRARIES_APART, CATALOGUES } to; /* the last if the program asks for it */
};

/* Whether one of those in a list, as of PATH, is so. */
static bool any_of(const char *paths, bool (*is_so)(const char *path)) {
    for (const char *at = paths; *at; at++)
        if (*at != ':' && (at == paths || at[-1] == ':') && is_so(at)) return true;
    return false;
}

static bool is_in_project(const char *path) {
    const char *root = text_at(load(&spool->root));
    if (!root || !begins(path, root)) return false;
    char behind = path[length_of(root)];
    return !behind || behind == '/' || behind == ':';
}

static bool is_not_of_system(const char *path) { return !is_of_system(path); }

/* By which variable `entry` leads libc, or its loader, to files that are not the system's: in any program, unasked. */
static const struct lead *lead_of(const char *entry, const char **value) {
    static const struct lead all[] = {{"TZ", FILE_OF_ZONE},
                                      {"TZDIR", ZONES},
                                      {"LOCPATH", FOLDERS},
                                      {"GCONV_PATH", FOLDERS},
                                      {"LD_AUDIT", LIBRARIES_APART},
                                      {"TEXTDOMAINDIR", CATALOGUES}};
    if (*entry != 'T' && *entry != 'L' && *entry != 'G') return NULL;
    for (const struct lead *l = all; l < all + sizeof all / sizeof *all; l++) {
        if ((*value = value_of(entry, l->name)) == NULL) continue;
        if (l->to == FILE_OF_ZONE) *value += **value == ':';
        bool leads = l->to == FOLDERS        ? any_of(*value, is_in_project)
                     : l->to == FILE_OF_ZONE ? **value == '/' && !is_of_system(*value)
                                             : any_of(*value, is_not_of_system);
        return leads ? l : NULL;
    }
    return NULL;
}

/* Whether a program that asks libc for no file may read one all the same. */
static bool is_led(const char *entry) {
    const char *value;
    return lead_of(entry, &value) != NULL;
}

static void tell_led(char *const *env) {
    const char *value;
    for (char *const *each = env; *each; each++) {
        const struct lead *l = lead_of(*each, &value);
        const char *zone = l && l->to == ZONES ? variable(env, "TZ") : NULL;
        if (!l) continue;
        if (l->to == FILE_OF_ZONE) tell_read_by_libc(value);
        if (zone) tell_read_within(value, zone + (*zone == ':'));
        if (l->to == FOLDERS) missed(caller(), "by libc", l->name);
        if (l->to == LIBRARIES_APART) tell_apart(value);
    }
}

/* ---- what is named in a call ------------------------------------------------------------------- */

HOOK(void *, setmntent, (const char *path, const char *mode)) {
    SOUGHT(setmntent);
    NEED(setmntent, (fail(ENOSYS), NULL));
    return open_stream(REAL(setmntent), path, mode);
}

HOOK(int, endmntent, (void *stream)) {
    SOUGHT(endmntent);
    NEED(endmntent, 1);
    if (awake()) closing_stream(stream);
    return REAL(endmntent)(stream);
}

/* Records of who is logged in. Who writes there is not seen, but that the file changed. */
#define NAMING(name)                     \
    HOOK(int, name, (const char *path)) { \
        SOUGHT(name);                    \
        NEED(name, (int)fail(ENOSYS));   \
        tell_read_by_libc(path);         \
        return REAL(name)(path);         \
    }
NAMING(utmpname)
NAMING(utmpxname)

static void tell_read_of_variable(const char *name) {
    if (awake()) tell_read_by_libc(&environ ? variable(environ, name) : NULL);
}

HOOK(void *, getdate, (const char *text)) {
    SOUGHT(getdate);
    NEED(getdate, NULL);
    tell_read_of_variable("DATEMSK");
    return REAL(getdate)(text);
}

HOOK(int, getdate_r, (const char *text, void *into)) {
    SOUGHT(getdate_r);
    NEED(getdate_r, 1);
    tell_read_of_variable("DATEMSK");
    return REAL(getdate_r)(text, into);
}

/* ---- messages in a language ---------------------------------------------------------------------
 *
 * A catalogue is opened when its first message is asked for, of which we want to know nothing. So it is told of when its
 * folder is named, by the locale that is set then, or that the environment asks for. */

HOOK(void *, catopen, (const char *name, int flag)) {
    SOUGHT(catopen);
    NEED(catopen, (void *)fail(ENOSYS));
    void *catalogue = REAL(catopen)(name, flag);
    if (catalogue == (void *)-1 || !awake()) return catalogue;
    const char *folders = &environ ? variable(environ, "NLSPATH") : NULL;
    if (contains(name, "/"))
        tell_read_by_libc(name);
    else if (folders && any_of(folders, is_in_project))
        missed(caller(), "by libc", "NLSPATH");
    return catalogue;
}

enum { MESSAGES = 5 /* LC_MESSAGES */, LOCALE = 64 };

static const char *languages(void) {
    static const char names[][12] = {"LC_ALL", "LC_MESSAGES", "LANG"};
    char *const *env = &environ ? environ : NULL;
    void *slot = NULL;
    const char *(*setlocale)(int, const char *) = next(&slot, "setlocale");
    const char *set = setlocale ? setlocale(MESSAGES, NULL) : NULL, *all = variable(env, "LANGUAGE");
    if (set && equal(set, "C")) set = NULL;
    for (size_t i = 0; (!set || !*set) && i < sizeof names / sizeof *names; i++) set = variable(env, names[i]);
    if (!set || equal(set, "C") || equal(set, "POSIX")) return "";
    return all && *all ? all : set;
}

/* Of `de_AT.UTF-8@euro` the catalogues of de_AT@euro, de@euro, de_AT and de. */
static void tell_catalogues(const char *folder, const char *domain) {
    for (const char *each = languages(), *end; *each; each = end + (*end == ':')) {
        const char *country = NULL, *variant = NULL, *language;
        for (end = each; *end && *end != ':'; end++) {
            if (*end == '_' && !country) country = end;
            if (*end == '@') variant = end;
        }
        for (language = each; language < end && *language != '_' && *language != '.' && *language != '@';) language++;
        const char *behind = language;
        while (behind < end && *behind != '.' && *behind != '@') behind++;
        for (int without = 0; without < 4; without++) {
            if ((without & 1 && behind == language) || (without & 2 && !variant)) continue;
            char name[PATHS];
            struct draft d = {(unsigned char *)name, (unsigned char *)name + sizeof name - 1, false};
            put(&d, each, (size_t)((without & 1 ? language : behind) - each));
            if (!(without & 2) && variant) put(&d, variant, (size_t)(end - variant));
            put(&d, "/LC_MESSAGES/", 13);
            put(&d, domain, length_of(domain));
            put(&d, ".mo", 3);
            *d.at = 0;
            if (!d.cut) tell_read_within(folder, name);
        }
    }
}

HOOK(char *, bindtextdomain, (const char *domain, const char *folder)) {
    SOUGHT(bindtextdomain);
    NEED(bindtextdomain, (fail(ENOSYS), NULL));
    if (domain && folder && !is_of_system(folder) && awake()) tell_catalogues(folder, domain);
    return REAL(bindtextdomain)(domain, folder);
}

/* ---- profiles ----------------------------------------------------------------------------------- */

/* At the end of a program that was compiled with `-pg`: what it called how often, into a file. */
static const char *name_of_profile(char *room, size_t size) {
    const char *prefix = &environ ? variable(environ, "GMON_OUT_PREFIX") : NULL;
    size_t n = prefix ? length_of(prefix) : 0;
    if (!n || n + 12 > size) return "gmon.out";
    memcpy(room, prefix, n);
    room[n] = '.';
    decimal(room + n + 1, raw_getpid());
    return room;
}

HOOK(void, _mcleanup, (void)) {
    enum { WRITES = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW };
    SOUGHT(_mcleanup);
    if (!REAL(_mcleanup)) return;
    char room[PATHS];
    const char *path = name_of_profile(room, sizeof room);
    struct before b = {.looked = false};
    struct stat s;
    bool tells = awake();
    if (tells) look_before(&b, AT_FDCWD, path, WRITES);
    REAL(_mcleanup)();
    if (!tells) return;
    looked_before(&b, 0);
    int fd = raw_open(AT_FDCWD, path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return;
    if (raw_fstat(fd, &s) && !(b.existed && nanoseconds(&s.st_mtim) == nanoseconds(&b.stat.st_mtim))) {
        opened(fd, AT_FDCWD, path, WRITES, &b, NULL);
        closing(fd);
    }
    raw_close(fd);
}
