from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    Event,
    ModelRequested,
    NodeEnded,
    ReplayDiverged,
    RunForked,
    RunResumed,
    SandboxStarted,
    SubCallEnded,
    SubCallStarted,
)
from rlm_runtime._tui.record.marks import is_error
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.source import State
from rlm_runtime._tui.view import View
from rlm_runtime._types import StopReason
from tests._cli.events import (
    attempt_failed,
    attempt_started,
    failed,
    node_ended,
    node_started,
    replied,
    requested,
    resumed,
    run_ended,
    run_started,
)
from tests._cli.test_any_events import EVENTS
from tests._tui.viewing import record_of
from tests.examples import examples


def sub_call(number: int, *, recursive: bool, node: int = 0, at: float = 1) -> SubCallStarted:
    return SubCallStarted(
        node=node,
        sub_call=number,
        iteration=1,
        key="k",
        prompt="What is it?",
        context="str",
        recursive=recursive,
        model="mini",
        mono=at,
    )


def sub_call_ended(
    number: int, stop_reason: StopReason = "answered", at: float = 3
) -> SubCallEnded:
    return SubCallEnded(
        node=0,
        sub_call=number,
        stop_reason=stop_reason,
        answer="it",
        answer_type="str",
        error=None,
        seconds=1,
        mono=at,
    )


def leaf_request(call: int, sub: int) -> ModelRequested:
    return ModelRequested(
        node=0, call=call, model="mini", iteration=None, messages=(), sub_call=sub, mono=2
    )


def test_a_position_is_found_by_its_time() -> None:
    record = record_of(run_started(), node_started(0, at=0), node_started(1, 0, at=2.5))
    assert [record.time(position) for position in (-1, 0, 1, 2, 99)] == [0, 0, 0, 2.5, 2.5]
    assert [record.position_at(at) for at in (-1, 0, 2.4, 2.5, 9)] == [-1, 1, 1, 2, 2]


def test_a_sub_call_is_queued_until_its_node_begins() -> None:
    record = record_of(
        run_started(),
        node_started(0),
        sub_call(7, recursive=True),
        replace(node_started(4, 0, at=2), sub_call=7),
        node_ended(4),
    )
    entry = record.sub_call(7)
    assert entry is not None and entry is record.node(4)
    assert [entry.state(position) for position in (2, 3, 4)] == ["queued", "running", "answered"]
    assert (entry.began, entry.ended(3), entry.ended(4)) == (2, None, 4)
    assert record.begun(1) == 1 and record.begun(2) == 2


def test_a_completion_is_an_entry_of_its_own() -> None:
    record = record_of(
        run_started(),
        node_started(0),
        sub_call(3, recursive=False),
        leaf_request(9, 3),
        replied(0, 9),
        sub_call_ended(3),
    )
    root, leaf = record.entries
    assert (leaf.kind, leaf.number, leaf.parent) == ("completion", None, root)
    assert [record.owners[at] for at in range(6)] == [None, root, leaf, leaf, leaf, leaf]
    assert [leaf.state(at) for at in (2, 3, 5)] == ["queued", "running", "answered"]
    assert (root.own.tokens(5), leaf.own.tokens(5)) == (0, 1200)
    assert (root.below.tokens(3), root.below.tokens(4)) == (0, 1200)


def test_a_completion_that_nothing_told_of_is_made_up() -> None:
    request = ModelRequested(
        node=0,
        call=1,
        model="mini",
        iteration=None,
        messages=({"role": "user", "content": "What is it?"},),
    )
    record = record_of(run_started(), node_started(0), request, replied(0, 1))
    assert [(one.kind, one.query) for one in record.entries] == [
        ("node", "q"),
        ("completion", "What is it?"),
    ]


def test_what_is_spent_is_known_at_every_position() -> None:
    record = record_of(
        run_started(),
        node_started(0),
        requested(0, 0),
        replied(0, 0, cost=0.25),
        requested(0, 1),
        replied(0, 1, cost=None),
        requested(0, 2),
        replied(0, 2, recalled="other"),
    )
    root = record.roots[0]
    assert [root.own.cost(at) for at in (0, 3, 4, 5)] == [0.0, 0.25, 0.25, None]
    assert root.own.known_cost(7) == 0.25
    assert [record.total.calls(at) for at in (2, 3, 5, 7)] == [0, 1, 2, 2]


def test_the_time_between_sessions_does_not_count() -> None:
    resumed = RunResumed(
        version="0", model="m", sub_model="s", limits={}, spent_seconds=3, mono=7_000
    )
    record = record_of(
        run_started(), node_started(0, at=3), resumed, node_started(1, 0, at=7_001.5)
    )
    assert list(record.seconds) == [0, 3, 3, 4.5]
    assert record.sessions == [0, 2]


def test_what_was_open_at_a_crash_ends_there() -> None:
    resumed = RunResumed(
        version="0", model="m", sub_model="s", limits={}, spent_seconds=3, mono=7_000
    )
    record = record_of(run_started(), node_started(0), requested(0, 0), resumed)
    (span,) = record.roots[0].spans
    assert (span.kind, span.ended, span.failed) == ("wait", 3, True)


def test_a_fork_is_a_run_of_its_own_that_goes_on() -> None:
    forked = RunForked(run="fork", parent="run", node=0, iteration=1, say="", mono=9)
    record = record_of(run_started(), node_started(0), requested(0, 0), forked)
    assert record.run == "fork"
    assert record.sessions == [0, 3]
    assert record.owners[3] is None
    assert [span.ended for span in record.roots[0].spans] == [3]


def test_what_a_node_did_after_a_divergence_is_put_aside() -> None:
    diverged = ReplayDiverged(node=0, iteration=1, block=0, reason="other", mono=9)
    resumed = RunResumed(version="0", model="m", sub_model="s", limits={}, spent_seconds=3, mono=8)
    request = ModelRequested(node=0, call=0, model="m", iteration=2, messages=(), mono=1)
    record = record_of(
        run_started(),
        node_started(0),
        request,
        node_started(1, 0, at=2),
        node_started(2, 1, at=2),
        node_ended(0),
        resumed,
        diverged,
        node_started(3, 0, at=10),
    )
    root, child, grandchild, later = record.entries
    assert [one.aside for one in record.entries] == [None, 7, 7, None]
    assert not child.is_aside(6) and child.is_aside(7)
    assert [root.state(at) for at in (5, 7)] == ["answered", "running"]


@pytest.mark.parametrize("mono", [float("nan"), float("inf"), -1e300, 1e300])
def test_a_forged_clock_never_goes_back(mono: float) -> None:
    record = record_of(run_started(), node_started(0, at=1), node_started(1, 0, at=mono))
    record.add(node_started(2, 0, at=2))
    assert list(record.seconds) == sorted(record.seconds)
    assert record.seconds[-1] <= 1e9


def test_a_long_chain_of_nodes_is_read_in_no_time() -> None:
    record = Record()
    for number in range(3_000):
        record.add(node_started(number, number - 1 if number else None))
        record.add(requested(number, number))
        record.add(replied(number, number))
    assert record.roots[0].below.calls(record.last) == 3_000
    assert record.entries[2_800].below.calls(record.last) == 100


def test_a_node_cannot_be_below_itself() -> None:
    record = record_of(node_started(1, 2), node_started(2, 1), node_started(1, 2))
    assert [one.number for one in record.roots] == [1]
    assert [one.number for one in record.roots[0].children] == [2]


def test_marks_are_the_places_of_errors_children_and_answers() -> None:
    record = record_of(
        run_started(),
        node_started(0),
        node_started(1, 0),
        node_ended(1, "max_cost", error="no"),
        node_ended(0),
    )
    assert record.marks.children == [2]
    assert record.marks.errors == [3]
    assert record.marks.answers == [4]


def test_a_failure_that_ends_pass_on_is_one_error() -> None:
    record = record_of(
        run_started(),
        node_started(0),
        sub_call(1, recursive=True),
        replace(node_started(1, 0), sub_call=1),
        node_ended(1, "max_cost", error="no"),
        sub_call_ended(1, "max_cost"),
        sub_call(2, recursive=False),
        leaf_request(7, 2),
        failed(0, "gone", call=7),
        sub_call_ended(2, "model_error"),
        node_ended(0, "max_cost", error="no"),
        run_ended(stop_reason="max_cost"),
    )
    # Where the first node ended, the call of the completion failed, and the root ended
    assert record.marks.errors == [4, 8, 10]
    # Ends that are errors are no answers either
    assert record.marks.answers == []


def test_an_end_that_nothing_before_tells_of_is_an_error_of_its_own() -> None:
    given_up = replace(failed(0, "late", call=7), cancelled=True)
    record = record_of(
        run_started(),
        node_started(0),
        sub_call(1, recursive=True),
        # It never began
        sub_call_ended(1, "max_nodes"),
        sub_call(2, recursive=False),
        leaf_request(7, 2),
        given_up,
        sub_call_ended(2, "max_seconds"),
        node_ended(0, "max_cost", error="no"),
        run_ended(stop_reason="max_cost"),
        resumed(),
        # It ends before its root goes on
        run_ended(stop_reason="max_nodes"),
    )
    assert record.marks.errors == [3, 7, 8, 11]


def test_what_was_given_up_is_no_error() -> None:
    ended = NodeEnded(node=0, stop_reason="interrupted", answer="", answer_type="", error="x")
    assert not is_error(ended)
    assert is_error(replace(ended, stop_reason="error"))


def test_all_events_of_a_run_find_their_entry() -> None:
    record = record_of(*synthetic_events(40))
    kinds = {type(e).__name__ for e, o in zip(record.events, record.owners, strict=True) if not o}
    assert kinds == {"RunStarted", "RunEnded"}
    assert sum(len(one.events) for one in record.entries) == len(record.events) - 2
    ended = record.ended(record.last)
    assert ended is not None and record.total.tokens(record.last) == (
        ended.prompt_tokens + ended.completion_tokens
    )
    assert record.ended(record.last - 1) is None


def test_spans_say_who_waited_and_who_worked() -> None:
    record = record_of(*synthetic_events(12))
    for entry in record.entries:
        for span in entry.spans:
            assert span.end is not None and span.start <= span.end, span
            assert span.ended is not None and span.began <= span.ended
    kinds = {span.kind for entry in record.entries for span in entry.spans}
    assert kinds == {"sandbox", "wait", "model", "code", "tool"}


def test_a_sandbox_began_as_long_before_as_its_start_took() -> None:
    for seconds, start in ((2, 3), (9, 0), (-1, 5)):
        ready = SandboxStarted(node=0, pid=7, seconds=seconds, mono=5)
        record = record_of(replace(node_started(0), mono=0), ready)
        assert [span.start for span in record.roots[0].spans] == [start]


def test_after_an_attempt_a_call_waits_only_for_another_one() -> None:
    begin = (run_started(), node_started(0), requested(0, 0), attempt_started(0, 0))
    for wait, kinds in ((1.0, ["wait", "model", "wait"]), (None, ["wait", "model"])):
        record = record_of(*begin, attempt_failed(0, 0, 1, wait=wait))
        assert [span.kind for span in record.roots[0].spans] == kinds


@pytest.mark.parametrize("state", get_args(State))
def test_a_run_is_over_at_the_end_of_what_nobody_writes_any_more(state: State) -> None:
    record = record_of(run_started(), node_started(0))
    for position in (0, 1):
        view = View(record=record, position=position, entry=None, state=state)
        assert view.is_over == (state == "still" and position == 1)


def test_a_reply_without_an_attempt_on_record_was_never_sent() -> None:
    record = record_of(run_started(), node_started(0), requested(0, 0), replied(0, 0))
    assert [span.kind for span in record.roots[0].spans] == ["wait"]


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_any_events_make_a_record(events: list[Event]) -> None:
    record = record_of(node_started(0), node_started(1, 0), *events)
    assert len(record.owners) == len(record.events) == len(record.seconds)
    for entry in record.entries:
        assert entry.parent is None or entry.parent.began <= entry.began
        for position in range(-1, len(record.events)):
            assert entry.state(position) and entry.below.tokens(position) >= 0
        assert len(repr(entry)) < 10_000_000
    assert list(record.seconds) == sorted(record.seconds)
