"""Which paths are environment rather than lineage: interpreters, packages, system files, caches.

What folds away is never an input or an output; the run's environment stands for it. The tables say
what folds, `Noise` applies them with what a run itself showed (where its interpreters are installed,
which folders are virtual environments). Nothing here looks at the disk.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SYSTEM: Final = frozenset(
    b"/usr /bin /sbin /lib /lib32 /lib64 /libx32 /etc /boot /nix /gnu /snap /proc /sys /dev /run"
    b" /var/lib /var/cache /var/run /opt/local /opt/homebrew".split()
)
"""Folders of the operating system, whole."""

FOLDERS: Final = frozenset(
    b"site-packages dist-packages node_modules __pycache__ .venv .tox .nox .eggs .mypy_cache"
    b" .pytest_cache .ruff_cache .ipynb_checkpoints .snakemake .hypothesis".split()
)
"""Names that mean an installation or a cache wherever they are."""

SKIPPED: Final = FOLDERS | {b".git", b".hg", b".svn", b".provgraph"}
"""Names of folders that are never looked into for changes."""

MARKS: Final = (b"pyvenv.cfg", b"conda-meta")
"""A folder that holds one of these is an environment."""

HOME_FOLDERS: Final = frozenset(
    b".cache .config .local .ipython .jupyter .matplotlib .conda .mamba .npm .yarn .cargo .rustup"
    b" .pyenv .rbenv .nvm .ssh .gnupg .pki .aws .azure .kube .docker .java .m2 .gradle .ccache .nv"
    b" .triton .dotnet .julia .texlive .fonts .fontconfig .mozilla .git .hg .svn .Rproj.user".split()
)
"""Names that mean configuration or a cache outside the project."""

KEPT: Final = (
    b"/dev/shm",
    b"/run/media",
    b"/.cache/huggingface/hub",
    b"/.cache/huggingface/datasets",
    b"/.cache/torch/hub",
    b"/.cache/kagglehub",
    b"/.snakemake/scripts",
    b"/.snakemake/shadow",
    b"/.snakemake/storage",
)
"""Ends of folders that hold data although they lie within noise: mounted disks, downloaded models, and what
Snakemake has a rule run, work in and fetch."""

SUFFIXES: Final = (b".so", b".dll", b".dylib", b".mo", b".ttf", b".otf", b".ttc", b".pfb", b".afm")
"""Files outside the project that programs load for themselves."""

CACHES: Final = (b"/.cache", b"/.ccache", b"/.m2")
"""Ends of noise in which programs build and keep what others go on with."""

STATUS: Final = (b"/tmp/hsperfdata_",)
"""Beginnings of folders outside the project in which programs tell how they are (Java, where each looks
after what others left)."""

_INSTALLED: Final = (b"bin", b"sbin", b"lib", b"lib64", b"libexec", b"include", b"share", b"etc")
_INSTALLED_ALSO: Final = (b"ssl", b"conda-meta", b"pkgs")
TEMPORARY: Final = (b"/tmp/", b"/var/tmp/", b"/dev/shm/")


class Noise:
    """What is environment for the project at `root`.

    `prefixes` are where interpreters are installed, `environments` folders with a `pyvenv.cfg`,
    `own` provgraph's own folders.

    >>> noise = Noise(b"/home/ann/p", prefixes=[b"/opt/conda"])
    >>> noise.fold(b"/home/ann/p/data/a.csv"), noise.fold(b"/data/raw.csv")
    (None, None)
    >>> noise.fold(b"/usr/share/zoneinfo/UTC"), noise.fold(b"/opt/conda/lib/python3.12/os.py")
    (b'/usr', b'/opt/conda')
    >>> noise.fold(b"/home/ann/p/.venv/lib/python3.12/site-packages/numpy/core.py")
    b'/home/ann/p/.venv'
    >>> noise.fold(b"/home/ann/.cache/pip/x"), noise.fold(b"/home/ann/.cache/huggingface/hub/m")
    (b'/home/ann/.cache', None)
    >>> noise.fold(b"/home/ann/p/.snakemake/log/x"), noise.fold(b"/home/ann/p/.snakemake/scripts/a.py")
    (b'/home/ann/p/.snakemake', None)
    >>> noise.fold(b"/tmp/hsperfdata_ann/4711"), noise.fold(b"/tmp/sorted")
    (b'/tmp/hsperfdata_ann', None)
    """

    def __init__(
        self,
        root: bytes,
        prefixes: Iterable[bytes] = (),
        environments: Iterable[bytes] = (),
        own: Iterable[bytes] = (),
    ) -> None:
        self._root = root.rstrip(b"/")
        self._inside = self._root + b"/"
        self._folders: dict[bytes, bytes | None] = {b"": None, self._root: None}
        whole = {*environments, *(folder for folder in own if not self._holds_root_in(folder))}
        self._folders |= {folder: folder for folder in whole if folder not in self._folders}
        for prefix in prefixes:
            for part in _INSTALLED + _INSTALLED_ALSO:
                self._folders.setdefault(prefix.rstrip(b"/") + b"/" + part, prefix)

    def is_inside(self, path: bytes) -> bool:
        """Whether it lies in the project."""
        return path.startswith(self._inside)

    def _holds_root_in(self, folder: bytes) -> bool:
        """Whether somebody works on that folder itself: then it is no environment."""
        return (folder + b"/").startswith(self._inside) and b"-packages/" not in folder

    def fold(self, path: bytes) -> bytes | None:
        """The folder of the environment that stands for an absolute path, None if it matters."""
        folder, _, name = path.rpartition(b"/")
        folded = self._folder(folder)
        if folded is not None or path.startswith(self._inside):
            return folded
        return folder if _is_noise_outside(folder, name) else None

    def passes_on(self, path: bytes) -> bool:
        """Whether a run may build something at this path, which is noise, and go on with it. What it installs
        there is an environment all the same.

        >>> noise = Noise(b"/p", environments=[b"/home/ann/.cache/uv/env"])
        >>> noise.passes_on(b"/home/ann/.cache/uv/a.whl"), noise.passes_on(b"/usr/a")
        (True, False)
        >>> noise.passes_on(b"/home/ann/.cache/uv/env/lib/a.py")
        False
        """
        folded = self.fold(path)
        return folded is not None and folded.endswith(CACHES) and not FOLDERS & {*path.split(b"/")}

    def _folder(self, folder: bytes) -> bytes | None:
        """The same for a folder; every folder above is remembered too."""
        above = []
        while folder not in self._folders:
            above.append(folder)
            folder = folder.rpartition(b"/")[0]
        folded = self._folders[folder]
        for folder in reversed(above):
            if folded is None:
                folded = folder if self._is_noise(folder) else None
            elif folder.endswith(KEPT):
                folded = None
            self._folders[folder] = folded
        return folded

    def _is_noise(self, folder: bytes) -> bool:
        name = folder.rpartition(b"/")[2]
        if name in FOLDERS:
            return True
        if folder.startswith(self._inside):
            return False
        if folder.startswith(STATUS):
            return True
        return not folder.endswith(KEPT) and (folder in SYSTEM or name in HOME_FOLDERS)


def _is_noise_outside(folder: bytes, name: bytes) -> bool:
    if name.endswith(SUFFIXES) or b".so." in name:
        return True
    return (
        name.startswith(b".")
        and (folder == b"/root" or folder.count(b"/") == 2)
        and (folder == b"/root" or folder.startswith((b"/home/", b"/Users/")))
    )


def is_temporary(path: bytes) -> bool:
    """
    >>> is_temporary(b"/tmp/x"), is_temporary(b"/home/x")
    (True, False)
    """
    return path.startswith(TEMPORARY)
