"""The points of a shape's outline, and what a picture has beside them.  Pure functions."""

from typing import NamedTuple

import cv2
import numpy as np


class Contour(NamedTuple):
    """points, normals: (n, 2) float32, (x, y), in pixels, and of length 1 out of the shape; length: pixels."""

    points: np.ndarray
    normals: np.ndarray
    length: int


def trace(shape: np.ndarray, count: int, softness: float) -> Contour:
    """`count` points at equal distances along the outlines of shape (h, w) uint8, 0 or 1, which is not all 0.

    softness: pixels, the deviation of what smooths the shape before its normals are taken.
    """
    pieces, _ = cv2.findContours(shape, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = np.concatenate([piece[:, 0] for piece in pieces])
    points = outline[np.linspace(0, len(outline) - 1, count).round().astype(int)]
    soft = cv2.GaussianBlur(shape.astype(np.float32), (0, 0), softness)
    slopes = [cv2.Sobel(soft, cv2.CV_32F, *order)[points[:, 1], points[:, 0]] for order in ((1, 0), (0, 1))]
    return Contour(points.astype(np.float32), of_length_one(-np.stack(slopes, axis=1)), len(outline))


def values_at(image: np.ndarray, places: np.ndarray, flags: int = cv2.INTER_LINEAR) -> np.ndarray:
    """image (h, w, …) at places (n, m, 2), (x, y) in pixels; 0 outside of it."""
    x, y = (np.ascontiguousarray(places[..., k], np.float32) for k in (0, 1))
    return cv2.remap(image, x, y, flags, borderMode=cv2.BORDER_CONSTANT, borderValue=0)


def of_length_one(vectors: np.ndarray) -> np.ndarray:
    """vectors (…, 2) float32 in their directions; those of no length as they are."""
    vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
    return vectors.astype(np.float32)
