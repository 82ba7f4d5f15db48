"""Shortening the texts of events, so that a record has a bounded size whatever is in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

from rlm_runtime._events import Event

_CHARS = 16 * 2**10
_CHARS_WHEN_FULL = 500
_TOTAL_CHARS = 200 * 10**6


class Shortener:
    """Shortens the long texts of events, and all but the shortest ones once there are many."""

    def __init__(self, *, chars: int = _CHARS, total: int = _TOTAL_CHARS) -> None:
        self._chars = chars
        self._left = total

    def shorten(self, event: Event) -> tuple[Event, bool]:
        """Give the event as it is to be kept, and whether any text of it is shorter for that."""
        most = self._chars if self._left > 0 else _CHARS_WHEN_FULL
        changes: dict[str, Any] = {}  # the fields of an event, each as its own class has it
        names, take = _fields(type(event))
        for name, value in zip(names, take(event), strict=True):
            if isinstance(value, str):
                size = len(value)
                if size > most:
                    size, changes[name] = most, value[:most]
                self._left -= size
            elif name == "messages" and isinstance(value, tuple):
                if short := self._shorten_messages(value, most):
                    changes[name] = short
        return (replace(event, **changes), True) if changes else (event, False)

    def _shorten_messages(
        self, messages: tuple[dict[str, str], ...], most: int
    ) -> tuple[dict[str, str], ...] | None:
        """Give messages with shorter texts, if any of them is too long."""
        longest = 0
        for message in messages:
            for text in message.values():
                longest = max(longest, len(text))
                self._left -= min(len(text), most)
        if longest <= most:
            return None
        return tuple({name: text[:most] for name, text in one.items()} for one in messages)


_Take = Callable[[Event], tuple[object, ...]]
_FIELDS: dict[type[Event], tuple[tuple[str, ...], _Take]] = {}


def _fields(kind: type[Event]) -> tuple[tuple[str, ...], _Take]:
    """Name the fields of a class of events that may hold texts, and give what takes them."""
    if kind not in _FIELDS:
        names = tuple(
            field.name
            for field in fields(kind)
            if ("str" in str(field.type) or field.name == "messages") and field.name != "kind"
        )
        # The clock twice, so that it gives a tuple whatever the names are
        take = attrgetter("seq", "mono", *names)
        _FIELDS[kind] = names, lambda event: take(event)[2:]
    return _FIELDS[kind]
