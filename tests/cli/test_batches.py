"""Many photos at once: what cannot be done is named, all else is done, and no file is damaged."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import pyvips

from inference_server.engine import Engine
from inference_server.imaging.files import reading, writing
from inference_server.imaging.files.photograph import Format
from inference_server.shared.errors import wrong_input

from .pictures import CLICK, load, put_scene, save, scene


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with three photos, a mask, and what is none."""
    monkeypatch.chdir(tmp_path)
    put_scene(tmp_path, "a.png", "b.tif", "c.jpg")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def files(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


REMOVE = ("remove", "--mask", "mask.png")


def test_a_broken_photo_is_named_and_the_others_are_done(run, folder):
    status, printed = run(*REMOVE, "a.png", "broken.png", "b.tif", "missing.jpg", "c.jpg", "-o", "out/")
    assert status == 1
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "b.tif", "c.jpg"]
    lines = printed.splitlines()
    assert any(line.startswith("broken.png is not") for line in lines)
    assert "There is no file missing.jpg." in lines
    assert lines[-1] == "3 of 5 photos done; 2 were not: broken.png, missing.jpg"


def test_a_sentence_that_names_no_photo_gets_its_name(run, folder):
    """The mask covers all of the photos, and so the engine refuses each of them."""
    save(folder / "white.png", np.full((150, 200), 255, np.uint8))
    status, printed = run("remove", "a.png", "b.tif", "--mask", "white.png", "-o", "out/")
    assert status == 1 and not (folder / "out").exists()
    first, second, last = printed.splitlines()
    assert first.startswith("a.png: The mask covers") and second.startswith("b.tif: The mask covers")
    assert last == "0 of 2 photos done; 2 were not: a.png, b.tif"


def test_one_photo_alone_gets_its_sentence_and_no_count(run, folder):
    status, printed = run(*REMOVE, "broken.png", "-o", "out/")
    assert status == 1 and printed.startswith("broken.png is not") and printed.count("\n") == 1


def test_what_is_there_stays_unless_it_is_to_be_replaced(run, folder):
    (folder / "out").mkdir()
    (folder / "out" / "b.tif").write_bytes(b"a person's")
    status, printed = run(*REMOVE, "a.png", "b.tif", "-o", "out")
    assert status == 1 and f"{os.path.join('out', 'b.tif')} exists already. Give --overwrite" in printed  # noqa: PTH118
    assert (folder / "out" / "b.tif").read_bytes() == b"a person's" and (folder / "out" / "a.png").exists()
    assert run(*REMOVE, "a.png", "b.tif", "-o", "out", "--overwrite")[0] == 0
    assert load(folder / "out" / "b.tif").shape == (150, 200, 3)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_photo_is_never_overwritten(run, folder, link):
    link(folder / "a.png", folder / "same.png")
    (folder / "out").mkdir()
    link(folder / "b.tif", folder / "out" / "c.jpg")
    before = files(folder)
    for photos, place in (
        (["a.png"], "a.png"),
        (["a.png"], "same.png"),
        (["a.png"], "mask.png"),
        (["a.png", "b.tif"], "."),
        (["b.tif", "c.jpg"], "out"),  # where c.jpg is b.tif
    ):
        status, printed = run(*REMOVE, *photos, "-o", place, "--overwrite")
        assert status == 1 and "would be overwritten" in printed
    assert run("replace", "a.png", "--mask", "mask.png", "--background-photo", "b.tif", "-o", "b.tif", "--overwrite")[0]
    assert files(folder) == before


@pytest.mark.parametrize(
    ("photos", "options", "says"),
    [
        (["a.png", "sub/a.png"], [], "would both be"),
        (["a.png", "a.png"], [], "would both be"),
        (["a.png", "c.jpg"], ["-o", "b.tif"], "is a file"),
        (["-", "-"], [], "Only one photo can come from standard input"),
        (["a.png", "b.tif"], ["-o", "-"], "Only one picture can go to standard output"),
        (["a.png", "b.tif"], ["--mask", "nothing.png"], "There is no file nothing.png"),
        (["a.png", "b.tif"], ["--grow", "-1"], "cannot be negative"),
        (["a.png", "b.tif"], ["--quality", "0"], "between 1 and 100"),
        (["a.png"], ["-o", "x.png", "--format", "jpg"], "--format says jpeg, and the name x.png says png"),
    ],
)
def test_what_is_wrong_with_the_command_as_a_whole_is_said_before_anything_is_done(run, folder, photos, options, says):
    (folder / "sub").mkdir()
    (folder / "sub" / "a.png").write_bytes((folder / "a.png").read_bytes())
    before = files(folder)
    status, printed = run(*REMOVE, *photos, "-o", "out/", *options)
    assert status == 1 and says in printed and printed.count("\n") == 1
    assert files(folder) == before


def test_two_masks_of_one_name_are_seen_before_anything_is_done(run, folder):
    (folder / "sub").mkdir()
    save(folder / "sub" / "a.jpg", scene()[0])
    status, printed = run("segment", "a.png", "sub/a.jpg", "--click", CLICK, "-o", "masks/")
    assert status == 1 and "would both be" in printed and not (folder / "masks").exists()


def test_a_missing_model_is_said_once(run, folder):
    status, printed = run("segment", "a.png", "b.tif", "c.jpg", "--text", "a square", "-o", "masks/")
    assert status == 1 and printed.count("\n") == 1 and "sam3" in printed


# -- before the work --------------------------------------------------------------------------------------------------


@pytest.fixture
def no_work(monkeypatch):
    """No model may be asked."""
    for name in ("segment", "remove_patch"):
        monkeypatch.setattr(Engine, name, lambda *_, **__: pytest.fail("worked before it said what is wrong"))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("there.png", "exists already"),
        ("file/x.png", "is not a folder"),
        ("x" * 300 + ".png", "cannot be written"),
        ("x.jpg", "transparen"),
    ],
)
def test_what_cannot_be_saved_is_said_before_the_work(run, folder, no_work, name, says):
    photo, mask = scene()
    save(folder / "a.png", np.dstack([photo, mask // 2]))
    (folder / "there.png").touch()
    (folder / "file").touch()
    status, printed = run("remove", "a.png", "--click", CLICK, "-o", name)
    assert status == 1 and says in printed


@pytest.mark.parametrize(
    ("name", "closed", "says"),
    [("there.png", "there.png", "may not be changed"), ("sub/x.png", "sub", "nothing may be saved in")],
)
def test_what_may_not_be_written_is_said_before_the_work(run, folder, no_work, monkeypatch, name, closed, says):
    (folder / "there.png").touch()
    (folder / "sub").mkdir()
    access = os.access  # which allows an administrator everything
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != closed and access(path, mode))
    status, printed = run(*REMOVE, "a.png", "--overwrite", "-o", name)
    assert status == 1 and says in printed


def test_what_a_format_loses_is_said_once_for_each_photo(run, folder, monkeypatch):
    monkeypatch.setattr(writing, "losses", lambda format, photograph: (f"{format} holds less.",))
    monkeypatch.setattr(reading, "read", noting(reading.read))
    status, printed = run(*REMOVE, "a.png", "b.tif", "--format", "webp", "-o", "out/")
    assert status == 0
    for name in ("a.png", "b.tif"):
        assert printed.count(f"{name}: webp holds less.\n") == printed.count(f"{name}: It has two pages.\n") == 1
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.webp", "b.webp"]


def noting(read):
    return lambda source, name="": replace(read(source, name), notes=("It has two pages.",))


# -- names ------------------------------------------------------------------------------------------------------------


def test_names_keep_their_suffix_where_they_keep_their_format(run, folder):
    names = ["one.JPG", "two.jpeg", "three.TIFF"]
    for name in names:
        save(folder / name, scene()[0])
    assert run(*REMOVE, *names, "-o", "out/deep")[0] == 0
    assert sorted(path.name for path in (folder / "out/deep").iterdir()) == sorted(names)
    assert run(*REMOVE, *names, "-o", "out/tiff", "--format", "tif")[0] == 0
    assert sorted(path.name for path in (folder / "out/tiff").iterdir()) == ["one.tif", "three.TIFF", "two.tif"]


def test_a_photo_whose_name_says_nothing_stays_what_it_is(run, folder):
    """Its result's name is known only when it was read; that of another photo's it does not take."""
    (folder / "b").write_bytes((folder / "b.tif").read_bytes())
    (folder / "d").write_bytes((folder / "c.jpg").read_bytes())
    status, printed = run(*REMOVE, "d", "b", "b.tif", "-o", "out/", "--overwrite")
    assert status == 1 and "would both be" in printed
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["b.tif", "d.jpg"]
    assert load(folder / "out" / "b.tif").shape == (150, 200, 3)


def test_heic_becomes_jpeg_unless_something_else_is_said(run, folder, monkeypatch):
    read = reading.read
    monkeypatch.setattr(reading, "read", lambda source, name="": replace(read(source, name), format=Format.HEIC))
    (folder / "photo.HEIC").write_bytes((folder / "a.png").read_bytes())
    said = "photo.HEIC: HEIC is only read: the result is a JPEG.\n"
    assert said in run(*REMOVE, "photo.HEIC", "-o", "out/")[1]
    assert said not in run(*REMOVE, "photo.HEIC", "-o", "out/", "--format", "png")[1]
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["photo.jpg", "photo.png"]
    status, printed = run(*REMOVE, "photo.HEIC", "-o", "photo.heic2")
    assert status == 1 and "cannot be saved as photo.heic2" in printed


# -- errors and interruptions -----------------------------------------------------------------------------------------


@pytest.fixture
def failing_second(monkeypatch):
    """A function that has the second photo's result fail while it is written, with this exception."""
    write, written = writing.write, []

    def fail_with(action):
        def failing(path, photograph, format, quality=None):
            written.append(path)
            if len(written) == 2:
                path.write_bytes(b"half")
                action()
            write(path, photograph, format, quality)

        monkeypatch.setattr(writing, "write", failing)

    return fail_with


def raised(error):
    def action(*_):
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ValueError("odd"), "b.tif: Something went wrong that nobody foresaw (ValueError: odd, test_batches.py line"),
        (MemoryError(), "b.tif: There is not enough memory for this."),
        (RuntimeError("Failed to allocate memory for requested buffer"), "b.tif: There is not enough memory for this."),
        (wrong_input("So it is."), "b.tif: So it is."),
    ],
)
def test_an_error_nobody_foresaw_ends_one_photo_alone(run, folder, failing_second, error, says):
    failing_second(raised(error))
    status, printed = run(*REMOVE, "a.png", "b.tif", "c.jpg", "-o", "out/")
    assert status == 1 and says in printed and "Traceback" not in printed
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["a.png", "c.jpg"]


def interrupted_in_libvips():
    """An exception would be lost there."""

    def write(data):
        signal.raise_signal(signal.SIGINT)
        return len(data)

    target = pyvips.TargetCustom()
    target.on_write(write)
    pyvips.Image.black(9, 9).pngsave_target(target)


@pytest.mark.parametrize(
    "action", [raised(KeyboardInterrupt()), lambda: signal.raise_signal(signal.SIGINT), interrupted_in_libvips]
)
def test_an_interruption_leaves_what_is_done_and_nothing_half_done(run, folder, failing_second, action):
    failing_second(action)
    status, printed = run(*REMOVE, "a.png", "b.tif", "c.jpg", "-o", "out/")
    assert status == 130 and printed.splitlines()[1:] == ["Cancelled."]
    assert [path.name for path in (folder / "out").iterdir()] == ["a.png"]
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_being_ended_leaves_nothing_half_done(run, folder, failing_second):
    before = signal.getsignal(signal.SIGTERM)
    failing_second(lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        run(*REMOVE, "a.png", "b.tif", "-o", "out/")
    assert ended.value.code == 128 + signal.SIGTERM
    assert [path.name for path in (folder / "out").iterdir()] == ["a.png"]
    assert signal.getsignal(signal.SIGTERM) == before


def test_where_memory_runs_out_the_result_is_named(run, folder, monkeypatch):
    monkeypatch.setattr(PIL.Image, "new", raised(MemoryError()))
    status, printed = run(*REMOVE, "a.png", "-o", "x.jpg")
    assert status == 1 and printed.startswith("There is not enough memory for x.jpg.")
    assert not (folder / "x.jpg").exists()


def test_a_folder_that_was_made_in_vain_goes_again(run, folder, monkeypatch):
    monkeypatch.setattr(writing, "write", raised(OSError(5, "Input/output error")))
    status, printed = run(*REMOVE, "a.png", "-o", "new/folder/x.png")
    assert status == 1 and "x.png cannot be written: Input/output error." in printed
    assert not (folder / "new").exists()


def test_a_picture_that_cannot_be_read_again_is_not_kept(run, folder, monkeypatch):
    write = writing.write

    def short(path, *what):
        write(path, *what)
        path.write_bytes(path.read_bytes()[:-2000])

    monkeypatch.setattr(writing, "write", short)
    for name in ("x.png", "x.jpg", "x.tif", "x.webp", "x.avif"):
        status, printed = run(*REMOVE, "a.png", "-o", name)
        assert status == 1 and f"{name} cannot be written: It cannot be read again." in printed
        assert not (folder / name).exists()
