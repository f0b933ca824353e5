"""Captured files and commits meet: capture computes the blob id that git records for the content."""

from __future__ import annotations

import os
from typing import Any

import pytest

from provgraph.ingest.capture.worktree import blobs
from provgraph.model.uri import text_of

LFS_CLEAN = r"""#!/bin/sh
# What `git lfs clean` prints for a file on its standard input.
cat >"$0.content"
test -s "$0.content" || exit 0  # an empty file is its own pointer
oid=$(sha256sum <"$0.content" | cut -d' ' -f1)
size=$(wc -c <"$0.content" | tr -d ' ')
printf 'version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %s\n' "$oid" "$size"
"""

CASES: dict[str, tuple[bytes, dict[bytes, bytes]]] = {
    "plain": (b"", {b"a": b"1\n", b"empty": b"", b"binary": b"\0\r\n\xff"}),
    "line ends, text=auto": (
        b"* text=auto\n",
        {b"crlf": b"1\r\n2\r\n", b"lf": b"1\n2\n", b"mixed": b"1\r\n2\n", b"bin": b"\0\r\n"},
    ),
    "line ends, named": (
        b"*.txt text eol=crlf\n*.raw -text\n",
        {b"a.txt": b"1\r\n2\r\n", b"b.raw": b"1\r\n", b"c": b"1\r\n"},
    ),
    "clean filter": (b"*.up filter=upper\n", {b"a.up": b"shout\n", b"a": b"shout\n"}),
    "large files": (
        b"*.pkl filter=lfs diff=lfs merge=lfs -text\n",
        {b"m.pkl": b"weights\r\n" * 1000, b"empty.pkl": b"", b"deep/er.pkl": b"w", b"a": b"w"},
    ),
    "ident": (b"* ident\n", {b"a": b"$Id: something$\n"}),
    "odd names": (
        b"",
        {
            name: b"content of %d" % number
            for number, name in enumerate(
                [
                    b"new\nline",
                    b'"quoted"',
                    b"back\\slash",
                    b"caf\xe9",
                    b" x ",
                    b"--o",
                    b"*",
                ]
            )
        },
    ),
}


@pytest.fixture(params=["sha1", "sha256"])
def filtering(request: pytest.FixtureRequest, make_repository: Any, tmp_path: Any) -> Any:
    repository = make_repository("filtering", f"--object-format={request.param}")
    lfs = tmp_path / "lfs-clean"
    lfs.write_text(LFS_CLEAN)
    lfs.chmod(0o755)
    for name, clean in {"lfs": str(lfs), "upper": "tr a-z A-Z"}.items():
        repository.git("config", f"filter.{name}.clean", clean)
        repository.git("config", f"filter.{name}.smudge", "cat")
        repository.git("config", f"filter.{name}.required", "true")
    return repository


def captured(repository: Any, names: list[bytes]) -> dict[bytes, str]:
    root = os.fsencode(repository.path)
    found = blobs(root, [os.path.join(root, name) for name in names])
    return {path[len(root) + 1 :]: blob for path, blob in found.items()}


@pytest.mark.parametrize("case", CASES)
def test_a_file_has_one_blob_id_before_and_after_its_commit(filtering: Any, case: str) -> None:
    attributes, files = CASES[case]
    filtering.write(".gitattributes", attributes)
    for name, content in files.items():
        filtering.write(name, content)
    untracked = captured(filtering, list(files))
    sha = filtering.commit()
    told = filtering.read().of(sha)
    assert untracked == {name: told[text_of(name)] for name in files}
    assert captured(filtering, list(files)) == untracked


@pytest.mark.parametrize("case", CASES)
def test_a_changed_file_has_the_blob_id_of_its_next_commit(filtering: Any, case: str) -> None:
    attributes, files = CASES[case]
    filtering.write(".gitattributes", attributes)
    for name, content in files.items():
        filtering.write(name, content)
    before = filtering.commit()
    for name, content in files.items():
        filtering.write(name, content + b"more\r\n")
    changed = captured(filtering, list(files))
    after = filtering.commit()
    read = filtering.read()
    assert changed == {name: read.of(after)[text_of(name)] for name in files}
    assert all(changed[name] != read.of(before)[text_of(name)] for name in files)


@pytest.mark.parametrize("name", [b":!a", b":(top)a", b"ends with a return\r"])
def test_a_name_that_git_could_take_for_syntax_has_its_blob_id(filtering: Any, name: bytes) -> None:
    filtering.write(name, b"1")
    filtering.write("other", b"2")
    untracked = captured(filtering, [name, b"other"])
    sha = filtering.commit()
    told = filtering.read().of(sha)
    assert untracked == {name: told[text_of(name)], b"other": told["other"]}
