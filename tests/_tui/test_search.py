from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelRequested,
    NodeStarted,
    RunStarted,
    ToolCalled,
)
from rlm_runtime._tui.finding.needle import Needle, make_needle
from rlm_runtime._tui.finding.search import Search, look_through
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.source import open_source
from tests._tui.viewing import record_of, write

EVENTS: tuple[Event, ...] = (
    RunStarted(run="r", version="1", query="Why?", model="big", sub_model="mini", limits={}),
    NodeStarted(node=0, parent=None, depth=0, model="m", query="Who?", context=""),
    ModelRequested(
        node=0,
        call=0,
        model="m",
        iteration=1,
        messages=({"role": "system", "content": "Be kind"}, {"role": "user", "content": "Whom?"}),
    ),
    CodeStarted(node=0, iteration=1, code="print('İstanbul flood')"),
    ToolCalled(node=0, call=0, tool="Seek", arguments="'whom'"),
    CodeExecuted(
        node=0,
        iteration=1,
        stdout="a Flood",
        stderr="warned",
        error="KeyError: 'x'",
        pending=(),
        seconds=1,
    ),
)


def needle(text: str) -> Needle:
    """Make what is looked for."""
    made = make_needle(text)
    assert made is not None
    return made


def look(record: Record, text: str) -> Search:
    """Look through a record to its end."""
    search = Search(record, needle(text))
    for _ in search.steps():
        pass
    return search


@pytest.mark.parametrize(
    ("text", "found", "name"),
    [
        ("why", [0], "query"),
        ("who", [1, 2, 4], "query"),
        ("be kind", [2], "message of system"),
        ("flood", [3, 5], "code"),
        ("Flood", [5], "output"),
        ("FLOOD", [], ""),
        ("seek", [4], "tool"),
        ("warn", [5], "stderr"),
        ("keyerror", [5], "error"),
    ],
)
def test_a_text_is_found_in_all_that_is_said(text: str, found: list[int], name: str) -> None:
    search = look(record_of(*EVENTS), text)
    assert search.found == found
    if found:
        hit = search.hit(found[0])
        assert hit is not None
        assert hit.name == name
        assert text.lower() in hit.around.lower()


def test_entries_are_known_by_where_it_is_first() -> None:
    assert look(record_of(*EVENTS), "flood").entries == {0: 3}
    assert look(record_of(*EVENTS), "why").entries == {}, "it is in the run itself"


def test_next_goes_around() -> None:
    search = look(record_of(*EVENTS), "who")
    assert [search.next(at, 1) for at in (0, 1, 3, 4)] == [1, 2, 4, 1]
    assert [search.next(at, -1) for at in (5, 4, 2, 1)] == [4, 2, 1, 4]
    assert [search.number(at) for at in (0, 1, 2, 3, 4)] == [0, 1, 2, 0, 3]
    assert look(record_of(*EVENTS), "nowhere").next(0, 1) is None


def test_a_search_goes_on_where_a_record_grew() -> None:
    record = record_of(*EVENTS[:4])
    search = look(record, "flood")
    assert (search.found, search.is_done) == ([3], True)
    for event in EVENTS[4:]:
        record.add(event)
    assert not search.is_done
    assert [search.found for _ in search.steps()]
    assert (search.found, search.is_done) == ([3, 5], True)


@pytest.mark.parametrize("start", [0, 65_530, 65_536, 199_000])
def test_a_long_text_is_looked_through_in_pieces(start: int) -> None:
    text = "x" * start + "the flood" + "y" * (200_000 - start)
    steps = list(needle("flood").search(text))
    assert steps[-1] == start + 4
    assert len(steps) > start // 65_536
    assert set(steps[:-1]) <= {-1}


@pytest.mark.anyio
async def test_what_is_shortened_in_the_record_is_looked_for_in_the_trace(tmp_path: Path) -> None:
    events = [
        *EVENTS,
        CodeStarted(node=0, iteration=2, code="x" * 100_000 + "needle in a haystack"),
    ]
    path = await write(tmp_path, *events)
    async with open_source(path) as source:
        record = Record()
        async for batch in source.batches():
            for event, place, cut in batch.events:
                record.add(event, place, cut=cut)
            if batch.state != "reading":
                break
        assert record.cut == {len(events) - 1}
        search = Search(record, needle("needle"))
        await look_through(search, source, lambda: None)
    assert search.found == [len(events) - 1]
    hit = search.hit(len(events) - 1)
    assert hit is not None
    assert "needle in a haystack" in hit.around


def test_each_event_is_a_step_so_that_others_have_their_turn() -> None:
    record = record_of(*synthetic_events(2))
    steps = Search(record, needle("no such text")).steps()
    assert sum(1 for _ in steps) > record.last // 2
