"""What somebody tries who knows other programs of the command line: pipes, --help, --quiet, exit statuses."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from inference_server.__main__ import main
from inference_server.cli import commands, parser

from .pictures import CLICK, load, put_scene, save, scene

REPOSITORY = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "inference_server"]
JOBS = ("segment", "remove", "fill", "replace")
REMOVE = ("remove", "--mask", "mask.png")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with a photo and its mask."""
    monkeypatch.chdir(tmp_path)
    put_scene(tmp_path, "photo.png", "photo.tif", "photo.jpg")
    return tmp_path


@pytest.fixture
def process(home, folder):
    """A function that runs one command as a program of its own: (exit status, standard output, what it said)."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def process(*arguments, given: bytes = b"") -> tuple[int, bytes, str]:
        done = subprocess.run([*COMMAND, *arguments], input=given, capture_output=True, env=environment, cwd=folder)
        return done.returncode, done.stdout, done.stderr.decode()

    return process


@pytest.mark.parametrize("job", JOBS)
def test_help_has_examples_and_the_exit_statuses(job, capsys):
    with pytest.raises(SystemExit) as ended:
        main([job, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert len(re.findall(rf"^    .*\b{job} .*-o ", text.partition("examples:")[2], re.MULTILINE)) >= 2
    assert all(word in text for word in ("HEIC", "--overwrite", "--quiet", "0 done", "130 interrupted"))


@pytest.mark.parametrize(
    "command",
    [
        (*REMOVE, "photo.tif", "-o", "x.tif"),
        ("segment", "photo.png", "--click", CLICK, "--shadow", "-o", "x.png"),
        ("replace", "photo.jpg", "--mask", "mask.png", "--blur", "0.5", "-o", "x.jpg"),
    ],
)
def test_where_nobody_looks_one_line_is_said_and_nothing_by_libraries(process, command):
    status, output, said = process(*command)
    assert (status, output) == (0, b"")
    assert re.fullmatch(rf"{command[1] if command[1][0] != '-' else 'photo.tif'}: done in [\d.]+ s\n", said)
    status, output, said = process(*command, "--overwrite", "-q")
    assert (status, output, said) == (0, b"", "")


def test_what_goes_wrong_is_said_all_the_same(process):
    status, output, said = process(*REMOVE, "nothing.tif", "-o", "x.tif", "-q")
    assert (status, output, said) == (1, b"", "There is no file nothing.tif.\n")
    assert process("remove")[0] == 2


@pytest.mark.parametrize(
    ("name", "begins"), [("photo.png", b"\x89PNG"), ("photo.tif", b"II"), ("photo.jpg", b"\xff\xd8")]
)
def test_a_photo_comes_and_its_result_goes_through_a_pipe(process, folder, name, begins):
    photo = (folder / name).read_bytes()
    status, output, said = process(*REMOVE, "-", "-o", "-", given=photo)
    assert status == 0 and output.startswith(begins) and re.fullmatch(r"standard input: done in [\d.]+ s\n", said)
    (folder / "piped").write_bytes(output)
    assert process(*REMOVE, name, "-o", f"x-{name}")[0] == 0
    assert (load(folder / "piped") == load(folder / f"x-{name}")).all()


def test_a_mask_goes_through_a_pipe_as_png_or_as_what_is_said(process, folder):
    for options, begins in ((), b"\x89PNG"), (("--format", "tif"), b"II"):
        status, output, _ = process("segment", "photo.jpg", "--click", CLICK, "-o", "-", *options)
        assert status == 0 and output.startswith(begins)
        (folder / "mask").write_bytes(output)
        assert load(folder / "mask").shape == (150, 200)


def test_a_piped_photo_goes_into_a_file_or_a_folder(process, folder):
    photo = (folder / "photo.jpg").read_bytes()
    assert process(*REMOVE, "-", "-o", "x.png", given=photo)[0] == 0
    assert process(*REMOVE, "-", "-o", "out/", given=photo)[0] == 0
    assert (folder / "x.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in (folder / "out").iterdir()] == ["stdin.jpg"]
    status, _, said = process(*REMOVE, "-", "-o", "y.png", given=b"")
    assert status == 1 and said.startswith("standard input ") and said.count("\n") == 1


def test_a_pipe_that_is_closed_is_no_fault_of_ours(home, folder):
    read, write = os.pipe()
    os.close(read)
    command = [*COMMAND, *REMOVE, "photo.tif", "-o", "-"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, env=environment, cwd=folder)
    os.close(write)
    assert done.returncode == 1 and done.stderr == b"The program that was to read the result has ended.\n"


@pytest.mark.parametrize(
    ("stream", "arguments", "says"),
    [
        ("stdout", ("photo.png", "-o", "-"), "A terminal cannot show the result."),
        ("stdin", ("-", "-o", "x.png"), "No photo comes from a terminal."),
    ],
)
def test_a_terminal_neither_gives_nor_takes_pictures(run, folder, monkeypatch, stream, arguments, says):
    monkeypatch.setattr(getattr(sys, stream), "isatty", lambda: True)
    status, printed = run(*REMOVE, *arguments)
    assert status == 1 and says in printed


def test_a_file_called_like_a_pipe_can_be_meant(run, folder):
    (folder / "-").write_bytes((folder / "photo.png").read_bytes())
    assert run(*REMOVE, "./-", "-o", "x.png")[0] == 0
    assert (folder / "x.png").exists()


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp", "avif"])
def test_masks_are_grey_in_every_format(run, folder, suffix):
    assert run("segment", "photo.png", "--click", CLICK, "-o", f"mask-of-it.{suffix}")[0] == 0
    mask = load(folder / f"mask-of-it.{suffix}").reshape(150, 200, -1)
    assert np.ptp(mask.astype(int), axis=2).max() <= 2 and mask[75, 100].min() > 250 and mask[5, 5].max() < 5
    assert mask.shape[2] == 1 or suffix in ("webp", "avif")


@pytest.mark.parametrize("option", ["--output-quality", "--quality"])
def test_the_quality_of_a_file_can_be_said(run, folder, option):
    sizes = {}
    for quality in (20, 95):
        assert run(*REMOVE, "photo.png", option, quality, "-o", f"{quality}.jpg")[0] == 0
        sizes[quality] = (folder / f"{quality}.jpg").stat().st_size
    assert sizes[20] < 0.5 * sizes[95]


def test_a_name_without_a_suffix_needs_a_format(run, folder):
    status, printed = run(*REMOVE, "photo.png", "-o", "result")
    assert status == 1 and "cannot be saved as result" in printed and "or give --format" in printed
    assert run(*REMOVE, "photo.png", "-o", "result", "--format", "TIF")[0] == 0
    assert (folder / "result").read_bytes()[:2] in (b"II", b"MM")


def test_a_folder_among_the_photos_is_explained(run, folder):
    (folder / "holidays").mkdir()
    status, printed = run(*REMOVE, "holidays", "-o", "out/")
    assert status == 1 and "holidays is a folder. Give the photos in it" in printed


def test_a_name_may_hold_anything(run, folder):
    for name in ("ä 照片 [1].png", "a[Q=5].jpg", "50%.tif", "a,b;c.png", "-dash.png"):
        (folder / name).write_bytes((folder / f"photo.{name[-3:]}").read_bytes())
        assert run(*REMOVE, "-o", "out/", "--", name)[0] == 0, name
        assert cv2.imdecode(np.fromfile(folder / "out" / name, np.uint8), cv2.IMREAD_COLOR).shape == (150, 200, 3)


def test_a_progress_bar_is_drawn_where_somebody_looks(run, folder, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    save(folder / "mask.png", scene(40)[1])  # large enough for more steps than one
    status, printed = run(*REMOVE, "photo.png", "-o", "x.png")
    assert status == 0 and "photo.png  [####" in printed and re.search(r"\rphoto.png: done in [\d.]+ s\n$", printed)


@pytest.mark.parametrize(("system", "shown"), [("win32", "Công cụ".encode()), ("linux", rb"C\xf4ng c\u1ee5")])
def test_a_name_that_a_stream_cannot_show_is_printed_all_the_same(monkeypatch, system, shown):
    """On Windows what the plug-in reads would be in that system's code page."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "ascii"))
    monkeypatch.setattr(commands, "stop", lambda: print("Công cụ", flush=True) or 0)
    assert parser.main(["stop"]) == 0
    assert written.getvalue().strip() == shown
