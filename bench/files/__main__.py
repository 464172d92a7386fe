"""What reading and writing photographs costs, beside the library alone that decodes or encodes them.

    python bench/files

Seconds, and the peak of memory beyond what was there before: for reading that is the array too.  Every case is a
process of its own, taken in turn with the one it is compared with.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pyvips

from inference_server.imaging.files import reading, writing
from inference_server.imaging.files.photograph import Format, Photograph

ROUNDS = 3
SIZES = {24: (6000, 4000), 100: (12242, 8168)}  # megapixels: width, height
CASES = (("TIFF, 16 bits", Format.TIFF, 2), ("TIFF", Format.TIFF, 1), ("PNG", Format.PNG, 1), ("JPEG", Format.JPEG, 1))
LOADERS = {Format.TIFF: "tiffload", Format.PNG: "pngload", Format.JPEG: "jpegload"}
TILE = 1000
STATUS = Path("/proc/self/status")


def main(arguments: list[str]) -> int:
    if arguments:
        measure(*arguments)
        return 0
    print(f"{'':30} {'seconds, and the ratio':>23} {'MB, and the ratio':>20}")
    with tempfile.TemporaryDirectory() as scratch:
        for megapixels in SIZES:
            for label, format, depth in CASES:
                file = Path(scratch) / f"photo-{depth}.{format}"
                for job in ("write", "read"):
                    report(f"{job} {megapixels} MP, {label}", job, str(megapixels), format, str(depth), str(file))
    return 0


def report(title: str, job: str, *case: str) -> None:
    pairs = [(run(job, "ours", *case), run(job, "alone", *case)) for _ in range(ROUNDS)]
    ours, alone = (
        [statistics.median(figures[k] for figures in column) for k in (0, 1)] for column in zip(*pairs, strict=True)
    )
    seconds, memory = (f"{a:8.2f} ({a / b if b else float('nan'):.2f})" for a, b in zip(ours, alone, strict=True))
    print(f"{title:30} {seconds:>23} {memory:>20}", flush=True)


def run(*case: str) -> tuple[float, float]:
    """Seconds and MB of one case, in a process of its own."""
    command = [sys.executable, str(Path(__file__).parent), *case]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    seconds, memory = map(float, done.stdout.split())
    return seconds, memory


def measure(job: str, who: str, megapixels: str, format: str, depth: str, file: str) -> None:
    """Do one case and print its figures.  What is read was written by the case before."""
    target, kind = Path(file), Format(format)
    pixels = picture(*SIZES[int(megapixels)], int(depth)) if job == "write" else np.zeros((1, 1, 3), np.uint8)
    target.touch()
    before, begun = forgotten_peak(), time.perf_counter()
    if job == "read":
        found = reading.read(target).pixels if who == "ours" else read_alone(target, kind)
        assert found.size
    elif who == "ours":
        writing.write(target, Photograph(pixels=pixels, format=Format.PNG, bits=8 * int(depth)), kind)
    else:
        write_alone(target, kind, pixels)
    print(time.perf_counter() - begun, peak() - before)


def read_alone(file: Path, kind: Format) -> np.ndarray:
    return pyvips.Operation.call(LOADERS[kind], str(file), access="sequential", fail_on="error").numpy()


def write_alone(file: Path, kind: Format, pixels: np.ndarray) -> None:
    if kind == Format.JPEG:
        PIL.Image.fromarray(pixels).save(file, "JPEG", quality=writing.QUALITY[kind], subsampling=0)
        return
    image = pyvips.Image.new_from_array(pixels, interpretation="srgb" if pixels.dtype == np.uint8 else "rgb16")
    if kind == Format.TIFF:
        image.tiffsave(str(file), compression="deflate", predictor="horizontal")
    else:
        image.pngsave(str(file), compression=4, filter="sub")


def picture(width: int, height: int, depth: int) -> np.ndarray:
    """Grain over a slope, (height, width, 3): neither the easiest nor the hardest to compress."""
    random = np.random.default_rng(1)
    grain = random.integers(0, 12 if depth == 1 else 2000, (TILE, TILE, 3))
    slope = np.linspace(0, 200 if depth == 1 else 60000, TILE).astype(int)[:, None, None]
    tile = (grain + slope).astype(np.uint8 if depth == 1 else np.uint16)
    pixels = np.empty((height, width, 3), tile.dtype)
    for y in range(0, height, TILE):
        for x in range(0, width, TILE):
            part = pixels[y : y + TILE, x : x + TILE]
            part[:] = tile[: part.shape[0], : part.shape[1]]
    return pixels


def forgotten_peak() -> float:
    """MB of memory that this process has now; what it had at most before no longer counts."""
    if STATUS.is_file():
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> float:
    """MB of memory that this process had at most, the files it maps included."""
    if not STATUS.is_file():
        return float("nan")
    return int(re.search(r"VmHWM:\s+(\d+)", STATUS.read_text())[1]) / 1024


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
