"""Shortening the texts of events, so that a record has a bounded size whatever is in them."""

from __future__ import annotations

from dataclasses import fields, replace
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
        for name in _names(type(event)):
            value = getattr(event, name)
            if isinstance(value, str):
                self._left -= len(value[:most])
                if len(value) > most:
                    changes[name] = value[:most]
            elif name == "messages" and isinstance(value, tuple):
                short = tuple(self._shorten_message(one, most) for one in value)
                if short != value:
                    changes[name] = short
        return (replace(event, **changes), True) if changes else (event, False)

    def _shorten_message(self, message: dict[str, str], most: int) -> dict[str, str]:
        self._left -= sum(len(text[:most]) for text in message.values())
        return {name: text[:most] for name, text in message.items()}


_NAMES: dict[type[Event], tuple[str, ...]] = {}


def _names(kind: type[Event]) -> tuple[str, ...]:
    """Name the fields of a class of events that may hold texts."""
    if kind not in _NAMES:
        _NAMES[kind] = tuple(
            field.name
            for field in fields(kind)
            if ("str" in str(field.type) or field.name == "messages") and field.name != "kind"
        )
    return _NAMES[kind]
