"""Progress on stderr: one live line on a terminal, else a line for each event of note."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import time
from copy import deepcopy
from typing import Protocol

import anyio

from rlm_runtime._cli.stderr import redraw, tell
from rlm_runtime._cli.tally import Tally, count, describe_fork, describe_spending
from rlm_runtime._events import (
    AnswerGiven,
    Event,
    HistoryTrimmed,
    ModeChosen,
    ModelAttemptFailed,
    ModelFailed,
    NodeEnded,
    NodeRebuilt,
    NodeStarted,
    ReplayDiverged,
    RunForked,
    RunResumed,
    RunStarted,
    SandboxLost,
    ToolFailed,
    TraceFailed,
    TraceRecovered,
    TraceStalled,
    WorstCaseExceeded,
)
from rlm_runtime._printable import one_line, reason

_SECONDS_PER_FRAME = 0.1
_LASTING = (
    RunResumed,
    RunForked,
    ReplayDiverged,
    TraceFailed,
    TraceStalled,
    TraceRecovered,
    WorstCaseExceeded,
)
"""What gets a line that stays, above the live one."""


class Progress(Protocol):
    """What shows a run while it goes on."""

    def show(self, event: Event) -> None:
        """Take notice of an event."""
        ...

    def note(self, line: str) -> None:
        """Show a line that is no event, such as one on the preparation of the sandbox."""
        ...

    async def animate(self) -> None:
        """Keep what is shown up to date until cancelled."""
        ...

    def clear(self) -> None:
        """Take away what must not stay on the screen."""
        ...

    async def leave(self, *, at_once: bool = False) -> None:
        """Wait until the user has seen enough of what was shown, or take it away at once."""
        ...


def make_progress(*, quiet: bool, recorded: Tally | None = None) -> Progress:
    """Choose the form that fits stderr; `recorded` is what the run did before this session."""
    if quiet or sys.stderr is None:
        return NoProgress()
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return LiveLine(recorded)
    return EventLines()


class NoProgress:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Take no notice."""

    def note(self, line: str) -> None:
        """Take no notice."""

    async def animate(self) -> None:
        """Have nothing to do."""

    def clear(self) -> None:
        """Have nothing to clear."""

    async def leave(self, *, at_once: bool = False) -> None:
        """Have nothing to leave."""


class EventLines:
    """Writes a line for each event of note."""

    def __init__(self) -> None:
        self._last = ""
        self._repeats = 0

    def show(self, event: Event) -> None:
        """Write the event's line, if it is of note."""
        if (line := describe_event(event)) is not None:
            self._write(line)

    def note(self, line: str) -> None:
        """Write the line."""
        self._write(line)

    async def animate(self) -> None:
        """Have nothing to do: lines do not change."""

    def clear(self) -> None:
        """Tell what was held back; lines stay."""
        if self._repeats:
            tell(f"(the last line came {count(self._repeats, 'more time')})")
        self._repeats = 0

    async def leave(self, *, at_once: bool = False) -> None:
        """Have nothing to leave."""

    def _write(self, line: str) -> None:
        """Write a line; of the same one over and over, as when a limit ends many calls, a count."""
        if line == self._last:
            self._repeats += 1
            return
        self.clear()
        self._last = line
        tell(line)


class LiveLine:
    """Keeps one line of sums on a terminal; events only change the sums."""

    def __init__(self, recorded: Tally | None = None) -> None:
        self._tally = Tally() if recorded is None else deepcopy(recorded)
        self._started = time.monotonic()
        self._spinner = itertools.cycle("|/-\\")
        self._status: int | None = None

    def show(self, event: Event) -> None:
        """Add the event to the sums; what the user must know gets a line that stays."""
        self._tally.add(event)
        if isinstance(event, ModelAttemptFailed):
            self._status = event.status
        if isinstance(event, RunStarted):
            self._started = time.monotonic()
        if isinstance(event, RunResumed):
            self._started = time.monotonic() - event.spent_seconds
        if isinstance(event, _LASTING) and (line := describe_event(event)):
            self.note(line)

    def note(self, line: str) -> None:
        """Write the line where the live one was; that one comes back below."""
        self.clear()
        tell(line)

    async def animate(self) -> None:
        """Draw the line ten times a second, and clear it at the end."""
        try:
            while True:
                redraw(self._line())
                await anyio.sleep(_SECONDS_PER_FRAME)
        finally:
            self.clear()

    def clear(self) -> None:
        """Take the line away."""
        redraw("")

    async def leave(self, *, at_once: bool = False) -> None:
        """Have nothing to leave: the line says no more than the summary."""

    def _line(self) -> str:
        nodes = self._tally.nodes_running
        done = self._tally.nodes - nodes
        spent = describe_spending(
            self._tally.usage,
            time.monotonic() - self._started,
            max_cost=self._tally.max_cost,
            tool_calls=self._tally.tool_calls,
            recalled=self._tally.recalled.calls,
        )
        line = f"{next(self._spinner)} {count(nodes, 'node')} running, {done:,} done, {spent}"
        line += self._waiting()
        # A line as wide as the terminal would wrap, and a wrapped line cannot be cleared
        return line[: shutil.get_terminal_size().columns - 1]

    def _waiting(self) -> str:
        """Say how long it is until the next attempt, where calls wait for one."""
        now = time.monotonic()
        seconds = min((at - now for at in self._tally.waiting.values() if at > now), default=0.0)
        why = "" if self._status is None else f" ({self._status})"
        return f", waiting {seconds:.0f} s{why} for the endpoint" if seconds >= 0.5 else ""


def describe_event(event: Event) -> str | None:
    """Say what happened in one line; None if it is not of note."""
    match event:
        case ModeChosen():
            return f"mode {one_line(event.mode)}: {one_line(event.reason, 200)}"
        case NodeStarted():
            return f"node {event.node} started at depth {event.depth}: {one_line(event.query)}"
        case NodeEnded(error=None):
            return f"node {event.node} ended: {one_line(event.stop_reason)}"
        case NodeEnded(error=str(error)):
            return f"node {event.node} ended: {one_line(event.stop_reason)}: {reason(error)}"
        case ModelAttemptFailed(wait=float(wait)):
            return (
                f"node {event.node}: call {event.call} attempt {event.attempt} failed:"
                f" {reason(event.error)}, again in {wait:.1f} s"
            )
        case AnswerGiven(rejected=str(why)):
            return f"node {event.node}: an answer was rejected: {reason(why)}"
        case ModelFailed(cancelled=False):
            return f"node {event.node}: a model call failed: {reason(event.error)}"
        case WorstCaseExceeded():
            return (
                f"rlm: warning: {one_line(event.model)} counted {event.tokens:,} tokens where"
                f" {event.allowed_tokens:,} were allowed; limits cannot hold it to less"
            )
        case ToolFailed(cancelled=False):
            return f"node {event.node}: a tool failed: {reason(event.error)}"
        case SandboxLost():
            return f"node {event.node}: the sandbox is lost: {reason(event.reason)}"
        case HistoryTrimmed():
            return f"node {event.node}: {event.messages} older messages were left out"
    return _describe_run_event(event)


def _describe_run_event(event: Event) -> str | None:
    match event:
        case RunResumed():
            return f"going on; it had run for {event.spent_seconds:.1f} s"
        case RunForked():
            return f"forked from {describe_fork(event)}"
        case NodeRebuilt():
            blocks = count(event.blocks, "block")
            return f"node {event.node} rebuilt ({blocks}, {event.seconds:.1f} s)"
        case ReplayDiverged():
            return (
                f"node {event.node} differs at iteration {event.iteration}: {reason(event.reason)}"
            )
        case TraceStalled():
            return f"rlm: warning: {reason(event.error)}; model calls wait until it can be written"
        case TraceRecovered():
            return (
                f"rlm: The trace is written again after {event.seconds:.1f} s, nothing is missing"
            )
        case TraceFailed():
            return f"rlm: warning: {reason(event.error)}; the run goes on without a trace"
    return None
