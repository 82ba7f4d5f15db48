"""What the events of a run add up to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rlm_runtime._events import (
    Event,
    ModeChosen,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    RunEnded,
    RunStarted,
    ToolCalled,
)
from rlm_runtime._modes import Mode
from rlm_runtime._types import StopReason, Usage


@dataclass(slots=True)
class Tally:
    """The sums so far; feed it every event."""

    run: str | None = None
    """The run's id, once it began."""
    query: str = ""
    model: str = ""
    max_cost: float | None = None
    mode: Mode = "rlm"
    mode_reason: str = ""
    """Why it was chosen; empty where nothing was."""
    started: float | None = None
    """Seconds since the epoch."""
    nodes: int = 0
    nodes_running: int = 0
    usage: Usage = field(default_factory=Usage)
    recalled: Usage = field(default_factory=Usage)
    """What replies from the record of other runs would have cost; it is no part of `usage`."""
    tool_calls: int = 0
    seconds: float = 0.0
    """From the first event to the last."""
    ended: RunEnded | None = None
    failed_attempts: int = 0
    """Attempts at model calls, those that were made again included."""
    waiting: dict[tuple[int, int], float] = field(default_factory=dict)
    """When the next attempt comes, in the time of `mono`, by node and call."""
    _first_mono: float | None = None

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the run ended, if it did."""
        return self.ended.stop_reason if self.ended else None

    def add(self, event: Event) -> None:
        """Count one event."""
        self._tell_time(event.mono)
        match event:
            case RunStarted():
                self._start(event)
            case ModeChosen():
                self.mode, self.mode_reason = event.mode, event.reason
            case NodeStarted():
                self.nodes += 1
                self.nodes_running += 1
            case NodeEnded():
                self.nodes_running -= 1
                # Its calls ended with it, also those that nothing more is told of
                self.waiting = {k: at for k, at in self.waiting.items() if k[0] != event.node}
            case ModelRequested():
                self.usage += Usage(calls=1)
            case ModelAttemptFailed():
                self.usage += _usage_of(event)
                self.failed_attempts += 1
                if event.wait is not None:
                    self.waiting[event.node, event.call] = event.mono + event.wait
            case ModelReplied():
                self._add_reply(event)
                self.waiting.pop((event.node, event.call), None)
            case ModelFailed():
                self.waiting.pop((event.node, event.call), None)
            case ToolCalled():
                self.tool_calls += 1
            case RunEnded():
                self.ended = event
                # It knows of cancelled calls, too, and of those that were refused after all
                self.usage = replace(
                    self.usage,
                    calls=event.calls,
                    prompt_tokens=event.prompt_tokens,
                    completion_tokens=event.completion_tokens,
                    cost=event.cost,
                )
                self.seconds = event.seconds

    def _add_reply(self, event: ModelReplied) -> None:
        if not event.recalled:
            self.usage += _usage_of(event)
            return
        self.usage = replace(self.usage, calls=self.usage.calls - 1)
        self.recalled += replace(_usage_of(event), calls=1)

    def _tell_time(self, mono: float) -> None:
        if self._first_mono is None:
            self._first_mono = mono
        self.seconds = mono - self._first_mono

    def _start(self, event: RunStarted) -> None:
        self.run, self.query, self.model = event.run, event.query, event.model
        self.started = event.time
        limit: object = event.limits.get("max_cost")
        # A trace may come from an earlier version, or from anywhere
        self.max_cost = limit if isinstance(limit, int | float) else None


def describe_spending(
    usage: Usage,
    seconds: float,
    *,
    max_cost: float | None = None,
    tool_calls: int = 0,
    recalled: int = 0,
) -> str:
    """Say what was spent, in one line, and what the cost may be.

    Calls of tools and replies that were recalled are told of where there were any.
    """
    cost = "cost unknown" if usage.cost is None else f"${usage.cost:.4f}"
    if max_cost is not None:
        cost = f"{cost} of ${max_cost:g}"
    tokens = usage.prompt_tokens + usage.completion_tokens
    tools = f", {count(tool_calls, 'tool call')}" if tool_calls else ""
    replies = f", {recalled:,} repl{'y' if recalled == 1 else 'ies'} recalled" if recalled else ""
    calls = f"{count(usage.calls, 'call')}{replies}{tools}"
    return f"{calls}, {count(tokens, 'token')}, {cost}, {seconds:.1f} s"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 call`, `2,000 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _usage_of(event: ModelReplied | ModelAttemptFailed) -> Usage:
    return Usage(
        prompt_tokens=event.prompt_tokens,
        cached_tokens=event.cached_tokens,
        completion_tokens=event.completion_tokens,
        reasoning_tokens=event.reasoning_tokens,
        cost=event.cost,
    )
