"""The plug-in in another language, in a real GIMP: everything a person reads, and nothing that a program does."""

import os
import shutil
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from .. import translations
from .conftest import IN_GIMP

pytestmark = IN_GIMP
READING = Path(__file__).with_name("reading.py")


def pretended(text: str) -> str:
    return f"⟦{text}⟧"


@pytest.fixture(scope="module")
def profile(tmp_path_factory, few_plug_ins):
    """A profile whose plug-in has a translation into German in which everything is in brackets."""
    folder = tmp_path_factory.mktemp("translated") / "profile"
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], folder)
    german = Catalog(Locale("de"), translations.DOMAIN)
    for message in translations.template():
        if message.id:
            forms = [pretended(form) for form in message.id] if message.pluralizable else pretended(message.id)
            german.add(message.id, forms)
    place = folder / "plug-ins" / "inpaint-anything" / "locale" / "de" / "LC_MESSAGES"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "inpaint-anything.mo").open("wb") as file:
        write_mo(file, german)
    with (folder / "gimprc").open("a") as file:
        file.write(f"\n{few_plug_ins}")
    return folder


@pytest.fixture(scope="module")
def in_german(gimp, profile):
    """What a GIMP shows whose language is that of $LANGUAGE."""
    return gimp("read", file=READING, environment={"GIMP3_DIRECTORY": str(profile), "LANGUAGE": "de"})


@pytest.fixture(scope="module")
def preferring_german(gimp, profile, tmp_path_factory):
    """What a GIMP shows whose language is chosen in its preferences."""
    own = tmp_path_factory.mktemp("preferring") / "profile"
    shutil.copytree(profile, own)
    with (own / "gimprc").open("a") as file:
        file.write('\n(language "de")\n')
    return gimp("read", file=READING, environment={"GIMP3_DIRECTORY": str(own), "LANGUAGE": "en"})


@pytest.mark.parametrize("way", ["in_german", "preferring_german"])
def test_settings_and_layers_are_in_the_language_of_gimp(way, request):
    seen = request.getfixturevalue(way)
    assert seen["settings"] == {
        "prompt": [pretended("_Prompt"), pretended("What to paint, in a few words")],
        "quality": [pretended("_Quality"), pretended("How long it may take")],
        "grow": [
            pretended("_Grow"),
            pretended("Pixels to grow the mask by; -1: what suits the photo's size"),
        ],
    }
    assert seen["layers"] == [
        [pretended("Selected: object"), pretended("Mask")],
        [
            pretended("Removed: object"),
            pretended("Result"),
            pretended("Mask") + " #1",
        ],  # GIMP's, for the second so named
    ]
    assert seen["jobs"] == ["select", "remove"], "programs go by the note, which is the same in all languages"


def test_the_menu_and_what_goes_wrong_are_in_the_language_of_gimp(in_german):
    label, blurb = in_german["menu"]
    assert label == pretended("_Fill…") and blurb.startswith("⟦Put something else") and blurb.endswith("⟧")
    server, plug_in = in_german["no model"], in_german["outside"]
    assert server.startswith("⟦⟦Fill⟧ needs the model Stable Diffusion, which is not installed.⟧ ⟦Run: ")
    assert server.endswith("models fetch sd15-inpainting⟧")
    assert plug_in.startswith("⟦A click at 7000, 5 is outside the layer.⟧ ⟦Move it onto the object")


def test_who_prefers_english_to_german_gets_english(gimp, profile):
    """There is no English catalogue, for the sources are English."""
    environment = {"GIMP3_DIRECTORY": str(profile), "LANGUAGE": "en_GB:de"}
    assert gimp("read", file=READING, environment=environment)["layers"][0] == ["Selected: object", "Mask"]
