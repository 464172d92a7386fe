"""Text for a person that can still be translated where it is shown.  Standard library only."""

import re

_PLACEHOLDER = re.compile(r"\{(\w+)\}")  # not str.format, which reaches into objects: templates come over a socket


class Translatable(str):
    """English text that remembers the template and the values it was made of.

    template: the English text with names in braces; values: what stands for the names, which may be `Translatable`
    themselves.  The plug-in looks the template up in its catalogue and fills the values in again.
    """

    template: str
    values: dict[str, object]

    def __new__(cls, template: str, values: dict[str, object] | None = None) -> "Translatable":
        values = values or {}
        made = super().__new__(cls, _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), template))
        made.template, made.values = template, values
        return made

    @classmethod
    def of(cls, text: str) -> "Translatable":
        """`text`, as a `Translatable` without values if it is a plain string."""
        return text if isinstance(text, cls) else cls(text)


def tr(template: str, **values: object) -> Translatable:
    """Translatable text: `template` with each name in braces replaced by its value."""
    return Translatable(template, values)
