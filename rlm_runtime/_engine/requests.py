"""What the sandbox of a node asks of its host; every part of it may be hostile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rlm_runtime._answer_types.base import AnswerType
from rlm_runtime._describe import preview
from rlm_runtime._engine.tree import Tree
from rlm_runtime._engine.typed import judge
from rlm_runtime._errors import LimitExceededError, ModelError, RLMError, SandboxError
from rlm_runtime._events import AnswerGiven, LimitsTold
from rlm_runtime._sandbox.base import AnswerRejectedError, SubCall, SubCallError, ToolCall

if TYPE_CHECKING:
    # A node has its requests, too
    from rlm_runtime._engine.node import Node


class Requests:
    """Serves the requests of one node's sandboxes: the `HostCalls` protocol."""

    def __init__(self, node: Node, tree: Tree) -> None:
        self.open = 0
        """How many are under way: waiting for them is free."""
        self.node = node
        self._tree = tree

    async def llm_query(self, call: SubCall) -> object:
        """Answer a sub-call of the node's code."""
        self.open += 1
        try:
            return await self._tree.sub_call(self.node, call)
        except LimitExceededError as exc:
            raise SubCallError(str(exc), stop_reason=exc.stop_reason, partial=exc.partial) from exc
        except ModelError as exc:
            raise SubCallError(str(exc), stop_reason="model_error") from exc
        except SandboxError as exc:
            raise SubCallError(str(exc), stop_reason="sandbox_error") from exc
        except RLMError as exc:
            raise SubCallError(str(exc), stop_reason="error") from exc
        finally:
            self.open -= 1

    async def tool(self, call: ToolCall) -> object:
        """Call a tool of the node; waiting for it is free, as for a sub-call."""
        self.open += 1
        try:
            return await self._tree.call_tool(self.node, call)
        finally:
            self.open -= 1

    async def final(self, answer: object) -> None:
        """Take the answer; the first one wins, and ends everything that the node does.

        Raises:
            AnswerRejectedError: It is not of the type that it must be.
        """
        node = self.node
        value = answer
        if node.answer_type is not None and not node.has_answer:
            value = await self._judge(node.answer_type, answer)
        node.give(value, answer)

    def limits(self) -> dict[str, int | float | None]:
        """Tell what the node may still spend."""
        node = self.node
        if (told := node.replay.take_limits(node.iteration)) is not None:
            return dict(told)
        left = self._tree.limits_left(node)
        self._tree.record(LimitsTold(node=node.number, iteration=node.iteration, limits=left))
        return left

    async def _judge(self, answer_type: AnswerType, answer: object) -> object:
        try:
            return await judge(answer_type, answer)
        except AnswerRejectedError as exc:
            await self._note_rejection(answer, str(exc))
            raise

    async def _note_rejection(self, answer: object, reason: str) -> None:
        if self.node.replay.take_rejection(self.node.iteration):
            return
        ref = await self._tree.recording.keep(answer)
        self._tree.record(
            AnswerGiven(
                node=self.node.number,
                iteration=self.node.iteration,
                answer=preview(answer),
                answer_ref=ref,
                rejected=reason,
            )
        )
