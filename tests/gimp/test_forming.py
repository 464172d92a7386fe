"""What a diffusion model paints, in the dialog: a picture that forms, several results, Esc."""

import numpy as np

from ..conftest import CLICK
from .conftest import IN_GIMP
from .window import wait_for

pytestmark = IN_GIMP


def wanted(model: str, variations: int) -> dict[str, dict[str, object]]:
    """The settings last used, so that the dialog of Fill begins with them."""
    return {"fill": {"prompt": "a cat", "model": model, "variations": variations, "quality": "fast"}}


def test_a_picture_is_seen_forming_and_escape_frees_the_server(window, photo, log, model):
    gimp = window("plain", last={"window": {"more": True}})
    dialog = gimp.open("fill")
    dialog.point(photo, *CLICK)
    before = dialog.final_overlay(photo)
    assert before.any(), "a click does not show the object"
    for letter, text in (("p", "a cat"), ("m", model), ("v", "16")):
        dialog.write(letter, text)
    dialog.press("Tab", "alt+r")  # a number is taken when the field is left
    dialog.wait_for_state(lambda state: state.preview, "no picture forms")
    assert (dialog.overlay(photo) != before).mean() > 0.02, "no picture is seen forming"
    dialog.keep("forming")
    dialog.press("Escape")
    log.wait_for("Inpaint refused: cancelled", 30, "the work goes on")
    assert dialog.is_open and gimp.layers() == 1


def test_several_results_are_chosen_among_and_come_as_layers(window, photo, model):
    gimp = window("click", last=wanted(model, 2))
    dialog = gimp.open("fill")
    dialog.wait_settled(changes=0)
    dialog.apply(layers=5)  # the photo, the group, the mask, and two
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "one undo does not take all back")


def test_what_has_come_when_it_is_stopped_can_be_taken(window, photo, model):
    gimp = window("click", last=wanted(model, 16))
    dialog = gimp.open("fill")
    before = dialog.final_overlay(photo, changes=0)
    dialog.press("alt+r")
    dialog.wait_for_results()
    shown = dialog.shown(photo)
    assert (dialog.overlay(photo) != before).mean() > 0.01, "no result is shown"
    corner = np.abs(shown - photo)[8:30, 10:60]  # where “Before” stands
    assert corner.mean() > 10, "nothing says which side is the photo"
    dialog.press("Escape")
    dialog.wait_for_state(lambda state: state.phase == "results", "it does not stop")
    dialog.keep("results")
    dialog.press("alt+l")
    dialog.wait_closed()
    gimp.wait_for_plug_in()
    wait_for(lambda: gimp.layers() >= 4, 20, "what had come is lost")
    assert gimp.layers() < 3 + 16
