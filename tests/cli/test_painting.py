"""Painting from a prompt on the command line, in the lane of the tests that paint: what paints is loaded once."""

from ..conftest import CLICK
from .pictures import load, save

AT = f"{CLICK[0]},{CLICK[1]}"


def test_variations_go_into_files_of_their_own_and_the_prompt_is_printed(run, tmp_path, photo, small_models):
    source = save(tmp_path / "photo.png", photo)
    paint = ["--prompt", "a cat", "--negative", "dogs", "--quality", "fast", "--model", small_models / "sd15"]
    status, printed = run(
        *("fill", source, "--click", AT, *paint, "--seed", "7", "--variations", "2", "-o", tmp_path / "x.png")
    )
    assert status == 0, printed
    assert "The model was told: a photo of a cat, " in printed and "But not: dogs, " in printed
    assert sorted(file.name for file in tmp_path.glob("x*")) == ["x-seed7.png", "x-seed8.png"]
    first, second = (load(tmp_path / f"x-seed{seed}.png") for seed in (7, 8))
    assert (first != second).any() and (first[:60] == photo[:60]).all()
    plain = run("fill", source, "--click", AT, *paint, "--seed", "8", "--plain-prompt", "-o", tmp_path / "y.png")[1]
    assert "The model was told: a cat\n" in plain


def test_a_prompt_paints_the_background_of_a_file(run, tmp_path, photo, small_models):
    source, result = save(tmp_path / "photo.png", photo), tmp_path / "result.png"
    paint = ["--prompt", "a beach", "--quality", "fast", "--model", small_models / "sd15"]
    status, printed = run("replace", source, "--click", AT, *paint, "-o", result)
    assert status == 0 and "The model was told: " in printed and "a beach" in printed
    assert (load(result)[:50, :50] != photo[:50, :50]).any()
