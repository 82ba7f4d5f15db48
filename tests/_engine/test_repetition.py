"""A node that goes round in circles is told, then ended."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import pytest

from rlm_runtime import RLM
from rlm_runtime._engine.repetition import Repetition
from rlm_runtime._errors import LimitExceededError
from rlm_runtime._events import NodeEnded
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message
from rlm_runtime.testing import ScriptedLLM
from tests._engine.fakes import play, repl

pytestmark = pytest.mark.anyio

NOTICE = Prompts.load().repetition()
SAME = repl("print(7)")
END = repl("await FINAL('done')")


class WaitingLLM:
    """Never replies."""

    name = "waiting"
    info = ModelInfo()

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        await anyio.sleep_forever()
        raise AssertionError


async def test_a_node_that_repeats_itself_is_told_after_the_third_time() -> None:
    played = await play({"root": [SAME, SAME, SAME, END]})
    assert played.answer == "done"
    assert [NOTICE in request[-1].content for request in played.requests] == [
        *(False, False, False, True)
    ]


async def test_a_node_that_repeats_itself_once_more_ends_with_what_it_has() -> None:
    played = await play({"root": [*[SAME] * 4, END]})
    assert isinstance(played.error, LimitExceededError)
    assert (played.error.stop_reason, played.error.partial) == ("repetition", "7")
    assert "the same code gave the same output" in str(played.error)
    assert len(played.requests) == 4
    assert played.of(NodeEnded)[-1].stop_reason == "repetition"


async def test_white_space_and_words_around_the_code_make_no_difference() -> None:
    other = "Once more.\n" + repl("print(7)  \n\n")
    assert (await play({"root": [SAME, other, SAME, other, END]})).error is not None


async def test_the_same_code_with_other_output_is_work() -> None:
    count = repl("print(len(globals()['seen']))\nseen.append(0)")
    played = await play({"root": [repl("seen = []"), *[count] * 8, END]})
    assert played.answer == "done"


async def test_other_code_with_the_same_output_is_work() -> None:
    played = await play({"root": [*[repl(f"x = {n}") for n in range(8)], END]})
    assert played.answer == "done"


async def test_something_else_in_between_begins_the_count_anew() -> None:
    played = await play({"root": [*[SAME] * 3, repl("x = 1"), *[SAME] * 2, END]})
    assert played.answer == "done"


async def test_looking_whether_a_sub_call_has_ended_is_no_repetition() -> None:
    begin = repl("import asyncio\ncall = llm_query('Take your time')")
    look = repl("await asyncio.sleep(0)\nprint(call.done())")
    replies = {"root": [begin, *[look] * 6, END]}
    played = await play(replies, sub_model=WaitingLLM(), limits=Limits(max_depth=1))
    assert played.answer == "done"


def test_the_guard_warns_once_and_then_ends() -> None:
    guard = Repetition()
    assert [guard.judge(["a  b"], "1") for _ in range(5)] == ["new", "new", "warn", "end", "end"]
    assert guard.judge(["a b"], "2") == "new"


@pytest.mark.deno
async def test_the_same_error_is_the_same_though_its_traceback_counts_the_blocks() -> None:
    model = ScriptedLLM(lambda messages: repl("FINAL(nothing)"))
    async with RLM(model, trace_dir=None, limits=Limits(max_iterations=8)) as rlm:
        with pytest.raises(LimitExceededError) as caught:
            await rlm.run("q")
    assert caught.value.stop_reason == "repetition"
    assert caught.value.usage is not None and caught.value.usage.calls == 4
