"""How well the starter does its jobs, on the developers' data sets."""

import csv
import json
import statistics
import subprocess
import sys

import pytest

from . import property


@pytest.fixture
def clicks(shared, home, tmp_path):
    """The figures of clicks_eval.py on the first photos of a set."""

    def run(name: str, count: int) -> dict:
        report = tmp_path / "report.json"
        script, folder = shared / "eval" / "clicks_eval.py", shared / "data" / "clicks" / name
        limit = ["--limit", str(count)]
        subprocess.run([sys.executable, script, folder, *limit, "--json", report], check=True)
        return json.loads(report.read_text())[name]

    return run


# Of so many photos: the least of the first four, the most clicks on average.
LIMITS = {
    50: {"iou1": 0.80, "best3": 0.86, "iou3": 0.90, "iou5": 0.94, "noc90": 2.2},
    10: {"iou1": 0.84, "best3": 0.85, "iou3": 0.83, "iou5": 0.89, "noc90": 2.1},
}


def test_clicks_find_the_objects_of_grabcut(clicks):
    count = 50 if property.effort is property.Effort.THOROUGH else 10
    found, limits = clicks("grabcut", count), LIMITS[count]
    assert found["n"] == count
    assert all(found[name] >= limits[name] for name in ("iou1", "best3", "iou3", "iou5")), found
    assert found["noc90"] <= limits["noc90"]


def test_removing_with_the_starter_is_near_the_truth(shared, home, tmp_path):
    """The limits are those of the best tools there are to compare with, or stricter; LPIPS moves by .01 with luck."""
    for package in ("torch", "safetensors", "skimage"):
        pytest.importorskip(package, reason=f"the measures of the developers' removal_eval.py need {package}")
    index, table = shared / "data" / "removal" / "index.json", tmp_path / "scores.csv"
    subprocess.run([sys.executable, shared / "eval" / "removal_run.py", index, tmp_path / "out"], check=True)
    measure = [sys.executable, shared / "eval" / "removal_eval.py", index, tmp_path / "out", "--csv", table]
    subprocess.run(measure, check=True)
    rows = list(csv.DictReader(table.open()))
    assert len(rows) == 20
    mean = {name: statistics.fmean(float(row[name]) for row in rows) for name in ("lpips", "psnr", "seam", "sharp")}
    assert mean["lpips"] <= 0.185
    assert mean["psnr"] >= 17.9
    assert mean["seam"] <= 3.6
    assert mean["sharp"] >= 0.85
    assert max(float(row["out"]) for row in rows) == 0
