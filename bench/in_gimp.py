"""The part of the measurement that runs inside GIMP: removing an object, and calling the plug-in for nothing."""

import time

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio


def main(photo: str, x: float, y: float, rounds: int) -> dict:
    """Remove the object at (x, y) of a photo, again and again.

    seconds, empty: of each call, and of each with nothing pointed at; object: the width and height of the result in
    pixels; floor: the megabytes that must move at least, which are the window once and the new pixels once.
    """
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    layer = image.get_layers()[0]
    path = Gimp.Path.new(image, "Click")
    path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, [x, y, x, y, x, y], False)
    image.insert_path(path, None, 0)
    image.set_selected_paths([path])
    seconds, empty, window = [], [], None
    for _ in range(rounds):
        begun = time.monotonic()
        values = call("inpaint-anything-remove", image, layer)
        seconds.append(time.monotonic() - begun)
        if values.index(0) != Gimp.PDBStatusType.SUCCESS:
            raise RuntimeError(Gimp.get_pdb().get_last_error())
        group = values.index(1)
        window = group.get_width(), group.get_height()
        image.remove_layer(group)
    # The same plug-in with nothing pointed at: GIMP starts it, and it refuses.
    image.remove_path(path)
    for _ in range(rounds):
        begun = time.monotonic()
        call("inpaint-anything-remove", image, layer)
        empty.append(time.monotonic() - begun)
    floor = (1200 * 1200 * 3 + window[0] * window[1] * 3) / 1e6
    return {"seconds": seconds, "empty": empty, "object": window, "floor": floor}


def call(name: str, image: Gimp.Image, layer: Gimp.Layer) -> Gimp.ValueArray:
    """Run a procedure of the plug-in on a layer."""
    procedure = Gimp.get_pdb().lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    return procedure.run(config)
