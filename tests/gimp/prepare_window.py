"""A batch command for a GIMP with windows: makes the open photo ready for what test_window.py does by keyboard."""

import os
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402

image = Gimp.get_images()[0]
if os.environ["PREPARE"] == "click":
    path = Gimp.Path.new(image, "Rocket")
    path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, [322, 200] * 3, False)
    image.insert_path(path, None, 0)
    image.set_selected_paths([path])
else:
    # A hole that takes PatchMatch minutes, so that there is time to think better of it.
    image.scale(5120, 3416)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 1000, 400, 2800, 2200)
Path(os.environ["PREPARED"]).touch()
