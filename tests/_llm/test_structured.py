from __future__ import annotations

from rlm_runtime._llm.structured import response_format


def test_a_schema_is_strict_only_where_all_its_objects_are_closed() -> None:
    open_ = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    closed = open_ | {"additionalProperties": False}
    assert response_format(open_) == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": open_},
    }
    assert response_format(closed) == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": closed, "strict": True},
    }
