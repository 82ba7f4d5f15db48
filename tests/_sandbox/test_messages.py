from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from rlm_runtime._sandbox.messages import (
    Cancel,
    Execution,
    Fatal,
    LLMQuery,
    Nothing,
    Output,
    Ready,
    ToolRequest,
)

READY = {"protocol": 4, "python": "3.14"}
OUTPUT = {"stream": "stdout", "text": "x", "omitted": 0}
CALL = {"model": None, "recursive": None, "answer_schema": None}
EXECUTION = {
    "error": None,
    "interrupted": False,
    "pending": ["a"],
    "variables": ["b"],
    "values": ["1"],
}


@pytest.mark.parametrize(
    ("model", "params"),
    [
        (Ready, READY),
        (Output, OUTPUT),
        (Output, OUTPUT | {"stream": "stderr", "text": "", "omitted": 2**53}),
        (Cancel, {"id": 2**70}),
        (Fatal, {"message": "x"}),
        (LLMQuery, CALL),
        (LLMQuery, CALL | {"model": "fast", "recursive": True, "answer_schema": "{}"}),
        (ToolRequest, {"name": "search"}),
        (Execution, EXECUTION),
        (Execution, EXECUTION | {"error": "Traceback", "interrupted": True}),
        (Nothing, {}),
    ],
)
def test_what_the_protocol_allows_is_taken(model: type[BaseModel], params: dict[str, Any]) -> None:
    assert model.model_validate(params).model_dump() == params


FORGED: list[tuple[type[BaseModel], object]] = [
    (Ready, READY | {"protocol": "1"}),
    (Ready, READY | {"protocol": True}),
    (Ready, READY | {"python": "3" * 41}),
    (Ready, {"protocol": 4}),
    (Output, OUTPUT | {"stream": "stdin"}),
    (Output, OUTPUT | {"text": 5}),
    (Output, OUTPUT | {"text": "\ud800"}),
    (Output, OUTPUT | {"text": "x" * 600_001}),
    (Output, OUTPUT | {"omitted": -1}),
    (Output, OUTPUT | {"omitted": 1.5}),
    (Output, OUTPUT | {"omitted": 10**4000}),
    (Output, OUTPUT | {"node": "root"}),
    (Cancel, {"id": "1"}),
    (Cancel, {"id": None}),
    (Cancel, {"id": 1.0}),
    (Cancel, {"id": True}),
    (Fatal, {"message": "x" * 10_001}),
    (Fatal, {}),
    (LLMQuery, {}),
    (LLMQuery, CALL | {"model": 1}),
    (LLMQuery, CALL | {"model": "x" * 201}),
    (LLMQuery, CALL | {"recursive": "yes"}),
    (LLMQuery, CALL | {"recursive": 1}),
    (LLMQuery, CALL | {"answer_schema": {}}),
    (LLMQuery, CALL | {"answer_schema": "x" * 100_001}),
    (LLMQuery, {"model": None, "recursive": None}),
    (LLMQuery, CALL | {"node": "other"}),
    (ToolRequest, {}),
    (ToolRequest, {"name": None}),
    (ToolRequest, {"name": "x" * 201}),
    (ToolRequest, {"name": "search", "node": 0}),
    (Execution, EXECUTION | {"error": 1}),
    (Execution, EXECUTION | {"error": "x" * 200_001}),
    (Execution, EXECUTION | {"pending": "ab"}),
    (Execution, EXECUTION | {"pending": [1]}),
    (Execution, EXECUTION | {"pending": ["x"] * 21}),
    (Execution, EXECUTION | {"variables": ["x"] * 201}),
    (Execution, EXECUTION | {"pending": ["x" * 1001]}),
    (Execution, EXECUTION | {"variables": ["x" * 1001]}),
    (Execution, EXECUTION | {"values": ["x"] * 201}),
    (Execution, EXECUTION | {"values": ["x" * 1001]}),
    (Nothing, {"node": 0}),
    (Execution, EXECUTION | {"variables": {"x": 1}}),
    (Execution, "ok"),
    (Execution, None),
]


@pytest.mark.parametrize(("model", "params"), FORGED)
def test_what_is_forged_is_refused(model: type[BaseModel], params: object) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(params)
