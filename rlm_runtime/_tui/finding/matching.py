"""Which entries a filter lets through at a moment."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rlm_runtime._events import ModelRequested, NodeStarted, SubCallStarted, ToolCalled
from rlm_runtime._tui.finding.query import NumberTerm, Query, Term, WordTerm
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.states import look_of

_CHARS = 2_000
"""So much of a query is looked at; the search looks at all of it."""
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "=": operator.eq,
}

Test = Callable[[Entry, int], bool]
"""Whether something holds for an entry at a position."""


@dataclass(frozen=True, slots=True)
class Matches:
    """What a filter lets through."""

    found: frozenset[int]
    """The ids of the entries that match."""
    ids: frozenset[int]
    """Theirs, and those of all above them."""


class Matcher:
    """One filter for one record."""

    def __init__(self, record: Record, query: Query) -> None:
        self._record = record
        self._is_over = False
        self._choices = [
            [self._test(term) for term in sorted(terms, key=_price)] for terms in query
        ]

    def matches(self, position: int, *, is_over: bool) -> Matches:
        """Find what matches at a moment.

        Args:
            position: The moment.
            is_over: Whether nothing comes after it, so that what still runs has crashed.
        """
        self._is_over = is_over
        begun = self._record.entries[: self._record.begun(position)]
        found: dict[int, Entry] = {}
        for tests in self._choices:
            # One test at a time for all that are left: far faster than all tests for each
            matching = begun
            for test in tests:
                matching = [entry for entry in matching if test(entry, position)]
            found.update((entry.id, entry) for entry in matching)
        return Matches(frozenset(found), _with_those_above(found))

    def _test(self, term: Term) -> Test:
        test = self._number(term) if isinstance(term, NumberTerm) else self._word(term)
        return _negate(test) if term.negated else test

    def _number(self, term: NumberTerm) -> Test:
        compare, value = _COMPARE[term.comparison], term.value
        match term.name:
            case "depth":
                return lambda entry, _: compare(entry.depth, value)
            case "node":
                return lambda entry, at: _is_number(entry.number_at(at), compare, value)
            case "cost":
                return lambda entry, at: compare(entry.below.known_cost(at), value)
            case "own_cost":
                return lambda entry, at: compare(entry.own.known_cost(at), value)
            case "tokens":
                return lambda entry, at: compare(entry.below.tokens(at), value)
            case "own_tokens":
                return lambda entry, at: compare(entry.own.tokens(at), value)
            case "calls":
                return lambda entry, at: compare(entry.below.calls(at), value)
            case "iterations":
                return lambda entry, at: compare(entry.iteration(at), value)
            case _:
                return lambda entry, at: compare(self._record.seconds_of(entry, at), value)

    def _word(self, term: WordTerm) -> Test:
        value = term.value
        match term.name:
            case "status":
                return self._status(value)
            case "kind":
                kind = "node" if value == "node" else "completion"
                return lambda entry, _: entry.kind == kind
            case "model":
                small = value.lower()
                return lambda entry, _: small in entry.model.lower()
            case "tool":
                return lambda entry, at: self._called(entry, at, value.lower())
            case _:
                return _Text(self._record, value)

    def _status(self, wanted: str) -> Test:
        def holds(entry: Entry, position: int) -> bool:
            if entry.is_aside(position):
                return wanted == "aside"
            # A state per entry is nearly always the last one: no need to look for it
            states = entry.states
            state = states[-1][1] if states and states[-1][0] <= position else entry.state(position)
            if state == wanted:
                return wanted not in ("running", "queued") or not self._is_over
            match wanted:
                case "failed":
                    return look_of(state).kind in ("error", "limit")
                case "limit" | "error":
                    return look_of(state).kind == wanted
                case "crashed":
                    return self._is_over and state in ("running", "queued")
            return False

        return holds

    def _called(self, entry: Entry, position: int, name: str) -> bool:
        """Tell whether the code of an entry has called a tool."""
        for span in entry.spans:
            if span.kind == "tool" and span.began <= position:
                event = self._record.events[span.began]
                if isinstance(event, ToolCalled) and name in event.tool.lower():
                    return True
        return False


class _Text:
    """Looks for a text in what entries were asked; that never changes, so it is looked for once."""

    def __init__(self, record: Record, text: str) -> None:
        self._record = record
        self._is_exact = text != text.lower()
        self._text = text
        self._known: dict[int, bool] = {}

    def __call__(self, entry: Entry, position: int) -> bool:
        known = self._known.get(entry.id)
        if known is None:
            asked = asked_of(self._record, entry)[:_CHARS]
            known = self._text in (asked if self._is_exact else asked.lower())
            self._known[entry.id] = known
        return known


def _is_number(number: int | None, compare: Callable[[float, float], bool], value: float) -> bool:
    return number is not None and compare(number, value)


def asked_of(record: Record, entry: Entry) -> str:
    """Give what an entry was asked, as far as its first event holds it."""
    match record.events[entry.began]:
        case NodeStarted() as event:
            return event.query
        case SubCallStarted() as event:
            return event.prompt
        case ModelRequested() as event if event.messages:
            return event.messages[-1].get("content", "")
    return entry.query


def _price(term: Term) -> int:
    """Order the tests: the cheap ones first, so that the others are asked of fewer entries."""
    return {"depth": 0, "kind": 0, "node": 1, "model": 2, "status": 3, "tool": 5}.get(term.name, 4)


def _negate(test: Test) -> Test:
    return lambda entry, position: not test(entry, position)


def _with_those_above(entries: Mapping[int, Entry]) -> frozenset[int]:
    """Give the ids of entries and of all above them."""
    ids = set(entries)
    level: Iterable[Entry] = entries.values()
    while level:
        parents = {entry.parent.id: entry.parent for entry in level if entry.parent is not None}
        level = [parent for number, parent in parents.items() if number not in ids]
        ids.update(parents)
    return frozenset(ids)
