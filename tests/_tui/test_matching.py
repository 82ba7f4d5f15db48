from __future__ import annotations

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    AnswerGiven,
    CodeStarted,
    Event,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    ReplayDiverged,
    RunResumed,
    RunStarted,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
)
from rlm_runtime._tui.finding.matching import Matcher
from rlm_runtime._tui.finding.query import parse_query
from rlm_runtime._tui.record.record import Record
from tests._tui.viewing import record_of

SMALL: tuple[Event, ...] = (
    RunStarted(run="r", version="1", query="Why?", model="big", sub_model="mini", limits={}),
    NodeStarted(
        node=0, parent=None, depth=0, model="big", query="Why a Flood?", context="", mono=1
    ),
    ModelRequested(node=0, call=0, model="big", iteration=1, messages=(), mono=2),
    ModelReplied(
        node=0,
        call=0,
        text="",
        reasoning="",
        finish_reason=None,
        prompt_tokens=1000,
        cached_tokens=0,
        completion_tokens=500,
        reasoning_tokens=0,
        cost=0.5,
        seconds=1,
        seconds_to_first_token=None,
        mono=3,
    ),
    CodeStarted(node=0, iteration=1, code="", mono=4),
    ToolCalled(node=0, call=0, tool="search_index", arguments="", mono=5),
    SubCallStarted(
        node=0,
        sub_call=0,
        iteration=1,
        key="",
        prompt="a dam",
        context="",
        recursive=True,
        model="mini",
        mono=6,
    ),
    NodeStarted(
        node=1, parent=0, depth=1, model="mini", query="a dam", context="", sub_call=0, mono=7
    ),
    SubCallStarted(
        node=1,
        sub_call=1,
        iteration=1,
        key="",
        prompt="a mill",
        context="",
        recursive=False,
        model="mini",
        mono=8,
    ),
    SubCallEnded(
        node=1, sub_call=1, stop_reason="max_cost", answer="", answer_type="", error=None, seconds=1
    ),
    NodeEnded(node=1, stop_reason="model_error", answer="", answer_type="str", error="no", mono=19),
    AnswerGiven(node=0, iteration=1, answer="because", mono=20),
    NodeEnded(
        node=0, stop_reason="answered", answer="because", answer_type="str", error=None, mono=21
    ),
)
ROOT, DAM, MILL = 0, 1, 2


def ids(text: str, position: int | None = None, *, is_over: bool = False) -> set[int]:
    """Give the ids of what matches."""
    record = record_of(*SMALL)
    at = record.last if position is None else position
    return set(Matcher(record, parse_query(text)).matches(at, is_over=is_over).found)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("depth>=1", {DAM, MILL}),
        ("depth>1", {MILL}),
        ("node:0", {ROOT}),
        ("node<=1", {ROOT, DAM}),
        ("own_cost>=0.5", {ROOT}),
        ("cost<0.1 kind:node", {DAM}),
        ("tokens=1.5k", {ROOT}),
        ("calls>0", {ROOT}),
        ("iterations=1", {ROOT}),
        ("time>15s", {ROOT}),
        ("time>10 time<20", {DAM}),
        ("status:answered", {ROOT}),
        ("status:error", {DAM}),
        ("status:limit", {MILL}),
        ("status:max_cost", {MILL}),
        ("status:failed", {DAM, MILL}),
        ("-status:failed", {ROOT}),
        ("kind:completion", {MILL}),
        ("kind:llm_query", {MILL}),
        ("model:MINI", {DAM, MILL}),
        ("tool:search", {ROOT}),
        ("text:flood", {ROOT}),
        ("Flood", {ROOT}),
        ("FLOOD", set()),
        ("dam or mill", {DAM, MILL}),
        ("dam mill", set()),
    ],
)
def test_a_filter_lets_through(text: str, found: set[int]) -> None:
    assert ids(text) == found


def test_a_reason_that_nobody_knows_is_an_error_as_in_the_tree() -> None:
    end = NodeEnded(node=0, stop_reason="melted", answer="", answer_type="", error="hot")  # type: ignore[arg-type]  # another release may have it
    record = record_of(*SMALL[:-1], end)
    for text, found in (("status:error", {ROOT, DAM}), ("status:limit", {MILL})):
        matcher = Matcher(record, parse_query(text))
        assert set(matcher.matches(record.last, is_over=False).found) == found


def test_what_matches_is_what_holds_at_the_moment() -> None:
    dam_begins, dam_runs = 6, 7
    assert ids("status:queued", dam_begins) == {DAM}
    assert ids("status:queued", dam_runs) == set()
    assert ids("status:running", dam_runs) == {ROOT, DAM}
    assert ids("tool:search", 4) == set()
    assert ids("own_cost>0", 2) == set()
    assert ids("text:mill", dam_runs) == set(), "it has not begun"


def test_what_runs_at_the_end_of_a_dead_trace_has_crashed() -> None:
    assert ids("status:crashed", 8, is_over=True) == {ROOT, DAM, MILL}
    assert ids("status:running", 8, is_over=True) == set()
    assert ids("status:crashed", 8) == set()


def test_what_is_put_aside_has_no_other_status() -> None:
    resumed = RunResumed(version="1", model="m", sub_model="", limits={}, spent_seconds=1)
    diverged = ReplayDiverged(node=0, iteration=0, block=0, reason="time")
    record = record_of(*SMALL, resumed, diverged)
    for text, found in (("status:failed", set()), ("status:aside", {DAM, MILL})):
        matches = Matcher(record, parse_query(text)).matches(record.last, is_over=False)
        assert matches.found == found
    matches = Matcher(record, parse_query("status:failed")).matches(record.last - 1, is_over=False)
    assert matches.found == {DAM, MILL}


def test_those_above_are_let_through_but_do_not_count() -> None:
    record = record_of(*SMALL)
    matches = Matcher(record, parse_query("mill")).matches(record.last, is_over=False)
    assert matches.ids == {ROOT, DAM, MILL}
    assert matches.found == {MILL}


def test_a_new_moment_gives_the_same_as_a_new_matcher() -> None:
    record = record_of(*synthetic_events(12))
    for text in ("cost>0.01", "status:running", "text:flood or status:error", "tool:search"):
        kept = Matcher(record, parse_query(text))
        for position in range(0, record.last, 37):
            fresh = Matcher(record, parse_query(text)).matches(position, is_over=False)
            assert kept.matches(position, is_over=False) == fresh


def test_a_chain_of_many_thousand_nodes_is_no_trouble() -> None:
    record = Record()
    for number in range(60_000):
        record.add(
            NodeStarted(
                node=number,
                parent=number - 1 if number else None,
                depth=number,
                model="m",
                query="x",
                context="",
            )
        )
    matches = Matcher(record, parse_query("node=59999")).matches(record.last, is_over=False)
    assert len(matches.ids) == 60_000
    assert matches.found == {59_999}
    all_of_them = Matcher(record, parse_query("depth>=0")).matches(record.last, is_over=False)
    assert all_of_them.found == all_of_them.ids == matches.ids
