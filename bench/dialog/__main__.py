"""How soon the dialog shows what was clicked, beside the bare decoder, in one run; and whether its window ever stalls.

python bench/dialog         in the environment that `install.py bench` makes: it needs a GIMP 3 and Xvfb
"""

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "tests" / "gimp"), str(HERE.parent)]

from published_decoder import STARTER, published_decoder
from running import run_in_gimp

from inference_server.imaging.pixels import to_proxy
from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared import paths

LIMIT = 1.5  # times the bare decoder
FRAMES_A_SECOND = 60  # of the screen: each movement comes right after a frame, and is seen in the next at the soonest
LATE = 1.5  # frames later, a frame was left out
SIZES = ((640, 427), (6000, 4000))
ROUNDS = 9


def main() -> int:
    if not shutil.which("Xvfb"):
        print("left out: there is no Xvfb")
        return 0
    read, write = os.pipe()
    screen = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x860x24"]
    with (
        tempfile.TemporaryDirectory() as scratch,
        subprocess.Popen(screen, pass_fds=[write], stderr=subprocess.DEVNULL) as display,
    ):
        os.environ["DISPLAY"] = f":{os.read(read, 20).decode().strip()}"
        home = paths.private_folder(Path(scratch) / "home")
        (home / "models").symlink_to(paths.home() / "models")
        os.environ[paths.HOME_VARIABLE] = str(home)
        try:
            for width, height in SIZES:
                measure(Path(scratch), width, height)
        finally:
            subprocess.run([sys.executable, "-m", "inference_server", "stop"], capture_output=True)
            display.kill()
    return 0


def measure(scratch: Path, width: int, height: int) -> None:
    photo = cv2.imread(os.environ["INPAINT_ANYTHING_PHOTO"])
    picture = cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC)
    file = scratch / "photo.png"
    cv2.imwrite(str(file), picture, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    points = [(width * (0.2 + 0.07 * k), height * (0.35 + 0.04 * k)) for k in range(ROUNDS)]
    seen = run_in_gimp(HERE / "in_gimp.py", seconds=600, photo=str(file), points=points)
    bare = statistics.median(decoder(np.ascontiguousarray(picture[..., ::-1])))
    print(f"dialog, photo {width} x {height}, {ROUNDS} clicks, median (worst)")
    print(f"  bare decoder             {1000 * bare:.0f} ms")
    for name, what in (
        ("first", "click to overlay"),
        ("hovered", "  after hovering there"),
        ("final", "  with colours and edge"),
    ):
        times = seen[name]
        print(f"  {what:24} {1000 * statistics.median(times):.0f} ms ({1000 * max(times):.0f})", end="")
        print(f" = {statistics.median(times) / bare:.2f} x bare" + (f" (limit {LIMIT})" if name == "first" else ""))
    frames = seen["strokes"]
    late = sum(took > LATE / FRAMES_A_SECOND for took in frames)
    print(f"  brush to frame           {1000 * statistics.median(frames):.0f} ms ({1000 * max(frames):.0f})", end="")
    print(f", {late} of {len(frames)} missed the next of {FRAMES_A_SECOND} frames a second (limit 0)")
    stalls = seen["stalls"]
    longest = f", the longest {1000 * max(stalls):.0f} ms" if stalls else ""
    print(f"  stalls over 50 ms        {len(stalls)}{longest} (limit 0)")
    print(f"  opened and looked at     {seen['ready']:.1f} s, the server's start included the first time")


def decoder(picture: np.ndarray) -> list[float]:
    """Seconds of the starter's decoder alone, for one click."""
    store, seconds = Store(), []
    decode = published_decoder(store, segmenters.load(store, STARTER).encode(to_proxy(picture)))
    for k in range(2 * ROUNDS):
        begun = time.monotonic()
        decode(200.0 + 9 * k, 200.0)
        seconds.append(time.monotonic() - begun)
    return seconds[ROUNDS:]


if __name__ == "__main__":
    sys.exit(main())
