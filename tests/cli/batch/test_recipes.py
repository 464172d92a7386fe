"""Recipes: what they mean, and where it is said that one is wrong."""

from pathlib import Path

import pytest

from inference_server.cli.batch import recipes
from inference_server.cli.batch.recipes import Unit
from inference_server.cli.photo_arguments import BackgroundSettings
from inference_server.shared.errors import UserError
from inference_server.shared.messages import Job, MaskOptions, ObjectPrompt, PaintOptions, Quality, Scene

OBJECT = "[object]\nclicks = [[1, 2]]\n"
REMOVE = f'job = "remove"\n{OBJECT}'
REPLACE = f'job = "replace"\n{OBJECT}'

# (the recipe, line, column, what is said)
WRONG = [
    ('job = "remove\n', 1, 14, "A text does not end on its line"),
    ("job = remove\n", 1, 7, "What follows = is no text in quotes"),
    ('job = "remove"\njob = "fill"\n', 2, 13, "What this line gives was given before"),
    ("[object\n", 1, 8, "A name in brackets is not closed"),
    (REMOVE + "[settings]\ngrow = [1, 2\n", 6, 1, "A list does not end"),
    (REMOVE + "[object]\n", 4, 8, "A table of this name was begun before"),
    ("job\n", 1, 4, "There is no = after the name"),
    ('job = "remove" [object]\n', 1, 16, "Something follows where the line should end"),
    ("= 3\n", 1, 1, "A line begins with nothing that could be a name"),
    ('job = "remove"\nobject.mask = "C:\\dogs"\n', 2, 20, "A \\ in a text"),
    ('job = """remove\n', 2, 1, "A text does not end"),
    ("", 1, 1, "Nothing says what is to be done"),
    ("# job\n\n[object]\nclicks = [[1, 2]]\n", 1, 1, "Nothing says what is to be done"),
    ('job = "erase"\n', 1, 1, "'job' cannot be 'erase'"),
    ("job = 3\n", 1, 1, "'job' must be a text"),
    (f"{REMOVE}[setings]\ngrow = 3\n", 4, 2, "'setings' is nothing that a recipe has"),
    ('job = "remove"\n', 1, 1, "Nothing says which object is meant"),
    ('job = "remove"\n[object]\nunit = "relative"\n', 2, 2, "Nothing says which object is meant"),
    ('job = "remove"\n[object]\n  clicks = [[1, 2, 3]]\n', 3, 3, "'clicks' must be of the form [X, Y]"),
    ('job = "remove"\n[object]\nclicks = [1, 2]\n', 3, 1, "'clicks' must be a list of [X, Y]"),
    ('job = "remove"\n[object]\nclicks = [["1", 2]]\n', 3, 1, "of numbers"),
    ('job = "remove"\n[object]\nclicks = [[nan, 2]]\n', 3, 1, "of numbers"),
    ('job = "remove"\n[object]\nclicks = []\n', 3, 1, "There is no click"),
    (f'job = "remove"\n[object]\nclicks = {[[1, 1]] * 101}\n', 3, 1, "at most 100 points"),
    ('job = "remove"\n[object]\nclicks = [[-1, 2]]\n', 3, 1, "outside the photo"),
    ('job = "remove"\n[object]\nunit = "relative"\nclicks = [[0.5, 2]]\n', 4, 1, "relative numbers end at 1"),
    ('job = "remove"\nobject = {unit = "percent", clicks = [[1, 2]]}\n', 2, 11, "'unit' cannot be 'percent'"),
    ('job = "remove"\nobject.box = [1, 2, 3]\n', 2, 1, "of the form [X0, Y0, X1, Y1]"),
    ('job = "remove"\n[object]\nbox = [5, 2, 3, 9]\n', 3, 1, "'box' is empty"),
    ('job = "remove"\n[object]\ntext = "a car"\nbox = [1, 2, 3, 4]\n', 4, 1, "'text' and 'box' were both given"),
    ('job = "remove"\n[object]\ntext = "  "\n', 3, 1, "The text is empty"),
    ('job = "remove"\n[object]\ntext = "a car"\nnot = [[1, 2]]\n', 4, 1, "'not' belongs to clicks"),
    ('job = "remove"\n[object]\nmask = "none.png"\n', 3, 1, "There is no file"),
    ('job = "remove"\n[object]\nmasks = "none"\n', 3, 1, "There is no folder"),
    ('job = "remove"\n[object]\nfind = "dust"\n', 3, 1, "'find' cannot be 'dust'"),
    ('job = "segment"\n[object]\narea = [1, 2, 3, 4]\n', 3, 1, "A mask is what this job makes"),
    ('job = "remove"\nobject = [1]\n', 2, 1, "'object' must be a table"),
    (f"{REMOVE}all = true\n", 4, 1, "'all' belongs to a text or to examples"),
    (f"{REMOVE}unlike = [[1, 2, 3, 4]]\n", 4, 1, "'unlike' belongs to a text or to examples"),
    ('job = "remove"\n[object]\nunlike = [[1, 2, 3, 4]]\n', 2, 2, "Nothing says which object is meant"),
    ('job = "remove"\n[object]\nbox = [1, 2, 3, 4]\nlike = [[1, 2, 3, 4]]\n', 4, 1, "'box' and 'like' were both"),
    ('job = "remove"\n[object]\nlike = []\n', 3, 1, "There is no example"),
    ('job = "remove"\n[object]\nlike = [1, 2, 3, 4]\n', 3, 1, "'like' must be a list of [X0, Y0, X1, Y1]"),
    (f'job = "remove"\n[object]\nlike = {[[1, 1, 2, 2]] * 21}\n', 3, 1, "at most 20 boxes"),
    ('job = "remove"\n[object]\nlike = [[3, 1, 3, 2]]\n', 3, 1, "'like' is empty"),
    ('job = "remove"\n[object]\nlike = [[1, 1, 2, 2]]\nunlike = [[-1, 1, 2, 2]]\n', 4, 1, "outside the photo"),
    (f"{REMOVE}[settings]\nfeather = -1\n", 5, 1, "'feather' must be from 0 to"),
    (f"{REMOVE}[settings]\ngrow = 1.5\n", 5, 1, "'grow' must be a whole number"),
    (f"{REMOVE}[settings]\nshadow = 1\n", 5, 1, "'shadow' must be true or false"),
    (f'{REMOVE}[settings]\nprompt = "a bench"\n', 5, 1, "'prompt' is nothing that the job 'remove' has"),
    (f"{REPLACE}[settings]\ngrow = 3\n", 5, 1, "'grow' is nothing that the job 'replace' has"),
    (f'{REPLACE}[settings]\nquality = "good"\nprompt = "a beach"\n', 5, 1, "'quality' cannot be 'good'"),
    (REPLACE, 1, 1, "Nothing says what should be around the object"),
    (f'{REPLACE}[settings]\nprompt = "x"\n[background]\nblur = 0.5\n', 7, 1, "Several things say"),
    (f"{REPLACE}[background]\nblur = 2\n", 5, 1, "'blur' must be from 0 to 1"),
    (f'{REPLACE}[background]\ncolours = ["red"]\n', 5, 1, "'red' is not a colour"),
    (f"{REPLACE}[background]\ncolours = []\n", 5, 1, "There is no colour"),
    (f'{REPLACE}[background]\ncolours = "#336699"\n', 5, 1, "'colours' must be a list"),
    (f'{REPLACE}[background]\nphoto = "beach.jpg"\n', 5, 1, "There is no file"),
    (f"{REMOVE}[background]\nblur = 0.5\n", 5, 1, "'blur' is nothing that the job 'remove' has"),
    (f'{REMOVE}[output]\nformat = "gif"\n', 5, 1, "'format' cannot be 'gif'"),
    (f'{REMOVE}[output]\nname = "{{stem.real}}"\n', 5, 1, "is no pattern"),
    (f'{REMOVE}[output]\nname = "../{{stem}}"\n', 5, 1, "does not lead to a file"),
    (f'{REMOVE}[output]\nname = "/{{stem}}"\n', 5, 1, "does not lead to a file"),
    (f"{REMOVE}[output]\nquality = 101\n", 5, 1, "'quality' must be from 1 to 100"),
    ('job = "segment"\n' + OBJECT + "[output]\nquality = 90\n", 5, 1, "A mask has no quality"),
    (f'{REMOVE}[settings]\nmodel = """\ngrow = 1\n"""\ngrow = -1\n', 8, 1, "'grow' must be from 0"),
]


def refusal(text: str, folder: Path) -> str:
    with pytest.raises(UserError) as refused:
        recipes.parse(text, "night.toml", folder)
    return str(refused.value)


@pytest.mark.parametrize(("text", "line", "column", "says"), WRONG)
def test_what_is_wrong_is_said_in_a_line_with_its_place(tmp_path, text, line, column, says):
    said = refusal(text, tmp_path)
    assert said.startswith(f"night.toml, line {line}, column {column}: ") and says in said
    assert "\n" not in said


def test_the_smallest_recipe(tmp_path):
    found = recipes.parse(REMOVE, "", tmp_path)
    assert found.job == Job.REMOVE and found.pointing.prompt == ObjectPrompt(points=((1, 2),), labels=(1,))
    assert found.options == MaskOptions() and found.paint == PaintOptions() and not found.is_painted
    assert (found.seed, found.background, found.output) == (0, None, recipes.RecipeOutput())


def test_a_recipe_with_everything(tmp_path):
    text = """
    job = "fill"
    [object]
    clicks = [[0.25, 0.5]]
    not = [[0.5, 0.75]]
    box = [0.1, 0.2, 0.3, 1]
    unit = "relative"
    [settings]
    grow = 4
    feather = 2
    shadow = true
    seed = 7
    prompt = "a bench"
    negative = "people"
    help_prompt = false
    match_focus = false
    quality = "fast"
    model = "org/name"
    [output]
    name = "{folder}/{stem}-{job}"
    format = "jpg"
    quality = 80
    """
    found = recipes.parse(text, "", tmp_path)
    assert found.pointing.prompt_in((400, 200)) == ObjectPrompt(
        points=((100, 100), (200, 150)), labels=(1, 0), box=(40, 40, 120, 200)
    )
    assert found.options == MaskOptions(grow=4, feather=2, include_shadow=True) and found.seed == 7
    assert found.match_focus is False
    assert found.paint == PaintOptions(
        prompt="a bench", negative="people", help_prompt=False, quality=Quality.FAST, model="org/name"
    )
    assert found.output == recipes.RecipeOutput(name="{folder}/{stem}-{job}", format="jpeg", quality=80)
    assert found.is_painted


def test_other_ways_to_point_and_backgrounds(tmp_path):
    (tmp_path / "masks").mkdir()
    (tmp_path / "mask.png").touch()

    def pointing(line: str) -> recipes.Pointing:
        return recipes.parse(f'job = "remove"\n[object]\n{line}\n', "", tmp_path).pointing

    assert pointing('mask = "mask.png"').mask == tmp_path / "mask.png"
    assert pointing('masks = "masks"').masks == tmp_path / "masks"
    assert pointing('text = "a car"').prompt.text == "a car"
    sky = pointing('find = "sky"')
    assert sky.prompt.scene == Scene.SKY and sky.is_prompt and not sky.spots
    cars = pointing('text = "car"\nall = true')
    assert cars.everything and not pointing('text = "car"').everything
    alike = pointing('like = [[0.5, 0.5, 1, 1]]\nunlike = [[0, 0, 0.25, 0.5]]\nall = true\nunit = "relative"')
    assert alike.everything and alike.is_prompt
    assert alike.prompt_in((100, 60)) == ObjectPrompt(like=((50, 30, 100, 60),), unlike=((0, 0, 25, 30),))
    both = pointing('text = "a car"\nlike = [[1, 2, 3, 4]]').prompt
    assert both == ObjectPrompt(text="a car", like=((1, 2, 3, 4),))
    spots = pointing('find = "spots"')
    assert spots.spots and not spots.is_prompt
    area = pointing('area = [0.5, 0.5, 1, 1]\nunit = "relative"')
    assert area.unit == Unit.RELATIVE and area.area_in((100, 60)) == (50, 30, 100, 60) and not area.is_prompt
    found = recipes.parse(f'{REPLACE}[background]\ncolours = ["#ff0000", "#0000ff"]\n', "", tmp_path)
    assert found.background == BackgroundSettings(colours=((1, 0, 0), (0, 0, 1))) and found.options.include_shadow


def test_a_mask_is_found_by_its_photos_name(tmp_path):
    for name in ("a.png", "a.txt", "b.png", "b.tif"):
        (tmp_path / name).touch()
    pointing = recipes.Pointing(prompt=ObjectPrompt(), masks=tmp_path)
    assert pointing.mask_for(Path("photos/a.jpg"), (".png", ".tif")) == tmp_path / "a.png"
    with pytest.raises(UserError, match="more than one mask for"):
        pointing.mask_for(Path("b.jpg"), (".png", ".tif"))
    with pytest.raises(UserError, match=r"no mask for photos.c\.jpg"):
        pointing.mask_for(Path("photos/c.jpg"), (".png", ".tif"))


def test_what_is_no_recipe_is_not_taken_for_one(tmp_path):
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(UserError, match="no text in UTF-8"):
        recipes.text_of(photo)
    with pytest.raises(UserError, match="cannot be read"):
        recipes.text_of(tmp_path / "none.toml")
    photo.write_bytes(b"#" * (recipes.LONGEST + 1))
    with pytest.raises(UserError, match="too long"):
        recipes.text_of(photo)
