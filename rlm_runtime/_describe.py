"""Values in few words: what a model is told of a context, what a trace shows of an answer."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

_SAMPLE = 1000
_KEYS_SHOWN = 3
_KEY_CHARS = 60
_PREVIEW_CHARS = 4000
_SIZES_READ = 300_000
_LEVELS = 20
_CONTAINERS = (dict, list, tuple, set, frozenset)
_BRACKETS = {list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}"), frozenset: ("frozenset({", "})")}


def describe(value: object) -> str:
    """Tell type, size and shape of a value, and nothing of what is in it but a few keys."""
    match value:
        case str():
            lines = value.count("\n") + 1
            return f"a str of {_count(len(value), 'character')} in {_count(lines, 'line')}"
        case bytes() | bytearray():
            return f"{type(value).__name__} of length {len(value):,}"
        case dict():
            keys = ", ".join(_cut(key) for key in islice(value, _KEYS_SHOWN))
            more = ", …" if len(value) > _KEYS_SHOWN else ""
            shown = f", keyed by {_types(value)} ({keys}{more})" if value else ""
            return f"a dict of {_count(len(value), 'item')}{shown}{_items(value.values())}"
        case list() | tuple() | set() | frozenset():
            kind = type(value).__name__
            return f"a {kind} of {_count(len(value), 'item')}{_items(value)}"
    return f"of type {type(value).__name__}"


def preview(value: object, most: int = _PREVIEW_CHARS) -> str:
    """Show the beginning of a value of any size as text: a str as it is, else its repr."""
    if isinstance(value, str):
        left_out = len(value) - most
        more = f"… ({left_out:,} characters more)" if left_out > 0 else ""
        return value[:most] + more
    return _cut(value, most)


def approximate_bytes(value: object) -> int:
    """Estimate the memory that a value takes, from a sample where it is large."""
    return _estimate(value, _SIZES_READ, _LEVELS)


def _estimate(value: object, allowance: int, levels: int) -> int:
    size = sys.getsizeof(value)
    if not isinstance(value, _CONTAINERS) or not value or not allowance or not levels:
        return size
    parts = [*value, *value.values()] if isinstance(value, dict) else list(value)
    sample = _sample(parts, max(1, allowance // 2))
    nested = [part for part in sample if isinstance(part, _CONTAINERS)]
    contents = 0
    if nested:
        left = allowance - len(sample)
        looked_into = _sample(nested, max(1, left // 8))
        allowance = left // len(looked_into)
        inner = sum(
            _estimate(part, allowance, levels - 1) - sys.getsizeof(part) for part in looked_into
        )
        contents = inner * len(nested) // len(looked_into)
    return size + (sum(map(sys.getsizeof, sample)) + contents) * len(parts) // len(sample)


def _sample(parts: Sequence[object], most: int) -> Sequence[object]:
    """Take evenly spaced parts; a chance beginning keeps records from showing but one field."""
    step = -(-len(parts) // most)
    return parts[random.randrange(step) :: step] if step > 1 else parts


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _types(values: Iterable[object]) -> str:
    common = Counter(type(value).__name__ for value in islice(values, _SAMPLE)).most_common(3)
    return " and ".join(name for name, _ in common)


def _items(values: Collection[object]) -> str:
    if not values:
        return ""
    total = ""
    if all(isinstance(value, str) for value in values):
        chars = sum(len(value) for value in values if isinstance(value, str))
        total = f", {_count(chars, 'character')} in all"
    elif all(isinstance(value, dict) for value in islice(values, _SAMPLE)):
        first = next(iter(values))
        assert isinstance(first, dict)
        total = f", the first with the keys {', '.join(_cut(key) for key in islice(first, 12))}"
    return f", each of type {_types(values)}{total}"


def _cut(value: object, most: int = _KEY_CHARS) -> str:
    """Give the repr of a value, or as much of it as there is room for."""
    text = ""
    for piece in _repr_pieces(value, _LEVELS):
        text += piece
        if len(text) > most:
            return text[: most - 1] + "…"
    return text


def _repr_pieces(value: object, levels: int) -> Iterator[str]:
    """Write the repr of a value piece by piece, so that nobody pays for more than is read."""
    match value:
        case list() | tuple() | set() | frozenset() | dict() if not levels:
            yield "…"
        case dict() if value:
            opening = "{"
            for key, item in value.items():
                yield opening
                yield from _repr_pieces(key, levels - 1)
                yield ": "
                yield from _repr_pieces(item, levels - 1)
                opening = ", "
            yield "}"
        case list() | tuple() | set() | frozenset() if value:
            opening, end = _BRACKETS[type(value)] if type(value) in _BRACKETS else ("[", "]")
            for item in value:
                yield opening
                yield from _repr_pieces(item, levels - 1)
                opening = ", "
            yield ",)" if isinstance(value, tuple) and len(value) == 1 else end
        case _:
            yield _repr_leaf(value)


def _repr_leaf(value: object) -> str:
    if isinstance(value, str | bytes | bytearray) and len(value) > _PREVIEW_CHARS:
        value = value[: _PREVIEW_CHARS + 1]
    try:
        return repr(value)
    except Exception:
        # Python writes no int of more than 4300 digits in decimal; what a tool gave may do worse
        return hex(value) if isinstance(value, int) else f"<{type(value).__name__}>"
