"""Answers that must be of a type, of the root and of sub-calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from rlm_runtime._errors import LimitExceededError
from rlm_runtime._events import ModelRequested, NodeEnded, NodeStarted, RunEnded
from rlm_runtime._limits import Limits
from rlm_runtime._llm.scripted import ScriptedLLM
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Message
from tests._engine.fakes import asked, play, repl

pytestmark = pytest.mark.anyio

LEAF = Prompts.load().leaf()
LIST: dict[str, Any] = {"type": "array", "items": {"type": "integer"}}
REJECTED = repl("await FINAL([1, '2'])"), repl("await FINAL([1, 2])")


class Report(BaseModel):
    title: str
    years: list[int]


async def test_an_answer_that_is_not_of_the_type_is_rejected_and_the_node_goes_on() -> None:
    played = await play({"root": REJECTED}, output_type=LIST)
    assert played.answer == [1, 2]
    assert "AnswerRejectedError: The answer does not follow its schema:" in played.told()
    assert "answer[1]: must be integer, found '2'" in played.told()
    assert [event.answer for event in played.of(NodeEnded)] == ["[1, 2]"]


async def test_the_first_message_tells_the_schema() -> None:
    played = await play({"root": [REJECTED[1]]}, output_type=LIST)
    assert json.dumps(LIST) in played.requests[0][1].content
    assert [event.expected for event in played.of(NodeStarted)] == ["JSON schema (array)"]
    played = await play({"root": [REJECTED[1]]})
    assert "schema" not in played.requests[0][1].content
    assert [event.expected for event in played.of(NodeStarted)] == [""]


async def test_a_long_schema_is_cut_in_the_first_message() -> None:
    long = LIST | {"description": "x" * 50_000}
    played = await play({"root": [REJECTED[1]]}, output_type=long)
    assert len(played.requests[0][1].content) < 5_000
    assert "characters left out" in played.requests[0][1].content


async def test_the_answer_is_the_object_and_events_show_what_was_given() -> None:
    code = repl("await FINAL({'title': 'x', 'years': ('1', 2)})")
    played = await play({"root": [code]}, output_type=Report)
    assert played.answer == Report(title="x", years=[1, 2])
    (node,), (run,) = played.of(NodeEnded), played.of(RunEnded)
    assert node.answer == run.answer == "{'title': 'x', 'years': ('1', 2)}"
    assert node.answer_type == run.answer_type == "dict"
    assert played.of(NodeStarted)[0].expected == "Report"


async def test_a_partial_answer_is_of_no_type() -> None:
    replies = {"root": [repl("print('half')"), repl("await FINAL('x')")]}
    played = await play(replies, output_type=LIST, limits=Limits(max_iterations=2))
    assert isinstance(played.error, LimitExceededError) and played.error.partial == "half"


async def test_a_child_s_answer_follows_the_schema_of_its_call() -> None:
    ask = f"await FINAL(await llm_query('child', schema={LIST!r}))"
    played = await play({"root": [repl(ask)], "child": REJECTED})
    assert played.answer == [1, 2]
    assert json.dumps(LIST) in played.requests[1][1].content
    assert "answer[1]: must be integer" in played.requests[2][-1].content
    types = [event.expected for event in played.of(NodeStarted)]
    assert types == ["", "JSON schema (array)"]


async def test_the_type_of_the_root_does_not_hold_for_its_children() -> None:
    ask = repl("await FINAL([await llm_query('child')])")
    played = await play({"root": [ask], "child": [repl("await FINAL(7)")]}, output_type=LIST)
    assert played.answer == [7]


TOLD = """
try:
    await llm_query('child', schema=SCHEMA, recursive=RECURSIVE)
except Exception as error:
    await FINAL([str(error), error.stop_reason, error.partial])
"""


@pytest.mark.parametrize("recursive", [True, False])
async def test_a_schema_that_cannot_be_used_is_told_to_the_code(recursive: bool) -> None:
    code = TOLD.replace("SCHEMA", "{'$ref': '#'}").replace("RECURSIVE", str(recursive))
    played = await play({"root": [repl(code)]})
    told = "Cannot use this schema: a part of it refers to itself at once"
    assert played.answer == [told, "error", None]
    assert len(played.requests) == 1


async def test_a_completion_that_follows_no_schema_is_told_to_the_code_with_its_text() -> None:
    code = TOLD.replace("SCHEMA", repr(LIST)).replace("RECURSIVE", "False")
    limits = Limits(max_calls=10)
    said = iter(["no", "never", "not at all"])
    played = await play({"root": [repl(code)]}, sub_model=ScriptedLLM(list(said)), limits=limits)
    assert isinstance(played.answer, list)
    assert "3 replies did not follow the schema" in played.answer[0]
    assert played.answer[1:] == ["no_answer", "not at all"]
    assert [event.iteration for event in played.of(ModelRequested)] == [1, None, None, None]
    assert played.run.ledger.usage.calls == 4


async def test_a_completion_that_is_corrected_is_a_value() -> None:
    def policy(messages: Sequence[Message]) -> str:
        if messages[0].content != LEAF:
            return repl(f"await FINAL(await llm_query('child', schema={LIST!r}))")
        assert asked(messages).startswith("child\n\n")
        return "[1, 2]" if len(messages) > 2 else "one and two"

    played = await play(policy, limits=Limits(max_depth=1))
    assert played.answer == [1, 2]
