"""Messages as a stranger would spoil them."""

import random
from collections.abc import Callable, Sequence

EXTREMES = (b"-1", b"0", b"1e999", b"99999999999999999999", b"NaN", b"null", b"[]", b"{}", b'""', b"true", b"0.5")


def mutated(parts: Sequence[bytes], chance: random.Random) -> list[bytes]:
    """The same message with one to four things wrong."""
    result = [bytes(part) for part in parts]
    for _ in range(chance.randint(1, 4)):
        chance.choice(WAYS)(result, chance)
    return result


def truncated(parts: Sequence[bytes], chance: random.Random) -> list[bytes]:
    """The beginning of a message: its first parts, the last of them cut off."""
    result = [bytes(part) for part in parts[: chance.randint(1, len(parts))]]
    result[-1] = result[-1][: chance.randrange(len(result[-1]) + 1)]
    return result


def _flip(parts: list[bytes], chance: random.Random) -> None:
    where = chance.randrange(len(parts))
    part = bytearray(parts[where])
    for _ in range(chance.randint(1, 8) if part else 0):
        part[chance.randrange(len(part))] = chance.randrange(256)
    parts[where] = bytes(part)


def _cut(parts: list[bytes], chance: random.Random) -> None:
    where = chance.randrange(len(parts))
    parts[where] = parts[where][: chance.randrange(len(parts[where]) + 1)]


def _drop(parts: list[bytes], chance: random.Random) -> None:
    if len(parts) > 1:
        parts.pop(chance.randrange(len(parts)))


def _repeat(parts: list[bytes], chance: random.Random) -> None:
    parts.insert(chance.randrange(len(parts) + 1), chance.choice(parts))


def _swap(parts: list[bytes], chance: random.Random) -> None:
    chance.shuffle(parts)


def _replace_value(parts: list[bytes], chance: random.Random) -> None:
    """Put something extreme between a colon or a comma and the next one, of the header or the body."""
    where = chance.randrange(min(2, len(parts)))
    pieces = parts[where].split(b",")
    k = chance.randrange(len(pieces))
    name, colon, _ = pieces[k].rpartition(b":")
    pieces[k] = name + colon + chance.choice(EXTREMES)
    parts[where] = b",".join(pieces)


def _insert(parts: list[bytes], chance: random.Random) -> None:
    where = chance.randrange(len(parts))
    at = chance.randrange(len(parts[where]) + 1)
    text = chance.choice((b"[" * 5000, b"{" * 50, b"\\ud800", b"\0", b"9" * 5000, chance.randbytes(20)))
    parts[where] = parts[where][:at] + text + parts[where][at:]


WAYS: tuple[Callable[[list[bytes], random.Random], None], ...] = (
    _flip,
    _cut,
    _drop,
    _repeat,
    _swap,
    _replace_value,
    _replace_value,
    _insert,
)
