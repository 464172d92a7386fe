"""Expanding a short prompt.  The paper's third lesson: "prompt matters" (Yu et al. 2023, section 3.3).

The dialog shows the expanded prompt, and expanding can be switched off.
"""

from typing import NamedTuple

import cv2
import numpy as np

from ..shared.messages import PaintOptions
from .diffusion.families import Family, Preset

LONG = 12  # words: who writes as many knows what they want
GREY, DARK, BRIGHT = 0.06, 0.18, 0.8  # how colourful for its light; median lightness
WARM = 0.25  # of the light: how much more red than blue


class Prompt(NamedTuple):
    """What a model is given.  positive: what to paint; negative: what not to."""

    positive: str
    negative: str = ""


def expand(
    paint: PaintOptions, family: Family, preset: Preset, proxy: np.ndarray, *, has_reference: bool = False
) -> Prompt:
    """The prompt a model is given for a person's `paint.prompt` and `paint.negative`.

    preset: of the family; without guidance nothing that is to be avoided counts, and nothing is said of it.  proxy:
    (h, w, 3) uint8, a small version of the image.  Without `paint.help_prompt` it has the person's words alone.
    A long prompt is left as it is; an empty one asks that the surroundings go on or, where the model is shown a picture
    (has_reference), for what that shows.
    """
    own = paint.prompt.strip()
    avoids = bool(family.avoid) and preset.guidance > 1
    if not paint.help_prompt:
        return Prompt(own, paint.negative.strip() if avoids else "")
    described = [] if family.edits else describe_light(proxy)  # which sees it, and is told what to change
    if not own and has_reference:
        text = ", ".join((family.like, *described))
    elif not own:
        own = ", ".join((family.goes_on, *described))
        text = f"{family.before}{own}"
    elif len(own.split()) > LONG:
        text = own
    else:
        before = "" if own.lower().startswith(("a photo", "photo", "an image", "a picture")) else family.before
        text = before + ", ".join((own.rstrip("."), *described)) + family.after
    return Prompt(text, ", ".join(filter(str.strip, (paint.negative.strip(), family.avoid))) if avoids else "")


def describe_light(photo: np.ndarray) -> list[str]:
    """Words for the colour and light of a photo (h, w, 3) uint8; none where nothing is out of the ordinary."""
    small = cv2.resize(photo, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32).reshape(-1, 3) / 255
    lightness = float(np.median(small @ np.array((0.2126, 0.7152, 0.0722), np.float32)))
    words = []
    light = max(float(np.mean(small)), 0.02)
    if float(np.mean(np.max(small, axis=1) - np.min(small, axis=1))) < GREY * light:
        words.append("black and white")
    elif float(np.mean(small[:, 0] - small[:, 2])) > WARM * light:
        words.append("warm light")
    if lightness < DARK:
        words.append("in the dark")
    elif lightness > BRIGHT:
        words.append("bright")
    return words
