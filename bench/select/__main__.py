"""What selecting costs, as ratios to the model's own passes in the same run.

    python bench/select

The floor of a first mask is one pass of the encoder, of a later click one of the decoder; of a full-resolution mask
the encoder's second pass over the object's window.  What is measured is taken in turn with what it is compared with,
so that a machine that slows down slows both.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from published_decoder import published_decoder

from inference_server import Engine
from inference_server.imaging.pixels import to_proxy
from inference_server.models.store import Store
from inference_server.select.selector import Selector
from inference_server.shared.messages import ObjectPrompt, Scene
from inference_server.shared.monitor import UNWATCHED

ROUNDS = 7
HUGE = """
import re
from pathlib import Path
import numpy as np
from inference_server import Engine
image = np.random.default_rng(1).integers(90, 110, (8168, 12242, 3), np.uint8)
image[3000:5000, 4000:7000] += 90
mask = Engine().segment(image, [(5500, 4000)], [1])[0].alpha
print((mask > 127).sum() / 6e6, re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def main() -> int:
    print(f"{'':34}  1 MP    24 MP")
    columns = [measure(picture(1200, 800, 160)), measure(picture(6000, 4000, 800))]
    for line in columns[0]:
        print(f"{line:34} {columns[0][line]:>7} {columns[1][line]:>7}")
    if sys.platform == "linux":
        done = subprocess.run([sys.executable, "-c", HUGE], capture_output=True, text=True, check=True)
        area, peak = map(float, done.stdout.split())
        print(f"100 MP, object of 6 MP: peak {peak / 1e6:.2f} GB in all (limit 1.5), area {area:.3f} of the truth")
    return 0


def measure(image: np.ndarray) -> dict[str, str]:
    """The figures for one photo, by what they are called."""
    size, store, engine = (image.shape[1], image.shape[0]), Store(), Engine()
    selector = Selector(store)
    middle = size[0] // 2, size[1] // 2
    proxy = to_proxy(image)
    encoded = selector.encode(proxy)
    segmenter = selector._load(UNWATCHED)
    click = ObjectPrompt(points=((float(middle[0]), float(middle[1])),), labels=(1,))
    fresh = iter(range(1 << 30))

    def new_photo(**prompt: Any) -> Callable[[], float]:
        def call() -> float:
            changed = image.copy()
            changed[0, : next(fresh) + 2] = 0  # another photo each time
            return timed(lambda: engine.segment(changed, **prompt)[0].preview(*proxy.shape[1::-1]))()

        return call

    def later() -> float:
        second = (float(middle[0] + next(fresh) % 40), float(middle[1] + 5))
        selector.select(encoded, size, click)  # what was there before the second one
        begun = time.perf_counter()
        prompt = ObjectPrompt(points=(*click.points, second), labels=(1, 1))
        selector.select(encoded, size, prompt)[0].preview(*proxy.shape[1::-1])
        return time.perf_counter() - begun

    def full(*, soft_edge: bool = False) -> float:
        mask = selector.select(encoded, size, click, pixels=image, soft_edge=soft_edge)[0]
        begun = time.perf_counter()
        assert mask.alpha.any()
        return time.perf_counter() - begun

    encoder = timed(lambda: segmenter.encode(proxy))
    decode = published_decoder(store, encoded.embedding)
    decoder = timed(lambda: decode(*middle))
    first_s, encoder_s = in_turn(new_photo(points=[middle], labels=[1]), encoder)
    subject_s, alone_s = in_turn(new_photo(scene=Scene.SUBJECT), encoder)
    later_s, decoder_s = in_turn(later, decoder)
    full_s, again_s = in_turn(full, encoder)
    soft_s, _ = in_turn(lambda: full(soft_edge=True), encoder)
    return {
        "encoder, bare": f"{encoder_s:.2f} s",
        "decoder, bare": f"{decoder_s * 1000:.0f} ms",
        "first mask / encoder (1.25)": f"{first_s / encoder_s:.2f}",
        "subject / encoder (2)": f"{subject_s / alone_s:.2f}",
        "later click / decoder (1.5)": f"{later_s / decoder_s:.2f}",
        "full-size mask / encoder (3)": f"{full_s / again_s:.2f}",
        "full-size mask with hair (1.5)": f"{soft_s:.2f} s",
    }


def timed(work: Callable[[], object]) -> Callable[[], float]:
    def call() -> float:
        begun = time.perf_counter()
        work()
        return time.perf_counter() - begun

    return call


def in_turn(one: Callable[[], float], other: Callable[[], float]) -> tuple[float, float]:
    """Median seconds of both, which measure themselves, taken alternately."""
    pairs = [(one(), other()) for _ in range(ROUNDS + 1)][1:]  # the first warms up
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def picture(width: int, height: int, diameter: int) -> np.ndarray:
    """A grainy sky with a ball in its middle, (height, width, 3) uint8."""
    rng = np.random.default_rng(3)
    image = np.full((height, width, 3), (120, 140, 180), np.uint8)
    image[:] = image - np.linspace(0, 60, height).astype(np.uint8)[:, None, None]
    cv2.circle(image, (width // 2, height // 2), diameter // 2, (200, 60, 40), -1, cv2.LINE_AA)
    return cv2.add(image, rng.integers(0, 12, image.shape, np.uint8))


if __name__ == "__main__":
    sys.exit(main())
