"""A host that answers sandboxes by rule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import anyio

from rlm_runtime._sandbox.base import (
    AnswerRejectedError,
    Sandbox,
    SubCall,
    ToolCall,
)

REJECTED = "reject me"
"""The answer that is always refused."""


async def echo(call: SubCall) -> object:
    return [call.prompt, call.context]


async def echo_tool(call: ToolCall) -> object:
    return [call.args, call.kwargs]


class FakeCalls:
    """Keeps what it was asked; answers sub-calls with `answer`, and takes any answer but one."""

    def __init__(
        self,
        answer: Callable[[SubCall], Awaitable[object]] = echo,
        tool: Callable[[ToolCall], Awaitable[object]] = echo_tool,
    ) -> None:
        self.calls: list[SubCall] = []
        self.tool_calls: list[ToolCall] = []
        self.most_open = 0
        self.cancelled: list[str] = []
        self.answers: list[object] = []
        self.rejection = "not good enough"
        self.answered = anyio.Event()
        self._answer = answer
        self._tool = tool
        self._open = 0

    async def llm_query(self, call: SubCall) -> object:
        self.calls.append(call)
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            return await self._answer(call)
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(call.prompt)
            raise
        finally:
            self._open -= 1

    async def tool(self, call: ToolCall) -> object:
        self.tool_calls.append(call)
        try:
            return await self._tool(call)
        except anyio.get_cancelled_exc_class():
            self.cancelled.append(call.name)
            raise

    async def final(self, answer: object) -> None:
        if isinstance(answer, str) and answer == REJECTED:
            raise AnswerRejectedError(self.rejection)
        self.answers.append(answer)
        self.answered.set()

    def limits(self) -> dict[str, int | float | None]:
        return {"calls": 7, "cost": None, "seconds": 1.5}


async def run(sandbox: Sandbox, code: str) -> str:
    """Run code that must not raise; return what it printed."""
    with anyio.fail_after(50):
        result = await sandbox.execute(code)
    assert result.error is None, result.error
    return result.stdout


async def answer_of(sandbox: Sandbox, calls: FakeCalls, code: str) -> object:
    """Run code up to an answer that is taken; the code stands still then."""
    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sandbox.execute, code)
            await calls.answered.wait()
            tasks.cancel_scope.cancel()
    return calls.answers[0]
