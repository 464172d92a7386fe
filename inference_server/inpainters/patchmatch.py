"""The starter inpainter: PatchMatch, no weights (Barnes et al. 2009, "PatchMatch", with the multi-scale voting of
Wexler et al. 2007, "Space-Time Completion of Video", as the package pypatchmatch has it).

The package's one C call can take a minute and cannot be interrupted.  So it runs in a process of its own, this file
run as a program, that is ended on Cancel; the pixels go through pipes, never through a file.
"""

import contextlib
import io
import re
import subprocess
import sys
import threading
from collections.abc import Callable

import cv2
import numpy as np

from .. import region
from ..errors import UserError, stop_if

PATCH_RADIUS = 3
POLL_SECONDS = 0.05


def inpaint(
    source: np.ndarray,
    hole: np.ndarray,
    seed: int,
    progress: Callable[[float, str], None],
    cancelled: Callable[[], bool],
) -> np.ndarray:
    """See the package.  Works in 8 bits and brings the result back to the source's depth (`region.from_uint8`)."""
    # Values above 1 (a photo with headroom) are brought into range for the search and out of it afterwards.
    peak = max(1.0, float(np.nanmax(source[..., :3], initial=1.0))) if source.dtype == np.float32 else 1.0
    rgb = region.to_uint8(source[..., :3] / np.float32(peak) if peak > 1 else source[..., :3])
    # What cannot be seen must not be copied from; and should nothing else be there, it does not matter.
    unseen = source[..., 3] == 0 if source.shape[2] == 4 else np.zeros(hole.shape, bool)
    if (unseen | hole).all():
        unseen = np.zeros(hole.shape, bool)
    filled = _run_apart(rgb, hole, unseen & ~hole, seed, progress, cancelled)
    result = source.copy()
    new = region.from_uint8(filled, source.dtype)[hole]
    result[hole, :3] = new * np.float32(peak) if peak > 1 else new
    if source.shape[2] == 4 and (source[..., 3] != source[0, 0, 3]).any():
        coverage = cv2.inpaint(region.to_uint8(source[..., 3]), hole.astype(np.uint8), 3, cv2.INPAINT_TELEA)
        result[hole, 3] = region.from_uint8(coverage, source.dtype)[hole]
    return result


def _run_apart(rgb, hole, unseen, seed, progress, cancelled) -> np.ndarray:
    """pypatchmatch in a process of its own; raises UserError when cancelled or when it dies."""
    question = io.BytesIO()
    np.savez(question, rgb=rgb, hole=hole, unseen=unseen, seed=seed)
    process = subprocess.Popen(
        [sys.executable, "-m", __name__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    answer: list[bytes] = []
    share = [0.0]
    helpers = [
        threading.Thread(target=_follow, args=(process.stderr, share), daemon=True),
        threading.Thread(target=_converse, args=(process, question.getbuffer(), answer), daemon=True),
    ]
    for helper in helpers:
        helper.start()
    try:
        while helpers[1].is_alive():
            stop_if(cancelled)
            progress(share[0], "Removing the object")
            helpers[1].join(POLL_SECONDS)
    finally:
        process.kill()
        process.wait()
    if not answer or len(answer[0]) != rgb.size:
        raise UserError(
            "internal",
            "The inpainter stopped before it was done.",
            "There may be too little memory for a picture of this size; try a smaller object.",
        )
    return np.frombuffer(answer[0], np.uint8).reshape(rgb.shape)


def _converse(process: subprocess.Popen[bytes], question: memoryview, answer: list[bytes]) -> None:
    assert process.stdin and process.stdout
    # It may die or be ended at any point; the caller sees that there is no answer.
    with contextlib.suppress(OSError):
        process.stdin.write(question)
        process.stdin.close()
        answer.append(process.stdout.read())


def _follow(lines, share: list[float]) -> None:
    """Turn the library's account of itself into a share of the work.

    It goes through the levels of an image pyramid from coarse to fine, 2 L + 1 rounds at level L, a round at level L
    costing a quarter of one at level L - 1.
    """
    level, total, done = 0, 0.0, 0.0
    for line in lines:
        if found := re.match(rb"Inpainting level: (\d+)", line):
            level = int(found[1])
            total = total or sum((2 * k + 1) / 4**k for k in range(level + 1))
        elif line.startswith(b"EM Iteration") and total:
            share[0] = min(done / total, 1.0)
            done += 1 / 4**level


def _main() -> None:
    import patchmatch

    question = np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False)
    patchmatch.set_verbose(True)
    patchmatch.set_random_seed(int(question["seed"]) % 2**32)
    unseen = question["unseen"]
    filled = patchmatch.inpaint(
        question["rgb"], question["hole"], global_mask=unseen if unseen.any() else None, patch_size=PATCH_RADIUS
    )
    sys.stdout.buffer.write(filled.tobytes())


if __name__ == "__main__":
    _main()
