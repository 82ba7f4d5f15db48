"""Values in few words: what a model is told of a context, what a trace shows of an answer."""

from __future__ import annotations

import reprlib
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from itertools import islice

_SAMPLE = 1000
_KEYS_SHOWN = 3
_KEY_CHARS = 60
_PREVIEW_CHARS = 4000


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


def preview(value: object) -> str:
    """Show the beginning of a value of any size as text: a str as it is, else its repr."""
    text = value if isinstance(value, str) else _REPR.repr(value)
    left_out = len(text) - _PREVIEW_CHARS
    return text if left_out <= 0 else f"{text[:_PREVIEW_CHARS]}… ({left_out} characters more)"


def approximate_bytes(value: object, levels: int = 4) -> int:
    """Estimate the memory that a value takes, from a sample where it is large."""
    size = sys.getsizeof(value)
    if levels == 0 or not isinstance(value, dict | list | tuple | set | frozenset) or not value:
        return size
    parts: Iterable[object] = value
    if isinstance(value, dict):
        parts = (part for pair in value.items() for part in pair)
    # Texts of a few files may differ by orders of magnitude: sample only where there are many
    most = _SAMPLE if len(value) > 100 * _SAMPLE else 100 * _SAMPLE
    sample = [approximate_bytes(part, levels - 1) for part in islice(parts, 2 * most)]
    count = len(value) * (2 if isinstance(value, dict) else 1)
    return size + sum(sample) * count // len(sample)


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


def _cut(key: object) -> str:
    text = _REPR.repr(key)
    return text if len(text) <= _KEY_CHARS else text[: _KEY_CHARS - 1] + "…"


def _bounded_repr() -> reprlib.Repr:
    bounded = reprlib.Repr()
    bounded.maxlevel = 5
    bounded.maxdict = bounded.maxlist = bounded.maxtuple = 40
    bounded.maxset = bounded.maxfrozenset = 40
    bounded.maxstring = bounded.maxother = 1000
    bounded.maxlong = 400
    return bounded


_REPR = _bounded_repr()
