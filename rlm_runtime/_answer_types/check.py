"""Checks a value against a parsed JSON schema, in bounded time: both may be hostile."""

from __future__ import annotations

import math
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rlm_runtime._answer_types.brief import brief
from rlm_runtime._answer_types.schema import Schema

MOST_FAULTS = 10
_MOST_SECONDS = 20.0
_STEPS_PER_LOOK = 256
_LISTS = frozenset({list, tuple})
_ALTERNATIVES_NAMED = 5
_CONSTANTS_NAMED = 20
_SIZE_NOUNS = {"Length": "characters", "Items": "items", "Properties": "keys"}
_SAYS = {
    "minimum": "must be at least",
    "maximum": "must be at most",
    "exclusiveMinimum": "must be more than",
    "exclusiveMaximum": "must be less than",
    "multipleOf": "must be a multiple of",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a part of a value."""

    path: tuple[object, ...]
    """Keys and indices that lead to the part."""
    reason: str
    found: object


class UncheckedError(Exception):
    """A check was given up; the message says why."""


class _EnoughError(Exception):
    """As many faults were found as are wanted."""


def check(schema: Schema, value: object, *, most_seconds: float = _MOST_SECONDS) -> list[Fault]:
    """Find what is wrong with a value; values are compared as JSON has them, without coercion.

    Raises:
        UncheckedError: It would take too long, or is nested too deep.
    """
    checker = _Checker(time.thread_time() + most_seconds)
    try:
        return checker.faults_of(schema, value, most=MOST_FAULTS)
    except RecursionError:
        raise UncheckedError("it is nested too deep to be checked") from None


class _Checker:
    def __init__(self, deadline: float) -> None:
        self._deadline = deadline
        self._steps = 0
        self._path: list[object] = []
        self._faults: list[Fault] = []
        self._most = 0

    def faults_of(self, schema: Schema, value: object, *, most: int) -> list[Fault]:
        outer, level = (self._faults, self._most), len(self._path)
        self._faults, self._most = [], most
        try:
            self._check(schema, value)
        except _EnoughError:
            del self._path[level:]
        found, (self._faults, self._most) = self._faults, outer
        return found

    def _look_at_clock(self) -> None:
        self._steps += 1
        if self._steps % _STEPS_PER_LOOK == 0 and time.thread_time() > self._deadline:
            raise UncheckedError("it takes too long to be checked")

    def _fault(self, reason: str, found: object) -> None:
        self._add(Fault(tuple(self._path), reason, found))

    def _add(self, fault: Fault) -> None:
        self._faults.append(fault)
        if len(self._faults) >= self._most:
            raise _EnoughError

    def _check(self, schema: Schema, value: object) -> None:
        self._look_at_clock()
        kind = type(value)
        if schema.never:
            self._fault("must not be there", value)
        elif schema.types is not None and kind not in schema.types:
            self._fault(f"must be {schema.type_names}", value)
        elif kind is float and schema.types is not None and not math.isfinite(value):  # type: ignore[arg-type]
            self._fault("must be a finite number", value)
        elif not schema.only_types:
            self._check_more(schema, value, kind)

    def _check_more(self, schema: Schema, value: Any, kind: type) -> None:
        constants = schema.constants
        if constants is not None and not any(self._equal(each, value) for each in constants):
            shown = ", ".join(map(brief, constants[:_CONSTANTS_NAMED]))
            self._fault(f"must be {'one of ' if len(constants) > 1 else ''}{shown}", value)
        for name, bound in schema.bounds:
            self._check_bound(name, bound, value, kind)
        if kind is str and schema.pattern is not None:
            self._check_pattern(schema, value)
        elif kind is dict:
            self._check_object(schema, value)
        elif kind in _LISTS:
            self._check_array(schema, value)
        for part in schema.all_of:
            self._check(part, value)
        if schema.any_of:
            self._check_any(schema.any_of, value)
        if schema.one_of:
            self._check_one(schema.one_of, value)

    def _check_bound(self, name: str, bound: Any, value: Any, kind: type) -> None:
        if name in _SAYS:
            if (kind is int or kind is float) and not _holds(name, bound, value):
                self._fault(f"{_SAYS[name]} {bound}", value)
            return
        noun = _SIZE_NOUNS[name[3:]]
        sized = {"characters": kind is str, "items": kind in _LISTS, "keys": kind is dict}[noun]
        if not sized or (len(value) >= bound if name.startswith("min") else len(value) <= bound):
            return
        most = "at least" if name.startswith("min") else "at most"
        self._fault(f"must have {most} {bound} {noun} and has {len(value)}", value)

    def _check_pattern(self, schema: Schema, value: str) -> None:
        pattern = schema.pattern
        assert pattern is not None
        if len(value) > pattern.most_chars:
            most = f"{pattern.most_chars:,} characters at most"
            self._fault(f"must have {most}, so that its pattern can be tried", value)
        elif not pattern.is_found_in(value):
            self._fault(f"must match the pattern {pattern.source!r}", value)

    def _check_object(self, schema: Schema, value: dict[object, object]) -> None:
        for name in schema.required:
            if name not in value:
                self._fault(f"must have the key {name!r}", value)
        if not schema.properties and schema.additional is None:
            return
        for key, item in value.items():
            self._look_at_clock()
            if type(key) is not str:
                self._fault(f"must have keys of type str, and has {brief(key)}", value)
                continue
            part = schema.properties.get(key, schema.additional)
            if part is None:
                continue
            if part.never and key not in schema.properties:
                self._fault(f"must not have the key {brief(key)}", value)
                continue
            self._path.append(key)
            self._check(part, item)
            self._path.pop()

    def _check_array(self, schema: Schema, value: Sequence[object]) -> None:
        if schema.unique:
            self._check_unique(value)
        for number, (part, item) in enumerate(zip(schema.prefix, value, strict=False)):
            self._path.append(number)
            self._check(part, item)
            self._path.pop()
        if schema.items is None or _all_are(schema.items, value, start := len(schema.prefix)):
            return
        self._path.append(start)
        for number in range(start, len(value)):
            self._path[-1] = number
            self._check(schema.items, value[number])
        self._path.pop()

    def _check_unique(self, value: Sequence[object]) -> None:
        seen: set[Hashable] = set()
        for number, item in enumerate(value):
            key = self._key(item)
            if key in seen:
                self._fault(f"must have no item twice, and item {number} is one", item)
            seen.add(key)

    def _check_any(self, parts: Sequence[Schema], value: object) -> None:
        failed: list[Fault] = []
        for part in parts:
            faults = self.faults_of(part, value, most=1)
            if not faults:
                return
            failed += faults
        # The alternative that went furthest is most likely the one that was meant
        deepest = max(failed, key=lambda fault: len(fault.path))
        if len(deepest.path) == len(self._path):
            reasons = dict.fromkeys(fault.reason.removeprefix("must be ") for fault in failed)
            named = " or ".join(list(reasons)[:_ALTERNATIVES_NAMED])
            deepest = Fault(deepest.path, f"must be {named}", value)
        self._add(deepest)

    def _check_one(self, parts: Sequence[Schema], value: object) -> None:
        fitting = sum(not self.faults_of(part, value, most=1) for part in parts)
        if fitting == 0:
            self._check_any(parts, value)
        elif fitting > 1:
            self._fault(f"must fit one alternative only, and fits {fitting}", value)

    def _equal(self, one: Any, other: Any) -> bool:
        """Compare with a constant of the schema, which bounds the work."""
        self._look_at_clock()
        if isinstance(one, bool) or isinstance(other, bool):
            return one is other
        if isinstance(one, list):
            same_size = type(other) in _LISTS and len(one) == len(other)
            return same_size and all(map(self._equal, one, other))
        if isinstance(one, dict):
            same_keys = type(other) is dict and one.keys() == other.keys()
            return same_keys and all(self._equal(one[key], other[key]) for key in one)
        return type(other) in (type(one), int, float) and bool(one == other)

    def _key(self, value: Any) -> Hashable:
        """Make what is equal where values are."""
        self._look_at_clock()
        kind = type(value)
        if kind in _LISTS:
            return ("array", *map(self._key, value))
        if kind is dict:
            return ("object", frozenset((key, self._key(item)) for key, item in value.items()))
        if kind is set or kind is frozenset:
            return ("set", frozenset(value))
        if kind is Decimal and value.is_snan():
            return (kind, str(value))
        return (kind, bytes(value)) if kind in (bool, bytearray) else value


def _all_are(schema: Schema, value: Sequence[object], start: int) -> bool:
    """Tell at once, for many items that only need a type, that all have it."""
    if not schema.only_types or schema.types is None:
        return schema.only_types
    rest = value[start:] if start else value
    kinds = set(map(type, rest))
    return kinds <= schema.types and (float not in kinds or all(map(_is_finite, rest)))


def _is_finite(value: object) -> bool:
    return type(value) is not float or math.isfinite(value)


def _holds(name: str, bound: int | float, value: int | float) -> bool:
    match name:
        case "minimum":
            return value >= bound
        case "maximum":
            return value <= bound
        case "exclusiveMinimum":
            return value > bound
        case "exclusiveMaximum":
            return value < bound
    if not _is_finite(value):
        return False
    # As decimals: 0.3 is a multiple of 0.1
    return _exact(value) % _exact(bound) == 0


def _exact(value: int | float) -> Fraction | int:
    return value if isinstance(value, int) else Fraction(repr(value))
