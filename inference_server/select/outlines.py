"""A mask as polygons that can be drawn at any zoom.  Pure functions."""

import cv2
import numpy as np

from ..imaging.windows import bounds

TOLERANCE = 0.5  # pixels of the mask that an outline may be off the pixels' own borders
MOST_POLYGONS, MOST_CORNERS = 1000, 10_000  # a mask made by hand may be noise


def outlines(mask: np.ndarray, scale: tuple[float, float]) -> tuple[tuple[float, ...], ...]:
    """The closed polygons x0, y0, x1, y1, … around what is over 127 in mask (h, w) uint8, and around its holes.

    scale: factors from the mask's pixels to the polygons', in x and y.  The polygons follow the borders of the mask's
    pixels, simplified (Douglas and Peucker 1973) by at most `TOLERANCE` and rounded to a tenth.  Of more than
    MOST_POLYGONS the smallest are left out; more than MOST_CORNERS are simplified further.
    """
    inside = (mask > 127).astype(np.uint8)
    where = bounds(inside)
    if where is None:
        return ()
    # OpenCV's contours run through the middles of pixels: these are the corners of the mask's pixels.
    corners = cv2.dilate(np.pad(inside[where.slices], ((0, 1), (0, 1))), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(corners, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    longest = sorted(contours, key=len, reverse=True)[:MOST_POLYGONS]
    tolerance = TOLERANCE
    while (
        sum(map(len, polygons := [cv2.approxPolyDP(line, tolerance, closed=True) for line in longest])) > MOST_CORNERS
    ):
        tolerance *= 2
    return tuple(
        tuple(((polygon[:, 0] + where[:2]) * scale).round(1).ravel().tolist())
        for polygon in polygons
        if len(polygon) > 2
    )
