"""Answers become bytes that say as much of them as the form can."""

from __future__ import annotations

import json
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath

import pytest

from rlm_runtime._cli.answers import render, render_json


def as_json(value: object) -> object:
    return json.loads(b"".join(render_json(value).chunks))


def text(value: object) -> bytes:
    return b"".join(render(value).chunks)


@pytest.mark.parametrize("answer", ["", "plain", "é\r\n\x00", "no newline\n", '{"a": 1}'])
def test_str_stays_as_it_is(answer: str) -> None:
    assert text(answer) == answer.encode()


def test_lone_surrogate_in_a_str_is_delivered() -> None:
    assert text("a\ud800b").decode("utf-8", "surrogatepass") == "a\ud800b"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
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
        (["\ud800", "\U0001f600"], ["\ud800", "\U0001f600"]),
    ],
)
def test_other_values_are_json(value: object, expected: object) -> None:
    assert as_json(value) == expected
    assert not render_json(value).warnings


def test_mixed_set_is_a_list_in_some_order() -> None:
    result = as_json({1, "a"})
    assert isinstance(result, list)
    assert sorted(result, key=str) == [1, "a"]


def test_dict_order_is_kept() -> None:
    assert text({"b": 1, "a": 2}) == b'{"b": 1, "a": 2}\n'


def test_keys_become_text() -> None:
    value = {7: "int", None: "n", False: "bool", (1, "a"): "tuple", 0.5: "f", date(2026, 1, 2): 0}
    assert as_json(value) == {
        "7": "int",
        "null": "n",
        '[1, "a"]': "tuple",
        "0.5": "f",
        "2026-01-02": 0,
        "false": "bool",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({1: "int", "1": "str"}, {"1 (int)": "int", "1": "str"}),
        ({"1": "str", 1: "int"}, {"1": "str", "1 (int)": "int"}),
        ({b"a": 1, "YQ==": 2}, {"YQ== (bytes)": 1, "YQ==": 2}),
        ({1: 0, "1": 1, "1 (int)": 2}, {"1 (int)'": 0, "1": 1, "1 (int)": 2}),
        ({Decimal(1): 0, (): 1, frozenset(): 2}, {"1": 0, "[]": 1, "[] (frozenset)": 2}),
    ],
)
def test_keys_that_read_the_same_lose_no_value(value: object, expected: object) -> None:
    assert as_json(value) == expected
    assert render_json(value).warnings == ("keys read the same in JSON: 1 got their type added",)


def test_nan_and_inf_become_null_with_a_warning() -> None:
    value = {"a": math.nan, "b": [math.inf, -math.inf]}
    assert as_json(value) == {"a": None, "b": [None, None]}
    assert render_json(value).warnings == ("nan and inf have no form in JSON: 3 became null",)


def test_huge_int_costs_no_time_and_stays_exact() -> None:
    huge = 7**2_000_000
    assert as_json([huge]) == [hex(huge)]


def test_deep_value_is_rendered() -> None:
    value: object = "leaf"
    for _ in range(200):
        value = [value]
    assert as_json(value) == value


@pytest.mark.timeout(30)
def test_a_million_strings_come_in_many_chunks() -> None:
    value = [f"item {number:044}" for number in range(1_000_000)]
    chunks = list(render_json(value).chunks)
    assert len(chunks) > 50
    assert json.loads(b"".join(chunks)) == value
