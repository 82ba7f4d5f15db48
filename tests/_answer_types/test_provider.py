"""Schemas as providers take them."""

from __future__ import annotations

from typing import Any

import pytest

from rlm_runtime._answer_types.provider import allows_strict, for_provider

CLOSED: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN: dict[str, Any] = {key: CLOSED[key] for key in ("type", "properties", "required")}


def test_an_object_is_sent_as_it_is() -> None:
    assert for_provider(CLOSED) == (CLOSED, False)
    assert for_provider(OPEN) == (OPEN, False)


def test_anything_else_is_put_into_an_object() -> None:
    given = {"type": "array", "items": {"$ref": "#/$defs/x"}, "$defs": {"x": CLOSED}}
    sent, wrapped = for_provider(given)
    assert wrapped and sent == {
        "type": "object",
        "properties": {"answer": {"type": "array", "items": {"$ref": "#/$defs/x"}}},
        "required": ["answer"],
        "additionalProperties": False,
        "$defs": {"x": CLOSED},
    }


@pytest.mark.parametrize("ref", ["#", "#/items"])
def test_what_would_point_elsewhere_then_is_not_sent(ref: str) -> None:
    assert for_provider({"items": {"anyOf": [{"type": "null"}, {"$ref": ref}]}}) == (None, False)


def test_a_large_one_is_not_sent() -> None:
    assert for_provider(CLOSED | {"description": "x" * 20_000}) == (None, False)


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (CLOSED, True),
        (OPEN, False),
        (CLOSED | {"required": []}, False),
        ({"type": "object"}, False),
        (CLOSED | {"properties": {"a": OPEN}}, False),
        (CLOSED | {"$defs": {"x": OPEN}}, False),
        ({"type": "array", "items": CLOSED}, True),
        ({"type": "array", "items": {"anyOf": [CLOSED, OPEN]}}, False),
        ({"type": ["object", "null"], "properties": {"a": {}}}, False),
        ({"type": ["object", "null"]}, False),
        (CLOSED | {"properties": {"a": {}}}, False),
        (CLOSED | {"properties": {"a": {"type": "string", "minLength": 1}}}, False),
        (CLOSED | {"properties": {"a": {"allOf": [{"type": "string"}]}}}, False),
        ({"type": "object", "properties": {"minLength": {"type": "integer"}}}, False),
        (
            CLOSED | {"properties": {"minLength": {"type": "integer"}}, "required": ["minLength"]},
            True,
        ),
        (CLOSED | {"properties": {"a": {"type": "string", "enum": ["x"], "title": "A"}}}, True),
    ],
)
def test_strict_is_what_is_closed_with_all_keys_required(
    schema: dict[str, Any], strict: bool
) -> None:
    assert allows_strict(schema) is strict
