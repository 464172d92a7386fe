"""Where an exception was raised, for the log.  Standard library only."""

import traceback
from pathlib import Path

MOST = 6


def of(error: Exception) -> str:
    """The kind of an exception and where it was raised, the innermost place first.

    Not its text, which may hold a prompt, or the name of a file.
    """
    found = traceback.extract_tb(error.__traceback__)[-MOST:]
    where = " < ".join(f"{Path(place.filename).name}:{place.lineno}" for place in reversed(found))
    return f"{type(error).__name__} at {where}"
