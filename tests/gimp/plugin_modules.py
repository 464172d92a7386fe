"""What the tests of the plug-in's own modules do inside GIMP; as scenarios.py, whose functions it uses.

The modules are imported from the profile's plug-in, as the plug-in itself does.
"""

import json
import os
import sys
import threading
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  gi wants the version first

PLUG_IN = Path(os.environ["GIMP3_DIRECTORY"], "plug-ins", "inpaint-anything")
sys.path[:0] = [str(Path(__file__).parent), str(PLUG_IN)]
from inpaint_anything import arguments, job_settings  # noqa: E402
from inpaint_anything.image import last_settings, photo_layer, previous_job  # noqa: E402
from inpaint_anything.image.layers import JobResult  # noqa: E402
from scenarios import open_photo  # noqa: E402

from inference_server.shared.geometry import Window  # noqa: E402
from inference_server.shared.messages import Job, Quality  # noqa: E402

PARASITE = "inpaint-anything-job"
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
    return {"read": before, "written": json.loads(file.read_text("utf-8"))}


def settings_through_a_config(_photo):
    """Whether settings come back from a config they were put into, and which choices GIMP has that no type knows."""
    config = job_settings.create_config(Job.REPLACE)
    config.set_property("quality", "best")
    config.set_property("feather", 4)
    config.set_property("second-colour", job_settings.Gegl.Color.new("#102030"))
    settings, other = job_settings.read(Job.REPLACE, config), job_settings.create_config(Job.REPLACE)
    job_settings.write(settings, other)
    again = job_settings.read(Job.REPLACE, other)
    return {
        "same": job_settings.to_json(again) == job_settings.to_json(settings),
        "settings": job_settings.to_json(again),
        "jobs": set(arguments.ARGUMENTS) == set(Job),
        "qualities": list(arguments.QUALITIES) == list(Quality),
        "sources": list(arguments.SOURCES) == list(job_settings.Source),
        "backgrounds": list(arguments.BACKGROUNDS) == list(job_settings.BackgroundKind) == list(arguments.NEEDED),
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
