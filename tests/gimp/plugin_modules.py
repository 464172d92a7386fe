"""What the tests of the plug-in's own modules do inside GIMP; as scenarios.py, whose functions it uses.

The modules are imported from the profile's plug-in, as the plug-in itself does.
"""

import json
import math
import os
import sys
import threading
import zlib
from pathlib import Path

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp  # noqa: E402  gi wants the version first

PLUG_IN = Path(os.environ["GIMP3_DIRECTORY"], "plug-ins", "inpaint-anything")
sys.path[:0] = [str(Path(__file__).parent), str(PLUG_IN)]
from inpaint_anything import arguments, expand_settings, job_settings  # noqa: E402
from inpaint_anything.image import background, last_settings, photo_layer, previous_job  # noqa: E402
from inpaint_anything.image.layers import JobResult, ResultLayers  # noqa: E402
from inpaint_anything.image.notes import PaintedWith  # noqa: E402
from inpaint_anything.image.target import ObjectTarget, window_mask  # noqa: E402
from inpaint_anything.job_settings import JobSettings, Source  # noqa: E402
from scenarios import composite, draw_path, find, fingerprint, open_photo, pixels, state, tree  # noqa: E402

from inference_server.shared.errors import UserError  # noqa: E402
from inference_server.shared.geometry import Window  # noqa: E402
from inference_server.shared.messages import Job, Quality  # noqa: E402

PARASITE = "inpaint-anything-job"
SQUARE, OBJECT = Window(100, 200, 20, 20), Window(90, 60, 80, 50)  # of the photo
AT = {"inside": (110, 210), "outside": (150, 210)}


def main(scenario, photo, **arguments):
    """What the scenario of this name returns."""
    return globals()[scenario](photo, **arguments)


def note(item, content):
    """Attach the note of an older version."""
    item.attach_parasite(Gimp.Parasite.new(PARASITE, Gimp.PARASITE_PERSISTENT, list(content.encode())))


def seen_of(settings):
    """Settings as JSON and, of those that `to_json` makes strings of, the types."""
    kinds = {name: type(getattr(settings, name)).__name__ for name in ("quality", "background", "photo", "colour")}
    return {"settings": job_settings.to_json(settings), "kinds": kinds}


def documents_of_before(photo, notes):
    """Open the jobs whose groups have these notes: the settings and prompt of each, or why it cannot be opened."""
    found = []
    for content in notes:
        image, layer = open_photo(photo)
        group = Gimp.GroupLayer.new(image, "Former")
        image.insert_layer(group, None, 0)
        note(group, content.replace('"tattoo": 0', f'"tattoo": {layer.get_tattoo()}'))
        try:
            previous = previous_job.previous_job(image, [group])
        except Exception as error:
            found.append(str(error))
            continue
        (prompt,) = previous.target.prompts
        found.append(
            {
                **seen_of(previous.settings),
                "job": previous.settings.job,
                "layer": previous.photo.layer == layer,
                "prompt": [prompt.points, prompt.labels, prompt.box, prompt.chosen],
            }
        )
        image.delete()
    return found


def last_settings_of_before(_photo, content):
    """The settings last used, as an older version has written them; and what is in the file after one is changed."""
    file = Path(Gimp.directory(), last_settings.FILE)
    file.write_text(content, "utf-8")
    before = {job.value: seen_of(last_settings.last(job)) for job in Job}
    last_settings.keep(last_settings.last(Job.REMOVE))
    written = json.loads(file.read_text("utf-8"))
    window = [last_settings.window_size(), last_settings.shows_more(), last_settings.tint()]
    last_settings.keep_window((900, 700), (0.0, 1.0, 0.25, 0.5), shows_more=True)
    kept = [last_settings.window_size(), last_settings.shows_more(), last_settings.tint()]
    return {"read": before, "written": written, "window": window, "window kept": kept}


def settings_through_a_config(_photo):
    """Whether settings come back from a config they were put into, and which choices GIMP has that no type knows."""
    config = job_settings.create_config(Job.REPLACE)
    config.set_property("quality", "best")
    config.set_property("feather", 4)
    config.set_property("second-colour", job_settings.Gegl.Color.new("#102030"))
    settings, other = job_settings.read(Job.REPLACE, config), job_settings.create_config(Job.REPLACE)
    job_settings.write(settings, other)
    again, behind = job_settings.read(Job.REPLACE, other), arguments.NEEDED["background"]
    return {
        "same": job_settings.to_json(again) == job_settings.to_json(settings),
        "settings": job_settings.to_json(again),
        "jobs": set(arguments.ARGUMENTS) == {*Job, expand_settings.NAME},
        "qualities": list(arguments.QUALITIES) == list(Quality),
        "methods": list(arguments.METHODS) == list(job_settings.Method) == list(job_settings.MODELS),
        "sources": list(arguments.SOURCES) == list(job_settings.Source),
        "targets": list(arguments.SELECTION_TARGETS) == list(job_settings.SelectionTarget),
        "backgrounds": list(arguments.BACKGROUNDS) == list(job_settings.BackgroundKind) == list(behind),
    }


def composed_on_another_thread(photo, **preparation):
    """A photo with a black result, composed on another thread while GIMP cannot answer: the image is gone.

    Returns the photo's format as GIMP and as the photo has it, and the composed pixel (B, G, R) in the result's middle
    and that beside it, each with what was there before.
    """
    from inpaint_anything.dialog import pictures

    image, layer = open_photo(photo, **preparation)
    there = photo_layer.PhotoLayer.of(image, [layer], job_settings.Source.LAYER)
    before, expected = pictures.proxy_picture(there), photo_layer.Babl.get_name(layer.get_format())
    window, opaque = Window(100, 200, 20, 20), b"\xff" * (there.depth.size * layer.has_alpha())
    result = JobResult(
        window=window,
        score=1.0,
        mask=b"\xff" * window.area,
        pixels=window.area * (bytes(there.depth.size * (1 if there.grey else 3)) + opaque),
        alpha=b"\xff" * window.area,
    )
    image.delete()
    composed = []
    thread = threading.Thread(target=lambda: composed.append(pictures.ComposedResult(there, before, result)))
    thread.start()
    thread.join()

    def pixel(surface, x, y):
        at = y * surface.get_stride() + 4 * x
        return list(bytes(surface.get_data())[at : at + 3])

    seen = {name: [pixel(each, *at) for each in (before, composed[0].whole)] for name, at in AT.items()}
    return {**seen, "formats": [expected, there.pixel_format]}


def mask_read_again(photo, **preparation):
    """The 256 values of a mask, as they are read of the layer that holds it."""
    image, layer = open_photo(photo, **preparation)
    there, window = photo_layer.PhotoLayer.of(image, [layer], Source.LAYER), Window(100, 200, 16, 16)
    group = do_job(there, "remove", window=window, mask=bytes(range(256)))
    (held,) = (each for each in group.get_children() if each.get_name() == "Mask")
    reading = window_mask(there, held, window)
    try:
        while True:
            next(reading)
    except StopIteration as read:
        return list(zlib.decompress(read.value))


def do_job(there, job, previous=None, seeds=(0,), window=SQUARE, mask=None, **settings):
    """Put white results of a job into the image of a `PhotoLayer`, as if it had been done; gives its group.

    mask: of the window, uint8; all of it where there is none.
    """
    kinds = {
        "background": job_settings.BackgroundKind,
        "photo": job_settings.Gio.File.new_for_path,
        "reference": job_settings.Gio.File.new_for_path,
        "result_as": job_settings.SelectionTarget,
    }
    made = JobSettings(job=Job(job), **{name: kinds.get(name, str)(value) for name, value in settings.items()})
    white = b"\xff" * window.area
    with ResultLayers(there, made, ObjectTarget(), previous=previous) as layers:
        for seed in seeds:
            painted = PaintedWith(seed=seed, prompt="", negative="", model="", quality=Quality.FAST)
            layers.add(
                JobResult(
                    window=window,
                    score=1.0,
                    mask=mask or white,
                    pixels=None if job == "select" else 3 * white,
                    alpha=None if job == "select" else white,
                    painted_with=painted if made.paints else None,
                )
            )
    return layers.group


def names_of_jobs(photo, steps):
    """The names of the groups of several jobs done one after the other on one image, and of the layers in them."""
    image, layer = open_photo(photo)
    there = photo_layer.PhotoLayer.of(image, [layer], Source.LAYER)
    groups = [do_job(there, **step) for step in steps]
    return [[group.get_name(), *(each.get_name() for each in group.get_children())] for group in groups]


def names_after_edits(photo, before, edits, renamed=None, former=None):
    """The names that a job's group has, at first and after each of several edits; then those of all layers.

    renamed: what the person calls it before the first edit.  former: its name and note, where an older version made it.
    """
    image, layer = open_photo(photo)
    there = photo_layer.PhotoLayer.of(image, [layer], Source.LAYER)
    group = do_job(there, **before)
    if former:
        group.set_name(former[0])
        note(group, former[1])
    if renamed:
        group.set_name(renamed)
    names = [group.get_name()]
    for edit in edits:
        group = do_job(there, previous=group, **edit)
        names.append(group.get_name())
    return [names, [each.get_name() for each in image.get_layers()]]


def picture_behind(photo, picture, opaque, placed, seen):
    """A picture of two layers, saved as `picture` and read to come behind the photo, compared with what it shows.

    opaque: whether its lower layer covers all of it.  placed: settings that say where it lies; seen: x, y, width and
    height of the part that is seen then.
    """
    image, layer = open_photo(photo)
    two, lower = open_photo(photo)
    if not opaque:
        lower.resize(400, 300, -50, -40)
    upper = Gimp.Layer.new(two, "Pale", 300, 200, Gimp.ImageType.RGBA_IMAGE, 50, Gimp.LayerMode.NORMAL)
    two.insert_layer(upper, None, 0)
    upper.fill(Gimp.FillType.WHITE)
    there = job_settings.Gio.File.new_for_path(picture)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, two, there, None)
    settings = JobSettings(job=Job.REPLACE, background=job_settings.BackgroundKind.PHOTO, photo=there, **placed)
    images, frames = len(Gimp.get_images()), []
    before = photo_layer.PhotoLayer.of(image, [layer], Source.LAYER)
    read = background.read_background(before, settings, frames)
    left = len(Gimp.get_images()) - images
    if settings.photo_flip:
        two.flip(Gimp.OrientationType.HORIZONTAL)
    expected = pixels(composite(two), Babl.get_name(before.colour_format(alpha=not opaque)))
    x, y, width, height = seen
    channels, row = read.picture.channels, read.picture.channels * two.get_width()
    starts = [(y + k) * row + x * channels for k in range(height)]
    expected = b"".join(bytes(expected[start : start + width * channels]) for start in starts)
    return {
        "channels": read.picture.channels,
        "size": [read.picture.width, read.picture.height],
        "differing": differing(bytes(frames[read.picture.frame]), expected, 1),
        "images left": left,
    }


def upright_behind(photo, picture):
    """The size of a picture as it comes behind a photo, colours on its left and right, and its size as the dialog shows
    it, at the same height."""
    from inpaint_anything.dialog import backgrounds

    image, layer = open_photo(photo)
    there = job_settings.Gio.File.new_for_path(picture)
    settings = JobSettings(job=Job.REPLACE, background=job_settings.BackgroundKind.PHOTO, photo=there)
    frames = []
    before = photo_layer.PhotoLayer.of(image, [layer], Source.LAYER)
    raster = background.read_background(before, settings, frames).picture
    read, row = bytes(frames[raster.frame]), raster.width * raster.channels
    width, height = backgrounds.photo_behind(there.get_uri()).size
    return {
        "size": [raster.width, raster.height],
        "left": list(read[10 * row + 15 :][:3]),
        "right": list(read[10 * row + 150 :][:3]),
        "shown": [round(width * raster.height / height), raster.height],
    }


def help_shown(_photo, page):
    """Open a help page: "", or why that could not be done."""
    from inpaint_anything import help as pages

    try:
        pages.show(pages.Page(page))
    except UserError as error:
        return str(error)
    return ""


# -- what becomes of an object that is selected


def disc(width, height, soft=6):
    """A mask, uint8: an ellipse whose edge falls over about `soft` pixels."""
    values = bytearray()
    for y in range(height):
        for x in range(width):
            away = math.hypot((x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5) * min(width, height)
            values.append(round(255 * min(1, max(0, (min(width, height) / 2 - away) / soft))))
    return bytes(values)


def select_as(photo, target, selection=None, masked=False, covered=False, both=False, offset=(0, 0), **preparation):
    """Select an ellipse with one of the targets; a path, and perhaps a rectangle, are selected before.

    masked: whether the layer has a layer mask.  covered: whether another layer is visible above it, so that the photo
    is a copy of what is visible.  both: whether that is selected too.  offset: where the layer begins.  wrong: see
    SELECTED_AS.
    """
    image, layer = open_photo(photo, **preparation)
    layer.set_offsets(*offset)
    clicks = draw_path(image, [(10, 10)])
    if covered:
        text = Gimp.Layer.new(image, "Text", 10, 10, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
        image.insert_layer(text, None, 0)
    image.set_selected_layers(image.get_layers() if both else [layer])
    if selection:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, *selection)
    if masked:
        layer.add_mask(layer.create_mask(Gimp.AddMaskType.WHITE))
    before, untouched, selected = pixels(image.get_selection(), "Y u8"), fingerprint(layer), state(image)
    there = photo_layer.PhotoLayer.of(image, [layer], Source.VISIBLE if covered else Source.LAYER)
    mask = disc(OBJECT.width, OBJECT.height)
    try:
        group = do_job(there, "select", window=OBJECT, mask=mask, result_as=target)
    except UserError as error:
        return {"sentence": str(error), "unchanged": fingerprint(layer) == untouched and state(image) == selected}
    return {
        "unchanged": fingerprint(layer) == untouched,
        "group": tree([group])[0],
        "masked": bool(layer.get_mask()),
        "channels": [[each.get_name(), each.get_visible()] for each in image.get_channels()],
        "paths": [each.get_name() for each in image.get_paths()],
        "selected": image.get_selected_paths() == [clicks] and image.get_selected_layers() == [layer],
        "same selection": pixels(image.get_selection(), "Y u8") == before,
        "wrong": SELECTED_AS[target](image, layer, in_image(image, layer, mask), before),
    }


def in_image(image, layer, mask):
    """The ellipse's mask as it lies in the image, uint8 of the image's size."""
    (_, x, y), width = layer.get_offsets(), image.get_width()
    whole = bytearray(width * image.get_height())
    for v in range(OBJECT.height):
        for u in range(OBJECT.width):
            across, down = x + OBJECT.x + u, y + OBJECT.y + v
            if 0 <= across < width and 0 <= down < image.get_height():
                whole[down * width + across] = mask[v * OBJECT.width + u]
    return bytes(whole)


def differing(one, other, tolerance=0):
    return sum(abs(a - b) > tolerance for a, b in zip(one, other, strict=True))


def selection_of(image):
    return pixels(image.get_selection(), "Y u8")


def stored(channel):
    """The values of a channel as it stores them, which is as it selects."""
    return pixels(channel, f"{Babl.get_name(channel.get_format()).split()[0]} u8")


def wrong_in_a_path(image, _layer, mask, _before):
    """Per cent of what the path and the mask cover together that only one covers."""
    image.select_item(Gimp.ChannelOps.REPLACE, image.get_paths()[0])
    pairs = [(a > 127, b > 127) for a, b in zip(selection_of(image), mask, strict=True)]
    return 100 * sum(a != b for a, b in pairs) / sum(a or b for a, b in pairs)


def wrong_in_a_layer_mask(image, layer, mask, _before):
    _, x, y = layer.get_offsets()
    there = Gegl.Rectangle.new(-x, -y, image.get_width(), image.get_height())
    return differing(bytes(layer.get_mask().get_buffer().get(there, 1.0, "Y u8", Gegl.AbyssPolicy.NONE)), mask)


def wrong_in_a_cut_out(image, layer, mask, _before):
    """Values of alpha, and of the colours where it is opaque, that the cut-out layer holds otherwise than it must."""
    (_, x, y), (_, left, top) = find(image.get_layers(), "Object").get_offsets(), layer.get_offsets()

    def shown(which, x, y):
        there = Gegl.Rectangle.new(-x, -y, image.get_width(), image.get_height())
        return bytes(which.get_buffer().get(there, 1.0, "R'G'B'A u8", Gegl.AbyssPolicy.NONE))

    cut_out, whole = shown(find(image.get_layers(), "Object"), x, y), shown(layer, left, top)
    opaque = [4 * k for k, value in enumerate(mask) if value == 255]
    # In 8 bits, of which float may come a level apart with alpha and without.
    colours = sum(differing(cut_out[at : at + 3], whole[at : at + 3], 1) for at in opaque)
    return differing(cut_out[3::4], mask) + colours


# What became of the object, compared with its mask and what was selected before: how many pixels are wrong.
SELECTED_AS = {
    "replace": lambda image, _layer, mask, _before: differing(selection_of(image), mask),
    "add": lambda image, _layer, mask, before: differing(selection_of(image), map(max, mask, before)),
    "subtract": lambda image, _layer, mask, before: differing(
        selection_of(image), (max(0, was - value) for was, value in zip(before, mask, strict=True))
    ),
    "intersect": lambda image, _layer, mask, before: differing(selection_of(image), map(min, mask, before)),
    "layer-mask": wrong_in_a_layer_mask,
    "channel": lambda image, _layer, mask, _before: differing(stored(image.get_channels()[0]), mask),
    "path": wrong_in_a_path,
    "layer": wrong_in_a_cut_out,
}
