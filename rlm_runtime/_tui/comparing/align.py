"""Aligning two runs: which entry and which step of one is which of the other, and what differs."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rlm_runtime._events import SubCallStarted
from rlm_runtime._tui.comparing.steps import (
    RANK_OF_CHILDREN,
    Place,
    StepKind,
    Steps,
    steps_of,
    steps_of_run,
)
from rlm_runtime._tui.comparing.told import is_same, ref_of
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record

Verdict = Literal["same", "different", "only a", "only b"]
_PAIRS_PER_REPORT = 200


@dataclass(slots=True, kw_only=True)
class StepPair:
    """A step of run A and the same step of run B, or one of them alone."""

    kind: StepKind
    place: Place
    a: int | None
    """Its position in run A."""
    b: int | None
    verdict: Verdict
    unsure: bool = False
    """Whether it seems the same, but only the beginning of a long text was looked at."""


@dataclass(slots=True, kw_only=True, eq=False)
class Pair:
    """An entry of run A and the same entry of run B, or one of them alone."""

    a: Entry | None
    b: Entry | None
    """Both are None for the run itself."""
    level: int
    parent: int
    """The index of the pair above it; -1 where there is none."""
    place: Place
    """Where in the work of its parent it is."""
    steps: list[StepPair] = field(default_factory=list)
    """Empty where only one run has the entry."""
    children: list[int] = field(default_factory=list)
    differing: int = 0
    """How many differences it has of its own; 1 where only one run has it."""
    below: int = 0
    """How many pairs below it have differences, itself included."""

    @property
    def verdict(self) -> Verdict:
        """Tell whether the runs differ in the entry itself."""
        if (self.a is None) != (self.b is None):
            return "only a" if self.b is None else "only b"
        return "different" if self.differing else "same"


@dataclass(slots=True, kw_only=True)
class Alignment:
    """Two runs, entry by entry; each one comes after the one above it."""

    pairs: list[Pair]
    last_a: int
    """The last position of run A that was looked at."""
    last_b: int
    differing: int
    """How many pairs have differences."""
    first: tuple[int, int] | None
    """The first difference in the time of run A: the index of the pair, and of the step in it; -1
    for the step where only one run has the entry."""


def align(
    a: Record,
    b: Record,
    *,
    last_a: int | None = None,
    last_b: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> Alignment:
    """Align two runs; it takes time in proportion to their events.

    Args:
        a: One run.
        b: The other.
        last_a: The last position of it that is looked at; None for the last one there is.
        last_b: As `last_a`.
        report: Called every now and then with how many entries are done, and with how many there
            are; what it raises ends the work.
    """
    last_a = a.last if last_a is None else last_a
    last_b = b.last if last_b is None else last_b
    of_run = Pair(a=None, b=None, level=0, parent=-1, place=(0, 0, 0, 0))
    steps = steps_of_run(a, last_a), steps_of_run(b, last_b)
    of_run.steps = _pair_steps(a, b, *steps)
    work = _Work(a, b, last_a, last_b, report)
    return work.finish([of_run, *work.walk()])


class _Work:
    """Walks both trees at once, from the roots down."""

    def __init__(
        self,
        a: Record,
        b: Record,
        last_a: int,
        last_b: int,
        report: Callable[[int, int], None] | None,
    ) -> None:
        self._a, self._b = a, b
        self._last_a, self._last_b = last_a, last_b
        self._report = report

    def walk(self) -> list[Pair]:
        """Pair the entries, and their steps; the first has index 1."""
        done: list[Pair] = []
        total = max(self._a.begun(self._last_a), self._b.begun(self._last_b))
        stack = self._pair_entries(self._a.roots, self._b.roots, level=0, parent=-1)[::-1]
        while stack:
            pair = stack.pop()
            done.append(pair)
            index = len(done)
            if pair.parent > 0:
                done[pair.parent - 1].children.append(index)
            if pair.a is not None and pair.b is not None:
                steps_a = steps_of(self._a, pair.a, self._last_a)
                steps_b = steps_of(self._b, pair.b, self._last_b)
                pair.steps = _pair_steps(self._a, self._b, steps_a, steps_b)
            below_a = pair.a.children if pair.a is not None else ()
            below_b = pair.b.children if pair.b is not None else ()
            stack += self._pair_entries(below_a, below_b, level=pair.level + 1, parent=index)[::-1]
            if self._report is not None and index % _PAIRS_PER_REPORT == 0:
                self._report(index, max(total, index))
        return done

    def finish(self, pairs: list[Pair]) -> Alignment:
        """Count the differences, and find the first one."""
        count(pairs)
        return Alignment(
            pairs=pairs,
            last_a=self._last_a,
            last_b=self._last_b,
            differing=sum(pair.differing > 0 for pair in pairs),
            first=find_first(pairs),
        )

    def _pair_entries(
        self, a: Iterable[Entry], b: Iterable[Entry], *, level: int, parent: int
    ) -> list[Pair]:
        """Pair siblings: at each place first those that were asked the same, then in order."""
        places: dict[tuple[int, int], tuple[list[Entry], list[Entry]]]
        places = defaultdict(lambda: ([], []))
        for entry in a:
            if entry.began <= self._last_a and not entry.is_aside(self._last_a):
                places[entry.place][0].append(entry)
        for entry in b:
            if entry.began <= self._last_b and not entry.is_aside(self._last_b):
                places[entry.place][1].append(entry)
        return [
            Pair(
                a=of_a,
                b=of_b,
                level=level,
                parent=parent,
                place=(*place, RANK_OF_CHILDREN, number),
            )
            for place in sorted(places)
            for number, (of_a, of_b) in enumerate(self._match(*places[place]))
        ]

    def _match(
        self, a: Sequence[Entry], b: Sequence[Entry]
    ) -> list[tuple[Entry | None, Entry | None]]:
        """Pair the siblings of one place, in the order of run A; those of B alone come last."""
        known: dict[tuple[str, ...], deque[Entry]] = defaultdict(deque)
        for entry in b:
            known[_asked(self._b, entry)].append(entry)
        partners: dict[int, Entry] = {}
        for entry in a:
            same = known.get(_asked(self._a, entry))
            if same:
                partners[entry.id] = same.popleft()
        left = {entry.id: entry for alike in known.values() for entry in alike}
        rest = deque(left[number] for number in sorted(left))
        pairs: list[tuple[Entry | None, Entry | None]] = []
        for entry in a:
            partner = partners.get(entry.id)
            if partner is None and rest:
                partner = rest.popleft()
            pairs.append((entry, partner))
        return [*pairs, *((None, entry) for entry in rest)]


def _asked(record: Record, entry: Entry) -> tuple[str, ...]:
    """Tell what an entry was asked, shortly."""
    event = record.events[entry.began]
    if isinstance(event, SubCallStarted) and event.key:
        return entry.kind, event.key
    return entry.kind, entry.query, entry.context


def _pair_steps(a: Record, b: Record, steps_a: Steps, steps_b: Steps) -> list[StepPair]:
    """Pair the steps of an entry, in order."""
    return [
        _pair_step(a, b, kind, place, steps_a.get((kind, place)), steps_b.get((kind, place)))
        for kind, place in sorted(steps_a.keys() | steps_b.keys(), key=lambda one: one[::-1])
    ]


def _pair_step(
    a: Record, b: Record, kind: StepKind, place: Place, in_a: int | None, in_b: int | None
) -> StepPair:
    verdict: Verdict = "only b" if in_a is None else "only a"
    unsure = False
    if in_a is not None and in_b is not None:
        event_a, event_b = a.events[in_a], b.events[in_b]
        same = is_same(event_a, event_b, kind)
        verdict = "same" if same else "different"
        is_cut = in_a in a.cut or in_b in b.cut
        has_refs = ref_of(event_a, kind) and ref_of(event_b, kind)
        unsure = same and is_cut and not has_refs
    return StepPair(kind=kind, place=place, a=in_a, b=in_b, verdict=verdict, unsure=unsure)


def count(pairs: list[Pair]) -> None:
    """Count the differences of pairs, and those below them."""
    for pair in pairs:
        pair.differing = sum(step.verdict != "same" for step in pair.steps)
        if (pair.a is None) != (pair.b is None):
            pair.differing = 1
        pair.below = int(pair.differing > 0)
    # From the last one on, so that all below a pair are counted before it is
    for pair in reversed(pairs):
        if pair.parent > 0:
            pairs[pair.parent].below += pair.below


def find_first(pairs: list[Pair]) -> tuple[int, int] | None:
    """Find the first difference in the time of run A; what a run was set to comes last."""
    best: tuple[tuple[bool, int, int], tuple[int, int]] | None = None
    moments = _Moments(pairs)
    for index, pair in enumerate(pairs):
        found = _first_of(pair, moments.add(pair))
        if found is not None:
            rank = (pair.a is None and pair.b is None, found[0], index)
            if best is None or rank < best[0]:
                best = rank, (index, found[1])
    return None if best is None else best[1]


def _first_of(pair: Pair, began: int) -> tuple[int, int] | None:
    """Find the first difference of a pair: its moment in run A, and the index of the step."""
    if pair.verdict in ("only a", "only b"):
        return began, -1
    before, found = began, None
    for index, step in enumerate(pair.steps):
        before = before if step.a is None else step.a
        if step.verdict != "same" and (found is None or before < found[0]):
            found = before, index
    return found


class _Moments:
    """Tells when in run A each pair began, or would have; feed it all of them in order."""

    def __init__(self, pairs: list[Pair]) -> None:
        self._pairs = pairs
        self._began: list[int] = []
        self._before: dict[int, tuple[list[Place], list[int]]] = {}
        """By pair: the places of its steps in run A, and their positions."""

    def add(self, pair: Pair) -> int:
        """Give the position in run A where a pair began; where it would have, if A has it not."""
        began = 0
        if pair.a is not None:
            began = pair.a.began
        elif pair.parent > 0:
            places, positions = self._steps(pair.parent)
            number = bisect_left(places, pair.place)
            began = positions[number - 1] if number else self._began[pair.parent]
        self._began.append(began)
        return began

    def _steps(self, index: int) -> tuple[list[Place], list[int]]:
        if index not in self._before:
            steps = self._pairs[index].steps
            there = [(step.place, step.a) for step in steps if step.a is not None]
            self._before[index] = [place for place, _ in there], [at for _, at in there]
        return self._before[index]
