"""Scenarios of the tests inside GIMP.

`main(scenario, …)` runs the function of that name and returns what it found, as far as JSON can hold it.
"""

import hashlib
import itertools
import json
import re
import sys
from pathlib import Path

import gi

gi.require_version("Babl", "0.1")
gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Babl, Gegl, Gimp, Gio  # noqa: E402  gi wants the versions first

ROCKET = (322, 200)
RUNS = re.compile(rb"\0+|[^\0]+")  # of what a mask hides, or shows
EVERY = 8  # pixels: one of so many is looked at where a mean is asked for
CLOSE = 48  # pixels around a window that are exported with it
PRECISIONS = {
    "u8": Gimp.Precision.U8_NON_LINEAR,
    "u16": Gimp.Precision.U16_NON_LINEAR,
    "u16 linear": Gimp.Precision.U16_LINEAR,
    "u32 linear": Gimp.Precision.U32_LINEAR,
    "half": Gimp.Precision.HALF_NON_LINEAR,
    "float linear": Gimp.Precision.FLOAT_LINEAR,
}


def main(scenario: str, **arguments: object) -> object:
    """What the scenario of this name returns."""
    return globals()[scenario](**arguments)


def plug_ins_folder() -> str:
    """The folder of GIMP's own plug-ins, one of which runs this."""
    return str(Path(sys.argv[0]).parents[1])


def each(scenario_of_each: str, variants: list[dict], photo: str) -> list:
    """What one scenario returns for each of several variants of its arguments."""
    return [main(scenario_of_each, photo=photo, **variant) for variant in variants]


# -- what a person does


def open_photo(
    photo: str, precision: str = "u8", grey: bool = False, alpha: bool = False, adobe: bool = False, scale: int = 1
) -> tuple[Gimp.Image, Gimp.Layer]:
    """A photo prepared as a person may have it, and its layer.  adobe: in Adobe's profile; scale: enlarged by it."""
    Gegl.init(None)
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    if adobe:
        image.convert_color_profile(
            Gimp.ColorProfile.new_rgb_adobe(), Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC, True
        )
    if precision != "u8":
        image.convert_precision(PRECISIONS[precision])
    if grey:
        image.convert_grayscale()
    if scale > 1:
        image.scale(image.get_width() * scale, image.get_height() * scale)
    layer = image.get_layers()[0]
    if alpha:
        layer.add_alpha()
    return image, layer


def draw_path(image: Gimp.Image, points: list, name: str = "Clicks", closed: bool = False) -> Gimp.Path:
    """A path, which is then selected, as GIMP does: one stroke a point, or one closed stroke through all of them."""
    path = Gimp.Path.new(image, name)
    strokes = [points] if closed else [[point] for point in points]
    for stroke in strokes:
        numbers = [c for x, y in stroke for c in (x - 3, y, x, y, x + 3, y)]  # with handles, to be left alone
        path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, numbers, closed)
    image.insert_path(path, None, 0)
    image.set_selected_paths([path])
    return path


def call(image: Gimp.Image, job: str, drawables: list, **settings: object) -> dict:
    """Run a procedure as scripts do: its status, and its return values or the sentence it refused with."""
    procedure = Gimp.get_pdb().lookup_procedure(f"inpaint-anything-{job}")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for name, value in settings.items():
        config.set_property(name, value)
    values = procedure.run(config)
    if values.index(0) == Gimp.PDBStatusType.SUCCESS:
        return {"status": "success", "group": values.index(1).get_name(), "score": values.index(2)}
    return {"status": values.index(0).value_nick, "sentence": Gimp.get_pdb().get_last_error()}


# -- what can be seen afterwards


def pixels(drawable: Gimp.Drawable, pixel_format: str | None = None) -> bytes:
    """All pixels of a drawable, in its own format or another."""
    whole = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return bytes(drawable.get_buffer().get(whole, 1.0, pixel_format, Gegl.AbyssPolicy.NONE))


def fingerprint(layer: Gimp.Layer) -> list:
    """All that must stay as it is of the photographer's layer."""
    parent, (_, x, y) = layer.get_parent(), layer.get_offsets()
    return [
        layer.get_name(),
        x,
        y,
        layer.get_width(),
        layer.get_height(),
        layer.get_visible(),
        layer.get_opacity(),
        parent.get_name() if parent else None,
        hashlib.sha256(pixels(layer)).hexdigest(),
    ]


def tree(layers: list) -> list:
    """The layers as nested lists: [name, x, y, width, height, visible, has a mask, children]."""
    found = []
    for layer in layers:
        _, x, y = layer.get_offsets()
        children = tree(layer.get_children()) if layer.is_group() else None
        found.append(
            [
                layer.get_name(),
                x,
                y,
                layer.get_width(),
                layer.get_height(),
                layer.get_visible(),
                bool(layer.get_mask()),
                children,
            ]
        )
    return found


def state(image: Gimp.Image) -> list:
    """What a refused call must leave as it was: the layers, the paths, the channels and the selection."""
    return [
        tree(image.get_layers()),
        [p.get_name() for p in image.get_paths()],
        len(image.get_channels()),
        Gimp.Selection.is_empty(image),
    ]


def composite(image: Gimp.Image) -> Gimp.Layer:
    """What is shown: a merged copy of the image as one layer."""
    copy = image.duplicate()
    layer = copy.merge_visible_layers(Gimp.MergeType.CLIP_TO_IMAGE)
    layer.resize_to_image_size()
    return layer


def find(layers: list, name: str) -> Gimp.Layer | None:
    """The first layer of this name, also in groups."""
    for layer in layers:
        if layer.get_name() == name:
            return layer
        inside = find(layer.get_children(), name) if layer.is_group() else None
        if inside:
            return inside
    return None


# -- scenarios


def menus(names):
    """Where these procedures are in GIMP's menus."""
    pdb = Gimp.get_pdb()
    return {name: list(pdb.lookup_procedure(f"inpaint-anything-{name}").get_menu_paths()) for name in names}


def registered():
    """What GIMP knows of the procedures of the four jobs."""
    pdb, seen = Gimp.get_pdb(), {}
    for job in ("select", "remove", "fill", "replace"):
        procedure = pdb.lookup_procedure(f"inpaint-anything-{job}")
        seen[job] = {
            "menu": list(procedure.get_menu_paths()),
            "label": procedure.get_menu_label(),
            "arguments": {a.get_name(): a.get_blurb() for a in procedure.get_arguments()},
            "labels": [a.get_nick() for a in procedure.get_arguments() if "_" in a.get_nick()],
            "returns": [a.get_name() for a in procedure.get_return_values()],
            "help": procedure.get_help(),
        }
    return seen


def remove(photo, clicks=(ROCKET,), settings=None, **preparation):
    """Remove the object at `clicks`; returns what must be unchanged, the layers, and how the picture now looks."""
    image, layer = open_photo(photo, **preparation)
    draw_path(image, clicks)
    before, shown_before = fingerprint(layer), pixels(composite(image), "R'G'B'A float")
    answer = call(image, "remove", [layer], **(settings or {}))
    seen = {"answer": answer, "unchanged": fingerprint(layer) == before, "layers": tree(image.get_layers())}
    if answer["status"] == "success":
        shown = pixels(composite(image), "R'G'B'A float")
        result = find(image.get_layers(), "Result")
        seen |= changes(image, result.get_mask(), shown_before, shown)
        seen["kind"] = [result.type().value_nick, image.get_precision().value_nick]
        seen["selected"] = [each.get_name() for each in image.get_selected_layers()]
        group = find(image.get_layers(), "Removed: object")
        seen["parasite"] = json.loads(bytes(group.get_parasite("inpaint-anything-job").get_data()))
        if preparation.get("precision") == "u16":
            values = memoryview(pixels(result, "R'G'B' u16")).cast("H")
            seen["16-bit values"] = len({value % 257 for value in values})
    return seen


def run_recipe(photo, recipe):
    """Do a recipe to an indexed photo and one of half the size; what is said, and the layers of each."""
    images = [open_photo(photo)[0] for _ in range(2)]
    images[0].scale(320, 214)  # GIMP lists the newest first
    dither, palette = Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE
    images[1].convert_indexed(dither, palette, 16, False, False, "")
    procedure = Gimp.get_pdb().lookup_procedure("inpaint-anything-run-recipe")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("recipe", Gio.File.new_for_path(recipe))
    status = procedure.run(config).index(0).value_nick
    said = Gimp.get_pdb().get_last_error()
    return {"status": status, "said": said, "layers": [tree(image.get_layers()) for image in images]}


def pictures(photo, folder, click, settings=None, **preparation):
    """Remove the object at `click`; its layers, and files in `folder` to look at and to compare.

    before and after: what is shown, in the layer's own samples; alpha and mask: the layer mask and the layer Mask, in
    8 bits, of "window"; close-before.png and close-after.png: the surroundings of the window, colour-managed to sRGB.
    """
    image, layer = open_photo(photo, **preparation)
    draw_path(image, [click])
    own, profile = Babl.get_name(layer.get_format()), bytes(image.get_effective_color_profile().get_icc_profile())
    untouched, shown = image.duplicate(), pixels(composite(image), own)
    seen = {"answer": call(image, "remove", [layer], **(settings or {}))}
    result, mask = (find(image.get_layers(), name) for name in ("Result", "Mask"))
    _, *corner = result.get_offsets()
    window = [*corner, result.get_width(), result.get_height()]
    files = {"before": shown, "after": pixels(composite(image), own)}
    files |= {"alpha": pixels(result.get_mask(), "Y u8"), "mask": pixels(mask, "Y' u8")}
    for name, data in files.items():
        Path(folder, name).write_bytes(data)
    for name, picture in (("before", untouched), ("after", image)):
        for scale in (1, 4):
            export_close(picture, window, scale, f"{folder}/close-{name}{'' if scale == 1 else '-400'}.png")
    seen["parasite"] = json.loads(bytes(result.get_parent().get_parasite("inpaint-anything-job").get_data()))
    return seen | {
        "format": own,
        "format of the result": Babl.get_name(result.get_format()),
        "profile kept": bytes(image.get_effective_color_profile().get_icc_profile()) == profile,
        "profile": image.get_effective_color_profile().get_label(),
        "size": [image.get_width(), image.get_height()],
        "window": window,
    }


def export_close(image, window, scale, target):
    """What is shown in a window and CLOSE pixels around it, as an 8-bit sRGB PNG, each pixel `scale` wide."""
    copy = image.duplicate()
    copy.flatten()
    copy.convert_precision(Gimp.Precision.U8_NON_LINEAR)
    copy.convert_color_profile(Gimp.ColorProfile.new_rgb_srgb(), Gimp.ColorRenderingIntent.RELATIVE_COLORIMETRIC, True)
    x, y = (max(0, edge - CLOSE) for edge in window[:2])
    right, bottom = window[0] + window[2] + CLOSE, window[1] + window[3] + CLOSE
    copy.crop(min(right, copy.get_width()) - x, min(bottom, copy.get_height()) - y, x, y)
    Gimp.context_set_interpolation(Gimp.InterpolationType.NONE)
    copy.scale(copy.get_width() * scale, copy.get_height() * scale)
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, copy, Gio.File.new_for_path(target), None)


def changes(image: Gimp.Image, mask: Gimp.LayerMask, before: bytes, after: bytes) -> dict:
    """How far the picture changed: the largest difference outside a layer mask, and the mean inside, of some pixels.

    before and after: R'G'B'A float, 0 to 1.
    """
    width = image.get_width()
    _, x0, y0 = mask.get_offsets()
    across, down = mask.get_width(), mask.get_height()
    alpha = pixels(mask, "Y u8")
    before, after = memoryview(before).cast("f"), memoryview(after).cast("f")

    def largest(start, end):
        if before[start:end] == after[start:end]:
            return 0.0
        return max(abs(a - b) for a, b in zip(before[start:end], after[start:end], strict=True))

    outside = max(largest(0, y0 * width * 4), largest((y0 + down) * width * 4, len(before)))
    inside, sampled = 0.0, 0
    for v in range(down):
        row = (y0 + v) * width
        outside = max(outside, largest(row * 4, (row + x0) * 4), largest((row + x0 + across) * 4, (row + width) * 4))
        for run in RUNS.finditer(alpha, v * across, (v + 1) * across):
            start, end = ((row + x0 + edge - v * across) * 4 for edge in run.span())
            if alpha[run.start()]:
                differences = [largest(at, at + 3) for at in range(start, end, 4 * EVERY)]
                inside, sampled = inside + sum(differences), sampled + len(differences)
            else:
                outside = max(outside, largest(start, end))
    count = across * down - alpha.count(0)
    return {"outside": outside, "inside": inside / max(sampled, 1), "changed pixels": count}


def remove_from_a_layer_in_a_group(photo):
    """The layer has alpha, lies in a group, reaches outside the image and is not the topmost."""
    image, layer = open_photo(photo, alpha=True)
    group = Gimp.GroupLayer.new(image, "Trip")
    image.insert_layer(group, None, 0)
    image.reorder_item(layer, group, 0)
    layer.set_offsets(-50, 30)
    above = Gimp.Layer.new(image, "Text", 10, 10, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
    image.insert_layer(above, group, 0)
    draw_path(image, [(ROCKET[0] - 50, ROCKET[1] + 30)])
    before = fingerprint(layer)
    answer = call(image, "remove", [layer], source="layer")
    return {"answer": answer, "unchanged": fingerprint(layer) == before, "layers": tree(image.get_layers())}


def one_after_another(photo, first, second):
    """Remove what two rectangles select, one after the other, from a photo with a red square on a layer above it.

    kept: whether the first hole, and what lies outside both, look the same before and after the second removal.  The
    second time the group of the first is selected.  again: what Edit opens of the second.
    """
    image, layer = open_photo(photo)
    square = Gimp.Layer.new(image, "Square", 40, 40, Gimp.ImageType.RGBA_IMAGE, 100, Gimp.LayerMode.NORMAL)
    square.set_offsets(first[0] - 60, first[1])
    image.insert_layer(square, None, 0)
    Gimp.context_set_foreground(Gegl.Color.new("red"))
    square.edit_fill(Gimp.FillType.FOREGROUND)
    before, seen = fingerprint(layer), [pixels(composite(image), "R'G'B' u8")]
    answers, chosen = [], layer
    for rectangle in (first, second):
        image.select_rectangle(Gimp.ChannelOps.REPLACE, *rectangle)
        answers.append(call(image, "remove", [chosen], grow=0, feather=0))
        chosen = find(image.get_layers(), answers[-1].get("group", ""))
        seen.append(pixels(composite(image), "R'G'B' u8"))
    row = 3 * image.get_width()

    def outside(data, *holes):
        """The picture with these rectangles blackened."""
        data = bytearray(data)
        for x, y, width, height in holes:
            for v in range(y, y + height):
                data[v * row + 3 * x : v * row + 3 * (x + width)] = bytes(3 * width)
        return data

    return {
        "answers": answers,
        "unchanged": fingerprint(layer) == before,
        "layers": tree(image.get_layers()),
        "changed": [outside(one) != outside(other) for one, other in itertools.pairwise(seen)],
        "kept": [
            outside(seen[0], first) == outside(seen[1], first),
            outside(seen[1], second) == outside(seen[2], second),
        ],
    }


def masks_found(photo, paths, selection=None, scale=1, target="replace", job="select"):
    """Select with paths ([name, points, closed]), the last one selected: the selection's bounds and some pixels."""
    image, layer = open_photo(photo, scale=scale)
    for name, points, closed in paths:
        draw_path(image, points, name, closed)
    if selection:
        image.select_rectangle(Gimp.ChannelOps.REPLACE, *selection)
    before = fingerprint(layer)
    answer = call(image, job, [layer], **{"result-as": target})
    selected = image.get_selection()
    at = {
        f"{x},{y}": selected.get_buffer().get(Gegl.Rectangle.new(x, y, 1, 1), 1.0, "Y u8", Gegl.AbyssPolicy.NONE)[0]
        for x, y in (ROCKET, (150, 300), (5, 5))
    }
    _, some, *bounds = Gimp.Selection.bounds(image)
    return {
        "answer": answer,
        "unchanged": fingerprint(layer) == before,
        "selected": some,
        "bounds": bounds,
        "at": at,
        "layers": tree(image.get_layers()),
        "channels": len(image.get_channels()),
    }


def refined(photo, run, mask_box, masked):
    """Refine a rectangle, selected or the layer's mask: what then is, before and after it is undone.

    run: result-as.
    """
    image, layer = open_photo(photo)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, *mask_box)
    if masked:
        layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
        Gimp.Selection.none(image)
    drawable = layer.get_mask() if masked else layer
    before = pixels(layer, "R'G'B' u8")
    answer = call(image, "refine-selection", [drawable], **{"result-as": run})
    made = layer.get_mask() if masked else image.get_selection()
    values = pixels(made, "Y u8")
    cut_out = find(image.get_layers(), "Object")
    return {
        "answer": answer,
        "unchanged": pixels(layer, "R'G'B' u8") == before,
        "levels": len(set(values)),
        "share": sum(values) / 255 / (mask_box[2] * mask_box[3]),
        "selected": not Gimp.Selection.is_empty(image),
        "cut out": cut_out is not None,
    }


def remove_the_selection(photo, x, y, width, height):
    """Remove what a rectangle selects, and nothing around it."""
    image, layer = open_photo(photo)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)
    answer = call(image, "remove", [layer], grow=0, feather=0)
    mask = find(image.get_layers(), "Mask")
    _, *offset = mask.get_offsets()
    return {
        "answer": answer,
        "mask": [*offset, mask.get_width(), mask.get_height()],
        "all white": set(pixels(mask, "Y' u8")) == {255},
        "still selected": not Gimp.Selection.is_empty(image),
    }


def expand(photo, settings, covered=False, **preparation):
    """Expand the photo by a script; what became of it.  covered: whether a second layer covers a part of it."""
    image, layer = open_photo(photo, **preparation)
    if covered:
        image.insert_layer(layer.copy(), None, 0)
        image.get_layers()[0].transform_translate(200, 100)
    old, before, shown_before = [image.get_width(), image.get_height()], fingerprint(layer), composite(image)
    images = len(Gimp.get_images())
    answer = call(image, "expand", [layer], **settings)
    left_over = len(Gimp.get_images()) - images
    shown = composite(image)
    _, left, top = layer.get_offsets()
    inside = Gegl.Rectangle.new(left, top, *old)
    values = bytes(shown.get_buffer().get(inside, 1.0, "R'G'B'A float", Gegl.AbyssPolicy.NONE))
    return {
        "answer": answer,
        "unchanged": [before[0], *before[3:]] == [fingerprint(layer)[0], *fingerprint(layer)[3:]],
        "size": [old, [image.get_width(), image.get_height()], [left, top]],
        "layers": tree(image.get_layers()),
        "inside": values == pixels(shown_before, "R'G'B'A float"),
        "transparent": pixels(shown, "A u8").count(0),
        "images left": left_over,
    }


def remove_from_new_canvas(photo):
    """Paint the canvas that a person has added beside the photo's layer and selected: how much of it stays empty."""
    image, layer = open_photo(photo)
    width, height = image.get_width(), image.get_height()
    image.resize(width + 60, height, 0, 0)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, width, 0, 60, height)
    before = fingerprint(layer)
    answer = call(image, "remove", [layer], method="copies", grow=0, feather=0)
    return {
        "answer": answer,
        "unchanged": fingerprint(layer) == before,
        "transparent": pixels(composite(image), "A u8").count(0),
    }


def wrong_use(photo):
    """The status and the sentence that each mistake gets, and whether the image stayed as it was."""
    seen = {}

    def attempt(name, image, drawables, job="remove", **settings):
        before = state(image)
        answer = call(image, job, drawables, **settings)
        seen[name] = [answer["status"], answer.get("sentence"), state(image) == before]

    image, layer = open_photo(photo)
    attempt("nothing pointed at", image, [layer])
    draw_path(image, [])
    attempt("an empty path", image, [layer])
    attempt("no layer", image, [], source="layer")
    image, layer = open_photo(photo)
    draw_path(image, [(700, 5)])
    attempt("a click outside", image, [layer])
    image, layer = open_photo(photo)
    draw_path(image, [ROCKET])
    for job in ("fill", "replace"):
        attempt(job, image, [layer], job)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    attempt("a layer mask", image, [mask], source="layer")
    copy = layer.copy()
    image.insert_layer(copy, None, 0)
    attempt("two layers", image, [layer, copy], source="layer")
    layer.set_visible(False)
    copy.set_visible(False)
    attempt("nothing visible", image, [layer])
    image, layer = open_photo(photo)
    draw_path(image, [ROCKET], "not this")
    attempt("only what to leave out", image, [layer])
    image, layer = open_photo(photo)
    for corner in (10, 200):
        draw_path(image, [(corner, corner), (corner + 50, corner + 50)], f"Box {corner}", closed=True)
    image.set_selected_paths(image.get_paths())
    attempt("two boxes", image, [layer])
    image, layer = open_photo(photo)
    Gimp.Selection.all(image)
    attempt("everything selected", image, [layer])
    image, layer = open_photo(photo)
    layer.set_offsets(300, 0)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 10, 100, 100)
    attempt("the selection beside the layer", image, [layer], source="layer")
    image, layer = open_photo(photo)
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 16, False, False, "")
    draw_path(image, [ROCKET])
    attempt("an indexed image", image, [layer])
    return seen


def refused(photo, job="remove", scale=1):
    """The status and the sentence that a job gets on a photo, enlarged, and whether the image stayed as it was."""
    image, layer = open_photo(photo, scale=scale)
    draw_path(image, [(ROCKET[0] * scale, ROCKET[1] * scale)])
    before = state(image)
    answer = call(image, job, [layer])
    return [answer["status"], answer.get("sentence"), state(image) == before]


def saved_and_opened_again(photo, target):
    """Whether the layers are the same in a saved file, and the note on the group there."""
    image, layer = open_photo(photo)
    draw_path(image, [ROCKET])
    call(image, "remove", [layer], grow=9)
    before = tree(image.get_layers())
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(target), None)
    again = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(target))
    group = find(again.get_layers(), "Removed: object")
    job = json.loads(bytes(group.get_parasite("inpaint-anything-job").get_data()))
    return {"same": tree(again.get_layers()) == before, "job": job}


def remove_from_files(files):
    """Remove what an ellipse in the middle selects from pictures of any kind, each opened as GIMP opens it.

    kind: the image's type and precision, before and after; kept: whether the photographer's layer and the profile are
    as they were; outside: the largest difference outside the result's mask; inside: the mean within it.
    """
    return [remove_from_file(file) for file in files]


def remove_from_file(file):
    image, layer = open_photo(file)
    width, height = image.get_width(), image.get_height()
    image.select_ellipse(Gimp.ChannelOps.REPLACE, width * 0.4, height * 0.4, width * 0.2, height * 0.2)

    def kind():
        profile = image.get_effective_color_profile().get_icc_profile()
        names = [image.get_base_type().value_nick, image.get_precision().value_nick]
        return [*names, hashlib.sha256(bytes(profile)).hexdigest(), fingerprint(layer)]

    before, shown = kind(), pixels(composite(image), "R'G'B'A float")
    answer = call(image, "remove", [layer], grow=0, feather=2)
    seen = {"answer": answer, "kind": before[:2], "kept": kind() == before, "size": [width, height]}
    if answer["status"] == "success":
        result = find(image.get_layers(), "Result")
        seen |= changes(image, result.get_mask(), shown, pixels(composite(image), "R'G'B'A float"))
    image.delete()
    return seen
