"""Which of several shapes beside an object is its shadow, if one of them is.  Pure functions.

Shapes come from two sides: dark pieces of the surroundings (`shadows`), and the object's outline laid on the ground
(`silhouettes`).  Each has odds of its own; which one it is shows in what they say of each other, and in how the light
falls along its edge (`shadow_edges`).

One of them is the shadow, or none: a conditional logit (McFadden 1974, "Conditional logit analysis of qualitative
choice behavior", section II), in which “none” has odds of 1, weighs all that against the others
(bench/fit/shadow_ranking.py).  Many of the shapes are much the same, so that the odds are divided among them: what is
taken is the shape with the most of them around it, not the one that has the most by itself.
"""

from typing import NamedTuple

import numpy as np

from ..imaging.products import matmul
from . import shadow_edges
from .shadow_edges import DEEPEST, Lighting

UPPER = 0.6  # of the object's height, from its top: a shadow that lies beside this is none
LEAST = 30  # pixels of a shape
SAME, SHARE = 0.35, 0.3  # the IoU of shapes that are much the same, and the share of their votes that a pixel needs
ODDS = (-12.0, 8.0)  # odds, as logarithms, beyond which they say no more
CERTAIN = 2.0  # odds of a dark piece, as a logarithm, from which it may be certain by itself


class Signs(NamedTuple):
    """What speaks for a shape, or against it."""

    alike: float  # the odds of the laid outline that is most like it, from the least on, times the IoU with it
    agreed: float  # its IoU with all outlines, the likelier ones weighing more
    dark: float  # the odds of the dark piece that is most like it …
    certain: float  # … and how much more they are than CERTAIN, times the IoU with it
    above: float  # the share of it that lies beside the object's upper part
    support: float  # this and the next six: `shadow_edges.EdgeSigns`
    fall: float
    red: float
    green: float
    spread: float
    step: float
    length: float


class Shapes(NamedTuple):
    """n laid outlines, then m dark pieces.

    whole: (n + m, h, w) bool, as they were found; taken: (n + m, h, w) bool, what would be taken of them.  laid: (n,),
    dark: (m,), their odds, as logarithms.
    """

    whole: np.ndarray
    taken: np.ndarray
    laid: np.ndarray
    dark: np.ndarray


BIAS = -6.37
WEIGHTS = Signs(
    alike=0.339,
    agreed=3.09,
    dark=0.128,
    certain=0.571,
    above=-9.36,
    support=6.94,
    fall=1.6,
    red=-1.36,
    green=-1.79,
    spread=3.39,
    step=-5.76,
    length=0.508,
)


def likeliest(near: Lighting, shapes: Shapes) -> tuple[np.ndarray, float] | None:
    """The likeliest shape (h, w) bool, and its odds, as `voted` has them; None where no shape can be compared."""
    found = signs(near, shapes)
    if not found:
        return None
    odds = np.array([BIAS + float(np.dot(WEIGHTS, seen)) for seen in found.values()])
    return voted(shapes.taken[list(found)] & (near.free > 0), odds)


def voted(taken: np.ndarray, odds: np.ndarray) -> tuple[np.ndarray, float]:
    """Of shapes (n, h, w) bool with these odds (n,) against none, as logarithms, the likeliest, and its odds.

    Those that are much the same count together: the shape is taken around which most is likely, not the one that is
    likeliest by itself, and where it ends is put to a vote of those that count with it.
    """
    weights, alike = np.exp(odds), _overlaps(taken) >= SAME
    counted = weights * alike[np.argmax(alike @ weights)]
    votes = sum(counted[k] * taken[k] for k in np.flatnonzero(counted))
    return votes > SHARE * counted.sum(), float(np.log(counted.sum()))


def signs(near: Lighting, shapes: Shapes) -> dict[int, Signs]:
    """The signs of each shape that can be compared, by its number."""
    if not len(shapes.taken):
        return {}
    outlines, overlaps = len(shapes.laid), _overlaps(shapes.whole)
    likely = np.exp(shapes.laid - shapes.laid.max(initial=0.0))
    found = {}
    for k, shape in enumerate(shapes.taken):
        edge = shadow_edges.edge_signs(near, shape) if np.count_nonzero(shape) >= LEAST else None
        if edge is None or edge.step > DEEPEST:
            continue
        laid, dark = overlaps[k, :outlines], overlaps[k, outlines:]
        one = k if k < outlines else int(np.argmax(laid)) if outlines else None
        odds = ODDS[0] if one is None else float(np.clip(shapes.laid[one], *ODDS))
        piece = float(np.clip(shapes.dark[np.argmax(dark)], *ODDS)) if len(dark) else ODDS[0]
        upper = shape[: round(near.bounds.y + UPPER * near.bounds.height)]
        found[k] = Signs(
            alike=0.0 if one is None else (odds - ODDS[0]) * float(laid[one]),
            agreed=float(likely @ laid / max(likely.sum(), 1e-9)),
            dark=piece,
            certain=max(0.0, piece - CERTAIN) * float(dark.max(initial=0.0)),
            above=float(upper.sum() / shape.sum()),
            **edge._asdict(),
        )
    return found


def _overlaps(shapes: np.ndarray) -> np.ndarray:
    """The IoU (n, n) of shapes (n, h, w) bool with each other, from every other row and column."""
    flat = shapes[:, ::2, ::2].reshape(len(shapes), -1).astype(np.float32)
    both, areas = matmul(flat, flat.T), flat.sum(axis=1)
    return both / np.maximum(areas[:, None] + areas - both, 1)
