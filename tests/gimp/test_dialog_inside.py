"""The dialog in a real GIMP, from inside: threads, and what fails."""

from pathlib import Path

import numpy as np
import pytest

from inference_server.cli.batch import recipes
from inference_server.shared import paths
from inference_server.shared.messages import Job

from ..virtual_screen import picture_of, skip_without, virtual_screen
from . import screen
from .conftest import IN_GIMP
from .running import RunningGimp
from .window import HEIGHT, WIDTH

pytestmark = IN_GIMP
SCENARIOS = Path(__file__).with_name("dialog_scenarios.py")


@pytest.fixture(scope="module")
def inside(shared_home, srgb_photo):
    """A function that runs one of the scenarios."""
    skip_without(["Xvfb"])
    with virtual_screen(WIDTH, HEIGHT) as display:
        environment = {"DISPLAY": display, "NO_AT_BRIDGE": "1", paths.HOME_VARIABLE: str(shared_home)}
        with RunningGimp(environment) as gimp:
            yield lambda scenario, **more: gimp.run(SCENARIOS, scenario=scenario, photo=srgb_photo, **more)


def test_gimp_is_asked_on_the_main_thread_alone_while_a_result_is_composed(inside):
    assert inside("composed_result") == {"on the main thread": True, "elsewhere": False}


def test_a_result_that_cannot_be_composed_is_said_and_can_be_applied(inside):
    seen = inside("result_that_cannot_be_composed")
    assert "no room" in seen["message"] and "Traceback" not in seen["message"]
    assert seen["results"] == [1]


def test_what_fails_before_it_is_asked_leaves_nothing_waiting(inside):
    for state, message in inside("command_that_fails"):
        assert state == ["pointing", "settled"]
        assert "the image is gone" in message


def test_it_is_said_that_models_want_english_and_that_nothing_is_avoided_without_guidance(inside):
    told, counts = "The model is told: a bear", "But not: snow, blurry"
    lost, english = "what should not be there does not count", "Models understand English best."
    for said, second, last in zip(
        inside("prompt_hints"), (counts, lost) * 2, (None, None, english, english), strict=True
    ):
        assert said[0] == told and second in said[1] and said[2:] == ([last] if last else [])


def test_a_photo_is_expanded_in_a_small_dialog(inside, tmp_path):
    skip_without(["xwd"])
    seen = inside("expanded", picture=str(tmp_path / "expand"))
    screen.keep(picture_of((tmp_path / "expand").read_bytes()), "expand")
    assert not seen["button at first"], "nothing says how far"
    assert "not installed" in seen["no model"] and seen["size"] == "New size: 690 × 439 pixels"
    assert seen["cancelled"] == [None, 640, 427]
    assert seen["expanded"] == [690, 439, True] and seen["group"] == "Expanded: the surroundings"


def test_a_click_is_saved_as_a_recipe_and_a_stroke_is_refused(inside, tmp_path):
    file = tmp_path / "remove.toml"
    seen = inside("saved_recipe", recipe=str(file))
    recipe = recipes.parse(seen["recipe"], file.name, tmp_path)
    assert recipe.job == Job.REMOVE and recipe.pointing.prompt.labels == (1,)
    assert np.allclose(recipe.pointing.prompt_in((640, 427)).points, [(322, 200)], atol=0.01)
    assert "no strokes" in seen["message"] and seen["recipe after it"] == seen["recipe"]
    assert not seen["before anything is marked"]


def test_a_picture_of_what_is_to_be_painted_is_chosen_seen_and_left_out(inside, srgb_photo, klein, model, tmp_path):
    skip_without(["xwd"])
    models = {"taking": str(klein), "words": model}
    gone = tmp_path / "gone.png"
    seen = inside("like_a_picture", **models, like=srgb_photo, gone=str(gone), picture=str(tmp_path / "like"))
    for name in ("like", "like-layer"):
        screen.keep(picture_of((tmp_path / name).read_bytes()), name)
    assert seen["words"] == [False, ""] and seen["taking"] == [True, ""]
    assert "told by words alone" in seen["words, and a picture"][1] and seen["words, and a picture"][0]
    assert seen["left out"] == [False, True]
    assert seen["offered"] == ["Layers of this image", "Chair", "Background", "Open images", "other.xcf"]
    assert seen["another"] == ["other.xcf", "other.xcf/"] and seen["chosen"] == [
        "Chair",
        "reference-layer",
        [0, 0, 200],
    ]
    assert seen["hidden while a layer is chosen"] == [False, True]
    assert "no layer" in seen["no recipe"] and seen["used next"] == ["Chair", ""]
    assert seen["layer gone"] == "The layer or image Chair is no longer there."
    assert seen["gone"] == [True, f"The picture {gone} is no longer there."]


def test_of_a_blur_it_is_asked_once_how_deep_the_photo_is(inside):
    assert inside("measured_blur") == {"proxy": True, "measured": [2, 1, "00ff"], "no model": None}


def test_the_prompts_that_were_used_last_are_offered(inside):
    seen = inside("kept_prompts")
    assert seen["offered"] == ["a bear", "a chair"] and seen["chosen"] == "a chair" and seen["of another job"] == 0
    assert seen["kept"] == ["bear 29", "bear 10", 20]
