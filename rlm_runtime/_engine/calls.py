"""The model calls of a run: limits and room first, then the attempt, then the account."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import anyio

from rlm_runtime._engine.node import Node
from rlm_runtime._errors import ModelError, ModelReplyError
from rlm_runtime._events import Event, ModelFailed, ModelReplied, ModelRequested
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM, CallOptions
from rlm_runtime._llm.tokens import estimate_prompt_tokens
from rlm_runtime._types import Completion, Message
from rlm_runtime._usage import Ledger, WorstCase


class Calls:
    """Makes the model calls of one run."""

    def __init__(self, *, limits: Limits, ledger: Ledger, record: Callable[[Event], None]) -> None:
        self._limits = limits
        self._ledger = ledger
        self._record = record
        self._room = anyio.CapacityLimiter(limits.max_concurrency)

    async def complete(
        self,
        node: Node,
        llm: LLM,
        messages: Sequence[Message],
        *,
        iteration: int | None,
        options: CallOptions,
    ) -> Completion:
        """Call a model in the name of a node; `iteration` is None for a plain completion.

        Raises:
            LimitExceededError: No call is left.
            ModelError: The model failed for good.
        """
        # A plain completion is one level below the node that asks for it
        depth = node.depth if iteration is not None else node.depth + 1
        async with self._room:
            call = self._ledger.reserve_call(depth)
            # Only now is it known: other calls may have been entered while this one waited
            if iteration is not None and self._is_last_reply(node):
                node.warn_of_last_reply()
            new = _as_dicts(messages) if iteration is None else node.take_new_messages()
            self._record(
                ModelRequested(
                    node=node.number, call=call, model=llm.name, iteration=iteration, messages=new
                )
            )
            started = time.monotonic()
            try:
                completion = await self._attempt(llm, messages, options)
            except ModelError as exc:
                seconds = time.monotonic() - started
                self._record(
                    ModelFailed(node=node.number, call=call, error=str(exc), seconds=seconds)
                )
                raise
        self._record(_replied(node.number, call, completion, time.monotonic() - started))
        return completion

    async def _attempt(
        self, llm: LLM, messages: Sequence[Message], options: CallOptions
    ) -> Completion:
        worst = WorstCase(
            prompt_tokens=estimate_prompt_tokens(messages),
            completion_tokens=llm.info.max_completion_tokens,
            price=llm.info.price,
        )
        async with self._ledger.reserve(worst) as reservation:
            completion = await _ask(llm, messages, options)
            reservation.settle(completion.usage)
        return completion

    def _is_last_reply(self, node: Node) -> bool:
        last = node.iteration == self._limits.max_iterations
        return last or self._ledger.calls_left(node.depth) == 0


async def _ask(llm: LLM, messages: Sequence[Message], options: CallOptions) -> Completion:
    """Call a model; whatever a user's own model raises becomes a ModelError."""
    try:
        completion: object = await llm.complete(tuple(messages), options)
    except ModelError:
        raise
    except Exception as exc:
        raise ModelError(f"Cannot get a reply of {llm.name!r}: it raised {exc!r}") from exc
    if not isinstance(completion, Completion):
        kind = type(completion).__name__
        raise ModelReplyError(f"Cannot use the reply of {llm.name!r}: it is a {kind}")
    return completion


def _as_dicts(messages: Sequence[Message]) -> tuple[dict[str, str], ...]:
    return tuple({"role": one.role, "content": one.content} for one in messages)


def _replied(node: int, call: int, completion: Completion, seconds: float) -> ModelReplied:
    usage = completion.usage
    return ModelReplied(
        node=node,
        call=call,
        text=completion.text,
        reasoning=completion.reasoning,
        finish_reason=completion.finish_reason,
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost=usage.cost,
        seconds=seconds,
        seconds_to_first_token=completion.seconds_to_first_token,
    )
