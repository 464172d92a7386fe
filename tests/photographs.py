"""Photos of any size with an object whose outline is known to the pixel.  The same arguments give the same photo."""

from typing import NamedTuple

import cv2
import numpy as np

TILE = 1024  # pixels after which the grain repeats
LENS = 0.8  # how far lens and sensor spread an edge, as the standard deviation in pixels


class Composed(NamedTuple):
    """image: (H, W, 3) uint8; alpha: (H, W) uint8, 255 = the object; click: (x, y), its deepest pixel."""

    image: np.ndarray
    alpha: np.ndarray
    click: tuple[int, int]


def outline(kind: str, diameter: float, seed: int) -> np.ndarray:
    """The corners (n, 2) float of a shape around (0, 0) whose longer side is `diameter`.

    kind: "smooth" (a pebble), "star" (sharp corners in and out), or "rounded" (a rectangle with round corners).
    """
    random = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    if kind == "smooth":
        waves = [random.uniform(-0.5, 0.5) / k * np.cos(k * angle + random.uniform(0, 6)) for k in range(2, 7)]
        radius = 1 + np.sum(waves, axis=0)
        corners = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    elif kind == "star":
        count = int(random.integers(5, 9))
        angle = np.arange(2 * count) * np.pi / count + random.uniform(0, 1)
        radius = np.where(np.arange(2 * count) % 2, random.uniform(0.45, 0.6), 1)
        corners = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    else:
        x, y = np.cos(angle), np.sin(angle)
        corners = np.stack([np.sign(x) * abs(x) ** 0.4, random.uniform(0.5, 0.8) * np.sign(y) * abs(y) ** 0.4], axis=1)
        turn = random.uniform(0, np.pi)
        corners = corners @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    low, high = corners.min(axis=0), corners.max(axis=0)
    return (corners - (low + high) / 2) / (high - low).max() * diameter


def drawn(corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The shape with these corners as alpha (H, W) uint8 with an antialiased edge."""
    twice = np.zeros((2 * size[1], 2 * size[0]), np.uint8)
    cv2.fillPoly(twice, [np.rint((2 * corners + 0.5) * 16).astype(np.int32)], 255, shift=4)
    return cv2.GaussianBlur(cv2.resize(twice, size, interpolation=cv2.INTER_AREA), (0, 0), LENS)


def landscape(photo: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """photo (h, w, 3) uint8 enlarged to size, with detail of its own scale laid over it: what enlarging cannot give."""
    large = cv2.resize(photo, size, interpolation=cv2.INTER_CUBIC)
    soft = cv2.GaussianBlur(photo, (0, 0), 6)
    more, less = (cv2.resize(part, None, fx=2, fy=2) for part in (cv2.subtract(photo, soft), cv2.subtract(soft, photo)))
    repeats = [-(-large.shape[k] // more.shape[k]) for k in (0, 1)]
    more, less = (np.tile(part, (*repeats, 1))[: size[1], : size[0]] for part in (more, less))
    return cv2.subtract(cv2.add(large, more), less)


def grainy(image: np.ndarray, seed: int, fine: float = 3, coarse: float = 3) -> np.ndarray:
    """image (H, W, 3) uint8 with grain from pixel to pixel and with softer grain; fine, coarse: their strengths."""
    random = np.random.default_rng(seed)
    noise = random.normal(0, fine, (TILE, TILE, 3))
    noise += cv2.GaussianBlur(random.normal(0, coarse * 5, (TILE, TILE, 1)), (0, 0), 1.5)[..., None]
    more, less = (np.rint(part.clip(0, 255)).astype(np.uint8) for part in (noise, -noise))
    for y in range(0, image.shape[0], TILE):
        for x in range(0, image.shape[1], TILE):
            part = image[y : y + TILE, x : x + TILE]
            h, w = part.shape[:2]
            part[:] = cv2.subtract(cv2.add(part, more[:h, :w]), less[:h, :w])
    return image


def laid_over(image: np.ndarray, pixels: np.ndarray, alpha: np.ndarray, corner: tuple[int, int], seed: int) -> Composed:
    """An object, pixels (h, w, 3) and alpha (h, w) uint8, laid over image (H, W, 3) uint8, which is changed.

    corner: x and y of the object's top left in the image.  Both get the same grain.
    """
    x, y = corner
    there = slice(y, y + alpha.shape[0]), slice(x, x + alpha.shape[1])
    share = alpha.astype(np.float32) / 255
    image[there] = cv2.blendLinear(pixels, np.ascontiguousarray(image[there]), share, 1 - share)
    whole = np.zeros(image.shape[:2], np.uint8)
    whole[there] = alpha
    depth = cv2.distanceTransform(np.pad((alpha > 127).astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return Composed(grainy(image, seed), whole, (int(x + column), int(y + row)))


def with_shape(
    photo: np.ndarray, size: tuple[int, int], kind: str, diameter: int, contrast: float, seed: int
) -> Composed:
    """photo enlarged to size with one textured shape on it (`outline`).

    contrast: how far its colour lies from that of what it covers, in levels of 255.
    """
    random = np.random.default_rng(seed)
    image = landscape(photo, size)
    side = diameter + 16
    room = np.array(size) - side
    x, y = (int(n) for n in room * random.uniform(0.15, 0.85, 2))
    alpha = drawn(outline(kind, diameter, seed) + side / 2, (side, side))
    behind = np.array(cv2.mean(image[y : y + side, x : x + side], (alpha > 127).astype(np.uint8))[:3])
    away = random.uniform(0.5, 1, 3) * np.where(behind < 128, 1, -1)
    # Its surface is another piece of the photo, much weakened.
    enlarged = size[0] / photo.shape[1]
    reach = [min(n, round(side / enlarged)) for n in photo.shape[:2]]
    surface = cv2.resize(photo[-reach[0] :, -reach[1] :][::-1, ::-1], (side, side)).astype(np.float32)
    surface -= surface.mean(axis=(0, 1))
    pixels = behind + contrast * away / np.abs(away).mean() + 0.15 * surface
    return laid_over(image, np.rint(pixels.clip(0, 255)).astype(np.uint8), alpha, (x, y), seed)


SUPERSAMPLED = 4  # a hair is some quarters of a pixel wide


def with_fur(photo: np.ndarray, fur: np.ndarray, side: int, seed: int) -> Composed:
    """photo (h, w, 3) uint8, scaled to cover side x side, with a furry head on it, half as wide: its alpha is known.

    fur: (h, w, 3) uint8, what the head is covered with.  About a hair every three pixels, most combed to one side, some
    standing off, of different brightness; they are up to an eighth of the head long and taper to half a pixel.
    """
    random = np.random.default_rng(seed)
    corners = outline("smooth", side / 2, seed)
    tangent = np.roll(corners, -1, axis=0) - np.roll(corners, 1, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1) / np.linalg.norm(tangent, axis=1)[:, None]
    fine = side * SUPERSAMPLED
    colour, alpha = covering(fur, (fine, fine), cv2.INTER_LINEAR), np.zeros((fine, fine), np.uint8)
    inside = np.rint((corners + side / 2) * SUPERSAMPLED).astype(np.int32)
    cv2.fillPoly(alpha, [inside], 255)
    length = np.linalg.norm(tangent, axis=1).sum() / 2
    comb = random.uniform(-1, 1)
    for _ in range(round(length / 3)):
        k = int(random.integers(len(corners)))
        stands_off = random.random() < 0.1
        reach = side / 16 * (random.uniform(0.6, 1) if stands_off else random.uniform(0.1, 0.5))
        bend = random.normal(comb, 1.0 if stands_off else 0.3)
        steps = np.linspace(0, 1, 12)[:, None]
        sideways = np.array([-normal[k, 1], normal[k, 0]])
        path = corners[k] - 4 * normal[k] + reach * (steps * normal[k] + 0.5 * bend * steps**2 * sideways)
        path = np.rint((path + side / 2) * SUPERSAMPLED).astype(np.int32)
        root = colour[tuple(path[0].clip(0, fine - 1)[::-1])].astype(int)
        shade = np.clip(root + random.normal(0, 12), 0, 255).astype(int).tolist()
        widest = random.uniform(0.8, 2.2)
        for start, end, step in zip(path, path[1:], steps[:, 0], strict=False):
            width = max(2, round(SUPERSAMPLED * (widest + (0.5 - widest) * step)))
            cv2.line(alpha, start.tolist(), end.tolist(), 255, width)
            cv2.line(colour, start.tolist(), end.tolist(), shade, width)
    alpha = cv2.GaussianBlur(cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA), (0, 0), LENS)
    colour = cv2.GaussianBlur(cv2.resize(colour, (side, side), interpolation=cv2.INTER_AREA), (0, 0), LENS)
    return laid_over(covering(photo, (side, side), cv2.INTER_AREA), colour, alpha, (0, 0), seed)


def furry() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dark head with strands on a bright ground (200, 240, 3), its alpha, and the head alone, both uint8."""
    alpha = cv2.circle(np.zeros((200, 240), np.uint8), (120, 100), 40, 255, -1)
    head = alpha.copy()
    for angle in np.linspace(0, 2 * np.pi, 40, endpoint=False):
        ends = [(round(120 + r * np.cos(angle)), round(100 + r * np.sin(angle))) for r in (38, 70)]
        cv2.line(alpha, *ends, 255, 1, cv2.LINE_AA)
    share = alpha[..., None] / 255
    image = share * (60, 40, 30) + (1 - share) * (180, 190, 200)
    return np.rint(image + np.random.default_rng(1).normal(0, 2, image.shape)).astype(np.uint8), alpha, head


def covering(photo: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    """The middle of photo (h, w, 3), scaled so that it covers size (width, height)."""
    scale = max(size[0] / photo.shape[1], size[1] / photo.shape[0])
    width, height = (max(n, round(scale * m)) for n, m in zip(size, photo.shape[1::-1], strict=True))
    large = cv2.resize(photo, (width, height), interpolation=interpolation)
    x, y = (width - size[0]) // 2, (height - size[1]) // 2
    return np.ascontiguousarray(large[y : y + size[1], x : x + size[0]])
