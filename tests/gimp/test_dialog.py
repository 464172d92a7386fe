"""The live dialog in a real GIMP, by mouse and keyboard: from the menu to the layers."""

import json
import os
import signal

import cv2
import numpy as np
import pytest

from ..conftest import CLICK
from .conftest import IN_GIMP
from .window import QUESTION, Dialog, wait_for

pytestmark = IN_GIMP
MAST = (200, 150)  # another object
MORE: dict[str, dict[str, object]] = {"window": {"more": True}}  # the dialog shows all settings
MOST_CHOICES = 3  # of masks
SAME = 0.0005  # of the photo: where it lies on the screen is estimated


@pytest.fixture
def near(rocket):
    """Whether an overlay is about the rocket."""

    def fits(overlay: np.ndarray) -> bool:
        meant = rocket > 127
        return overlay[meant].mean() > 0.5 and overlay[~meant].mean() < 0.1

    return fits


def differ(one: np.ndarray, other: np.ndarray) -> float:
    """The share of the photo where two overlays differ."""
    return (one != other).mean()


@pytest.fixture
def clicked(photo, near):
    """Clicks on the rocket in a dialog; returns the overlay."""

    def at(dialog: Dialog) -> np.ndarray:
        dialog.point(photo, *CLICK)
        overlay = dialog.final_overlay(photo)
        assert near(overlay), "a click does not show the object"
        return overlay

    return at


def test_click_look_apply_and_one_undo_takes_all_back(window, photo, rocket, clicked):
    gimp = window("plain")
    dialog = gimp.open("remove")
    dialog.keep("opened")
    first = clicked(dialog)
    dialog.keep("clicked")
    dialog.press("Tab")
    assert differ(dialog.final_overlay(photo), first) > 0.001, "Tab shows no other mask"
    others = 1
    while others < MOST_CHOICES:
        dialog.press("Tab")
        if differ(dialog.final_overlay(photo), first) < SAME:
            break
        others += 1
    assert others < MOST_CHOICES, "Tab does not come round"
    dialog.press("alt+r")
    dialog.wait_for_results()
    dialog.drag(photo, CLICK[0] - 60, 40, CLICK[0], 40)
    below = slice(250, None)  # the line's handle
    halves = slice(CLICK[0] - 3), slice(CLICK[0] + 3, None)

    def parts() -> bool:
        changed = np.abs(dialog.shown(photo) - photo).mean(axis=2)[below]
        left, right = (changed[:, half][rocket[below, half] > 127].mean() for half in halves)
        return right > 3 * left

    wait_for(parts, 20, "the line does not part the photo from the result")
    dialog.keep("preview")
    assert gimp.layers() == 1, "a preview touches the image"
    dialog.apply()
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "one undo does not bring back the former layers")
    gimp.press("ctrl+y")
    wait_for(lambda: gimp.layers() == 4, 10, "redo does not bring the result again")


def test_one_object_after_another_goes_in_one_dialog(window, photo, near, clicked):
    gimp = window("plain")
    dialog = gimp.open("remove")
    clicked(dialog)
    dialog.press("alt+x")
    wait_for(lambda: gimp.layers() == 4, 60, "the first is not in the image")
    dialog.wait_for_state(lambda state: state.phase == "pointing", "it does not go on")
    assert dialog.is_open
    shown = dialog.shown(photo)
    dialog.keep("next")
    rocket = slice(CLICK[1] - 20, CLICK[1] + 20), slice(CLICK[0] - 4, CLICK[0] + 5)
    assert np.abs(shown[rocket] - photo[rocket]).mean() > 20, "the dialog shows what was removed"
    assert not near(dialog.overlay(photo))
    dialog.point(photo, *MAST)
    dialog.wait_settled()
    dialog.apply(layers=7)
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 4, 10, "the second is not undone by itself")
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "the first is not undone")


def test_objects_and_strokes_are_marked_and_marked_again_when_it_is_edited(window, photo, near, clicked):
    gimp = window("plain")
    dialog = gimp.open("remove")
    first = clicked(dialog)
    dialog.press("n")
    dialog.wait_for_state(lambda state: state.objects == 1, "there is no object")
    dialog.drag(photo, 185, 90, 225, 345)  # around a tower
    dialog.wait_for_state(lambda state: state.objects == 2 and state.settled, "there is no second object")
    both = dialog.overlay(photo)
    assert both[first].mean() > 0.9 and both.sum() > 1.03 * first.sum(), "they are not shown together"
    dialog.press("b")
    dialog.drag(photo, 120, 60, 180, 60)
    dialog.wait_for_state(lambda state: state.strokes == 1 and state.settled, "nothing is painted")
    painted = dialog.overlay(photo)
    assert painted[58:62, 130:170].mean() > 0.9 and not both[58:62, 130:170].any()
    assert painted[both].mean() > 0.95, "what was found is gone"
    dialog.keep("brush")
    dialog.press("ctrl+z")
    dialog.wait_for_state(lambda state: state.strokes == 0, "Ctrl+Z does not take the stroke back")
    dialog.press("ctrl+shift+z")
    dialog.wait_for_state(lambda state: state.strokes == 1, "the stroke does not come again")
    dialog.press("e")
    dialog.drag(photo, CLICK[0], 120, CLICK[0], 300)
    dialog.wait_for_state(lambda state: state.strokes == 2 and state.settled, "nothing is erased")
    erased = dialog.overlay(photo)
    assert not erased[150:280, CLICK[0] - 2 : CLICK[0] + 3].any(), "nothing is erased"
    dialog.press("s")
    dialog.drag(photo, 185, 100, 225, 100)
    dialog.wait_for_state(lambda state: state.strokes == 3 and state.alpha, "where it was painted no alpha is shown")
    refined = dialog.overlay(photo)
    dialog.keep("refine")
    dialog.apply()
    gimp.press("Page_Up")  # the photo's layer is selected; above it is the group
    dialog = gimp.open("edit")
    again = dialog.wait_for_state(lambda state: state.settled and state.alpha, "no alpha is shown again")
    assert (again.objects, again.strokes) == (2, 3)
    assert differ(dialog.overlay(photo), refined) < 0.001
    dialog.leave()


def test_results_stay_until_they_are_removed_and_nothing_is_lost_unasked(window, photo, clicked):
    gimp = window("plain")
    dialog = gimp.open("remove")
    clicked(dialog)
    dialog.press("alt+r")
    dialog.wait_for_results()
    dialog.press("alt+r")
    dialog.wait_for_results(2)
    dialog.wait_for_state(lambda state: state.phase == "results", "it does not end")
    dialog.keep("results")
    dialog.press("Delete")
    dialog.wait_for_state(lambda state: state.results == 1, "Delete removes no result")
    dialog.press("Escape")
    dialog.wait_pointing()
    assert dialog.state().objects == 1
    dialog.press("alt+r")
    dialog.wait_for_state(lambda state: state.phase == "results" and state.runs == 2, "it is computed again")
    dialog.press("Escape")
    dialog.wait_pointing()
    dialog.press("Escape")
    wait_for(lambda: gimp.shows(QUESTION), 20, "it does not ask")
    dialog.press("Escape")
    wait_for(lambda: not gimp.shows(QUESTION), 20, "the question stays")
    gimp.call("remove")  # again, for the same image
    wait_for(lambda: dialog.has_keyboard, 20, "the dialog does not come to the front")
    gimp.wait_for_plug_ins(1)
    dialog.press("alt+r")
    dialog.wait_for_state(lambda state: state.phase == "results", "the keys do not reach it")
    dialog.apply()


def test_an_object_goes_by_keyboard_alone(window, photo, near):
    gimp = window("plain")
    dialog = gimp.open("remove")
    dialog.at(photo, 0, 0)
    # The cross begins in the middle of the photo, on the rocket.
    dialog.press("alt+f", "alt+o")  # another job and back, which stay at the photo
    dialog.wait_settled(changes=2)
    dialog.press("Up", "Down", "space")
    assert near(dialog.final_overlay(photo)), "the space key does not click"
    dialog.press("alt+x")
    wait_for(lambda: gimp.layers() == 4, 60, "the first is not in the image")
    dialog.wait_pointing()
    dialog.press("b", "space", "Down", "space")  # a brush, and what it paints where the cross is
    dialog.wait_for_state(lambda state: (state.strokes, state.objects) == (1, 0), "the keyboard is lost, or paints not")
    dialog.apply(layers=7)


def test_clicks_that_leave_out_boxes_and_taking_them_back(window, photo, rocket, near):
    gimp = window("plain")
    dialog = gimp.open("remove")
    dialog.drag(photo, 290, 100, 350, 425)
    boxed = dialog.final_overlay(photo)
    assert near(boxed), "a box does not show the object"
    rows = np.flatnonzero((rocket > 127).any(axis=1))
    low = (CLICK[0], int(rows[-1]) - 12)
    dialog.point(photo, *low, hold="ctrl")
    assert differ(dialog.final_overlay(photo), boxed) > 0.002, "Ctrl+click leaves nothing out"
    dialog.keep("left-out")
    dialog.press("BackSpace")
    assert differ(dialog.final_overlay(photo), boxed) < SAME, "Backspace does not bring back the mask there was"
    dialog.point(photo, *low, button="3")
    assert differ(dialog.final_overlay(photo), boxed) > 0.002, "a right click leaves nothing out"
    dialog.press("Delete")
    assert dialog.final_overlay(photo).mean() < SAME, "Delete leaves something"
    dialog.press("Escape")
    dialog.wait_closed()
    assert gimp.layers() == 1


def test_settings_change_the_overlay_at_once(window, photo, near):
    gimp = window("click", last=MORE)  # which is on the path: it is there when the dialog opens
    dialog = gimp.open("remove")
    before = dialog.final_overlay(photo, changes=0)
    assert near(before), "the path's click is not there"
    dialog.write("g", "40")
    dialog.press("Return")
    grown = dialog.final_overlay(photo)
    assert grown.sum() > 1.3 * before.sum(), "Grow does not show"
    assert grown[before].mean() > 0.95
    assert dialog.is_open
    dialog.leave()


def test_a_selection_is_there_when_it_opens_and_is_used_as_it_is(window, photo):
    gimp = window("selected")
    dialog = gimp.open("remove")
    shown = dialog.final_overlay(photo, changes=0)
    assert shown[100:180, 200:280].mean() > 0.9 and shown[:80].mean() < 0.01, "the selection is not shown"
    dialog.apply()


def test_what_was_done_is_edited_again_in_its_place(window, photo, near, clicked):
    gimp = window("plain", last=MORE)
    dialog = gimp.open("remove")
    clicked(dialog)
    dialog.apply()
    gimp.press("Page_Up")  # the photo's layer is selected; above it is the group
    dialog = gimp.open("edit")
    before = dialog.final_overlay(photo, changes=0)
    assert near(before), "its clicks are not there"
    dialog.write("g", "25")
    dialog.press("Return")
    assert dialog.final_overlay(photo).sum() > 1.2 * before.sum(), "Grow does not show"
    dialog.apply(layers=4)
    gimp.press("ctrl+z")
    gimp.wait_for_keys()
    assert gimp.layers() == 4, "the former result does not come back in one step"
    gimp.press("ctrl+z")
    wait_for(lambda: gimp.layers() == 1, 10, "the first undo is lost")
    assert "undo" not in gimp.said(), "GIMP has complaints about the undo steps"


def test_a_photo_that_comes_behind_is_placed_by_mouse_and_lies_so_again_when_it_is_edited(window, photo, tmp_path):
    file = tmp_path / "behind.png"
    behind = np.zeros((400, 600, 3), np.uint8)
    behind[:, :300] = 0, 0, 255  # red, as OpenCV has it, beside green
    behind[:, 300:] = 0, 255, 0
    cv2.imwrite(str(file), behind)
    gimp = window("click", last={"replace": {"background": "photo", "photo": file.as_uri(), "include_shadow": False}})
    dialog = gimp.open("replace")
    dialog.wait_settled(changes=0)
    dialog.at(photo, 0, 0)  # which finds out where the photo is while most of it is seen

    def shown() -> float:
        """The share of the sky that is red."""
        (left, row), (right, _row) = (map(int, dialog.at(photo, x, 80)) for x in (20, 620))
        return (dialog.picture()[row, left:right, 0] > 200).mean()

    wait_for(lambda: dialog.press("v") or abs(shown() - 0.5) < 0.03, 20, "the photo does not come behind")
    dialog.keep("placing")
    dialog.drag(photo, 400, 40, 600, 40)  # in vain: it just covers
    assert abs(shown() - 0.5) < 0.03
    dialog.press("h")
    gimp.do("mousemove", *dialog.at(photo, 320, 40), *["click", "4"] * 4)  # twice as large, and now red on the right
    dialog.drag(photo, 400, 40, 560, 40)
    wait_for(lambda: abs(shown() - 0.23) < 0.06, 20, "it is not larger and further to the right")
    dialog.apply()
    gimp.press("Page_Up")  # the photo's layer is selected; above it is the group
    dialog = gimp.open("edit")
    dialog.wait_settled(changes=0)
    dialog.at(photo, 0, 0)
    wait_for(lambda: dialog.press("v") or abs(shown() - 0.23) < 0.06, 20, "it does not lie as before")
    dialog.leave()


def test_escape_stops_the_work_and_not_the_dialog(window, log):
    gimp = window("long")
    dialog = gimp.open("remove")
    dialog.press("alt+r")
    dialog.wait_working()
    log.wait_for_inpainting()
    dialog.keep("working")
    dialog.press("Escape")
    dialog.wait_pointing()
    log.wait_for_rest()
    assert dialog.is_open
    assert gimp.layers() == 1
    dialog.press("Escape")
    dialog.wait_closed()


def test_a_job_that_cannot_begin_leaves_the_dialog_as_it_was(window, photo):
    """Its first step fails: there is no file to put behind the object."""
    gimp = window("click", last={"replace": {"background": "photo"}})
    dialog = gimp.open("replace")
    dialog.wait_settled(changes=0)
    dialog.press("alt+r")
    dialog.wait_for_state(lambda state: (state.runs, state.phase) == (1, "pointing"), "Preview does not end")
    dialog.press("alt+l")
    dialog.wait_for_state(lambda state: (state.runs, state.phase) == (2, "pointing"), "Apply does not end")
    dialog.keep("no-file")
    dialog.press("Escape")
    dialog.wait_closed()


def test_a_killed_server_is_started_again_and_the_clicks_are_kept(window, photo, window_home, near, clicked):
    gimp = window("plain")
    dialog = gimp.open("remove")
    first = clicked(dialog)
    killed = json.loads((window_home / "server.json").read_text())["pid"]
    os.kill(killed, signal.SIGKILL)
    dialog.point(photo, *MAST)
    assert differ(dialog.final_overlay(photo), first) > 0.002, "no answer after the server's death"
    assert json.loads((window_home / "server.json").read_text())["pid"] != killed
    dialog.press("BackSpace")
    assert near(dialog.final_overlay(photo)), "the first click is lost"


@pytest.mark.parametrize("prepared", ["large", "offset"])
def test_large_photos_and_layers_beside_the_canvas(window, prepared, clicked):
    gimp = window(prepared)
    dialog = gimp.open("remove")
    clicked(dialog)
    dialog.press("alt+r")
    dialog.wait_for_results()
    dialog.keep(prepared)
    dialog.apply()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_looks_like_gimp_in_its_themes(window, theme, clicked):
    gimp = window("plain") if theme == "dark" else window("plain", theme=theme)
    dialog = gimp.open("fill" if theme == "dark" else "select")
    clicked(dialog)
    picture = dialog.keep(theme)
    border = np.median(picture[100:-100, -60:-45])
    assert (border < 110) == (theme == "dark")
