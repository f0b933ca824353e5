"""Signatures: an approver's own Ed25519 key (RFC 8032) over the hash of a plan, or of a receipt.

A key is a PEM file (PKCS #8) outside the project, for its owner alone; the public halves of those who may
approve stand in `provgraph.toml`, with how many of them it takes:

    [erasure]
    approvals = 2
    [erasure.approvers]
    "mira@example.org" = "…base64…"
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from provgraph.config import Project
from provgraph.erasure.requests import Folder
from provgraph.errors import KeyMissing, ProjectError, ProvgraphError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_CONTEXT: Final = b"provgraph approval 1\0"


class Settings(BaseModel):
    """`[erasure]`: how many approvals it takes, and whose keys count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approvals: int = Field(default=1, ge=1, le=9)
    approvers: dict[str, str] = {}


def settings(project: Project) -> Settings:
    """Raises `ProjectError`."""
    try:
        return Settings.model_validate(project.settings.get("erasure", {}))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ProjectError(f"{project.file}: [erasure] `{where}`: {first['msg']}") from None


class Approval(msgspec.Struct, frozen=True):
    """Who approved which plan. `plan` is its hash, `signature` is in base64."""

    approver: str
    plan: str
    signature: str


def key_path() -> Path:
    given = os.environ.get("PROVGRAPH_APPROVER_KEY")
    if given:
        return Path(given)
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(base) / "provgraph" / "approver.pem"


def private_key() -> Ed25519PrivateKey:
    """The user's own key. Raises `KeyMissing`, `ProvgraphError`."""
    _need_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    path = key_path()
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError:
        raise KeyMissing(
            f"no signing key is here: {path}", hint="`provgraph forget key` makes one"
        ) from None
    except (OSError, ValueError, TypeError) as error:
        raise ProvgraphError(f"{path} is no Ed25519 key: {error}") from error
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ProvgraphError(f"{path} is no Ed25519 key")
    return key


def make_key() -> str:
    """Make the user's own key, unless there is one; returns the public half in base64."""
    _need_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    path = key_path()
    if not path.exists():
        key = ed25519.Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(file, "wb") as out:
                out.write(pem)
        except OSError as error:
            raise ProvgraphError(f"{path} cannot be written: {error.strerror}") from error
    return public_text(private_key())


def public_text(key: Ed25519PrivateKey) -> str:
    return base64.b64encode(key.public_key().public_bytes_raw()).decode()


def is_signed(public: str, message: bytes, signature: str) -> bool:
    """Whether a signature (base64) is that of a public key (base64) over a message."""
    _need_cryptography()
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ed25519

    try:
        key = ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(public, validate=True))
        key.verify(base64.b64decode(signature, validate=True), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def signed(message: bytes) -> str:
    """The user's signature over a message, in base64. Raises `KeyMissing`."""
    return base64.b64encode(private_key().sign(message)).decode()


def approve(project: Project, folder: Folder, plan: str) -> Approval:
    """Sign the plan with this hash. Raises `UsageError` where the user is no approver or has approved
    already, `KeyMissing`."""
    approvers = settings(project).approvers
    own = public_text(private_key())
    name = next((name for name, public in approvers.items() if public == own), None)
    if name is None:
        raise UsageError(
            "this key is none of the approvers'",
            hint=f'under [erasure.approvers] in {project.file.name}: "NAME" = "{own}"',
        )
    if any(each.approver == name for each in valid(project, folder, plan)):
        raise UsageError(f"{name} has approved this plan already")
    approval = Approval(name, plan, signed(_CONTEXT + plan.encode()))
    place = sum(1 for path in folder.path.glob("approval-*.json")) + 1
    folder.write(f"approval-{place}.json", msgspec.json.encode(approval))
    folder.log("approved", approver=name, plan=plan)
    return approval


def valid(project: Project, folder: Folder, plan: str) -> list[Approval]:
    """The approvals of this very plan by those whose keys count, one each."""
    approvers = settings(project).approvers
    found: dict[str, Approval] = {}
    for path in sorted(folder.path.glob("approval-*.json")):
        try:
            approval = msgspec.json.decode(path.read_bytes(), type=Approval)
        except (OSError, msgspec.DecodeError):
            continue
        public = approvers.get(approval.approver, "")
        message = _CONTEXT + plan.encode()
        if approval.plan == plan and is_signed(public, message, approval.signature):
            found[approval.approver] = approval
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Standing:
    """How many approvals a plan has, and how many it takes."""

    given: tuple[str, ...]
    needed: int

    @property
    def is_enough(self) -> bool:
        return len(self.given) >= self.needed


def standing(project: Project, folder: Folder, plan: str) -> Standing:
    given = tuple(approval.approver for approval in valid(project, folder, plan))
    return Standing(given, settings(project).approvals)


def _need_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise UsageError(
            "signing needs a package that is not installed",
            hint="pip install 'provgraph[subjects]'",
        ) from None
