"""Events to and from the maps that a trace holds."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from rlm_runtime._events import EVENT_TYPES, Event


def to_record(event: Event) -> dict[str, object]:
    """Give an event as the map that is written."""
    return {field.name: getattr(event, field.name) for field in fields(event)}


def to_event(kind: str, record: dict[str, object]) -> Event:
    """Make an event of the map that was read.

    Raises:
        ValueError: It is none; the message goes on from "record 7".
    """
    values: dict[str, Any] = {}  # each is checked against the type of its field
    for name, (hint, required) in _fields_of(kind).items():
        if name in record and _fits(record[name], hint):
            values[name] = record[name]
        elif name in record or required:
            raise ValueError(f"is a {kind!r} without a right {name!r}")
    return EVENT_TYPES[kind](**values)


@cache
def _fields_of(kind: str) -> dict[str, tuple[object, bool]]:
    """Give the type of each field of an event, and whether it must be there."""
    event_type = EVENT_TYPES[kind]
    hints = get_type_hints(event_type)
    return {
        field.name: (hints[field.name], field.default is MISSING) for field in fields(event_type)
    }


def _fits(value: object, hint: object) -> bool:
    """Check a value against the few kinds of types that events are made of."""
    match get_origin(hint), get_args(hint):
        case origin, options if origin is UnionType:
            return any(_fits(value, option) for option in options)
        case origin, _ if origin is Literal:
            # A later release may know more words than this one
            return isinstance(value, str)
        case origin, (item, *_) if origin is tuple:
            return isinstance(value, tuple) and all(_fits(part, item) for part in value)
        case origin, (key, item) if origin is dict:
            return isinstance(value, dict) and all(
                _fits(k, key) and _fits(v, item) for k, v in value.items()
            )
    if hint is NoneType:
        return value is None
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)  # type: ignore[arg-type]
