"""What git knows of the project: the commit, whether the work tree differs, and files' blob ids.

Only git's own plumbing is asked, without taking its locks and without its daemon. The blob id of a
file is that of what `git add` would store: after clean filters, line endings and, for files under
Git LFS, of the pointer. Nothing is written to the repository.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Final

import msgspec

from provgraph.ingest.capture.elsewhere import REPOSITORY_VARIABLES

TAG: Final = "git:"
LARGEST: Final = 512 * 1024 * 1024
"""A larger file (bytes) that git does not track is not hashed for it."""
_MANY: Final = 200
"""So many paths are named to git one by one; for more, it lists all."""


class Command:
    """A program that runs beside this one, reads `given` and keeps what it writes.

    Its input and output are files in memory, so neither side can block the other. Its standard
    error is dropped. `wait` gives its status, 127 where it could not be started.
    """

    def __init__(self, argv: list[str], given: bytes = b"", env: Mapping[str, str] | None = None):
        self._output = _memory_file()
        self._status: int | None = None
        self._pid = 0
        source = _memory_file(given)
        null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            self._pid = os.posix_spawnp(
                argv[0],
                argv,
                dict(os.environ if env is None else env),
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, source, 0),
                    (os.POSIX_SPAWN_DUP2, self._output, 1),
                    (os.POSIX_SPAWN_DUP2, null, 2),
                ],
                setsigmask=(),  # the runner blocks signals, git must not
            )
        except OSError:
            self._status = 127
        finally:
            os.close(source)
            os.close(null)

    def wait(self) -> tuple[int, bytes]:
        """The exit status (negative for a signal) and the output."""
        if self._status is None:
            try:
                self._status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
            except ChildProcessError:
                self._status = 127
        with os.fdopen(self._output, "rb") as output:
            output.seek(0)
            return self._status, output.read()


def _memory_file(content: bytes = b"") -> int:
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("provgraph", os.MFD_CLOEXEC)
    else:
        import tempfile

        file, name = tempfile.mkstemp()
        os.unlink(name)
    view = memoryview(content)
    while view:
        view = view[os.write(file, view) :]
    os.lseek(file, 0, os.SEEK_SET)
    return file


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    """The one that is given, but for what would point git at another repository (as in a hook) or
    be traced."""
    kept = {
        name: value
        for name, value in given.items()
        if name not in REPOSITORY_VARIABLES and not name.startswith("PROVGRAPH_")
    }
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}


def git(
    folder: bytes,
    *words: str,
    given: bytes = b"",
    literal: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Command:
    env = _environment(os.environ if environment is None else environment)
    if literal:
        env["GIT_LITERAL_PATHSPECS"] = "1"
    return Command(
        ["git", "-C", os.fsdecode(folder), "-c", "core.fsmonitor=false", *words], given, env
    )


def work_tree_of(folder: bytes) -> bytes | None:
    """The root of the git work tree around an absolute folder."""
    while True:
        if os.path.lexists(os.path.join(folder, b".git")):
            return folder
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


class Start(msgspec.Struct, frozen=True):
    """How a work tree stood. `commit` is empty before the first one; `changed` are the absolute
    paths of tracked files that differ from the index, `staged` those that the index holds otherwise
    than the commit, with the blobs there. `known` is False where git did not answer."""

    commit: str = ""
    dirty: bool | None = None
    changed: frozenset[bytes] = frozenset()
    staged: dict[bytes, str] = {}
    known: bool = False


class Status:
    """`git status`, asked when this is made and answered by `read`: the time between is free."""

    def __init__(self, work_tree: bytes | None) -> None:
        self.work_tree = work_tree
        self._command: Command | None = None
        if work_tree is not None:
            words = ["--porcelain=v2", "--branch", "-z", "--untracked-files=no", "--no-renames"]
            self._command = git(work_tree, "status", *words)

    def read(self) -> Start:
        if self._command is None or self.work_tree is None:
            return Start()
        status, output = self._command.wait()
        return start_of(self.work_tree, output) if status == 0 else Start()


def start_of(work_tree: bytes, output: bytes) -> Start:
    """What the output of `git status --porcelain=v2 --branch -z` says.

    >>> start_of(b"/p", b"# branch.oid ab12\\0# branch.head main\\0")
    Start(commit='ab12', dirty=False, changed=frozenset(), staged={}, known=True)
    >>> found = start_of(b"/p", b"# branch.oid (initial)\\0" b"1 AM N... 0 1 1 0 ab a b.py\\0")
    >>> found.commit, found.dirty, found.changed, found.staged
    ('', True, frozenset({b'/p/a b.py'}), {b'/p/a b.py': 'ab'})
    """
    commit, dirty, changed, staged = "", False, set(), {}
    for entry in output.split(b"\0"):
        if entry.startswith(b"# branch.oid "):
            commit = entry[len(b"# branch.oid ") :].decode("ascii", "replace")
        elif entry[:2] in (b"1 ", b"u "):
            dirty = True
            *fields, path = entry.split(b" ", 8 if entry[:1] == b"1" else 10)
            if entry[:1] == b"1" and entry[2:3] not in (b".", b"D"):
                staged[os.path.join(work_tree, path)] = fields[7].decode("ascii", "replace")
            if entry[:1] == b"u" or entry[3:4] != b".":
                changed.add(os.path.join(work_tree, path))
    known_commit = "" if commit == "(initial)" else commit
    return Start(known_commit, dirty, frozenset(changed), staged, known=True)


def blobs(root: bytes, paths: Iterable[bytes]) -> dict[bytes, str]:
    """The blob ids (`git:...`) of absolute paths of regular files below `root`, as they are now.

    Left out: files that git ignores, that lie in another repository below, that are too large
    untracked, or that git fails on. Empty where there is no work tree or no git.
    """
    work_tree = work_tree_of(root)
    if work_tree is None:
        return {}
    names = list(_names(work_tree, paths))
    if not names:
        return {}
    changed = _changed(work_tree, names)  # four questions, two at a time
    listed = _listed(work_tree, names)
    differing = changed()
    if differing is None:
        return {}
    found = {name: blob for name, blob in listed.items() if name not in differing}
    rest = [name for name in names if name not in found]
    under_lfs = _under_lfs(work_tree, rest)
    kept = _not_ignored(work_tree, [name for name in rest if name not in listed])
    rest = [name for name in rest if name in listed or name in kept]
    found |= _hashed(work_tree, rest, under_lfs())
    return {os.path.join(work_tree, name): TAG + blob for name, blob in found.items()}


def blobs_at_start(root: bytes, paths: Iterable[bytes], start: Start) -> dict[bytes, str]:
    """The blob ids of tracked files that did not differ from the index when the run started. They
    are the same whenever this is asked."""
    work_tree = work_tree_of(root)
    if work_tree is None or not start.known:
        return {}
    same = [path for path in paths if path not in start.changed]
    found = {path: start.staged[path] for path in same if path in start.staged}
    names = list(_names(work_tree, (path for path in same if path not in found)))
    committed = _committed(work_tree, start.commit, names)
    found |= {os.path.join(work_tree, name): blob for name, blob in committed.items()}
    return {path: TAG + blob for path, blob in found.items()}


def blobs_of_plain(root: bytes, named: Mapping[bytes, str]) -> dict[bytes, str]:
    """The blob ids of files that may have changed since: `named` are git's names of their bytes as
    they were. Left out is what `blobs` leaves out, and what git converts before it names it."""
    work_tree = work_tree_of(root)
    if work_tree is None or not named or _converts_all(work_tree):
        return {}
    names = list(_names(work_tree, named))
    tracked = _listed(work_tree, names)
    kept = _not_ignored(work_tree, [name for name in names if name not in tracked])
    rest = [name for name in names if name in tracked or name in kept]
    converted = _converted(work_tree, rest)
    paths = {os.path.join(work_tree, name) for name in rest if name not in converted}
    return {path: TAG + named[path] for path in paths}


def kept(root: bytes, blobs: Iterable[str]) -> set[str]:
    """Those of some blobs that the repository around a folder has, without asking another for them."""
    names = sorted(set(blobs))
    work_tree = work_tree_of(root) if names else None
    if work_tree is None:
        return set()
    given = "".join(name.removeprefix(TAG) + "\n" for name in names).encode("ascii")
    apart = ("-c", "protocol.allow=never")  # of a partial clone, what is missing would be fetched
    status, output = git(work_tree, *apart, "cat-file", "--batch-check", given=given).wait()
    lines = output.splitlines() if status == 0 else []
    found = zip(names, lines, strict=False)
    return {name for name, line in found if not line.endswith(b" missing")}


def _converts_all(work_tree: bytes) -> bool:
    status, output = git(work_tree, "config", "--get", "core.autocrlf").wait()
    return status == 0 and output.strip().lower() not in (b"", b"false", b"no", b"off", b"0")


_CONVERTING: Final = ("text", "eol", "crlf", "filter", "ident", "working-tree-encoding")


def _converted(work_tree: bytes, names: list[bytes]) -> set[bytes]:
    """The files of which git would store something else than their bytes, as far as attributes tell."""
    if not names:
        return set()
    given = b"".join(name + b"\0" for name in names)
    status, output = git(work_tree, "check-attr", "-z", "--stdin", *_CONVERTING, given=given).wait()
    if status != 0:
        return set(names)
    fields = output.split(b"\0")
    triples = zip(fields[0::3], fields[1::3], fields[2::3], strict=False)
    return {name for name, _, value in triples if value not in (b"unspecified", b"unset")}


def _committed(work_tree: bytes, commit: str, names: list[bytes]) -> dict[bytes, str]:
    """What a commit has: name -> blob."""
    if not commit or not names:
        return {}
    some = [os.fsdecode(name) for name in names] if len(names) <= _MANY else []
    words = ["ls-tree", "-r", "-z", "--full-tree", commit, "--", *some]
    status, output = git(work_tree, *words, literal=True).wait()
    wanted, found = set(names), {}
    for entry in output.split(b"\0") if status == 0 else ():
        about, _, name = entry.partition(b"\t")
        if name in wanted and about.startswith(b"100"):
            found[name] = about.split(b" ")[2].decode("ascii")
    return found


def _names(work_tree: bytes, paths: Iterable[bytes]) -> Iterator[bytes]:
    """Relative to the work tree, without what another repository below it holds."""
    inside = work_tree.rstrip(b"/") + b"/"
    foreign: dict[bytes, bool] = {work_tree.rstrip(b"/"): False}
    for path in dict.fromkeys(paths):
        if path.startswith(inside) and not _is_foreign(os.path.dirname(path), foreign):
            name = path[len(inside) :]
            if not name.startswith(b".git/"):
                yield name


def _is_foreign(folder: bytes, known: dict[bytes, bool]) -> bool:
    if folder not in known:
        nested = os.path.lexists(os.path.join(folder, b".git"))
        known[folder] = nested or _is_foreign(os.path.dirname(folder), known)
    return known[folder]


def _listed(work_tree: bytes, names: list[bytes]) -> dict[bytes, str]:
    """What the index has: name -> blob. Unmerged files have none."""
    if not names:
        return {}
    some = [os.fsdecode(name) for name in names] if len(names) <= _MANY else []
    status, output = git(work_tree, "ls-files", "-s", "-z", "--", *some, literal=True).wait()
    wanted, found = set(names), {}
    for entry in output.split(b"\0") if status == 0 else ():
        about, _, name = entry.partition(b"\t")
        if name in wanted:
            mode, blob, stage = about.split(b" ")
            if stage == b"0" and mode.startswith(b"100"):
                found[name] = blob.decode("ascii")
    return found


def _changed(work_tree: bytes, names: list[bytes]) -> Callable[[], set[bytes] | None]:
    """Ask which tracked files differ from the index; the answer is None where git has none."""
    some = [os.fsdecode(name) for name in names] if len(names) <= _MANY else []
    words = ["status", "--porcelain=v2", "-z", "--untracked-files=no", "--no-renames", "--"]
    asked = git(work_tree, *words, *some, literal=True)

    def answer() -> set[bytes] | None:
        status, output = asked.wait()
        if status != 0:
            return None
        inside = len(work_tree.rstrip(b"/")) + 1
        return {path[inside:] for path in start_of(work_tree, output).changed}

    return answer


def _not_ignored(work_tree: bytes, names: list[bytes]) -> set[bytes]:
    """Untracked files that `git add` would take, if they are not too large to be asked for."""
    names = [name for name in names if _size(work_tree, name) <= LARGEST]
    if not names:
        return set()
    given = b"".join(b"./" + name + b"\0" for name in names)  # `:a` alone would be pathspec magic
    status, output = git(work_tree, "check-ignore", "-z", "--stdin", given=given).wait()
    ignored = {name.removeprefix(b"./") for name in output.split(b"\0")}
    return set(names) - ignored if status in (0, 1) else set()


def _size(work_tree: bytes, name: bytes) -> int:
    try:
        return os.stat(os.path.join(work_tree, name)).st_size
    except OSError:
        return LARGEST + 1


def _hashed(work_tree: bytes, names: list[bytes], under_lfs: set[bytes]) -> dict[bytes, str]:
    """The blobs that `git add` would make of the files now."""
    large = under_lfs.intersection(names)
    found = _lfs_blobs(work_tree, large) if large else {}
    rest = [name for name in names if name not in large]
    while rest:
        asked = git(work_tree, "hash-object", "--stdin-paths", given=b"".join(map(_line, rest)))
        _, output = asked.wait()
        answers = output.split()
        found.update(
            (name, blob.decode("ascii")) for name, blob in zip(rest, answers, strict=False)
        )
        # It stops at the first file that it cannot read or whose filter fails: leave that one out.
        rest = rest[len(answers) + 1 :]
    return found


def _line(name: bytes) -> bytes:
    """A path for a program that reads one a line and takes C's quoting.

    >>> _line(b"a b"), _line(b'new\\nline'), _line(b'"')
    (b'a b\\n', b'"new\\\\nline"\\n', b'"\\\\""\\n')
    """
    if b"\n" not in name and not name.startswith(b'"') and not name.endswith(b"\r"):
        return name + b"\n"
    quoted = name.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    quoted = quoted.replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return b'"' + quoted + b'"\n'


# --- Git LFS: https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md

_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"
_LARGEST_POINTER: Final = 1024


def _under_lfs(work_tree: bytes, names: list[bytes]) -> Callable[[], set[bytes]]:
    """Ask which files' attributes put them under LFS."""
    if not names:
        return set
    given = b"".join(name + b"\0" for name in names)
    asked = git(work_tree, "check-attr", "-z", "--stdin", "filter", given=given)

    def answer() -> set[bytes]:
        status, output = asked.wait()
        fields = output.split(b"\0") if status == 0 else []
        return {fields[at] for at in range(0, len(fields) - 2, 3) if fields[at + 2] == b"lfs"}

    return answer


def _lfs_blobs(work_tree: bytes, names: set[bytes]) -> dict[bytes, str]:
    """Made here and not by git: its filter copies each file into the LFS store, and may be absent."""
    status, output = git(work_tree, "rev-parse", "--show-object-format").wait()
    if status != 0:
        return {}
    algorithm = output.strip().decode("ascii", "replace")
    found = {}
    for name in sorted(names):
        with suppress(OSError, ValueError):
            pointer = lfs_pointer(os.path.join(work_tree, name))
            found[name] = blob_of(pointer, algorithm)
    return found


def lfs_pointer(path: bytes) -> bytes:
    """What Git LFS stores in git for a file; a pointer and an empty file stand for themselves.

    Raises OSError.
    """
    import hashlib

    with open(path, "rb") as file:
        start = file.read(_LARGEST_POINTER)
        if not start or (len(start) < _LARGEST_POINTER and start.startswith(_POINTER)):
            return start
        hasher, size = hashlib.sha256(start), len(start)
        while piece := file.read(1 << 20):
            hasher.update(piece)
            size += len(piece)
    return b"%soid sha256:%s\nsize %d\n" % (_POINTER, hasher.hexdigest().encode(), size)


def blob_of(content: bytes, algorithm: str) -> str:
    """The object name of a blob in a repository of that object format.

    >>> blob_of(b"hello\\n", "sha1")
    'ce013625030ba8dba906f756967f9e9ca394464a'
    """
    import hashlib

    return hashlib.new(algorithm, b"blob %d\0" % len(content) + content).hexdigest()
