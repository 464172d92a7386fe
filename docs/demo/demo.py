"""Show what the plug-in does: a photo, a click, and the pictures that came of it.  Started by `install.py demo`.

python docs/demo/demo.py PHOTO X,Y FOLDER
"""

import sys
import time
from pathlib import Path

import cv2
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "gimp"))

from running import GimpFailed, run_in_gimp

PANEL = 640  # pixels a picture is wide in the comparison
CAPTION = 36


def main(photo: str, click: str, folder: str) -> int:
    try:
        x, y = (float(number) for number in click.split(","))
    except ValueError:
        print(f"{click!r} is not of the form X,Y.", file=sys.stderr)
        return 1
    out = Path(folder).resolve()
    out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    try:
        steps = run_in_gimp(HERE / "in_gimp.py", photo=str(Path(photo).resolve()), x=x, y=y, folder=str(out))
    except GimpFailed as error:
        print(error, file=sys.stderr)
        return 1
    if "refused" in steps:
        print(f"GIMP says: {steps['refused']}", file=sys.stderr)
        return 1
    took = time.monotonic() - begun
    compare(out, (x, y))
    print(f"GIMP starts and ends: {took - sum(steps.values()):.1f} s")
    for step, seconds in steps.items():
        print(f"{step}: {seconds:.1f} s")
    print("\nThe pictures:")
    for name in ("before.png", "mask.png", "after.png", "result.xcf", "demo.png"):
        print(f"  {out / name}")
    return 0


def compare(folder: Path, click: tuple[float, float]) -> None:
    """demo.png: before with the click, what was found, after; side by side."""
    before, after = (cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_COLOR) for name in ("before", "after"))
    mask = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE)
    red = np.array([60, 60, 235])
    weight = 0.55 * mask[..., None] / 255
    found = (before * (1 - weight) + red * weight).astype(np.uint8)
    pointed = before.copy()
    size = max(before.shape[:2])
    spot = tuple(round(c) for c in click)
    cv2.circle(pointed, spot, max(4, size // 90), (255, 255, 255), max(2, size // 220), cv2.LINE_AA)
    cv2.circle(pointed, spot, max(1, size // 300), (60, 60, 235), -1, cv2.LINE_AA)
    panels = [panel(p, c) for p, c in ((pointed, "A click"), (found, "What is found"), (after, "Removed"))]
    gap = np.full((panels[0].shape[0], 12, 3), 255, np.uint8)
    cv2.imwrite(str(folder / "demo.png"), np.hstack([panels[0], gap, panels[1], gap, panels[2]]))


def panel(picture: np.ndarray, caption: str) -> np.ndarray:
    height = round(picture.shape[0] * PANEL / picture.shape[1])
    small = cv2.resize(picture, (PANEL, height), interpolation=cv2.INTER_AREA)
    title = np.full((CAPTION, PANEL, 3), 255, np.uint8)
    cv2.putText(title, caption, (2, 25), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (40, 40, 40), 1, cv2.LINE_AA)
    return np.vstack([title, small])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
