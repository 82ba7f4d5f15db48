"""What an entry said and did, step by step, in words that another run can be held against."""

from __future__ import annotations

from typing import Literal

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    HistoryTrimmed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    ReplayDiverged,
    RunForked,
    RunStarted,
    SandboxLost,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record

StepKind = Literal[
    "settings",
    "fork",
    "query",
    "context",
    "model",
    "schema",
    "trimmed",
    "messages",
    "reply",
    "failure",
    "code",
    "tool call",
    "tool result",
    "sandbox lost",
    "output",
    "stderr",
    "error",
    "answer given",
    "state",
    "answer",
]

Place = tuple[int, int, int, int]
"""Where a step is in its entry: iteration, block, rank among what happens there, and its number
among those alike. The same step of another run has the same place."""

RANK_OF_CHILDREN = 8
LAST = 2**62
_RANKS: dict[StepKind, int] = {
    "settings": 0,
    "fork": 1,
    "query": 0,
    "context": 1,
    "model": 2,
    "schema": 3,
    "trimmed": 4,
    "messages": 5,
    "reply": 6,
    "failure": 6,
    "code": 7,
    "tool call": 9,
    "tool result": 9,
    "sandbox lost": 10,
    "output": 11,
    "stderr": 12,
    "error": 13,
    "answer given": 14,
    "state": 15,
    "answer": 16,
}

Steps = dict[tuple[StepKind, Place], int]
"""The positions of steps, by what they are and where."""
_Divergence = tuple[int, tuple[int, int]]
"""Its position, and the last iteration and block that counts of what came before it."""


def steps_of_run(record: Record, last: int) -> Steps:
    """Find what a run was set to, and where it was forked."""
    steps: Steps = {}
    for position in record.sessions:
        if position <= last:
            match record.events[position]:
                case RunStarted():
                    steps["settings", (0, -1, 0, 0)] = position
                case RunForked():
                    steps["fork", (0, -1, 1, 0)] = position
    return steps


def steps_of(record: Record, entry: Entry, last: int) -> Steps:
    """Find the steps of an entry up to a position.

    What a resumed run did anew takes the place of what it did before; what came after a block that
    gave something else then counts no more.
    """
    walk = _Walk(_divergences(record, entry, last))
    for position in entry.events:
        if position > last:
            break
        event = record.events[position]
        if entry.number_at(last) is None or not isinstance(event, SubCallStarted | SubCallEnded):
            walk.add(event, position)
    return walk.steps


def _divergences(record: Record, entry: Entry, last: int) -> list[_Divergence]:
    """Find where an entry diverged, the last one first, and up to where its steps before count."""
    found: list[_Divergence] = []
    counts = LAST, LAST
    for position in reversed(entry.events):
        event = record.events[position]
        if position <= last and isinstance(event, ReplayDiverged):
            counts = min(counts, (event.iteration, event.block))
            found.append((position, counts))
    return found


class _Walk:
    """Goes through the events of an entry, and knows in which iteration and block it is."""

    def __init__(self, divergences: list[_Divergence]) -> None:
        self.steps: Steps = {}
        self._divergences = divergences
        self._iteration, self._block = 0, -1
        self._counts: dict[tuple[int, int], int] = {}
        self._calls: dict[int, tuple[int, int, int]] = {}

    def add(self, event: Event, position: int) -> None:
        """Take in the next event."""
        if self._divergences and self._divergences[-1][0] <= position:
            self._divergences.pop()
        if isinstance(event, ToolCalled | ToolReturned | ToolFailed):
            self._add_of_tool(event, position)
            return
        self._move(event)
        for kind in kinds_of(event):
            place = self._iteration, self._block
            if kind in ("state", "answer"):
                place = LAST, 0
            elif isinstance(event, SubCallStarted):
                place = 0, -1
            if not self._counts_at(place):
                continue
            self.steps[kind, (*place, _RANKS[kind], 0)] = position

    def _counts_at(self, place: tuple[int, int]) -> bool:
        """Tell whether what happens at a place still counts in the end."""
        return not self._divergences or place <= self._divergences[-1][1]

    def _move(self, event: Event) -> None:
        match event:
            case ModelRequested():
                self._iteration, self._block = event.iteration or 0, -1
            case CodeStarted() | CodeExecuted() | ReplayDiverged():
                self._iteration, self._block = event.iteration, event.block

    def _add_of_tool(self, event: ToolCalled | ToolReturned | ToolFailed, position: int) -> None:
        at = self._iteration, self._block
        if not self._counts_at(at):
            return
        if isinstance(event, ToolCalled):
            self._counts[at] = number = self._counts.get(at, 0) + 1
            self._calls[event.call] = *at, number
        iteration, block, number = self._calls.get(event.call, (LAST, -1, event.call))
        kind: StepKind = "tool call" if isinstance(event, ToolCalled) else "tool result"
        # The result stands behind its call, not behind all calls
        order = 2 * number + (kind == "tool result")
        self.steps[kind, (iteration, block, _RANKS[kind], order)] = position


def kinds_of(event: Event) -> tuple[StepKind, ...]:
    """Tell which steps an event tells of; but for those of tools, and those of the run."""
    match event:
        case NodeStarted():
            return ("query", "context", "model", *_if(event.schema, "schema"))
        case SubCallStarted():
            about = _if(event.context or event.context_ref, "context")
            return ("query", *about, "model", *_if(event.schema, "schema"))
        case ModelRequested():
            return ("messages",)
        case ModelReplied():
            return ("reply",)
        case ModelFailed():
            return ("failure",)
        case HistoryTrimmed():
            return ("trimmed",)
        case CodeStarted():
            return ("code",)
        case CodeExecuted():
            told = *_if(event.stdout, "output"), *_if(event.stderr, "stderr")
            return (*told, *_if(event.error, "error"))
        case SandboxLost():
            return ("sandbox lost",)
        case AnswerGiven():
            return ("answer given",)
        case NodeEnded() | SubCallEnded():
            return ("state", "answer")
    return ()


def _if(there: object, kind: StepKind) -> tuple[StepKind, ...]:
    return (kind,) if there else ()
