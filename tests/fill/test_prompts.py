"""What a model is told for what a person wrote."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.fill.diffusion.families import FAMILIES, FLUX, FLUX2, SD15, SDXL
from inference_server.fill.prompts import LONG, Prompt, describe_light, expand
from inference_server.shared.messages import PaintOptions, Quality

DAY = np.random.default_rng(0).integers(60, 110, (90, 120, 3), np.uint8)
DAY[:45] += np.array((50, 90, 130), np.uint8)  # sky
DAY[45:] += np.array((70, 60, 0), np.uint8)  # grass


def expanded(prompt, negative, help_prompt, family, photo) -> Prompt:
    paint = PaintOptions(prompt=prompt, negative=negative, help_prompt=help_prompt)
    return expand(paint, family, family.presets[Quality.BALANCED], photo)


def test_a_short_prompt_is_helped_in_each_family_s_own_way():
    assert expanded("a teddy bear", "", True, SD15, DAY) == Prompt(
        "a photo of a teddy bear, natural light, sharp focus, detailed", SD15.avoid
    )
    assert expanded("a teddy bear.", "", True, FLUX, DAY) == Prompt("A photo of a teddy bear.", "")
    assert expanded("Photograph of a bear", "", True, SDXL, DAY).positive.startswith("Photograph of a bear, ")


def test_nothing_is_said_to_be_avoided_where_that_does_not_count():
    """Without guidance, as with the LoRAs for few steps."""
    paint = PaintOptions(prompt="a bear", negative="snow", quality=Quality.FAST)
    assert expand(paint, SD15, SD15.few_steps, DAY).negative == ""
    assert expand(paint, SD15, SD15.presets[Quality.FAST], DAY).negative.startswith("snow, ")


@given(st.text(), st.text(), st.sampled_from(sorted(FAMILIES)))
def test_switched_off_it_adds_nothing(prompt, avoid, family):
    told = expanded(prompt, avoid, False, FAMILIES[family], DAY)
    assert told.positive == prompt.strip() and told.negative in (avoid.strip(), "")


@given(st.text(alphabet="abc ", min_size=1), st.text(), st.sampled_from(sorted(FAMILIES)))
def test_what_the_person_wrote_is_always_in_it(prompt, avoid, family):
    told = expanded(prompt, avoid, True, FAMILIES[family], DAY)
    assert prompt.strip() in told.positive
    assert avoid.strip() in told.negative or not FAMILIES[family].avoid


def test_a_long_prompt_is_left_alone():
    words = " ".join(["word"] * (LONG + 1))
    assert expanded(words, "", True, SD15, DAY).positive == words


def test_an_empty_prompt_asks_for_the_surroundings_to_go_on():
    assert "the same place" in expanded("  ", "", True, SD15, DAY).positive
    assert expanded("", "", False, SD15, DAY).positive == ""


def test_an_empty_prompt_beside_a_picture_asks_for_what_that_shows():
    for family in (SD15, SDXL, FLUX2):
        told = expand(PaintOptions(), family, family.presets[Quality.BALANCED], DAY, has_reference=True)
        assert told.positive.startswith(family.like) and family.goes_on not in told.positive
        words = PaintOptions(prompt="a chair")
        assert expand(words, family, family.presets[Quality.BALANCED], DAY, has_reference=True) == expand(
            words, family, family.presets[Quality.BALANCED], DAY
        )


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        (DAY, []),
        (np.repeat(DAY[..., :1], 3, axis=2), ["black and white"]),
        (DAY // 8, ["in the dark"]),
        (np.full((9, 9, 3), 240, np.uint8), ["black and white", "bright"]),
        ((DAY * (1.0, 0.8, 0.4)).astype(np.uint8), ["warm light"]),
        (np.full((1, 1, 3), 120, np.uint8), ["black and white"]),
    ],
)
def test_what_a_photo_looks_like_is_said_where_it_is_out_of_the_ordinary(photo, words):
    assert describe_light(photo) == words


@pytest.mark.parametrize("family", [each for each in FAMILIES.values() if not each.ready_prompt])
def test_every_family_has_every_quality_and_each_takes_longer(family):
    """But for one that is made for its one prompt, and its four steps."""
    steps = [family.presets[quality].steps for quality in Quality]
    assert steps == sorted(set(steps))
    assert family.few_steps is None or family.few_steps.steps < steps[0]
