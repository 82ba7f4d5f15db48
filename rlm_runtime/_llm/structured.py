"""The member of a request that asks for a reply which follows a JSON schema."""

from __future__ import annotations

from collections.abc import Mapping

from rlm_runtime._answer_types.provider import allows_strict


def response_format(schema: Mapping[str, object]) -> dict[str, object]:
    """Write a schema as OpenAI and those who copy it take it."""
    named: dict[str, object] = {"name": "answer", "schema": dict(schema)}
    if allows_strict(schema):
        named["strict"] = True
    return {"type": "json_schema", "json_schema": named}
