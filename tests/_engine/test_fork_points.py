"""Where a run can be forked, and what of the other run is recalled then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_runtime._engine.fork_points import find_fork_point
from rlm_runtime._engine.past_reading import read_past
from rlm_runtime._engine.recorded import open_recorded
from rlm_runtime._errors import InputError
from rlm_runtime._events import (
    Event,
    ModelReplied,
    ModelRequested,
    NodeStarted,
    ReplayDiverged,
    RunForked,
    RunResumed,
)
from tests._cli.events import replied, run_started
from tests.traces import write_trace

pytestmark = pytest.mark.anyio


def requested(node: int, iteration: int | None, call: int = 0) -> ModelRequested:
    key = f"{node}:{iteration}"
    return ModelRequested(
        node=node, call=call, model="m", iteration=iteration, messages=(), key=key
    )


def answered(node: int, call: int) -> Event:
    reply = replied(node, call)
    assert isinstance(reply, ModelReplied)
    return replace(reply, text=str(call))


def numbered(*events: Event) -> list[Event]:
    return [replace(one, seq=at, mono=10.0 + at) for at, one in enumerate(events)]


RUN = numbered(
    requested(0, 1, 0),
    answered(0, 0),
    requested(1, 1, 1),
    requested(1, None, 2),
    requested(2, 1, 3),
    answered(1, 1),
    requested(1, 2, 4),
    answered(2, 3),
    answered(1, 4),
    requested(0, 2, 5),
    answered(0, 5),
)


def test_it_is_where_the_reply_was_asked_for() -> None:
    point = find_fork_point(RUN, 1, 2)
    assert (point.node, point.iteration, point.seq, point.mono) == (1, 2, 6, 15.0)
    assert find_fork_point(RUN, 0, 1).mono == 0.0


@pytest.mark.parametrize(
    ("node", "iteration", "told"),
    [
        (1, 3, "Cannot fork at 1:3: node 1 has replies 1 to 2"),
        (2, 0, "Cannot fork at 2:0: node 2 has reply 1"),
        (
            7,
            1,
            "Cannot fork at 7:1: there is no such node; node 0 has replies 1 to 2, node 1 has"
            " replies 1 to 2, node 2 has reply 1",
        ),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(node: int, iteration: int, told: str) -> None:
    with pytest.raises(InputError) as caught:
        find_fork_point(RUN, node, iteration)
    assert str(caught.value) == told


def test_long_and_empty_runs_are_told_in_short() -> None:
    with pytest.raises(InputError, match="no reply was ever asked for"):
        find_fork_point([], 0, 1)
    with pytest.raises(InputError, match="node 19 has reply 1, and 80 more nodes$"):
        find_fork_point(numbered(*(requested(node, 1) for node in range(100))), 100, 1)


def test_a_request_that_was_sent_again_is_the_first_and_one_that_counts_no_more_is_none() -> None:
    again = numbered(*RUN, requested(0, 2, 6))
    assert find_fork_point(again, 0, 2).seq == 9
    diverged = ReplayDiverged(node=0, iteration=1, block=0, reason="r")
    with pytest.raises(InputError, match="node 0 has reply 1$"):
        find_fork_point(numbered(*RUN, diverged), 0, 2)
    assert find_fork_point(numbered(*RUN, diverged, requested(0, 2, 6)), 0, 2).seq == 12
    assert find_fork_point(numbered(*RUN, diverged), 1, 2).seq == 6


async def recallable(tmp_path: Path, at: tuple[int, int], *more: Sequence[Event]) -> list[str]:
    paths = [write_trace(tmp_path, str(n), *events) for n, events in enumerate((RUN, *more))]
    keys = dict.fromkeys(one.key for one in RUN if isinstance(one, ModelRequested))
    async with open_recorded(paths, find_fork_point(RUN, *at)) as recorded:
        return [
            f"{key} {(await recorded.load(place)).text} {place.run}"
            for key in keys
            for place in recorded.places(key)
        ]


async def test_what_is_shared_and_the_reply_itself_are_not_recalled(tmp_path: Path) -> None:
    # Node 2 was asked before, but answered after it
    assert await recallable(tmp_path, (1, 2)) == ["2:1 3 0", "0:2 5 0"]


async def test_of_other_runs_all_is_recalled(tmp_path: Path) -> None:
    found = await recallable(tmp_path, (0, 2), RUN)
    assert found == ["0:1 0 1", "1:1 1 1", "2:1 3 1", "1:2 4 1", "0:2 5 1"]


def test_the_time_that_is_shared_counts_once_and_what_is_said_is_kept() -> None:
    started = NodeStarted(node=1, parent=0, depth=1, model="m", query="q", context="str")
    forked = RunForked(run="new", parent="old", node=1, iteration=2, say="More.")
    events = [run_started(), started, requested(1, 1, 0), answered(1, 0), forked]
    shared = [replace(one, seq=at, mono=100.0 + at) for at, one in enumerate(events)]
    # No time passes between the last event that is shared and the fork
    shared[-1] = replace(shared[-1], mono=shared[-2].mono)
    resumed = RunResumed(
        seq=5, mono=9000.0, version="1", model="m", sub_model="m", limits={}, spent_seconds=3.0
    )
    for record in (shared, [*shared, resumed]):
        past = read_past(record)
        assert past is not None and past.fork is not None
        assert (past.run, past.seconds) == ("new", 3.0)
        assert past.nodes[1].said == {2: ["More."]}
