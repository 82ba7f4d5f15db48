"""The sub-calls of a run: how they are told apart, and what their events say."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import anyio.to_thread

from rlm_runtime._answer_types.base import AnswerType, answer_type_of_text
from rlm_runtime._describe import describe, preview
from rlm_runtime._engine.node import Node
from rlm_runtime._engine.past import RunPast, SubCallPast
from rlm_runtime._engine.recording import Recording
from rlm_runtime._engine.stops import stop_reason_of
from rlm_runtime._errors import LimitExceededError
from rlm_runtime._events import SubCallEnded, SubCallStarted
from rlm_runtime._sandbox.base import SubCall, SubCallError
from rlm_runtime._trace.values import is_small, measure_value
from rlm_runtime._types import StopReason
from rlm_runtime._values import UnsendableError


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a node, or a plain completion, is given."""

    query: str
    context: object
    answer_type: AnswerType | None
    query_ref: str
    context_ref: str
    """Empty too where the context is the query."""
    schema: str
    """Of the answer, as JSON."""
    query_name: str
    context_name: str
    """As the references are, but there without a trace, too."""


async def keep_given(
    recording: Recording,
    query: str,
    context: object,
    answer_type: AnswerType | None,
    *,
    schema: str = "",
) -> Given:
    """Keep what is given to a node or a completion; a context that is the query only once."""
    if answer_type is not None and not schema:
        schema = json.dumps(answer_type.json_schema)
    query_ref = await recording.keep(query)
    context_ref = "" if context is query else await recording.keep(context)
    return Given(
        query=query,
        context=context,
        answer_type=answer_type,
        query_ref=query_ref,
        context_ref=context_ref,
        schema=schema,
        query_name=query_ref or await name_value(query),
        context_name="" if context is query else context_ref or await name_value(context),
    )


class OpenSubCall:
    """A sub-call under way; its end is an event."""

    def __init__(
        self, recording: Recording, node: int, number: int, key: str, occurrence: int
    ) -> None:
        self.number = number
        self.key = key
        """The same for the same sub-call."""
        self.occurrence = occurrence
        """How many of the same its node made before it."""
        self._recording = recording
        self._node = node
        self._started = time.monotonic()

    def answered(self, answer: object, ref: str) -> None:
        """Tell that it has its answer."""
        self._end("answered", answer, None, ref)

    @asynccontextmanager
    async def ending(self) -> AsyncIterator[None]:
        """Tell how it ended, unless it was answered within the block."""
        try:
            yield
        except SubCallError as exc:
            await self._failed(exc.stop_reason, exc.partial, str(exc))
            raise
        except Exception as exc:
            partial = exc.partial if isinstance(exc, LimitExceededError) else None
            await self._failed(stop_reason_of(exc), partial, str(exc))
            raise
        except anyio.get_cancelled_exc_class():
            self._end("interrupted", None, "Nobody waits for it any more")
            raise

    async def _failed(self, reason: StopReason, partial: object, error: str) -> None:
        ref = "" if partial is None else await self._recording.keep(partial)
        self._end(reason, partial, error, ref)

    def _end(self, reason: StopReason, answer: object, error: str | None, ref: str = "") -> None:
        self._recording.record(
            SubCallEnded(
                node=self._node,
                sub_call=self.number,
                stop_reason=reason,
                answer="" if answer is None and error else preview(answer),
                answer_type=type(answer).__name__,
                error=error,
                seconds=time.monotonic() - self._started,
                answer_ref=ref,
            )
        )


class SubCalls:
    """Numbers the sub-calls of one run, and tells of them."""

    def __init__(self, recording: Recording, past: RunPast | None = None) -> None:
        self._recording = recording
        self._order = anyio.Lock(fast_acquire=True)
        self._made = 0 if past is None else past.next_sub_call
        self._same = Counter({} if past is None else past.same_sub_calls)

    def reopen(self, past: SubCallPast) -> OpenSubCall:
        """Go on with a sub-call that was told of before."""
        begun = past.started
        return OpenSubCall(self._recording, begun.node, begun.sub_call, begun.key, past.occurrence)

    async def take_in(self, call: SubCall) -> Given:
        """Read what a sub-call was given.

        What is made together stays in its order, however long that takes for each: by it runs
        number their nodes and take the replies of other runs.

        Raises:
            ConfigError: The schema of its answer is none.
        """
        async with self._order:
            answer_type = None
            if call.schema is not None:
                answer_type = await anyio.to_thread.run_sync(answer_type_of_text, call.schema)
            context = call.prompt if call.context is None else call.context
            schema = call.schema or ""
            return await keep_given(
                self._recording, call.prompt, context, answer_type, schema=schema
            )

    def start(
        self, node: Node, call: SubCall, given: Given, key: str, *, model: str, by_node: bool
    ) -> OpenSubCall:
        """Tell that a node's code made a sub-call."""
        number, self._made = self._made, self._made + 1
        occurrence = self._same[node.number, key]
        self._same[node.number, key] += 1
        self._recording.record(
            SubCallStarted(
                node=node.number,
                sub_call=number,
                iteration=node.iteration,
                key=key,
                prompt=preview(call.prompt),
                context="" if call.context is None else describe(call.context),
                recursive=by_node,
                model=model,
                prompt_ref=given.query_ref,
                context_ref=given.context_ref,
                schema=given.schema,
            )
        )
        return OpenSubCall(self._recording, node.number, number, key, occurrence)


def sub_call_key(call: SubCall, given: Given) -> str:
    """Name all that a sub-call was made with."""
    parts = (given.query_name, given.context_name, call.model, call.recursive, call.schema)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


async def name_value(value: object) -> str:
    """Name a value as a trace would, so that nothing depends on there being one."""
    try:
        if is_small(value):
            return measure_value(value).ref
        return (await anyio.to_thread.run_sync(measure_value, value)).ref
    except UnsendableError:
        return ""
