"""Which object is meant, as the selected path or the selection says it; and masks as requests hold them."""

import hashlib
import zlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402  gi wants the versions first

from inference_server.shared.errors import wrong_input  # noqa: E402
from inference_server.shared.geometry import Box, Point, Window  # noqa: E402
from inference_server.shared.messages import Job, ObjectPrompt, Stroke  # noqa: E402
from inference_server.shared.text import tr  # noqa: E402

from .photo_layer import PhotoLayer  # noqa: E402
from .pixels import read_pixels, strips  # noqa: E402
from .visible import selected  # noqa: E402

HOW_TO_POINT = "Click on the object with the Paths tool (B), one anchor a click, or select it, and try again."


@dataclass(frozen=True, kw_only=True)
class ObjectTarget:
    """Which objects are meant, in the photo's own pixels: prompts, or what `mask` covers within `bounds`.

    prompts: one for each object.  mask: the selection, or a layer that holds a mask.  rough: whether the mask is only a
    hint at what is meant, beside the prompt; otherwise it is taken as it is, and there is no prompt.  strokes: drawn
    over these by hand.
    """

    prompts: tuple[ObjectPrompt, ...] = ()
    mask: Gimp.Drawable | None = None
    bounds: Window | None = None
    rough: bool = False
    strokes: tuple[Stroke, ...] = ()


def read_target(photo: PhotoLayer, job: Job) -> ObjectTarget:
    """What the selected path says or, with no path, the selection.  Raises UserError where neither says anything."""
    include, exclude = _paths(photo.image)
    prompt = _prompt(photo, include, exclude)
    if prompt:
        return ObjectTarget(prompts=(prompt,))
    bounds = _selected(photo)
    if bounds is None:
        raise wrong_input("Nothing says which object is meant: there is no path and no selection.", HOW_TO_POINT)
    selection = photo.image.get_selection()
    if job == Job.SELECT:
        x, y, width, height = bounds
        box = ObjectPrompt(box=(x, y, x + width, y + height))
        return ObjectTarget(prompts=(box,), mask=selection, rough=True)
    return ObjectTarget(mask=selection, bounds=bounds)


def read_mask(photo: PhotoLayer) -> ObjectTarget:
    """The selection or, where nothing is selected, the mask of the photo's layer, as it is.  Raises UserError where
    there is neither."""
    bounds = _selected(photo)
    if bounds:
        return ObjectTarget(mask=photo.image.get_selection(), bounds=bounds)
    mask = photo.layer.get_mask()
    if mask is None:
        raise wrong_input(
            "Nothing is selected, and the layer has no mask.", "Select what is meant, hair and all only roughly."
        )
    return ObjectTarget(mask=mask, bounds=Window(0, 0, photo.width, photo.height))


def _selected(photo: PhotoLayer) -> Window | None:
    """The part of the photo that the selection reaches; None where nothing is selected.  Raises UserError where it is
    outside the photo."""
    there = selected(photo.image)
    if there is None:
        return None
    bounds = there.seen_from(Window(*photo.offset, 0, 0)).intersection(Window(0, 0, photo.width, photo.height))
    if bounds is None:
        raise wrong_input("The selection is outside the layer.", "Select part of the layer, or another layer.")
    return bounds


# -- masks ------------------------------------------------------------------------------------------------------------


def window_mask(photo: PhotoLayer, mask: Gimp.Drawable, window: Window) -> Generator[None, None, bytes]:
    """What a mask covers of a window of the photo, uint8 (height, width), as a zlib stream; yields after each strip
    that was read."""
    packer, parts = zlib.compressobj(1), []
    x, y = _origin_in(mask, photo)
    for strip in strips(window):
        there = Window(x + strip.x, y + strip.y, strip.width, strip.height)
        parts.append(packer.compress(read_pixels(mask, there, 1.0, _mask_format(mask), Gegl.AbyssPolicy.NONE)))
        yield
    return b"".join(parts) + packer.flush()


def proxy_mask(photo: PhotoLayer, mask: Gimp.Drawable) -> bytes:
    """What a mask covers of the photo, uint8, of the size of the photo's proxy."""
    left, top = (round(offset * photo.proxy_scale) for offset in _origin_in(mask, photo))
    there = Window(left, top, *photo.proxy_size)
    return read_pixels(mask, there, photo.proxy_scale, _mask_format(mask), Gegl.AbyssPolicy.NONE)


def mask_digest(mask: Gimp.Layer) -> str:
    """A hash of a layer that holds a mask, which shows later whether somebody has painted on it."""
    whole = Window(0, 0, mask.get_width(), mask.get_height())
    return hashlib.sha256(read_pixels(mask, whole, 1.0, "Y' u8")).hexdigest()


def mask_bounds(photo: PhotoLayer, mask: Gimp.Layer) -> Window | None:
    """The part of the photo that a layer with a mask covers; None where it lies outside."""
    x, y = _origin_in(mask, photo)
    return Window(-x, -y, mask.get_width(), mask.get_height()).intersection(Window(0, 0, photo.width, photo.height))


def _origin_in(mask: Gimp.Drawable, photo: PhotoLayer) -> tuple[int, int]:
    """The photo's top left in the mask's pixels."""
    _, x, y = mask.get_offsets()
    return photo.offset[0] - x, photo.offset[1] - y


def _mask_format(mask: Gimp.Drawable) -> str:
    """The Babl format a mask's values are read in: a layer's as it has them, a channel's as they select."""
    if not isinstance(mask, Gimp.Layer):
        return "Y u8"
    return Babl.get_name(Babl.format_with_space("Y' u8", Babl.format_get_space(mask.get_format())))


# -- paths ------------------------------------------------------------------------------------------------------------


def _is_excluding(path: Gimp.Path) -> bool:
    name = path.get_name().strip().lower()
    return name.startswith(("-", "not"))


def _paths(image: Gimp.Image) -> tuple[list[Gimp.Path], list[Gimp.Path]]:
    """(paths with points on the object, paths with points on what to leave out).

    Leaving out goes by the name alone, pointing at the object by being selected.  Where only a path that leaves out is
    selected (usually the last one drawn), the topmost other path points at the object.
    """
    everything, selected = image.get_paths(), image.get_selected_paths()
    exclude = [path for path in everything if _is_excluding(path)]
    include = [path for path in selected if not _is_excluding(path)]
    if not include and selected:
        include = [path for path in everything if not _is_excluding(path)][:1]
    return include, exclude if include else []


def _prompt(photo: PhotoLayer, include: Sequence[Gimp.Path], exclude: Sequence[Gimp.Path]) -> ObjectPrompt | None:
    """The points and the box of paths; None where no anchor is on the object.  Raises UserError."""
    points, labels, boxes = _strokes(photo, include, exclude)
    if not boxes and 1 not in labels:
        return None
    for x, y in points:
        if not (0 <= x < photo.width and 0 <= y < photo.height):
            there = {"x": round(x + photo.offset[0]), "y": round(y + photo.offset[1])}
            raise wrong_input(
                tr("A click at {x}, {y} is outside the layer.", **there),
                "Move it onto the object, or select the layer it belongs to.",
            )
    if len(boxes) > 1:
        raise wrong_input("There are several boxes (closed strokes).", "Draw one box around one object.")
    return ObjectPrompt(points=tuple(points), labels=tuple(labels), box=boxes[0] if boxes else None)


def _strokes(
    photo: PhotoLayer, include: Sequence[Gimp.Path], exclude: Sequence[Gimp.Path]
) -> tuple[list[Point], list[int], list[Box]]:
    """The anchors of open strokes as points with their labels, and closed strokes around the object as boxes."""
    points: list[Point] = []
    labels: list[int] = []
    boxes: list[Box] = []
    for label, paths in ((1, include), (0, exclude)):
        for path in paths:
            for stroke in path.get_strokes():
                anchors, closed = _anchors(photo, path, stroke)
                if closed and label and len(anchors) > 1:
                    xs, ys = zip(*anchors, strict=True)
                    boxes.append((min(xs), min(ys), max(xs), max(ys)))
                else:
                    points += anchors
                    labels += [label] * len(anchors)
    return points, labels, boxes


def _anchors(photo: PhotoLayer, path: Gimp.Path, stroke: int) -> tuple[list[Point], bool]:
    """The anchors of one stroke, without their handles, in photo pixels, and whether it is closed."""
    _, numbers, closed = path.stroke_get_points(stroke)
    x_offset, y_offset = photo.offset
    return [(x - x_offset, y - y_offset) for x, y in zip(numbers[2::6], numbers[3::6], strict=True)], closed
