"""What a person means by a mask that was painted in some program.

A picture without transparency is the mask itself: its brightest channel, bright = the object.  With transparency it is

- a shape painted on nothing, in one colour: what is opaque is the object;
- black and white, partly transparent: what is transparent is not the object either;
- a photo with a hole erased in it: what is transparent is the object;
- a photo's object cut out, so that most of the picture's border is transparent: what is opaque is the object.
"""

from collections.abc import Callable

import cv2
import numpy as np
import pyvips

PLAIN = 24  # levels of 255 by which colours may differ that are meant to be the same
VISIBLE = 127  # a pixel's opacity, of 255, over which its colour counts
CUT_OUT = 0.5  # share of the border that is transparent around an object that was cut out
BLACK, WHITE = 32, 223  # levels of 255; between them is grey
MOST_GREY = 0.2  # share of the visible pixels that are grey in a picture that is meant as black and white
LARGEST = {"uchar": 255.0, "ushort": 65535.0, "uint": 4294967295.0, "float": 1.0}

Load = Callable[[], pyvips.Image]


def mask_of(load: Load) -> tuple[np.ndarray, list[str]]:
    """The mask (H, W) uint8 as stored, 255 = the object, and notes that follow the file's name.

    load: gives the picture anew each time, because it is decoded while it is read.  Takes one byte a pixel, or two
    where there is transparency.
    """
    image = load()
    colours = _colours(image)
    if image.interpretation == "cmyk" or image.bands == colours:
        return _from_brightness(load)
    opacity = _in_8_bits(image[colours], LARGEST[image.format])
    return _from_opacity(load, opacity) if opacity.min() < 255 else _from_brightness(load)


def _from_brightness(load: Load) -> tuple[np.ndarray, list[str]]:
    """The mask by its values.  What cannot be the file's own white is stretched: 0 and 1, or 0 to 255 in 16 bits."""
    image = load()
    white = LARGEST[image.format]
    if white == 255:
        mask = _in_8_bits(_extreme(image, brightest=True), white)
        return (mask * np.uint8(255) if mask.max() == 1 else mask), []
    highest = float(_extreme(load(), brightest=True).max())
    known = 1.0 if highest <= 1 else 255.0 if highest <= 255 else max(white, highest)
    notes = [f"has no value over {highest:g}; {known:g} was taken for white"] if known != white and highest else []
    return _in_8_bits(_extreme(image, brightest=True), known), notes


def _from_opacity(load: Load, opacity: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The mask in a picture with this opacity (H, W) uint8."""
    image = load()
    spread, is_plain = _visible_colours(image, opacity)
    if is_plain:
        return opacity, ["has a shape on a transparent ground; the shape was taken for the object"]
    if spread <= PLAIN:
        again = load()
        brightness = _in_8_bits(_extreme(again, brightest=True), LARGEST[again.format])
        if _is_black_and_white(brightness, opacity):
            return cv2.min(brightness, opacity), ["has transparent parts; they were taken for the background"]
    border = np.concatenate([opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1]])
    if np.count_nonzero(border <= VISIBLE) > CUT_OUT * border.size:
        return opacity, ["is a picture on a transparent ground; what is opaque was taken for the object"]
    return np.uint8(255) - opacity, ["is a picture with a transparent hole; the hole was taken for the object"]


def _visible_colours(image: pyvips.Image, opacity: np.ndarray) -> tuple[float, bool]:
    """How far the channels of the visible pixels differ at most, of 255; and whether these are all of one colour."""
    colours = _colours(image)
    seen = pyvips.Image.new_from_array(opacity, interpretation="b-w") > VISIBLE
    colour = _to_8_bits(image[:colours] if colours > 1 else image[0], LARGEST[image.format])
    spread = _extreme(colour, brightest=True) - _extreme(colour, brightest=False)
    low, high = seen.ifthenelse(colour, 255), seen.ifthenelse(colour, 0)
    stats = low.bandjoin([high, seen.ifthenelse(spread, 0)]).stats()  # a row of all bands, then one for each
    lowest = [stats(0, 1 + k)[0] for k in range(colours)]
    highest = [stats(1, 1 + colours + k)[0] for k in range(colours)]
    is_plain = all(most - least <= PLAIN for least, most in zip(lowest, highest, strict=True))
    return stats(1, 1 + 2 * colours)[0], is_plain


def _is_black_and_white(brightness: np.ndarray, opacity: np.ndarray) -> bool:
    seen = cv2.inRange(opacity, VISIBLE + 1, 255)
    grey = cv2.countNonZero(cv2.bitwise_and(cv2.inRange(brightness, BLACK, WHITE), seen))
    return grey <= MOST_GREY * max(1, cv2.countNonZero(seen))


def _colours(image: pyvips.Image) -> int:
    return 1 if image.bands < 3 or image.interpretation in ("b-w", "grey16") else 3


def _extreme(image: pyvips.Image, *, brightest: bool) -> pyvips.Image:
    """The largest or the smallest of each pixel's colour channels."""
    if image.interpretation == "cmyk":
        image = image.colourspace("srgb")
    colours = _colours(image)
    if colours == 1:
        return image[0]
    return image[0].bandrank([image[1], image[2]], index=2 if brightest else 0)


def _to_8_bits(image: pyvips.Image, white: float) -> pyvips.Image:
    return image if image.format == "uchar" else (image * (255 / white) + 0.5).cast("uchar")


def _in_8_bits(image: pyvips.Image, white: float) -> np.ndarray:
    """The pixels (H, W) uint8 of an image of one channel, of whose values `white` becomes 255."""
    return _to_8_bits(image, white).numpy().reshape(image.height, image.width)
