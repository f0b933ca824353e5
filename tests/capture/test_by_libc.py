"""What libc opens by itself, where the case `c-read-by-libc` does not look: the environment, and inert programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from capture.traced import Traced, Tracing, compiled, shim_library, traced

from provgraph.ingest.capture.events import Closed, Executing, Missed, Opened

__all__ = ["compiled", "shim_library", "traced"]

Compile = Callable[..., Path]

NOTHING = "int main(void) { return 0; }"
TRANSLATED = """
#include <libintl.h>
#include <locale.h>
int main(int argc, char **argv) {
    if (argc > 2) setlocale(LC_ALL, argv[2]);
    return !bindtextdomain("words", argv[1]);
}"""


def missed(seen: Traced) -> list[tuple[str, bytes]]:
    return [(event.what, event.detail) for event in seen.all(Missed)]


@pytest.mark.parametrize("variable", ["LOCPATH", "GCONV_PATH"])
def test_a_folder_of_the_project_in_which_libc_looks_is_a_gap(
    traced: Tracing, compiled: Compile, variable: str
) -> None:
    program, traced.root = compiled(NOTHING), traced.folder
    own = f"{traced.folder}/own"
    for value, gaps in ((f"/nowhere:{own}", 1), (f"/usr/lib:{traced.folder}-s:/nowhere{own}", 0)):
        traced.variables[variable] = value
        assert missed(traced.run(program)) == [("by libc", variable.encode())] * gaps


def test_a_catalogue_that_is_sought_in_the_project_is_a_gap(
    traced: Tracing, compiled: Compile
) -> None:
    text = (
        "#include <nl_types.h>\nint main(void) { return catopen("
        '"words", NL_CAT_LOCALE) == (nl_catd)-1; }'
    )
    program, traced.root = compiled(text), traced.folder
    traced.variables["NLSPATH"] = f"{traced.folder}/%N.cat"
    seen = traced.run(program)
    assert (seen.status, missed(seen)) == (1, [])
    assert (
        traced.run("sh", "-c", "echo '1 word' > words.msg; gencat words.cat words.msg").status == 0
    )
    seen = traced.run(program)
    assert (seen.status, missed(seen)) == (0, [("by libc", b"NLSPATH")])


def test_what_watches_the_loader_is_loaded_apart(traced: Tracing, compiled: Compile) -> None:
    program = compiled(NOTHING)
    watching = compiled(
        "unsigned la_version(unsigned v) { return v; }", "-shared", "-fPIC", "-nostdlib"
    )
    for value in (str(watching), f"/usr/lib/none.so:{watching}"):
        traced.variables["LD_AUDIT"] = value
        assert missed(traced.run(program)) == [("loaded apart", value.encode())]


@pytest.mark.parametrize(
    ("variables", "locale", "read"),
    [
        ({"LANG": "C"}, None, []),
        ({"LANG": "de_AT.UTF-8"}, None, ["de_AT", "de"]),
        ({"LC_ALL": "sr_RS.UTF-8@latin"}, None, ["sr@latin", "sr"]),
        ({"LC_ALL": "C", "LANGUAGE": "de"}, None, []),
        ({"LC_ALL": "C", "LANGUAGE": "fr:de"}, "C.UTF-8", ["de"]),
    ],
)
def test_translations_are_those_of_the_locale(
    traced: Tracing,
    compiled: Compile,
    variables: dict[str, str],
    locale: str | None,
    read: list[str],
) -> None:
    for name in ("de", "de_AT", "it", "sr", "sr@latin"):
        (traced.folder / name / "LC_MESSAGES").mkdir(parents=True)
        (traced.folder / name / "LC_MESSAGES" / "words.mo").touch()
    traced.variables.update({"LC_ALL": "", "LC_MESSAGES": "", "LANGUAGE": "", **variables})
    seen = traced.run(compiled(TRANSLATED), traced.folder, *([locale] if locale else []))
    assert seen.status == 0
    assert [event.path for event in seen.all(Opened)] == [
        traced.path(f"{name}/LC_MESSAGES/words.mo") for name in read
    ]


def test_a_profile_with_a_name_of_its_own(traced: Tracing, compiled: Compile) -> None:
    traced.variables["GMON_OUT_PREFIX"] = f"{traced.folder}/calls"
    program = compiled(NOTHING, "-pg")
    seen = traced.run(program)
    (made,) = traced.folder.iterdir()
    opened = seen.one(Opened, path=bytes(made))
    assert (opened.created, opened.writable, made.name) == (True, True, f"calls.{opened.pid}")
    closed = seen.one(Closed, opened=opened.tick)
    assert closed.stat.size == made.stat().st_size > 0


@pytest.mark.parametrize(
    ("variable", "value", "inert"),
    [
        ("TZ", ":/{}/zone", False),
        ("TZ", "Europe/Berlin", True),
        ("TZ", "/usr/share/zoneinfo/UTC", True),
        ("TZDIR", "{}", False),
        ("TEXTDOMAINDIR", "{}", False),
    ],
)
def test_a_program_that_libc_leads_to_files_is_not_inert(
    traced: Tracing, variable: str, value: str, inert: bool
) -> None:
    traced.variables[variable] = value.format(traced.folder)
    seen = traced.run("sh", "-c", "/bin/true; /bin/true; exit 0")
    assert [event.is_inert for event in seen.all(Executing)] == [False, inert]


def test_ones_own_program_with_translations_is_not_inert(
    traced: Tracing, compiled: Compile
) -> None:
    program = compiled(TRANSLATED)
    seen = traced.run("sh", "-c", f"{program} /nowhere; {program} /nowhere; exit 0")
    assert [event.is_inert for event in seen.all(Executing)] == [False, False]
