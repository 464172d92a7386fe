"""Settings between two jobs: as JSON on a layer, and those last used in a file of GIMP's profile.

GIMP remembers last values too, but only of the procedure that was called; in the dialog one changes to another.
"""

import contextlib
import json
from pathlib import Path

from gi.repository import Babl, Gegl, Gimp, Gio

FILE = "inpaint-anything.json"


def as_json(settings: dict) -> str:
    return json.dumps(settings, default=_plain)


def restore(config: Gimp.ProcedureConfig, settings: dict) -> None:
    """Give config the settings (as `as_json` wrote them) it knows; what does not fit it is left as it is."""
    for name, value in settings.items():
        name = name.replace("_", "-")
        known = config.find_property(name)
        if known is None:
            continue
        kind = known.value_type.name
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            if kind == "GFile":
                value = Gio.File.new_for_uri(value) if value else None
            elif kind == "GeglColor":
                value = Gegl.Color.new(value)
            config.set_property(name, value)


def last(job: str) -> dict:
    """The settings this job was last done with; empty where there are none."""
    found = _read().get(job)
    return found if isinstance(found, dict) else {}


def keep(job: str, settings: dict) -> None:
    """Remember the settings.  A disk that takes nothing is no reason to refuse a result."""
    with contextlib.suppress(OSError):
        _file().write_text(as_json({**_read(), job: settings}), "utf-8")


def _read() -> dict:
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file() -> Path:
    return Path(Gimp.directory()) / FILE


def _plain(setting: Gio.File | Gegl.Color) -> str:
    """A setting that JSON cannot hold: a file's address, or a colour as #rrggbb."""
    if isinstance(setting, Gio.File):
        return setting.get_uri()
    return "#" + bytes(setting.get_bytes(Babl.format("R'G'B' u8")).get_data()).hex()
