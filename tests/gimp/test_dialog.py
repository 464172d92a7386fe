"""The live dialog in a real GIMP, by mouse and keyboard: from the menu to the layers."""


import numpy as np
import pytest

from ..conftest import CLICK
from .conftest import IN_GIMP
from .window import wait_for

pytestmark = IN_GIMP
REMOVE, FILL = "Remove the object that is clicked", "Put something else in the place of the object"
EDIT = "Change a result"
SKY = (150, 60)


@pytest.fixture
def near(rocket):
    """Whether an overlay is about the rocket."""

    def fits(overlay: np.ndarray) -> bool:
        object_ = rocket > 127
        return overlay[object_].mean() > 0.5 and overlay[~object_].mean() < 0.1

    return fits


def test_click_look_apply_and_one_undo_takes_all_back(window, photo, near):
    gimp = window("plain")
    dialog = gimp.open(REMOVE)
    dialog.keep("1-opened")
    dialog.point(photo, *CLICK)
    first = dialog.wait_for_overlay(photo, near, "a click does not show the object")
    dialog.keep("2-clicked")
    dialog.press("Tab")
    dialog.wait_for_overlay(photo, lambda shown: (shown != first).mean() > 0.005, "Tab shows no other mask")
    dialog.keep("3-tab")
    dialog.press("Tab", "Tab")
    dialog.wait_for_overlay(photo, lambda shown: (shown != first).mean() < 0.005, "Tab does not come round")
    dialog.press("alt+r")
    gone = dialog.wait_for_overlay(photo, lambda shown: not np.array_equal(shown, first), "no preview")
    dialog.keep("4-preview")
    assert gone.any() and gimp.layers() == 1
    dialog.press("alt+l")
    dialog.wait_closed()
    wait_for(lambda: gimp.layers() == 4, 20, "no result")  # the photo, the group and the two in it
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "one undo does not bring back the former layers")
    gimp.press("ctrl+y")
    wait_for(lambda: gimp.layers() == 4, 10, "redo does not bring the result again")
