"""Answers become bytes: a str as it is, any other value as one line of JSON."""

from __future__ import annotations

import json
import math
from datetime import date

import pytest

from rlm_runtime._cli.answers import render, render_json


def text(value: object) -> bytes:
    return b"".join(render(value).chunks)


@pytest.mark.parametrize("answer", ["", "plain", "é\r\n\x00", "no newline\n", '{"a": 1}'])
def test_str_stays_as_it_is(answer: str) -> None:
    assert text(answer) == answer.encode()


def test_lone_surrogate_in_a_str_is_delivered() -> None:
    assert text("a\ud800b").decode("utf-8", "surrogatepass") == "a\ud800b"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (None, b"null\n"),
        ({"b": 1, "a": 2}, b'{"b": 1, "a": 2}\n'),
        ([{2, 1}, date(2026, 1, 2), "é"], '[[1, 2], "2026-01-02", "é"]\n'.encode()),
        (["\ud800", "\U0001f600"], '["\\ud800", "\U0001f600"]\n'.encode()),
    ],
    ids=repr,
)
def test_other_values_are_a_line_of_json(value: object, line: bytes) -> None:
    assert text(value) == line
    assert not render(value).warnings


def test_what_json_cannot_keep_is_told() -> None:
    rendered = render([math.nan, {1: "int", "1": "str"}])
    assert json.loads(b"".join(rendered.chunks)) == [None, {"1 (int)": "int", "1": "str"}]
    assert len(rendered.warnings) == 2


def test_deep_value_is_rendered() -> None:
    value: object = "leaf"
    for _ in range(200):
        value = [value]
    assert json.loads(text(value)) == value


@pytest.mark.timeout(30)
def test_a_million_strings_come_in_many_chunks() -> None:
    value = [f"item {number:044}" for number in range(1_000_000)]
    chunks = list(render_json(value).chunks)
    assert len(chunks) > 50
    assert json.loads(b"".join(chunks)) == value
