"""A comparison in which nobody knows which result is whose until the best is chosen.

    python bench/remove/blind.py SHEETS SOURCE...    draws a sheet for each photo: the photo, then A, B, … by chance
    python bench/remove/blind.py SHEETS              counts what was chosen

A SOURCE is an index of photos and clicks, a list of {"name", "image", "points"} with the files beside it, or a folder
of photographs with one outlined object each (bench/README.md), of which COUNT are drawn by chance.  SHEETS/choices.txt
takes a line for each sheet: its name, and the letter of the best, or letters (AB) of those as good.
SHEETS/key.json says whose each letter is: it is not to be read before.
"""

import json
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from peers import OURS, methods, read

from inference_server import Engine
from inference_server.imaging import masks, windows
from inference_server.shared.geometry import default_grow

COUNT = 20  # photos of a folder
SHARE = 0.01, 0.15  # of the photo, that an object in it takes
AROUND = 0.5  # of the hole, that a sheet shows on each side of it
LONGEST = 700  # pixels of what a sheet shows; what is larger is shown reduced
LEFT_OUT = "PyPatchMatch as it comes"  # it is there with larger patches, which do better


class Case(NamedTuple):
    """image: (H, W, 3) uint8, RGB; mask: (H, W) uint8, 0 or 255, grown."""

    name: str
    image: np.ndarray
    mask: np.ndarray


def main(arguments: list[str]) -> int:
    if not arguments:
        sys.exit(__doc__)
    sheets, sources = Path(arguments[0]), [Path(each) for each in arguments[1:]]
    if not sources:
        count(sheets)
        return 0
    sheets.mkdir(parents=True, exist_ok=True)
    works, rng, known = methods(), np.random.default_rng(), sheets / "key.json"
    key = json.loads(known.read_text("utf-8")) if known.exists() else {}  # of a run that was ended before its time
    works.pop(LEFT_OUT, None)
    if len(works) > 2:  # what only blurs is no opponent, where there is another
        works = {name: work for name, work in works.items() if not name.startswith("OpenCV")}
    for source in sources:
        for case in outlined(source) if source.is_dir() else clicked(source):
            if case.name in key:
                continue
            order = [list(works)[k] for k in rng.permutation(len(works))]
            draw(sheets / f"{case.name}.png", case, [works[name](case.image, case.mask) for name in order])
            key[case.name] = order
            known.write_text(json.dumps(key, indent=1), "utf-8")
    print(f"{len(key)} sheets in {sheets}")
    return 0


def clicked(index: Path) -> Iterator[Case]:
    engine = Engine()
    for entry in json.loads(index.read_text("utf-8")):
        if entry.get("job", "remove") == "remove":
            image = read(index.parent / entry["image"])
            mask = engine.segment(image, entry["points"], [1] * len(entry["points"]))[0].alpha
            yield Case(entry["name"], image, grown(mask))


def outlined(folder: Path) -> Iterator[Case]:
    """COUNT photos with a whole object of SHARE, chosen by chance but always the same."""
    found = 0
    files = sorted(folder.rglob("*.mask.png"))
    for k in np.random.default_rng(0).permutation(len(files)):
        grey = cv2.imread(str(files[k]), cv2.IMREAD_GRAYSCALE)
        item = grey > 128
        cut = np.concatenate((item[0], item[-1], item[:, 0], item[:, -1])).any()
        if cut or not SHARE[0] <= item.mean() <= SHARE[1]:
            continue
        name = files[k].name.removesuffix(".mask.png")
        image = next(file for end in (".jpg", ".png") if (file := files[k].with_name(name + end)).exists())
        yield Case(name, read(image), grown(np.uint8(255) * item))
        found += 1
        if found == COUNT:
            return


def grown(mask: np.ndarray) -> np.ndarray:
    """The mask grown as the product does by default, without a soft edge, as others take none."""
    height, width = mask.shape
    return masks.grow_and_feather(mask, default_grow(width, height), 0)


def draw(file: Path, case: Case, results: list[np.ndarray]) -> None:
    """The photo, with the mask outlined, and beside it the results, without names."""
    bounds = windows.bounds(case.mask)
    assert bounds is not None
    margin = round(AROUND * max(bounds.width, bounds.height))
    part = bounds.grown(margin, margin, case.mask.shape[1], case.mask.shape[0]).slices
    shown = case.image.copy()
    outlines, _ = cv2.findContours(case.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(shown, outlines, -1, (255, 0, 0), 1)
    pieces = []
    for title, image in zip(("photo", *string.ascii_uppercase), (shown, *results), strict=False):
        piece = image[part]
        scale = min(1.0, LONGEST / max(piece.shape[:2]))
        piece = cv2.resize(piece, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        titled = np.full((piece.shape[0] + 20, piece.shape[1] + 6, 3), 255, np.uint8)
        titled[20:, :-6] = piece
        cv2.putText(titled, title, (4, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        pieces.append(titled)
    cv2.imwrite(str(file), np.hstack(pieces)[..., ::-1])


def count(sheets: Path) -> None:
    """Print how often each was chosen, alone or with others, and how often it was not."""
    key = json.loads((sheets / "key.json").read_text("utf-8"))
    chosen = dict(
        line.rsplit(maxsplit=1) for line in (sheets / "choices.txt").read_text("utf-8").splitlines() if line.strip()
    )
    names = sorted({name for order in key.values() for name in order})
    print(f"{len(chosen)} of {len(key)} sheets\n{'':28} {'alone':>6} {'tied':>6} {'not':>6}")
    for name in names:
        alone = tied = 0
        for sheet, letters in chosen.items():
            best = {key[sheet][string.ascii_uppercase.index(letter)] for letter in letters}
            alone += best == {name}
            tied += name in best and len(best) > 1
        print(f"{name:28} {alone:6} {tied:6} {len(chosen) - alone - tied:6}")
    lost = [sheet for sheet, letters in chosen.items() if string.ascii_uppercase[key[sheet].index(OURS)] not in letters]
    print(f"ours not chosen: {', '.join(lost) or 'nowhere'}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
