"""The demonstration's part inside GIMP: what a person does with the mouse, done through GIMP's own procedures."""

import time

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio


def main(photo: str, x: float, y: float, folder: str) -> dict:
    """Remove the object at (x, y) of a photo; seconds of each step.  Pictures of what came of it go into the folder."""
    begun = time.monotonic()
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(photo))
    layer = image.get_layers()[0]
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        image.convert_rgb()
    export(image, f"{folder}/before.png")
    opened = time.monotonic()

    path = Gimp.Path.new(image, "Click")
    path.stroke_new_from_points(Gimp.PathStrokeType.BEZIER, [x, y, x, y, x, y], False)
    image.insert_path(path, None, 0)
    image.set_selected_paths([path])

    pdb = Gimp.get_pdb()
    procedure = pdb.lookup_procedure("inpaint-anything-remove")
    if procedure is None:
        raise RuntimeError("GIMP did not take the plug-in")
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    values = procedure.run(config)
    if values.index(0) != Gimp.PDBStatusType.SUCCESS:
        return {"refused": pdb.get_last_error()}
    removed = time.monotonic()

    flat = image.duplicate()
    if not layer.has_alpha():
        flat.flatten()  # several layers are saved with an alpha channel, which the photo has not
    export(flat, f"{folder}/after.png")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(f"{folder}/result.xcf"), None)
    group = values.index(1)
    result = next(child for child in group.get_children() if child.get_mask())
    export(what_changed(image, result.get_mask()), f"{folder}/mask.png")
    return {
        "GIMP opens the photo": opened - begun,
        "the plug-in removes the object": removed - opened,
        "GIMP saves the pictures": time.monotonic() - removed,
    }


def what_changed(image: Gimp.Image, mask: Gimp.LayerMask) -> Gimp.Image:
    """A picture of the photo's size that shows a layer mask at its place: white where the result shows through."""
    picture = Gimp.Image.new(image.get_width(), image.get_height(), Gimp.ImageBaseType.GRAY)
    black = Gimp.Layer.new(
        picture, "", image.get_width(), image.get_height(), Gimp.ImageType.GRAY_IMAGE, 100, Gimp.LayerMode.NORMAL
    )
    picture.insert_layer(black, None, 0)
    _, x, y = mask.get_offsets()
    pixels = mask.get_buffer().get(
        Gegl.Rectangle.new(0, 0, mask.get_width(), mask.get_height()), 1.0, "Y u8", Gegl.AbyssPolicy.NONE
    )
    buffer = black.get_buffer()
    buffer.set(Gegl.Rectangle.new(x, y, mask.get_width(), mask.get_height()), "Y' u8", bytes(pixels))
    buffer.flush()
    return picture


def export(image: Gimp.Image, name: str) -> None:
    """Save a picture under a file name."""
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(name), None)
