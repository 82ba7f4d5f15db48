"""Schemas in the form that providers take for their structured output."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# Providers bound theirs; a larger one is in the prompt only
_MOST_CHARS = 20_000
_DEFINITIONS = ("$defs", "definitions")


def for_provider(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, bool]:
    """Give the schema as a provider takes it, and whether it is one of `{"answer": …}` now.

    The root must be an object there. None where it cannot be sent.
    """
    if len(json.dumps(schema)) > _MOST_CHARS:
        return None, False
    if schema.get("type") == "object" and "properties" in schema:
        return schema, False
    refs = [one["$ref"] for one in _parts(schema) if isinstance(one.get("$ref"), str)]
    if not all(ref.startswith(tuple(f"#/{name}/" for name in _DEFINITIONS)) for ref in refs):
        return None, False
    root = {
        "type": "object",
        "properties": {"answer": {k: v for k, v in schema.items() if k not in _DEFINITIONS}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return root | {name: schema[name] for name in _DEFINITIONS if name in schema}, True


def allows_strict(schema: Mapping[str, Any]) -> bool:
    """Tell whether OpenAI takes it as strict: all objects closed, all their keys required."""
    objects = [one for one in _parts(schema) if one.get("type") == "object" or "properties" in one]
    return all(
        one.get("additionalProperties") is False
        and sorted(one.get("required", [])) == sorted(one.get("properties", {}))
        for one in objects
    )


def _parts(schema: object) -> Iterator[Mapping[str, Any]]:
    """Give all objects in a schema; what they stand for does not matter here."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
