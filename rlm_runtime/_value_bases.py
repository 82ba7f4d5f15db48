"""What stands for a value of a type that the codec does not have; it too runs at both ends."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from pathlib import PurePath, PurePosixPath, PureWindowsPath
from typing import Any
from uuid import UUID


def base_of(value: Any) -> Any:
    """Convert an Enum, a dataclass, a namedtuple or an instance of a subclass.

    Raises:
        TypeError: Nothing stands for it.
    """
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return dict(zip(value._fields, tuple.__iter__(value), strict=True))
    for kind, convert in _BASES:
        if isinstance(value, kind):
            return convert(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent")


# The base type's own methods, since those of a subclass are user code. datetime is a date
_BASES: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (bytes, lambda value: bytes(memoryview(value))),
    (bytearray, lambda value: bytearray(memoryview(value))),
    (list, lambda value: list(list.__iter__(value))),
    (dict, lambda value: dict(dict.items(value))),
    (tuple, lambda value: tuple(tuple.__iter__(value))),
    (set, lambda value: set(set.__iter__(value))),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    (int, int.__int__),
    (float, float.__float__),
    (complex, lambda value: complex(value.real, value.imag)),
    (Decimal, lambda value: Decimal(Decimal.__str__(value))),
    (Fraction, lambda value: Fraction(value.numerator, value.denominator)),
    (UUID, lambda value: UUID(int=value.int)),
    (PureWindowsPath, lambda value: PureWindowsPath(str(value))),
    (PurePath, lambda value: PurePosixPath(str(value))),
    (dt.datetime, lambda value: dt.datetime.combine(dt.date(*_ymd(value)), _clock(value))),
    (dt.date, lambda value: dt.date(*_ymd(value))),
    (dt.time, lambda value: _clock(value)),
    (dt.timedelta, lambda value: dt.timedelta(value.days, value.seconds, value.microseconds)),
)


def _ymd(value: dt.date) -> tuple[int, int, int]:
    return value.year, value.month, value.day


def _clock(value: dt.time | dt.datetime) -> dt.time:
    exact = (value.hour, value.minute, value.second, value.microsecond)
    return dt.time(*exact, value.tzinfo, fold=value.fold)
