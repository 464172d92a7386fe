"""What the constants of inference_server/replace/defocus.py, and of the discs in imaging/focus.py, were chosen by.

None of them is fitted to data.

    python3 bench/fit/defocus.py        a few seconds; needs no data

LARGEST and HORIZON are geometry: what lenses and cameras do.  DISC, PER_OCTAVE and SPREAD_SIDE save time and may cost
exactness: each is varied alone, and the picture compared with the one whose discs are all made at full size, each row
with its own radius.  FINEST, CUT, FLOATS, ROOT, DEPTH and AROUND were chosen by eye.
"""

import contextlib
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from inference_server.imaging import focus
from inference_server.replace import defocus
from inference_server.shared.monitor import UNWATCHED

SENSOR = 36.0  # mm, the long side of full frame
LENSES = ((50, 1.8, 1.5), (85, 1.8, 2.5), (85, 1.4, 2.5), (85, 1.2, 2.0), (135, 2.0, 3.0), (200, 2.8, 4.0))  # mm, f/, m
EYE = 1.6  # m above the ground, of the camera
OBJECTS = {"a dog": 0.6, "a child": 1.1, "a car": 1.5, "a person": 1.7, "a bus": 3.2}  # m high
SIZE = 640, 960  # height and width in pixels of the picture that is blurred
TRIED: dict[str, tuple[Any, ...]] = {"DISC": (2.5, 5.0, 10.0), "PER_OCTAVE": (1, 2, 4), "SPREAD_SIDE": (256, 512, 1024)}
EXACT: dict[str, Any] = {"DISC": 1e9, "PER_OCTAVE": 12, "SPREAD_SIDE": 4096}


def main() -> int:
    print(f"LARGEST = {defocus.LARGEST}: the blur of what is very far, its radius as a share of the long side")
    for focal, stop, distance in LENSES:
        print(f"    {focal:4} mm f/{stop} focused at {distance} m  {radius_of_the_far(focal, stop, distance):.3f}")
    print(f"HORIZON = {defocus.HORIZON}: from the ground under an object to the horizon, by the object's height")
    for name, height in OBJECTS.items():
        # 1/depth falls linearly from 1 at the object's ground to 0 at the horizon; above HORIZON all is blurred alike.
        depth = 1 - defocus.HORIZON / (EYE / height)
        alike = f"what is {1 / depth:.1f} times as far away or more" if depth > 0 else "the horizon alone"
        print(f"    {name:10} {EYE / height:5.2f}; blurred like the horizon: {alike}")
    image, alpha = scene()
    with contextlib.ExitStack() as exactly:
        for name, value in EXACT.items():
            exactly.enter_context(mock.patch.object(module_of(name), name, value))
        exact, _ = blurred(image, alpha)
    print("difference to exact discs (root mean square, of 255), and seconds")
    for name, values in TRIED.items():
        for value in values:
            with mock.patch.object(module_of(name), name, value):
                picture, seconds = blurred(image, alpha)
            off = np.sqrt(np.mean((picture.astype(float) - exact)[alpha == 0] ** 2))
            chosen = "  the product's" if value == getattr(module_of(name), name) else ""
            print(f"    {name:11} {value:6}  {off:5.2f}  {seconds:5.2f} s{chosen}")
    return 0


def module_of(name: str) -> Any:
    """The module that has a constant."""
    return defocus if hasattr(defocus, name) else focus


def radius_of_the_far(focal: float, stop: float, distance: float) -> float:
    """The circle of confusion's radius of a point at infinity, as a share of the sensor's long side.

    Of a thin lens, Potmesil and Chakravarty 1981: diameter f² / (N (s - f)).  focal in mm, distance in m.
    """
    return focal**2 / (stop * (1000 * distance - focal)) / 2 / SENSOR


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A picture (h, w, 3) uint8 with detail of every size and bright points, and an object (h, w) uint8 that stands."""
    rng, (height, width) = np.random.default_rng(0), SIZE
    picture = np.full((height, width, 3), 110.0)
    for k in range(7):
        coarse = rng.normal(0, 12, (height >> k, width >> k, 3))
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    picture[rng.integers(0, height, 60), rng.integers(0, width, 60)] = 255
    alpha = np.zeros(SIZE, np.uint8)
    cv2.ellipse(alpha, (width // 2, height // 2), (width // 12, height // 4), 0, 0, 360, 255, cv2.FILLED)
    picture[alpha > 0] = 180, 60, 50
    return picture.clip(0, 255).astype(np.uint8), alpha


def blurred(image: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, float]:
    """The background out of focus, and the seconds it took."""
    begun = time.perf_counter()
    picture = defocus.out_of_focus(image, alpha, 1.0, 255.0, UNWATCHED)
    return picture, time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
