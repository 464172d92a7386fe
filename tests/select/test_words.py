"""Common things by their names in other languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference_server.select.words import in_english


@pytest.mark.parametrize(
    ("text", "english"),
    [
        ("Hund", "dog"),
        ("die Straßenlaterne", "street lamp"),
        ("STRASSENLATERNE", "street lamp"),
        ("Mülleimer", "rubbish bin"),
        ("con chó", "dog"),
        ("chiếc xe đạp", "bicycle"),
        ("tất cả biển báo", "sign"),
        ("người", "person"),
        ("mọi người", "people"),
        ("cây", "tree"),
        ("d\u00e2y \u0111i\u1ec7n", "wire"),
        ("da\u0302y \u0111ie\u0323\u0302n", "wire"),  # the same, its marks apart
        ("das Boot", "boat"),
        ("boot", "boot"),
        ("a red boot", "a red boot"),
        ("der", "der"),
        ("", ""),
    ],
)
def test_common_things_are_put_into_english(text, english):
    assert in_english(text) == english


@pytest.mark.parametrize("word", ["dog", "people", "wires", "cars", "the sign", "hat", "rock", "person", "bus"])
def test_english_is_left_as_it_is(word):
    assert in_english(word) == word


@given(st.text(max_size=30))
def test_any_text_is_text_again_and_english_stays(text):
    once = in_english(text)
    assert bool(once) == bool(text) and in_english(once) == once
