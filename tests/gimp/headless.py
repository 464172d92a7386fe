"""Run a Python file inside a GIMP without windows and get back what its `main` returns.  Standard library only.

The file defines main(**arguments) -> something JSON can hold; `Gimp` and `Gegl` are importable there.  GIMP does not
fail when a batch command does, so the answer travels in a file, and no answer is an error.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path

RUNNER = """
import json, os, traceback
task = json.loads(os.environ["HEADLESS_TASK"])
names = {"__name__": "headless", "__file__": task["file"]}
try:
    exec(compile(open(task["file"], encoding="utf-8").read(), task["file"], "exec"), names)
    answer = {"value": names["main"](**task["arguments"])}
except BaseException:
    answer = {"error": traceback.format_exc()}
with open(task["answer"], "w", encoding="utf-8") as file:
    json.dump(answer, file)
"""


class GimpFailed(Exception):
    """GIMP gave no answer, or `main` raised; the text holds the traceback or GIMP's last words."""


def run_in_gimp(file: Path, seconds: float = 180, environment: dict[str, str] | None = None, **arguments) -> object:
    """main(**arguments) of `file`, in the GIMP $GIMP_CONSOLE with the profile $GIMP3_DIRECTORY.  Raises GimpFailed."""
    with tempfile.TemporaryDirectory() as scratch:
        answer = Path(scratch) / "answer.json"
        task = {"file": str(file), "arguments": arguments, "answer": str(answer)}
        command = [
            os.environ.get("GIMP_CONSOLE", "gimp-console"),
            "-i",
            "--batch-interpreter",
            "python-fu-eval",
            "-b",
            RUNNER,
            "--quit",
        ]
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {}), "HEADLESS_TASK": json.dumps(task)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
        if not answer.is_file():
            raise GimpFailed(f"GIMP gave no answer (exit status {done.returncode}):\n{done.stdout[-3000:]}")
        said = json.loads(answer.read_text("utf-8"))
        if "error" in said:
            raise GimpFailed(f"{said['error']}\nGIMP said:\n{done.stdout[-3000:]}")
        return said["value"]
