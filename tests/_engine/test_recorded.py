"""What traces hold of replies, and how a miss is explained: traces of any quality."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from rlm_runtime._engine.nearest import Request, explain_miss
from rlm_runtime._engine.recorded import open_recorded
from rlm_runtime._errors import TraceError
from rlm_runtime._events import Event, HistoryTrimmed, ModelFailed, ModelReplied, ModelRequested
from rlm_runtime._types import Message
from tests._cli.events import replied, run_started
from tests.traces import growing_trace, write_trace

pytestmark = pytest.mark.anyio


def requested(
    call: int,
    *texts: tuple[str, str],
    node: int = 0,
    key: str = "k",
    iteration: int | None = 1,
    model: str = "m",
) -> ModelRequested:
    messages = tuple({"role": role, "content": text} for role, text in texts)
    return ModelRequested(
        node=node, call=call, model=model, iteration=iteration, messages=messages, key=key
    )


def answered(call: int, text: str, node: int = 0) -> Event:
    reply = replied(node, call)
    assert isinstance(reply, ModelReplied)
    return replace(reply, text=text)


async def texts(path: Path, key: str = "k") -> list[str]:
    async with open_recorded([path]) as recorded:
        return [(await recorded.load(place)).text for place in recorded.places(key)]


async def test_replies_lie_in_the_order_of_their_requests(tmp_path: Path) -> None:
    path = write_trace(
        tmp_path,
        "r",
        *(requested(call) for call in range(3)),
        *(answered(call, str(call)) for call in (2, 0, 1)),
    )
    assert await texts(path) == ["0", "1", "2"]


async def test_what_fits_nothing_is_left_out(tmp_path: Path) -> None:
    path = write_trace(
        tmp_path,
        "r",
        answered(0, "nobody asked"),
        requested(1, key=""),
        answered(1, "of a release that knew no keys"),
        requested(2),
        ModelFailed(node=0, call=2, error="e", seconds=1),
        answered(2, "after its end"),
        requested(3),
        answered(3, "of another node", node=7),
        requested(4),
        answered(4, "good"),
        answered(4, "once more"),
    )
    assert await texts(path) == ["good"]
    assert await texts(path, "") == []


async def test_the_seed_is_that_of_the_first_run_that_is_named(tmp_path: Path) -> None:
    paths = [write_trace(tmp_path, str(seed), replace(run_started(), seed=seed)) for seed in (5, 6)]
    for order, seed in ((paths, 5), (paths[::-1], 6)):
        async with open_recorded(order) as recorded:
            assert recorded.seed == seed
    async with open_recorded([write_trace(tmp_path, "none")]) as recorded:
        assert recorded.seed is None


async def test_a_run_that_is_being_written_gives_what_it_has(tmp_path: Path) -> None:
    with growing_trace(tmp_path, "r", requested(0), answered(0, "x"), requested(1)) as path:
        assert await texts(path) == ["x"]


async def test_no_trace_and_a_damaged_one_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path / "garbage"):
        (tmp_path / "garbage").write_bytes(b"\xff" * 999)
        with pytest.raises(TraceError, match="Cannot read trace"):
            async with open_recorded([path]):
                pytest.fail("It opened")


async def test_texts_do_not_stay_in_memory_and_no_file_stays(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    large = "x" * 1_000_000
    path = write_trace(tmp_path, "r", requested(0), answered(0, large))
    async with open_recorded([path]) as recorded:
        (place,) = recorded.places("k")
        assert place.size > len(large)
        assert (await recorded.load(place)).text == large
        held = [getattr(recorded, name) for name in vars(recorded)]
        assert large not in repr(held)
        assert len(repr(held)) < 10_000
    assert set(os.listdir("/proc/self/fd")) == before
    with pytest.raises(TraceError, match="Cannot recall a reply of run 'r'"):
        await recorded.load(place)


SYSTEM, FIRST = ("system", "be good"), ("user", "query")
SAID, SEEN = ("assistant", "print(1)"), ("user", "1\n\nLeft: 3 calls, 9 s.")


def asked_for(
    *texts: tuple[str, str], model: str = "m", key: str = "new", iteration: int | None = 2
) -> Request:
    messages = [Message(role=role, content=text) for role, text in texts]  # type: ignore[arg-type]
    return Request(0, iteration, model, messages, key)


def why(tmp_path: Path, request: Request, *events: Event) -> str:
    return explain_miss(request, [write_trace(tmp_path, "r", *events)])


HISTORY: Sequence[Event] = (
    requested(0, SYSTEM, FIRST),
    requested(1, SAID, SEEN, iteration=2),
    requested(2, SYSTEM, ("user", "a leaf"), iteration=None),
)


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (
            asked_for(SYSTEM, FIRST, SAID, ("user", "2\n\nLeft: 7 calls, 1 s.")),
            "the nearest recorded request, reply 2 of node 0 of run 'r', differs first in message 4"
            " (user), at character 0: '1' there, '2' here",
        ),
        (
            asked_for(SYSTEM, FIRST, SAID, ("user", "1\n\nLeft: 7 calls, 1 s.")),
            "reply 2 of node 0 of run 'r' has the same messages, but another schema or other"
            " settings of the model",
        ),
        (
            asked_for(SYSTEM, FIRST, SAID, SEEN, key="k"),
            "reply 2 of node 0 of run 'r' is the same, but was never answered",
        ),
        (
            asked_for(SYSTEM, ("user", "a leaf of mine"), iteration=None),
            "the nearest recorded request, a completion for node 0 of run 'r', differs first in"
            " message 2 (user), at character 6: 'a leaf' there, 'a leaf of mine' here",
        ),
        (
            asked_for(SYSTEM, FIRST, SAID, SEEN, ("assistant", "more"), ("user", "x")),
            "the nearest recorded request, reply 2 of node 0 of run 'r', ends before message 5,"
            " 'more'",
        ),
        (
            asked_for(SYSTEM),
            "the nearest recorded request, reply 1 of node 0 of run 'r', has 1 more messages",
        ),
        (
            asked_for(SYSTEM, FIRST, model="other"),
            "no request to it is on record; recorded models: 'm'",
        ),
    ],
)
def test_the_nearest_request_and_its_difference(
    tmp_path: Path, request_: Request, told: str
) -> None:
    assert why(tmp_path, request_, *HISTORY) == told


def test_long_texts_are_told_by_what_is_around_the_difference(tmp_path: Path) -> None:
    one, other = (("user", "a" * 100_000 + end + "b" * 100_000) for end in ("X\n", "Y"))
    told = why(tmp_path, asked_for(SYSTEM, other), requested(0, SYSTEM, one))
    assert "at character 100000: …'aaa" in told and r"aaaX\nbbb" in told and "aaaYbbb" in told
    assert len(told) < 500


def test_of_those_that_begin_alike_the_one_of_the_same_length_is_nearest(tmp_path: Path) -> None:
    events = (requested(0, SYSTEM, FIRST, SAID, SEEN, iteration=2), requested(1, SYSTEM, FIRST))
    told = why(tmp_path, asked_for(SYSTEM, FIRST), *events)
    assert told.startswith("reply 1 of node 0 of run 'r' has the same messages")


def test_a_history_that_was_trimmed_begins_anew(tmp_path: Path) -> None:
    short = ("assistant", "(left out)")
    trimmed = HistoryTrimmed(node=0, iteration=2, messages=1, characters=9, exceeded=False)
    events = (*HISTORY[:2], trimmed, requested(3, SYSTEM, FIRST, short, SEEN, iteration=2))
    told = why(tmp_path, asked_for(SYSTEM, FIRST, short, SEEN), *events)
    assert told.endswith("has the same messages, but another schema or other settings of the model")


def test_a_trace_without_requests_or_with_odd_ones_is_no_trouble(tmp_path: Path) -> None:
    assert why(tmp_path, asked_for(SYSTEM)) == (
        "no request to it is on record; recorded models: none"
    )
    odd = replace(requested(0), messages=({"x": "y"}, {}))
    assert "differs first in message 1 (system)" in explain_miss(
        asked_for(SYSTEM), [write_trace(tmp_path, "odd", odd)]
    )
