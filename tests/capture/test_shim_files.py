"""Does the shim see what a program does to files, and say it exactly?"""

from __future__ import annotations

import json
import json.decoder
import json.encoder
import os
import shutil
import sqlite3
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from capture.traced import Tracing, compiled, shim_library, traced

from provgraph.ingest.capture.events import (
    Closed,
    Exited,
    Image,
    Linked,
    Missed,
    Moved,
    Opened,
    Piped,
    Renamed,
    Truncated,
    Unlinked,
)
from provgraph.ingest.capture.noise import KEPT

__all__ = ["compiled", "shim_library", "traced"]

Compile = Callable[..., Path]

HEADERS = """
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
"""


def test_a_read_is_an_open_and_a_close_of_one_file(traced: Tracing) -> None:
    (traced.folder / "in").write_bytes(b"hello\n")
    seen = traced.run("cat", "in")
    assert seen.stdout == b"hello\n"
    opened = seen.one(Opened, path=traced.path("in"))
    assert (opened.readable, opened.writable, opened.created) == (True, False, False)
    status = (traced.folder / "in").stat()
    after = opened.after
    assert (after.device, after.inode, after.size) == (status.st_dev, status.st_ino, 6)
    assert (after.mtime, after.ctime) == (status.st_mtime_ns, status.st_ctime_ns)
    closed = seen.one(Closed, opened=opened.tick)
    assert (closed.path, closed.fd, closed.stat) == (opened.path, opened.fd, after)
    assert seen.activity == 0


def test_a_write_is_created_and_closed_with_what_it_holds(traced: Tracing) -> None:
    seen = traced.run("cp", "/etc/hostname", "copy")
    opened = seen.one(Opened, path=traced.path("copy"))
    assert opened.created and opened.writable and opened.before is None
    closed = seen.one(Closed, path=traced.path("copy"))
    assert closed.stat.size == (traced.folder / "copy").stat().st_size
    assert seen.activity == 1


def test_truncating_an_existing_file_says_what_was_there(traced: Tracing) -> None:
    (traced.folder / "old").write_bytes(b"x" * 100)
    before = (traced.folder / "old").stat()
    seen = traced.run("sh", "-c", "echo new > old")
    opened = seen.one(Opened, path=traced.path("old"))
    assert opened.truncates and not opened.created
    assert opened.before is not None
    assert (opened.before.size, opened.before.mtime) == (100, before.st_mtime_ns)
    assert opened.after.size == 0


def test_truncating_to_nothing_and_writing_nothing_is_a_write(traced: Tracing) -> None:
    (traced.folder / "old").write_bytes(b"x" * 100)
    seen = traced.run("sh", "-c", ": > old")
    assert seen.one(Closed, path=traced.path("old")).stat.size == 0
    assert seen.activity == 1


def test_appending_is_marked(traced: Tracing) -> None:
    (traced.folder / "log").write_bytes(b"one\n")
    seen = traced.run("bash", "-c", "echo two >> log")
    opened = seen.one(Opened, path=traced.path("log"))
    assert opened.appends and not opened.truncates and not opened.created
    assert seen.one(Closed, path=traced.path("log")).stat.size == 8


def test_opening_for_both_without_a_change_grows_no_activity(traced: Tracing) -> None:
    (traced.folder / "both").write_bytes(b"same")
    seen = traced.run(sys.executable, "-S", "-c", "open('both', 'r+b').read()")
    opened = seen.one(Opened, path=traced.path("both"))
    assert opened.readable and opened.writable
    assert seen.one(Closed, path=traced.path("both")).stat == opened.after
    assert seen.activity == 0


def test_what_stdio_still_holds_at_exit_is_in_the_last_stat(
    traced: Tracing, compiled: Compile
) -> None:
    text = HEADERS + 'int main(){FILE*f=fopen("out","w");fprintf(f,"twelve bytes");return 3;}'
    seen = traced.run(compiled(text))
    assert seen.status == 3
    assert seen.one(Closed, path=traced.path("out")).stat.size == 12
    assert seen.one(Exited).status == 3


def test_standard_output_in_a_file_is_closed_with_all_that_was_printed(
    traced: Tracing, compiled: Compile
) -> None:
    program = compiled(HEADERS + 'int main(){printf("buffered until exit");return 0;}')
    seen = traced.run("sh", "-c", f"{program} > out")
    image = seen.one(Image, executable=bytes(program))
    standard = image.inherited[1]
    assert (standard.kind, standard.path) == ("file", traced.path("out"))
    assert standard.writable and not standard.readable and standard.stat.size == 0
    closed = seen.one(Closed, pid=image.pid, fd=1)
    assert (closed.stat.size, closed.opened) == (19, image.tick)


def test_a_stream_made_of_a_descriptor_is_flushed_before_the_look(
    traced: Tracing, compiled: Compile
) -> None:
    text = HEADERS + (
        'int main(){int d=open("out",O_WRONLY|O_CREAT,0644);FILE*f=fdopen(d,"w");fputs("four",f);'
        'fclose(f);f=fdopen(open("two",O_WRONLY|O_CREAT,0644),"w");fputs("seven..",f);exit(0);}'
    )
    seen = traced.run(compiled(text))
    assert seen.one(Closed, path=traced.path("out")).stat.size == 4
    assert seen.one(Closed, path=traced.path("two")).stat.size == 7


def test_freopen_closes_one_file_and_opens_another(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        'int main(){FILE*f=fopen("a","w");fputs("one",f);f=freopen("b","w",f);fputs("three",f);'
        "fclose(f);return 0;}"
    )
    seen = traced.run(compiled(text))
    assert seen.one(Closed, path=traced.path("a")).stat.size == 3
    assert seen.one(Closed, path=traced.path("b")).stat.size == 5


def test_the_last_of_the_duplicates_closes(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        'int main(){int a=open("out",O_WRONLY|O_CREAT,0644),b=dup(a),c=fcntl(a,F_DUPFD,20);'
        "dup2(a,30);dup3(a,31,O_CLOEXEC);close(a);close(b);close(30);close(31);"
        'write(c,"late",4);close(c);return 0;}'
    )
    seen = traced.run(compiled(text))
    closed = seen.one(Closed, path=traced.path("out"))
    assert (closed.fd, closed.stat.size) == (20, 4)


def test_dup2_over_an_open_file_closes_it(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        'int main(){int a=open("a",O_WRONLY|O_CREAT,0644),b=open("b",O_WRONLY|O_CREAT,0644);'
        'write(b,"bb",2);dup2(a,b);close(a);write(b,"a",1);_exit(0);}'
    )
    seen = traced.run(compiled(text))
    assert seen.one(Closed, path=traced.path("b")).stat.size == 2
    assert seen.one(Closed, path=traced.path("a")).stat.size == 1


def test_closing_a_range_closes_each_file_in_it(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        "int main(){char n[2]={0};for(char c='a';c<'e';c++){n[0]=c;open(n,O_WRONLY|O_CREAT,0644);}"
        "close_range(3,4,0);close_range(5,5,4);closefrom(5);"
        'int f=open("f",O_WRONLY|O_CREAT,0644);write(f,"f",1);close_range(0,~0U,0);_exit(7);}'
    )
    seen = traced.run(compiled(text))
    assert seen.status == 7
    assert [c.path[-1:] for c in seen.all(Closed)] == [b"a", b"b", b"c", b"d", b"f"]
    assert seen.one(Exited).status == 7


def test_a_shared_writable_map_is_marked(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        'int main(){int d=open("m",O_RDWR|O_CREAT,0644),e=open("n",O_RDWR|O_CREAT,0644);'
        "ftruncate(d,4096);char*p=mmap(0,4096,PROT_READ|PROT_WRITE,MAP_SHARED,d,0);close(d);"
        "p[0]=1;close(e);return 0;}"
    )
    seen = traced.run(compiled(text))
    assert seen.one(Closed, path=traced.path("m")).mapped
    assert not seen.one(Closed, path=traced.path("n")).mapped


@pytest.mark.parametrize(
    ("call", "created", "writable"),
    [
        ('open("f",O_RDONLY)', False, False),
        ('open64("f",O_RDWR)', False, True),
        ('openat(AT_FDCWD,"f",O_RDONLY)', False, False),
        ('openat64(AT_FDCWD,"f",O_WRONLY|O_APPEND)', False, True),
        ('creat("f",0644)', False, True),
        ('creat64("g",0644)', True, True),
        ('open("g",O_CREAT|O_EXCL|O_WRONLY,0600)', True, True),
        ('__open_2("f",O_RDONLY)', False, False),
        ('__open64_2("f",O_RDONLY)', False, False),
        ('__openat_2(AT_FDCWD,"f",O_RDONLY)', False, False),
        ('__openat64_2(AT_FDCWD,"f",O_RDONLY)', False, False),
        ('syscall(SYS_openat,AT_FDCWD,"f",O_RDONLY)', False, False),
        ('fileno(fopen("f","r"))', False, False),
        ('fileno(fopen64("f","r+"))', False, True),
        ('fileno(fopen("g","wx"))', True, True),
        ('fileno(fopen("g","a+e"))', True, True),
    ],
)
def test_every_way_to_open_is_seen(
    traced: Tracing, compiled: Compile, call: str, created: bool, writable: bool
) -> None:
    (traced.folder / "f").write_bytes(b"content")
    seen = traced.run(compiled(HEADERS + f"int main(){{return ({call})<3;}}", "-U_FORTIFY_SOURCE"))
    assert seen.status == 0
    opened = seen.one(Opened)
    assert opened.path == traced.path("g" if created else "f")
    assert (opened.created, opened.writable) == (created, writable)
    assert seen.one(Closed).opened == opened.tick


@pytest.mark.parametrize(
    "call",
    [
        "mkstemp(n)",
        "mkostemp(n,O_APPEND)",
        'mkstemps(strcat(n,".csv"),4)',
        'mkostemps(strcat(n,".csv"),4,O_CLOEXEC)',
    ],
)
def test_temporary_files_are_created_under_their_real_name(
    traced: Tracing, compiled: Compile, call: str
) -> None:
    text = HEADERS + f'int main(){{char n[40]="tmpXXXXXX";int d={call};puts(n);return d<3;}}'
    seen = traced.run(compiled(text))
    opened = seen.one(Opened)
    assert opened.created and opened.readable and opened.writable
    assert opened.path == traced.path(os.fsdecode(seen.stdout.strip()))


def test_a_nameless_file_gets_its_first_name_by_a_link(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        'int main(){int d=open(".",O_TMPFILE|O_RDWR,0644);if(d<0)return 99;write(d,"abc",3);'
        'char p[40];sprintf(p,"/proc/self/fd/%d",d);'
        'return linkat(AT_FDCWD,p,AT_FDCWD,"named",AT_SYMLINK_FOLLOW);}'
    )
    seen = traced.run(compiled(text))
    if seen.status == 99:
        pytest.skip("no O_TMPFILE on this file system")
    assert seen.status == 0
    linked = seen.one(Linked)
    opened = seen.one(Opened)
    assert (linked.source, linked.target) == (b"", traced.path("named"))
    assert opened.created
    assert linked.stat is not None and linked.stat.inode == opened.after.inode


def test_renames_say_what_moved_and_what_it_replaced(traced: Tracing) -> None:
    (traced.folder / "new").write_bytes(b"new content")
    (traced.folder / "old").write_bytes(b"old")
    inode, gone = (traced.folder / "new").stat().st_ino, (traced.folder / "old").stat().st_ino
    seen = traced.run("mv", "new", "old")
    renamed = seen.one(Renamed)
    assert (renamed.source, renamed.target) == (traced.path("new"), traced.path("old"))
    assert renamed.stat is not None and renamed.stat.inode == inode
    assert renamed.replaced is not None and renamed.replaced.inode == gone
    assert seen.activity == 1


@pytest.mark.parametrize(
    "call",
    [
        'rename("a","sub/b")',
        'renameat(AT_FDCWD,"a",open("sub",O_RDONLY),"b")',
        'renameat2(open(".",O_RDONLY),"a",AT_FDCWD,"sub//b",RENAME_NOREPLACE)',
        'syscall(SYS_renameat2,AT_FDCWD,"./a",AT_FDCWD,"sub/../sub/b",0)',
        'syscall(SYS_renameat,AT_FDCWD,"a",AT_FDCWD,"link/b")',
    ],
)
def test_every_way_to_rename_gives_canonical_names(
    traced: Tracing, compiled: Compile, call: str
) -> None:
    (traced.folder / "a").write_bytes(b"a")
    (traced.folder / "sub").mkdir()
    (traced.folder / "link").symlink_to("sub")
    seen = traced.run(compiled(HEADERS + f"int main(){{return {call};}}"))
    assert seen.status == 0
    renamed = seen.one(Renamed)
    assert (renamed.source, renamed.target) == (traced.path("a"), traced.path("sub/b"))


def test_directories_and_exchanges_are_marked(traced: Tracing, compiled: Compile) -> None:
    (traced.folder / "d").mkdir()
    seen = traced.run("mv", "d", "e")
    assert seen.one(Renamed).directory
    for name in ("x", "y"):
        (traced.folder / name).write_bytes(name.encode())
    exchange = 'int main(){return renameat2(AT_FDCWD,"x",AT_FDCWD,"y",RENAME_EXCHANGE);}'
    seen = traced.run(compiled(HEADERS + exchange))
    if seen.status:
        pytest.skip("no exchange on this file system")
    renamed = seen.one(Renamed)
    assert renamed.exchange and not renamed.directory and renamed.replaced is not None


def test_a_failed_rename_is_none(traced: Tracing) -> None:
    assert traced.run("mv", "missing", "other").all(Renamed) == []


def test_links_and_removals_name_the_file(traced: Tracing) -> None:
    (traced.folder / "a").write_bytes(b"a")
    (traced.folder / "sub").mkdir()
    seen = traced.run("sh", "-c", "ln a sub/b; rm a; unlink sub/b")
    linked = seen.one(Linked)
    assert (linked.source, linked.target) == (traced.path("a"), traced.path("sub/b"))
    assert [u.path for u in seen.all(Unlinked)] == [traced.path("a"), traced.path("sub/b")]
    assert linked.stat is not None
    assert {u.stat.inode for u in seen.all(Unlinked) if u.stat} == {linked.stat.inode}


def test_remove_of_c_is_a_removal_of_files_only(traced: Tracing, compiled: Compile) -> None:
    (traced.folder / "a").write_bytes(b"a")
    (traced.folder / "d").mkdir()
    seen = traced.run(compiled(HEADERS + 'int main(){return remove("a")|remove("d");}'))
    assert seen.status == 0
    assert seen.one(Unlinked).path == traced.path("a")


def test_truncate_by_path_has_both_stats(traced: Tracing, compiled: Compile) -> None:
    (traced.folder / "a").write_bytes(b"a" * 50)
    (traced.folder / "l").symlink_to("a")
    seen = traced.run(compiled(HEADERS + 'int main(){return truncate("l",7);}'))
    cut = seen.one(Truncated)
    assert cut.path == traced.path("a")
    assert cut.before is not None and cut.after is not None
    assert (cut.before.size, cut.after.size) == (50, 7)


def test_paths_are_canonical_through_links_dirfds_and_chdir(
    traced: Tracing, compiled: Compile
) -> None:
    (traced.folder / "real").mkdir()
    (traced.folder / "real" / "f").write_bytes(b"1")
    (traced.folder / "alias").symlink_to("real")
    text = HEADERS + (
        'int main(){open("alias/f",O_RDONLY);chdir("alias");open("./../real//f",O_RDONLY);'
        'int d=open("..",O_RDONLY);openat(d,"alias/f",O_RDONLY);fchdir(d);return 0;}'
    )
    seen = traced.run(compiled(text))
    assert [o.path for o in seen.all(Opened)] == [traced.path("real/f")] * 3
    assert [m.cwd for m in seen.all(Moved)] == [traced.path("real"), bytes(traced.folder)]


def test_names_are_whole_where_no_descriptor_is_free(traced: Tracing, compiled: Compile) -> None:
    (traced.folder / "real").mkdir()
    for name in "fgh":
        (traced.folder / "real" / name).write_bytes(b"1")
    text = HEADERS + (
        '#include <sys/resource.h>\nint main(){int d=open("real",O_RDONLY|O_DIRECTORY);'
        "struct rlimit none={0,0};setrlimit(RLIMIT_NOFILE,&none);"
        'rename("real/f","./real/../real/a");unlink("real/g");chdir("real");'
        'return renameat(d,"../real/h",d,"b");}'
    )
    seen = traced.run(compiled(text))
    assert seen.status == 0
    assert [(m.source, m.target) for m in seen.all(Renamed)] == [
        (traced.path("real/f"), traced.path("real/a")),
        (traced.path("real/../real/h"), traced.path("real/b")),
    ]
    assert seen.one(Unlinked).path == traced.path("real/g")


@pytest.mark.parametrize(
    "name", [b"new\nline", b"\xff\xfe not utf-8", b"blank ' \" $x", b"a" * 255]
)
def test_any_name_comes_through(traced: Tracing, name: bytes) -> None:
    seen = traced.run("sh", "-c", 'echo x > "$1"; cat "$1"; mv "$1" plain', "sh", name)
    assert seen.stdout == b"x\n"
    assert [o.path for o in seen.all(Opened)] == [traced.path(name)] * 2
    assert seen.one(Renamed).source == traced.path(name)


def test_deep_paths_come_through(traced: Tracing) -> None:
    seen = traced.run(
        "bash", "-c", 'd=$(printf "%0200d" 0); for i in 1 2 3 4 5 6 7 8 9 10; do mkdir $d; cd $d; '
        "done; echo deep > file; exec cat file"
    )  # fmt: skip
    assert seen.stdout == b"deep\n"
    expected = traced.path("/".join(["0" * 200] * 10 + ["file"]))
    assert {o.path for o in seen.all(Opened) if o.path.endswith(b"/file")} == {expected}
    assert seen.all(Image)[-1].cwd == os.path.dirname(expected)
    assert seen.all(Missed) == []


def test_devices_kernel_files_and_folders_are_not_recorded(traced: Tracing) -> None:
    seen = traced.run("sh", "-c", "cat /proc/self/status /dev/null > /dev/null; ls .")
    noted = [o.path for o in seen.all(Opened)]
    assert not [p for p in noted if p.startswith((b"/proc/", b"/sys/", b"/dev/"))]
    assert bytes(traced.folder) not in noted


def test_shared_memory_files_are_recorded(traced: Tracing) -> None:
    path = Path("/dev/shm", f"provgraph-test-{os.getpid()}")
    try:
        seen = traced.run("sh", "-c", f"echo x > {path}")
    finally:
        path.unlink(missing_ok=True)
    assert seen.one(Opened).path == bytes(path)


def test_a_fifo_is_a_pipe_by_its_inode(traced: Tracing) -> None:
    os.mkfifo(traced.folder / "fifo")
    inode = (traced.folder / "fifo").stat().st_ino
    seen = traced.run("sh", "-c", "echo through > fifo & cat fifo; wait")
    assert seen.stdout == b"through\n"
    ends = {(p.readable, p.writable) for p in seen.all(Piped, inode=inode)}
    assert ends == {(True, False), (False, True)}


def test_an_inherited_descriptor_opened_by_its_name_is_followed(traced: Tracing) -> None:
    (traced.folder / "in").write_bytes(b"x")
    with (traced.folder / "in").open("rb") as file:
        seen = traced.run("cat", "/dev/stdin", stdin=file)
    assert seen.stdout == b"x"
    assert seen.one(Image).inherited[0].path == traced.path("in")
    assert seen.one(Opened).path == traced.path("in")


def test_process_substitution_joins_both_ends(traced: Tracing) -> None:
    seen = traced.run("bash", "-c", "cat <(echo hi)")
    assert seen.stdout == b"hi\n"
    ends = {(p.inode, p.writable) for p in seen.all(Piped)}
    assert {inode for inode, writable in ends if writable} & {
        inode for inode, writable in ends if not writable
    }


def test_sqlite_writes_are_decided_by_the_change(traced: Tracing) -> None:
    with sqlite3.connect(traced.folder / "db") as made:
        made.execute("create table t (x)")
    made.close()
    code = (
        "import sqlite3,sys; c=sqlite3.connect('db'); c.execute(sys.argv[1]).fetchall(); c.commit()"
    )
    read = traced.run(sys.executable, "-c", code, "select * from t")
    written = traced.run(sys.executable, "-c", code, "insert into t values (1)")

    def changed(seen: object) -> set[bool]:
        assert hasattr(seen, "all")
        opens = {o.tick: o.after for o in seen.all(Opened, path=traced.path("db")) if o.writable}
        closes = [c for c in seen.all(Closed, path=traced.path("db")) if c.opened in opens]
        return {opens[c.opened].mtime != c.stat.mtime for c in closes}

    assert changed(read) == {False}
    assert True in changed(written)


def test_descriptors_beyond_the_table_are_said_to_be_missed_once(
    traced: Tracing, compiled: Compile
) -> None:
    text = HEADERS + (
        "#include <sys/resource.h>\n"
        "int main(){struct rlimit l={5000,5000};if(setrlimit(RLIMIT_NOFILE,&l))return 99;"
        'for(int i=0;i<4200;i++)open("/dev/null",O_RDONLY);'
        'int a=open("a",O_CREAT|O_WRONLY,0644),b=open("b",O_CREAT|O_WRONLY,0644);return a<4096;}'
    )
    seen = traced.run(compiled(text))
    if seen.status == 99:
        pytest.skip("may not raise the limit of open files")
    assert seen.status == 0
    assert [o.path for o in seen.all(Opened)] == [traced.path("a"), traced.path("b")]
    assert seen.one(Missed).what == "descriptor"


def test_errno_is_that_of_the_program(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        "#include <errno.h>\n"
        'int main(){errno=0;open("missing",O_RDONLY);int a=errno;errno=77;close(open("f",O_CREAT|'
        'O_RDWR,0644));int b=errno;errno=5;rename("f","g");int c=errno;errno=6;FILE*f=fopen("g",'
        '"r");int d=errno;unlink("missing");int e=errno;errno=9;fclose(f);'
        'printf("%d %d %d %d %d %d",a==ENOENT,b,c,d,e==ENOENT,errno);return 0;}'
    )
    assert traced.run(compiled(text)).stdout == b"1 77 5 6 1 9"


def test_bad_pointers_fail_as_the_kernel_says(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        "#include <errno.h>\n"
        "int main(){char*b=(char*)1;int n=0;\n"
        "#define T(x) errno=0;x;n+=errno==EFAULT;\n"
        "T(open(b,0)) T(open(b,O_CREAT,0644)) T(openat(-100,b,0)) T(creat(b,0644)) T(rename(b,b)) "
        'T(unlink(b)) T(link(b,b)) T(truncate(b,0)) T(chdir(b)) T(execve(b,0,0)) T(rename("f",b)) '
        'printf("%d",n);return 0;}'
    )
    (traced.folder / "f").write_bytes(b"")
    assert traced.run(compiled(text)).stdout == b"11"


@pytest.mark.parametrize("program", ["perl", "sed", "git", "make", "tar", "awk"])
def test_everyday_programs_are_seen(traced: Tracing, program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    (traced.folder / "in").write_bytes(b"a b\n")
    (traced.folder / "Makefile").write_bytes(b"out: in\n\tcp in out\n")
    commands = {
        "perl": 'perl -e \'open(F,">","out"); print F "x"; close F\'',
        "sed": "cp in out; sed -i s/a/z/ out",
        "git": "git init -q . && git add in && echo done > out",
        "make": "make -s",
        "tar": "tar cf out in",
        "awk": "awk '{print $2 > \"out\"}' in",
    }
    seen = traced.run("sh", "-c", commands[program])
    assert seen.status == 0, seen.stderr
    written = {c.path for c in seen.all(Closed)} | {r.target for r in seen.all(Renamed)}
    assert traced.path("out") in written
    assert seen.gaps == []


def test_a_file_is_closed_under_the_name_it_has_by_then(traced: Tracing, compiled: Compile) -> None:
    text = HEADERS + (
        'int main(){int d=open("draft",O_CREAT|O_WRONLY,0644);rename("draft","final");close(d);'
        'd=open("other",O_CREAT|O_WRONLY,0644);system("mv other moved");close(d);'
        'd=open("gone",O_CREAT|O_WRONLY,0644);unlink("gone");close(d);return 0;}'
    )
    seen = traced.run(compiled(text))
    pid = seen.all(Image)[0].pid
    assert [c.path for c in seen.all(Closed, pid=pid)] == [
        traced.path("final"),
        traced.path("moved"),
        traced.path("gone (deleted)"),
    ]


def test_an_inherited_file_has_the_name_it_has_by_then(traced: Tracing) -> None:
    seen = traced.run("bash", "-c", "exec 7> draft; mv draft final; sh -c 'echo x >&7'; true")
    writer = seen.one(Closed, fd=7, pid=seen.all(Image)[-1].pid)
    assert writer.path == traced.path("final")


@pytest.mark.parametrize(
    "path", ["./a//b/../b/f", "a/./b/f", "../work/a/b/f", "/{}/a/b/f", "link/f", "a/b/l"]
)
def test_a_path_by_its_text_is_as_canonical_as_the_kernels(traced: Tracing, path: str) -> None:
    (traced.folder / "a" / "b").mkdir(parents=True)
    (traced.folder / "a" / "b" / "f").write_bytes(b"")
    (traced.folder / "a" / "b" / "l").symlink_to("f")
    (traced.folder / "link").symlink_to("a/b")
    seen = traced.run("cat", path.format(traced.folder))
    assert seen.one(Opened).path == traced.path("a/b/f")


def test_paths_at_the_root_are_canonical(traced: Tracing) -> None:
    seen = traced.run("sh", "-c", "cd /; cat etc/hostname /../etc/./hostname")
    assert {o.path for o in seen.all(Opened)} == {b"/etc/hostname"}


def modules(folder: Path, *names: str) -> list[Path]:
    """Files that lie as Python puts what it compiled."""
    made = [folder / "__pycache__" / f"{name}.cpython-312.pyc" for name in names]
    made[0].parent.mkdir(parents=True, exist_ok=True)
    for path in made:
        path.write_bytes(b"compiled")
    return made


def told(traced: Tracing, *paths: Path) -> list[Path]:
    """Which of these are told to be opened by a program that reads them one after the other."""
    seen = traced.run("cat", *paths)
    assert seen.stdout == b"".join(path.read_bytes() for path in paths)
    opened = {Path(os.fsdecode(event.path)) for event in seen.all(Opened)}
    return [path for path in paths if path.resolve() in opened]


def test_the_first_compiled_module_of_a_package_s_folder_stands_for_the_others(
    traced: Tracing,
) -> None:
    traced.root = traced.folder
    for packages in ("env/lib/python3.12/site-packages", "usr/dist-packages"):
        site = traced.folder / packages
        one, two, three = modules(site / "pkg", "one", "two", "three")
        other, further = modules(site / "pkg" / "sub", "other", "further")
        source = site / "pkg" / "four.py"
        source.write_text("pass")
        read = (one, two, other, three, further, source)
        assert told(traced, *read) == [one, other, source]
        assert told(traced, other, one) == [other, one]


def test_compiled_modules_that_may_be_of_the_project_are_all_told(traced: Tracing) -> None:
    traced.root = traced.folder
    site = traced.folder / "env" / "site-packages"
    own = modules(traced.folder / "src" / "pkg", "one", "two")
    assert told(traced, *own) == own
    site.mkdir(parents=True)
    (site / "pkg").symlink_to(traced.folder / "src" / "pkg")
    linked = [site / "pkg" / "__pycache__" / path.name for path in own]
    assert told(traced, *linked) == linked
    outside = modules(site / "other", "one", "two")
    above = outside[0].parent / ".." / ".." / ".." / ".."
    aside = [above / path.relative_to(traced.folder) for path in own]
    assert told(traced, outside[0], *aside) == [outside[0], *aside]
    for end in KEPT:
        kept = modules(Path(f"{site / 'other'}{os.fsdecode(end)}"), "one", "two")
        assert told(traced, *kept) == kept
    traced.root = site / "other"
    assert told(traced, *outside) == outside
    traced.root = None
    assert told(traced, *outside) == outside


def test_compiled_modules_are_told_again_when_something_got_another_name(traced: Tracing) -> None:
    traced.root = traced.folder
    one, two, three = modules(traced.folder / "site-packages" / "pkg", "one", "two", "three")
    program = """
        import os, sys
        one, two, three = sys.argv[1:]
        open(one).close(), open(two).close()
        own = os.path.dirname(os.path.dirname(one))
        os.rename(own, own + ".old")
        os.rename("mine", own)
        open(three).close()
    """
    modules(traced.folder / "mine", "one", "two", "three")
    seen = traced.run(sys.executable, "-c", textwrap.dedent(program), one, two, three)
    assert seen.status == 0, seen.stderr
    opened = {Path(os.fsdecode(event.path)) for event in seen.all(Opened)}
    assert [path in opened for path in (one, two, three)] == [True, False, True]


def test_python_s_own_compiled_modules_are_told_once_a_folder_unless_it_is_the_project(
    traced: Tracing,
) -> None:
    python = Path(sys.executable).resolve()
    own = [Path(module.__cached__).resolve() for module in (json, json.decoder, json.encoder)]
    prefix = python.parent.parent
    assert all(path.is_relative_to(prefix) for path in own)
    for root, first in ((traced.folder, 1), (prefix, 3)):
        traced.root = root
        seen = traced.run(python, "-I", "-c", "import json")
        opened = {Path(os.fsdecode(event.path)) for event in seen.all(Opened)}
        assert [path in opened for path in own] == [n < first for n in range(3)]
