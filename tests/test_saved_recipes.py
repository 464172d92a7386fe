"""What the dialog saves as a recipe is what a batch does, and what the plug-in does to images that are open."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from inference_server.cli.batch import fingerprints, for_gimp, recipes
from inference_server.cli.photo_arguments import BackgroundSettings
from inference_server.shared.errors import UserError
from inference_server.shared.messages import Job, MaskOptions, ObjectPrompt, PaintOptions, Quality, Scene

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gimp_plugin"))
from inpaint_anything.recipe import Recipe

SIZE = 640, 427
CLICKS = ObjectPrompt(points=((320, 213.5), (64, 42.7)), labels=(1, 0), box=(0, 0, 320, 427))
CORRECTED = ObjectPrompt(points=((320, 213.5),), labels=(0,), scene=Scene.SUBJECT)
GROWN = MaskOptions(grow=3, feather=5, include_shadow=True)
WORDS = PaintOptions(prompt='a "bench"\n\x7f\\ ein Stück 🪑', negative="rain", help_prompt=False, quality=Quality.BEST)


def saved(job: Job, **more) -> Recipe:
    """A recipe for clicks, with nothing set."""
    unset = {"prompts": (CLICKS,), "has_more": False, "options": MaskOptions(), "seed": 0, "paint": None}
    return Recipe(
        **{"job": job, "size": SIZE, "background": {}, "match_light": 0.0, "match_focus": False, **unset, **more}
    )


def read(recipe: Recipe, folder: Path) -> recipes.Recipe:
    return recipes.parse(recipe.text(), "saved.toml", folder)


def test_clicks_and_a_box_are_where_they_were_in_a_photo_of_any_size(tmp_path):
    pointing = read(saved(Job.REMOVE), tmp_path).pointing
    found = pointing.prompt_in((1280, 854))
    assert found.labels == (1, 0) and found.box == (0, 0, 640, 854)
    assert np.allclose(found.points, ((640, 427), (128, 85.4)), atol=0.01)
    outside = ObjectPrompt(points=((-3, 500),), labels=(1,))
    assert read(saved(Job.REMOVE, prompts=(outside,)), tmp_path).pointing.prompt.points == ((0, 1),)


@pytest.mark.parametrize("prompt", [ObjectPrompt(text="the red car"), ObjectPrompt(scene=Scene.SKY)])
def test_a_name_is_kept(tmp_path, prompt):
    assert read(saved(Job.SELECT, prompts=(prompt,)), tmp_path).pointing.prompt == prompt


def test_examples_are_where_they_were_in_a_photo_of_any_size(tmp_path):
    prompt = ObjectPrompt(text="cup", like=((320, 0, 640, 427), (0, 0, 64, 42.7)), unlike=((160, 213.5, 320, 427),))
    recipe = saved(Job.SELECT, prompts=(prompt,))
    found = read(recipe, tmp_path).pointing.prompt_in((1280, 854))
    assert found.text == "cup" and not found.points and found.box is None
    assert np.allclose(found.like, ((640, 0, 1280, 854), (0, 0, 128, 85.4)), atol=0.01)
    assert np.allclose(found.unlike, ((320, 427, 640, 854),), atol=0.01)
    assert told(recipe, tmp_path)["prompt"]["like"] == [[0.5, 0, 1, 1], [0, 0, 0.1, 0.1]]


@pytest.mark.parametrize(
    ("job", "given"),
    [
        (Job.SELECT, {"options": MaskOptions(soft_edge=True, include_shadow=True)}),
        (Job.REMOVE, {"options": GROWN, "seed": 7, "paint": PaintOptions(model="patchmatch")}),
        (Job.FILL, {"options": GROWN, "seed": 7, "paint": WORDS}),
        (Job.REPLACE, {"options": MaskOptions(soft_edge=True, feather=2), "paint": WORDS}),
    ],
)
def test_the_settings_of_each_job_are_kept(tmp_path, job, given):
    recipe = read(saved(job, **given), tmp_path)
    assert (recipe.job, recipe.options, recipe.seed) == (job, given["options"], given.get("seed", 0))
    assert recipe.paint == given.get("paint", PaintOptions()) and recipe.background is None


def test_the_background_is_kept(tmp_path):
    photo = tmp_path / "beach.jpg"
    photo.touch()
    for given, expected in (
        ({"photo": str(photo)}, BackgroundSettings(photo=photo)),
        ({"colours": ["#ff0000"]}, BackgroundSettings(colours=((1, 0, 0),))),
        ({"blur": 0.5}, BackgroundSettings(blur=0.5)),
    ):
        assert read(saved(Job.REPLACE, background=given), tmp_path).background == expected


@pytest.mark.parametrize("job", [Job.FILL, Job.REPLACE])
def test_the_picture_of_what_is_to_be_painted_is_kept(tmp_path, job):
    chair = tmp_path / "chair.jpg"
    recipe = saved(job, paint=PaintOptions(), reference=str(chair))
    with pytest.raises(UserError, match="There is no file"):
        read(recipe, tmp_path)
    chair.touch()
    found = read(recipe, tmp_path)
    assert found.reference == chair and found.is_painted and found.background is None
    assert told(recipe, tmp_path)["settings"]["reference"] == chair.as_uri()
    assert fingerprints.of(found, {}) == fingerprints.of(read(recipe, tmp_path), {})
    before = fingerprints.of(found, {})
    chair.write_text("another picture")
    assert fingerprints.of(found, {}) != before, "another picture gives other results"


@pytest.mark.parametrize(
    "given", [{"prompts": ()}, {"prompts": (CLICKS, CLICKS)}, {"has_more": True}, {"prompts": (CORRECTED,)}]
)
def test_what_no_recipe_can_say_is_refused(given):
    with pytest.raises(UserError, match="A recipe can hold clicks"):
        saved(Job.REMOVE, **given).text()


def told(recipe: Recipe, folder: Path) -> dict:
    """What the plug-in hears of a recipe."""
    (folder / "saved.toml").write_text(recipe.text(), "utf-8")
    return json.loads(for_gimp.told(folder / "saved.toml"))


def test_the_plug_in_hears_what_was_saved(tmp_path):
    heard = told(saved(Job.REMOVE, options=GROWN, seed=7, paint=PaintOptions(model="patchmatch")), tmp_path)
    assert (heard["job"], heard["unit"], heard["prompt"]["labels"]) == ("remove", "relative", [1, 0])
    assert heard["prompt"]["points"] == [[0.5, 0.5], [0.1, 0.1]] and heard["prompt"]["box"] == [0, 0, 0.5, 1]
    expected = {"grow": 3, "feather": 5, "include_shadow": True, "soft_edge": False, "seed": 7, "method": "copies"}
    assert heard["settings"] == expected
    heard = told(saved(Job.FILL, paint=WORDS), tmp_path)["settings"]
    assert heard["prompt"] == WORDS.prompt and heard["quality"] == "best" and heard["grow"] == -1
    assert heard["match_focus"] is False
    heard = told(saved(Job.REPLACE, background={"colours": ["#ff0000", "#00ff7f"]}), tmp_path)["settings"]
    assert (heard["background"], heard["colour"], heard["second_colour"]) == ("gradient", "#ff0000", "#00ff7f")
    assert told(saved(Job.REPLACE, background={"blur": 0.35}), tmp_path)["settings"]["blur"] == 35
    assert told(saved(Job.REPLACE, paint=WORDS, match_light=0.4), tmp_path)["settings"]["match_light"] == 40
    assert told(saved(Job.REPLACE, paint=WORDS, match_focus=True), tmp_path)["settings"]["match_focus"] is True


def test_what_cannot_be_done_in_gimp_is_said(tmp_path):
    file = tmp_path / "saved.toml"
    for text in ("area = [1, 2, 3, 4]", 'find = "spots"', 'text = "a car"\nall = true'):
        file.write_text(f'job = "remove"\n[object]\n{text}\n')
        with pytest.raises(UserError, match=r"cannot be done in GIMP\. Run it with: inpaint-anything batch"):
            for_gimp.told(file)
