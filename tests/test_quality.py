"""How well the starter does its jobs, on the developers' data sets."""

import json
import subprocess
import sys

import pytest


@pytest.fixture
def clicks(shared, home, tmp_path):
    """The figures of clicks_eval.py on one set."""

    def run(name: str) -> dict:
        report = tmp_path / "report.json"
        script, folder = shared / "eval" / "clicks_eval.py", shared / "data" / "clicks" / name
        subprocess.run([sys.executable, script, folder, "--json", report], check=True)
        return json.loads(report.read_text())[name]

    return run


def test_clicks_find_the_objects_of_grabcut(clicks):
    found = clicks("grabcut")
    assert found["n"] == 50
    assert found["iou1"] >= 0.80
    assert found["best3"] >= 0.86
    assert found["iou3"] >= 0.90
    assert found["iou5"] >= 0.94
    assert found["noc90"] <= 2.2
