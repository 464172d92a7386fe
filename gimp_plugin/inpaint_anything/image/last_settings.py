"""The settings each job was last done with, and how the dialog was, in a file of GIMP's profile.

GIMP remembers last values too, but only of the procedure that was called; in the dialog one changes to another.
"""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from gi.repository import Gimp

from inference_server.shared.atomic import write_atomically
from inference_server.shared.geometry import Size
from inference_server.shared.messages import Job

from .. import expand_settings, job_settings
from ..expand_settings import ExpandSettings
from ..job_settings import JobSettings

FILE = "inpaint-anything.json"
WINDOW, SECONDS, PROMPTS = "window", "seconds", "prompts"
MOST_PROMPTS = 20  # of a job


def last(job: Job) -> JobSettings:
    """The settings this job was last done with; the defaults where it was not done yet."""
    found = _read().get(job)
    return job_settings.from_json(job, found if isinstance(found, dict) else {})


def keep(settings: JobSettings) -> None:
    """Remember the settings, and what a model was told."""
    _keep(settings.job.value, job_settings.to_json(settings))
    if settings.paints:
        _keep_prompt(settings.job.value, settings.prompt)


def last_expansion() -> ExpandSettings:
    """The settings a photo was last expanded with; the defaults where none was yet."""
    found = _read().get(expand_settings.NAME)
    return expand_settings.from_json(found if isinstance(found, dict) else {})


def keep_expansion(settings: ExpandSettings) -> None:
    """Remember the settings, and what a model was told."""
    _keep(expand_settings.NAME, expand_settings.to_json(settings))
    if settings.job_settings.paints:
        _keep_prompt(expand_settings.NAME, settings.prompt)


def prompts(job: str) -> list[str]:
    """What models were told for a job, a key of `arguments.ARGUMENTS`, each once, the latest first."""
    found = _all_prompts().get(job)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def window_size() -> Size | None:
    """The dialog's width and height when it was last closed, in logical pixels; None where that is not known."""
    match _read().get(WINDOW):
        case {"size": [int(width), int(height)]}:
            return width, height
    return None


def shows_more() -> bool:
    """Whether the dialog showed the settings then that one seldom changes."""
    match _read().get(WINDOW):
        case {"more": bool(more)}:
            return more
    return False


def tint() -> tuple[float, ...] | None:
    """The red, green, blue and opacity, 0 to 1, of what covered a photo then; None where that is not known."""
    match _read().get(WINDOW):
        case {"tint": [int() | float(), int() | float(), int() | float(), int() | float()] as values}:
            return tuple(min(1.0, max(0.0, float(value))) for value in values)
    return None


def keep_window(size: Size, tint: Sequence[float], *, shows_more: bool) -> None:
    """Remember the dialog's size, its `tint`, and whether it shows the settings that one seldom changes."""
    _keep(WINDOW, {"size": size, "tint": [round(value, 3) for value in tint], "more": shows_more})


def seconds_of(work: str) -> float | None:
    """How long a result of this kind of work took the last time; None where that is not known."""
    seconds = _all_seconds().get(work)
    return float(seconds) if isinstance(seconds, int | float) else None


def keep_seconds(work: str, seconds: float) -> None:
    """Remember how long a result of this kind of work took."""
    _keep(SECONDS, {**_all_seconds(), work: round(seconds, 1)})


def _all_seconds() -> dict[str, object]:
    found = _read().get(SECONDS)
    return found if isinstance(found, dict) else {}


def _keep_prompt(job: str, prompt: str) -> None:
    prompt = prompt.strip()
    if prompt:
        others = [text for text in prompts(job) if text != prompt]
        _keep(PROMPTS, {**_all_prompts(), job: [prompt, *others][:MOST_PROMPTS]})


def _all_prompts() -> dict[str, object]:
    found = _read().get(PROMPTS)
    return found if isinstance(found, dict) else {}


def _keep(name: str, value: object) -> None:
    """Remember something.  A disk that takes nothing is no reason to refuse a result."""
    with contextlib.suppress(OSError):
        write_atomically(_file(), json.dumps({**_read(), name: value}).encode())


def _read() -> dict[str, object]:
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file() -> Path:
    return Path(Gimp.directory()) / FILE
