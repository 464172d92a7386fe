"""The scenario of the tests in another language; it uses the functions of scenarios.py."""

import json
import sys
from pathlib import Path

import gi

gi.require_version("Gimp", "3.0")
from gi.repository import Gimp  # noqa: E402  gi wants the version first

sys.path.insert(0, str(Path(__file__).parent))
from scenarios import ROCKET, call, draw_path, find, open_photo  # noqa: E402


def main(scenario, photo):
    """The texts a person reads: Fill and its settings, the layers of Select and Remove, two refusals.

    jobs: the jobs that the notes on the groups name.
    """
    procedure = Gimp.get_pdb().lookup_procedure("inpaint-anything-fill")
    own = [argument for argument in procedure.get_arguments() if argument.get_name() in ("prompt", "quality", "grow")]
    seen = {
        "menu": [procedure.get_menu_label(), procedure.get_blurb()],
        "settings": {argument.get_name(): [argument.get_nick(), argument.get_blurb()] for argument in own},
    }
    image, layer = open_photo(photo)
    draw_path(image, [ROCKET])
    answers = [call(image, job, [layer]) for job in ("select", "remove")]
    groups = [find(image.get_layers(), answer["group"]) for answer in answers]
    seen["layers"] = [[group.get_name(), *(each.get_name() for each in group.get_children())] for group in groups]
    notes = [json.loads(bytes(group.get_parasite("inpaint-anything-job").get_data())) for group in groups]
    seen["jobs"] = [note["job"] for note in notes]
    seen["no model"] = call(image, "fill", [layer], prompt="a cat")["sentence"]
    draw_path(image, [(7000, 5)])
    seen["outside"] = call(image, "remove", [layer])["sentence"]
    return seen
