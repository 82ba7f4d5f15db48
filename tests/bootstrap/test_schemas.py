"""Python types as JSON schemas: each is compared with what it then accepts and refuses."""

# No `from __future__ import annotations`: generated code has none, and Required needs that
import dataclasses
import enum
import json
from collections.abc import Mapping, Sequence
from typing import (
    Annotated,
    Any,
    Literal,
    NamedTuple,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    Union,
)

import pytest
from bootstrap.schemas import schema_text
from pydantic import BaseModel

from rlm_runtime._answer_types.base import AnswerMismatchError, answer_type_of_text


class Colour(enum.Enum):
    RED = "red"
    TWO = 2


class Book(TypedDict, total=False):
    title: Required[Annotated[str, "as printed"]]
    year: int | None
    parts: list["Book"]


class Film(TypedDict):
    title: str
    year: NotRequired[int]


@dataclasses.dataclass
class Point:
    x: float
    labels: list[str] = dataclasses.field(default_factory=list)


class Pair(NamedTuple):
    left: Colour
    right: Point
    note: str = ""


class Model(BaseModel):
    name: str
    points: list[Point] = []


CASES: list[tuple[Any, list[object], list[object]]] = [
    (str, ["", "x"], [None, 1, b"x"]),
    (int, [0, -5], [True, 1.0, "1", None]),
    (float, [0, 1.5], ["1", None, False]),
    (bool, [True], [0, "true"]),
    (None, [None], [0, ""]),
    (Any, [1, {2}, None], []),
    (list, [[], [1, "x"]], ["x", {}]),
    (dict, [{}, {1: 2}], [[]]),
    (list[str], [[], ["a"], ("a",)], ["a", [1], {"a"}]),
    (Sequence[int], [[1]], [["1"]]),
    (list[list[int]], [[[1], []]], [[1]]),
    (tuple[int, str], [(1, "a"), [1, "a"]], [(1,), (1, 2), (1, "a", 1)]),
    (tuple[int, ...], [(), (1, 2)], [("a",)]),
    (dict[str, int], [{}, {"a": 1}], [{"a": "1"}, {1: 1}]),
    (Mapping[str, list[int]], [{"a": [1]}], [{"a": 1}]),
    (int | None, [None, 1], ["1"]),
    (Optional[list[int]], [None, [1]], [[None]]),  # noqa: UP045  # models write it
    (Union[int, str], [1, "a"], [1.5]),  # noqa: UP007
    (Literal["a", 1], ["a", 1], ["b", 2, True]),
    (Literal[Colour.RED], ["red"], ["RED"]),
    (Colour, ["red", 2], ["RED", "TWO"]),
    (Book, [{"title": "x"}, {"title": "x", "parts": [{"title": "y", "year": None}]}], [{}]),
    (Book, [], [{"title": "x", "parts": [{}]}, {"title": "x", "author": "z"}]),
    (Film, [{"title": "x"}, {"title": "x", "year": 1}], [{"year": 1}, {"title": 1}]),
    (list[Book], [[{"title": "x", "parts": []}]], [[{"parts": []}]]),
    (Point, [{"x": 1}, {"x": 1.5, "labels": ["a"]}], [{}, {"x": 1, "labels": [1]}, [1]]),
    (Pair, [{"left": "red", "right": {"x": 1}}], [{"left": "red"}, {"left": 1, "right": {}}]),
    (tuple[Book, Book], [[{"title": "x"}, {"title": "y"}]], [[{"title": "x"}, {}]]),
    (Annotated[int, "how many"], [1], ["1"]),
    (Model, [{"name": "x"}, {"name": "x", "points": [{"x": 1}]}], [{}, {"name": 1}]),
    ({"type": "array", "items": {"type": "integer"}}, [[1]], [["1"]]),
]


@pytest.mark.parametrize(("given", "fits", "misfits"), CASES, ids=lambda one: str(one)[:40])
def test_a_type_accepts_and_refuses(given: Any, fits: list[object], misfits: list[object]) -> None:
    answer_type = answer_type_of_text(schema_text(given))
    for value in fits:
        assert answer_type.validate(value) is value
    for value in misfits:
        with pytest.raises(AnswerMismatchError):
            answer_type.validate(value)


def test_notes_become_descriptions() -> None:
    properties = json.loads(schema_text(Book))["$defs"]["Book"]["properties"]
    assert properties["title"] == {"type": "string", "description": "as printed"}


def test_classes_of_one_name_keep_apart() -> None:
    def make(field: type) -> Any:
        class Node:
            pass

        Node.__annotations__ = {"value": field, "next": Node | None}
        return dataclasses.dataclass(Node)

    answer_type = answer_type_of_text(schema_text(tuple.__class_getitem__((make(int), make(str)))))
    answer_type.validate([{"value": 1, "next": None}, {"value": "a", "next": None}])
    with pytest.raises(AnswerMismatchError):
        answer_type.validate([{"value": 1, "next": None}, {"value": 1, "next": None}])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (set[str], "schema= does not take set"),
        (bytes, "schema= does not take bytes"),
        (dict[int, str], "schema= does not take dict"),
        ([str], "write list[str] for a list"),
        ("list[str]", "schema= does not take 'list[str]'; it takes str, int"),
        (5, "schema= does not take 5"),
        (lambda: 1, "schema= does not take"),
        (list[bytes], "schema= does not take bytes"),
        ({"name": str}, "schema= is no JSON schema: .* define a TypedDict"),
        ({"const": float("nan")}, "schema= is no JSON schema"),
    ],
    ids=str,
)
def test_what_is_no_type_is_told_what_is(given: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said.replace("[", r"\[")):
        schema_text(given)


def test_a_schema_that_is_too_long_is_not_sent() -> None:
    with pytest.raises(ValueError, match="schema= takes 100020 characters as JSON, and may 100000"):
        schema_text({"type": "string", "title": "x" * 99_989})
