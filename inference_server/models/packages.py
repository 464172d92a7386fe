"""The Python packages that models need beyond those that are always installed: which lack, and installing them.

Standard library only: install.py uses it too.
"""

import functools
import importlib
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterable, Sequence
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..shared import disk, paths
from ..shared.command_lines import run, this_python
from ..shared.errors import ErrorCode, UserError
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.network import NetworkError, open_url
from ..shared.text import Translatable, tr

EXTRA = "full"  # the packages in question, as pyproject.toml calls them
EXTRAS = (EXTRA, "edgetam")  # the same, with those that one model alone needs
TORCH_INDEX = "https://download.pytorch.org/whl/"  # PyTorch's own builds, for CPU or one GPU maker
# Bytes to download, about: torch with all it brings for a GPU of this maker, "" for none; and all others together.
TORCH_BYTES = {"nvidia": 2_700_000_000, "amd": 5_000_000_000, "": 200_000_000}
OTHER_BYTES = 30_000_000
ROOM = 3  # times the bytes to download: the archives, and what is in them
POLL = 0.2  # seconds between two looks at what the installer says
LOG = "packages.log"  # in the private folder: what the installer has said last

# What pip says, and uv too where they are alike.
_DOWNLOADING = re.compile(r"\s*Downloading (\S+?)(?:-\d\S*)? \((.+)\)")
_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")  # pip alone, with `--progress-bar raw`
_INSTALLING = re.compile(r"Installing collected packages|Prepared \d+ package")


def missing(packages: Iterable[str]) -> list[str]:
    """Those of the packages, by the names they are imported by, that this Python does not have."""
    return [package for package in packages if find_spec(package) is None]


def demand(packages: Iterable[str], model: str) -> None:
    """Raise the UserError that says how to get the packages that a model of this name needs, if some are missing."""
    lacking = missing(packages)
    if lacking:
        raise UserError(
            ErrorCode.NO_MODEL,
            tr(
                "{model} needs packages that the server's Python does not have: {packages}.",
                model=model,
                packages=", ".join(lacking),
            ),
            install_command(lacking),
        )


def install_command(packages: Iterable[str]) -> Translatable:
    """The remedy: the command that installs packages into this Python."""
    return run(f"{this_python()} -m pip install {' '.join(packages)}")


def download_size(packages: Iterable[str]) -> int:
    """Bytes to download for packages, about."""
    wanted = set(packages)
    return ("torch" in wanted) * TORCH_BYTES[gpu_maker()] + bool(wanted - {"torch"}) * OTHER_BYTES


# -- torch's builds ---------------------------------------------------------------------------------------------------


class TorchBuild(NamedTuple):
    """A build of torch.  name: as its index calls it; "" for the usual one.  arguments: what pip takes it by."""

    name: str
    arguments: tuple[str, ...]


@functools.cache
def gpu_maker() -> str:
    """Whose GPU torch can compute on here once it is installed: "nvidia", "amd", or "" for none."""
    if sys.platform != "darwin" and nvidia_gpu():
        return "nvidia"
    return "amd" if sys.platform == "linux" and shutil.which("rocminfo") else ""


def nvidia_gpu() -> tuple[str, int, int] | None:
    """What NVIDIA's driver says of the first GPU: its name, its memory and what is free of it in bytes.  None without
    one."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(query, capture_output=True, text=True, timeout=15, check=True).stdout.splitlines()
        name, total, free = (value.strip() for value in lines[0].rsplit(",", 2))
        return name, int(total) << 20, int(free) << 20
    except (OSError, ValueError, LookupError, subprocess.SubprocessError):
        return None


def torch_build(monitor: Monitor = UNWATCHED) -> TorchBuild:
    """The torch that fits this machine's GPU, or the small one where there is none.

    torchvision must be of torch's own build, so it is asked for only where both come from one place.
    """
    maker, torchvision = gpu_maker(), requirements(["torchvision"])
    if sys.platform == "darwin" or (maker == "nvidia" and sys.platform == "linux"):
        return TorchBuild("", (*torchvision,))  # the usual build has Metal, or CUDA, in it
    name = {"nvidia": "cu128", "amd": "rocm6.4", "": "cpu"}[maker]
    try:
        open_url(f"{TORCH_INDEX}{name}/torch/", monitor).close()
    except NetworkError:
        return TorchBuild("", (*torchvision,))  # which is larger, and fits any machine
    return TorchBuild(name, ("--extra-index-url", TORCH_INDEX + name, *torchvision))


# -- installing -------------------------------------------------------------------------------------------------------


def install(packages: Sequence[str], monitor: Monitor = UNWATCHED) -> None:
    """Install packages, by the names they are imported by, into the Python that runs now, and let it see them.

    Cancelled while it downloads, nothing has changed, and what has come as a whole need not come again.  Once it
    installs, it goes on to the end, whatever happens here: half a package would look like one.  Raises UserError.
    """
    size = download_size(packages)
    names = ", ".join(packages)
    monitor.report(0.0, tr("Looking for {packages}", packages=names))
    disk.check_space(Path(sys.prefix), ROOM * size)
    build = torch_build(monitor).arguments if "torch" in packages else ()
    _wait_for_former(monitor)
    said = _run([*_installer(), *build, *requirements(packages)], size, monitor)
    importlib.invalidate_caches()
    if said is not None or missing(packages):
        raise _failed(names, said or "")


def add(names: Sequence[str]) -> None:
    """Install packages that this project needs always, by the names they are published under.  Raises UserError."""
    said = _run([*_installer(), *requirements(names, extras=("",))], OTHER_BYTES, UNWATCHED)
    if said is not None:
        raise _failed(", ".join(names), said)


def downloading(line: str) -> tuple[str, str] | None:
    """The package that an installer begins to download with this line, and its size in words; None for other lines."""
    found = _DOWNLOADING.match(line)
    return (found[1], found[2]) if found else None


def requirements(packages: Iterable[str], extras: Sequence[str] = EXTRAS) -> list[str]:
    """What an installer is to be told for packages, with the versions that this project is tested with.

    extras: of the project, which they belong to; "" for what it needs always.
    """
    wanted = [package.replace("_", "-") for package in packages]
    lines = (line for extra in extras for line in _declared(extra))
    declared = {re.split(r"[<>=!~ ]", line, maxsplit=1)[0]: line for line in lines}
    return [declared.get(name, name) for name in wanted]


def _declared(extra: str) -> list[str]:
    """The packages of an extra, or with "" what is always needed: of this checkout, or of the installed project."""
    file = Path(__file__).parents[2] / "pyproject.toml"
    if file.is_file():
        project = tomllib.loads(file.read_text("utf-8"))["project"]
        declared = project["optional-dependencies"][extra] if extra else project["dependencies"]
        return [line.partition(";")[0].strip() for line in declared]
    lines = metadata.requires("inference_server") or []
    wanted = rf".*;.*extra\s*==\s*.{extra}." if extra else r"[^;]*"
    return [line.partition(";")[0].strip() for line in lines if re.fullmatch(wanted, line)]


def _installer() -> list[str]:
    """The command that installs into this Python's environment: pip, or uv where the environment has no pip."""
    if find_spec("pip"):
        version = [int(part) for part in re.findall(r"\d+", metadata.version("pip"))[:2]]
        bar = "raw" if version >= [24, 1] else "off"
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", bar]
    uv = shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)
    if uv is None:
        raise UserError(
            ErrorCode.PIP,
            "The server's Python has neither pip nor uv, so nothing can be installed into it.",
            "Run install.py again.",
        )
    # As pip does it: the best version that any of the indexes has.
    return [uv, "pip", "install", "--python", sys.executable, "--index-strategy", "unsafe-best-match"]


class _Said:
    """What the installer has said so far.  installing: whether it has everything and changes the environment now."""

    def __init__(self, size: int) -> None:
        self.installing = False
        self.message: Translatable = tr("Looking what is needed")
        self.last: list[str] = []
        self._size, self._before, self._now = size, 0, 0

    @property
    def share(self) -> float:
        """How much of the work is done, about."""
        return 0.95 if self.installing else min(0.9, (self._before + self._now) / max(self._size, 1))

    def read(self, line: str) -> None:
        """Take note of one line."""
        if progress := _PROGRESS.match(line):
            self._now = int(progress[1])
            return
        if line.strip():
            self.last = [*self.last[-8:], line.rstrip()]
        if found := downloading(line):
            self._before, self._now = self._before + self._now, 0
            self.message = tr("Downloading {file}, {size}", file=found[0], size=found[1])
        elif _INSTALLING.match(line):
            self.installing = True
            self.message = tr("Installing what has come")


def _run(command: Sequence[str], size: int, monitor: Monitor) -> str | None:
    """Run an installer to its end: None, or its last words where it fails.  Raises UserError when cancelled.

    What it says goes into a file, not through a pipe: it must go on where this process ends.
    """
    log = paths.private_folder(paths.home()) / LOG
    with log.open("wb") as output, log.open(encoding="utf-8", errors="replace") as lines:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, start_new_session=True
        )
        said, rest = _Said(size), ""
        try:
            ended = False
            while not ended:
                ended = process.poll() is not None  # before reading: what it says last must not be missed
                *whole, rest = (rest + lines.read()).split("\n")
                for line in whole:
                    said.read(line)
                monitor.report(said.share, said.message)
                if not ended:
                    time.sleep(POLL)
        finally:
            if process.poll() is None and said.installing:
                _going_on.append(process)
            elif process.poll() is None:
                process.terminate()
                process.wait()
    return None if process.returncode == 0 else "\n".join(said.last)


_going_on: list["subprocess.Popen[bytes]"] = []  # installers whose request was cancelled too late to end them


def _wait_for_former(monitor: Monitor) -> None:
    """Wait until an installer that goes on has ended.  Raises UserError when cancelled."""
    while _going_on:
        monitor.report(0.0, tr("Installing what has come"))
        if _going_on[-1].poll() is None:
            time.sleep(POLL)
        else:
            _going_on.pop()


def _failed(names: str, said: str) -> UserError:
    return UserError(
        ErrorCode.PIP,
        tr("{packages} could not be installed.", packages=names),
        tr(
            "Check the network and the disk, and try again. What the installer said is in {file}: {said}",
            file=paths.home() / LOG,
            said=said.replace("\n", " "),
        ),
    )
