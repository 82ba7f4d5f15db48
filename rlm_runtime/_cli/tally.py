"""What the events of a run add up to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rlm_runtime._events import (
    Event,
    ModeChosen,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    RunEnded,
    RunForked,
    RunResumed,
    RunStarted,
    ToolCalled,
    usage_of,
)
from rlm_runtime._modes import Mode
from rlm_runtime._printable import one_line
from rlm_runtime._types import StopReason, Usage


@dataclass(slots=True)
class Tally:
    """The sums so far, of all sessions of a run that was resumed; feed it every event."""

    run: str | None = None
    """The run's id, once it began."""
    query: str = ""
    model: str = ""
    sub_model: str = ""
    max_cost: float | None = None
    mode: Mode = "rlm"
    mode_reason: str = ""
    """Why it was chosen; empty where nothing was."""
    started: float | None = None
    """Seconds since the epoch."""
    usage: Usage = field(default_factory=Usage)
    """What this run spent; recalled replies were spent by others, as was all before a fork."""
    recalled: Usage = field(default_factory=Usage)
    """What replies from the record of other runs would have cost; it is no part of `usage`."""
    tool_calls: int = 0
    seconds: float = 0.0
    """From the first event to the last, without the time between sessions."""
    ended: RunEnded | None = None
    resumes: int = 0
    fork: RunForked | None = None
    """What it goes on from, where that is another run."""
    shared: Usage = field(default_factory=Usage)
    """What of `usage` the other run spent, before they parted."""
    failed_attempts: int = 0
    """Attempts at model calls, those that were made again included."""
    lost_attempts: int = 0
    """Attempts that were under way when a session crashed; nobody knows what became of them."""
    waiting: dict[tuple[int, int], float] = field(default_factory=dict)
    """When the next attempt comes, in the time of `mono`, by node and call."""
    in_flight: set[int] = field(default_factory=set)
    """The model calls that an attempt is under way for."""
    _nodes: set[int] = field(default_factory=set)
    _running: set[int] = field(default_factory=set)
    _first_mono: float | None = None
    _is_forking: bool = False

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the run ended, if it did."""
        return self.ended.stop_reason if self.ended else None

    @property
    def nodes(self) -> int:
        """How many nodes there were."""
        return len(self._nodes)

    @property
    def nodes_running(self) -> int:
        """How many nodes began and did not end."""
        return len(self._running)

    def add(self, event: Event) -> None:
        """Count one event."""
        self._tell_time(event.mono)
        match event:
            case RunStarted() | RunResumed() | RunForked() | RunEnded() | ModeChosen():
                self._add_of_run(event)
            case NodeStarted() | NodeRebuilt() | ReplayDiverged():
                self._nodes.add(event.node)
                self._running.add(event.node)
            case NodeEnded():
                self._running.discard(event.node)
                # Its calls ended with it, also those that nothing more is told of
                self.waiting = {k: at for k, at in self.waiting.items() if k[0] != event.node}
            case ToolCalled():
                self.tool_calls += 1
            case _:
                self._add_of_model(event)

    def _add_of_run(
        self, event: RunStarted | RunResumed | RunForked | RunEnded | ModeChosen
    ) -> None:
        match event:
            case RunStarted():
                self.run, self.query, self.started = event.run, event.query, event.time
                self._take_settings(event)
            case RunResumed():
                # The first session of a fork is no resumption
                self.resumes += not self._is_forking
                self._is_forking = False
                self.lost_attempts += len(self.in_flight)
                self._begin_session(event.mono, event.spent_seconds)
                self._take_settings(event)
            case RunForked():
                self.run, self.started, self.fork = event.run, event.time, event
                self._is_forking = True
                self.shared = self.usage
                self.resumes = self.failed_attempts = self.lost_attempts = 0
                self._begin_session(event.mono, self.seconds)
            case RunEnded():
                self._end(event)
            case ModeChosen():
                self.mode, self.mode_reason = event.mode, event.reason

    def _add_of_model(self, event: Event) -> None:
        match event:
            case ModelRequested():
                self.usage += Usage(calls=1)
            case ModelAttemptStarted():
                self.in_flight.add(event.call)
            case ModelAttemptFailed():
                self.in_flight.discard(event.call)
                self.usage += usage_of(event)
                self.failed_attempts += 1
                if event.wait is not None:
                    self.waiting[event.node, event.call] = event.mono + event.wait
            case ModelReplied(recalled=str(run)) if run:
                self.recalled += replace(usage_of(event), calls=1)
                self.usage = replace(self.usage, calls=max(0, self.usage.calls - 1))
            case ModelReplied() | ModelFailed():
                self.in_flight.discard(event.call)
                self.usage += usage_of(event)
                self.waiting.pop((event.node, event.call), None)

    def _begin_session(self, mono: float, spent_seconds: float) -> None:
        """Go on from an end, or from a crash; nodes run again once they are rebuilt."""
        self.ended = None
        self.waiting.clear()
        self.in_flight.clear()
        self._running.clear()
        self._first_mono = mono - spent_seconds
        self.seconds = spent_seconds

    def _end(self, event: RunEnded) -> None:
        self.ended = event
        self.in_flight.clear()
        # It knows best what was spent, also on calls that were refused after all
        self.usage = usage_of(event)
        self.seconds = event.seconds

    def _tell_time(self, mono: float) -> None:
        if self._first_mono is None:
            self._first_mono = mono
        self.seconds = mono - self._first_mono

    def _take_settings(self, event: RunStarted | RunResumed) -> None:
        self.model, self.sub_model = event.model, event.sub_model
        limit: object = event.limits.get("max_cost")
        # A trace may come from an earlier version, or from anywhere
        self.max_cost = limit if isinstance(limit, int | float) else None


def describe_spending(
    usage: Usage,
    seconds: float | None,
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
    time = "" if seconds is None else f", {seconds:.1f} s"
    return f"{calls}, {count(tokens, 'token')}, {cost}{time}"


def describe_fork(event: RunForked) -> str:
    """Say which run a fork goes on from, and where."""
    return f"{one_line(event.parent)} at node {event.node}, iteration {event.iteration}"


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 call`, `2,000 calls`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
