"""What removing costs in photos of up to 100 megapixels: time, and memory in a process of its own."""

import multiprocessing
import re
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from inference_server import Engine

MEGAPIXELS = (1, 12, 24, 50, 100)
SPECK = 600  # pixels across
SHARE = 0.1  # of the picture
GRAIN = 256  # rows after which it repeats
SPOTS, SPOTTED, RADIUS = 100, 24, (4, 16)  # how many, in how many megapixels, and their radius in pixels


def report(photo: np.ndarray) -> None:
    """Print a line for each size."""
    print("Removing from a large photo; peak: the most that the process ever used; floor: the picture and the result")
    print(f"{'':12} {'object of 600 pixels':>26} {'of 10 % of the picture':>26}")
    print(f"{'megapixels':>12} {'seconds':>10} {'peak MB':>15} {'seconds':>10} {'peak MB':>15} {'floor MB':>10}")
    for size in MEGAPIXELS:
        (quick, small, floor), (slow, big, _) = (_in_a_process(photo, size, large=large) for large in (False, True))
        print(f"{size:12} {quick:10.2f} {small:15.0f} {slow:10.2f} {big:15.0f} {floor:10.0f}", flush=True)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(f"{'no picture':>12} {'':10} {pool.apply(_idle):15.0f}")
        print(f"{SPOTS} spots of {2 * RADIUS[0]} to {2 * RADIUS[1]} pixels in {SPOTTED} megapixels: ", end="")
        print(f"{pool.apply(_spots_removed, (photo,)):.2f} seconds")


def _in_a_process(photo: np.ndarray, megapixels: int, *, large: bool) -> tuple[float, float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_removed, (photo, megapixels), {"large": large})


def _removed(photo: np.ndarray, megapixels: int, *, large: bool) -> tuple[float, float, float]:
    """Seconds, MB at most, and MB of the picture and the result."""
    engine = _warm()
    image = _enlarged(photo, megapixels)
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    across = round((width * height * SHARE * 4 / np.pi) ** 0.5) if large else SPECK
    cv2.circle(mask, (width // 2, height // 2), across // 2, 255, -1)
    begun = time.perf_counter()
    result = engine.remove(image, mask)
    return time.perf_counter() - begun, peak(), (image.nbytes + result.nbytes) / 1e6


def _spots_removed(photo: np.ndarray) -> float:
    """Seconds for many small holes at once."""
    engine, image, random = _warm(), _enlarged(photo, SPOTTED), np.random.default_rng(4)
    mask = np.zeros(image.shape[:2], np.uint8)
    for x, y in random.integers(0, mask.shape[::-1], (SPOTS, 2)).tolist():
        cv2.circle(mask, (x, y), int(random.integers(*RADIUS)), 255, cv2.FILLED)
    begun = time.perf_counter()
    engine.remove(image, mask)
    return time.perf_counter() - begun


def _enlarged(photo: np.ndarray, megapixels: int) -> np.ndarray:
    """The photo (h, w, 3) uint8 at this size, with grain."""
    width = round((megapixels * 1.5e6) ** 0.5)
    height = round(megapixels * 1e6 / width)
    image = cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC)
    grain = np.random.default_rng(3).integers(0, 24, (GRAIN, width, 3), np.uint8)
    for rows in (image[y : y + GRAIN] for y in range(0, height, GRAIN)):
        cv2.add(rows, grain[: len(rows)], dst=rows)
    return image


def _idle() -> float:
    _warm()
    return peak()


def _warm() -> Engine:
    """An engine that has done its work once, on next to nothing."""
    engine, mask = Engine(), np.zeros((64, 64), np.uint8)
    mask[30:34, 30:34] = 255
    engine.remove(np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8), mask)
    return engine


def peak() -> float:
    """MB that this process has used at most; not a number where that is not known."""
    if sys.platform != "linux":
        return float("nan")
    found = re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1e3 if found else float("nan")
