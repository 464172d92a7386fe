"""TOML whose faults are said with the line and the column where they are.  Standard library only.

`tomllib` gives the values without their places; those are looked up in the text, and only where something is wrong.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ...shared.errors import UserError, wrong_input

T = TypeVar("T")
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_QUOTES = ('"' * 3, "'" * 3)
# What tomllib says begins so -> what a person is told, and what to do.
_SAID = {
    "Illegal character '\\n'": ("A text does not end on its line.", "Close its quotes."),
    "Unterminated string": ("A text does not end.", "Close its quotes."),
    "Unescaped '\\'": (
        "A \\ in a text means something else there.",
        "Write / or \\\\, or put the text in single quotes.",
    ),
    "Invalid value": (
        "What follows = is no text in quotes, no number, no list, nor true or false.",
        'A text has quotes: "remove".',
    ),
    "Cannot overwrite a value": ("What this line gives was given before.", "Leave one of them out."),
    "Cannot declare": ("A table of this name was begun before.", "Put all of it under one name in brackets."),
    "Unclosed array": ("A list does not end.", "Close it with ]."),
    "Expected ']' at the end of a table declaration": ("A name in brackets is not closed.", "Write it as in [object]."),
    "Expected '=' after a key": ("There is no = after the name of a setting.", "Write it as in grow = 3."),
    "Expected newline or end of document": (
        "Something follows where the line should end.",
        "Give it a line of its own.",
    ),
    "Invalid statement": (
        "A line begins with nothing that could be a name.",
        "Write it as in grow = 3, or begin with #.",
    ),
}


class FaultError(Exception):
    """Something in a table that cannot be meant.  path: the keys that lead there; remedy: what to do about it."""

    def __init__(self, path: Sequence[str], sentence: str, remedy: str = "") -> None:
        super().__init__(sentence)
        self.path, self.sentence, self.remedy = tuple(path), sentence, remedy


def read(text: str, name: str, understand: Callable[["Table"], T]) -> T:
    """What `understand` makes of a document.  It may raise FaultError.

    name: what to call the document.  Raises UserError, with the line and the column of what is wrong.
    """
    try:
        return understand(Table(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        said = str(error)
        found = _PLACE.search(said)
        end = text.count("\n") + 1, len(text) - text.rfind("\n")
        place = (int(found[1]), int(found[2])) if found and found[1] else end
        own = f"{_PLACE.sub('', said)}.", "See toml.io for how values are written."
        sentence, remedy = next((told for start, told in _SAID.items() if said.startswith(start)), own)
        raise _wrong(name, place, sentence, remedy) from None
    except FaultError as fault:
        raise _wrong(name, place_of(text, fault.path), fault.sentence, fault.remedy) from None


def place_of(text: str, path: Sequence[str]) -> tuple[int, int]:
    """The line and the column, from 1 on, of a key; of the nearest one above it that is written out, where it lacks."""
    best, depth, table, closing = (1, 1), 0, [], ""
    for number, line in enumerate(text.splitlines(), 1):
        if closing:  # within a string of several lines
            closing = "" if closing in line else closing
            continue
        closing = next((quotes for quotes in _QUOTES if line.count(quotes) == 1), "")
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table, full, column = _parts(header[1]), _parts(header[1]), header.start(1)
        elif key:
            full, column = [*table, *_parts(key[1])], key.start(1)
        else:
            continue
        if len(full) > depth and full == list(path[: len(full)]):
            best, depth = (number, column + 1), len(full)
            if len(path) > depth and (inside := re.search(rf"[{{,]\s*({re.escape(path[depth])})\s*=", line)):
                best, depth = (number, inside.start(1) + 1), depth + 1
    return best


class Table:
    """A table of the document: its values by key, checked.  Every method raises FaultError for what cannot be meant."""

    def __init__(self, values: Mapping[str, Any], path: tuple[str, ...] = ()) -> None:
        self._values, self.path = values, path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def __iter__(self) -> Iterator[str]:
        """Its keys, as they follow one another in the document."""
        return iter(self._values)

    def demand_known(self, keys: Collection[str], of: str) -> None:
        """The table holds none but these keys.  of: what the table is about."""
        for key in self._values:
            if key not in keys:
                known = f"Known there: {', '.join(keys)}." if keys else ""
                raise self.fault(key, f"{key!r} is nothing that {of} has.", known)

    def table(self, key: str) -> "Table":
        """A table in it, empty where there is none."""
        return Table(self._get(key, dict, "a table") or {}, (*self.path, key))

    def text(self, key: str, default: str = "") -> str:
        """A string."""
        found = self._get(key, str, "a text in quotes")
        return default if found is None else found

    def flag(self, key: str, *, default: bool) -> bool:
        """true or false."""
        found = self._get(key, bool, "true or false")
        return default if found is None else found

    def whole(self, key: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`; None where there is none."""
        found = self._get(key, int, "a whole number")
        if found is not None and not low <= found <= high:
            raise self.fault(key, f"{key!r} must be from {low} to {high}.")
        return found

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number from `low` to `high`; None where there is none."""
        found = self._get(key, (int, float), "a number")
        if found is not None and not low <= found <= high:
            raise self.fault(key, f"{key!r} must be from {low:g} to {high:g}.")
        return found

    def choice(self, key: str, options: Mapping[str, T]) -> T | None:
        """One of the named options; None where there is none."""
        found = self._get(key, str, "a text in quotes")
        if found is not None and found not in options:
            raise self.fault(key, f"{key!r} cannot be {found!r}.", f"It is one of: {', '.join(options)}.")
        return None if found is None else options[found]

    def texts(self, key: str, most: int) -> tuple[str, ...]:
        """A list of at most so many strings."""
        found = self._get(key, list, "a list") or []
        if len(found) > most or not all(isinstance(item, str) for item in found):
            raise self.fault(key, f"{key!r} must be a list of at most {most} texts in quotes.")
        return tuple(found)

    def numbers(self, key: str, form: str) -> tuple[float, ...] | None:
        """A list of as many finite numbers as `form`, for a person, has: "X, Y"."""
        found = self._get(key, list, f"of the form [{form}]")
        return None if found is None else self._numbers(key, found, form)

    def points(self, key: str, most: int) -> tuple[tuple[float, float], ...]:
        """A list of at most so many [x, y]."""
        return tuple((x, y) for x, y in self._rows(key, "X, Y", most, "points"))

    def boxes(self, key: str, most: int) -> tuple[tuple[float, float, float, float], ...]:
        """A list of at most so many [x0, y0, x1, y1]."""
        return tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in self._rows(key, "X0, Y0, X1, Y1", most, "boxes"))

    def fault(self, key: str, sentence: str, remedy: str = "") -> FaultError:
        """The fault of the value with this key."""
        return FaultError((*self.path, key), sentence, remedy)

    def _rows(self, key: str, form: str, most: int, what: str) -> list[tuple[float, ...]]:
        found = self._get(key, list, f"a list of [{form}]") or []
        if len(found) > most:
            raise self.fault(key, f"{key!r} may hold at most {most} {what}.")
        if not all(isinstance(item, list) for item in found):
            example = ", ".join(("120", "80", "300", "260")[: len(form.split(","))])
            raise self.fault(key, f"{key!r} must be a list of [{form}], of numbers.", f"As in {key} = [[{example}]].")
        return [self._numbers(key, item, form) for item in found]

    def _numbers(self, key: str, found: object, form: str) -> tuple[float, ...]:
        count = len(form.split(","))
        if not isinstance(found, list) or len(found) != count or not all(map(_is_number, found)):
            raise self.fault(key, f"{key!r} must be of the form [{form}], of numbers.")
        return tuple(map(float, found))

    def _get(self, key: str, kinds: type | tuple[type, ...], what: str) -> Any:
        found = self._values.get(key)
        right = isinstance(found, kinds) and (kinds is bool or not isinstance(found, bool))
        if found is not None and not right:
            raise self.fault(key, f"{key!r} must be {what}.")
        return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _parts(dotted: str) -> list[str]:
    return [part.strip().strip("\"'") for part in dotted.split(".")]


def _wrong(name: str, place: tuple[int, int], sentence: str, remedy: str) -> UserError:
    return wrong_input(f"{name}, line {place[0]}, column {place[1]}: {sentence}", remedy)
