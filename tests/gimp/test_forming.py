"""What a diffusion model paints, in the dialog: a picture that forms, several results, Esc."""

import numpy as np

from ..conftest import CLICK
from .conftest import IN_GIMP
from .window import Dialog, wait_for

pytestmark = IN_GIMP
FILL = "Put something else in the place of the object"


def wish(dialog: Dialog, model: str, variations: int = 1) -> None:
    """What to do in the dialog of Fill."""
    for letter, text in (("p", "a cat"), ("m", model), ("v", str(variations))):
        dialog.write(letter, text)
    dialog.press("Tab")  # which is when a number is taken


def test_a_picture_is_seen_forming_and_escape_frees_the_server(window, photo, home, model):
    gimp, log = window("plain"), home / "server.log"
    dialog = gimp.open(FILL)
    dialog.point(photo, *CLICK)
    before = dialog.wait_for_overlay(photo, np.any, "a click does not show the object")
    wish(dialog, model)
    dialog.press("alt+r")
    dialog.wait_for_overlay(photo, lambda shown: (shown != before).mean() > 0.05, "no picture is seen forming")
    dialog.keep("forming")
    dialog.press("Escape")
    wait_for(lambda: "Inpaint refused: Cancelled" in log.read_text(), 5, "the work goes on")
    assert dialog.is_open and gimp.layers() == 1


def test_several_results_are_chosen_among_and_come_as_layers(window, photo, model):
    gimp = window("click")
    dialog = gimp.open(FILL)
    dialog.at(photo, 0, 0)
    wish(dialog, model, 2)
    dialog.apply(layers=5)  # the photo, the group, the mask, and two
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "one undo does not take all back")


def test_what_has_come_when_it_is_stopped_can_be_taken(window, photo, model):
    gimp = window("click")
    dialog = gimp.open(FILL)
    dialog.at(photo, 0, 0)
    wish(dialog, model, 16)
    dialog.press("alt+r")
    before = dialog.shown(photo)[8:30, 10:60]  # where “Before” stands once there is a result
    wait_for(lambda: np.abs(dialog.shown(photo)[8:30, 10:60] - before).mean() > 10, 120, "no result is shown")
    dialog.press("Escape")
    dialog.keep("results")
    dialog.press("alt+l")
    dialog.wait_closed()
    wait_for(lambda: gimp.layers() >= 4, 20, "what had come is lost")
    assert gimp.layers() < 3 + 16
