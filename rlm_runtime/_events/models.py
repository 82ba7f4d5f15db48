"""A model call: its request, its attempts, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_runtime._events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequested(Event):
    """A model call was sent."""

    node: int
    call: int
    """Number of the call in its run, from 0."""
    model: str
    iteration: int | None
    """The node's iteration; None for a plain completion that the node's code asked for."""
    messages: tuple[dict[str, str], ...]
    """Messages that earlier requests of this node's history did not hold yet; all of them after a
    `history_trimmed`."""
    sub_call: int | None = None
    """The sub-call that the completion answers; None for the node's own call."""
    schema: str = ""
    """The JSON schema that was sent with it, as JSON."""
    key: str = ""
    """Names model, settings and messages together: the same for the same request."""
    kind: Literal["model_requested"] = "model_requested"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAttemptStarted(Event):
    """An attempt at a model call was let in and has its share of the limits: it is sent now."""

    node: int
    call: int
    attempt: int
    """Number of the attempt in its call, from 1."""
    prompt_tokens: int
    """The most that the prompt can have."""
    completion_tokens: int | None
    """The most that the reply may have; None where no limit bounds it."""
    kind: Literal["model_attempt_started"] = "model_attempt_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAttemptFailed(Event):
    """One attempt at a model call failed; the call goes on if `wait` says when."""

    node: int
    call: int
    attempt: int
    """Number of the attempt in its call, from 1."""
    error: str
    status: int | None
    """The HTTP status, if there was a response."""
    seconds: float
    wait: float | None
    """Seconds until the next attempt; None if there is none."""
    prompt_tokens: int
    """What the attempt used, though it failed; it is in no other event."""
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: float | None
    kind: Literal["model_attempt_failed"] = "model_attempt_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReplied(Event):
    """A model call was answered."""

    node: int
    call: int
    text: str
    reasoning: str
    finish_reason: str | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cost: float | None
    seconds: float
    """Of the last attempt; the others tell their own."""
    seconds_to_first_token: float | None
    attempts: int = 1
    model: str = ""
    """The model's name as the endpoint gives it."""
    counted: bool = True
    """Whether somebody counted the tokens; else they are an estimate."""
    recalled: str = ""
    """The run whose record it was taken from, without a request; its tokens were spent there."""
    kind: Literal["model_replied"] = "model_replied"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorstCaseExceeded(Event):
    """The endpoint counted more for an attempt than it was allowed to; it counts all the same."""

    node: int
    call: int
    model: str
    allowed_tokens: int
    """Of prompt and reply, as was set aside for them."""
    tokens: int
    cost: float | None
    kind: Literal["worst_case_exceeded"] = "worst_case_exceeded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed(Event):
    """A model call failed for good."""

    node: int
    call: int
    error: str
    seconds: float
    """Of the whole call."""
    attempts: int = 1
    cancelled: bool = False
    """Whether nobody waited for it any more; the tokens are an estimate then, else they are 0."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = 0.0
    kind: Literal["model_failed"] = "model_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryTrimmed(Event):
    """Older messages of a node were left out; its next request holds the whole history anew."""

    node: int
    iteration: int
    messages: int
    """How many messages were left out."""
    characters: int
    """How much shorter the history is for that."""
    exceeded: bool
    """Whether the model had found it too long, and not we ahead of it."""
    kind: Literal["history_trimmed"] = "history_trimmed"
