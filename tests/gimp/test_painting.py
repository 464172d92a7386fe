"""Fill and Replace inside a real GIMP, with a real server; diffusion models that are real but for their weights."""

import json
import struct
import sys
import zlib
from pathlib import Path

import cv2
import pytest

from ..faults.processes import children
from .conftest import IN_GIMP, SCENARIOS, stop_server

pytestmark = IN_GIMP
PAINTING = SCENARIOS.with_name("painting.py")
FAST = {"prompt": "a cat", "quality": "fast", "seed": 7}


@pytest.fixture(scope="module")
def half_size(photo, tmp_path_factory) -> dict[str, object]:
    """Where to click in which photo where a model paints: at half its size there is a quarter of the tiles to paint."""
    file = tmp_path_factory.mktemp("half") / "photo.png"
    cv2.imwrite(str(file), cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)[..., ::-1])
    return {"photo": str(file), "click": [161, 100]}


@pytest.fixture(scope="session")
def painting(gimp):
    """As `gimp`, with the scenarios of painting.py."""

    def run(scenario: str, **arguments):
        return gimp(scenario, file=PAINTING, **arguments)

    return run


@pytest.fixture(scope="session")
def sky(tmp_path_factory) -> str:
    """A picture to put behind: 20 x 10, red above, blue below, a PNG made by hand."""
    rows = b"".join(b"\0" + (b"\xc8\0\0" if y < 5 else b"\0\0\xc8") * 20 for y in range(10))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    file = tmp_path_factory.mktemp("sky") / "sky.png"
    head = struct.pack(">2I5B", 20, 10, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    return str(file)


# how the photo is prepared: the result's kind
KINDS = [
    ({}, ["rgb-image", "u8-non-linear"]),
    ({"alpha": True}, ["rgba-image", "u8-non-linear"]),
    ({"grey": True}, ["gray-image", "u8-non-linear"]),
    ({"precision": "u16"}, ["rgb-image", "u16-non-linear"]),
    ({"precision": "float linear", "alpha": True}, ["rgba-image", "float-linear"]),
]
NAMES = [" ".join(map(str, preparation.values())) or "u8" for preparation, _ in KINDS]


def each(painting, variants: list[dict], photo: str | None = None, **more) -> list:
    """What comes of painting in each of these ways.  more: what they have in common."""
    where = {} if photo is None else {"photo": photo}
    return painting("each", scenario_of_each="paint", variants=[variant | more for variant in variants], **where)


def of_each_kind(painting, job: str, settings: dict, **where) -> list:
    return each(painting, [{"job": job, "settings": settings, **preparation} for preparation, _ in KINDS], **where)


def check(seen: dict, kind: list[str], kept: int = 2000) -> None:
    """The photo's layer is as it was, the result of its kind, and what the mask hides is shown bit for bit.

    kept: fewer pixels than that mask hides.
    """
    assert seen["answer"]["status"] == "success", seen["answer"]
    assert seen["unchanged"] and seen["kind"] == kind and seen["images left"] == 0
    assert seen["outside"] == 0
    assert seen["inside"] > 0.05
    assert seen["kept pixels"] > kept


@pytest.fixture(scope="module")
def filled(painting, model, half_size):
    return of_each_kind(painting, "fill", FAST | {"model": model}, **half_size)


@pytest.fixture(scope="module")
def recoloured(painting):
    return of_each_kind(painting, "replace", {"background": "colour", "colour": "#204080"})


@pytest.mark.parametrize("k", range(len(KINDS)), ids=NAMES)
def test_any_kind_of_layer_can_be_filled(filled, k):
    check(filled[k], KINDS[k][1], kept=500)
    assert filled[k]["changed pixels"] < 0.2 * 320 * 214


@pytest.mark.parametrize("k", range(len(KINDS)), ids=NAMES)
def test_any_kind_of_layer_can_have_another_colour_behind(recoloured, k):
    seen = recoloured[k]
    check(seen, KINDS[k][1])
    red, green, blue = seen["corners"][0]
    if KINDS[k][0].get("grey"):
        assert red == green == blue and 50 < red < 75, "as light as the colour"
    else:
        assert [red, green, blue] == pytest.approx([0x20, 0x40, 0x80], abs=3)
    assert seen["results"][0][:2] == ["Result", None], "no model was told anything"


def test_what_is_behind_can_be_a_photo_two_colours_or_out_of_focus(painting, sky):
    backgrounds = [
        {"background": "photo", "photo": sky},
        {"background": "gradient", "colour": "#c80000", "second-colour": "#0000c8"},
        {"background": "blur", "blur": 80},
    ]
    variants = [{"job": "replace", "settings": settings, "offset": [0, 0]} for settings in backgrounds]
    variants.append(variants[0] | {"settings": backgrounds[0] | {"match-light": 80}})
    photo, gradient, blur, lit = painting("each", scenario_of_each="paint", variants=variants)
    for seen in (photo, gradient):
        check(seen, KINDS[0][1])
        assert seen["corners"][0] == pytest.approx([200, 0, 0], abs=6)
        assert seen["corners"][1] == pytest.approx([0, 0, 200], abs=6)
    assert blur["answer"]["status"] == "success" and blur["outside"] == 0 and blur["kept pixels"] > 2000
    assert lit["answer"]["status"] == "success" and lit["unchanged"] and lit["kept pixels"] == 0, (
        "the object is lit too"
    )
    assert lit["group"]["settings"]["match_light"] == 80
    assert photo["group"]["settings"]["photo"].endswith("sky.png")
    assert gradient["group"]["settings"]["second_colour"] == "#0000c8"


@pytest.mark.parametrize(("name", "click", "share"), [("bus", [250, 240], 0.157), ("dog", [750, 500], 0.067)])
def test_the_published_cases_of_replacing(painting, shared, sky, name, click, share):
    """share: of the photo that the object covers: the dog without its bench."""
    photo = str(shared / "data" / "cases" / f"replace-{name}.jpg")
    backgrounds = [
        {"background": "photo", "photo": sky},
        {"background": "colour", "colour": "#3060a0"},
        {"background": "blur", "blur": 80},
    ]
    variants = [{"job": "replace", "settings": settings, "click": click} for settings in backgrounds]
    for seen in painting("each", scenario_of_each="paint", variants=variants, photo=photo):
        assert seen["answer"]["status"] == "success" and seen["unchanged"] and seen["outside"] == 0
        assert seen["answer"]["score"] > 0.8
        assert seen["kept pixels"] / (seen["kept pixels"] + seen["changed pixels"]) == pytest.approx(share, rel=0.1)


def test_a_layer_that_reaches_out_of_the_image_gets_its_background_where_it_lies(painting):
    settings = {"background": "colour", "colour": "#204080"}
    seen = painting("paint", job="replace", settings=settings, offset=[-40, 30], alpha=True)
    assert seen["answer"]["status"] == "success" and seen["unchanged"] and seen["outside"] == 0
    (_, _, _, _, _, _, _, (result, mask)), photo = seen["layers"]
    assert result[1:5] == mask[1:5] == photo[1:5] == [-40, 30, 640, 427]


def test_a_prompt_paints_the_background(painting, model, half_size):
    seen = painting("paint", job="replace", settings=FAST | {"model": model}, **half_size)
    check(seen, KINDS[0][1], kept=500)
    ((name, note, _, visible),) = seen["results"]
    assert [name, visible, note["job"], note["seed"]] == ["Result 1 (seed 7)", True, "replace", 7]


def test_a_model_of_another_layout_paints_too(painting, small_models, half_size):
    settings = FAST | {"model": str(small_models / "flux")}
    for seen in each(painting, [{"job": job, "settings": settings} for job in ("fill", "replace")], **half_size):
        check(seen, KINDS[0][1], kept=500)


def test_a_picture_alone_says_what_is_painted(painting, klein, sky, half_size):
    """And the note has it, so that it can be made again."""
    settings = {"model": str(klein), "reference": sky, "quality": "fast"}
    seen = painting("paint", job="fill", settings=settings, **half_size)
    check(seen, KINDS[0][1], kept=500)
    assert seen["results"][0][1]["prompt"].startswith("What the reference image shows")
    assert seen["group"]["settings"]["reference"] == Path(sky).as_uri() and seen["group"]["name"] == "Fill: sky.png"


def test_an_open_layer_says_it_as_its_file_does(painting, klein, half_size):
    """And where it is no longer there that is said."""
    ways = ({"reference": str(half_size["photo"])}, {"reference-layer": "Background"}, {"reference-layer": "Chair"})
    variants = [{"job": "fill", "settings": {"model": str(klein), "quality": "fast", **way}} for way in ways]
    by_file, by_layer, gone = each(painting, variants, **half_size)
    check(by_layer, KINDS[0][1], kept=500)
    assert by_layer["results"][0][2] == by_file["results"][0][2], "the same pixels"
    assert by_layer["group"]["name"] == "Fill: Background"
    assert by_layer["group"]["settings"]["reference_layer"] == "Background"
    assert "The layer or image Chair is no longer there." in gone["answer"]["sentence"] and gone["unchanged"]


def test_the_seed_decides_and_each_variation_says_its_own(painting, model, half_size):
    several = FAST | {"model": model, "variations": 3, "negative": "dogs"}
    variants = [{"job": "fill", "settings": settings} for settings in (several, several | {"seed": 8, "variations": 1})]
    three, one = each(painting, variants, **half_size)
    assert [name for name, *_ in three["results"]] == ["Result 1 (seed 7)", "Result 2 (seed 8)", "Result 3 (seed 9)"]
    assert [visible for *_, visible in three["results"]] == [True, False, False], "one at a time, to compare"
    assert [layer[0] for layer in three["layers"][0][7]] == [*(name for name, *_ in three["results"]), "Mask"]
    assert len({digest for _, _, digest, _ in three["results"]}) == 3
    assert one["results"][0][2] == three["results"][1][2], "the same seed gives the same pixels"
    for k, (_, note, _, _) in enumerate(three["results"]):
        assert note["seed"] == 7 + k and note["model"] == model and note["quality"] == "fast"
        assert "a cat" in note["prompt"] and note["negative"].startswith("dogs, ")
    assert three["group"]["settings"]["prompt"] == "a cat" and three["outside"] == 0


def test_mistakes_get_one_sentence_and_change_nothing(painting, model, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    seen = painting("mistakes", model=model, beside=str(text))
    status, _, unchanged = seen.pop("no such photo")
    assert status == "calling-error" and unchanged, "GIMP itself has let a file through that is not there"
    for mistake, says in {
        "no prompt": "Nothing says what should be around the object. Write a prompt, or choose another background.",
        "no photo": "There is no photo to put behind the object. Choose its file.",
        "no picture": f"{text} is not a picture that GIMP can open. Choose another photo.",
        "no such model": "/nowhere/model",
        "no such name": "There is no model sd99",
        "no model": "is not a diffusion model",
    }.items():
        status, sentence, unchanged = seen.pop(mistake)
        assert status == "execution-error" and says in sentence and "Traceback" not in sentence, mistake
        assert unchanged, mistake
    assert not seen


@pytest.mark.parametrize("job", ["fill", "replace"])
def test_a_missing_model_is_reported_at_once(painting, home, job, capsys):
    """The server's worker loads none of its libraries for that, which would take seconds."""
    seen = painting("refused_in", home=home, job=job, times=2)
    if sys.platform == "linux":
        loaded = [
            Path(f"/proc/{worker}/maps").read_text()
            for worker in children(json.loads((home / "server.json").read_text())["pid"])
        ]
        assert loaded and not any(name in maps for maps in loaded for name in ("cv2", "onnx", "torch"))
    stop_server(home)
    assert "needs the model Stable Diffusion, which is not installed. Run: " in seen["sentence"] and seen["unchanged"]
    nothing, (cold, warm) = min(seen["nothing"]), seen["seconds"]
    with capsys.disabled():
        print(f"\n{job} without a model: {cold:.3f} s without a server, {warm:.3f} s with one; ", end="")
        print(f"{nothing:.3f} s is what any call takes")
