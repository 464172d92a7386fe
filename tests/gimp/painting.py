"""Scenarios of the tests of Fill and Replace; as scenarios.py, whose functions it uses."""

import hashlib
import json
import sys
import time
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402  gi wants the versions first

sys.path.insert(0, str(Path(__file__).parent))
from scenarios import (  # noqa: E402
    ROCKET,
    call,
    changes,
    composite,
    draw_path,
    find,
    fingerprint,
    open_photo,
    pixels,
    state,
    tree,
)


def main(scenario, **arguments):
    return globals()[scenario](**arguments)


def each(scenario_of_each, variants, photo):
    """What one scenario returns for each of several variants of its arguments."""
    return [main(scenario_of_each, photo=photo, **variant) for variant in variants]


def ready(settings):
    """Settings as GIMP takes them: with files and colours instead of strings."""
    kinds = {"photo": Gio.File.new_for_path, "colour": Gegl.Color.new}
    kinds |= {"reference": kinds["photo"], "second-colour": kinds["colour"]}
    return {name: kinds.get(name, lambda same: same)(value) for name, value in (settings or {}).items()}


def noted(layer):
    """The note on a layer, None where there is none."""
    parasite = layer.get_parasite("inpaint-anything-job")
    return json.loads(bytes(parasite.get_data())) if parasite else None


def paint(photo, job, settings=None, click=ROCKET, offset=None, folder=None, **preparation):
    """Fill or replace; returns the layers that came, each result's name, note and pixels, and how the picture changed.

    folder: where the picture, as shown, goes as after.png, and as R'G'B' u8 with its size.
    """
    image, layer = open_photo(photo, **preparation)
    if offset:
        layer.set_offsets(*offset)
        click = [c + o for c, o in zip(click, offset, strict=True)]
    draw_path(image, [click])
    before, shown_before, images = fingerprint(layer), pixels(composite(image), "R'G'B'A float"), len(Gimp.get_images())
    answer = call(image, job, [layer], **ready(settings))
    seen = {"answer": answer, "unchanged": fingerprint(layer) == before, "layers": tree(image.get_layers())}
    seen["images left"] = len(Gimp.get_images()) - images
    if answer["status"] != "success":
        return seen
    group = find(image.get_layers(), answer["group"])
    results = [each for each in group.get_children() if each.get_name().startswith("Result")]
    seen["results"] = [
        [each.get_name(), noted(each), hashlib.sha256(pixels(each)).hexdigest(), each.get_visible()] for each in results
    ]
    seen["group"] = noted(group)
    shown = composite(image)
    seen |= changes(image, results[0].get_mask(), shown_before, pixels(shown, "R'G'B'A float"))
    seen["kept pixels"] = layer.get_width() * layer.get_height() - seen["changed pixels"]
    width, height = image.get_width(), image.get_height()
    rows = pixels(shown, "R'G'B' u8")
    seen["corners"] = [list(rows[at : at + 3]) for at in (0, 3 * (width * height - 1))]
    seen["kind"] = [results[0].type().value_nick, image.get_precision().value_nick]
    if folder:
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(f"{folder}/after.png"), None)
    image.delete()
    return seen


def refused_in(photo, job, times):
    """Seconds that it takes to be told that a model is missing, several times; the first time no server runs.

    nothing: seconds that it takes to be told that nothing was pointed at, which no server is asked about.
    """
    image, layer = open_photo(photo)
    seen = {}
    for name in ("nothing", "seconds"):
        before, seen[name] = state(image), []
        for _ in range(times):
            begun = time.perf_counter()
            answer = call(image, job, [layer], prompt="a cat")
            seen[name].append(time.perf_counter() - begun)
        seen["sentence"], seen["unchanged"] = answer["sentence"], state(image) == before
        draw_path(image, [ROCKET])
    return seen


def mistakes(photo, model, beside):
    """The status and the sentence that each mistake gets, and whether the image stayed as it was.

    model: the folder of a model; beside: a file that is no picture.
    """
    seen = {}
    image, layer = open_photo(photo)
    draw_path(image, [ROCKET])
    before = state(image), len(Gimp.get_images())
    for name, job, settings in (
        ("no prompt", "replace", {"model": model}),
        ("no photo", "replace", {"background": "photo"}),
        ("no such photo", "replace", {"background": "photo", "photo": "/nowhere/sky.jpg"}),
        ("no picture", "replace", {"background": "photo", "photo": beside}),
        ("no such model", "fill", {"prompt": "a cat", "model": "/nowhere/model"}),
        ("no such name", "fill", {"prompt": "a cat", "model": "sd99"}),
        ("no model", "fill", {"prompt": "a cat", "model": str(Path(beside).parent)}),
    ):
        answer = call(image, job, [layer], **ready(settings))
        seen[name] = [answer["status"], answer.get("sentence"), (state(image), len(Gimp.get_images())) == before]
    return seen
