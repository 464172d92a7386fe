"""A job as a recipe, which `inpaint-anything batch` does to many photos: TOML.  Standard library only."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference_server.shared.errors import wrong_input
from inference_server.shared.geometry import Size
from inference_server.shared.messages import Job, MaskOptions, ObjectPrompt, PaintOptions

DIGITS = 5  # of a share of the photo's width: a tenth of a pixel of the largest photos
NAMES = {Job.SELECT: "segment", Job.REMOVE: "remove", Job.FILL: "fill", Job.REPLACE: "replace"}
GROWN = (Job.REMOVE, Job.FILL)
SOFT = (Job.SELECT, Job.REPLACE)

Value = str | int | float | bool | Sequence[object]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What was done to a photo of this (width, height), so that it can be done to others.

    prompts: as in `ObjectTarget`.  has_more: whether something else said what is meant, too: strokes, a selection.
    paint: of REMOVE the model alone counts; None of a job that no model does.  background: as a recipe's table has it,
    empty where a model paints it.  match_light, match_focus: as in `messages.Inpaint`.  reference: the path of a
    picture of what is to be painted, "" for none.
    """

    job: Job
    size: Size
    prompts: tuple[ObjectPrompt, ...]
    has_more: bool
    options: MaskOptions
    paint: PaintOptions | None
    seed: int
    background: Mapping[str, Value]
    match_light: float
    match_focus: bool
    reference: str = ""

    def text(self) -> str:
        """The recipe's file.  Raises UserError where no recipe can say what was meant."""
        tables = {"object": self._object(), "settings": self._settings(), "background": self.background}
        lines = [f"job = {_toml(NAMES[self.job])}"]
        for name, table in tables.items():
            if table:
                lines += ["", f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in table.items())]
        return "\n".join(lines) + "\n"

    def _object(self) -> Mapping[str, Value]:
        """In shares of the photo's size: the others may be larger or smaller."""
        is_corrected = any(prompt.scene and prompt.points for prompt in self.prompts)
        if self.has_more or is_corrected or len(self.prompts) != 1:
            sentence = "A recipe can hold clicks, a box or a name of one object, but no selection and no strokes."
            raise wrong_input(sentence, "Click on the object, and save it again.")
        (prompt,) = self.prompts
        if prompt.scene:
            return {"find": prompt.scene.value}
        if prompt.text or prompt.like:
            return self._kind(prompt)
        table: dict[str, Value] = {}
        for name, label in (("clicks", 1), ("not", 0)):
            clicks = [xy for xy, its in zip(prompt.points, prompt.labels, strict=True) if its == label]
            if clicks:
                table[name] = [self._shares(xy) for xy in clicks]
        if prompt.box:
            table["box"] = self._shares(prompt.box)
        return {**table, "unit": "relative"}

    def _kind(self, prompt: ObjectPrompt) -> Mapping[str, Value]:
        """What an object is called, and the examples of it."""
        boxes = {"like": prompt.like, "unlike": prompt.unlike}
        examples = {name: [self._shares(box) for box in its] for name, its in boxes.items() if its}
        text = {"text": prompt.text} if prompt.text else {}
        return text | examples | ({"unit": "relative"} if examples else {})

    def _shares(self, numbers: Sequence[float]) -> list[float]:
        """Coordinates, x and y by turns, as shares of the photo's width and height, 0 to 1."""
        sides = (self.size[k % 2] for k in range(len(numbers)))
        shares = (number / side for number, side in zip(numbers, sides, strict=True))
        return [round(min(1.0, max(0.0, share)), DIGITS) for share in shares]

    def _settings(self) -> Mapping[str, Value]:
        """All that decides about the result, said or not by the person: another version may have other defaults."""
        options, paint = self.options, self.paint
        table: dict[str, Value] = {"shadow": bool(options.include_shadow)}
        if self.job in SOFT:
            table["soft_edge"] = options.soft_edge
        if self.job in GROWN and options.grow is not None:
            table["grow"] = options.grow
        if self.job != Job.SELECT:
            table |= {"feather": options.feather} if options.feather is not None else {}
            table["seed"] = self.seed
        if self.match_light:
            table["match_light"] = self.match_light
        if self.job in (Job.FILL, Job.REPLACE):
            table["match_focus"] = self.match_focus
        if paint and paint.model:
            table["model"] = paint.model
        if paint and self.job in (Job.FILL, Job.REPLACE):
            table |= {"prompt": paint.prompt, "negative": paint.negative, "help_prompt": paint.help_prompt}
            table["quality"] = paint.quality.value
            table |= {"reference": self.reference} if self.reference else {}
        return table


def _toml(value: Value) -> str:
    """A value in TOML, whose strings, numbers, lists, true and false are JSON's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
