"""JSON schemas: what they accept, and what is said of the rest."""

from __future__ import annotations

import math
import time
from decimal import Decimal
from typing import Any

import pytest

from rlm_runtime._answer_types.base import AnswerMismatchError, answer_type_of
from rlm_runtime._answer_types.check import UncheckedError, check
from rlm_runtime._answer_types.schema import parse_schema

Schema = dict[str, Any]

TREE: Schema = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["kids"],
        }
    },
}
BOOK: Schema = {
    "type": "object",
    "title": "Book",
    "properties": {
        "title": {"type": "string", "minLength": 1, "description": "as printed", "format": "any"},
        "year": {"type": ["integer", "null"]},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True},
    },
    "required": ["title", "year"],
    "additionalProperties": False,
}

ACCEPTED: list[tuple[Schema, object]] = [
    ({}, {1, 2}),
    ({"type": "string"}, "x"),
    ({"type": "integer"}, 10**4000),
    ({"type": "number"}, 1),
    ({"type": "number"}, 1.5),
    ({"type": "null"}, None),
    ({"type": "boolean"}, False),
    ({"type": ["integer", "null"]}, None),
    ({"type": "string", "nullable": True}, None),
    ({"type": "array"}, (1, {2})),
    ({"type": "object"}, {1: 2}),
    ({"enum": ["a", 1, None, [1, {"x": True}]]}, (1, {"x": True})),
    ({"const": 1}, 1.0),
    ({"type": "array", "items": {"type": "number"}}, [1, 2.5]),
    ({"prefixItems": [{"type": "string"}], "items": {"type": "integer"}}, ["a", 1, 2]),
    ({"prefixItems": [{"type": "string"}], "items": False}, ["a"]),
    ({"minItems": 1, "maxItems": 2, "minLength": 9}, [1, 1]),
    ({"uniqueItems": True}, [1, True, "1", [1], [True], {"a": 1}, {"a": 2}, None, 2.5]),
    ({"minimum": 1, "exclusiveMaximum": 2}, 1.5),
    ({"multipleOf": 0.1}, 0.3),
    ({"multipleOf": 3}, 3 * 10**3000),
    ({"pattern": "^[a-z]+$"}, "abc"),
    ({"pattern": "b"}, "abc"),
    ({"minProperties": 1, "maxProperties": 1}, {"a": 1}),
    ({"additionalProperties": {"type": "integer"}}, {"a": 1, "b": 2}),
    (BOOK, {"title": "x", "year": None, "tags": ["a", "b"]}),
    ({"anyOf": [{"type": "string"}, {"type": "array"}]}, []),
    ({"oneOf": [{"type": "integer"}, {"type": "string"}]}, 1),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 2),
    (TREE, {"kids": [{"kids": []}, {"kids": [{"kids": ()}]}]}),
    ({"properties": {"a/b": {"type": "integer"}, "c": {"$ref": "#/properties/a~1b"}}}, {"c": 1}),
]

REFUSED: list[tuple[Schema, object, str]] = [
    ({"type": "integer"}, "3", "answer: must be integer, found '3'"),
    ({"type": "integer"}, True, "answer: must be integer, found True"),
    ({"type": "integer"}, 3.0, "answer: must be integer, found 3.0"),
    ({"type": "number"}, math.nan, "answer: must be a finite number, found nan"),
    ({"type": "number"}, True, "answer: must be number, found True"),
    ({"type": "string"}, b"x", "answer: must be string, found b'x'"),
    ({"type": "array"}, {1}, "answer: must be array, found a set of 1 item"),
    ({"type": "array"}, "abc", "answer: must be array, found 'abc'"),
    ({"type": "null"}, 0, "answer: must be null, found 0"),
    (
        {"type": "array", "items": {"type": "number"}},
        [1, 2, math.inf],
        "answer[2]: must be a finite number, found inf",
    ),
    (
        {"type": "array", "items": {"type": "integer"}},
        (1, "2", True),
        "answer[1]: must be integer, found '2'\nanswer[2]: must be integer, found True",
    ),
    ({"prefixItems": [{}], "items": False}, [1, 2], "answer[1]: must not be there, found 2"),
    ({"enum": ["a", "b"]}, "c", "answer: must be one of 'a', 'b', found 'c'"),
    ({"enum": [1]}, True, "answer: must be 1, found True"),
    ({"const": {"a": 1}}, {"a": 1, "b": 2}, "answer: must be a dict of 1 item, found a dict of 2"),
    ({"minItems": 2}, [1], "answer: must have at least 2 items and has 1, found a list of 1 item"),
    ({"maxLength": 2}, "abc", "answer: must have at most 2 characters and has 3, found 'abc'"),
    ({"maxProperties": 0}, {"a": 1}, "answer: must have at most 0 keys and has 1, found a dict"),
    ({"uniqueItems": True}, [1, 2, 1.0], "answer: must have no item twice, and item 2 is one"),
    ({"uniqueItems": True}, [{"a": [1]}, {"a": (1,)}], "answer: must have no item twice"),
    ({"minimum": 3}, 2.5, "answer: must be at least 3, found 2.5"),
    ({"exclusiveMinimum": 3}, 3, "answer: must be more than 3, found 3"),
    ({"maximum": 3}, 10**400, "answer: must be at most 3, found an int of 1,329 bits"),
    ({"exclusiveMaximum": 3}, 3, "answer: must be less than 3, found 3"),
    ({"multipleOf": 0.5}, 0.75, "answer: must be a multiple of 0.5, found 0.75"),
    ({"multipleOf": 2}, math.inf, "answer: must be a multiple of 2, found inf"),
    ({"pattern": "^a$"}, "b", "answer: must match the pattern '^a$', found 'b'"),
    ({"pattern": "^a$"}, "\ud800", r"answer: must match the pattern '^a$', found '\ud800'"),
    (
        {"additionalProperties": {"type": "integer"}},
        {1: 1},
        "must have keys of type str, and has 1",
    ),
    ({"additionalProperties": {"type": "integer"}}, {"a b": "x"}, "answer['a b']: must be integer"),
    (BOOK, {"title": "x"}, "answer: must have the key 'year', found a dict of 1 item"),
    (BOOK, {"title": "", "year": "2"}, "answer.title: must have at least 1 characters and has 0"),
    (BOOK, {"title": "", "year": "2"}, "answer.year: must be integer or null, found '2'"),
    (BOOK, {"title": "x", "year": 1, "z": 1}, "answer: must not have the key 'z'"),
    (
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        5,
        "answer: must be string or null, found 5",
    ),
    (
        {"items": {"anyOf": [{"type": "null"}, BOOK]}},
        [None, {"title": "x", "year": "y"}],
        "answer[1].year: must be integer or null, found 'y'",
    ),
    (
        {"oneOf": [{"type": "integer"}, {"minimum": 1}]},
        1,
        "must fit one alternative only, and fits 2",
    ),
    (
        {"oneOf": [{"type": "null"}, {"type": "string"}]},
        1,
        "answer: must be null or string, found 1",
    ),
    ({"allOf": [{"minimum": 1}, {"maximum": 3}]}, 4, "answer: must be at most 3, found 4"),
    (TREE, {"kids": [{"kids": []}, {"kids": [{}]}]}, "answer.kids[1].kids[0]: must have the key"),
]


@pytest.mark.parametrize(("schema", "value"), ACCEPTED, ids=str)
def test_a_value_that_fits_comes_back_as_it_is(schema: Schema, value: object) -> None:
    assert answer_type_of(schema).validate(value) is value


@pytest.mark.parametrize(("schema", "value", "said"), REFUSED, ids=lambda one: str(one)[:60])
def test_a_value_that_does_not_fit_is_told_why(schema: Schema, value: object, said: str) -> None:
    with pytest.raises(AnswerMismatchError) as caught:
        answer_type_of(schema).validate(value)
    assert said in str(caught.value)


def test_faults_are_few_and_short() -> None:
    schema = {"additionalProperties": {"items": {"type": "integer"}}}
    value = {"k" * 100_000 + str(n): ["v" * 100_000] * 1_000 for n in range(100)}
    with pytest.raises(AnswerMismatchError) as caught:
        answer_type_of(schema).validate(value)
    lines = str(caught.value).splitlines()
    assert len(lines) == 11 and lines[-1] == "and more"
    assert max(map(len, lines)) < 300


@pytest.mark.timeout(20)
def test_a_million_items_are_checked_within_seconds() -> None:
    rows = [{"title": str(n), "year": n, "tags": ["a"]} for n in range(150_000)]
    schema, _ = parse_schema('{"type": "array", "items": {"type": "string"}}')
    assert check(schema, ["x"] * 1_000_000) == []
    assert len(check(schema, [1] * 1_000_000)) == 10
    book = answer_type_of({"type": "array", "items": BOOK})
    assert book.validate(rows) is rows


def test_a_schema_that_doubles_the_work_at_each_level_is_given_up() -> None:
    both = {"properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    schema, _ = parse_schema(str({"anyOf": [both, both | {"minimum": 0}]}).replace("'", '"'))
    value: dict[str, Any] = {}
    for _ in range(60):
        value = {"a": value}
    started = time.thread_time()
    with pytest.raises(UncheckedError, match="it takes too long to be checked"):
        check(schema, value, most_seconds=0.2)
    assert time.thread_time() - started < 5


def test_items_whose_hashes_are_equal_are_given_up() -> None:
    schema, _ = parse_schema('{"uniqueItems": true}')
    colliding = [n * (2**61 - 1) for n in range(100_000)]
    with pytest.raises(UncheckedError, match="it takes too long to be checked"):
        check(schema, colliding, most_seconds=0.2)


def test_a_number_that_has_no_hash_can_be_unique() -> None:
    schema, _ = parse_schema('{"uniqueItems": true}')
    assert check(schema, [Decimal("sNaN"), [Decimal("1")], Decimal("NaN")]) == []
    assert len(check(schema, [Decimal("sNaN"), Decimal("sNaN")])) == 1


def test_a_value_that_is_nested_deep_is_refused_and_not_fatal() -> None:
    value: dict[str, Any] = {}
    for _ in range(5_000):
        value = {"kids": [value]}
    with pytest.raises(AnswerMismatchError, match="answer: it is nested too deep to be checked"):
        answer_type_of(TREE).validate(value)


def test_all_levels_that_the_codec_has_can_be_checked() -> None:
    value: dict[str, Any] = {"kids": []}
    for _ in range(99):
        value = {"kids": [value]}
    assert answer_type_of(TREE).validate(value) is value
