"""Shortening the texts of events, so that a record has a bounded size whatever is in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import islice
from operator import attrgetter
from typing import Any

from rlm_runtime._events import Event

_CHARS = 16 * 2**10
_CHARS_WHEN_FULL = 500
_TOTAL_CHARS = 200 * 10**6
_ENTRIES = 10_000
"""The most entries that are kept of a list or a map in an event."""
_ENTRIES_WHEN_FULL = 50
_CHARS_PER_ENTRY = 64
"""What an entry counts for besides its text: a file of some kilobytes can hold millions of them."""


_Entries = tuple[object, ...] | dict[Any, Any]  # the list or map of any event


class Shortener:
    """Shortens the long texts of events, and all but the shortest ones once there are many."""

    def __init__(self, *, chars: int = _CHARS, total: int = _TOTAL_CHARS) -> None:
        self._chars = chars
        self._left = total

    def shorten(self, event: Event) -> tuple[Event, bool]:
        """Give the event as it is to be kept, and whether anything of it is shorter for that."""
        most = self._chars if self._left > 0 else _CHARS_WHEN_FULL
        changes: dict[str, Any] = {}  # the fields of an event, each as its own class has it
        names, take = _fields(type(event))
        for name, value in zip(names, take(event), strict=True):
            if isinstance(value, str):
                size = len(value)
                if size > most:
                    size, changes[name] = most, value[:most]
                self._left -= size
            elif isinstance(value, tuple | dict):
                short = self._shorten_entries(value, most)
                if short is not value:
                    changes[name] = short
        return (replace(event, **changes), True) if changes else (event, False)

    def _shorten_entries(self, value: _Entries, most: int) -> _Entries:
        """Give the same, or less of it: fewer entries, with shorter texts."""
        entries = _ENTRIES if self._left > 0 else _ENTRIES_WHEN_FULL
        if len(value) <= entries and self._fits(value, most):
            return value
        kept = _ends(value, entries)
        self._fits(kept, most)
        if isinstance(kept, dict):
            return {_cut(name, most): _cut(item, most) for name, item in kept.items()}
        return tuple(
            self._shorten_entries(item, most) if isinstance(item, dict) else _cut(item, most)
            for item in kept
        )

    def _fits(self, value: _Entries, most: int) -> bool:
        """Count what is kept, and tell whether it can be kept as it is."""
        longest, size = 0, _CHARS_PER_ENTRY * len(value)
        for item in (*value, *value.values()) if isinstance(value, dict) else value:
            texts = item.values() if isinstance(item, dict) else (item,)
            size += _CHARS_PER_ENTRY * len(texts)
            for text in texts:
                if isinstance(text, str):
                    longest = max(longest, len(text))
                    size += min(len(text), most)
            if isinstance(item, dict) and len(item) > _ENTRIES_WHEN_FULL:
                return False
        self._left -= size
        return longest <= most


def _cut(item: object, most: int) -> object:
    return item[:most] if isinstance(item, str) else item


def _ends(value: _Entries, most: int) -> _Entries:
    """Give the first entries and the last ones: of messages, that is what was asked."""
    if len(value) <= most:
        return value
    if isinstance(value, dict):
        return dict(islice(value.items(), most))
    return value[: most // 2] + value[-(most // 2) :]


_Take = Callable[[Event], tuple[object, ...]]
_FIELDS: dict[type[Event], tuple[tuple[str, ...], _Take]] = {}


def _fields(kind: type[Event]) -> tuple[tuple[str, ...], _Take]:
    """Name the fields of a class of events that may hold texts, and give what takes them."""
    if kind not in _FIELDS:
        names = tuple(
            field.name
            for field in fields(kind)
            if "str" in str(field.type) and field.name != "kind"
        )
        # The clock twice, so that it gives a tuple whatever the names are
        take = attrgetter("seq", "mono", *names)
        _FIELDS[kind] = names, lambda event: take(event)[2:]
    return _FIELDS[kind]
