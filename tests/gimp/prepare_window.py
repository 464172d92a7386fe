"""Runs in a GIMP with windows: opens a photo and makes it ready for what a test does by mouse and keyboard."""

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp, Gio  # noqa: E402


def main(photo: str, what: str, close: list[int]) -> int:
    """Close these displays, open the photo, prepare it as `what` says; gives the id of its display."""
    for number in close:
        if Gimp.Display.id_is_valid(number):
            Gimp.Display.get_by_id(number).delete()
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    image.undo_disable()
    prepare(image, what)
    image.undo_enable()
    image.clean_all()
    return Gimp.Display.new(image).get_id()


def prepare(image: Gimp.Image, what: str) -> None:
    if what == "click":
        path = Gimp.Path.new(image, "Rocket")
        path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, [322, 200] * 3, False)
        image.insert_path(path, None, 0)
        image.set_selected_paths([path])
    elif what == "long":  # so much to remove that there is time to think better of it
        image.scale(5120, 3416)
        for k in range(16 * 24):
            add = Gimp.ChannelOps.ADD if k else Gimp.ChannelOps.REPLACE
            image.select_rectangle(add, 20 + 200 * (k % 24), 20 + 200 * (k // 24), 120, 120)
    elif what == "selected":
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 200, 100, 80, 80)
    elif what == "large":  # 24 megapixels
        image.scale(6000, 4003)
    elif what == "offset":  # the photo's layer is larger than the canvas and begins outside it
        image.get_layers()[0].set_offsets(-40, -25)
        image.resize(520, 340, 0, 0)
