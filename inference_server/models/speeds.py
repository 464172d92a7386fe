"""How long models take on this machine, as `models bench` has measured it.  Standard library only.

The figures are beside the models, in speeds.json, and hold for the memory of the GPU that was there: with another card
they count as none.
"""

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from ..shared.atomic import write_atomically

FILE = "speeds.json"


def read(folder: Path, gpu_memory: int) -> dict[str, float]:
    """Seconds that each measured model takes for what a person waits for, by its name.

    folder: the store's; gpu_memory: bytes, 0 without a GPU.  Empty where nothing was measured, or on another device.
    """
    try:
        content = json.loads((folder / FILE).read_bytes())
        seconds = {str(name): sum(map(float, passes.values())) for name, passes in content["seconds"].items()}
        return seconds if content["gpu_memory"] == gpu_memory else {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}


def write(folder: Path, gpu_memory: int, seconds: Mapping[str, Mapping[str, float]]) -> None:
    """Keep what was measured: seconds by model and by what it did.  In a store that cannot be written nothing stays."""
    content = {"gpu_memory": gpu_memory, "seconds": seconds}
    with contextlib.suppress(OSError):
        write_atomically(folder / FILE, json.dumps(content, indent=1).encode())
