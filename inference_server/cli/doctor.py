"""What works here and what does not, a line each, for a person and for a bug report; and mending what can be mended.

A report holds nothing personal: the home folder is written as ~, and no name of a computer or of a person is in it.
"""

import importlib.metadata
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .. import __version__
from ..models import overview, packages
from ..models.catalogue import MODELS, STARTERS
from ..models.store import Store
from ..shared import client, disk, endpoint, paths, preferences
from ..shared.errors import ErrorCode, UserError
from ..shared.monitor import Monitor
from . import gimp_installs
from .progress_bar import Bar

CORE = (
    "numpy",
    "opencv-python-headless",
    "onnxruntime",
    "onnx",
    "pyzmq",
    "pyvips",
    "pyvips-binary",
    "pillow",
    "pi-heif",
)
FULL = ("torch", "segment-anything", "diffusers", "transformers", "accelerate", "peft")
BROKEN_GIMPS = ("3.0.0",)  # whose Python plug-ins do not work
LITTLE = 2 << 30  # bytes of free disk that are worth a word
LINE = 26  # characters of a finding's name
_ADDRESS = re.compile(r"tcp://[^\s:]+")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """name: what was looked at; state: what was found.  repair: mends it where it is not healthy; None where only the
    person can."""

    name: str
    state: str
    healthy: bool = True
    repair: Callable[[], None] | None = None


def findings() -> Iterator[Finding]:
    """All that is looked at."""
    yield Finding(name="Inpaint Anything", state=f"{__version__}, Python {platform.python_version()}")
    yield Finding(name="system", state=f"{platform.platform()}, {platform.machine()}")
    yield from _folder()
    for look in (_gimps, _plug_ins, _packages, _device, _models, _other_machines_server, _own_server):
        yield from look()


def report(*, anonymous: bool = False) -> int:
    """Print them; returns 1 when something the starter needs is missing.  anonymous: with nothing personal."""
    healthy = True
    for found in findings():
        healthy &= found.healthy
        print(without_names(_line(found)) if anonymous else _line(found))
    return 0 if healthy else 1


def repair() -> int:
    """Mend what can be mended, and say what cannot; returns 1 when something is left."""
    left = 0
    for found in findings():
        if found.healthy:
            continue
        print(_line(found))
        if found.repair is None:
            left += 1
            continue
        try:
            found.repair()
            print(f"{'':{LINE}}mended")
        except UserError as error:
            left += 1
            print(f"{'':{LINE}}not mended: {error}")
    print(f"{left} left to do." if left else "All is well.")
    return 1 if left else 0


def without_names(text: str) -> str:
    """Text for strangers: without the person's folder, and the addresses of other machines."""
    for folder in {str(Path.home()), os.path.realpath(Path.home())}:
        text = text.replace(folder, "~") if len(folder) > 1 else text
    return _ADDRESS.sub("tcp://(an address)", text)


def _line(found: Finding) -> str:
    return f"{'' if found.healthy else '!! '}{found.name:{LINE if found.healthy else LINE - 3}}{found.state}"


# -- what is looked at ------------------------------------------------------------------------------------------------


def _folder() -> Iterator[Finding]:
    home = paths.home()
    free = disk.free(home)
    yield Finding(name="folder", state=f"{home}, {free / 1e9:.1f} GB free", healthy=free > LITTLE)
    if home.exists() and not paths.is_private(home):
        yield Finding(name="folder", state="others can look into it", healthy=False, repair=_make_private)


def _make_private() -> None:
    paths.private_folder(paths.home())


def _gimps() -> Iterator[Finding]:
    program = gimp_installs.program()
    if program is None:
        yield Finding(name="GIMP", state="none found by its program (a Flatpak or an AppImage is not looked for)")
        return
    version = gimp_installs.version(program)
    if version in BROKEN_GIMPS:
        state = f"{version}, {program}: its Python plug-ins do not work.  Install a newer GIMP"
        yield Finding(name="GIMP", state=state, healthy=False)
    else:
        yield Finding(name="GIMP", state=f"{version}, {program}{_gimps_python(program)}")
    if missing := gimp_installs.lacks():
        yield Finding(name="GIMP", state=missing, healthy=False)


def _gimps_python(program: str) -> str:
    """Which Python a distribution's GIMP runs plug-ins with."""
    if Path(program).parent != gimp_installs.SYSTEM_PYTHON.parent or not gimp_installs.SYSTEM_PYTHON.exists():
        return ""
    asked = "import platform, importlib.util as u; print(platform.python_version(), u.find_spec('zmq') is not None)"
    done = subprocess.run([gimp_installs.SYSTEM_PYTHON, "-I", "-c", asked], capture_output=True, text=True)
    found = done.stdout.split()
    return f", Python {found[0]}, pyzmq {'there' if found[1] == 'True' else 'not there'}" if len(found) == 2 else ""


def _plug_ins() -> Iterator[Finding]:
    for profile in gimp_installs.profiles():
        place = profile / "plug-ins" / gimp_installs.PLUG_IN
        version = gimp_installs.plug_in_version(place)
        if version is None:
            yield Finding(name="plug-in", state=f"not in {profile}")
        elif version != __version__:
            state = f"{version} in {place}: of another version than the server.  Install both again"
            yield Finding(name="plug-in", state=state, healthy=False)
        else:
            yield Finding(name="plug-in", state=f"{version} in {place}")


def _packages() -> Iterator[Finding]:
    for name in CORE + FULL:
        try:
            yield Finding(name=name, state=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            needed = name in CORE
            state = "MISSING" if needed else "not installed (only the large models need it)"
            mend = partial(packages.add, [name])
            yield Finding(name=name, state=state, healthy=not needed, repair=mend if needed else None)


def _device() -> Iterator[Finding]:
    gpu = packages.nvidia_gpu()
    if gpu:
        yield Finding(name="NVIDIA's driver", state=f"{gpu[0]}, {gpu[1] / 1e9:.1f} GB, {gpu[2] / 1e9:.1f} GB free")
    device = overview.device()
    sees = device.name or "no graphics card that torch can use: the processor"
    memory = f", {device.memory / 1e9:.1f} GB" if device.memory else ""
    if gpu and not packages.missing(["torch"]) and not device.name:
        state = f"{sees}; the driver has one.  Install torch's build for it, or a newer driver"
        yield Finding(name="computed on", state=state, healthy=False)
    else:
        yield Finding(name="computed on", state=f"{sees}{memory}")


def _models() -> Iterator[Finding]:
    store = Store()
    for model in (*MODELS.values(), *store.fetched()):
        name = f"model {model.name}"
        mend = partial(_fetch, store, model.name)
        if store.missing(model.name):
            needed = model.name in STARTERS
            yield Finding(name=name, state="not installed", healthy=not needed, repair=mend if needed else None)
            continue
        try:
            store.verify(model.name, again=False)
            yield Finding(name=name, state="installed, as it should be")
        except UserError as error:
            yield Finding(name=name, state=str(error.sentence), healthy=False, repair=mend)


def _fetch(store: Store, name: str) -> None:
    with Bar(name) as bar:
        store.fetch(name, Monitor(on_progress=bar))


def _other_machines_server() -> Iterator[Finding]:
    chosen = preferences.read()
    if not chosen.address:
        return
    try:
        with client.connect_remote(chosen) as connection:
            state = f"the server at {chosen.address}, version {connection.hello().server}"
            yield Finding(name="used here", state=state)
    except UserError as error:
        yield Finding(name="used here", state=f"the server at {chosen.address}: {error}", healthy=False)


def _own_server() -> Iterator[Finding]:
    found = endpoint.running()
    if found is None:
        yield Finding(name="server", state="not running (the plug-in starts it when it needs it)")
        return
    try:
        with client.Client(found) as connection:
            welcome = connection.hello()
        yield Finding(name="server", state=f"version {welcome.server} answers, process {welcome.pid}")
    except UserError as error:
        yield Finding(name="server", state=str(error), healthy=False, repair=partial(_end, found.pid))


def _end(pid: int) -> None:
    """End this user's server that does not answer.  Raises UserError."""
    try:
        os.kill(pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
    except OSError as error:
        raise UserError(ErrorCode.SILENT, f"Process {pid} cannot be ended: {error.strerror}.") from None
