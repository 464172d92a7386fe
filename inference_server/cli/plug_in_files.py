"""The plug-in's own files, and putting them into GIMP's profiles.  Standard library only: the installer uses it."""

import compileall
import json
import shutil
import sys
from pathlib import Path

from ..shared import paths
from ..shared.errors import ErrorCode, UserError
from . import gimp_installs

PACKAGE = Path(__file__).parents[1]
IN_WHEEL = PACKAGE / "plug_in"
IN_CHECKOUT = PACKAGE.with_name("gimp_plugin")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")
RECORD = "installation.json"  # which the plug-in reads


def install() -> int:
    """Put the plug-in into every GIMP 3 profile, with this Python as its server's.  Raises UserError."""
    profiles = gimp_installs.profiles()
    if not profiles:
        raise UserError(ErrorCode.NO_GIMP, "No GIMP 3 was found.", "Install it, start it once, and run this again.")
    home = paths.private_folder(paths.home())
    for profile in profiles:
        print(f"plug-in      {put(profile, Path(sys.executable), home)}")
    if missing := gimp_installs.lacks():
        print(f"\nOne thing is left to do: {missing}.")
    print("\nDone.  Restart GIMP; the plug-in is in Filters > Inpaint Anything.")
    return 0


def put(profile: Path, python: Path, home: Path) -> Path:
    """Copy the plug-in into a profile; returns its folder.

    python: the server's; home: its private folder.  Raises UserError where this installation has no plug-in.
    """
    place = profile / "plug-ins" / gimp_installs.PLUG_IN
    _source()  # or what is there would be lost for nothing
    shutil.rmtree(place, ignore_errors=True)
    copy(place)
    (place / RECORD).write_text(json.dumps({"python": str(python), "home": str(home)}), "utf-8")
    compileall.compile_dir(place, quiet=1)  # where GIMP's Python is this one, it need not do so at each start
    return place


def copy(place: Path) -> None:
    """Copy the plug-in and the folder that it shares with the server.

    Raises UserError where this installation has no plug-in.
    """
    shutil.copytree(_source(), place, ignore=IGNORED)
    shutil.copytree(PACKAGE / "shared", place / "inference_server/shared", ignore=IGNORED)
    shutil.copy(PACKAGE / "__init__.py", place / "inference_server")
    program = place / f"{gimp_installs.PLUG_IN}.py"
    program.chmod(0o755)
    program.touch()  # GIMP asks a plug-in anew what it offers where this file has another time than before


def _source() -> Path:
    """Where the plug-in's files are.  Raises UserError."""
    for folder in (IN_WHEEL, IN_CHECKOUT):
        if (folder / f"{gimp_installs.PLUG_IN}.py").is_file():
            return folder
    sentence = "The plug-in's files are not in this installation."
    raise UserError(ErrorCode.FAILED, sentence, "Install the wheel of a release, or run install.py in a checkout.")
