"""Asking what may be meant, and what is answered, as pictures."""

import numpy as np

from inference_server.imaging.pixels import to_proxy
from inference_server.serve.dispatch import perform
from inference_server.shared import messages
from inference_server.shared.geometry import Window
from inference_server.shared.messages import ImageRef, ObjectPrompt
from inference_server.shared.wire import attach, extract

CLICK = (322, 200)  # on the rocket in the photograph that install.py brings
POINTED = ObjectPrompt((CLICK,), (1,))
WITHOUT = ObjectPrompt((CLICK, (300, 420)), (1, 0))


def ask(engine, message, frames=(), cancelled=lambda: False):
    """All the answers, each with its frames."""
    answers = []
    last = perform(engine, message, frames, lambda *_: None, cancelled, lambda *some: answers.append(some))
    return [*answers, last]


def described(image):
    """A photo as a client describes it, and the frame its proxy is in."""
    proxy, frames = to_proxy(image), []
    height, width = proxy.shape[:2]
    key = messages.image_key(width, height, proxy.tobytes())
    raster = attach(frames, width, height, 3, "uint8", proxy.tobytes())
    return ImageRef(image.shape[1], image.shape[0], key, raster), frames


def hint(mask, frames):
    return attach(frames, mask.shape[1], mask.shape[0], 1, "uint8", mask.tobytes(), pack=True)


def drawn(answer, size):
    """The masks (h, w) uint8 of an answer, in a proxy of this (width, height)."""
    found, frames = answer
    planes = []
    for shape in found.shapes:
        plane, place = np.zeros(size[::-1], np.uint8), Window(*shape.place)
        part = np.frombuffer(extract(shape.mask, frames), np.uint8)
        plane[place.slices] = part.reshape(place.height, place.width)
        planes.append(plane)
    return planes


def overlap(a, b):
    a, b = a > 127, b > 127
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)
