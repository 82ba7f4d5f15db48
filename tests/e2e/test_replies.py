"""Replies as real models print them, in one real sandbox: what runs, and what is told instead."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime import RLM, Event, Message
from rlm_runtime._events import CodeExecuted, CodeStarted
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Usage
from tests.reply_table import REPLIES, Row

pytestmark = [pytest.mark.anyio, pytest.mark.deno, pytest.mark.usefixtures("assets")]

ROWS = [
    REPLIES[name]
    for name in (
        "code: prose before and after",
        "code: two blocks",
        "cut: after a whole block",
        "no code: an answer in markdown",
        "code: smart quotes are the model's mistake",
        "code: CodeAct",
        "thoughts: with code in them",
        "thoughts: never closed",
        "thoughts: in gpt-oss's channels",
        "tool call: Qwen3-Coder",
        "tool call: Qwen and Hermes",
        "tool call: of another tool",
        "no code: nothing",
        "tool call: Mistral",
        "tool call: beside a repl block",
        "answer: over lines",
    )
]


class TableLLM:
    """Gives the rows in order."""

    name = "table"
    info = ModelInfo()

    def __init__(self) -> None:
        self.told: list[str] = []

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        row = ROWS[len(self.told)]
        self.told.append(messages[-1].content)
        return Completion(
            text=row.text,
            model="table",
            usage=Usage(completion_tokens=77),
            finish_reason=row.finish_reason,
            reasoning=row.reasoning,
        )


async def test_one_node_survives_them_all_and_answers() -> None:
    llm, events = TableLLM(), list[Event]()
    with anyio.fail_after(50):
        # No four in a row that are the same, which would end the node
        async with RLM(llm, trace_dir=None, on_event=events.append) as rlm:
            result = await rlm.run("How long is it?", context="x" * 1234)
    assert result.answer == [1, 2]
    prompts = Prompts.load()
    for row, told in zip(ROWS, llm.told[1:], strict=False):
        assert _is_told(row, told, prompts)
    started = [event.code for event in events if isinstance(event, CodeStarted)]
    assert started == [block for row in ROWS for block in row.runs]
    outputs = [event for event in events if isinstance(event, CodeExecuted)]
    shown = [event.stdout for event in outputs if event.stdout]
    assert shown == ["1234\n", "1\n", *["1234\n"] * 5]
    errors = [event.error or "" for event in outputs if event.error]
    assert len(errors) == 1 and "SyntaxError: invalid character" in errors[0]


def _is_told(row: Row, told: str, prompts: Prompts) -> bool:
    if row.reminder is not None:
        return told.startswith(prompts.reminder(row.reminder, tokens=77))
    return told.startswith("Output of reply")
