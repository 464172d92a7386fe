"""A mask as outlines that can be drawn at any zoom.  Pure functions."""

import cv2
import numpy as np

from ..imaging.windows import bounds

NEARNESS = 0.5  # pixels of the mask that an outline may be off the pixels' own borders
MOST_POLYGONS, MOST_CORNERS = 1000, 10_000  # a mask made by hand may be noise


def outlines(mask: np.ndarray, scale: tuple[float, float]) -> tuple[tuple[float, ...], ...]:
    """The closed polygons x0, y0, x1, y1, … around what is over 127 in mask (h, w) uint8, and around its holes.

    scale: what to multiply the mask's pixels with, in x and y.  They run along the borders of pixels, cutting corners
    (Douglas and Peucker 1973) by no more than `NEARNESS`, and are rounded to a tenth; the smallest of very many go.
    """
    inside = (mask > 127).astype(np.uint8)
    there = bounds(inside)
    if there is None:
        return ()
    # OpenCV's contours run through the middles of pixels: here through the corners of the mask's own.
    corners = cv2.dilate(np.pad(inside[there.slices], ((0, 1), (0, 1))), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(corners, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    longest = sorted(contours, key=len, reverse=True)[:MOST_POLYGONS]
    nearness = NEARNESS
    while sum(map(len, polygons := [cv2.approxPolyDP(line, nearness, True) for line in longest])) > MOST_CORNERS:
        nearness *= 2
    return tuple(
        tuple(((polygon[:, 0] + there[:2]) * scale).round(1).ravel().tolist())
        for polygon in polygons
        if len(polygon) > 2
    )
