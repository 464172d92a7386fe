"""Picture files as another program writes and reads them, and a small scene with an object in it."""

from pathlib import Path

import cv2
import numpy as np

CLICK = "100,75"  # on the scene's object


def save(path: Path, image: np.ndarray) -> Path:
    """image: (H, W) or (H, W, 3) RGB, or (H, W, 4) RGBA."""
    assert cv2.imwrite(str(path), image[..., [2, 1, 0, 3][: image.shape[2]]] if image.ndim == 3 else image)
    return path


def load(path: Path) -> np.ndarray:
    """(H, W), (H, W, 3) RGB or (H, W, 4) RGBA."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return image[..., [2, 1, 0, 3][: image.shape[2]]] if image.ndim == 3 else image


def scene(side: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """A red square on a grainy wall (150, 200, 3) uint8, and its mask (150, 200), 10 pixels wider than the side."""
    grain = np.random.default_rng(1).integers(0, 60, (150, 200, 3))
    photo = (grain + np.linspace(20, 160, 200)[:, None]).astype(np.uint8)
    top, left = 75 - side // 2, 100 - side // 2
    photo[top : top + side, left : left + side] = (200, 30, 40)
    mask = np.zeros((150, 200), np.uint8)
    mask[top - 5 : top + side + 5, left - 5 : left + side + 5] = 255
    return photo, mask


def put_scene(folder: Path, *names: str) -> None:
    """Save the scene under these names, and its mask as mask.png."""
    photo, mask = scene()
    for name in names:
        save(folder / name, photo)
    save(folder / "mask.png", mask)
