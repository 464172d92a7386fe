"""Photographs none of which is like another, made of a few: for batches that are measured."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

READ = (".jpg", ".jpeg", ".png")
DRAWN = 640, 427  # pixels of a photo that is drawn
LEAST = 0.85  # of a photo's width and height, that is kept
QUALITY = 88, 96  # of the JPEGs


def photos(folder: Path, count: int, bases: Sequence[Path]) -> list[Path]:
    """So many JPEGs in a folder: parts of the bases in turn, mirrored or not, lighter or darker, with other grain.

    Without bases, balls before walls are drawn.
    """
    folder.mkdir(parents=True)
    return [_write(folder / f"photo{k:05}.jpg", k, bases) for k in range(count)]


def small(folder: Path, count: int) -> list[Path]:
    """So many small pictures of walls, which take next to no work, in a folder."""
    folder.mkdir(parents=True)
    return [_save(folder / f"small{k:05}.jpg", _wall(np.random.default_rng(k), (96, 72)), 90) for k in range(count)]


def bases_in(folder: Path) -> list[Path]:
    """The photographs in a folder that are no results."""
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() in READ and "." not in file.stem]


def _write(file: Path, number: int, bases: Sequence[Path]) -> Path:
    chance = np.random.default_rng(number)
    image = cv2.imread(str(bases[number % len(bases)])).astype(np.float32) if bases else _ball(chance)
    height, width = image.shape[:2]
    h, w = (round(side * chance.uniform(LEAST, 1)) for side in (height, width))
    y, x = chance.integers(height - h + 1), chance.integers(width - w + 1)
    part = image[y : y + h, x : x + w] * chance.uniform(0.85, 1.1)
    part = part[:, ::-1] if chance.random() < 0.5 else part
    return _save(file, part + chance.normal(0, 1.5, part.shape), int(chance.integers(*QUALITY)))


def _save(file: Path, image: np.ndarray, quality: int) -> Path:
    pixels = np.rint(image).clip(0, 255).astype(np.uint8)
    assert cv2.imwrite(str(file), pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return file


def _wall(chance: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return chance.normal(130, 6, (size[1], size[0], 3)) + np.linspace(-40, 40, size[0])[:, None]


def _ball(chance: np.random.Generator) -> np.ndarray:
    wall = _wall(chance, DRAWN)
    cv2.circle(wall, (DRAWN[0] // 2, DRAWN[1] // 2), 50 + int(chance.integers(20)), (60, 40, 200), -1, cv2.LINE_AA)
    return wall.astype(np.float32)
