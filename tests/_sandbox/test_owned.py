"""A lent sandbox: what it asks for reaches its node, and whatever breaks reaches it too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from contextvars import ContextVar

import anyio
import pytest

from rlm_runtime._errors import SandboxError
from rlm_runtime._sandbox.base import (
    AnswerRejectedError,
    SubCall,
    SubCallError,
    ToolCall,
    ToolCallError,
)
from tests._sandbox.pools import Controlled, Node, Opener, Pooled, pooled
from tests.calls import REJECTED, FakeCalls, echo

pytestmark = pytest.mark.anyio

CALL = SubCall(prompt="p", context=1)
WHO: ContextVar[str] = ContextVar("WHO")


@asynccontextmanager
async def lent(answer: Callable[[SubCall], Awaitable[object]] = echo) -> AsyncIterator[Controlled]:
    """Be a node with a sandbox; what its block raises is raised here."""
    opener = Opener(by_itself=True)
    async with pooled(opener) as pool:
        with pool.run(room=0) as run:
            async with run(FakeCalls(answer), memory_mb=512):
                yield opener.made[0]
            assert opener.open == []


async def test_calls_reach_the_node() -> None:
    async with lent() as sandbox:
        assert await sandbox.calls.llm_query(CALL) == ["p", 1]
        await sandbox.calls.final("answer")
        with pytest.raises(AnswerRejectedError, match="not good enough"):
            await sandbox.calls.final(REJECTED)
        assert sandbox.calls.limits()["calls"] == 7


async def test_calls_of_tools_reach_the_node_and_so_do_their_errors() -> None:
    async def fail(call: ToolCall) -> object:
        raise ToolCallError("no")

    opener = Opener(by_itself=True)
    async with pooled(opener) as pool, AsyncExitStack() as stack:
        run = stack.enter_context(pool.run(room=0))
        await stack.enter_async_context(run(FakeCalls(), memory_mb=512))
        await stack.enter_async_context(run(FakeCalls(tool=fail), memory_mb=512))
        call = ToolCall(name="search", args=[1], kwargs={"a": 2})
        assert await opener.made[0].calls.tool(call) == [[1], {"a": 2}]
        with pytest.raises(ToolCallError, match="no"):
            await opener.made[1].calls.tool(call)


async def test_a_failed_call_is_an_error_of_the_sandbox_alone() -> None:
    async def fail(call: SubCall) -> object:
        raise SubCallError("no", stop_reason="error")

    async with lent(fail) as sandbox:
        with pytest.raises(SubCallError, match="no"):
            await sandbox.calls.llm_query(CALL)


async def test_calls_are_served_in_the_context_of_the_node() -> None:
    async def tell(call: SubCall) -> object:
        return WHO.get("nobody")

    async def ask(sandbox: Controlled) -> None:
        await may_ask.wait()
        told.append(await sandbox.calls.llm_query(CALL))

    may_ask, told = anyio.Event(), list[object]()
    async with pooled(Opener(by_itself=True)) as pool, anyio.create_task_group() as tasks:
        with pool.run() as run:
            await pool.node(run)
            # The tasks of a spare are there before the variable has a value
            tasks.start_soon(ask, pool.made[1])
            WHO.set("the node")
            async with run(FakeCalls(tell), memory_mb=512):
                may_ask.set()
                await anyio.wait_all_tasks_blocked()
    assert told == ["the node"]


async def test_a_cancelled_request_is_not_served_any_more() -> None:
    async def sleep(call: SubCall) -> object:
        try:
            await anyio.sleep_forever()
            raise AssertionError
        finally:
            with anyio.CancelScope(shield=True):
                await may_end.wait()
            ended.set()

    may_end, ended = anyio.Event(), anyio.Event()
    async with lent(sleep) as sandbox, anyio.create_task_group() as tasks:
        tasks.start_soon(sandbox.calls.llm_query, CALL)
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()
        may_end.set()
    assert ended.is_set()


async def test_calls_end_with_the_block_before_the_sandbox_is_closed() -> None:
    async def sleep(call: SubCall) -> object:
        try:
            await anyio.sleep_forever()
            raise AssertionError
        finally:
            ended.append(sandbox.is_open)

    async def ask() -> None:
        with pytest.raises(SandboxError, match="its node has ended"):
            await sandbox.calls.llm_query(CALL)
        with pytest.raises(SandboxError, match="belongs to no node"):
            await sandbox.calls.llm_query(CALL)

    ended: list[bool] = []
    async with anyio.create_task_group() as tasks, lent(sleep) as sandbox:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
    assert ended == [True]


async def test_an_error_of_ours_in_a_call_is_the_block_s() -> None:
    async def fail(call: SubCall) -> object:
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        async with lent(fail) as sandbox:
            with pytest.raises(SandboxError, match="its node has ended"):
                await sandbox.calls.llm_query(CALL)
            await anyio.sleep_forever()


async def test_an_error_of_ours_in_the_sandbox_is_the_block_s() -> None:
    with pytest.raises(LookupError, match="ours"):
        async with lent() as sandbox:
            sandbox.crash(LookupError("ours"))
            await anyio.sleep_forever()


async def test_the_block_s_own_error_is_raised_as_it_is() -> None:
    with pytest.raises(LookupError, match="mine"):
        async with lent():
            raise LookupError("mine")


async def test_a_cancelled_block_leaves_nothing() -> None:
    with anyio.CancelScope() as scope:
        async with lent():
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught


async def test_the_loss_of_a_lent_sandbox_is_for_its_node_to_see() -> None:
    async def hold(pool: Pooled) -> Node:
        with pool.run(room=0) as run:
            node = await pool.node(run)
            pool.made[0].lost.set()
            await anyio.wait_all_tasks_blocked()
            assert not node.ended.is_set() and len(pool.made) == 1
            return node

    async with pooled(Opener(by_itself=True)) as pool:
        node = await hold(pool)
        await pool.leave(node)
        assert node.error is None
