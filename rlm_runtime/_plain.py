"""Values as JSON has them: for models that read text, and for programs that read JSON."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterator
from datetime import date, datetime, time
from fractions import Fraction

_MAX_NUMBER_BITS = 10_000
"""Decimal digits cost quadratic time, and readers of JSON stop at far less."""

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def to_plain(value: object) -> tuple[Json, tuple[str, ...]]:
    """Turn a value into what JSON has; say what got lost.

    Sets become lists, bytes base64, dates ISO 8601, exact numbers and other types text, nan and
    inf null, keys text.
    """
    converter = _Converter()
    return converter.convert(value), tuple(converter.warnings())


class _Converter:
    """Turns values into what JSON has, and counts what gets lost."""

    def __init__(self) -> None:
        self._not_finite = 0
        self._renamed = 0

    def warnings(self) -> Iterator[str]:
        if self._not_finite:
            yield f"nan and inf have no form in JSON: {self._not_finite} became null"
        if self._renamed:
            yield f"keys read the same in JSON: {self._renamed} got their type added"

    def convert(self, value: object) -> Json:
        match value:
            case None | bool() | str():
                return value
            case int():
                return value if value.bit_length() <= _MAX_NUMBER_BITS else hex(value)
            case float():
                if math.isfinite(value):
                    return value
                self._not_finite += 1
                return None
            case bytes() | bytearray():
                return base64.b64encode(value).decode("ascii")
            case dict():
                return self._convert_dict(value)
            case list() | tuple():
                return [self.convert(item) for item in value]
            case set() | frozenset():
                return [self.convert(item) for item in _in_order(value)]
            case datetime() | date() | time():
                return value.isoformat()
            case Fraction() if (
                max(map(int.bit_length, value.as_integer_ratio())) > _MAX_NUMBER_BITS
            ):
                return f"{value.numerator:#x}/{value.denominator:#x}"
            case _:
                return str(value)

    def _convert_dict(self, value: dict[object, object]) -> Json:
        plain: dict[str, Json] = {}
        for key, item in value.items():
            name = self._key(key)
            # A str keeps its name, so any other key must stay clear of all of them
            if not isinstance(key, str) and (name in plain or name in value):
                self._renamed += 1
                name = f"{name} ({type(key).__name__})"
                while name in plain or name in value:
                    name += "'"
            plain[name] = self.convert(item)
        return plain

    def _key(self, key: object) -> str:
        if isinstance(key, str):
            return key
        if isinstance(key, float) and not math.isfinite(key):
            return str(key)
        plain = self.convert(key)
        return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _in_order(values: set[object] | frozenset[object]) -> list[object]:
    """Sort a set where it can be sorted, so that equal answers give equal text."""
    try:
        return sorted(values)  # type: ignore[type-var]  # the except is for what has no order
    except (TypeError, ArithmeticError):
        return list(values)
