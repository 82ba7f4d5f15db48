"""Events to and from the maps that a trace holds."""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from rlm_runtime._events import EVENT_TYPES, Event

_NAMES = {
    event_type: tuple(field.name for field in fields(event_type))
    for event_type in EVENT_TYPES.values()
}
_LARGEST = 10**300
"""No number has more digits, so that sums and products of them are floats."""
_SIMPLE = frozenset({bool, int, float, str, NoneType})


def to_record(event: Event) -> dict[str, object]:
    """Give an event as the map that is written."""
    return {name: getattr(event, name) for name in _NAMES[type(event)]}


def to_event(kind: str, record: dict[str, object]) -> Event:
    """Make an event of the map that was read.

    Raises:
        ValueError: It is none; the message goes on from "record 7".
    """
    values: dict[str, Any] = {}  # each is checked against the type of its field
    for field in _fields_of(kind):
        if field.name in record:
            value = record[field.name]
            if not (type(value) in field.simple or _fits(value, field.hint)) or _is_huge(value):
                raise ValueError(f"is a {kind!r} without a right {field.name!r}")
            values[field.name] = value
        elif field.required:
            raise ValueError(f"is a {kind!r} without a right {field.name!r}")
    return EVENT_TYPES[kind](**values)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    hint: object
    required: bool
    simple: frozenset[type]
    """Types whose values fit without another look."""


@cache
def _fields_of(kind: str) -> tuple[_Field, ...]:
    """Give what the fields of an event must be."""
    event_type = EVENT_TYPES[kind]
    hints = get_type_hints(event_type)
    return tuple(
        _Field(
            field.name,
            hints[field.name],
            field.default is MISSING,
            _simple_types(hints[field.name]),
        )
        for field in fields(event_type)
    )


def _simple_types(hint: object) -> frozenset[type]:
    if isinstance(hint, UnionType):
        return frozenset().union(*map(_simple_types, get_args(hint)))
    if get_origin(hint) is Literal:
        return frozenset({str})
    if hint is float:
        return frozenset({int, float})
    return frozenset({hint} & _SIMPLE)  # type: ignore[arg-type]  # what is left are types


def _is_huge(value: object) -> bool:
    return type(value) is int and not -_LARGEST < value < _LARGEST


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
                _fits(k, key) and _fits(v, item) and not _is_huge(v) for k, v in value.items()
            )
    if hint is NoneType:
        return value is None
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, int | float if hint is float else hint)  # type: ignore[arg-type]
