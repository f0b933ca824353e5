"""Can scripts be shown as they were, though their files are different by now?"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from capture.workspace import Workspace

from provgraph.graph import Graph
from provgraph.ingest.capture.texts import LARGEST
from provgraph.model.content_store import ContentStore, digest_of


def kept(workspace: Workspace) -> list[bytes]:
    workspace.records()
    store = ContentStore.of(workspace.project)
    return [store.read(digest) or b"" for digest in store.digests()]


def script(workspace: Workspace, name: str, text: str) -> Path:
    path = workspace.root / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_a_script_is_kept_as_each_run_executed_it(workspace: Workspace) -> None:
    texts = [f"#!/bin/sh\necho {n} > out.csv\n" for n in (1, 2)]
    for text in texts:  # changed before anybody asked
        assert workspace.run(str(script(workspace, "make-it", text))).returncode == 0
    script(workspace, "make-it", "#!/bin/sh\n")
    assert sorted(kept(workspace)) == [text.encode() for text in texts]


def test_what_python_imports_is_kept_and_data_is_not(workspace: Workspace) -> None:
    script(workspace, "helper.py", "ROWS = 3\n")
    (workspace.root / "in.csv").write_text("name,age\nann,5\n")
    (workspace.root / "notes.json").write_text('{"ann": 5}')
    main = "import helper\nopen('out.csv', 'w').write(open('in.csv').read() * helper.ROWS)\nopen('notes.json').read()\n"
    script(workspace, "main.py", main)
    assert workspace.run(sys.executable, "main.py").returncode == 0
    assert sorted(kept(workspace)) == [b"ROWS = 3\n", main.encode()]


def test_data_is_kept_where_it_is_asked_for_and_nothing_that_is_to_be_left_out(
    workspace: Workspace,
) -> None:
    with workspace.project.file.open("a") as settings:
        settings.write('\n[content]\nkeep = ["*.csv"]\nnever = ["inner/*"]\n')
    (workspace.root / "inner").mkdir()
    script(workspace, "inner/x.sh", "cp in.csv out.csv\n")
    (workspace.root / "in.csv").write_text("a\n1\n")
    assert workspace.run("sh", "inner/x.sh").returncode == 0
    assert kept(workspace) == [b"a\n1\n"]


def test_large_binary_and_secret_files_are_not_kept_and_keys_are_taken_out(
    workspace: Workspace,
) -> None:
    (workspace.root / "large.md").write_text("x" * (LARGEST + 1))
    (workspace.root / "binary.md").write_bytes(b"a\0b")
    (workspace.root / "key.py").write_text(f"KEY = 'ghp_{'a' * 36}'\n")
    (workspace.root / "secrets.toml").write_text("a = 1\n")
    (workspace.root / "conf.yaml").write_text("password: hunter2\ndepth: 3\n")
    (workspace.root / "plain.md").write_text("kept\n")
    names = ["large.md", "binary.md", "key.py", "secrets.toml", "conf.yaml", "plain.md"]
    assert workspace.run("cat", *names).returncode == 0
    assert sorted(kept(workspace)) == [
        b"KEY = '[redacted]'\n",
        b"kept\n",
        b"password: [redacted]\ndepth: 3\n",
    ]


def test_a_text_that_was_read_and_then_overwritten_is_kept(workspace: Workspace) -> None:
    (workspace.root / "a.md").write_text("before\n")
    assert workspace.run("sh", "-c", "cat a.md; echo after > a.md").returncode == 0
    assert {b"after\n", b"before\n"} == set(kept(workspace))


def test_a_full_disk_or_a_folder_that_cannot_be_written_keeps_nothing_and_breaks_nothing(
    workspace: Workspace,
) -> None:
    workspace.project.contents.write_text("in the way")
    script(workspace, "a.sh", "echo 1 > b.csv\n")
    done = workspace.run("sh", "a.sh")
    assert (done.returncode, done.stderr) == (0, "")
    assert workspace.ended.verdict == "complete"


def test_the_text_of_old_versions_is_shown_and_compared(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    from provgraph.cli.application import main

    for n in (1, 2):
        script(workspace, "a.sh", f"echo {n} > b.csv\n")
        assert workspace.run("sh", "a.sh").returncode == 0
    script(workspace, "a.sh", "different\n")
    with Graph.open(workspace.root) as graph:
        graph.sync()
        one, two = (graph.ask(f'file "a.sh"@{n}').nodes()[0].id for n in (1, 2))
    monkeypatch.chdir(workspace.root)
    assert main(["show", one, "--content"]) == 0
    assert capfdbinary.readouterr().out == b"echo 1 > b.csv\n"
    assert main(["show", two, "--against", one]) == 0
    assert b"-echo 1 > b.csv\n+echo 2 > b.csv\n" in capfdbinary.readouterr().out


def test_contents_are_for_their_owner_alone_and_each_is_there_once(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "contents")
    assert store.put(b"a") == store.put(b"a") == digest_of(b"a")
    [path] = (path for path in store.folder.rglob("*") if path.is_file())
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    path.write_bytes(b"b")
    assert store.read(digest_of(b"a")) is None, "what is damaged is not shown as it"
    assert len(store.erase([digest_of(b"a"), digest_of(b"c"), "../x"])) == 1
    assert list(store.digests()) == []


def test_what_a_killed_process_had_written_of_a_content_is_found_and_erased(tmp_path: Path) -> None:
    store = ContentStore(tmp_path / "contents")
    digest = store.put(b"ann@example.org")
    [path] = store.files(digest)
    path.rename(path.with_name(f"{path.name}.4711.new"))
    assert store.holding(["ann"]) == store.digests() == [digest]
    assert store.holding(["bob", ""]) == []
    assert len(store.erase([digest])) == 1
    assert store.files(digest) == []
