"""What became of a node's variables, iteration by iteration."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Literal

from rlm_runtime._events import CodeExecuted, CodeStarted, Event, ReplayDiverged
from rlm_runtime._tui.details.assigned import Assigned, assigned_names
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record

_MOST_EVENTS = 600
_MOST_SEEN = 20_000
"""So many of the latest events are gone through for these: code may call a tool often."""
_MOST_READ = 40_000
"""So many characters of earlier code are looked through."""

Change = Literal["new", "assigned", "deleted", "kept"]


@dataclass(slots=True, kw_only=True)
class Variable:
    """A name at a moment."""

    name: str
    change: Change
    """What the iteration did to it."""
    value: str = ""
    """In short; empty where it is not on record."""
    before: str = ""
    """What it held before the iteration, where that was something else."""
    iteration: int = 0
    """The one that assigned it last; 0 where that is not known."""
    line: str = ""
    """The line of code that did."""


@dataclass(slots=True, kw_only=True)
class Variables:
    """The names of a node at a moment."""

    changed: list[Variable] = field(default_factory=list)
    kept: list[Variable] = field(default_factory=list)
    has_values: bool = False
    running: tuple[str, ...] = ()
    """What the code that runs at the moment assigns, as far as it has come to it."""
    ended: tuple[str, ...] = ()
    """What the code assigns that the node ended in: nothing is on record of what it left."""
    is_unread: bool = False
    """Whether some code is too long, or is no Python, to tell what it assigns."""


@dataclass(slots=True)
class _Block:
    iteration: int
    number: int
    code: str
    ran: CodeExecuted | None = None


def find_variables(record: Record, entry: Entry, position: int) -> Variables:
    """Find what a node's variables are at a position, and what its iteration changed."""
    blocks = _blocks(record, entry, position)
    iteration = entry.iteration(position)
    now = [block for block in blocks if block.iteration == iteration]
    earlier = [block for block in blocks if block.iteration < iteration]
    before = _values(earlier)
    after = _values(blocks)
    found = Variables(has_values=any(block.ran and block.ran.values for block in blocks))
    assigned = _assigned(now, found)
    for name in sorted(before.keys() | after.keys()):
        one = Variable(name=name, change="kept", value=after.get(name, before.get(name, "")))
        _tell_change(one, before, after, assigned)
        if one.change == "kept":
            found.kept.append(one)
        else:
            one.iteration = iteration
            found.changed.append(one)
    _find_assignments(found.kept, earlier)
    last = now[-1] if now else None
    if last is not None and not _is_told(last):
        names = assigned_names(last.code) or {}
        assigns = tuple(name for name, by in names.items() if not by.is_deleted)
        found.running, found.ended = (assigns, ()) if last.ran is None else ((), assigns)
    return found


def _tell_change(
    one: Variable,
    before: dict[str, str],
    after: dict[str, str],
    assigned: dict[str, Assigned],
) -> None:
    name = one.name
    by = assigned.get(name)
    one.line = by.text if by else ""
    if name not in after:
        one.change = "deleted"
    elif name not in before:
        one.change = "new"
    elif (by is not None and not by.is_deleted) or before[name] != after[name]:
        # What a name holds may change without an assignment, as a list does that grows
        one.change = "assigned"
        one.before = before[name] if before[name] != after[name] else ""


def _find_assignments(kept: list[Variable], earlier: list[_Block]) -> None:
    """Find where names were assigned last, from the newest code back."""
    missing = {one.name: one for one in kept}
    read = 0
    for block in reversed(earlier):
        read += len(block.code)
        if not missing or read > _MOST_READ:
            return
        for name, by in (assigned_names(block.code) or {}).items():
            one = missing.get(name)
            if one is not None and not by.is_deleted:
                one.iteration, one.line = block.iteration, by.text
                del missing[name]


def _assigned(blocks: list[_Block], found: Variables) -> dict[str, Assigned]:
    """Give what the blocks that have run assign; the last one counts."""
    assigned: dict[str, Assigned] = {}
    read = 0
    for block in blocks:
        if block.ran is None:
            continue
        read += len(block.code)
        names = assigned_names(block.code) if read <= _MOST_READ else None
        # Code that is no Python has not run, and has assigned nothing
        found.is_unread |= names is None and block.ran.error is None
        assigned.update(names or {})
    return assigned


def _values(blocks: list[_Block]) -> dict[str, str]:
    """Give the names that are there after the last block that ran, and what they hold."""
    for block in reversed(blocks):
        if block.ran is not None and _is_told(block):
            names = block.ran.variables
            return dict(zip_longest(names, block.ran.values[: len(names)], fillvalue=""))
    return {}


def _is_told(block: _Block) -> bool:
    """Tell whether it is on record what a block left."""
    return block.ran is not None and (bool(block.ran.variables) or block.ran.completed)


def _blocks(record: Record, entry: Entry, position: int) -> list[_Block]:
    """Give the blocks of a node up to a position, the latest ones where there are many."""
    blocks: list[_Block] = []
    for event in _events_of_code(record, entry, position):
        if isinstance(event, CodeStarted):
            blocks.append(_Block(event.iteration, event.block, event.code))
            continue
        place = event.iteration, event.block
        if isinstance(event, ReplayDiverged):
            # What the node did after it counts no more, and the block runs anew
            blocks = [block for block in blocks if (block.iteration, block.number) <= place]
        if blocks and (blocks[-1].iteration, blocks[-1].number) == place:
            blocks[-1].ran = event if isinstance(event, CodeExecuted) else None
    return blocks


def _events_of_code(
    record: Record, entry: Entry, position: int
) -> list[CodeStarted | CodeExecuted | ReplayDiverged]:
    """Give the latest events that tell which code has run, in order."""
    last = bisect_right(entry.events, position)
    found: list[CodeStarted | CodeExecuted | ReplayDiverged] = []
    for number in range(last - 1, max(0, last - _MOST_SEEN) - 1, -1):
        event: Event = record.events[entry.events[number]]
        if isinstance(event, CodeStarted | CodeExecuted | ReplayDiverged):
            found.append(event)
            if len(found) == _MOST_EVENTS:
                break
    found.reverse()
    return found
