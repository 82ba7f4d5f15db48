"""The pool's rules: who gets which sandbox, how many start, and how many wait."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from rlm_runtime._errors import SandboxError, SandboxStartError
from tests._sandbox.pools import Opener, pooled

pytestmark = pytest.mark.anyio

NO_DENO = SandboxStartError("Cannot start a sandbox: no Deno")


async def test_nothing_starts_before_a_node_asks() -> None:
    async with pooled() as pool:
        with pool.run():
            await anyio.wait_all_tasks_blocked()
            assert pool.made == []


async def test_spares_start_when_the_root_has_its_own() -> None:
    async with pooled() as pool:
        with pool.run() as run:
            root = await pool.node(run)
            assert (len(pool.made), root.pid) == (1, None)
            await pool.start(0)
            assert (len(pool.made), root.pid) == (3, 0)
            await pool.start(1, 2)
            assert len(pool.made) == 3


@pytest.mark.parametrize("room", [0, 1])
async def test_there_are_no_more_spares_than_there_can_be_children(room: int) -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run(room=room) as run:
            await pool.node(run)
            assert len(pool.made) == 1 + room


async def test_a_child_gets_a_spare_at_once_and_the_spare_is_replaced() -> None:
    async with pooled() as pool:
        with pool.run() as run:
            await pool.node(run)
            await pool.start(0)
            await pool.start(1, 2)
            child = await pool.node(run)
            assert (child.pid, len(pool.made)) == (1, 4)


async def test_a_sandbox_serves_one_node_and_is_closed_with_it() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            seen = []
            for _ in range(5):
                node = await pool.node(run)
                seen.append(node.pid)
                await pool.leave(node)
                assert node.pid not in pool.opener.open
    assert len(set(seen)) == 5


async def test_the_block_ends_when_the_sandbox_is_closed() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run(room=0) as run:
            node = await pool.node(run)
            pool.made[0].may_close = anyio.Event()
            node.scope.cancel()
            await anyio.wait_all_tasks_blocked()
            ended_early = node.ended.is_set()
            pool.made[0].may_close.set()
            await node.ended.wait()
            assert not ended_early
            assert pool.opener.open == []


async def test_another_size_has_a_start_of_its_own() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            await pool.node(run)
            large = await pool.node(run, memory_mb=2048)
            assert (large.pid, pool.made[3].memory_mb, len(pool.made)) == (3, 2048, 4)
            assert [sandbox.memory_mb for sandbox in pool.made[1:3]] == [512, 512]


async def test_spares_have_the_size_that_children_will_ask_for() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            await pool.node(run, memory_mb=4096)
            assert [sandbox.memory_mb for sandbox in pool.made] == [4096, 512, 512]


async def test_a_spare_that_died_is_replaced_and_not_handed_out() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            await pool.node(run)
            pool.made[1].lost.set()
            await anyio.wait_all_tasks_blocked()
            assert (pool.opener.open, len(pool.made)) == ([0, 2, 3], 4)
            assert (await pool.node(run)).pid == 2


async def test_a_spare_that_dies_as_it_is_handed_over_is_not_used() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            await pool.node(run)
            # Nobody has told of it yet
            pool.made[1].is_lost = True
            child = await pool.node(run)
            assert child.pid == 2


async def test_a_spare_that_dies_on_its_way_to_a_node_is_not_used() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            await pool.node(run)
            child = pool.node_nowait(run)
            # Given in this very moment, before the node knows
            await anyio.lowlevel.checkpoint()
            pool.made[1].is_lost = True
            await anyio.wait_all_tasks_blocked()
            assert child.pid == 2 and 1 not in pool.opener.open


async def test_spares_that_die_at_once_are_not_replaced_for_ever() -> None:
    async with pooled(cores=1) as pool:
        with pool.run() as run:
            await pool.node(run)
            await pool.start(0)
            for number in range(1, 4):
                pool.made[number].is_lost = True
                await pool.start(number)
            assert (pool.opener.open, len(pool.made)) == ([0], 4)
            # A node that gets one shows that they start again
            child = await pool.node(run)
            await pool.start(4)
            assert (child.pid, pool.opener.open) == (4, [0, 4, 5])


async def test_a_spare_that_speaks_unasked_is_not_handed_out() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            await pool.node(run)
            pool.made[1].output = "hello"
            assert (await pool.node(run)).pid == 2
            assert pool.opener.open == [0, 2, 3, 4]


async def test_a_spare_has_nobody_to_ask() -> None:
    async with pooled(Opener(by_itself=True)) as pool:
        with pool.run() as run:
            await pool.node(run)
            with pytest.raises(SandboxError, match="but belongs to no node"):
                await pool.made[1].calls.final(1)
            with pytest.raises(SandboxError, match="but belongs to no node"):
                pool.made[1].calls.limits()


async def test_few_start_at_once_and_who_asked_first_is_served_first() -> None:
    async with pooled(cores=2) as pool:
        with pool.run(room=0) as run:
            nodes = await pool.nodes(run, 5)
            assert pool.opener.open == [0, 1]
            await pool.start(1)
            assert [node.pid for node in nodes] == [1, None, None, None, None]
            assert pool.opener.open == [0, 1, 2]
            for number in (0, 2, 3, 4):
                await pool.start(number)
            assert [node.pid for node in nodes] == [1, 0, 2, 3, 4]


async def test_nodes_go_before_spares() -> None:
    async with pooled(cores=2) as pool:
        with pool.run() as run:
            await pool.node(run)
            await pool.start(0)
            first, second, third = await pool.nodes(run, 3)
            assert len(pool.made) == 3
            await pool.start(1)
            assert (first.pid, len(pool.made)) == (1, 4)
            await pool.start(2, 3)
            assert (second.pid, third.pid) == (2, 3)


async def test_runs_share_the_pool_in_the_order_of_asking() -> None:
    async with pooled(cores=1) as pool:
        with pool.run() as one, pool.run() as other:
            nodes = [await pool.node(run) for run in (one, other, one, other)]
            for number in range(4):
                await pool.start(number)
            assert [node.pid for node in nodes] == [0, 1, 2, 3]


async def test_a_failed_start_is_the_error_of_one_and_costs_no_slot() -> None:
    async with pooled(cores=1) as pool:
        with pool.run(room=0) as run:
            first, second = await pool.nodes(run, 2)
            await pool.start(0, error=NO_DENO)
            assert first.error is NO_DENO and not second.ended.is_set()
            await pool.start(1)
            assert second.pid == 1


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_node_does_not_wait_for_ever_where_none_is_fresh_when_it_is_ready(
    is_lost: bool,
) -> None:
    async with pooled(cores=1) as pool:
        with pool.run(room=0) as run:
            node = await pool.node(run)
            pool.made[0].is_lost = is_lost
            pool.made[0].output = "a warning"
            await pool.start(0)
            assert isinstance(node.error, SandboxStartError) and "when it was" in str(node.error)
            assert len(pool.made) == 1 and pool.opener.open == []


async def test_all_that_wait_are_told_where_nothing_starts() -> None:
    async with pooled(Opener(by_itself=True, error=NO_DENO), cores=2) as pool:
        with pool.run() as run:
            nodes = await pool.nodes(run, 20)
            assert [node.error for node in nodes] == [NO_DENO] * 20
            assert len(pool.made) == 20


async def test_a_spare_that_does_not_start_is_nobody_s_error() -> None:
    async with pooled(cores=1) as pool:
        with pool.run() as run:
            root = await pool.node(run)
            await pool.start(0)
            for number in range(1, 4):
                await pool.start(number, error=NO_DENO)
            assert len(pool.made) == 4 and not root.ended.is_set()
            child = await pool.node(run)
            await pool.start(4)
            assert child.pid == 4


async def test_what_a_cancelled_node_was_waiting_for_goes_to_the_next() -> None:
    async with pooled(cores=1) as pool:
        with pool.run(room=0) as run:
            first, second = await pool.nodes(run, 2)
            first.scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert first.ended.is_set()
            await pool.start(0)
            assert (second.pid, len(pool.made)) == (0, 1)


async def test_a_start_that_nobody_waits_for_any_more_is_stopped() -> None:
    async with pooled(cores=1) as pool:
        with pool.run(room=0) as run:
            node = await pool.node(run)
            node.scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert pool.opener.open == []
            again = await pool.node(run)
            await pool.start(1)
            assert again.pid == 1


async def test_what_a_cancelled_node_was_given_and_did_not_take_is_a_spare() -> None:
    async with pooled() as pool:
        with pool.run() as run:
            await pool.node(run)
            await pool.start(0)
            await pool.start(1, 2)
            first = pool.node_nowait(run)
            # Given in this very moment, before the node knows
            await anyio.lowlevel.checkpoint()
            first.scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert (first.pid, pool.opener.open) == (None, [0, 1, 2])
            assert [(await pool.node(run)).pid for _ in range(2)] == [2, 1]
