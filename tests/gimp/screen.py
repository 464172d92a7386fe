"""Pictures of a virtual screen: where a photo is in them, and where they are kept."""

import os
from pathlib import Path

import cv2
import numpy as np

SHOTS = Path(__file__).resolve().parents[2] / "screenshots"  # for people to look at
FEWEST = 25  # points that a photo must share with the screen to be found there
SHIFT = 0.3  # pixels of the photo by which it may seem to have moved where it has not
_places: list[np.ndarray] = []  # where photos were found, of which dialogs open at a few


def keep(picture: np.ndarray, name: str) -> None:
    """Write a picture, RGB, where people find it."""
    SHOTS.mkdir(exist_ok=True)
    series = os.environ.get("INPAINT_ANYTHING_SANDBOX", "own")
    cv2.imwrite(str(SHOTS / f"{name}-{series}.png"), picture[..., ::-1])


def where(photo: np.ndarray, screen: np.ndarray) -> np.ndarray:
    """The affine map (2, 3) from the photo's pixels to the screen's; both RGB.  Raises LookupError.

    Searching takes half a second of the processor, fifty times as long as to see that it lies where one lay before.
    """
    for place in _places:
        if lies_at(photo, screen, place):
            return place
    _places.append(_found(photo, screen))
    return _places[-1]


def _found(photo: np.ndarray, screen: np.ndarray) -> np.ndarray:
    finder = cv2.SIFT_create(4000)
    (points, what), (there, seen_there) = (finder.detectAndCompute(picture, None) for picture in (photo, screen))
    pairs = cv2.BFMatcher().knnMatch(what, seen_there, k=2)
    good = [best for best, second in pairs if best.distance < 0.75 * second.distance]
    if len(good) < FEWEST:
        raise LookupError("the photo is not on the screen")
    found, inliers = cv2.estimateAffinePartial2D(
        np.float32([points[match.queryIdx].pt for match in good]),
        np.float32([there[match.trainIdx].pt for match in good]),
        ransacReprojThreshold=2,
    )
    if found is None or inliers.sum() < FEWEST:
        raise LookupError("the photo is not on the screen")
    return found


def warped(screen: np.ndarray, place: np.ndarray, photo: np.ndarray) -> np.ndarray:
    """What the screen shows of the photo in the photo's own pixels, (height, width, 3) uint8.  place: from `where`."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(screen, place, photo.shape[1::-1], flags=flags)


def lies_at(photo: np.ndarray, screen: np.ndarray, place: np.ndarray) -> bool:
    """Whether each quarter of the photo is still where it was found; takes a fiftieth of the time of `where`."""
    there = warped(screen, place, photo)
    grey = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) for picture in (photo, there)]
    height, width = (side // 2 for side in photo.shape[:2])
    fading = cv2.createHanningWindow((width, height), cv2.CV_32F)
    for y in (0, height):
        for x in (0, width):
            one, other = (np.ascontiguousarray(picture[y : y + height, x : x + width]) for picture in grey)
            shift, _ = cv2.phaseCorrelate(one, other, fading)
            if np.hypot(*shift) > SHIFT:
                return False
    return True
