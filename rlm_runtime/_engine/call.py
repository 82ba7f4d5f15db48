"""One model call: what it sends, how it has gone so far, and what its events tell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rlm_runtime._account import Account
from rlm_runtime._engine.keys import schema_text
from rlm_runtime._engine.nearest import Request
from rlm_runtime._engine.node import Node
from rlm_runtime._errors import ModelError
from rlm_runtime._events import (
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    WorstCaseExceeded,
)
from rlm_runtime._llm.base import LLM, CallOptions
from rlm_runtime._types import Completion, Message, Usage
from rlm_runtime._usage import Reservation
from rlm_runtime._worst_case import WorstCase


@dataclass(slots=True, kw_only=True)
class Call:
    """A model call that is under way."""

    node: Node
    account: Account
    """What it is charged to."""
    llm: LLM
    worst: WorstCase
    """What each attempt can use."""
    options: CallOptions
    number: int
    iteration: int | None
    """None for a plain completion."""
    key: str
    """The same for the same request, in any run."""
    started: float = field(default_factory=time.monotonic)
    attempts: int = 0
    waited: float = 0.0
    """Seconds since the first attempt failed, those in the queue for room not counted."""
    reservation: Reservation | None = None
    """What is set aside for the newest attempt."""
    is_given_up: bool = False
    """Whether it was told that nobody waits for it any more."""

    @property
    def messages(self) -> Sequence[Message]:
        """What is sent, the same for all attempts."""
        return self.worst.messages

    @property
    def request(self) -> Request:
        """What is asked of whom, and for whom."""
        return Request(self.node.number, self.iteration, self.llm.name, self.messages, self.key)

    @property
    def seconds(self) -> float:
        """How long it has been under way."""
        return time.monotonic() - self.started

    def requested(self, new: tuple[dict[str, str], ...], sub_call: int | None) -> ModelRequested:
        """Tell that it is made, with the messages that no request before it held."""
        return ModelRequested(
            node=self.node.number,
            call=self.number,
            model=self.llm.name,
            iteration=self.iteration,
            messages=new,
            sub_call=sub_call,
            schema=schema_text(self.options),
            key=self.key,
        )

    def attempt_started(self, completion_tokens: int | None) -> ModelAttemptStarted:
        """Tell that an attempt is sent, and how long its reply may be."""
        return ModelAttemptStarted(
            node=self.node.number,
            call=self.number,
            attempt=self.attempts,
            prompt_tokens=self.worst.prompt_tokens,
            completion_tokens=completion_tokens,
        )

    def cancelled(self) -> ModelFailed:
        """Tell that nobody waits for a reply any more, and what may be billed all the same."""
        lost = self.reservation.used if self.reservation is not None else None
        used = Usage() if lost is None else lost
        return ModelFailed(
            node=self.node.number,
            call=self.number,
            error="Nobody waits for it any more",
            seconds=self.seconds,
            attempts=self.attempts,
            cancelled=True,
            prompt_tokens=used.prompt_tokens,
            completion_tokens=used.completion_tokens,
            cost=used.cost,
        )

    def replied(self, completion: Completion, seconds: float) -> ModelReplied:
        """Tell of the reply, and how long its attempt took."""
        usage = completion.usage
        return ModelReplied(
            node=self.node.number,
            call=self.number,
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
            attempts=self.attempts,
            model=completion.model,
            counted=completion.is_counted,
        )

    def recalled(self, completion: Completion, run: str) -> ModelReplied:
        """Tell of the reply that another run has on record."""
        return replace(self.replied(completion, self.seconds), recalled=run)

    def exceeded(self, usage: Usage, completion_tokens: int) -> WorstCaseExceeded:
        """Tell that the endpoint counted more than was set aside for an attempt."""
        return WorstCaseExceeded(
            node=self.node.number,
            call=self.number,
            model=self.llm.name,
            allowed_tokens=self.worst.prompt_tokens + completion_tokens,
            tokens=usage.prompt_tokens + usage.completion_tokens,
            cost=usage.cost,
        )

    def attempt_failed(
        self, error: ModelError, seconds: float, wait: float | None
    ) -> ModelAttemptFailed:
        """Tell of an attempt that failed, and when the next one comes."""
        return ModelAttemptFailed(
            node=self.node.number,
            call=self.number,
            attempt=self.attempts,
            error=str(error),
            status=error.status,
            seconds=seconds,
            wait=wait,
            prompt_tokens=error.spent.prompt_tokens,
            cached_tokens=error.spent.cached_tokens,
            completion_tokens=error.spent.completion_tokens,
            reasoning_tokens=error.spent.reasoning_tokens,
            cost=error.spent.cost,
        )

    def failed(self, error: Exception, *, attempts: int) -> ModelFailed:
        """Tell that there will be no reply, after so many attempts."""
        return ModelFailed(
            node=self.node.number,
            call=self.number,
            error=str(error),
            seconds=self.seconds,
            attempts=attempts,
        )
