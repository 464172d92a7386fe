"""What a person types into GIMP's action search finds our menu entries, in every language."""

import pytest

from . import action_search, translations

CASES = [
    (language, typed, wanted)
    for language, expected in action_search.EXPECTED.items()
    for typed, wanted in expected.items()
]


def test_every_language_has_its_words():
    assert set(action_search.EXPECTED) == {"en", *translations.COMPLETE}
    known = action_search.entries()
    assert {name for _, _, wanted in CASES for name in wanted} == known.keys()
    assert all(label and blurb for label, blurb in known.values())


@pytest.mark.parametrize(("language", "typed", "wanted"), CASES, ids=[f"{case[0]}: {case[1]}" for case in CASES])
def test_what_is_typed_finds_the_entry(language, typed, wanted):
    def translate(text: str) -> str:
        if language == "en":
            return text
        message = translations.catalogue(language).get(text)
        if message is None or not message.string:
            pytest.skip(f"not yet translated: {text!r}")  # test_translations.py fails of that
        return message.string

    missing = wanted - action_search.found_by(typed, translate)
    assert not missing, f"{typed!r} does not find {sorted(missing)}"


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("rem", True),  # the beginning of a word of the label
        ("object remove", True),  # in any order
        ("Remove", True),
        ("eraser", False),
        ("ase", False),  # not a beginning
        ("er", False),  # of blurbs, three letters
        ("era", True),
        ("object erase", True),  # one in the label, one in the blurb
        ("erase nothing", False),
        ("loai bo", False),
        ("xóa", True),
        ("xo\u0301a", True),  # the accent apart
    ],
)
def test_the_rule_is_gimps(typed, found):
    assert action_search.matches(typed, "_Remove Object…", "Erase it, heal the photo. Xóa.") == found
