/* One line that was typed at a shell's prompt: `provgraph shell-hook --begin` and `--end`, which the
 * functions of `provgraph/cli/shells/` call before and after it.
 *
 * The shell runs the line as it would without us; only its environment names a recording meanwhile.
 * So nobody here is anybody's parent. `--begin` makes the recording, leaves a keeper behind that does
 * what else a run's front does, and answers at once; `--end` gives the keeper the line's status and
 * waits until it has seen which children the shell has then, no more. Nothing is ever in the way: what
 * cannot be had is answered by a word, which the shell's functions put in a sentence. */

#ifndef PROVGRAPH_LINE_H
#define PROVGRAPH_LINE_H

enum { FOR_A_LINE = SIGUSR1, QUEUED = -1, PATIENCE = 5000000, LONGEST_WORD = 1024 };

static struct buffer unseen;       /* texts: programs of the line that the shim is not loaded into */
static char shell_program[PATH_ROOM];
static uint32_t shell_process;

static void answer_shell(struct slice text) { call3(SYS_write, 1, text.at, text.size); }

__attribute__((noreturn)) static void refuse(const char *why) {
    answer_shell(slice_of(why));
    for (;;) call1(SYS_exit_group, 0);
}

/* ---- the line ---------------------------------------------------------------------------------- */

static const struct slice before_commands[] = { /* what a command may follow within a command */
    WORD("sudo"), WORD("env"), WORD("time"), WORD("nohup"), WORD("nice"), WORD("exec"), WORD("command"),
    WORD("builtin"), WORD("then"), WORD("do"), WORD("else"), WORD("if"), WORD("while"), WORD("until"),
    WORD("elif"), WORD("and"), WORD("or"), WORD("not"), WORD("begin"), WORD("{"), WORD("!"), {NULL, 0},
};

/* A shell starts programs without asking anybody, so what cannot be watched is looked for in the text:
 * the words that stand where a command does, by PATH. What an alias or a function hides is missed. */
static void check_command(struct slice word) {
    static char path[PATH_ROOM];
    char *name = word.size && word.size < LONGEST_WORD ? text_kept(word) : NULL;
    if (name && find_program(name, variables, path) && !is_traceable(path, variables))
        append_text(&unseen, slice_of(path));
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }
static bool is_separator(char c) { return c == '|' || c == ';' || c == '&' || c == '(' || c == '\n' || c == '`'; }

static void check_line(struct slice line) {
    bool begins_command = true;
    int place = 0;
    for (size_t at = 0; at < line.size;) {
        char c = line.at[at];
        if (is_separator(c)) begins_command = true, place = 0;
        if (is_separator(c) || is_blank(c) || c == ')') {
            at++;
            continue;
        }
        size_t start = at;
        char quote = 0;
        bool assigns = false;
        for (; at < line.size; at++) {
            c = line.at[at];
            if (quote) quote = c == quote ? 0 : quote;
            else if (c == '\'' || c == '"') quote = c;
            else if (c == '\\') at++;
            else if (c == '=') assigns = true;
            else if (is_separator(c) || is_blank(c) || c == ')') break;
        }
        if (at > line.size) at = line.size;
        struct slice word = {line.at + start, at - start};
        secret_seen = secret_seen || may_be_secret(word) || is_secretive(word, place);
        place++;
        if (!begins_command || assigns) continue;
        check_command(word);
        begins_command = is_any(last_part(word), before_commands);
    }
}

/* ---- the keeper -------------------------------------------------------------------------------- */

static uint32_t told_by;
static uint64_t begun;
static bool forking; /* when it ended, the shell had a child that had not begun yet */

static bool shell_lives(void) {
    struct life shell = {.pid = shell_process, .started = begun};
    return is_alive(&shell);
}

/* Whether the shell has forked somebody for this line: who has not become a program yet has told nothing.
 * While `--end` waits for us, there is none but of the line. */
static bool anybody_unborn(void) {
    static char text[1 << 14], path[64], digits[12];
    decimal(digits, shell_process);
    long size = JOIN(path, "/proc/", digits, "/task/", digits, "/children")
                    ? read_file(path, text, sizeof text)
                    : 0;
    struct slice rest = {text, size > 0 ? (size_t)size : 0};
    while (rest.size) {
        struct slice number = until(&rest, ' ');
        uint64_t child = number_in(&number);
        if (child > (uint64_t)program.pid && child != told_by) return true;
    }
    return false;
}

/* Wait so long for the end of the line; without `--end`, the shell has ended, or we shall. */
static void expect_end(uint64_t nanoseconds) {
    siginfo_t about;
    long number = take_signal(TAKEN, nanoseconds, &about);
    if (number == FOR_A_LINE && about.si_code == QUEUED) {
        program.status = (about.si_value.sival_int & 0xff) << 8;
        told_by = (uint32_t)about.si_pid;
        forking = anybody_unborn();
        call2(SYS_kill, told_by, FOR_A_LINE); /* the shell may go on */
    } else if (number > 0 ? !(ENDING & SIGNAL(number)) : shell_lives()) {
        return;
    }
    program.at = tick();
    program.ended = true;
}

static void watch_line(void) {
    uint64_t pause = SHORTEST;
    while (!program.ended) {
        uint64_t from = tick();
        bool hurry = read_spool(false);
        uint64_t rest = (tick() - from) * (hurry ? BUSY : IDLE);
        pause = hurry ? SHORTEST : pause * 3 / 2;
        if (pause > LONGEST) pause = LONGEST;
        if (rest > LONGEST_REST) rest = LONGEST_REST;
        expect_end(rest > pause ? rest : pause);
        if (!program.ended) have_it_told();
    }
}

static void let_go_of_shell(void) {
    int null = open_at(AT_FDCWD, "/dev/null", O_RDWR, 0);
    int last = 2;
    for (int file = 0; file < 3; file++) call3(SYS_dup3, null, file, 0);
    for (;;) { /* all but ours */
        int next = lock_file > last ? lock_file : front_file;
        if (front_file > last && front_file < next) next = front_file;
        if (spool_held > last && (spool_held < next || next <= last)) next = spool_held;
        if (next <= last) break;
        if (next > last + 1) call3(SYS_close_range, last + 1, next - 1, 0);
        last = next;
    }
    call3(SYS_close_range, last + 1, ~0u, 0);
    call0(SYS_setsid);
    call1(SYS_chdir, "/"); /* so that no folder is in use for us */
}

__attribute__((noreturn)) static void keep_line(void) {
    struct buffer made = {0};
    let_go_of_shell();
    program.pid = call0(SYS_getpid);
    head.pid = (uint32_t)program.pid;
    save_head();
    watch_line();
    bool harmed = put_back(), whole = take_down(), living = anybody_lives() || anybody_newborn() || forking;
    bool nothing = !image_seen && !living && !unseen.size && head.flags & TREE_UNCHANGED;
    if (nothing) { /* `cd`, `jobs`, an empty loop: there is nothing to tell of it */
        remove_recording();
    } else {
        add_section(&made, UNSEEN, &unseen);
        whole = write_sections(&made) && whole;
        head.ended = program.at, head.status = program.status;
        bool now = harmed || !whole || living || secret_seen || stopped ||
                   (work_tree[0] && project_touched && !blob_folder.size) || traced() ||
                   recordings_waiting() >= MOST_WAITING;
        if (now) head.flags |= TO_BE_FINISHED;
        if (!living) seal_spool();
        save_head();
        if (now && !is_removed()) finish_by_python();
    }
    save_cache();
    if (lock_file >= 0) close_file(lock_file);
    /* So that the next line, which most likely finds all as it is now, need not ask git. */
    if (work_tree[0] && !(head.flags & TREE_UNCHANGED)) {
        struct timespec moment = {0, 2 * TICK_STEP}; /* what was written last settles meanwhile */
        call2(SYS_nanosleep, &moment, NULL);
        struct git_answer later = {0};
        look_at_tree(&after);
        ask_or_remember(&after, variables, names_plain_bytes(&after, variables), run, &later);
    }
    for (;;) call1(SYS_exit_group, 0);
}

/* ---- what the shell asks ----------------------------------------------------------------------- */

static void describe_shell(struct buffer *to) {
    append_number(to, shell_process);
    append_text(to, slice_of(shell_program));
}

/* `--begin PROCESS LINE`. Answers with lines: the recording, the keeper, each program that is not seen;
 * where it refuses, an empty one and why. */
__attribute__((noreturn)) static void begin_line(char **words) {
    static char answer[PATH_ROOM + 32], link[64], *typed[2];
    struct kernel_action on_bus = {.handler = on_bus_error, .flags = SA_SIGINFO | RESTORED,
                                   .restorer = restore_frame};
    struct buffer shell_told = {0}, made = {0};
    struct rlimit limit;
    struct slice process = slice_of(words[0]), line = slice_of(words[1]);
    shell_process = (uint32_t)number_in(&process), begun = tick();
    typed[0] = words[1], command = typed;
    if (!find_project()) refuse("\nno-project\n");
    if (!read_note()) refuse("\nchanged\n");
    if (call4(SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY)
        refuse("\nlimited\n");
    long size = JOIN(link, "/proc/", words[0], "/exe")
                    ? call4(SYS_readlinkat, AT_FDCWD, link, shell_program, sizeof shell_program - 1)
                    : 0;
    if (size <= 0 || !name_run()) refuse("\nnot-written\n");
    action(SIGBUS, &on_bus, NULL);
    take_signals();
    check_line(line);
    describe_shell(&shell_told);
    add_section(&made, SHELL, &shell_told);
    bool ready = make_recording(begun) && write_sections(&made);
    append(&beginning, made.at, made.size);
    long pid = ready ? call5(SYS_clone, SIGCHLD, 0, 0, 0, 0) : -1;
    if (pid == 0) keep_line();
    if (pid < 0) {
        remove_recording();
        refuse("\nnot-written\n");
    }
    char number[24];
    decimal(number, (uint64_t)pid);
    if (JOIN(answer, recording, "\n", number, "\n")) answer_shell(slice_of(answer));
    for (size_t at = 0; at < unseen.size;) {
        uint32_t length;
        memcpy(&length, unseen.at + at, sizeof length);
        answer_shell((struct slice){unseen.at + at + sizeof length, length});
        answer_shell(slice_of("\n"));
        at += sizeof length + length;
    }
    for (;;) call1(SYS_exit_group, 0);
}

/* Whether that process is a keeper: numbers are used again. */
static bool is_ours(const char *process) {
    char path[64], program_file[PATH_ROOM];
    long size = JOIN(path, "/proc/", process, "/exe")
                    ? call4(SYS_readlinkat, AT_FDCWD, path, program_file, sizeof program_file)
                    : 0;
    return size > 0 && begins((struct slice){program_file, (size_t)size}, launcher);
}

/* `--end KEEPER STATUS`. */
__attribute__((noreturn)) static void end_line(char **words) {
    struct slice keeper = slice_of(words[0]), status = slice_of(words[1]);
    siginfo_t about = {.si_signo = FOR_A_LINE, .si_code = QUEUED};
    if (is_ours(words[0])) {
        about.si_pid = (int)call0(SYS_getpid);
        about.si_uid = (uint32_t)call0(SYS_getuid);
        about.si_value.sival_int = (int)number_in(&status);
        block(SIG_BLOCK, SIGNAL(FOR_A_LINE), NULL);
        if (call3(SYS_rt_sigqueueinfo, number_in(&keeper), FOR_A_LINE, &about) == 0)
            take_signal(SIGNAL(FOR_A_LINE), PATIENCE, &about);
    }
    for (;;) call1(SYS_exit_group, 0);
}

static void attend_to_shell(void) {
    char **words = arguments;
    if (!words[0] || !words[1] || !same(slice_of(words[1]), slice_of("shell-hook")) || !words[2]) return;
    bool two = words[3] && words[4] && !words[5];
    if (two && same(slice_of(words[2]), slice_of("--begin"))) begin_line(words + 3);
    if (two && same(slice_of(words[2]), slice_of("--end"))) end_line(words + 3);
}

#endif
