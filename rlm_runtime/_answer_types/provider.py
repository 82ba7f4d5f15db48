"""Schemas in the form that providers take for their structured output."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

# Providers bound theirs; a larger one is in the prompt only
_MOST_CHARS = 20_000
_DEFINITIONS = ("$defs", "definitions")
_BY_NAME = ("properties", *_DEFINITIONS)
_OF_PARTS = ("additionalProperties", "allOf", "anyOf", "items", "oneOf", "prefixItems")
# As OpenAI's page on structured outputs lists them
_STRICT_KEYWORDS = frozenset(
    "$defs $ref additionalProperties anyOf const definitions description enum exclusiveMaximum"
    " exclusiveMinimum format items maxItems maximum minItems minimum multipleOf pattern properties"
    " required title type".split()
)
_STRICT_KINDS = frozenset({"$ref", "anyOf", "type"})


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
    """Tell whether OpenAI takes it as strict; it refuses a strict one that it cannot guarantee.

    All objects must be closed and have all their keys required, and nothing be beyond its subset.
    """
    return all(map(_is_strict, _parts(schema)))


def _is_strict(part: Mapping[str, Any]) -> bool:
    if not part.keys() <= _STRICT_KEYWORDS or not part.keys() & _STRICT_KINDS:
        return False
    if part.get("type") != "object" and "properties" not in part:
        return "object" not in part.get("type", ())
    closed = part.get("additionalProperties") is False
    return closed and set(part.get("required", [])) == set(part.get("properties", {}))


def _parts(schema: object) -> Iterator[Mapping[str, Any]]:
    """Give a schema and all that are in it."""
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, Mapping):
            yield one
            waiting += [one[name] for name in _OF_PARTS if name in one]
            waiting += [part for name in _BY_NAME for part in one.get(name, {}).values()]
