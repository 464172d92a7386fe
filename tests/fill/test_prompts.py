"""What a model is told for what a person wrote."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.fill.diffusion.families import FAMILIES, FLUX, QUALITIES, SD15, SDXL
from inference_server.fill.prompts import LONG, Prompt, helped, look

DAY = np.random.default_rng(0).integers(60, 110, (90, 120, 3), np.uint8)
DAY[:45] += np.array((50, 90, 130), np.uint8)  # sky
DAY[45:] += np.array((70, 60, 0), np.uint8)  # grass


def test_a_short_prompt_is_helped_in_each_family_s_own_way():
    assert helped("a teddy bear", "", True, SD15, DAY) == Prompt(
        "a photo of a teddy bear, natural light, sharp focus, detailed", SD15.avoid
    )
    assert helped("a teddy bear.", "", True, FLUX, DAY) == Prompt("A photo of a teddy bear.", "")
    assert helped("Photograph of a bear", "", True, SDXL, DAY).positive.startswith("Photograph of a bear, ")


@given(st.text(), st.text(), st.sampled_from(sorted(FAMILIES)))
def test_switched_off_it_adds_nothing(prompt, avoid, family):
    told = helped(prompt, avoid, False, FAMILIES[family], DAY)
    assert told.positive == prompt.strip() and told.negative in (avoid.strip(), "")


@given(st.text(alphabet="abc ", min_size=1), st.text(), st.sampled_from(sorted(FAMILIES)))
def test_what_the_person_wrote_is_always_in_it(prompt, avoid, family):
    told = helped(prompt, avoid, True, FAMILIES[family], DAY)
    assert prompt.strip() in told.positive
    assert avoid.strip() in told.negative or not FAMILIES[family].avoid


def test_a_long_prompt_is_left_alone():
    words = " ".join(["word"] * (LONG + 1))
    assert helped(words, "", True, SD15, DAY).positive == words


def test_an_empty_prompt_asks_for_the_surroundings_to_go_on():
    assert "the same place" in helped("  ", "", True, SD15, DAY).positive
    assert helped("", "", False, SD15, DAY).positive == ""


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
    assert look(photo) == words


@pytest.mark.parametrize("family", FAMILIES.values())
def test_every_family_has_every_quality_and_each_takes_longer(family):
    steps = [family.presets[quality].steps for quality in QUALITIES]
    assert steps == sorted(set(steps))
    assert family.few_steps is None or family.few_steps.steps < steps[0]
