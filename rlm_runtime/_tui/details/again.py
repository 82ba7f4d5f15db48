"""What an iteration that was run again differently shares with how it ran before."""

from __future__ import annotations

from bisect import bisect_left

from rlm_runtime._events import CodeExecuted, CodeStarted, Event, ReplayDiverged
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record

_MOST_TIMES = 8
_MOST_ITERATIONS = 1_000
_MOST_EVENTS = 1_000


def shared_events(record: Record, entry: Entry, index: int) -> list[int]:
    """Give the positions of what an iteration has from before its session, in order.

    A block that is run again is recorded only where it gave something else, and then without its
    code: all until there is on record where the iteration ran before.

    Args:
        record: The run.
        entry: Its node.
        index: Which of its iterations, as in `Entry.iterations`.
    """
    times = [index]
    while len(times) < _MOST_TIMES and isinstance(_first(record, entry, times[-1]), ReplayDiverged):
        before = _before(entry, times[-1])
        if before is None:
            break
        times.append(before)
    shared: list[int] = []
    for later, earlier in reversed(list(zip(times, times[1:], strict=False))):
        diverged = _first(record, entry, later)
        assert isinstance(diverged, ReplayDiverged), "else nothing is looked for before it"
        shared = _until(record, shared + _events_of(entry, earlier), diverged.block)
    return shared


def _first(record: Record, entry: Entry, index: int) -> Event:
    return record.events[entry.iterations[index][0]]


def _before(entry: Entry, index: int) -> int | None:
    """Find where the same iteration began before."""
    number = entry.iterations[index][1]
    earliest = max(-1, index - 1 - _MOST_ITERATIONS)
    places = range(index - 1, earliest, -1)
    return next((one for one in places if entry.iterations[one][1] == number), None)


def _events_of(entry: Entry, index: int) -> list[int]:
    first = bisect_left(entry.events, entry.iterations[index][0])
    end = bisect_left(entry.events, entry.iterations[index + 1][0])
    return entry.events[first : min(end, first + _MOST_EVENTS)]


def _until(record: Record, positions: list[int], block: int) -> list[int]:
    """Give those up to the beginning of a block, and what came while it ran."""
    for number, position in enumerate(positions):
        event = record.events[position]
        is_over = isinstance(event, CodeExecuted | ReplayDiverged) and event.block >= block
        if is_over or (isinstance(event, CodeStarted) and event.block > block):
            return positions[:number]
    return positions
