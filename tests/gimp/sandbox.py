"""A real GIMP 3 on a Debian-like machine that has none: Debian's packages, unpacked into a folder of the user's cache.

Nothing is installed on the machine and no privilege is needed: apt downloads into a folder of its own, dpkg-deb
unpacks, and bubblewrap (the machine's, or else the one unpacked) shows the folder as /.  Packages' installation
scripts do not run, which is what makes it work for any user; the few caches GIMP needs are made here instead.
Standard library only.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SUITES = {"3.0": "trixie", "3.2": "sid"}
INSIDE = "INPAINT_ANYTHING_SANDBOX"  # set inside: the GIMP series of this sandbox
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# Not python3-zmq, which most machines lack: the plug-in reaches the server through a relay there.
PACKAGES = (
    *("base-files", "base-passwd", "bash", "bubblewrap", "coreutils", "dash", "findutils", "grep", "sed", "libc-bin"),
    *("gimp", "gir1.2-gimp-3.0", "python3-gi", "python3-gi-cairo", "python3-venv"),
    *("ca-certificates", "fonts-dejavu-core", "shared-mime-info", "xvfb", "xauth", "xdotool", "openbox", "x11-apps"),
)

# What the packages' installation scripts would have made.  Alternatives (BLAS, LAPACK) become library folders.
CACHES = """
set -e
lib=$(dirname "$(dirname /usr/lib/*/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders)")
printf '%s\\n' "$lib/blas" "$lib/lapack" > /etc/ld.so.conf.d/alternatives.conf
ldconfig
"$lib/glib-2.0/glib-compile-schemas" /usr/share/glib-2.0/schemas
"$lib/gdk-pixbuf-2.0/gdk-pixbuf-query-loaders" --update-cache
update-mime-database /usr/share/mime
fc-cache --force
gtk-update-icon-cache --quiet /usr/share/icons/hicolor
gtk-update-icon-cache --quiet /usr/share/icons/Adwaita || true
python3 -m compileall -q /usr/lib/python3 /usr/lib/python3.* || true
"""

SYSTEM = {
    "bin",
    "boot",
    "dev",
    "etc",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "lost+found",
    "proc",
    "run",
    "sbin",
    "sys",
    "usr",
    "var",
}
NETWORK_SETTINGS = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl", "/etc/pip.conf", "/usr/local/share/ca-certificates")


class NoSandbox(Exception):
    """This machine cannot have one; the text says why and what to do."""


class Sandbox:
    """A Debian with GIMP of one series ("3.0" or "3.2") in folder/debian-SUITE."""

    def __init__(self, folder: Path, series: str, say: Callable[[str], None] = print):
        self._folder, self._series, self._say = folder, series, say
        self.root = folder / f"debian-{SUITES[series]}"
        self._stamp = self.root / ".built-for"
        self._wanted = " ".join(PACKAGES) + CACHES

    def build(self) -> None:
        """Make it unless it is there.  Raises NoSandbox."""
        if self._stamp.is_file() and self._stamp.read_text("utf-8") == self._wanted:
            return
        for program in ("apt-get", "dpkg-deb"):
            if not shutil.which(program):
                raise NoSandbox(
                    f"There is no GIMP 3 here, and no {program} to build one from Debian's packages. Install GIMP 3."
                )
        suite = SUITES[self._series]
        self._say(
            f"There is no GIMP {self._series} on this machine. One is unpacked from Debian {suite} into {self.root};"
        )
        self._say("nothing is installed on the machine itself.")
        shutil.rmtree(self.root, ignore_errors=True)
        self.root.mkdir(parents=True)
        packages = self._download(suite)
        self._say(f"  unpacking {len(packages)} packages, about 1 GB")
        unpack = [["dpkg-deb", "--extract", str(package), str(self.root)] for package in packages]
        unpack.sort(key=lambda command: "/base-files_" not in command[2])  # its links /bin -> usr/bin come first
        _run(unpack[0])
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(_run, unpack[1:]))
        for name in ("passwd", "group"):
            shutil.copy(self.root / f"usr/share/base-passwd/{name}.master", self.root / "etc" / name)
        shutil.rmtree(self._folder / "apt")
        self._say("  making GIMP's caches")
        _run(self.command(["sh", "-c", CACHES]))
        self._stamp.write_text(self._wanted, "utf-8")

    def command(self, inside: Sequence[str]) -> list[str]:
        """The command line that runs another one inside, seeing this machine's files outside the system folders."""
        line = [
            *self._bubblewrap(),
            "--bind",
            str(self.root),
            "/",
            "--proc",
            "/proc",
            "--dev",
            "/dev",
            "--die-with-parent",
        ]
        for entry in sorted(Path("/").iterdir()):
            if entry.name not in SYSTEM and entry.is_dir() and not entry.is_symlink():
                line += ["--bind", str(entry), str(entry)]
        # Our own folders too, where they lie inside a system folder: /var/lib/ci/checkout, say.
        beside_checkout = Path(__file__).resolve().parents[3]
        for folder in (beside_checkout, Path.cwd(), Path.home(), self._folder):
            if folder.parts[1:2] and folder.parts[1] in SYSTEM:
                line += ["--bind", str(folder), str(folder)]
        for path in ("/sys", *NETWORK_SETTINGS):
            if Path(path).exists():
                line += ["--ro-bind", os.path.realpath(path), path]
        line += ["--setenv", INSIDE, self._series, "--setenv", "PATH", "/usr/local/bin:/usr/bin:/usr/sbin"]
        return [*line, "--chdir", str(Path.cwd()), "--", *inside]

    def _download(self, suite: str) -> list[Path]:
        """Debian's packages, in an apt state of our own."""
        apt = self._folder / "apt"
        archives = apt / "cache" / "archives"
        for folder in (apt / "lists" / "partial", archives / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        (apt / "status").touch()
        sources = apt / "sources.list"
        sources.write_text(f"deb [signed-by={KEYRING}] {_mirror()} {suite} main\n", "utf-8")
        settings = {
            "Dir::State": apt,
            "Dir::State::Lists": apt / "lists",
            "Dir::State::status": apt / "status",
            "Dir::Cache": apt / "cache",
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::Preferences": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "true",
            "Acquire::Check-Valid-Until": "false",  # a mirror may be a snapshot; its signature is still checked
        }
        command = ["apt-get", *(f"-o{name}={value}" for name, value in settings.items())]
        self._say("  reading Debian's list of packages, about 10 MB")
        _run([*command, "-qq", "update"])
        simulated = _run([*command, "--yes", "--download-only", "--print-uris", "install", *PACKAGES])
        size = re.search(r"Need to get ([\d.,]+ ?[kMG]?B)", simulated)
        self._say(f"  downloading {size[1] if size else '200 MB'}")
        _run([*command, "-qq", "--yes", "--download-only", "install", *PACKAGES])
        return sorted(archives.glob("*.deb"))

    def _bubblewrap(self) -> list[str]:
        """The machine's bwrap, or else the sandbox's own, started with the sandbox's own loader and libraries."""
        found = shutil.which("bwrap")
        if found:
            return [found]
        loader = next(
            loader for place in ("lib64", "lib") for loader in (self.root / "usr" / place).glob("ld-linux-*.so.*")
        )
        libraries = next((self.root / "usr" / "lib").glob("*-linux-gnu*"))
        return [str(loader), "--library-path", str(libraries), str(self.root / "usr" / "bin" / "bwrap")]


def _mirror() -> str:
    """The Debian mirror this machine uses, from its own apt sources; $DEBIAN_MIRROR is asked first."""
    chosen = os.environ.get("DEBIAN_MIRROR")
    if chosen:
        return chosen
    files: Iterable[Path] = [Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    for file in files:
        if file.suffix in (".list", ".sources") and file.is_file():
            found = re.search(
                r"^(?!\s*#).*?(\w+://\S+/debian)/?(?:\s|$)", file.read_text("utf-8", "replace"), re.MULTILINE
            )
            if found:
                return found[1]
    raise NoSandbox(
        "There is no GIMP 3 here and no Debian mirror in apt's sources. Install GIMP 3, or set DEBIAN_MIRROR."
    )


def _run(command: Sequence[str], cwd: Path | None = None) -> str:
    """Run a program quietly; raises NoSandbox with the end of what it said when it fails."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if done.returncode:
        raise NoSandbox(f"{Path(command[0]).name} failed: {done.stdout.strip()[-600:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit("This is a part of install.py: run python3 install.py demo, or test.")
