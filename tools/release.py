"""Builds what a release consists of, twice, and keeps it only if both builds are the same to the byte.

python -m tools.release vectors FILE   # all vectors in one file
python -m tools.release build          # everything, from the last commit, into dist/
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VECTORS = "vectors.json"
BILL = "sbom.cdx.json"
SUMS = "SHA256SUMS"


class ReleaseError(Exception):
    """Two builds differ; the message names the files."""


def bundle(root: Path) -> bytes:
    """Return all vectors of a tree as one JSON document in ASCII, with their schema, flags and digest."""
    folder = root / "vectors" / "v1"
    manifest = json.loads((folder / "manifest.json").read_text())
    document: dict[str, Any] = {
        name: manifest[name] for name in ("edition", "digest", "count", "flags", "checks")
    }
    document["schema"] = json.loads((root / "spec" / "schemas" / "vector.schema.json").read_text())
    document["vectors"] = [json.loads((folder / name).read_text()) for name in manifest["files"]]
    return (json.dumps(document, separators=(",", ":")) + "\n").encode("ascii")


def build(root: Path, output: Path, epoch: str) -> None:
    """Build the sdist, the wheel, the vectors and the bill of materials of a tree into a folder."""
    environment = os.environ | {"SOURCE_DATE_EPOCH": epoch}
    package = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(output), str(root)]
    subprocess.run(package, check=True, env=environment, stdout=subprocess.DEVNULL)
    (output / VECTORS).write_bytes(bundle(root))
    # The bill names what the suite is tested with: `locks/grade.lock`, with the hash of every file.
    bill = [str(ROOT / ".venv-release/bin/cyclonedx-py"), "requirements", "locks/grade.lock"]
    options = [
        "--pyproject=pyproject.toml",
        "--mc-type=library",
        "--output-reproducible",
        f"--output-file={output / BILL}",
    ]
    subprocess.run([*bill, *options], check=True, cwd=root)


def digests(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file of a folder, by name."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def same(first: Path, second: Path) -> dict[str, str]:
    """Return the digests of two builds.

    Raises:
        ReleaseError: They differ.
    """
    one, other = digests(first), digests(second)
    if different := sorted(name for name in one | other if one.get(name) != other.get(name)):
        raise ReleaseError(f"two builds of the same commit differ: {', '.join(different)}")
    return one


def release(output: Path) -> None:
    """Build the last commit twice, in fresh folders, and write it with its digests.

    Raises:
        ReleaseError: The builds differ, or there are changes that no commit holds.
    """
    if _git("status", "--porcelain"):
        raise ReleaseError(
            "a release is built from the last commit, and there are changes that it lacks: commit them"
        )
    epoch = _git("log", "-1", "--format=%ct").decode().strip()
    tree = _git("archive", "--format=tar", "HEAD")
    with tempfile.TemporaryDirectory() as work:
        builds = [Path(work) / name / "dist" for name in ("first", "a second")]
        for built in builds:
            source = built.with_name("source")
            with tarfile.open(fileobj=BytesIO(tree)) as archive:
                archive.extractall(source, filter="data")
            built.mkdir()
            build(source, built, epoch)
        found = same(*builds)
        shutil.rmtree(output, ignore_errors=True)
        shutil.copytree(builds[0], output)
    (output / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in found.items()))
    print(f"Two builds of {_git('rev-parse', 'HEAD').decode()[:12]} are identical:")
    print((output / SUMS).read_text(), end="")


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


def main() -> int:
    """Run the command in the arguments."""
    try:
        if sys.argv[1:2] == ["vectors"] and len(sys.argv) == 3:
            Path(sys.argv[2]).write_bytes(bundle(ROOT))
        elif sys.argv[1:] == ["build"]:
            release(ROOT / "dist")
        else:
            print(__doc__, file=sys.stderr)
            return 4
    except ReleaseError as error:
        print(f"make release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
