"""A recipe that is done to images that are open; the server's program reads it, and checks it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gi.repository import Gio

from inference_server.shared import processes
from inference_server.shared.errors import ErrorCode, UserError, wrong_input
from inference_server.shared.geometry import Box
from inference_server.shared.messages import Job, ObjectPrompt, Scene
from inference_server.shared.text import tr

from .. import job_settings
from ..image.photo_layer import PhotoLayer
from ..image.target import ObjectTarget
from ..job_settings import JobSettings
from .connection import command_of


@dataclass(frozen=True, kw_only=True)
class ReadRecipe:
    """What is to be done to each photo.  prompt: in shares of the photo's size where `relative`, else in its pixels."""

    settings: JobSettings
    prompt: ObjectPrompt
    relative: bool

    def target_in(self, photo: PhotoLayer) -> ObjectTarget:
        """What the recipe means in a photo."""
        size = (photo.width, photo.height) if self.relative else (1, 1)

        def scaled(numbers: Sequence[float]) -> Any:
            return tuple(number * size[k % 2] for k, number in enumerate(numbers))

        return ObjectTarget(prompts=(self.prompt.mapped(scaled, scaled),))


def read(file: Gio.File | None) -> ReadRecipe:
    """What a recipe says.  Raises UserError."""
    path = file.get_path() if file else None
    if path is None:
        raise wrong_input("No recipe was given.", "Give the file of one.")
    try:
        asked = processes.run(command_of("recipe", path))
    except OSError as error:
        sentence = tr("The recipe cannot be read: {error}.", error=error)
        raise UserError(ErrorCode.NO_SERVER, sentence, "Run install.py.") from None
    if asked.returncode:
        raise wrong_input(asked.stderr.decode("utf-8", "replace").strip())
    told = json.loads(asked.stdout)
    prompt = told["prompt"]
    return ReadRecipe(
        settings=job_settings.from_json(Job(told["job"]), told["settings"]),
        prompt=ObjectPrompt(
            points=tuple((x, y) for x, y in prompt.get("points", ())),
            labels=tuple(prompt.get("labels", ())),
            box=tuple(prompt["box"]) if "box" in prompt else None,
            text=prompt.get("text", ""),
            like=_boxes(prompt, "like"),
            unlike=_boxes(prompt, "unlike"),
            scene=Scene(prompt["scene"]) if "scene" in prompt else None,
        ),
        relative=told["unit"] == "relative",
    )


def _boxes(prompt: Mapping[str, Any], key: str) -> tuple[Box, ...]:
    return tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in prompt.get(key, ()))
