"""Which segments name a content is found without reading their records."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provgraph.erasure import copies


def test_a_name_that_is_cut_in_two_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "_BLOCK", 100)
    names = {b"blake3:" + os.urandom(32).hex().encode() for _ in range(40)}
    names |= {b"git:" + os.urandom(20).hex().encode() for _ in range(40)}
    (tmp_path / "a.segment").write_bytes(b"x".join(sorted(names, key=hash)))
    wanted = copies._by_kind(names)
    assert copies._mentions(tmp_path / "a.segment", wanted) == names
    assert copies._mentions(tmp_path / "gone.segment", wanted) == set()
