"""A short prompt helped.  The paper's third lesson: "prompt matters" (Yu et al. 2023, section 3.3).

What is added is kept apart from what the person wrote, so that it can be shown and switched off.
"""

from typing import NamedTuple

import cv2
import numpy as np

from .diffusion.families import Family

LONG = 12  # words: who writes as many knows what they want
CONTEXT = "the same place, nothing else"  # what an empty prompt asks for: go on as the surroundings do

GREY, DARK, BRIGHT = 0.06, 0.18, 0.8  # how colourful for its light; median lightness
WARM = 0.25  # of the light: how much more red than blue


class Prompt(NamedTuple):
    """positive: what to paint, as the model is told; negative: what not to."""

    positive: str
    negative: str = ""


def helped(prompt: str, avoid: str, help_prompt: bool, family: Family, photo: np.ndarray) -> Prompt:
    """What the model is told for a person's `prompt` and `avoid`.

    photo: (h, w, 3) uint8, a small version of what is around.  Without help_prompt their own words alone.  A long
    prompt is left as it is; an empty one says that the surroundings go on.
    """
    own = prompt.strip()
    if not help_prompt:
        return Prompt(own, avoid.strip() if family.avoid else "")
    seen = look(photo)
    if not own:
        own = ", ".join((CONTEXT, *seen))
        text = f"{family.before}{own}"
    elif len(own.split()) > LONG:
        text = own
    else:
        before = "" if own.lower().startswith(("a photo", "photo", "an image", "a picture")) else family.before
        text = before + ", ".join((own.rstrip("."), *seen)) + family.after
    return Prompt(text, ", ".join(filter(None, (avoid.strip(), family.avoid))) if family.avoid else "")


def look(photo: np.ndarray) -> list[str]:
    """What a photo (h, w, 3) uint8 looks like, in words; none where nothing is out of the ordinary."""
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
