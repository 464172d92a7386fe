"""The settings each job was last done with, in a file of GIMP's profile.

GIMP remembers last values too, but only of the procedure that was called; in the dialog one changes to another.
"""

import contextlib
import json
from pathlib import Path

from gi.repository import Gimp

from inference_server.shared.atomic import write_atomically
from inference_server.shared.messages import Job

from .. import job_settings
from ..job_settings import JobSettings

FILE = "inpaint-anything.json"


def last(job: Job) -> JobSettings:
    """The settings this job was last done with; the defaults where it was not done yet."""
    found = _read().get(job)
    return job_settings.from_json(job, found if isinstance(found, dict) else {})


def keep(settings: JobSettings) -> None:
    """Remember the settings.  A disk that takes nothing is no reason to refuse a result."""
    with contextlib.suppress(OSError):
        kept = {**_read(), settings.job.value: job_settings.to_json(settings)}
        write_atomically(_file(), json.dumps(kept).encode())


def _read() -> dict[str, object]:
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _file() -> Path:
    return Path(Gimp.directory()) / FILE
