"""Measure what is published about this program, in one run.  Started by `install.py bench`.

what an object of 600 pixels in a photo of 24 megapixels costs, from GIMP's procedure and back:
    bytes over the wire, and the time that is not the models'
what a server costs before it has work: seconds to its first hello, memory
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "gimp"))

from running import run_in_gimp

from inference_server.engine import Engine
from inference_server.remove import removal
from inference_server.select import edges, grabcut
from inference_server.select.segmenters.onnx_pair import OnnxPair
from inference_server.serve import dispatch
from inference_server.shared import client, endpoint, paths
from inference_server.shared.geometry import proxy_size
from inference_server.shared.messages import (
    Depth,
    ImageRef,
    Inpaint,
    Job,
    Locate,
    ObjectPrompt,
    Target,
    image_key,
)
from inference_server.shared.monitor import UNWATCHED
from inference_server.shared.wire import attach

ROUNDS = 5
SERVE = [sys.executable, "-m", "inference_server", "serve"]


def main() -> int:
    with tempfile.TemporaryDirectory() as scratch:
        os.environ[paths.HOME_VARIABLE] = str(fresh_home(Path(scratch)))
        server_start()
        from_gimp(Path(scratch))
        stop()
        print("selecting", flush=True)
        status = subprocess.run([sys.executable, HERE / "select"]).returncode
        print("picture files", flush=True)
        status = subprocess.run([sys.executable, HERE / "files"]).returncode or status
        print("the dialog", flush=True)
        status = subprocess.run([sys.executable, HERE / "dialog"]).returncode or status
        print("removing", flush=True)
        status = subprocess.run([sys.executable, HERE / "remove"]).returncode or status
        print("filling and replacing", flush=True)
        if find_spec("diffusers") is None:
            print("left out: diffusers is not installed")
            return status
        return subprocess.run([sys.executable, HERE / "fill"]).returncode or status


def fresh_home(scratch: Path) -> Path:
    home = paths.private_folder(scratch / "home")
    (home / "models").symlink_to(paths.home() / "models")
    return home


def server_start() -> None:
    """Seconds from starting the process to its answer, and the memory it then holds."""
    seconds, memory, bare = [], [], []
    for _ in range(ROUNDS):
        begun = time.monotonic()
        with client.connect(SERVE) as connection:
            pid = connection.hello().pid
            seconds.append(time.monotonic() - begun)
            memory.append(resident(pid))
        stop()
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", "import zmq"], check=True)
        bare.append(time.monotonic() - begun)
    print("server")
    print(
        f"  start to first hello     {statistics.median(seconds):.2f} s (limit 1; Python and pyzmq alone "
        f"{statistics.median(bare):.2f} s)"
    )
    print(f"  memory at hello          {statistics.median(memory):.0f} MB (limit 150)")


def resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    return int(re.search(r"VmRSS:\s+(\d+)", status.read_text())[1]) / 1024


def stop() -> None:
    found = endpoint.running()
    if found:
        with client.Client(found) as connection:
            connection.stop_server()
        while paths.server_runs():
            time.sleep(0.02)


def from_gimp(scratch: Path) -> None:
    """The whole way, in GIMP: bytes, and the time that is not the models'."""
    photo, click = scratch / "photo.png", (3300, 1900)
    cv2.imwrite(str(photo), large_photo(click), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    seen = run_in_gimp(HERE / "in_gimp.py", seconds=600, photo=str(photo), x=click[0], y=click[1], rounds=ROUNDS)
    runs = per_run((paths.home() / "server.log").read_text(), ROUNDS)
    glue = share_of_glue()
    rest = [whole - sum(job["seconds"] for job in run) for whole, run in zip(seen["seconds"], runs, strict=True)]
    first = sum(job["in"] + job["out"] for job in runs[0])
    again = sum(job["in"] + job["out"] for job in runs[-1])
    width, height = seen["object"]
    whole, nothing = statistics.median(seen["seconds"]), statistics.median(seen["empty"])
    print(f"remove, photo 6000 x 4000, new pixels {width} x {height}, {ROUNDS} times, from GIMP's procedure and back")
    print(f"  over the wire            {first:.2f} MB (limit 8); {again:.2f} MB when the photo is known")
    print(f"  floor of that            {seen['floor']:.2f} MB: the window once, the new pixels once")
    print(f"  whole                    {whole:.2f} s; the first, which starts the server, {seen['seconds'][0]:.2f} s")
    print(f"  plug-in and wire         {statistics.median(rest):.2f} s, at worst {max(rest[1:]):.2f} s")
    print(f"  server, outside models   {glue:.2f} s")
    print(f"  all but the models       {statistics.median(rest) + glue:.2f} s (limit 0.6)", end="")
    print(f" = {(statistics.median(rest) + glue) / nothing:.1f} x its floor (limit 4)")
    print(f"  floor of that            {nothing:.2f} s: GIMP calls the plug-in, which refuses at once")


def large_photo(centre: tuple[int, int]) -> np.ndarray:
    """24 megapixels of grainy evening sky with a red ball of 600 pixels in it."""
    rng = np.random.default_rng(3)
    rows, columns = np.mgrid[0:4000, 0:6000].astype(np.float32)
    sky = np.stack([180 - rows / 40, 120 - rows / 60, 60 + rows / 80], axis=-1)
    distance = np.hypot(columns - centre[0], rows - centre[1])
    light = np.clip(1.2 - np.hypot(columns - centre[0] + 100, rows - centre[1] + 100) / 500, 0.2, 1)
    ball = np.stack([40 * light, 40 * light, 230 * light], axis=-1)
    cover = np.clip(300.5 - distance, 0, 1)[..., None]
    grain = rng.normal(0, 3, (4000, 6000, 1)).astype(np.float32)
    return np.clip(sky * (1 - cover) + ball * cover + grain, 0, 255).astype(np.uint8)


def per_run(log: str, rounds: int) -> list[list[dict]]:
    """What the server noted of each run's jobs: a run ends with its Inpaint."""
    runs: list[list[dict]] = [[]]
    for line in log.splitlines():
        found = re.search(r"(Locate|Inpaint) done in ([\d.]+) s, ([\d.]+) MB in, ([\d.]+) MB out", line)
        if found:
            runs[-1].append({"seconds": float(found[2]), "in": float(found[3]), "out": float(found[4])})
            if found[1] == "Inpaint":
                runs.append([])
    assert len(runs) == rounds + 1, f"{len(runs) - 1} runs in the log"
    return runs[:rounds]


def share_of_glue() -> float:
    """Seconds of the server's work that no model does (unpacking, masks, packing), measured in this process."""
    in_models = Stopwatch()
    OnnxPair.encode, OnnxPair.decode = in_models.timing(OnnxPair.encode), in_models.timing(OnnxPair.decode)
    edges.refine, grabcut.refine = in_models.timing(edges.refine), in_models.timing(grabcut.refine)
    removal.fill_window = in_models.timing(removal.fill_window)
    picture = np.ascontiguousarray(large_photo((3300, 1900))[..., ::-1])
    size = proxy_size(6000, 4000)
    proxy = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).tobytes()
    target = Target(prompts=(ObjectPrompt(points=((3300.0, 1900.0),), labels=(1,)),))
    engine, rests = Engine(), []

    def perform(message: Locate | Inpaint, frames: list[bytes]) -> tuple[Any, float]:
        """The result, and the seconds it took outside models."""
        in_models.seconds, begun = 0.0, time.monotonic()
        result, _ = dispatch.perform(engine, message, frames, UNWATCHED, lambda *_: None)
        return result, time.monotonic() - begun - in_models.seconds

    for _ in range(ROUNDS):
        frames: list[bytes] = []
        raster = attach(frames, *size, 3, Depth.UINT8, proxy)
        image = ImageRef(width=6000, height=4000, key=image_key(*size, proxy), proxy=raster)
        located, locating = perform(Locate(job=Job.REMOVE, image=image, target=target), frames)
        window, frames = located.window, []
        part = np.ascontiguousarray(picture[window.slices]).tobytes()
        pixels = attach(frames, window.width, window.height, 3, Depth.UINT8, part)
        request = Inpaint(job=Job.REMOVE, image=image, target=target, window=window, pixels=pixels)
        rests.append(locating + perform(request, frames)[1])
    return statistics.median(rests)


class Stopwatch:
    """The seconds spent in some functions, once where one calls another: following an edge runs a model in its turn."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._depth = 0

    def timing(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, measured."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            begun = time.monotonic()
            self._depth += 1
            try:
                return function(*arguments, **keywords)
            finally:
                self._depth -= 1
                if not self._depth:
                    self.seconds += time.monotonic() - begun

        return call


if __name__ == "__main__":
    sys.exit(main())
