"""Pictures of a virtual screen: where a photo is in them, and where they are kept."""

import os
from pathlib import Path

import cv2
import numpy as np

SHOTS = Path(__file__).resolve().parents[2] / "screenshots"  # for people to look at
FEWEST = 25  # points that a photo must share with the screen to be found there


def keep(picture: np.ndarray, name: str) -> None:
    """Write a picture, RGB, where people find it."""
    SHOTS.mkdir(exist_ok=True)
    series = os.environ.get("INPAINT_ANYTHING_SANDBOX", "own")
    cv2.imwrite(str(SHOTS / f"{name}-{series}.png"), picture[..., ::-1])


def where(photo: np.ndarray, screen: np.ndarray) -> np.ndarray:
    """The affine map (2, 3) from the photo's pixels to the screen's; both RGB.  Raises LookupError."""
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
