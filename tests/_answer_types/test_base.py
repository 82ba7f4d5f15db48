"""Answer types that are Python's: what pydantic makes of values, and what is said of the rest."""

from __future__ import annotations

import dataclasses
import tracemalloc
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import AfterValidator, BaseModel, Field
from typing_extensions import TypedDict  # pydantic takes that of typing from Python 3.12 on

from rlm_runtime._answer_types.base import AnswerMismatchError, answer_type_of
from rlm_runtime._errors import ConfigError


class Item(TypedDict):
    year: int


class Report(BaseModel):
    title: str = Field(min_length=1)
    items: list[Item]
    published: date | None = None


@dataclasses.dataclass
class Point:
    x: float
    label: str = "none"


class Pair(NamedTuple):
    left: int
    right: str


class Colour(Enum):
    RED = "red"


def _explode(value: int) -> int:
    raise KeyError("oops")


Exploding = Annotated[int, AfterValidator(_explode)]


@pytest.mark.parametrize(
    ("given", "value", "expected"),
    [
        (list[str], ("a", "b"), ["a", "b"]),
        (int | None, None, None),
        (int, "3", 3),
        (Literal["a", 1], 1, 1),
        (dict[int, str], {"1": "x"}, {1: "x"}),
        (Item, {"year": 5}, {"year": 5}),
        (Point, {"x": 1}, Point(1.0)),
        (Pair, {"left": 1, "right": "b"}, Pair(1, "b")),
        (Colour, "red", Colour.RED),
        (date, "2026-01-02", date(2026, 1, 2)),
        (date, date(2026, 1, 2), date(2026, 1, 2)),
        (set[int], [1, 2, 2], {1, 2}),
        (Decimal, "1.50", Decimal("1.50")),
        (bytes, b"\xff", b"\xff"),
        (
            Report,
            {"title": "x", "items": [{"year": 1}], "published": date(2026, 1, 2)},
            Report(title="x", items=[{"year": 1}], published=date(2026, 1, 2)),
        ),
    ],
    ids=str,
)
def test_the_answer_is_what_its_type_makes_of_the_value(
    given: object, value: object, expected: object
) -> None:
    answer = answer_type_of(given).validate(value)
    assert answer == expected and type(answer) is type(expected)


def test_each_fault_is_told_with_its_path_its_reason_and_what_was_found() -> None:
    with pytest.raises(AnswerMismatchError) as caught:
        answer_type_of(Report).validate(
            {"title": "", "items": [{"year": 1}, {"year": "x"}, {"yaer": 2}]}
        )
    assert str(caught.value).splitlines() == [
        "answer.title: string should have at least 1 character, found ''",
        "answer.items[1].year: input should be a valid integer, unable to parse string as an"
        " integer, found 'x'",
        "answer.items[2].year: field required, found a dict of 1 item",
    ]


def test_a_validator_that_raises_is_a_mismatch() -> None:
    with pytest.raises(AnswerMismatchError, match="answer: its type raised KeyError: 'oops'"):
        answer_type_of(Exploding).validate(1)


@pytest.mark.parametrize(
    "value", [["x"] * 200_000, {"k": ["x"] * 200_000}, {str(n): "x" for n in range(200_000)}]
)
def test_a_million_faults_take_no_memory(value: Any) -> None:
    answer_type = answer_type_of(dict[str, list[int]] if isinstance(value, dict) else list[int])
    tracemalloc.start()
    try:
        with pytest.raises(AnswerMismatchError) as caught:
            answer_type.validate(value)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert len(str(caught.value).splitlines()) == 11
    assert str(caught.value).startswith("answer")


def test_faults_in_great_number_beyond_the_first_items_are_counted() -> None:
    value = [1] * 100 + ["x"] * 2_000
    with pytest.raises(AnswerMismatchError, match="answer: has 2,000 faults, too many to list"):
        answer_type_of(list[int]).validate(value)


@pytest.mark.parametrize("given", [object(), 5, "NoSuchName", [str]], ids=repr)
def test_what_is_no_type_is_an_error_that_names_it(given: object) -> None:
    with pytest.raises(ConfigError, match="Cannot use .* as the type of an answer"):
        answer_type_of(given)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (list[str], "list[str]"),
        (Report, "Report"),
        (int | None, "int | None"),
        ({"type": "array"}, "JSON schema (array)"),
        ({"title": "Book", "type": "object"}, "JSON schema (Book)"),
        ({}, "JSON schema"),
        ({"title": "x" * 1_000}, f"JSON schema ({'x' * 67}"),
    ],
)
def test_a_type_has_a_short_name(given: object, name: str) -> None:
    assert answer_type_of(given).name == name


def test_models_are_told_the_schema_of_a_type() -> None:
    schema = answer_type_of(Report).json_schema
    assert schema["type"] == "object" and schema["required"] == ["title", "items"]
