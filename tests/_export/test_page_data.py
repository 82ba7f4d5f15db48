from __future__ import annotations

from dataclasses import replace
from typing import Any  # what JSON holds has no types

from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelRequested,
    NodeStarted,
    ReplayDiverged,
    RunForked,
    RunResumed,
    SubCallStarted,
)
from rlm_runtime._export.page_data import PageData
from tests._cli.events import (
    SMALL_RUN,
    attempt_failed,
    code,
    executed,
    node_ended,
    node_started,
    replied,
    requested,
    run_ended,
    run_started,
)


def _data(*events: Event, most_events: int = 1000) -> Any:
    page = PageData("r1", lambda ref, shown: shown, most_events=most_events)
    for event in events:
        page.add(event)
    return page.as_json("crashed")


def _asked(node: int, call: int, iteration: int | None, at: float = 0) -> Event:
    messages = ({"role": "user", "content": "go on"},)
    return ModelRequested(
        node=node, call=call, model="m", iteration=iteration, messages=messages, mono=at
    )


def _sub_call(number: int, node: int = 0, iteration: int = 1) -> Event:
    return SubCallStarted(
        node=node,
        sub_call=number,
        iteration=iteration,
        key="k",
        prompt="p",
        context="",
        recursive=True,
        model="m",
    )


def _child(node: int, parent: int, sub_call: int | None) -> Event:
    started = node_started(node, parent)
    assert isinstance(started, NodeStarted)
    return replace(started, sub_call=sub_call)


def _resumed(spent: float, at: float) -> Event:
    return RunResumed(
        version="1", model="m", sub_model="m", limits={}, spent_seconds=spent, mono=at
    )


def test_an_old_trace_without_sub_calls_gives_them_all_the_same() -> None:
    data = _data(*SMALL_RUN, _asked(0, 7, None))
    subs = data["nodes"][0]["steps"][0]["blocks"][0]["subs"]
    assert [sub.get("child") for sub in subs] == [1, None]
    assert subs[1]["calls"][0]["call"] == 7
    assert data["texts"][subs[1]["prompt"]] == "go on"


def test_a_node_answers_the_sub_call_that_it_names() -> None:
    child = _child(1, 0, 5)
    data = _data(run_started(), node_started(0), code(0, 1, "x"), _sub_call(4), _sub_call(5), child)
    subs = data["nodes"][0]["steps"][0]["blocks"][0]["subs"]
    assert [(sub["sub"], sub.get("child")) for sub in subs] == [(4, None), (5, 1)]


def test_a_node_has_no_parent_that_began_after_it() -> None:
    data = _data(run_started(), node_started(1, 0), node_started(0, 1), node_started(1, 1))
    assert [(n["node"], n.get("parent")) for n in data["nodes"]] == [(1, None), (0, 1)]


def test_an_attempt_that_nobody_saw_start_began_its_seconds_before() -> None:
    data = _data(
        run_started(),
        node_started(0),
        requested(0, 0),
        attempt_failed(0, 0, 1, wait=2.0, at=1.0),
        replied(0, 0, attempts=2),
    )
    (attempt,) = data["nodes"][0]["steps"][0]["calls"][0]["attempts"]
    assert (attempt["t"], attempt["end"], attempt["cost"]) == (0.9, 1.0, 0.125)


def test_the_clock_goes_on_where_a_run_is_resumed() -> None:
    data = _data(
        replace(run_started(), mono=1000.0),
        replace(node_started(0), mono=1001.0),
        _resumed(spent=5.0, at=20.0),
        replace(node_started(1, 0), mono=21.0),
        _resumed(spent=0.0, at=-7.0),
        replace(node_started(2, 0), mono=-6.0),
    )
    assert [node["t"] for node in data["nodes"]] == [1.0, 6.0, 7.0]
    assert [(part["t"], part["kind"]) for part in data["run"]["segments"]] == [
        (5.0, "resumed"),
        (6.0, "resumed"),
    ]


def test_a_run_that_ended_and_was_resumed_has_not_ended() -> None:
    resumed = _resumed(spent=5.0, at=20.0)
    data = _data(run_started(), run_ended("max_cost"), resumed)
    assert data["run"]["status"] == "crashed"
    assert "ended" not in data["run"]
    assert _data(run_started(), run_ended("max_cost"), resumed, run_ended())["run"]["status"] == (
        "answered"
    )


def test_a_fork_says_whose_it_is() -> None:
    forked = RunForked(run="r2", parent="r1", node=3, iteration=2, say="try again")
    data = _data(run_started(), forked)
    (segment,) = data["run"]["segments"]
    assert (data["run"]["id"], segment["kind"]) == ("r2", "forked")
    assert data["texts"][segment["text"]] == "r1 at iteration 2 of node 3: try again"


def test_what_came_before_a_divergence_counts_no_more() -> None:
    data = _data(
        run_started(),
        node_started(0),
        code(0, 1, "a"),
        _sub_call(0),
        _child(1, 0, 0),
        executed(0, 1),
        _asked(0, 5, 2),
        code(0, 2, "b"),
        _sub_call(1, iteration=2),
        _child(2, 0, 1),
        _child(3, 2, None),
        executed(0, 2),
        node_ended(0),
        ReplayDiverged(node=0, iteration=1, block=0, reason="the clock"),
        _asked(0, 6, 2),
        code(0, 2, "c"),
    )
    node = data["nodes"][0]
    assert [(s["iteration"], s.get("old", False)) for s in node["steps"]] == [
        (1, False),
        (2, True),
        (2, False),
    ]
    assert [c["call"] for c in node["steps"][2]["calls"]] == [6]
    assert [n["node"] for n in data["nodes"] if n.get("old")] == [2, 3]
    assert "stop" not in node
    assert data["texts"][node["steps"][0]["notes"][0]["text"]] == (
        "The run went on differently at block 0 of iteration 1: the clock"
    )


def test_later_blocks_of_the_iteration_that_diverged_count_no_more() -> None:
    blocks = [CodeStarted(node=0, iteration=1, code=f"b{n}", block=n) for n in range(3)]
    diverged = ReplayDiverged(node=0, iteration=1, block=1, reason="r")
    data = _data(run_started(), node_started(0), *blocks, diverged)
    there = data["nodes"][0]["steps"][0]["blocks"]
    assert [block.get("old", False) for block in there] == [False, False, True]


def test_a_block_that_a_crash_cut_off_is_there_once() -> None:
    data = _data(run_started(), node_started(0), code(0, 1, "x"), code(0, 1, "x"), executed(0, 1))
    (block,) = data["nodes"][0]["steps"][0]["blocks"]
    assert block["end"] == 0.0


def test_an_end_finds_the_block_of_its_number() -> None:
    blocks = [CodeStarted(node=0, iteration=1, code=f"b{n}", block=n) for n in range(2)]
    ended = executed(0, 1)
    assert isinstance(ended, CodeExecuted)
    ended = replace(ended, block=1, stdout="of the second")
    data = _data(run_started(), node_started(0), *blocks, ended)
    first, second = data["nodes"][0]["steps"][0]["blocks"]
    assert "stdout" not in first
    assert data["texts"][second["stdout"]] == "of the second"


def test_events_beyond_the_bound_are_counted() -> None:
    events = [node_started(number) for number in range(20)]
    data = _data(run_started(), *events, most_events=11)
    assert len(data["nodes"]) == 10
    assert data["left_out"]["events"] == 10


def test_an_event_of_a_node_that_never_began_is_left_out() -> None:
    assert _data(run_started(), code(9, 1, "x"), replied(9, 9))["nodes"] == []


def test_a_run_does_not_diverge_for_ever() -> None:
    diverged = ReplayDiverged(node=0, iteration=1, block=0, reason="r")
    data = _data(run_started(), node_started(0), *[diverged] * 1100, most_events=5000)
    assert len(data["nodes"][0]["steps"][0]["notes"]) == 1000


def test_a_name_has_no_more_letters_than_a_name() -> None:
    started = replace(run_started(), model="m" * 10**6)
    data = _data(started)
    assert data["run"]["model"] == "m" * 200
