from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelReplied,
    ModelRequested,
    NodeStarted,
    RunStarted,
    SubCallStarted,
    ToolCalled,
)
from rlm_runtime._tui.comparing.align import Alignment, StepPair, align
from rlm_runtime._tui.comparing.rows import Line
from rlm_runtime._tui.record.record import Record
from tests._cli.events import diverged, node_ended, node_started, resumed, run_started
from tests._tui.viewing import record_of

EVENTS = tuple(synthetic_events(6))


def changed(change: Callable[[Event], Event | None], events: tuple[Event, ...] = EVENTS) -> Record:
    """Make the record of events, each changed; None leaves it out."""
    return record_of(*(new for event in events if (new := change(event)) is not None))


def first_step(alignment: Alignment) -> StepPair:
    """Give the first difference, which is a step."""
    assert alignment.first is not None
    return alignment.pairs[alignment.first[0]].steps[alignment.first[1]]


def of_node(event: Event, number: int) -> bool:
    return getattr(event, "node", -1) == number


def test_a_run_is_the_same_as_itself() -> None:
    alignment = align(record_of(*EVENTS), record_of(*EVENTS))
    assert alignment.first is None
    assert alignment.differing == 0
    assert len(alignment.pairs) == 1 + len(record_of(*EVENTS).entries)
    assert {step.verdict for pair in alignment.pairs for step in pair.steps} == {"same"}


def test_another_order_of_what_happens_at_once_is_no_difference() -> None:
    first, second = [one for one in EVENTS if isinstance(one, SubCallStarted)][:2]
    assert first.node == second.node
    swapped = [event for event in EVENTS if event != second]
    swapped.insert(swapped.index(first), second)
    assert align(record_of(*EVENTS), record_of(*swapped)).first is None


@pytest.mark.parametrize("node", [0, 2])
def test_the_first_difference_is_found(node: int) -> None:
    replies = [at for at, one in enumerate(EVENTS) if isinstance(one, ModelReplied)]
    of_it = [at for at in replies if of_node(EVENTS[at], node)][1:]

    def change(event: Event) -> Event:
        at = EVENTS.index(event)
        return replace(event, text="else") if at in of_it else event  # type: ignore[call-arg] # a reply

    alignment = align(record_of(*EVENTS), changed(change))
    step = first_step(alignment)
    assert (step.kind, step.verdict, step.a, step.b) == (
        "reply",
        "different",
        of_it[0],
        of_it[0],
    )


def test_the_first_difference_is_first_in_time_and_not_in_the_tree() -> None:
    code = {
        node: [e for e in EVENTS if isinstance(e, CodeStarted) and e.node == node]
        for node in (1, 2)
    }
    late, early = sorted((code[1][-1], code[2][0]), key=lambda event: -event.mono)
    b = changed(lambda event: replace(event, code="1") if event in (late, early) else event)
    alignment = align(record_of(*EVENTS), b)
    assert EVENTS[first_step(alignment).a or 0] == early
    assert alignment.differing == 2


def test_an_entry_that_one_run_has_alone_is_named() -> None:
    lost = next(one for one in EVENTS if isinstance(one, NodeStarted) and one.node == 5)
    without = changed(
        lambda event: (
            None
            if of_node(event, 5) or getattr(event, "sub_call", None) == lost.sub_call
            else event
        )
    )
    for runs, verdict in (
        ((record_of(*EVENTS), without), "only a"),
        ((without, record_of(*EVENTS)), "only b"),
    ):
        alignment = align(*runs)
        assert alignment.first is not None
        pair = alignment.pairs[alignment.first[0]]
        assert (pair.verdict, alignment.first[1]) == (verdict, -1)
        assert (pair.a or pair.b) is not None
        assert alignment.pairs[1].below >= 1


def test_only_the_beginning_of_run_a_is_looked_at_if_asked() -> None:
    a = record_of(*EVENTS)
    alignment = align(a, record_of(*EVENTS[: a.last // 2 + 1]), last_a=a.last // 2)
    assert alignment.first is None


def test_what_a_run_was_set_to_is_no_first_difference_where_another_is() -> None:
    def change(event: Event) -> Event:
        if isinstance(event, RunStarted):
            return replace(event, seed=9)
        return replace(event, text="else") if isinstance(event, ModelReplied) else event

    alignment = align(record_of(*EVENTS), changed(change))
    assert first_step(alignment).kind == "reply"
    only_seed = align(
        record_of(*EVENTS),
        changed(lambda e: replace(e, seed=9) if isinstance(e, RunStarted) else e),
    )
    assert first_step(only_seed).kind == "settings"


def test_what_was_asked_again_after_a_crash_counts_once() -> None:
    at = next(n for n, one in enumerate(EVENTS) if isinstance(one, ModelRequested))
    assert align(record_of(*EVENTS), record_of(*EVENTS[: at + 1], *EVENTS[at:])).first is None


def test_a_reference_tells_texts_apart_whose_beginnings_are_the_same() -> None:
    started = next(one for one in EVENTS if isinstance(one, NodeStarted))
    runs = [record_of(replace(started, context_ref=ref)) for ref in ("aa", "bb", "aa")]
    assert first_step(align(runs[0], runs[1])).kind == "context"
    assert align(runs[0], runs[2]).first is None


def test_a_text_that_was_cut_leaves_its_step_unsure() -> None:
    a, b = Record(), Record()
    for event in EVENTS:
        is_reply = isinstance(event, ModelReplied)
        a.add(event, cut=is_reply)
        b.add(event, cut=is_reply)
    steps = [step for pair in align(a, b).pairs for step in pair.steps]
    assert {step.kind for step in steps if step.unsure} == {"reply"}


def test_a_chain_of_many_thousand_nodes_is_aligned() -> None:
    started = next(one for one in EVENTS if isinstance(one, NodeStarted))
    chain = [replace(started, node=n, parent=n - 1 if n else None, depth=n) for n in range(5000)]
    other = [*chain[:-1], replace(chain[-1], query="else")]
    alignment = align(record_of(*chain), record_of(*other))
    assert alignment.first == (5000, 0)
    assert alignment.pairs[1].below == 1


def test_what_differs_below_an_entry_alone_is_no_difference_of_its_own() -> None:
    entry = partial(Line, 0, 1)
    assert not entry(verdict="different").is_difference
    assert entry(verdict="different", step=0).is_difference
    assert entry(verdict="only a").is_difference
    assert not entry(verdict="same", step=0).is_difference


def test_work_that_is_given_up_ends() -> None:
    class GivenUpError(Exception):
        pass

    def give_up(done: int, total: int) -> None:
        assert 0 < done <= total
        raise GivenUpError

    record = record_of(*synthetic_events(60))
    with pytest.raises(GivenUpError):
        align(record, record, report=give_up)


def test_what_counts_no_more_after_a_divergence_is_no_step() -> None:
    def ran(iteration: int, stdout: str) -> Event:
        return CodeExecuted(
            node=0,
            iteration=iteration,
            stdout=stdout,
            stderr="",
            error=None,
            pending=(),
            seconds=1,
        )

    def did(iteration: int, call: int) -> list[Event]:
        tool = ToolCalled(node=0, call=call, tool="t", arguments="", iteration=iteration)
        done = CodeStarted(node=0, iteration=iteration, code=f"{iteration}"), tool
        request = ModelRequested(node=0, call=call, model="m", iteration=iteration, messages=())
        return [request, *done, ran(iteration, "x")]

    start = [run_started(), node_started(0)]
    anew = ran(1, "y")
    before = [*start, *did(1, 0), *did(2, 1), *did(3, 2), node_ended(0, "interrupted")]
    diverging = [*before, resumed(), diverged(0, 1), anew, *did(2, 3), node_ended(0)]
    straight = [*start, *did(1, 0)[:-1], anew, *did(2, 1), node_ended(0)]
    alignment = align(record_of(*diverging), record_of(*straight))
    assert alignment.first is None and alignment.differing == 0
    # Before it diverged it all counted
    a, last = record_of(*diverging), len(before) - 1
    alignment = align(a, record_of(*before), last_a=last)
    assert alignment.first is None and len(alignment.pairs[1].steps) > 12


def test_a_part_of_a_run_is_the_same_as_the_run_up_to_there() -> None:
    record = record_of(*EVENTS)
    child = record.entries[1]
    assert child.numbered is not None
    # Its number is told later than it began
    last = child.numbered - 1
    assert align(record, record_of(*EVENTS[: last + 1]), last_a=last).first is None
