"""What holds for the comparison of any two runs, also of forged ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rlm_runtime._events import Event
from rlm_runtime._tui.comparing.align import Alignment, align
from rlm_runtime._tui.comparing.described import Compared, describe
from rlm_runtime._tui.comparing.rows import make_lines
from rlm_runtime._tui.comparing.summary import summarise_difference, summarise_run
from rlm_runtime._tui.comparing.whole import tell_entry
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from tests._tui.made_up import runs
from tests._tui.viewing import record_of

_LINES = 60
PARTS = st.floats(0, 1)


@given(runs())
def test_a_run_and_itself_have_no_difference(events: tuple[Event, ...]) -> None:
    alignment = align(record_of(*events), record_of(*events))
    assert alignment.first is None
    assert alignment.differing == 0


@given(runs(), runs(), PARTS, PARTS)
def test_no_comparison_knows_what_comes(
    of_a: tuple[Event, ...], of_b: tuple[Event, ...], part_a: float, part_b: float
) -> None:
    last_a, last_b = int(part_a * len(of_a)) - 1, int(part_b * len(of_b)) - 1
    a, b = record_of(*of_a), record_of(*of_b)
    until_a, until_b = record_of(*of_a[: last_a + 1]), record_of(*of_b[: last_b + 1])
    # The ids are those of the files, whatever the moment
    until_a.run, until_b.run = a.run, b.run
    whole = align(a, b, last_a=last_a, last_b=last_b)
    assert _told(a, b, whole) == _told(until_a, until_b, align(until_a, until_b))


@given(runs(), runs(), PARTS)
def test_all_that_counts_is_compared_once(
    of_a: tuple[Event, ...], of_b: tuple[Event, ...], part: float
) -> None:
    a, b = record_of(*of_a), record_of(*of_b)
    last = int(part * len(of_a)) - 1
    pairs = align(a, b, last_a=last).pairs
    for record, ids, until in (
        (a, [pair.a.id for pair in pairs if pair.a is not None], last),
        (b, [pair.b.id for pair in pairs if pair.b is not None], b.last),
    ):
        begun = record.entries[: record.begun(until)]
        assert sorted(ids) == [one.id for one in begun if not _is_put_aside(one, until)]


def _is_put_aside(entry: Entry | None, last: int) -> bool:
    while entry is not None:
        if entry.is_aside(last):
            return True
        entry = entry.parent
    return False


def _told(a: Record, b: Record, alignment: Alignment) -> list[object]:
    """Give all that is told of a comparison."""
    last_a, last_b = alignment.last_a, alignment.last_b
    told: list[object] = [
        summarise_run("A", a, last_a).plain,
        summarise_run("B", b, last_b).plain,
        summarise_difference(a, b, alignment, 0).plain,
    ]
    lines = make_lines(alignment, everything=True)
    compared = Compared(a=a, b=b, alignment=alignment, lines=lines)
    for line in [*lines[:_LINES], *make_lines(alignment)[:_LINES]]:
        pair = alignment.pairs[line.pair]
        told += [line, *describe(compared, line, 100)]
        told += [tell_entry(a, pair.a, last_a), tell_entry(b, pair.b, last_b)]
    return told
