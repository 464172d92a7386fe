"""pycairo, which GIMP's Python needs for the dialog: whether it is there, and how it comes to each system."""

import os
import re
from pathlib import Path

from inference_server.shared.errors import ErrorCode, UserError
from inference_server.shared.text import tr

OS_RELEASE = Path("/etc/os-release")
COMMANDS = {
    "debian": "sudo apt install python3-gi-cairo",
    "ubuntu": "sudo apt install python3-gi-cairo",
    "fedora": "sudo dnf install python3-cairo python3-gobject",
    "rhel": "sudo dnf install python3-cairo python3-gobject",
    "arch": "sudo pacman -S python-cairo",
    "suse": "sudo zypper install python3-gobject-cairo",
    "alpine": "sudo apk add py3-cairo py3-gobject3",
}


def missing() -> UserError | None:
    """The error for a GIMP whose Python has no pycairo; None where it has."""
    import gi  # which only GIMP's Python has

    try:
        gi.require_foreign("cairo")
    except ImportError:
        try:
            described = OS_RELEASE.read_text("utf-8", "replace")
        except OSError:
            described = ""
        sentence = "The dialog cannot be drawn: GIMP's Python has no pycairo."
        return UserError(ErrorCode.NO_CAIRO, sentence, remedy(described, is_appimage="APPIMAGE" in os.environ))
    return None


def remedy(os_release: str, *, is_appimage: bool) -> str:
    """How pycairo comes to a system.  os_release: the file of that name, see os-release(5)."""
    if is_appimage:
        return tr("This AppImage lacks it. Take GIMP from its own page, as a Flatpak or from your system.")
    ids = re.findall(r"^ID(?:_LIKE)?=(.*)$", os_release, re.MULTILINE)
    for name in " ".join(ids).replace('"', "").split():
        if name in COMMANDS:
            return tr("Run: {command}", command=COMMANDS[name])
    return tr("Install pycairo, with its part for GObject, for that Python.")
