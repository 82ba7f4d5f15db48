"""Interrupts: where they strike, and where they wait."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from bootstrap import stopping
from bootstrap.output import Output
from bootstrap.stopping import StoppedError, Stopper, shielded

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, stopping.strike)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
async def stopper() -> Stopper:
    stopper = Stopper(asyncio.get_running_loop(), lambda future: future)
    stopper.begin()
    return stopper


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


async def test_an_interrupt_strikes_a_task_of_the_code(stopper: Stopper) -> None:
    async def code() -> str:
        try:
            interrupt()
        except KeyboardInterrupt:
            return "struck"
        return "missed"

    assert await stopper.create_task(code()) == "struck"
    assert stopper.stopped


async def test_an_interrupt_elsewhere_waits_for_the_next_step_of_the_code(stopper: Stopper) -> None:
    async def code() -> str:
        try:
            await asyncio.sleep(0)
        except KeyboardInterrupt:
            return "struck"
        return "missed"

    interrupt()
    with pytest.raises(StoppedError):  # it has not begun, so it cannot catch it
        await stopper.create_task(code())
    task = stopper.create_task(code())
    await asyncio.sleep(0)
    interrupt()
    assert await task == "struck"


async def test_a_new_cell_is_not_struck_by_what_was_meant_for_the_last(stopper: Stopper) -> None:
    async def code() -> int:
        return 1

    interrupt()
    stopper.begin()
    assert await stopper.create_task(code()) == 1
    assert not stopper.stopped


async def test_an_interrupt_never_reaches_the_event_loop(stopper: Stopper) -> None:
    async def code() -> None:
        interrupt()

    task = stopper.create_task(code())
    await asyncio.wait([task])
    assert isinstance(task.exception(), StoppedError)


async def test_what_is_shielded_is_struck_at_its_end(stopper: Stopper) -> None:
    steps: list[str] = []

    @shielded
    def ours() -> None:
        steps.append("begun")
        interrupt()
        steps.append("ended")

    async def code() -> None:
        try:
            ours()
        except KeyboardInterrupt:
            steps.append("struck")

    await stopper.create_task(code())
    assert steps == ["begun", "ended", "struck"]


async def test_output_is_shielded(stopper: Stopper) -> None:
    sent: list[str] = []

    def emit(_stream: str, text: str, _omitted: int) -> None:
        interrupt()
        sent.append(text)

    async def code() -> None:
        Output("stdout", emit).write("whole\n")

    with pytest.raises(StoppedError):
        await stopper.create_task(code())
    assert "".join(sent) == "whole\n"


async def test_an_error_of_what_is_shielded_lets_interrupts_strike_again(stopper: Stopper) -> None:
    @shielded
    def ours() -> None:
        raise ValueError

    async def code() -> str:
        try:
            ours()
        except ValueError:
            try:
                interrupt()
            except KeyboardInterrupt:
                return "struck"
        return "missed"

    assert await stopper.create_task(code()) == "struck"


async def test_stop_cancels_what_waits(stopper: Stopper) -> None:
    async def waits() -> None:
        await asyncio.sleep(60)

    tasks = [stopper.create_task(waits()) for _ in range(3)]
    await asyncio.sleep(0)
    stopper.stop()
    await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


async def test_a_wait_in_synchronous_code_is_stopped_by_an_interrupt() -> None:
    waited = asyncio.create_task(asyncio.sleep(60))

    def run_sync(_end: asyncio.Future[Any]) -> Any:
        # The event loop runs here in the sandbox, and hears of the wish to stop
        interrupt()
        mine.stop()
        assert waited.cancelling()
        raise asyncio.CancelledError

    mine = Stopper(asyncio.get_running_loop(), run_sync)
    mine.begin()

    async def code() -> str:
        try:
            mine.wait(waited)
        except KeyboardInterrupt:
            return "struck"
        return "missed"

    task = mine.create_task(code())
    assert await task == "struck"
    assert not task.cancelling()


async def test_a_wait_for_what_nobody_can_wait_for_lets_interrupts_strike_again(
    stopper: Stopper,
) -> None:
    async def code() -> str:
        with pytest.raises(TypeError):
            stopper.wait(5)  # type: ignore[arg-type]  # code passes anything
        try:
            interrupt()
        except KeyboardInterrupt:
            return "struck"
        return "missed"

    assert await stopper.create_task(code()) == "struck"


async def test_a_wait_in_synchronous_code_hands_over_no_value() -> None:
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    value = object()
    seen: list[asyncio.Future[Any]] = []

    def run_sync(end: asyncio.Future[Any]) -> None:
        answer.set_result(value)
        seen.append(end)

    mine = Stopper(asyncio.get_running_loop(), run_sync)
    mine.begin()
    assert mine.wait(answer) is value
    assert await seen[0] is None


async def test_a_task_of_the_code_is_as_any_task(stopper: Stopper) -> None:
    async def code() -> str:
        task = asyncio.current_task()
        assert task is not None
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
        return task.get_name()

    assert await stopper.create_task(code(), name="mine") == "mine"
    with pytest.raises(TypeError):
        stopper.create_task(5)
