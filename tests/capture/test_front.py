"""What the native front leaves to the next sync is the same record, whatever happens in between."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from blake3 import blake3
from capture.workspace import Workspace

from provgraph.config import create_project
from provgraph.ingest.capture import front, given, launcher
from provgraph.ingest.capture.audit import SITE
from provgraph.ingest.capture.hashing import Cache, stat_of
from provgraph.ingest.capture.recover import recover
from provgraph.model.records import EnvironmentSeen, Invalidated, RunEnded, RunStarted, Used

SIZES = [
    1,
    63,
    64,
    65,
    1023,
    1024,
    1025,
    2049,
    5000,
    16383,
    16384,
    16385,
    40961,
    131072,
    1048576,
    3333333,
]


def digest_of(data: bytes) -> str:
    return "blake3:" + blake3(data).hexdigest()


def git(workspace: Workspace, *words: str) -> str:
    command = ["git", "-C", str(workspace.root), "-c", "user.name=Ann", "-c", "user.email=a@b.c"]
    return subprocess.run(
        [*command, *words], check=True, capture_output=True, text=True, env=workspace.environment
    ).stdout.strip()


def waiting(workspace: Workspace) -> front.Told:
    """What the front wrote of the one run that waits."""
    (name,) = workspace.spools()
    told = front.read(workspace.project.spools / name)
    assert told is not None
    return told


@pytest.fixture
def repository(native_workspace: Workspace) -> Workspace:
    """A git repository with a script, a module, an input and an earlier commit."""
    (native_workspace.root / "data").write_text("first\n")
    (native_workspace.root / "helper.py").write_text("def read(): return open('data').read()\n")
    (native_workspace.root / "program.py").write_text(
        "import helper\nopen('made', 'w').write(helper.read())\n"
    )
    (native_workspace.root / ".gitignore").write_text("__pycache__/\n")
    git(native_workspace, "init", "-q")
    git(native_workspace, "add", "-A")
    git(native_workspace, "commit", "-qm", "one")
    return native_workspace


def test_digests_and_git_s_names_are_those_that_the_libraries_compute(
    repository: Workspace,
) -> None:
    contents = {f"f{size}": os.urandom(size) for size in SIZES}
    for name, content in contents.items():
        (repository.root / name).write_bytes(content)
    assert repository.run("sh", "-c", f"cat {' '.join(contents)} > all").returncode == 0
    told = {found.found.inode: found for found in waiting(repository).digests}
    contents["all"] = b"".join(contents.values())
    for name, content in contents.items():
        found = told[(repository.root / name).stat().st_ino]
        assert found.digest == digest_of(content), name
        assert found.blob == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), name


def test_git_s_names_are_the_same_on_processors_without_sha1(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(
        """
        #include "sha1.h"
        #include <stdio.h>
        static unsigned char all[1 << 20];
        int main(int argc, char **argv) {
            struct sha1 sha;
            uint8_t digest[20];
        #if defined(__x86_64__)
            if (argc > 1) sha1_is_known = 0;
        #endif
            size_t size = fread(all, 1, sizeof all, stdin);
            sha1_begin(&sha);
            for (size_t at = 0, n = 1; at < size; at += n++) /* in pieces that grow */
                sha1_add(&sha, all + at, n < size - at ? n : size - at);
            sha1_end(&sha, digest);
            for (int n = 0; n < 20; n++) printf("%02x", digest[n]);
            return 0;
        }
        """
    )
    program = str(tmp_path / "program")
    native = str(Path(launcher.__file__).with_name("native"))
    subprocess.run(["cc", "-O2", "-I", native, "-o", program, tmp_path / "main.c"], check=True)
    for size in (0, *SIZES[:-2]):
        data = os.urandom(size)
        for words in ([program], [program, "plain"]):
            done = subprocess.run(words, input=data, capture_output=True, check=True)
            assert done.stdout.decode() == hashlib.sha1(data).hexdigest(), (words, size)


def test_large_files_are_hashed_by_all_cores_to_the_same_names(repository: Workspace) -> None:
    some = os.urandom(1 << 20)
    sizes = {"whole": 32 << 20, "more": (32 << 20) + 1, "odd": (41 << 20) + 3 * 16384 + 5}
    contents = {name: (some * 42)[:size] for name, size in sizes.items()}
    for name, content in contents.items():
        (repository.root / name).write_bytes(content)
    assert repository.run("sh", "-c", f"head -c 1 {' '.join(contents)} > heads").returncode == 0
    told = {found.found.inode: found for found in waiting(repository).digests}
    for name, content in contents.items():
        found = told[(repository.root / name).stat().st_ino]
        assert found.digest == digest_of(content), name
        assert found.blob == hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(), name


def test_what_changed_before_the_sync_is_recorded_as_the_run_had_it(repository: Workspace) -> None:
    before = {
        name: (repository.root / name).read_bytes() for name in ("data", "helper.py", "program.py")
    }
    commit = git(repository, "rev-parse", "HEAD")
    blobs = {name: git(repository, "rev-parse", f"HEAD:{name}") for name in before}
    assert repository.run(sys.executable, "program.py").returncode == 0
    made = git(repository, "hash-object", "made")
    for name in (*before, "made"):
        (repository.root / name).write_text("changed since\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "two")
    used = {record.uri: record.content for record in repository.all(Used)}
    for name, old in before.items():
        assert used[name].digest == digest_of(old), name
        assert used[name].blob == f"git:{blobs[name]}", name
    made_content = repository.generated()["made"].content
    assert (made_content.digest, made_content.blob) == (digest_of(b"first\n"), f"git:{made}")
    assert (repository.started.commit, repository.started.dirty) == (commit, False)
    assert (repository.ended.verdict, repository.ended.gaps) == ("complete", [])


def test_what_went_before_the_sync_is_recorded_as_the_run_left_it(
    native_workspace: Workspace,
) -> None:
    (native_workspace.root / "in").write_text("x")
    native_workspace.run("sh", "-c", "cat in > out; echo y > other")
    (native_workspace.root / "in").unlink()
    (native_workspace.root / "out").rename(native_workspace.root / "moved")
    (native_workspace.root / "other").unlink()
    assert native_workspace.used()["in"].content.digest == digest_of(b"x")
    made = native_workspace.generated()
    assert made["out"].content.digest == digest_of(b"x")
    assert made["other"].content.digest == digest_of(b"y\n")
    assert native_workspace.ended.verdict == "complete"


def test_what_somebody_else_changed_meanwhile_is_told_from_what_changed_since(
    native_workspace: Workspace,
) -> None:
    root = native_workspace.root
    (root / "gone").write_text("x")
    process = native_workspace.start("sh", "-c", "cat > seen", stdin=subprocess.PIPE)
    while not (root / "seen").exists():
        time.sleep(0.01)
    (root / "made").write_text("bytes")
    (root / "gone").unlink()
    process.communicate("text")
    (root / "made").write_text("something else")
    (root / "later").write_text("not of the run")
    made = native_workspace.generated()
    assert {name: record.attributed for name, record in made.items()} == {
        "made": False,
        "seen": True,
    }
    assert made["made"].content.digest == digest_of(b"bytes")
    removed = {record.uri for record in native_workspace.all(Invalidated)}
    assert {uri for uri in removed if "://" not in uri} == {"gone"}
    assert native_workspace.ended.gaps == [
        given.GAP,
        "2 files changed by a program that was not seen",
    ]


def test_the_packages_are_those_that_were_installed_then(native_workspace: Workspace) -> None:
    site = native_workspace.root / "env" / "lib" / "site-packages"
    (site / "used-1.0.dist-info").mkdir(parents=True)
    (site / "used.py").write_text("")
    native_workspace.run("cat", "env/lib/site-packages/used.py")
    (site / "later-2.0.dist-info").mkdir()
    (environment,) = native_workspace.all(EnvironmentSeen)
    assert environment.packages == ["used==1.0"]


def test_who_works_here_is_asked_where_git_s_settings_were_then(
    native_workspace: Workspace, tmp_path: Path
) -> None:
    settings = tmp_path / "settings"
    settings.write_text("[user]\n name = Ann\n email = ann@example.org\n")
    native_workspace.run(
        "true", env={**native_workspace.environment, "GIT_CONFIG_GLOBAL": str(settings)}
    )
    assert waiting(native_workspace).ended
    started = native_workspace.started
    assert (started.agent, started.email) == ("Ann", "ann@example.org")


def test_tags_and_parameters_wait_too(native_workspace: Workspace) -> None:
    flags = ("--tag", "stage=night", "--param=depth=6", "--param", "share=0.5")
    native_workspace.run("true", flags=flags)
    assert waiting(native_workspace).flags == list(flags)
    assert native_workspace.ended.properties == {
        "tag.stage": "night",
        "param.depth": 6,
        "param.share": 0.5,
    }


SECRETS = [
    ("load", "--db-password", "hunter2"),
    ("load", "--api-key=hunter2"),
    ("env", "API_KEY=hunter2", "true"),
    ("mysql", "-phunter2", "db"),
    ("curl", "-u", "ann:hunter2", "host"),
    ("get", "https://ann:hunter2@host/data"),
    ("get", "https://host/data?x=1&token=hunter2"),
    ("get", "-H", "Authorization: Bearer hunter2hunter2"),
    ("get", "x-api-key: hunter2"),
    ("load", "ghp_hunter2hunter2hunter2hunter2"),
    ("load", "--aws_secret_access_key", "hunter2"),
    ("load", "AccountKey=hunter2"),
    ("get", "https://host/x?sig=hunter2"),
    ("load", "sk-hunter2hunter2hunter2"),
    ("load", "DSN=hunter2"),
]


@pytest.mark.parametrize("words", SECRETS, ids=lambda words: " ".join(words)[:30])
@pytest.mark.parametrize("deep", [False, True], ids=["the command", "a command within"])
def test_no_recording_with_a_secret_waits(
    native_workspace: Workspace, words: tuple[str, ...], deep: bool
) -> None:
    (native_workspace.root / "script.sh").write_text(f"sh quiet.sh {' '.join(map(repr, words))}\n")
    (native_workspace.root / "quiet.sh").write_text("exit 0\n")
    argv = ("sh", "script.sh") if deep else ("sh", "quiet.sh", *words)
    if words[0] == "mysql":
        (native_workspace.root / "mysql").symlink_to("/bin/sh")
        argv = ("./mysql", "quiet.sh", *words[1:])
        (native_workspace.root / "script.sh").write_text(" ".join(argv))
        argv = ("sh", "script.sh") if deep else argv
    assert native_workspace.run(*argv).returncode == 0
    assert native_workspace.spools() == []
    for path in native_workspace.project.state.rglob("*"):
        assert path.is_dir() or b"hunter2" not in path.read_bytes()


def test_what_gcc_passes_to_the_linker_is_no_secret(native_workspace: Workspace) -> None:
    (native_workspace.root / "main.c").write_text("int main(void) { return 0; }\n")
    native_workspace.run("cc", "-o", "prog", "main.c")
    assert waiting(native_workspace).ended


@pytest.fixture
def watched(repository: Workspace, tmp_path: Path) -> Path:
    """The file in which each call of git by a run leaves its words."""
    tools, calls = tmp_path / "bin", tmp_path / "calls"
    tools.mkdir()
    real = subprocess.run(["which", "git"], capture_output=True, text=True, check=True).stdout
    (tools / "git").write_text(f'#!/bin/sh\necho "$@" >> {calls}\nexec {real.strip()} "$@"\n')
    (tools / "git").chmod(0o755)
    repository.environment["PATH"] = f"{tools}:{os.environ['PATH']}"
    calls.touch()
    return calls


def test_git_is_asked_again_only_when_something_changed(
    repository: Workspace, watched: Path
) -> None:
    def calls() -> int:
        before = len(watched.read_text().splitlines())
        repository.run("true")
        return len(watched.read_text().splitlines()) - before

    time.sleep(0.1)  # what changed just now could change again without its state telling
    assert [calls(), calls()] == [1, 0]
    (repository.root / "data").write_text("other\n")
    assert calls() == 1
    time.sleep(0.1)
    calls()  # the first one may have been too early for its answer to be kept
    assert calls() == 0
    git(repository, "commit", "-qam", "two")
    assert calls() == 1
    found = [(record.commit, record.dirty) for record in repository.all(RunStarted)]
    first, second = git(repository, "rev-parse", "HEAD~1"), git(repository, "rev-parse", "HEAD")
    assert set(found) == {(first, False), (first, True), (second, False)}
    assert found.count((first, False)) == 2


def test_git_is_not_asked_again_for_what_it_does_not_know(
    repository: Workspace, watched: Path
) -> None:
    def calls(script: str) -> int:
        before = len(watched.read_text().splitlines())
        repository.run("sh", "-c", script)
        repository.run("true")
        return len(watched.read_text().splitlines()) - before

    time.sleep(0.1)
    repository.run("true")
    assert calls("echo new > fresh") == 0
    assert calls("echo changed >> fresh; mkdir deep; echo x > deep/other") == 0
    assert calls("rm fresh") == 0
    assert calls("rm data") == 1
    assert calls("mkdir data") == 0  # it is missing still
    dirty = [record.dirty for record in repository.all(RunStarted)]
    assert dirty.count(True) == 3


@pytest.mark.parametrize(
    "words",
    [
        ("update-index", "--split-index"),
        ("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},within"),
    ],
    ids=["another index", "another repository"],
)
def test_git_is_always_asked_where_its_index_leads_elsewhere(
    repository: Workspace, watched: Path, words: tuple[str, ...]
) -> None:
    git(repository, *words)
    time.sleep(0.1)
    watched.write_text("")
    for _ in range(3):
        repository.run("true")
    assert len(watched.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [("node_modules/kept.js", "1\n"), (".gitmodules", ""), (".provgraphignore", "*.tmp\n")],
)
def test_git_is_always_asked_where_looks_do_not_see_all_that_it_does(
    repository: Workspace, watched: Path, name: str, content: str
) -> None:
    (repository.root / name).parent.mkdir(exist_ok=True)
    (repository.root / name).write_text(content)
    git(repository, "add", "-A", "-f")
    git(repository, "commit", "-qm", "two")
    time.sleep(2.1)
    watched.write_text("")
    for _ in range(2):
        repository.run("true")
    assert len(watched.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [(".gitattributes", "* text=auto\n"), ("deep/.gitattributes", "*.csv filter=x\n")],
)
def test_where_git_converts_files_the_record_is_made_at_once(
    repository: Workspace, name: str, content: str
) -> None:
    (repository.root / name).parent.mkdir(exist_ok=True)
    (repository.root / name).write_text(content)
    (repository.root / "data").write_bytes(b"first\r\n")
    repository.run("cp", "data", "copy")
    assert repository.spools() == []
    blob = git(repository, "hash-object", "copy")
    assert repository.generated()["copy"].content.blob == f"git:{blob}"


def test_past_a_hundred_that_wait_a_run_writes_all_down(native_workspace: Workspace) -> None:
    for number in range(100):
        native_workspace.run("sh", "-c", f"echo {number} > out")
    assert len(native_workspace.spools()) in (0, 99, 100)
    native_workspace.run("true")
    native_workspace.run("true")
    assert len(native_workspace.spools()) < 3
    assert len(native_workspace.all(RunEnded)) == 102


def test_digests_are_kept_across_runs_by_both_fronts(native_workspace: Workspace) -> None:
    names = [f"in{number}" for number in range(34)]
    for name in names:
        (native_workspace.root / name).write_text(name)
    time.sleep(2.1)  # the digest of a younger file is not kept
    for name in names:
        native_workspace.run("cat", name)
    cache = native_workspace.project.state / "cache"
    assert len(list(cache.glob("*.loose"))) == len(names)
    assert len(native_workspace.all(RunEnded)) == len(names)
    assert list(cache.glob("*.loose")) == []
    kept = Cache(cache, "r")
    for name in names:
        stat = stat_of((native_workspace.root / name).stat())
        assert kept.find(stat) == digest_of(name.encode())
    native_workspace.run("cat", "in7")
    (found,) = waiting(native_workspace).digests
    assert found.digest == digest_of(b"in7")
    assert list(cache.glob("*.loose")) == []  # it was not hashed again


def test_a_recording_of_another_version_is_left_alone(native_workspace: Workspace) -> None:
    native_workspace.run("true")
    (name,) = native_workspace.spools()
    path = native_workspace.project.spools / name / "front"
    data = bytearray(path.read_bytes())
    data[8] = 99
    path.write_bytes(data)
    assert recover(native_workspace.project) == []
    assert native_workspace.spools() == [name]


def test_a_file_that_was_cut_off_tells_what_it_can(native_workspace: Workspace) -> None:
    native_workspace.run("sh", "-c", "echo x > out")
    (name,) = native_workspace.spools()
    path = native_workspace.project.spools / name / "front"
    whole = path.read_bytes()
    for size in range(0, len(whole), 37):
        path.write_bytes(whole[:size])
        told = front.read(path.parent)
        assert told is None or told.run == name
    path.write_bytes(whole)
    assert native_workspace.ended.verdict == "complete"


@pytest.mark.parametrize("offset", [0, 24, 4096, 5120, 6144])
def test_scribbling_over_the_recording_costs_the_record_and_not_the_program(
    native_workspace: Workspace, offset: int
) -> None:
    waits = "import os; open('ready', 'w').close(); os.read(0, 1); os._exit(5)"
    run = native_workspace.start(
        "env", "-i", sys.executable, "-S", "-c", waits, stdin=subprocess.PIPE
    )
    while not (native_workspace.root / "ready").exists():
        assert run.poll() is None
    [events] = native_workspace.project.spools.glob("*/events")
    with events.open("r+b") as file:
        os.pwrite(file.fileno(), os.urandom(1024), offset)
    run.communicate("\n", timeout=60)
    assert run.returncode == 5
    assert native_workspace.ended.exit == 5


def test_a_recording_that_the_program_removes_with_its_project_is_said_to_be_gone(
    native_workspace: Workspace,
) -> None:
    project = native_workspace.root / "provgraph.toml"
    done = native_workspace.run("sh", "-c", "rm -rf .provgraph; mv provgraph.toml kept; exit 3")
    project.with_name("kept").rename(project)
    assert done.returncode == 3
    assert done.stderr == (
        "provgraph: the run was not recorded to its end: its recording was removed\n"
    )
    assert native_workspace.run("sh", "-c", "echo x > out").returncode == 0
    assert set(native_workspace.generated()) == {"out"}


def test_a_note_that_others_may_write_is_not_believed(
    native_workspace: Workspace, native_front: Path
) -> None:
    note = launcher.note_path(native_front)
    assert note is not None
    note.chmod(0o666)
    native_workspace.run("true")
    assert native_workspace.spools() == []  # Python's runner
    native_workspace.run("true")
    assert len(native_workspace.spools()) == 1
    assert note.stat().st_mode & 0o777 == 0o600


def test_what_every_python_program_loads_is_compiled_beforehand(
    native_workspace: Workspace, native_front: Path
) -> None:
    """Where Python is told not to write what it compiled, too: each start would compile it again."""
    note = launcher.note_path(native_front)
    assert note is not None
    compiled = Path(importlib.util.cache_from_source(str(SITE / "sitecustomize.py")))
    compiled.unlink(missing_ok=True)
    note.unlink()
    native_workspace.environment["PYTHONDONTWRITEBYTECODE"] = "1"
    assert native_workspace.run("true").returncode == 0
    assert note.exists()
    assert compiled.exists()


def test_both_fronts_make_the_same_record(native_workspace: Workspace, tmp_path: Path) -> None:
    """But for ids, times, and how soon a file that passes is hashed."""
    script = "sort in > sorted; tail -1 sorted > last; mv last result; cat gone 2>/dev/null; rm in"
    (tmp_path / "other").mkdir()
    other = Workspace(create_project(tmp_path / "other"), native_workspace.environment)
    shapes = []
    for workspace in (native_workspace, other):
        (workspace.root / "in").write_text("b\na\n")
        workspace.run("sh", "-c", script)
        shapes.append(
            sorted(
                (type(record).__name__, getattr(record, "uri", ""), getattr(record, "argv", None))
                for record in workspace.records()
            )
        )
        assert workspace.generated()["result"].content.digest == digest_of(b"b\n")
    native = [shape for shape in shapes[0] if shape[0] != "RunStarted"]
    assert native == [shape for shape in shapes[1] if shape[0] != "RunStarted"]
    assert len(native) > 8
