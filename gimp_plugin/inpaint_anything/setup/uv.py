"""uv, which makes environments and installs packages: finding it, or bringing one version of it.

It comes as a wheel of the package index, one for each platform, whose digest is known.
"""

import platform
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from inference_server.shared import processes
from inference_server.shared.errors import ErrorCode, UserError, file_error
from inference_server.shared.monitor import Monitor
from inference_server.shared.network import NetworkError, digest, from_url
from inference_server.shared.text import tr

VERSION = "0.13.9"
# Where the package index has its files: install.py has asked pip when it made this plug-in.
INDEX = Path(__file__).parents[2] / "wheel" / "index"
PROGRAM = "uv.exe" if sys.platform == "win32" else "uv"
OLDEST = (0, 7)  # that knows all the options that are used here


@dataclass(frozen=True)
class Wheel:
    """Where it is among the files of the package index, its bytes and its SHA-256."""

    path: str
    size: int
    sha256: str


WHEELS = {
    ("linux", "x86_64"): Wheel(
        "3d/aa/26d64642d808de4a652579ef950d7cd2d37f080a8babf9c67c6b75fc4c3f/"
        "uv-0.13.9-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        17606939,
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    ("linux", "aarch64"): Wheel(
        "57/15/94b6cd62ac3ff6550288328e8035288875197cbc183f51554b266a69877b/"
        "uv-0.13.9-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl",
        18026789,
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
    ("darwin", "x86_64"): Wheel(
        "1e/db/08e9ef4879bd667e6d7b4705e594e5bd3e4585f10fc63cb16b9fa2fac63e/uv-0.13.9-py3-none-macosx_10_12_x86_64.whl",
        17529974,
        "c16ed11e013557536b3e60065f1b912f6407bd6518e041b961e23ef9e6b4fbf5",
    ),
    ("darwin", "arm64"): Wheel(
        "f3/a7/a8d7b074798c7fb3b26b37584b8fe2e29df2ccdc24ce7902caab2a53edbf/uv-0.13.9-py3-none-macosx_11_0_arm64.whl",
        14660755,
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
    ("win32", "amd64"): Wheel(
        "dd/ef/ceeabf3631117f7354787d9fb1ffe943899e59ed4b887a696ed547e47e76/uv-0.13.9-py3-none-win_amd64.whl",
        15662317,
        "6a44b2ed8111d2f60d2b92627c5dccda3f7ed7570b18ce115e569cd68c28246b",
    ),
    ("win32", "arm64"): Wheel(
        "da/d1/d97a5db1f27e077e4d6329223f6b3f719c02c97e4092043f13e628558d05/uv-0.13.9-py3-none-win_arm64.whl",
        15841844,
        "eeb92051c2123b9730c46b04cc843cfa4bc7d7b0aec56df431a2215ef4cb0273",
    ),
}


def wheel() -> Wheel:
    """The one for this machine.  Raises UserError where there is none."""
    found = WHEELS.get((sys.platform, platform.machine().lower()))
    if found is None:
        raise UserError(
            ErrorCode.NO_VENV,
            tr("There is no installer for this kind of computer ({machine}).", machine=platform.machine()),
            "Install the program uv by hand, and try again.",
        )
    return found


def find(*folders: Path) -> Path | None:
    """uv: one that was brought into one of the folders, else the machine's own where that is new enough."""
    for folder in folders:
        if (folder / PROGRAM).is_file():
            return folder / PROGRAM
    found = shutil.which("uv")
    return Path(found) if found and _version(found) >= OLDEST else None


def _version(program: str) -> tuple[int, ...]:
    """Of a uv; () where it does not say."""
    try:
        said = processes.run([program, "--version"]).stdout.decode()
        return tuple(int(part) for part in said.split()[1].split(".")[:2])
    except (OSError, ValueError, IndexError):
        return ()


def recorded_index() -> str:
    """Where the package index has its files.  Raises OSError."""
    return INDEX.read_text("utf-8").strip()


def bring(folder: Path, index: Callable[[], str], monitor: Monitor, on_bytes: Callable[[int], None]) -> Path:
    """Download uv into a folder, going on where that stopped; returns its path.

    index(): where the package index has its files, as `recorded_index`.  on_bytes(count): called with what has come.
    Raises UserError, also when cancelled.
    """
    wanted = wheel()
    part = folder / f"{Path(wanted.path).name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        address = index() + wanted.path
        for _ in range(2):  # what an earlier version left, or a broken proxy made, may be something else
            from_url(address, part, wanted.size, on_bytes, monitor)
            if digest(part, monitor=monitor) == wanted.sha256:
                return _unpacked(part, folder)
            part.unlink()
    except NetworkError as error:
        sentence = tr("The installer could not be downloaded: {error}.", error=error)
        raise UserError(ErrorCode.NO_NETWORK, sentence, "Check the network and try again.") from None
    except OSError as error:
        raise file_error(error.filename or folder, error) from None
    raise UserError(
        ErrorCode.NO_NETWORK,
        "What was downloaded is not what was asked for.",
        "Something in the network changes downloads. Try again in another network.",
    )


def _unpacked(archive: Path, folder: Path) -> Path:
    """Take the program out of its wheel, which is then removed.  Raises OSError."""
    target = folder / PROGRAM
    unfinished = target.with_name(f"{PROGRAM}.part")
    with zipfile.ZipFile(archive) as opened:
        inside = next(name for name in opened.namelist() if name.endswith(f"/scripts/{PROGRAM}"))
        with opened.open(inside) as source, unfinished.open("wb") as out:
            shutil.copyfileobj(source, out)
    unfinished.chmod(0o755)
    unfinished.replace(target)
    archive.unlink()
    return target
