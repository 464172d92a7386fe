"""Text that remembers what it was made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.shared.text import Translatable, tr


def test_values_stand_for_the_names_in_braces():
    text = tr("{done} of {total} MB", done=1, total=3)
    assert text == "1 of 3 MB" and isinstance(text, str)
    assert (text.template, text.values) == ("{done} of {total} MB", {"done": 1, "total": 3})


def test_text_inside_text_remembers_too():
    text = tr("{k} of {count}: {what}", k=1, count=2, what=tr("Painting {object}", object="a cat"))
    assert text == "1 of 2: Painting a cat"
    assert text.values["what"].template == "Painting {object}"


@given(st.text())
def test_without_values_a_template_is_its_text(text):
    assert tr(text) == text == tr(text).template and tr(text).values == {}


@given(st.text("ab{}!:.0_", max_size=20), st.dictionaries(st.sampled_from("ab"), st.text("ab{}", max_size=5)))
def test_no_template_fails_and_values_are_not_filled_in_twice(template, values):
    text = Translatable(template, values)
    if not any(f"{{{name}}}" in template for name in values):
        assert text == template


@pytest.mark.parametrize("template", ["{x.__class__}", "{x!r}", "{x:>99999999}", "{x[0]}", "{}", "{", "}"])
def test_a_template_cannot_reach_into_its_values(template):
    assert tr(template, x="secret") == template


def test_a_translatable_is_taken_as_it_is_and_a_string_is_made_one():
    text = tr("{a}", a=1)
    assert Translatable.of(text) is text
    assert Translatable.of("{a}").template == "{a}" and Translatable.of("").values == {}
