"""Run Python files inside a GIMP and get back what their `main` returns.  Standard library only.

A file defines main(**arguments) -> something JSON can hold; `Gimp` and `Gegl` are importable there.  GIMP does not fail
when a batch command does, so answers travel in files, and no answer is an error.
"""

import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

# Runs in GIMP: takes tasks from a named pipe, a line of JSON each, until told to quit.  Where it opens the pipe again
# before the one who wrote the last line has closed it, there is nothing to read.
RUNNER = """
import json, os, traceback
while (line := open(os.environ["GIMP_TASKS"], encoding="utf-8").readline().strip()) != "quit":
    if not line:
        continue
    task = json.loads(line)
    names = {"__name__": "inside", "__file__": task["file"]}
    try:
        exec(compile(open(task["file"], encoding="utf-8").read(), task["file"], "exec"), names)
        answer = {"value": names["main"](**task["arguments"])}
    except BaseException:
        answer = {"error": traceback.format_exc()}
    if task["delete images"]:
        for image in Gimp.get_images():
            image.delete()
    with open(task["answer"] + ".part", "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os.replace(task["answer"] + ".part", task["answer"])
"""
POLL_SECONDS = 0.02


class GimpFailed(Exception):
    """GIMP gave no answer, or `main` raised; the text holds the traceback or GIMP's last words."""


class RunningGimp:
    """A GIMP that runs one file after the other: starting one takes seconds."""

    def __init__(self, environment: dict[str, str] | None = None, windows: Sequence[str] | None = None) -> None:
        """Start $GIMP_CONSOLE with the profile $GIMP3_DIRECTORY.

        environment: variables beside this process's; windows: options for a GIMP with windows, which keeps the images
        that a file leaves open: without windows it deletes them.
        """
        self._scratch = tempfile.TemporaryDirectory()
        folder = Path(self._scratch.name)
        self._tasks, self._answer, self._output = folder / "tasks", folder / "answer.json", folder / "output"
        os.mkfifo(self._tasks)
        self._windows = windows is not None
        self.environment = dict(environment or {})
        program = os.environ.get("GIMP_CONSOLE", "gimp-console")
        options = ["-i", "--no-data"]  # no brushes or patterns, which nothing here paints with
        if windows is not None:
            program, options = with_windows(program), ["-n", "--no-splash", *windows]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [program, *options, "--batch-interpreter", "python-fu-eval", "-b", RUNNER, "--quit"],
                env={**os.environ, **self.environment, "GIMP_TASKS": str(self._tasks)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> "RunningGimp":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def run(self, file: Path, seconds: float = 600, **arguments: object) -> object:
        """main(**arguments) of `file`.  Raises GimpFailed."""
        self._answer.unlink(missing_ok=True)
        limit = time.monotonic() + seconds
        task = {"file": str(file), "arguments": arguments, "answer": str(self._answer)}
        self._send(json.dumps(task | {"delete images": not self._windows}), limit)
        while not self._answer.is_file():
            if not self.running:
                raise GimpFailed(f"GIMP gave no answer (exit status {self._process.returncode}):\n{self._last_words()}")
            if time.monotonic() > limit:
                self.close()
                raise GimpFailed(f"GIMP gave no answer in {seconds} s:\n{self._last_words()}")
            time.sleep(POLL_SECONDS)
        answer = json.loads(self._answer.read_text("utf-8"))
        if "error" in answer:
            raise GimpFailed(f"{answer['error']}\nGIMP said:\n{self._last_words()}")
        return answer["value"]

    def close(self) -> None:
        """Have it quit; it is killed if it does not."""
        if not self.running:
            return
        with contextlib.suppress(GimpFailed):
            self._send("quit", time.monotonic() + 10)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, line: str, limit: float) -> None:
        """Write a line into the pipe once GIMP reads from it."""
        while self.running:
            try:
                pipe = os.open(self._tasks, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads yet
                if time.monotonic() > limit:
                    raise GimpFailed(f"GIMP does not take its task:\n{self._last_words()}") from None
                time.sleep(POLL_SECONDS)
                continue
            os.set_blocking(pipe, True)
            with os.fdopen(pipe, "w", encoding="utf-8") as file:
                file.write(f"{line}\n")
            return
        raise GimpFailed(f"GIMP has left (exit status {self._process.returncode}):\n{self._last_words()}")

    def said(self) -> str:
        """What it and its plug-ins have printed."""
        return self._output.read_text("utf-8", "replace")

    def _last_words(self) -> str:
        return self.said()[-3000:]


def with_windows(console: str) -> str:
    """The GIMP with windows that belongs to a console GIMP."""
    return console.replace("-console", "")


def run_in_gimp(
    file: Path, seconds: float = 600, environment: dict[str, str] | None = None, **arguments: object
) -> object:
    """main(**arguments) of `file` in a GIMP of its own.  Raises GimpFailed."""
    with RunningGimp(environment) as gimp:
        return gimp.run(file, seconds, **arguments)
