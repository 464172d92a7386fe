"""How near to what is really there Fill begins where there is no prompt, in photographs whose truth is known.

    python bench/fill/prefill.py FOLDER     of NAME.gt.png, and NAME.mask.png of a hole in it

What *Remove* makes of the hole is compared with the colours of its rim, continued smoothly, which is all that was there
before; both as a share of what these lack of the truth, after averaging over squares of so many pixels of 512.  Under
PREFILL_NOISE a model sees what is averaged over more cells of 8 pixels than PREFILL_NOISE a side: there the noise is
less than the picture.  What a model makes of it needs weights, and is not measured here.
"""

import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPOSITORY)]

import cv2
import numpy as np

from inference_server import Engine
from inference_server.imaging.sampling import extrapolate, resize
from inference_server.models.store import Store
from inference_server.shared.geometry import fit_within
from inference_server.shared.monitor import UNWATCHED

SIDE = 512
SQUARES = (8, 32, 64)


def main(folder: Path) -> int:
    """Print the shares for each photograph, and their medians."""
    engine = Engine(Store(folder / "no models"))
    shares = []
    for file in sorted(folder.glob("*.gt.png")):
        truth = cv2.imread(str(file))[..., ::-1]
        mask = cv2.imread(str(file).replace(".gt.", ".mask."), cv2.IMREAD_GRAYSCALE)
        size = fit_within(truth.shape[1], truth.shape[0], SIDE)
        picture = resize(np.ascontiguousarray(truth), size).astype(np.float32) / 255
        hole = resize(mask, size) > 0
        smooth = picture.copy()
        smooth[hole] = extrapolate(picture, ~hole)[hole]
        begun = engine._continued(smooth, hole, UNWATCHED)
        shares.append([missed(begun, picture, hole, side) / missed(smooth, picture, hole, side) for side in SQUARES])
        print(
            f"    {file.name.removesuffix('.gt.png'):12}" + "".join(f"{share:8.2f}" for share in shares[-1]), flush=True
        )
    medians = np.median(shares, axis=0)
    nearer = (np.array(shares) < 1).mean(axis=0)
    for side, share, part in zip(SQUARES, medians, nearer, strict=True):
        print(f"    over {side:2} pixels: median {share:.2f} of what smooth colours lack; nearer in {part:.0%}")
    return 0


def missed(begun: np.ndarray, truth: np.ndarray, hole: np.ndarray, side: int) -> float:
    """Root mean square of what is missing in the hole, averaged over squares."""
    off = cv2.blur(np.where(hole[..., None], begun - truth, np.float32(0)), (side, side))
    return float(np.sqrt((off[hole] ** 2).mean()))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
