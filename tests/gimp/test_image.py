"""The modules that read and write GIMP's images, in a real GIMP without a server."""

import json
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from ..picture_files import exif
from .conftest import IN_GIMP, SCENARIOS

pytestmark = IN_GIMP
MODULES = SCENARIOS.with_name("plugin_modules.py")

# What versions before the JSON had types wrote; "tattoo": 0 stands for the layer's.
REMOVED = (
    '{"job": "remove", "layer": "Background", "tattoo": 0, "settings": {"seed": 3, "grow": -1, "feather": 9,'
    ' "include_shadow": true}, "clicks": {"points": [[322.0, 200.0], [20, 30.5]], "labels": [1, 0], "box": null,'
    ' "text": "", "chosen": [0, 0, 1]}, "score": 0.93}'
)
REPLACED = (
    '{"job": "replace", "layer": "Background", "tattoo": 0, "settings": {"background": "gradient", "prompt": "",'
    ' "negative": "fog", "help_prompt": false, "quality": "best", "model": "", "variations": 2, "seed": 5,'
    ' "photo": "file:///nowhere/sky.png", "colour": "#c80000", "second_colour": "#0000c8", "blur": 30,'
    ' "soft_edge": true, "feather": 3, "include_shadow": false}, "clicks": {"points": [], "labels": [],'
    ' "box": [300, 115, 345, 400], "text": "", "chosen": []}, "score": 0.5}'
)
# Without what was not there yet, with what does not fit and with what nobody knows.
ODD = (
    '{"job": "replace", "layer": "Background", "settings": {"background": "colour", "seed": "many", "photo": 7,'
    ' "colour": "#c80000", "unknown": 1}, "clicks": {"points": [[1, 2]], "labels": [1], "box": null}}'
)
BROKEN = [
    '{"job": "juggle", "layer": "Background", "settings": {}, "clicks": null}',
    '{"job": "remove", "layer": "Background", "clicks": null}',
    '{"job": "remove"',
    '{"job": "remove", "layer": "Gone", "settings": {}, "clicks": null}',
    '{"job": "remove", "layer": "Background", "settings": {}, "clicks": null}',
]


@pytest.fixture
def own_profile(tmp_path) -> dict[str, str]:
    """The environment of a GIMP with a profile of its own."""
    profile = tmp_path / "profile"
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], profile)
    return {"GIMP3_DIRECTORY": str(profile)}


# What older versions did not know.
PLACED = {
    "photo_flip": False,
    "photo_size": 100.0,
    "photo_across": 0.0,
    "photo_down": 0.0,
    "match_light": 0,
    "match_focus": False,
    "reference": None,
    "reference_layer": "",
}
DEFAULTS: dict[str, dict[str, object]] = {"remove": {"method": "best"}, "replace": PLACED}


def test_documents_that_older_versions_made_open_again(gimp):
    removed, replaced, odd, *broken = gimp("documents_of_before", file=MODULES, notes=[REMOVED, REPLACED, ODD, *BROKEN])
    for seen, content in ((removed, REMOVED), (replaced, REPLACED)):
        former = json.loads(content)
        assert seen["job"] == former["job"] and seen["layer"]
        assert seen["settings"] == DEFAULTS[seen["job"]] | former["settings"] | {"source": "layer"}, "as it was then"
        assert seen["prompt"] == [former["clicks"][name] for name in ("points", "labels", "box", "chosen")]
    assert replaced["kinds"]["quality"] == "Quality" and replaced["kinds"]["background"] == "BackgroundKind"
    assert replaced["kinds"]["photo"] != "NoneType" and replaced["kinds"]["colour"] == "Color"
    assert [odd["settings"][name] for name in ("background", "colour", "second_colour")] == [
        "colour",
        "#c80000",
        "#808080",
    ]
    assert [odd["settings"][name] for name in ("seed", "photo", "include_shadow")] == [0, None, True], "the defaults"
    says = [*["This is no result of Inpaint Anything."] * 3, "no longer in the image", "no longer in the group"]
    for sentence, part in zip(broken, says, strict=True):
        assert part in sentence


def test_the_settings_last_used_are_found_again(gimp, own_profile):
    kept = {"replace": json.loads(REPLACED)["settings"], "remove": {"grow": 12}, "fill": "nonsense"}
    seen = gimp("last_settings_of_before", file=MODULES, environment=own_profile, content=json.dumps(kept))
    assert seen["read"]["replace"]["settings"] == kept["replace"] | PLACED | {"source": "visible"}
    remove = {"method": "best", "seed": 0, "grow": 12, "feather": -1, "include_shadow": -1, "source": "visible"}
    assert seen["read"]["remove"]["settings"] == remove
    assert seen["read"]["fill"]["settings"]["quality"] == "balanced"
    select = {"result_as": "replace", "soft_edge": False, "include_shadow": -1, "source": "visible"}
    assert seen["read"]["select"]["settings"] == select
    assert seen["written"] == {**kept, "remove": remove}, "other jobs' settings are lost"
    assert seen["window"] == [None, False, None] and seen["window kept"] == [[900, 700], True, [0.0, 1.0, 0.25, 0.5]]
    assert not list(Path(own_profile["GIMP3_DIRECTORY"]).glob("*.part"))


def test_settings_go_through_gimps_config_and_every_choice_has_its_type(gimp):
    seen = gimp("settings_through_a_config", file=MODULES)
    assert seen["same"]
    chosen = {name: seen["settings"][name] for name in ("quality", "feather", "colour", "second_colour")}
    assert chosen == {"quality": "best", "feather": 4, "colour": "#ffffff", "second_colour": "#102030"}
    assert all(seen[name] for name in ("jobs", "qualities", "methods", "backgrounds", "sources", "targets"))


# what is done, and what the group and the layers in it are then called
NAMES = [
    ({"job": "remove"}, ["Removed: object", "Result", "Mask"]),
    ({"job": "remove"}, ["Removed: object 2", "Result", "Mask"]),
    ({"job": "select"}, ["Selected: object", "Mask"]),
    ({"job": "remove"}, ["Removed: object 3", "Result", "Mask"]),
    (
        {"job": "fill", "prompt": "a red ball", "seeds": [7, 8]},
        ["Fill: a red ball", "Result 1 (seed 7)", "Result 2 (seed 8)", "Mask"],
    ),
    ({"job": "fill", "reference": "/nowhere/chair.png"}, ["Fill: chair.png", "Result 1 (seed 0)", "Mask"]),
    ({"job": "fill", "reference_layer": "chair.xcf/"}, ["Fill: chair.xcf", "Result 1 (seed 0)", "Mask"]),
    ({"job": "fill", "prompt": " "}, ["Fill: the surroundings", "Result 1 (seed 0)", "Mask"]),
    (
        {"job": "fill", "prompt": "an old, weathered wooden bench\nunder a tree"},
        ["Fill: an old, weathered wooden bench…", "Result 1 (seed 0)", "Mask"],
    ),
    (
        {"job": "replace", "background": "prompt", "prompt": "a beach at sunset"},
        ["Background: a beach at sunset", "Result 1 (seed 0)", "Mask"],
    ),
    (
        {"job": "replace", "background": "photo", "photo": "/nowhere/sky.png"},
        ["Background: sky.png", "Result", "Mask"],
    ),
    ({"job": "replace", "background": "colour"}, ["Background: a colour", "Result", "Mask"]),
    ({"job": "replace", "background": "gradient"}, ["Background: two colours", "Result", "Mask"]),
    ({"job": "replace", "background": "blur"}, ["Background: out of focus", "Result", "Mask"]),
]


def test_layers_are_named_for_people(gimp):
    named = gimp("names_of_jobs", file=MODULES, steps=[step for step, _ in NAMES])
    # GIMP itself numbers the layers of a name in all of an image.
    plain = [[name.partition(" #")[0] for name in names] for names in named]
    assert plain == [names for _, names in NAMES]
    assert [names[0] for names in named] == [names[0] for _, names in NAMES], "as they are"


BALL, CAT = {"job": "fill", "prompt": "a red ball"}, {"job": "fill", "prompt": "a cat"}


def test_an_edited_group_is_named_anew_unless_the_person_has_named_it(gimp):
    def names(**arguments):
        return gimp("names_after_edits", file=MODULES, **arguments)

    followed = ["Fill: a red ball", "Fill: a cat", "Fill: a cat", "Removed: object"]
    assert names(before=BALL, edits=[CAT, CAT, {"job": "remove"}]) == [followed, [followed[-1], "Background"]]
    assert names(before=BALL, edits=[CAT, BALL], renamed="My ball")[0] == ["My ball"] * 3
    of_before = ["Remove Object", REMOVED]
    assert names(before=BALL, edits=[CAT], former=of_before)[0] == ["Remove Object", "Fill: a cat"]
    assert names(before=BALL, edits=[CAT], former=["Mine", REMOVED])[0] == ["Mine", "Mine"]


@pytest.mark.parametrize(
    "preparation", [{}, {"grey": True}, {"adobe": True}, {"adobe": True, "precision": "u16"}], ids=str
)
def test_a_mask_is_read_of_its_layer_as_it_was_put_there(gimp, preparation):
    assert gimp("mask_read_again", file=MODULES, **preparation) == list(range(256))


@pytest.mark.parametrize("preparation", [{}, {"grey": True}, {"precision": "u16 linear", "alpha": True}], ids=str)
def test_a_result_is_composed_where_gimp_does_not_answer(gimp, preparation):
    """That is done on a thread of its own, and GIMP answers its plug-in's main thread only."""
    seen = gimp("composed_on_another_thread", file=MODULES, **preparation)
    before, after = seen["inside"]
    assert before != [0, 0, 0] == after
    before, after = seen["outside"]
    assert before == after != [0, 0, 0]
    own, travels = seen["formats"]
    if not preparation.get("precision"):
        assert own == travels
    assert travels.startswith("Y' u8" if preparation.get("grey") else "R'G'B'")


RECTANGLE = (120, 40, 60, 50)  # over a part of the object


@pytest.mark.parametrize("target", ["replace", "add", "subtract", "intersect"])
@pytest.mark.parametrize("selection", [None, RECTANGLE], ids=["nothing selected", "a rectangle selected"])
def test_the_selection_is_set_or_combined_with_what_is_selected(gimp, target, selection):
    seen = gimp("select_as", file=MODULES, target=target, selection=selection)
    assert seen["wrong"] == 0 and seen["unchanged"] and seen["selected"]
    assert not seen["channels"] and seen["paths"] == ["Clicks"] and not seen["masked"]
    assert [layer[0] for layer in seen["group"][7]] == ["Mask"]


KINDS = {
    "plain": {},
    "offset, with alpha": {"alpha": True, "offset": (-100, 30)},
    "grey 16 bits": {"grey": True, "precision": "u16"},
    "linear float": {"precision": "float linear"},
}


@pytest.mark.parametrize("target", ["channel", "path", "layer", "layer-mask"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_object_can_become_something_else_and_the_selection_stays(gimp, target, kind):
    selection = None if kind == "plain" else RECTANGLE
    seen = gimp("select_as", file=MODULES, target=target, selection=selection, **KINDS[kind])
    assert seen["unchanged"] and seen["selected"] and seen["same selection"]
    assert seen["wrong"] < (3 if target == "path" else 1)
    assert seen["channels"] == ([["Selected: object", False]] if target == "channel" else [])
    assert seen["paths"] == ["Selected: object", "Clicks"][target != "path" :]
    assert seen["masked"] == (target == "layer-mask")
    assert [layer[0] for layer in seen["group"][7]] == ["Object", "Mask"][target != "layer" :]
    if target == "layer":
        cut_out, mask = seen["group"][7]
        assert cut_out[5] and not cut_out[6] and cut_out[1:5] == mask[1:5], "shown, and its alpha is its own"


def test_a_layer_that_has_a_layer_mask_keeps_it(gimp):
    seen = gimp("select_as", file=MODULES, target="layer-mask", masked=True)
    assert seen["unchanged"] and "The layer Background has a layer mask already." in seen["sentence"]


@pytest.mark.parametrize("opaque", [True, False])
def test_a_picture_of_several_layers_comes_behind_as_it_looks(gimp, tmp_path, opaque):
    all_of_it = {"placed": {}, "seen": [0, 0, 640, 427]}
    seen = gimp("picture_behind", file=MODULES, picture=str(tmp_path / "two.xcf"), opaque=opaque, **all_of_it)
    assert seen == {"channels": 3 if opaque else 4, "size": [640, 427], "differing": 0, "images left": 0}


def test_a_picture_that_was_taken_upright_comes_behind_upright(gimp, tmp_path):
    """As telephones store it: turned by a quarter, with a note of that in its EXIF."""
    turned = np.zeros((60, 40, 3), np.uint8)
    turned[:30] = 255  # which is the right half, once it is turned clockwise
    file = tmp_path / "upright.jpg"
    encoded = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    note = b"Exif\0\0" + exif(6, thumbnail=False)
    file.write_bytes(encoded[:2] + b"\xff\xe1" + (len(note) + 2).to_bytes(2, "big") + note + encoded[2:])
    seen = gimp("upright_behind", file=MODULES, picture=str(file))
    assert seen == {"size": [60, 40], "left": [0, 0, 0], "right": [255, 255, 255], "shown": [60, 40]}


def test_of_a_picture_that_is_placed_only_the_part_that_is_seen_is_read(gimp, tmp_path):
    placed = {"photo_size": 200.0, "photo_across": -50.0, "photo_down": 100.0, "photo_flip": True}
    where = {"placed": placed, "seen": [80, 214, 320, 213]}
    seen = gimp("picture_behind", file=MODULES, picture=str(tmp_path / "two.xcf"), opaque=True, **where)
    assert seen == {"channels": 3, "size": [320, 213], "differing": 0, "images left": 0}


def test_of_several_visible_layers_the_selected_one_gets_the_layer_mask(gimp):
    seen = gimp("select_as", file=MODULES, target="layer-mask", covered=True)
    assert seen["wrong"] == 0 and seen["masked"] and seen["unchanged"]
    seen = gimp("select_as", file=MODULES, target="layer-mask", covered=True, both=True)
    assert seen["unchanged"] and "It is not clear which layer is to get the layer mask." in seen["sentence"]
