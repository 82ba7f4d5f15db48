"""The record of a run: its events in order, and where to find what in them."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from dataclasses import replace

from rlm_runtime._events import (
    Event,
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
    SubCallEnded,
    SubCallStarted,
    WorstCaseExceeded,
    usage_of,
)
from rlm_runtime._printable import one_line
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.marks import Marks, is_error
from rlm_runtime._tui.record.spans import Spans
from rlm_runtime._tui.record.spending import Spending
from rlm_runtime._types import Usage

_OF_BEGINS = (NodeStarted, SubCallStarted, SubCallEnded, ModelRequested)
_OF_CALLS = (
    ModelAttemptStarted,
    ModelAttemptFailed,
    ModelReplied,
    ModelFailed,
    WorstCaseExceeded,
)
_LEVELS = 100
"""What is spent counts for so many entries above it, and for the root: else a forged chain of
many thousand nodes would take minutes."""
_LONGEST = 1e9


class Record:
    """The events of one run so far; feed it each of them, in order.

    An event is named by its position, from 0. All that is asked for a position holds for the
    moment after its event, and takes the same time wherever that is.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.seconds = array("d")
        """When each happened, in seconds of the run; it never goes back."""
        self.places = array("q")
        """Where in its file each begins, in bytes."""
        self.cut: set[int] = set()
        """The positions whose event is here with shortened texts."""
        self.owners: list[Entry | None] = []
        """Which entry each is of; None for those of the run."""
        self.entries: list[Entry] = []
        """In the order in which they began."""
        self.roots: list[Entry] = []
        self.asides: list[Entry] = []
        """Those that count no more, in the order in which that was told."""
        self.marks = Marks()
        self.total = Spending()
        self.run = ""
        self.sessions: list[int] = []
        """The positions where the run began, or went on."""
        self._begins = array("q")
        self._nodes: dict[int, Entry] = {}
        self._sub_calls: dict[int, Entry] = {}
        self._calls: dict[int, Entry] = {}
        self._places: dict[int, tuple[int, int]] = {}
        """The iteration and block that each entry is in."""
        self._spans = Spans()
        self._zero: float | None = None

    @property
    def last(self) -> int:
        """The position of the last event; -1 where there is none yet."""
        return len(self.events) - 1

    def time(self, position: int) -> float:
        """Give the seconds of the run at a position; 0 before the first."""
        return self.seconds[min(position, self.last)] if position >= 0 and self.events else 0.0

    def seconds_of(self, entry: Entry, position: int) -> float:
        """Tell how long an entry has taken at a position, or took until it ended."""
        ended = entry.ended(position)
        return self.time(position if ended is None else ended) - self.time(entry.began)

    def position_at(self, seconds: float) -> int:
        """Give the last position that is not after a time."""
        return bisect_right(self.seconds, seconds) - 1

    def begun(self, position: int) -> int:
        """Tell how many entries have begun at a position: the first ones of `entries`."""
        return bisect_right(self._begins, position)

    def node(self, number: int) -> Entry | None:
        """Find the entry of a node."""
        return self._nodes.get(number)

    def sub_call(self, number: int) -> Entry | None:
        """Find the entry that answers a sub-call."""
        return self._sub_calls.get(number)

    def ended(self, position: int) -> RunEnded | None:
        """Give the end of the run, if the event at a position is that, or comes after it."""
        for at in range(min(position, self.last), max(-1, position - 8), -1):
            event = self.events[at]
            if isinstance(event, RunEnded):
                return event
            if isinstance(event, RunResumed | NodeStarted):
                break
        return None

    def add(self, event: Event, place: int = 0, *, cut: bool = False) -> None:
        """Take in the next event; one that does not fit those before it belongs to no entry.

        Args:
            event: It, with texts that may be shortened.
            place: Where in its file it begins.
            cut: Whether any text of it is shortened.
        """
        position = len(self.events)
        self.events.append(event)
        self.places.append(place)
        if cut:
            self.cut.add(position)
        self._tell_time(event)
        entry = self._find_or_begin(event, position)
        self.owners.append(entry)
        if entry is None:
            self._add_of_run(event, position)
        else:
            entry.events.append(position)
            self._add_of_entry(entry, event, position)
            self._spans.add(entry, event, position, self.seconds[position])
        self._mark(event, position)

    def _tell_time(self, event: Event) -> None:
        before = self.seconds[-1] if self.seconds else 0.0
        mono = event.mono if math.isfinite(event.mono) else 0.0
        if self._zero is None:
            self._zero = mono
        elif isinstance(event, RunResumed | RunForked):
            self._zero = mono - before
        self.seconds.append(min(max(before, mono - self._zero), _LONGEST))

    def _find_or_begin(self, event: Event, position: int) -> Entry | None:
        kind = type(event)
        if kind in _OF_CALLS:
            return self._calls.get(getattr(event, "call", -1))
        if kind not in _OF_BEGINS:
            # A fork names a node, but tells of the run
            number = -1 if kind is RunForked else getattr(event, "node", -1)
            return self._nodes.get(number)
        match event:
            case NodeStarted():
                return self._start_node(event, position)
            case SubCallStarted() if event.sub_call not in self._sub_calls:
                return self._start_sub_call(event, position)
            case SubCallStarted() | SubCallEnded():
                return self._sub_calls.get(event.sub_call)
            case ModelRequested():
                entry = self._nodes.get(event.node)
                if event.iteration is None:
                    entry = self._completion(event, position)
                if entry is not None:
                    self._calls[event.call] = entry
                return entry
        return None

    def _start_node(self, event: NodeStarted, position: int) -> Entry | None:
        known = self._nodes.get(event.node)
        if known is not None:
            return known
        entry = None if event.sub_call is None else self._sub_calls.get(event.sub_call)
        if entry is None or entry.number is not None or entry.kind == "completion":
            parent = None if event.parent is None else self._nodes.get(event.parent)
            entry = self._begin("node", parent, event, position, event.query)
            entry.depth, entry.context = event.depth, one_line(event.context, 200)
        # All else was told of the sub-call: what is known of an entry does not change
        entry.number, entry.numbered = event.node, position
        entry.states.append((position, "running"))
        self._nodes[event.node] = entry
        return entry

    def _start_sub_call(self, event: SubCallStarted, position: int) -> Entry:
        kind = "node" if event.recursive else "completion"
        entry = self._begin(kind, self._nodes.get(event.node), event, position, event.prompt)
        entry.context = one_line(event.context, 200)
        self._sub_calls[event.sub_call] = entry
        return entry

    def _completion(self, event: ModelRequested, position: int) -> Entry:
        """Find the completion that a model call is for; make it up where nothing told of it."""
        entry = None if event.sub_call is None else self._sub_calls.get(event.sub_call)
        if entry is None or entry.number is not None:
            query = event.messages[-1].get("content", "") if event.messages else ""
            parent = self._nodes.get(event.node)
            entry = self._begin("completion", parent, event, position, query)
            if event.sub_call is not None:
                self._sub_calls[event.sub_call] = entry
        if entry.state(position) != "running":
            entry.states.append((position, "running"))
        return entry

    def _begin(
        self,
        kind: str,
        parent: Entry | None,
        event: NodeStarted | SubCallStarted | ModelRequested,
        position: int,
        query: str,
    ) -> Entry:
        entry = Entry(
            id=len(self.entries),
            kind="node" if kind == "node" else "completion",
            number=None,
            sub_call=event.sub_call,
            parent=parent,
            depth=0 if parent is None else parent.depth + 1,
            model=one_line(event.model, 80),
            query=one_line(query, 200),
            context="",
            began=position,
            place=(0, 0) if parent is None else self._places.get(parent.id, (0, 0)),
        )
        self.entries.append(entry)
        self._begins.append(position)
        (self.roots if parent is None else parent.children).append(entry)
        return entry

    def _add_of_run(self, event: Event, position: int) -> None:
        match event:
            case RunStarted():
                self.run = event.run
                self.sessions.append(position)
            case RunForked() | RunResumed():
                self.run = event.run if isinstance(event, RunForked) else self.run
                self.sessions.append(position)
                self._spans.break_off(position, self.seconds[max(0, position - 1)])

    def _add_of_entry(self, entry: Entry, event: Event, position: int) -> None:
        match event:
            case ModelRequested(iteration=int(iteration)):
                entry.iterations.append((position, iteration))
                self._places[entry.id] = (iteration, -1)
            case ModelReplied() | ModelFailed() | ModelAttemptFailed():
                self._spend(entry, event, position)
            case NodeEnded():
                entry.states.append((position, one_line(event.stop_reason, 40)))
            case SubCallEnded() if entry.kind == "completion" or entry.number is None:
                entry.states.append((position, one_line(event.stop_reason, 40)))
            case NodeRebuilt():
                entry.states.append((position, "running"))
            case ReplayDiverged():
                place = event.iteration, event.block
                entry.states.append((position, "running"))
                # It is back in that iteration, and goes on from there
                entry.iterations.append((position, event.iteration))
                self._places[entry.id] = place
                self._put_aside(entry, place, position)
            case _:
                block = getattr(event, "block", None)
                if block is not None:
                    self._places[entry.id] = (getattr(event, "iteration", 0), block)

    def _put_aside(self, entry: Entry, place: tuple[int, int], position: int) -> None:
        """Learn that what a node did after a block counts no more."""
        session = self.sessions[-1] if self.sessions else 0
        rest = [one for one in entry.children if one.place > place and one.began < session]
        while rest:
            one = rest.pop()
            if one.aside is None:
                one.aside = position
                self.asides.append(one)
                if one.ended(position) is None:
                    # The crash was its end: nothing else tells of one
                    one.states.append((position, "aside"))
                rest += one.children

    def _spend(
        self, entry: Entry, event: ModelReplied | ModelFailed | ModelAttemptFailed, position: int
    ) -> None:
        if isinstance(event, ModelReplied) and event.recalled:
            return
        usage: Usage = usage_of(event)
        if not isinstance(event, ModelAttemptFailed):
            usage = replace(usage, calls=1)
        entry.own.add(position, usage)
        self.total.add(position, usage)
        above: Entry | None = entry
        for _ in range(_LEVELS):
            if above is None:
                return
            above.below.add(position, usage)
            above = above.parent
        if self.roots and above is not None:
            self.roots[0].below.add(position, usage)

    def _mark(self, event: Event, position: int) -> None:
        entry = self.owners[position]
        if entry is not None and entry.began == position and entry.parent is not None:
            self.marks.children.append(position)
        if is_error(event):
            if not self._passes_on(event, position):
                self.marks.errors.append(position)
        elif isinstance(event, NodeEnded | RunEnded) or (
            isinstance(event, SubCallEnded) and entry is not None and entry.kind == "completion"
        ):
            self.marks.answers.append(position)

    def _passes_on(self, event: Event, position: int) -> bool:
        """Tell whether an end only passes on what went wrong: an event before is marked for it."""
        entry = self.owners[position]
        match event:
            case SubCallEnded() if entry is not None and entry.kind == "completion":
                # Its one call, and nothing in between
                cause = self.events[entry.events[-2]] if len(entry.events) > 1 else None
                return isinstance(cause, ModelFailed) and is_error(cause)
            case SubCallEnded() if entry is not None:
                return self._ended_badly(entry, position)
            case RunEnded():
                session = self.sessions[-1] if self.sessions else 0
                return any(self._ended_badly(root, position, session) for root in self.roots[:1])
        return False

    def _ended_badly(self, entry: Entry, before: int, since: int = 0) -> bool:
        """Tell whether a node had ended with an error before a position."""
        ended = entry.ended(before)
        if ended is None or not since <= ended < before:
            return False
        event = self.events[ended]
        return isinstance(event, NodeEnded) and is_error(event)
