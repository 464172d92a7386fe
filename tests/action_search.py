"""Which of our menu entries GIMP's action search (/) finds for what a person types, in each language.

GIMP 3.0 and 3.2 (app/dialogs/action-search-dialog.c) look at an entry's label and its tooltip, which is a procedure's
blurb. Every word that is typed must be the beginning of one of the label's words or, where that is not so and the first
word has at least three letters, of one of the label's or the blurb's. GIMP also finds words without their accents, and
labels by their initials; neither is done here.
"""

import ast
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

from . import translations

PROCEDURES = Path(__file__).resolve().parents[1] / "gimp_plugin" / "inpaint_anything" / "procedures.py"
LEAST_FOR_A_BLURB = 3  # letters of the first word

# For each language, what a person may type and the procedures that must then be found.
REMOVING = {"remove", "remove-again"}
PAINTING = {*REMOVING, "fill", "replace", "edit"}
SELECTING = {"select", "select-subject", "select-background", "select-sky"}
ON_OBJECTS = {*REMOVING, "select", "fill", "replace"}
EXPECTED: dict[str, dict[str, set[str]]] = {
    "en": {
        "inpaint": {*PAINTING, "settings"},
        "inpainting": {*REMOVING, "fill", "edit"},
        "erase": REMOVING,
        "remove": REMOVING,
        "object": ON_OBJECTS,
        "heal": REMOVING,
        "segment": SELECTING,
        "erase object": REMOVING,
        "cut out": SELECTING,
        "mask": {*SELECTING, "edit", "refine-selection"},
        "hair": {"refine-selection"},
        "subject": {"select-subject"},
        "sky": {"select-sky"},
        "background": {"replace", "select-background"},
        "blur": {"replace"},
        "generative": {"fill", "expand"},
        "outpainting": {"expand"},
        "models": {"settings"},
        "recipe": {"run-recipe"},
        "batch": {"run-recipe"},
        "help": {"help"},
    },
    "de": {
        "inpaint": {*PAINTING, "settings"},
        "löschen": REMOVING,
        "entfernen": REMOVING,
        "objekt": ON_OBJECTS,
        "heilen": REMOVING,
        "segmentieren": SELECTING,
        "freistellen": SELECTING,
        "maske": {*SELECTING, "edit"},
        "motiv": {"select-subject", "select-background"},
        "himmel": {"select-sky"},
        "hintergrund": {"replace", "select-background"},
        "erweitern": {"expand"},
        "modelle": {"settings"},
        "hilfe": {"help"},
    },
    "vi": {
        "inpaint": {*PAINTING, "settings"},
        "tẩy": REMOVING,
        "xóa": REMOVING,
        "đối tượng": ON_OBJECTS,
        "phục hồi": REMOVING,
        "phân đoạn": SELECTING,
        "mặt nạ": {*SELECTING, "edit"},
        "chủ thể": {"select-subject", "select-background"},
        "bầu trời": {"select-sky"},
        "nền": {"replace", "select-background"},
        "mở rộng": {"expand"},
        "mô hình": {"settings"},
        "trợ giúp": {"help"},
    },
}


def entries() -> dict[str, tuple[str, str]]:
    """The label and the blurb of every procedure, in English, by its name without the prefix."""
    found = {}
    for call in ast.walk(ast.parse(PROCEDURES.read_text("utf-8"))):
        if isinstance(call, ast.Call) and translations.called(call) == "ProcedureDeclaration":
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            label, blurb = (ast.literal_eval(given[name].args[0]) for name in ("label", "blurb"))
            found[ast.literal_eval(given["name"])] = label, blurb
    return found


def found_by(typed: str, translate: Callable[[str], str] = str) -> set[str]:
    """The procedures that GIMP finds for what is typed.  translate: gives a label or a blurb in another language."""
    return {name for name, texts in entries().items() if matches(typed, *map(translate, texts))}


def matches(typed: str, label: str, blurb: str) -> bool:
    """Whether GIMP finds an entry."""
    words, of_label = tokens(typed), tokens(label.replace("_", ""))
    if all(_begins(word, of_label) for word in words):
        return True
    of_both = of_label + tokens(blurb)
    return len(words[0]) >= LEAST_FOR_A_BLURB and all(_begins(word, of_both) for word in words)


def tokens(text: str) -> list[str]:
    """The words of a text as they are compared: composed, without capitals."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text).casefold())


def _begins(word: str, others: list[str]) -> bool:
    return any(other.startswith(word) for other in others)
