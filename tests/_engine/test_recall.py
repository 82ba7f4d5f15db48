"""Recall: which replies of other runs a run takes, what they count, and what ends it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import anyio
import pytest

from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.recorded import open_recorded
from rlm_runtime._errors import (
    LimitExceededError,
    ModelError,
    ModelUnavailableError,
)
from rlm_runtime._events import (
    Event,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    RunEnded,
    SubCallStarted,
)
from rlm_runtime._limits import Limits
from rlm_runtime._llm.retry import RetryPolicy
from rlm_runtime._llm.scripted import ScriptedReply, ask
from rlm_runtime._types import Message, Usage
from tests._engine.fakes import asked, play, repl, script
from tests._engine.metered import MeteredLLM
from tests._engine.recalls import keep, recalling

pytestmark = pytest.mark.anyio

CODE = """
child = await llm_query("child")
leaf = await llm_query("leaf", recursive=False)
"""
REPLIES = {
    "root": [repl(CODE), repl("await FINAL([child, leaf])")],
    "child": [repl("print(1)"), repl("await FINAL(2)")],
    "leaf": ["3"],
}
ANSWER = [2, "3"]


async def record(tmp_path: Path, replies: dict[str, list[str]] = REPLIES) -> Path:
    return keep(tmp_path, await play(replies))


def calls_of(events: Sequence[Event]) -> list[int]:
    return [event.call for event in events if isinstance(event, ModelAttemptStarted)]


async def test_the_same_run_asks_nothing_and_spends_nothing(tmp_path: Path) -> None:
    first = await play(REPLIES)
    async with recalling(keep(tmp_path, first)) as recall:
        second = await play({}, recall=recall)
    assert first.answer == second.answer == ANSWER
    assert (second.requests, second.of(ModelAttemptStarted)) == ([], [])
    one, other = first.run.ledger, second.run.ledger
    assert (other.usage, other.recalled) == (Usage(), one.usage)
    assert one.usage.calls == 5 and one.recalled == Usage()
    ended = second.of(RunEnded)[0]
    assert (ended.calls, ended.prompt_tokens, ended.completion_tokens) == (0, 0, 0)


async def test_a_recalled_reply_is_recorded_as_it_was_given(tmp_path: Path) -> None:
    reply = ScriptedReply(
        "\ud800\n" + repl("await FINAL(1)"), reasoning="hm", cached_tokens=3, finish_reason="end"
    )
    first = await play(lambda messages: reply)
    async with recalling(keep(tmp_path, first)) as recall:
        second = await play({}, recall=recall)
    (one,), (other,) = first.of(ModelReplied), second.of(ModelReplied)
    same = ("text", "reasoning", "finish_reason", "cost", "model", "counted", "attempts")
    counts = ("prompt_tokens", "cached_tokens", "completion_tokens", "reasoning_tokens")
    told = [name for name in (*same, *counts) if name != "attempts"]
    assert [getattr(one, name) for name in told] == [getattr(other, name) for name in told]
    assert (one.recalled, other.recalled, other.attempts) == ("", "first", 0)
    assert other.text.startswith("\ud800")
    asked_for = [event.key for run in (first, second) for event in run.of(ModelRequested)]
    assert asked_for[0] and asked_for[0] == asked_for[1]


async def test_only_what_is_changed_is_asked(tmp_path: Path) -> None:
    path = await record(tmp_path)
    changed = {**REPLIES, "root": [repl(CODE.replace("leaf", "tree")), REPLIES["root"][1]]}
    changed["root"][1] = repl("await FINAL([child, tree])")
    changed["tree"] = ["4"]
    async with recalling(path) as recall:
        recalled = await play(changed, query="other", recall=recall)
    # Its query is another one, so what the root is told is, too; its child is told the same
    assert isinstance(recalled.error, ModelError)
    other = {"other": changed["root"], **changed}
    async with recalling(path) as recall:
        recalled = await play(other, query="other", recall=recall)
    assert recalled.answer == [2, "4"]
    assert [asked(request) for request in recalled.requests] == ["other", "tree", "other"]
    assert (recalled.run.ledger.usage.calls, recalled.run.ledger.recalled.calls) == (3, 2)


async def test_the_same_requests_take_the_replies_in_the_order_of_the_requests(
    tmp_path: Path,
) -> None:
    numbers = count(1)
    both = anyio.Event()

    async def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "root":
            return (await ask(root, messages)).text
        number = next(numbers)
        if number == 1:
            # Its reply comes last
            await both.wait()
        if number == 2:
            both.set()
        return str(number)

    made = "[await one for one in [llm_query('leaf', recursive=False) for _ in range({})]]"
    root = script({"root": [repl(f"await FINAL({made.format(2)})")]})
    first = await play(policy)
    assert first.answer == ["1", "2"]
    path = keep(tmp_path, first)
    async with recalling(path) as recall:
        second = await play(lambda messages: root(messages), recall=recall)
        assert (second.answer, second.requests) == (["1", "2"], [])
    more = script({"root": [repl(f"await FINAL({made.format(3)})")], "leaf": ["new"]})
    async with recalling(path) as recall:
        third = await play(more, query="root", context="another", recall=recall)
    assert third.answer == ["1", "2", "new"]


async def test_each_run_of_an_open_record_begins_anew(tmp_path: Path) -> None:
    async with open_recorded([await record(tmp_path)]) as recorded:
        for _ in range(2):
            assert (await play({}, recall=Recall(recorded, only=True))).answer == ANSWER


async def test_a_failed_call_is_never_recalled(tmp_path: Path) -> None:
    code = "try:\n    await llm_query('leaf', recursive=False)\nexcept Exception: pass\n"
    replies = {"root": [repl(f"{code}await FINAL(await llm_query('leaf', recursive=False))")]}
    leaf = iter([None, "3"])

    def policy(messages: Sequence[Message]) -> str:
        reply = next(leaf) if asked(messages) == "leaf" else replies["root"][0]
        if reply is None:
            raise ModelError("no")
        return reply

    first = await play(policy)
    assert (first.answer, len(first.of(ModelFailed))) == ("3", 1)
    async with recalling(keep(tmp_path, first)) as recall:
        second = await play({"leaf": ["new"]}, recall=recall)
    # The one reply on record goes to the first that asks
    assert second.answer == "new"
    assert len(second.requests) == 1


async def test_an_attempt_that_failed_first_is_no_part_of_it(tmp_path: Path) -> None:
    attempts = iter([ModelUnavailableError("busy", status=503), None])

    def policy(messages: Sequence[Message]) -> str:
        if (error := next(attempts)) is not None:
            raise error
        return repl("await FINAL(1)")

    quick = RetryPolicy(attempts=3, max_retry_seconds=None, random=lambda: 0.0)
    first = await play(policy, retries=quick)
    async with recalling(keep(tmp_path, first), only=True) as recall:
        second = await play({}, recall=recall)
    assert first.answer == second.answer == 1
    assert [one.attempts for run in (first, second) for one in run.of(ModelReplied)] == [2, 0]


async def test_runs_are_looked_through_in_order_and_a_recalled_reply_is_recallable(
    tmp_path: Path,
) -> None:
    replies = [{"root": [repl(f"await FINAL({number})")]} for number in range(2)]
    paths = [keep(tmp_path, await play(each), run) for each, run in zip(replies, "ab", strict=True)]
    for order, answer in ((paths, 0), (paths[::-1], 1)):
        async with recalling(*order, only=True) as recall:
            played = await play({}, recall=recall)
        assert played.answer == answer
    again = keep(tmp_path, played, "c")
    async with recalling(again, only=True) as recall:
        last = await play({}, recall=recall)
    # Its tokens were spent there
    assert (last.answer, last.of(ModelReplied)[0].recalled) == (1, "b")


async def test_what_is_left_of_the_time_makes_no_difference(tmp_path: Path) -> None:
    replies = {"root": [repl("print(1)"), repl("await FINAL(2)")]}
    first = await play(replies, limits=Limits(max_seconds=500))
    async with recalling(keep(tmp_path, first), only=True) as recall:
        second = await play({}, limits=Limits(max_seconds=90, max_calls=9), recall=recall)
    assert second.answer == 2
    assert first.told() != second.of(ModelRequested)[-1].messages[-1]["content"]


async def test_a_notice_of_the_last_reply_is_given_where_it_was(tmp_path: Path) -> None:
    replies = {"root": [repl("print(1)"), repl("await FINAL(2)")]}
    first = await play(replies, limits=Limits(max_calls=2))
    assert "last that is read" in first.told()
    async with recalling(keep(tmp_path, first), only=True) as recall:
        second = await play({}, recall=recall)
    assert second.answer == first.answer == 2
    # And where it was not given, it is not
    plain = await play({"root": [repl("print(1)"), repl("await FINAL(2)")]})
    async with recalling(keep(tmp_path, plain, "plain"), only=True) as recall:
        third = await play({}, limits=Limits(max_calls=2), recall=recall)
    assert third.answer == 2


async def test_it_counts_against_the_limits_as_it_did(tmp_path: Path) -> None:
    replies = {"root": [repl(f"print({number})") for number in range(9)]}
    limits = Limits(max_calls=3)
    first = await play(replies, limits=limits)
    async with recalling(keep(tmp_path, first), only=True) as recall:
        second = await play({}, limits=limits, recall=recall)
    for played in (first, second):
        assert isinstance(played.error, LimitExceededError)
        assert played.error.stop_reason == "max_calls"
        # The last reply was told to be it
        assert "last that is read" in played.of(ModelRequested)[-1].messages[-1]["content"]
    assert (second.requests, second.run.ledger.recalled.calls) == ([], 3)


@pytest.mark.parametrize("limits", [Limits(max_tokens=6_000), Limits(max_cost=0.01)])
async def test_tokens_and_cost_on_record_count_too(tmp_path: Path, limits: Limits) -> None:
    policy = script({"root": [repl(f"print({number})") for number in range(30)]})
    first = await play(MeteredLLM(policy, reply_tokens=400), limits=limits)
    assert isinstance(first.error, LimitExceededError)
    offline = MeteredLLM(policy)
    async with recalling(keep(tmp_path, first), only=True) as recall:
        second = await play(offline, limits=limits, recall=recall)
    assert isinstance(second.error, LimitExceededError), second.error
    assert second.error.stop_reason == first.error.stop_reason
    assert (offline.calls, second.run.ledger.usage) == (0, Usage())
    assert second.run.ledger.recalled == first.run.ledger.usage


async def test_what_is_on_record_waits_for_no_slot(tmp_path: Path) -> None:
    recorded = script({"root": [repl("await FINAL(await llm_query('leaf'))")], "leaf": ["3"]})
    path = keep(tmp_path, await play(recorded, limits=Limits(max_depth=1)))
    code = """
slow = llm_query("slow")
leaf = await llm_query("leaf")
await FINAL(leaf)
"""

    async def policy(messages: Sequence[Message]) -> str:
        if asked(messages) == "slow":
            await anyio.sleep_forever()
        return repl(code)

    async with recalling(path) as recall:
        limits = Limits(max_depth=1, max_concurrency=1)
        played = await play(policy, limits=limits, context="another", recall=recall)
    assert played.answer == "3"
    # The slow one was given up in flight
    assert len(played.requests) == 2


async def test_a_miss_that_was_given_up_in_the_queue_is_told_once(tmp_path: Path) -> None:
    async def policy(messages: Sequence[Message]) -> str:
        if asked(messages) != "root":
            await anyio.sleep_forever()
        return repl(
            "one, two = llm_query('one'), llm_query('two')\nawait sleep(0.05)\nawait FINAL(1)"
        )

    async with recalling(await record(tmp_path)) as recall:
        limits = Limits(max_depth=1, max_concurrency=1)
        played = await play(policy, query="root", context="new", limits=limits, recall=recall)
    assert played.answer == 1
    failed = played.of(ModelFailed)
    assert sorted(one.call for one in failed) == [1, 2] and all(one.cancelled for one in failed)


async def test_sub_calls_that_are_made_together_stay_in_their_order() -> None:
    # The first takes by far the longest to be read
    code = """
made = [
    llm_query("large", list(range(60_000))),
    llm_query("typed", schema={"type": "integer"}),
    llm_query("small", 1),
]
await FINAL([await one for one in made])
"""

    def policy(messages: Sequence[Message]) -> str:
        return repl(code) if asked(messages) == "root" else "1"

    played = await play(policy, limits=Limits(max_depth=1))
    assert played.answer == ["1", 1, "1"]
    assert [one.prompt for one in played.of(SubCallStarted)] == ["large", "typed", "small"]
