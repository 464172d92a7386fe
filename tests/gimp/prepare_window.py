"""A batch command for a GIMP with windows: makes the open photo ready for what test_window.py does by keyboard."""

import os
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402

image = Gimp.get_images()[0]
what = os.environ["PREPARE"]
if what == "click":
    path = Gimp.Path.new(image, "Rocket")
    path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, [322, 200] * 3, False)
    image.insert_path(path, None, 0)
    image.set_selected_paths([path])
elif what == "long":  # so much to remove that there is time to think better of it
    image.undo_disable()
    image.scale(5120, 3416)
    for k in range(16 * 24):
        add = Gimp.ChannelOps.ADD if k else Gimp.ChannelOps.REPLACE
        image.select_rectangle(add, 20 + 200 * (k % 24), 20 + 200 * (k // 24), 120, 120)
    image.undo_enable()
elif what == "selected":
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 200, 100, 80, 80)
elif what == "large":  # 24 megapixels
    image.scale(6000, 4003)
elif what == "offset":  # the photo's layer is larger than the canvas and begins outside it
    image.get_layers()[0].set_offsets(-40, -25)
    image.resize(520, 340, 0, 0)
Path(os.environ["PREPARED"]).touch()
