"""Values as JSON has them, and what gets lost on the way."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath

import pytest

from rlm_runtime._plain import Json, to_plain


def plain(value: object) -> Json:
    """Convert what loses nothing; the result must be what JSON can write and read."""
    converted, warnings = to_plain(value)
    assert not warnings
    assert json.loads(json.dumps(converted)) == converted
    return converted


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("\ud800", "\ud800"),
        (2**200, 2**200),
        (-0.5, -0.5),
        ([1, (2, "x")], [1, [2, "x"]]),
        ({"b": 1, "a": {"c": []}}, {"b": 1, "a": {"c": []}}),
        ({3, 1, 2}, [1, 2, 3]),
        (frozenset({"b", "a"}), ["a", "b"]),
        (b"\x00\xff", "AP8="),
        (bytearray(b"ab"), "YWI="),
        (date(2026, 1, 2), "2026-01-02"),
        (time(1, 2, 3), "01:02:03"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "2026-01-02T03:04:00+00:00"),
        (timedelta(days=1, seconds=1), "1 day, 0:00:01"),
        (Decimal("1.10"), "1.10"),
        (Decimal("sNaN"), "sNaN"),
        (Fraction(1, 3), "1/3"),
        (1 + 2j, "(1+2j)"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
    ],
    ids=repr,
)
def test_value(value: object, expected: object) -> None:
    assert plain(value) == expected
    assert plain([value]) == [expected]


def test_a_set_without_an_order_is_a_list_in_some_order() -> None:
    result = plain({1, "a"})
    assert isinstance(result, list)
    assert sorted(result, key=str) == [1, "a"]


def test_keys_become_text_in_their_order() -> None:
    value = {
        7: "int",
        None: "n",
        False: "bool",
        (1, "a"): "tuple",
        0.5: "f",
        math.inf: "inf",
        date(2026, 1, 2): 0,
    }
    expected = {
        "7": "int",
        "null": "n",
        "false": "bool",
        '[1, "a"]': "tuple",
        "0.5": "f",
        "inf": "inf",
        "2026-01-02": 0,
    }
    result = plain(value)
    assert isinstance(result, dict)
    assert list(result.items()) == list(expected.items())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({1: "int", "1": "str"}, {"1 (int)": "int", "1": "str"}),
        ({"1": "str", 1: "int"}, {"1": "str", "1 (int)": "int"}),
        ({b"a": 1, "YQ==": 2}, {"YQ== (bytes)": 1, "YQ==": 2}),
        ({1: 0, "1": 1, "1 (int)": 2}, {"1 (int)'": 0, "1": 1, "1 (int)": 2}),
        ({Decimal(1): 0, (): 1, frozenset(): 2}, {"1": 0, "[]": 1, "[] (frozenset)": 2}),
    ],
    ids=repr,
)
def test_keys_that_read_the_same_lose_no_value(value: object, expected: object) -> None:
    assert to_plain(value) == (expected, ("keys read the same in JSON: 1 got their type added",))


def test_nan_and_inf_become_null_with_a_warning() -> None:
    assert to_plain({"a": math.nan, "b": [math.inf, -math.inf]}) == (
        {"a": None, "b": [None, None]},
        ("nan and inf have no form in JSON: 3 became null",),
    )


def test_huge_exact_numbers_cost_no_time_and_stay_exact() -> None:
    huge = 7**2_000_000
    assert plain([huge, -huge]) == [hex(huge), hex(-huge)]
    assert plain({huge: 1}) == {hex(huge): 1}
    assert plain(Fraction(-huge, 3)) == f"{hex(-huge)}/0x3"
    assert plain(Fraction(3, huge)) == f"0x3/{hex(huge)}"


def test_deep_value_is_converted() -> None:
    value: object = "leaf"
    for level in range(200):
        value = [value] if level % 2 else {"key": value}
    assert plain(value) == value


def test_a_set_that_cannot_be_compared_keeps_its_members() -> None:
    plain, _ = to_plain({Decimal("NaN"), Decimal(1)})
    assert isinstance(plain, list) and sorted(map(str, plain)) == ["1", "NaN"]
