"""The model calls of a run: room first, then limits, then attempts until there is a reply."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import anyio

from rlm_runtime._engine.bounds import check_cost_known, worst_case
from rlm_runtime._engine.call import Call
from rlm_runtime._engine.gate import Gate, Room, Slot
from rlm_runtime._engine.history import as_dicts
from rlm_runtime._engine.keys import request_key
from rlm_runtime._engine.node import Node
from rlm_runtime._engine.recall import Recall
from rlm_runtime._engine.recording import Recording
from rlm_runtime._errors import LimitExceededError, ModelError, RLMError
from rlm_runtime._limits import Limits
from rlm_runtime._llm.base import LLM, CallOptions
from rlm_runtime._llm.retry import RetryPolicy, is_congested, restate
from rlm_runtime._types import Completion, Message
from rlm_runtime._usage import Ledger
from rlm_runtime._worst_case import WorstCase


class Calls:
    """Makes the model calls of one run."""

    def __init__(
        self,
        *,
        limits: Limits,
        ledger: Ledger,
        recording: Recording,
        gate: Gate | None = None,
        retries: RetryPolicy | None = None,
        recall: Recall | None = None,
    ) -> None:
        """Store what the calls share.

        Args:
            limits: What the run may spend.
            ledger: What it has spent.
            recording: Takes the events.
            gate: What the runs of one RLM share of the width that a provider allows.
            retries: Which attempts are made again; else as the limits say.
            recall: What other runs have on record, for the same requests.
        """
        self._limits = limits
        self._ledger = ledger
        self._recording = recording
        self._record = recording.record
        self._recall = recall
        self._gate = gate or Gate()
        self._room = Room(limits.max_concurrency)
        self._retries = retries or RetryPolicy(
            attempts=limits.max_attempts, max_retry_seconds=limits.max_retry_seconds
        )

    async def complete(
        self,
        node: Node,
        llm: LLM,
        messages: Sequence[Message],
        *,
        iteration: int | None,
        options: CallOptions,
        sub_call: int | None = None,
    ) -> Completion:
        """Call a model in the name of a node; `iteration` is None for a plain completion.

        Once there is a reply, it outlives this process.

        Raises:
            LimitExceededError: No call is left.
            ModelError: The model failed for good.
        """
        enter = partial(self._enter, node, llm, messages, iteration, options, sub_call)
        if self._recall is None:
            completion = await self._send(node, llm, enter)
        else:
            call = enter()
            with self._noting_cancellation(call):
                recalled = await self._take_recorded(self._recall, call)
                completion = recalled or await self._send(node, llm, lambda: call)
        await self._recording.wait_written()
        return completion

    async def _send(self, node: Node, llm: LLM, enter: Callable[[], Call]) -> Completion:
        """Make attempts until there is a reply; `enter` gives the call when there is room for it.

        A slot is held for an attempt only: who backs off makes room for others.
        """
        async with self._gate.slot(self._room, node.number, llm.name) as slot:
            call = enter()
            with self._noting_cancellation(call):
                outcome = await self._try(call, slot)
        with self._noting_cancellation(call):
            while not isinstance(outcome, Completion):
                await anyio.sleep(outcome)
                call.waited += outcome
                async with self._gate.slot(self._room, node.number, llm.name) as slot:
                    outcome = await self._try(call, slot)
        return outcome

    async def _take_recorded(self, recall: Recall, call: Call) -> Completion | None:
        """Give the reply that is on record, if there is one, or else nothing may be sent.

        It counts against the limits as if it came now, so that the run goes as the other one did.

        Raises:
            LimitExceededError: It does not fit into what is left.
            ModelRecallError: There is none, and nothing may be sent.
        """
        try:
            recalled = await recall.take(call.key)
            if recalled is None:
                if recall.only:
                    raise await recall.missing(call.request)
                return None
            completion = recalled.completion
            counted = completion.is_counted
            check_cost_known(call.llm, completion, self._limits)
            async with self._ledger.reserve(call.account, call.worst) as reservation:
                reservation.settle(
                    completion.usage,
                    reply=completion.text if counted else None,
                    is_certain=counted,
                    is_recalled=True,
                )
        except RLMError as exc:
            self._ledger.withdraw_call(call.account)
            self._record(call.failed(exc, attempts=0))
            raise
        self._record(call.recalled(completion, recalled.run))
        return completion

    def _enter(
        self,
        node: Node,
        llm: LLM,
        messages: Sequence[Message],
        iteration: int | None,
        options: CallOptions,
        sub_call: int | None,
    ) -> Call:
        """Number a call, and fix what it sends; only now is it known whether it is the last."""
        # A plain completion is one level below the node that asks for it
        account = node.account if iteration is not None else node.account.child()
        bound = partial(
            worst_case,
            account,
            llm,
            options=options,
            limits=self._limits,
            is_completion=iteration is None,
            is_recalled=self._recall is not None and self._recall.only,
        )
        worst = bound(messages=messages, is_last=False)
        number = self._ledger.reserve_call(account, worst)
        key_of = partial(request_key, llm, options=options, is_completion=iteration is None)
        if iteration is not None and self._is_last_reply(node, worst, key_of):
            node.warn_of_last_reply()
            worst = bound(messages=messages, is_last=True)
        key = key_of(messages)
        new = as_dicts(messages) if iteration is None else node.take_new_messages()
        call = Call(
            node=node,
            account=account,
            llm=llm,
            worst=worst,
            options=options,
            number=number,
            iteration=iteration,
            key=key,
        )
        self._record(call.requested(new, sub_call))
        return call

    async def _try(self, call: Call, slot: Slot) -> Completion | float:
        """Make one attempt; give its completion, or the seconds to wait before the next."""
        call.attempts += 1
        started = time.monotonic()
        try:
            completion = await self._attempt(call)
        except LimitExceededError as exc:
            # Not sent: it does not fit into what is left
            if call.attempts == 1:
                self._ledger.withdraw_call(call.account)
            self._record(call.failed(exc, attempts=call.attempts - 1))
            raise
        except ModelError as exc:
            return self._judge(call, slot, exc, time.monotonic() - started)
        self._gate.succeed(slot)
        self._record(call.replied(completion, time.monotonic() - started))
        return completion

    def _judge(self, call: Call, slot: Slot, error: ModelError, seconds: float) -> float:
        """Give the seconds to wait before the next attempt.

        Raises:
            ModelError: There is to be none.
        """
        if call.attempts > 1:
            call.waited += seconds
        # What it used is told with its failure
        call.reservation = None
        wait = self._retries.next_wait(
            error, call.attempts, call.waited, answered=slot.lane.width.has_answered
        )
        if is_congested(error):
            # Where this call gives up, the others find out for themselves
            self._gate.refuse(slot, pause=None if wait is None else error.retry_after)
        self._record(call.attempt_failed(error, seconds, wait))
        if wait is not None:
            return wait
        told = self._retries.explain_end(error, call.attempts, call.seconds, call.waited)
        final = restate(error, told) if told else error
        self._record(call.failed(final, attempts=call.attempts))
        raise final from error.__cause__

    async def _attempt(self, call: Call) -> Completion:
        options = call.options
        async with self._ledger.reserve(call.account, call.worst) as reservation:
            if reservation.completion_tokens is not None:
                options = replace(options, max_completion_tokens=reservation.completion_tokens)
            call.reservation = reservation
            self._record(call.attempt_started(reservation.completion_tokens))
            # Whatever happens to this process, it is known that something may be billed
            await self._recording.wait_written()
            try:
                completion = await _ask(call.llm, call.messages, options)
            except ModelError as exc:
                # What broke off after it had begun may be billed for more than came
                begun = exc.spent.prompt_tokens + exc.spent.completion_tokens > 0
                reservation.settle(exc.spent, is_certain=not begun)
                raise
            # An estimate bounds neither what is billed nor the next prompt
            counted = completion.is_counted
            reply = completion.text if counted else None
            reservation.settle(completion.usage, reply=reply, is_certain=counted)
        if reservation.is_exceeded:
            self._record(call.exceeded(completion.usage, reservation.completion_tokens or 0))
        return completion

    @contextmanager
    def _noting_cancellation(self, call: Call) -> Iterator[None]:
        try:
            yield
        except anyio.get_cancelled_exc_class():
            if not call.is_given_up:
                call.is_given_up = True
                self._record(call.cancelled())
            raise

    def _is_last_reply(
        self, node: Node, worst: WorstCase, key_of: Callable[[Sequence[Message]], str]
    ) -> bool:
        last = node.iteration == self._limits.max_iterations
        last = last or self._ledger.is_last_call(node.account, worst)
        if self._recall is None:
            return last
        # What is on record goes on as it went there, whatever the time and the price are here
        plain = self._recall.holds(key_of(worst.messages))
        warned = self._recall.holds(key_of(node.messages_if_last()))
        return last if plain == warned else warned


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
        # A mistake in a user's own model, which another attempt would only repeat
        raise ModelError(f"Cannot use the reply of {llm.name!r}: it is a {kind}")
    usage, price = completion.usage, llm.info.price
    if usage.cost is None and price is not None:
        # A user's own model may leave the reckoning to the price that it names
        return replace(completion, usage=replace(usage, cost=price.cost(usage)))
    return completion
