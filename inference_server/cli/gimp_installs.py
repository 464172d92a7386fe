"""Which GIMP 3 this machine has and where its profiles are.  Standard library only: the installer uses it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

PLUG_IN = "inpaint-anything"
PROGRAMS = (
    *("gimp-console-3.2", "gimp-console-3.0", "gimp-console-3", "gimp-console"),
    "/Applications/GIMP.app/Contents/MacOS/gimp-console",
    r"C:\Program Files\GIMP 3\bin\gimp-console-3.exe",
)
SYSTEM_PYTHON = Path("/usr/bin/python3")


def program() -> str | None:
    """The GIMP 3 that runs without windows, if this machine has one."""
    found = (shutil.which(name) for name in PROGRAMS)
    return next((path for path in found if path and series(path).startswith("3.")), None)


def series(gimp: str) -> str:
    """ "3.0" of a GIMP 3.0.4; empty where it does not say."""
    return version(gimp).rpartition(".")[0]


def version(gimp: str) -> str:
    """ "3.0.4"; empty where it does not say."""
    answer = subprocess.run([gimp, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"\d+\.\d+\.\d+", answer)
    return found[0] if found else ""


def plug_in_version(place: Path) -> str | None:
    """Of the plug-in in this folder; None where there is none."""
    try:
        found = re.search(r'^__version__ = "(.+)"', (place / "inference_server/__init__.py").read_text("utf-8"), re.M)
    except OSError:
        return None
    return found[1] if found else None


def lacks() -> str:
    """What the dialog needs and the Python of this machine's GIMP lacks, as a sentence; empty where nothing is known.

    Distributions run plug-ins with the machine's own Python; a GIMP from elsewhere brings a Python with all of it.
    """
    if Path(program() or "").parent != SYSTEM_PYTHON.parent or not SYSTEM_PYTHON.exists():
        return ""
    asked = subprocess.run([SYSTEM_PYTHON, "-c", "import gi; gi.require_foreign('cairo')"], capture_output=True)
    return "the dialog needs pycairo (Debian and Ubuntu: sudo apt install python3-gi-cairo)" if asked.returncode else ""


def profiles() -> list[Path]:
    """The profile folders of every GIMP 3 this user has started, or would get from the GIMP 3 on the path.

    $GIMP3_DIRECTORY, which GIMP itself obeys, names the only one.
    """
    own = os.environ.get("GIMP3_DIRECTORY")
    if own:
        return [Path(own)]
    user, roaming = Path.home(), os.environ.get("APPDATA")
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or user / ".config")
    bases = [
        configuration / "GIMP",
        user / ".var/app/org.gimp.GIMP/config/GIMP",  # Flatpak
        user / "Library/Application Support/GIMP",
        *([Path(roaming) / "GIMP"] if roaming else []),
    ]
    found = [profile for base in bases for profile in sorted(base.glob("3.*")) if profile.is_dir()]
    gimp = None if found else program()
    return [configuration / "GIMP" / series(gimp)] if gimp else found
