"""A run: how it began, went on and ended, and what became of its trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rlm_runtime._events.base import Event
from rlm_runtime._modes import Mode
from rlm_runtime._types import StopReason


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run began."""

    run: str
    version: str
    query: str
    model: str
    sub_model: str
    """The model below the root; several, by depth, are separated by commas."""
    limits: dict[str, int | float | None]
    query_ref: str = ""
    """The whole query; like all references it names a value in the trace, and is empty without."""
    context_ref: str = ""
    """The context; empty too where it is the query."""
    schema: str = ""
    """The JSON schema of the answer, as JSON; empty where it may be anything."""
    settings: str = ""
    """What else the run was set to, as a JSON object without any key."""
    seed: int = 0
    """What the random numbers of its nodes come from."""
    kind: Literal["run_started"] = "run_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """A run that had stopped or crashed went on; `mono` begins anew."""

    version: str
    model: str
    sub_model: str
    limits: dict[str, int | float | None]
    spent_seconds: float
    """How long it had run before."""
    settings: str = ""
    kind: Literal["run_resumed"] = "run_resumed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunForked(Event):
    """All events before this one are those of another run, which goes on differently from here."""

    run: str
    """The id of this run."""
    parent: str
    """The id of the other run."""
    node: int
    iteration: int
    """The first reply of the node that is asked for anew."""
    say: str
    """What the node is told in addition; empty where nothing is."""
    kind: Literal["run_forked"] = "run_forked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChosen(Event):
    """It was decided how the run is answered; without this event it is by nodes with a REPL."""

    mode: Mode
    reason: str
    kind: Literal["mode_chosen"] = "mode_chosen"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFailed(Event):
    """The trace cannot be written any more; the run goes on, and no later event is in it."""

    error: str
    kind: Literal["trace_failed"] = "trace_failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStalled(Event):
    """The trace cannot be written for now; model calls wait until it can."""

    error: str
    kind: Literal["trace_stalled"] = "trace_stalled"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRecovered(Event):
    """The trace is written again, and nothing is missing in it."""

    seconds: float
    """How long it could not be written."""
    kind: Literal["trace_recovered"] = "trace_recovered"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The run ended."""

    stop_reason: StopReason
    answer: str
    """The answer, or the partial one, as text cut to a preview."""
    answer_type: str
    error: str | None
    calls: int
    nodes: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    seconds: float
    """Of the run, what it took before it was resumed included."""
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    answer_ref: str = ""
    """The answer, as the code gave it."""
    kind: Literal["run_ended"] = "run_ended"
