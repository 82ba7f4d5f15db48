"""Outcomes come in the order in which they came, and late ones hold nothing up for ever."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc
import pytest
from anyio.lowlevel import checkpoint

from rlm_runtime._engine.sequencer import Milestone, Name, Sequencer

pytestmark = pytest.mark.anyio

A, B, C = (("a", 0, 0), ("b", 0, 0), ("c", 0, 0))


class Waiting:
    """Tasks that wait for their turns, and the order in which those came."""

    def __init__(self, sequencer: Sequencer, tasks: anyio.abc.TaskGroup) -> None:
        self.came: list[str] = []
        self._sequencer = sequencer
        self._tasks = tasks

    async def add(self, *names: Name) -> None:
        for name in names:
            self._tasks.start_soon(self._wait, name)
        for _ in range(5):
            await checkpoint()

    async def add_last(self) -> None:
        self._tasks.start_soon(self._wait_over)
        for _ in range(5):
            await checkpoint()

    async def _wait(self, name: Name) -> None:
        await self._sequencer.wait_turn(name)
        self.came.append(name[0])

    async def _wait_over(self) -> None:
        await self._sequencer.wait_over()
        self.came.append("over")


@asynccontextmanager
async def opened(*milestones: Milestone) -> AsyncIterator[tuple[Sequencer, Waiting]]:
    sequencer = Sequencer(milestones)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            yield sequencer, Waiting(sequencer, tasks)


def in_order(patience: float = math.inf) -> list[Milestone]:
    return [Milestone(n, name, patience) for n, name in enumerate((A, B, C))]


async def test_outcomes_come_in_order_whoever_asks_first() -> None:
    async with opened(*in_order()) as (_, waiting):
        await waiting.add_last()
        await waiting.add(C, B)
        assert waiting.came == []
        await waiting.add(A)
    assert waiting.came == ["a", "b", "c", "over"]


async def test_what_only_happens_lets_the_next_one_come() -> None:
    async with opened(*in_order()) as (sequencer, waiting):
        await waiting.add(C, B)
        sequencer.pass_by(("unknown", 1, 2))
        await waiting.add()
        assert waiting.came == []
        sequencer.pass_by(A)
    assert waiting.came == ["b", "c"] and sequencer.is_over


async def test_what_is_not_in_the_record_waits_for_nothing() -> None:
    async with opened(*in_order()) as (sequencer, waiting):
        await waiting.add(("new", 0, 0))
        assert waiting.came == ["new"]
        sequencer.end()
        await waiting.add(C, A)
    assert waiting.came == ["new", "c", "a"]


async def test_what_does_not_come_again_holds_nothing_back_for_ever() -> None:
    async with opened(*in_order(0.02)) as (sequencer, waiting):
        await waiting.add(C)
        await waiting.add_last()
    assert waiting.came == ["c", "over"]


async def test_of_those_that_wait_in_vain_the_first_comes_first() -> None:
    async with opened(*in_order(0.02)) as (_, waiting):
        await waiting.add(C, B)
    assert waiting.came == ["b", "c"]


async def test_who_gave_up_waiting_holds_nobody_back() -> None:
    async with opened(*in_order(0.05)) as (sequencer, waiting):
        with anyio.move_on_after(0.01):
            await sequencer.wait_turn(B)
        await waiting.add(C)
    assert waiting.came == ["c"]
