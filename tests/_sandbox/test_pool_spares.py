"""How many spares there are: with demand, within what the machine has, and until the runs end."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._errors import SandboxError, SandboxStartError
from tests._sandbox.pools import Node, Opener, pooled

pytestmark = pytest.mark.anyio


async def test_misses_let_the_spares_grow_to_what_children_can_use() -> None:
    opener = Opener(by_itself=True)
    async with pooled(opener) as pool:
        with pool.run(room=5) as run:
            await pool.node(run)
            assert len(opener.open) == 1 + 2
            await pool.crowd(run, 4)
            assert len(opener.open) == 1 + 4 + 4
            await pool.crowd(run, 9)
            assert len(opener.open) == 1 + 4 + 9 + 5


@pytest.mark.parametrize(
    ("cores", "memory_mb", "spares"), [(1, 100_000, 4), (8, 3000, 5), (8, 600, 1), (8, 500, 0)]
)
async def test_spares_grow_to_what_the_machine_has(cores: int, memory_mb: int, spares: int) -> None:
    opener = Opener(by_itself=True)
    async with pooled(opener, cores=cores, memory_mb=memory_mb + 21 * 130) as pool:
        with pool.run(room=50) as run:
            await pool.node(run)
            await pool.crowd(run, 20)
            assert len(opener.open) == 1 + 20 + spares


@pytest.mark.parametrize(("spares", "room", "kept"), [(0, 8, 0), (5, 8, 5), (5, 3, 3)])
async def test_a_given_number_of_spares_is_kept(spares: int, room: int, kept: int) -> None:
    opener = Opener(by_itself=True)
    async with pooled(opener, spares=spares, memory_mb=0) as pool:
        with pool.run(room=room) as run:
            await pool.node(run)
            assert len(opener.open) == 1 + kept
            await pool.crowd(run, 10)
            assert len(opener.open) == 11 + kept


async def test_spares_that_nobody_needs_are_given_up() -> None:
    opener = Opener(by_itself=True)
    async with pooled(opener) as pool:
        with pool.run() as run:
            await pool.node(run)
            await pool.leave(*await pool.crowd(run, 8))
            assert len(opener.open) == 1 + 8
            # The crowd has needed all of them; since then, three at once at most
            pool.pool.shrink()
            await pool.leave(*await pool.crowd(run, 3))
            assert len(opener.open) == 1 + 8
            pool.pool.shrink()
            await anyio.wait_all_tasks_blocked()
            assert len(opener.open) == 1 + 3
            for _ in range(2):
                pool.pool.shrink()
                await anyio.wait_all_tasks_blocked()
                assert len(opener.open) == 1 + 2


async def test_they_are_given_up_as_time_goes_by() -> None:
    opener = Opener(by_itself=True)
    # No divisor of the 0.1 s that anyio looks in on blocked tasks: they would always meet
    async with pooled(opener, window=0.037) as pool:
        with pool.run() as run:
            await pool.node(run)
            await pool.leave(*await pool.crowd(run, 8))
            while len(opener.open) > 3:  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)


async def test_no_spare_outlives_the_last_run() -> None:
    opener = Opener(by_itself=True)
    async with pooled(opener) as pool:
        with pool.run() as one:
            with pool.run() as other:
                await pool.leave(*[await pool.node(run) for run in (one, other)])
                assert len(opener.open) == 2
            await anyio.wait_all_tasks_blocked()
            assert len(opener.open) == 2
        await anyio.wait_all_tasks_blocked()
        assert opener.open == []


async def test_a_spare_that_is_starting_stops_with_the_last_run() -> None:
    async with pooled() as pool:
        with pool.run() as run:
            node = await pool.node(run)
            await pool.start(0)
            await pool.leave(node)
            assert pool.opener.open == [1, 2]
        await anyio.wait_all_tasks_blocked()
        assert pool.opener.open == []


async def test_the_end_of_the_pool_ends_all_that_it_has() -> None:
    async with pooled() as pool:
        with pool.run() as run:
            holding = await pool.node(run)
            await pool.start(0)
            waiting = await pool.node(run, memory_mb=1024)
        assert holding.pid == 0
    assert str(holding.error) == "The sandbox is lost: its pool has closed"
    assert str(waiting.error) == "Cannot start a sandbox: its pool has closed"
    assert type(holding.error) is SandboxError and type(waiting.error) is SandboxStartError


async def test_a_closed_pool_starts_nothing() -> None:
    async with pooled() as pool:
        pass
    with pool.run() as run:
        with pytest.raises(SandboxStartError, match="its pool has closed"):
            async with run(Node(run).calls, memory_mb=512):
                pytest.fail("It opened")


async def test_an_error_or_a_cancellation_in_the_block_leaves_nothing() -> None:
    for ends_by_error in (True, False):
        opener = Opener(by_itself=True)
        try:
            with anyio.CancelScope() as scope:
                async with pooled(opener) as pool:
                    with pool.run() as run:
                        await pool.node(run)
                        assert len(opener.open) == 3
                        if ends_by_error:
                            raise LookupError
                        scope.cancel()
                        await anyio.sleep_forever()
        except LookupError:
            assert ends_by_error
        assert opener.open == []
        # They were told to end, which is the quickest way
        assert not any(sandbox.was_cancelled for sandbox in opener.made)
