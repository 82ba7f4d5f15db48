"""A history that outgrows its model's window is trimmed, told of, and can be rebuilt."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rlm_runtime._engine.history import History
from rlm_runtime._errors import ModelContentFilterError, ModelContextWindowError, ModelError
from rlm_runtime._events import HistoryTrimmed, ModelRequested
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import NO_OPTIONS, CallOptions
from rlm_runtime._llm.tokens import estimate_prompt_tokens
from rlm_runtime._models import ModelInfo
from rlm_runtime._prompts import Prompts
from rlm_runtime._types import Completion, Message, Usage
from tests._engine.fakes import Played, play, repl

pytestmark = pytest.mark.anyio

PROMPTS = Prompts.load()
NOTICE = PROMPTS.trimmed()
FLOOD = "print('x' * 4000)"


class SmallLLM:
    """Prints much, reply by reply, and refuses a prompt that has more characters than it takes."""

    name = "small"

    def __init__(
        self, takes: int, *, replies: int = 9, window: int | None = None, tokens: int = 0
    ) -> None:
        self.info = ModelInfo(context_tokens=window)
        self.refused = 0
        self._takes = takes
        self._replies = replies
        self._tokens = tokens

    async def complete(
        self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
    ) -> Completion:
        size = sum(len(one.content) for one in messages)
        if size > self._takes:
            self.refused += 1
            refusal = ModelContextWindowError("the prompt is too long", status=400)
            refusal.spent = Usage(prompt_tokens=7)
            raise refusal
        said = sum(one.role == "assistant" for one in messages)
        text = repl(f"n = {said}\n{FLOOD}") if said < self._replies else repl("await FINAL(n)")
        usage = Usage(prompt_tokens=size // 4 * self._tokens)
        return Completion(text=text, model="small", usage=usage, finish_reason="stop")


def _rebuilt(played: Played) -> list[list[dict[str, str]]]:
    """Rebuild every request from the trace alone."""
    requests: list[list[dict[str, str]]] = []
    history: list[dict[str, str]] = []
    for event in played.events:
        match event:
            case HistoryTrimmed():
                history = []
            case ModelRequested():
                history = [*history, *event.messages]
                requests.append(history)
    return requests


async def test_a_history_that_the_model_refuses_is_trimmed_and_sent_again() -> None:
    llm = SmallLLM(25_000)
    played = await play(llm)
    assert (played.answer, played.error) == (8, None)
    assert llm.refused == len(played.of(HistoryTrimmed)) > 0
    assert all(event.exceeded and event.messages > 0 for event in played.of(HistoryTrimmed))


async def test_the_beginning_and_the_newest_iteration_stay() -> None:
    played = await play(SmallLLM(25_000))
    for refused, trimmed in zip(played.requests, played.requests[1:], strict=False):
        if len(trimmed) > len(refused):
            continue
        assert trimmed[:2] == refused[:2]
        assert trimmed[-2] == refused[-2]
        assert trimmed[-1].content == f"{refused[-1].content}\n\n{NOTICE}"
        assert [one.role for one in trimmed] == [one.role for one in refused]


async def test_the_model_reads_what_was_left_out() -> None:
    played = await play(SmallLLM(25_000))
    first = next(request for request in played.requests if NOTICE in request[-1].content)
    size = len(played.requests[1][3].content)
    assert first[3].content == f"[left out: {size:,} characters of the output of reply 1]"
    # What is short already stays as it is
    assert first[2] == played.requests[1][2]


async def test_every_request_can_be_rebuilt_from_the_trace() -> None:
    played = await play(SmallLLM(25_000))
    sent = [[{"role": m.role, "content": m.content} for m in r] for r in played.requests]
    assert _rebuilt(played) == sent


async def test_a_trim_leaves_room_for_more_than_one_reply() -> None:
    llm = SmallLLM(40_000, replies=25)
    played = await play(llm)
    assert played.answer == 24
    assert len(played.of(HistoryTrimmed)) <= 6


async def test_where_nothing_is_left_to_trim_the_node_fails_clearly() -> None:
    played = await play(SmallLLM(5_000), limits=Limits(max_calls=50))
    assert isinstance(played.error, ModelContextWindowError)
    assert "Cannot go on with node 0: even without its older replies" in str(played.error)
    assert "the prompt is too long" in str(played.error)
    assert (played.error.status, played.error.spent) == (400, Usage(prompt_tokens=7))
    assert len(played.requests) < 10


async def test_a_known_window_is_kept_ahead() -> None:
    llm = SmallLLM(10**9, window=8_000)
    played = await play(llm)
    assert played.answer == 8
    assert llm.refused == 0
    assert not any(event.exceeded for event in played.of(HistoryTrimmed))
    assert max(map(estimate_prompt_tokens, played.requests)) <= 6_000
    # Not for each reply anew: prompt caches hit in between
    assert 0 < len(played.of(HistoryTrimmed)) <= 4


async def test_what_the_model_counts_is_believed_over_the_estimate() -> None:
    wide = await play(SmallLLM(10**9, window=16_000))
    dense = await play(SmallLLM(10**9, window=16_000, tokens=3))
    assert len(wide.of(HistoryTrimmed)) < len(dense.of(HistoryTrimmed))
    assert max(map(estimate_prompt_tokens, dense.requests)) <= 5_400


async def test_an_unknown_window_is_not_trimmed_ahead() -> None:
    played = await play(SmallLLM(10**9, replies=20))
    assert played.answer == 19
    assert not played.of(HistoryTrimmed)


async def test_the_notice_of_the_last_reply_comes_once_though_it_is_sent_twice() -> None:
    played = await play(SmallLLM(25_000), limits=Limits(max_iterations=6))
    assert played.of(HistoryTrimmed)[0].iteration == 6
    assert played.told().count(PROMPTS.last_iteration()) == 1
    assert played.told().count(NOTICE) == 1


async def test_a_completion_whose_prompt_does_not_fit_says_how_large_it_is() -> None:
    code = "try:\n    await llm_query('read', 'y' * 5000, recursive=False)\n"
    code += "except Exception as exc:\n    await FINAL([str(exc), exc.stop_reason])"

    class Model(SmallLLM):
        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            if "y" * 100 in messages[-1].content:
                raise ModelContextWindowError("the prompt is too long", status=400)
            return Completion(text=repl(code), model="small", usage=Usage())

    played = await play(Model(0))
    size = len(PROMPTS.leaf()) + len("read\n\n") + 5000
    assert isinstance(played.answer, list)
    told, reason = played.answer
    assert f"Cannot complete a prompt of {size:,} characters, about" in told
    assert reason == "model_error"
    assert not played.of(HistoryTrimmed)


@pytest.mark.parametrize("reason", [None, "content_filter", "SAFETY", "refusal"])
async def test_a_completion_that_a_filter_held_back_fails(reason: str | None) -> None:
    code = "try:\n    await llm_query('read', recursive=False)\n"
    code += "except Exception as exc:\n    await FINAL(exc.stop_reason)"

    class Model(SmallLLM):
        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            if messages[-1].content != "read":
                return Completion(text=repl(code), model="small", usage=Usage())
            if reason is None:
                raise ModelContentFilterError("held back")
            return Completion(text="The", model="small", usage=Usage(), finish_reason=reason)

    assert (await play(Model(0))).answer == "model_error"


async def test_other_failures_are_not_retried_by_trimming() -> None:
    class Model(SmallLLM):
        async def complete(
            self, messages: Sequence[Message], options: CallOptions = NO_OPTIONS
        ) -> Completion:
            raise ModelError("It is down", status=500)

    played = await play(Model(0))
    assert str(played.error) == "It is down" and len(played.requests) == 1


def test_a_history_without_old_messages_cannot_be_trimmed() -> None:
    history = History()
    for role in ("system", "user", "assistant", "user"):
        history.say(role, "x" * 10_000)
    assert history.trim(lambda message, reply: "") == 0
    assert history.characters == 40_000
