"""The start of a node: its sandbox opens while the model writes the first reply."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import anyio
import pytest

from rlm_runtime._errors import InputError, ModelError, SandboxStartError
from rlm_runtime._events import ModelReplied, NodeEnded, SandboxStarted
from rlm_runtime._types import Message
from tests._engine.fakes import FakeSandboxes, make_run, play, repl

pytestmark = pytest.mark.anyio

END = repl("await FINAL('done')")
NO_DENO = SandboxStartError("No Deno")


class Meeting:
    """A model and a sandbox that both wait until the other has begun as well."""

    def __init__(self, replies: Sequence[str] = (END,)) -> None:
        self.replies = list(replies)
        self.asked = [anyio.Event() for _ in range(9)]
        self.starting = [anyio.Event() for _ in range(9)]
        self.sandboxes = FakeSandboxes(starting=self.start)

    async def ask(self, messages: Sequence[Message]) -> str:
        number = sum(message.role == "assistant" for message in messages)
        self.asked[number].set()
        await self.starting[number].wait()
        return self.replies[number]

    async def start(self, number: int) -> None:
        self.starting[number].set()
        await self.asked[number].wait()


async def test_the_sandbox_starts_while_the_model_writes() -> None:
    meeting = Meeting()
    played = await play(meeting.ask, sandboxes=meeting.sandboxes)
    assert played.answer == "done"


async def test_a_fresh_sandbox_starts_while_the_model_reads_what_happened() -> None:
    meeting = Meeting([repl("lose('It broke')"), END])
    played = await play(meeting.ask, sandboxes=meeting.sandboxes)
    assert played.answer == "done"
    assert "It broke" in played.told() and len(played.of(SandboxStarted)) == 2


async def test_a_failing_start_cancels_the_call() -> None:
    async def ask(messages: Sequence[Message]) -> str:
        asked.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def start(number: int) -> None:
        await asked.wait()
        raise NO_DENO

    asked = anyio.Event()
    played = await play(ask, sandboxes=FakeSandboxes(starting=start))
    assert played.error is NO_DENO
    assert not played.of(ModelReplied)
    assert [event.stop_reason for event in played.of(NodeEnded)] == ["sandbox_error"]


async def test_a_failing_call_ends_the_start() -> None:
    async def ask(messages: Sequence[Message]) -> str:
        await starting.wait()
        raise ModelError("It is down")

    async def start(number: int) -> None:
        starting.set()
        await anyio.sleep_forever()

    starting = anyio.Event()
    played = await play(ask, sandboxes=FakeSandboxes(starting=start))
    assert str(played.error) == "It is down" and not played.of(SandboxStarted)
    assert [event.stop_reason for event in played.of(NodeEnded)] == ["model_error"]


async def test_a_failing_call_closes_the_sandbox_that_is_there() -> None:
    async def ask(messages: Sequence[Message]) -> str:
        await anyio.wait_all_tasks_blocked()
        raise ModelError("It is down")

    played = await play(ask)
    assert str(played.error) == "It is down" and len(played.of(SandboxStarted)) == 1


async def test_one_error_is_raised_where_both_fail() -> None:
    async def start(number: int) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            # As a start that is stopped may do
            raise NO_DENO

    def ask(messages: Sequence[Message]) -> str:
        raise ModelError("It is down")

    played = await play(ask, sandboxes=FakeSandboxes(starting=start))
    assert played.error is NO_DENO


async def test_cancelling_the_run_ends_both() -> None:
    async def ask(messages: Sequence[Message]) -> str:
        await anyio.sleep_forever()
        raise AssertionError

    async def start(number: int) -> None:
        starting.set()
        await anyio.sleep_forever()

    starting = anyio.Event()
    played = make_run(ask, sandboxes=FakeSandboxes(starting=start))
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(played.run.answer, "root", None, run="run", version="1"))
            await starting.wait()
            tasks.cancel_scope.cancel()
    assert [event.stop_reason for event in played.of(NodeEnded)] == ["interrupted"]


async def test_a_context_that_cannot_be_sent_ends_the_run_before_anything_is_paid_for() -> None:
    played = await play({"root": [END]}, context=["fine", {"key": object()}])
    assert isinstance(played.error, InputError)
    assert str(played.error).startswith("Cannot use this context: Cannot send value[1]['key']: ")
    assert not played.requests and not played.sandboxes.opened
