"""What the events of a run add up to."""

from __future__ import annotations

from dataclasses import dataclass, field

from rlm_runtime._events import (
    Event,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
)
from rlm_runtime._types import StopReason, Usage


@dataclass(slots=True)
class Tally:
    """The sums so far; feed it every event."""

    run: str | None = None
    """The run's id, once it began."""
    query: str = ""
    model: str = ""
    started: float | None = None
    """Seconds since the epoch."""
    nodes: int = 0
    nodes_running: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    """From the first event to the last."""
    ended: RunEnded | None = None
    _first_mono: float | None = None

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the run ended, if it did."""
        return self.ended.stop_reason if self.ended else None

    def add(self, event: Event) -> None:
        """Count one event."""
        if self._first_mono is None:
            self._first_mono = event.mono
        self.seconds = event.mono - self._first_mono
        match event:
            case RunStarted():
                self.run, self.query, self.model = event.run, event.query, event.model
                self.started = event.time
            case NodeStarted():
                self.nodes += 1
                self.nodes_running += 1
            case NodeEnded():
                self.nodes_running -= 1
            case ModelRequested():
                self.usage += Usage(calls=1)
            case ModelReplied():
                self.usage += _usage_of(event)
            case RunEnded():
                self.ended = event
                self.seconds = event.seconds


def describe_spending(usage: Usage, seconds: float) -> str:
    """Say what was spent, in one line."""
    cost = "cost unknown" if usage.cost is None else f"${usage.cost:.4f}"
    tokens = usage.prompt_tokens + usage.completion_tokens
    return f"{count(usage.calls, 'call')}, {count(tokens, 'token')}, {cost}, {seconds:.1f} s"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 call`, `2,000 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _usage_of(reply: ModelReplied) -> Usage:
    return Usage(
        prompt_tokens=reply.prompt_tokens,
        cached_tokens=reply.cached_tokens,
        completion_tokens=reply.completion_tokens,
        reasoning_tokens=reply.reasoning_tokens,
        cost=reply.cost,
    )
