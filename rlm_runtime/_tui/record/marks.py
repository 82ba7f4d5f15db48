"""The positions in a record that one looks for, and what is an error."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    Event,
    ModelAttemptFailed,
    ModelFailed,
    NodeEnded,
    ReplayDiverged,
    RunEnded,
    SandboxLost,
    SubCallEnded,
    ToolFailed,
    TraceFailed,
    TraceStalled,
)


@dataclass(slots=True)
class Marks:
    """The positions of what one looks for, each list in order."""

    errors: list[int] = field(default_factory=list)
    children: list[int] = field(default_factory=list)
    """Where a node or a completion began that another node asked for."""
    answers: list[int] = field(default_factory=list)


def is_error(event: Event) -> bool:
    """Tell whether something went wrong in an event."""
    match event:
        case ModelFailed() | ToolFailed():
            return not event.cancelled
        case CodeExecuted():
            return event.error is not None
        case NodeEnded() | RunEnded() | SubCallEnded():
            return event.stop_reason not in ("answered", "interrupted")
        case AnswerGiven():
            return event.rejected is not None
    return isinstance(
        event, ModelAttemptFailed | SandboxLost | ReplayDiverged | TraceFailed | TraceStalled
    )
