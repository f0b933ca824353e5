"""Fetch what the web explorer's page uses of others: `python tools/vendor_web.py [--check]`.

Reads `provgraph/web/vendor/vendored.json`, packs each package with npm at its pinned version, compares
npm's integrity, and copies the files. `--check` only compares the files here with their checksums.
For another version, change it in the file, empty its `integrity`, and run this: it fills in the rest.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).resolve().parents[1] / "provgraph" / "web" / "vendor"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    listed: list[dict[str, Any]] = json.loads((VENDOR / "vendored.json").read_text())
    if asked.check:
        wrong = [name for package in listed for name in differing(package)]
        print("\n".join(f"{name}: not as vendored.json says" for name in wrong) or "as listed")
        return bool(wrong)
    for package in listed:
        fetch(package)
    (VENDOR / "vendored.json").write_text(json.dumps(listed, indent=2) + "\n")
    return 0


def differing(package: dict[str, Any]) -> list[str]:
    return [
        name
        for name, file in package["files"].items()
        if not (VENDOR / name).is_file() or sha256((VENDOR / name).read_bytes()) != file["sha256"]
    ]


def fetch(package: dict[str, Any]) -> None:
    wanted = f"{package['package']}@{package['version']}"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["npm", "pack", "--silent", wanted],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        archive = Path(folder, done.stdout.strip().splitlines()[-1])
        raw = archive.read_bytes()
        integrity = "sha512-" + base64.b64encode(hashlib.sha512(raw).digest()).decode()
        if package["integrity"] not in ("", integrity):
            sys.exit(f"{wanted}: npm gives another package than before")
        package["integrity"] = integrity
        with tarfile.open(archive) as tar:
            for name, file in package["files"].items():
                member = tar.extractfile(f"package/{file['from']}")
                assert member is not None, (wanted, file["from"])
                content = member.read()
                file["sha256"] = sha256(content)
                target = VENDOR / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    print(wanted)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
