"""Replies as real models print them, played through the loop."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlm_runtime._engine.reading import read_completion
from rlm_runtime._errors import ModelContentFilterError, ModelError, NoAnswerError
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message, Usage
from tests._engine.fakes import play, repl
from tests.reply_table import REPLIES, Row

pytestmark = pytest.mark.anyio

PROMPTS = Prompts.load()
END = repl("await FINAL('done')")


class RepliesLLM:
    """Gives replies, or errors, in order; then ends the node."""

    name = "replies"
    info = ModelInfo()

    def __init__(self, *replies: Completion | ModelError) -> None:
        self._replies = iter(replies)

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        reply = next(self._replies, None)
        if isinstance(reply, ModelError):
            raise reply
        return reply or completion(END)


def completion(
    text: str, *, finish_reason: str | None = "stop", reasoning: str = "", tokens: int = 77
) -> Completion:
    return Completion(
        text=text,
        model="replies",
        usage=Usage(completion_tokens=tokens),
        finish_reason=finish_reason,
        reasoning=reasoning,
    )


def _of(row: Row) -> Completion:
    return completion(row.text, finish_reason=row.finish_reason, reasoning=row.reasoning)


@pytest.mark.parametrize("row", REPLIES.values(), ids=REPLIES.keys())
async def test_a_reply_leads_to_what_the_table_says(row: Row) -> None:
    played = await play(RepliesLLM(_of(row)))
    executed = played.sandboxes.opened[0].executed
    if row.reminder is not None:
        assert played.told() == PROMPTS.reminder(row.reminder, tokens=77)
        assert executed == ["await FINAL('done')"]
    else:
        assert tuple(executed[: len(row.runs)]) == row.runs
        assert len(executed) == len(row.runs) or executed[len(row.runs) :] == [
            "await FINAL('done')"
        ]
    assert played.error is None


def test_the_table_is_large() -> None:
    assert len(REPLIES) >= 60
    assert {row.reminder for row in REPLIES.values()} == {
        *(None, "no_code", "cut", "empty", "filtered", "thoughts", "tool_call")
    }


@pytest.mark.parametrize("kind", ["empty", "cut", "thoughts", "tool_call", "filtered"])
async def test_three_replies_in_a_row_that_run_nothing_end_the_node(kind: str) -> None:
    row = next(row for row in REPLIES.values() if row.reminder == kind)
    played = await play(RepliesLLM(completion("Seven."), _of(row), _of(row)))
    assert isinstance(played.error, NoAnswerError)
    assert played.error.partial is not None
    assert len(played.requests) == 3


async def test_a_reply_without_text_is_sent_back_as_words() -> None:
    # Endpoints refuse messages that are empty
    played = await play(RepliesLLM(completion(" \n")))
    assert played.requests[1][2] == Message(role="assistant", content="(empty reply)")


async def test_a_reply_that_a_filter_refused_counts_as_an_empty_one() -> None:
    refused = ModelContentFilterError("held back")
    played = await play(RepliesLLM(refused, refused))
    assert played.answer == "done"
    assert played.told() == PROMPTS.reminder("filtered")
    assert [one.role for one in played.requests[-1]] == [
        *("system", "user", "assistant", "user", "assistant", "user")
    ]
    again = await play(RepliesLLM(*[refused] * 3))
    assert isinstance(again.error, NoAnswerError)


async def test_the_text_of_a_tool_call_is_no_partial_answer() -> None:
    call = completion('<tool_call>{"name": "search", "arguments": {}}</tool_call>')
    played = await play(RepliesLLM(completion("It is 7."), call, call))
    assert isinstance(played.error, NoAnswerError)
    assert played.error.partial == "It is 7."


_PIECES = st.sampled_from(
    [
        *("```", "```repl", "```json", "<think>", "</think>", "[THINK]", "<thinking>", "FINAL(1)"),
        *("<tool_call>", "</tool_call>", "<function=python>", "<parameter=code>", "</parameter>"),
        *("<execute>", "</execute>", "<code>", "</code>", "[TOOL_CALLS]", "[ARGS]", "python"),
        *("<|python_tag|>", "<|channel|>", "<|message|>", "<|start|>", "<|end|>", "analysis"),
        *('{"name": "python", "arguments": ', '{"code": "x"}', "}", "[", '"', "'''", "\\", "`"),
        *("<|im_end|>", "</s>", "\n", " ", "x = 1", "to=python"),
    ]
)


@settings(deadline=None)
@given(st.text() | st.lists(_PIECES).map("".join), st.sampled_from(["stop", "length", None]))
def test_any_reply_is_code_or_a_reminder(text: str, finish_reason: str | None) -> None:
    reading = read_completion(completion(text, finish_reason=finish_reason))
    assert bool(reading.blocks) == (reading.reminder is None)
    assert all(block.strip() for block in reading.blocks)
    if finish_reason == "length":
        assert reading.reminder == "cut"
