from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._errors import TraceError
from rlm_runtime._events import CodeExecuted, Event, ModelRequested
from rlm_runtime._trace.writer import open_trace_writer, reopen_trace_writer
from rlm_runtime._tui.record.shortening import Shortener
from rlm_runtime._tui.source import Batch, Source, open_source
from tests._cli.events import SMALL_RUN, executed, node_started, run_started
from tests._tui.viewing import write

pytestmark = pytest.mark.anyio

OUTPUT = CodeExecuted(
    node=0, iteration=1, stdout="", stderr="", error=None, pending=(), seconds=0.5
)
LONG = "x" * 20_000 + "end"


async def take_until(source: Source, state: str) -> list[Batch]:
    batches = []
    with anyio.fail_after(20):
        async for batch in source.batches():
            batches.append(batch)
            if batch.state == state:
                break
    return batches


def events_of(batches: Sequence[Batch]) -> list[Event]:
    return [event for batch in batches for event, _, _ in batch.events]


async def test_a_whole_trace_comes_in_batches(tmp_path: Path) -> None:
    events = list(synthetic_events(40))
    async with open_source(await write(tmp_path, *events)) as source:
        batches = await take_until(source, "still")
    assert events_of(batches) == events
    assert [batch.state for batch in batches] == ["reading"] * (len(batches) - 1) + ["still"]
    assert max(len(batch.events) for batch in batches) <= 500


async def test_a_growing_trace_is_followed_until_it_is_gone_on_with(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "run") as writer:
        writer.write(run_started())
        await writer.wait_written()
        async with open_source(writer.path) as source:
            batches = source.batches()
            assert (await anext(batches)).events[0][0] == run_started()
            assert (await anext(batches)).state == "growing"
            writer.write(node_started(0))
            await writer.wait_written()
            with anyio.fail_after(20):
                while not (batch := await anext(batches)).events:
                    assert batch.state == "growing"
            assert batch.events[0][0] == node_started(0)
    async with open_source(writer.path) as source:
        batches = source.batches()
        with anyio.fail_after(20):
            while (await anext(batches)).state != "still":
                pass
        async with reopen_trace_writer(writer.path) as again:
            again.write(node_started(1, 0))
            await again.wait_written()
            with anyio.fail_after(20):
                while not (batch := await anext(batches)).events:
                    pass
    assert batch.events[0][0] == node_started(1, 0)


async def test_a_long_text_is_shortened_and_found_whole(tmp_path: Path) -> None:
    event = replace(OUTPUT, stdout=LONG)
    async with open_source(await write(tmp_path, run_started(), event)) as source:
        (_, (short, place, cut)) = events_of_all(await take_until(source, "still"))
        assert isinstance(short, CodeExecuted)
        assert (cut, len(short.stdout)) == (True, 16_384)
        assert await source.event(place) == event


def events_of_all(batches: Sequence[Batch]) -> list[tuple[Event, int, bool]]:
    return [one for batch in batches for one in batch.events]


async def test_a_damaged_trace_gives_what_comes_before_the_damage(tmp_path: Path) -> None:
    path = await write(tmp_path, *SMALL_RUN)
    data = bytearray(path.read_bytes())
    data[-300] ^= 1
    path.write_bytes(data)
    async with open_source(path) as source:
        batches = [batch async for batch in source.batches()]
    events = events_of(batches)
    assert 2 < len(events) < len(SMALL_RUN) and events == list(SMALL_RUN[: len(events)])
    assert (batches[-1].state, "damaged" in batches[-1].damage) == ("still", True)


async def test_an_event_that_is_not_there_is_a_trace_error(tmp_path: Path) -> None:
    async with open_source(await write(tmp_path, *SMALL_RUN)) as source:
        with pytest.raises(TraceError):
            await source.event(3)
        with pytest.raises(TraceError):
            await source.value("00" * 16)


def test_messages_are_shortened_too() -> None:
    message = {"role": "user", "content": LONG}
    event = ModelRequested(node=0, call=0, model="m", iteration=1, messages=(message,))
    short, cut = Shortener().shorten(event)
    assert cut and isinstance(short, ModelRequested)
    assert len(short.messages[0]["content"]) == 16_384
    assert Shortener().shorten(SMALL_RUN[0]) == (SMALL_RUN[0], False)


def test_events_are_kept_short_once_there_is_much_text() -> None:
    shortener = Shortener(total=10_000)
    event = replace(OUTPUT, stdout="y" * 6_000)
    sizes = []
    for _ in range(4):
        short, _ = shortener.shorten(event)
        assert isinstance(short, CodeExecuted)
        sizes.append(len(short.stdout))
    assert sizes == [6_000, 6_000, 500, 500]
    assert shortener.shorten(executed(0, 1)) == (executed(0, 1), False)


def test_lists_of_an_event_are_shortened_too() -> None:
    names = tuple(f"name {number}" for number in range(20_000))
    short, cut = Shortener().shorten(replace(OUTPUT, pending=names, variables=(LONG,)))
    assert cut and isinstance(short, CodeExecuted)
    assert (short.pending[0], short.pending[-1]) == ("name 0", "name 19999")
    assert (len(short.pending), len(short.variables[0])) == (10_000, 16_384)
    few = replace(OUTPUT, pending=names[:9_000])
    assert Shortener().shorten(few) == (few, False)


@pytest.mark.parametrize("message", [{}, {"role": "user", "content": "x"}])
def test_many_small_messages_count_as_much_text(message: dict[str, str]) -> None:
    shortener = Shortener(total=10_000)
    event = ModelRequested(node=0, call=0, model="m", iteration=1, messages=(message,) * 1_000)
    sizes = []
    for _ in range(3):
        short, _ = shortener.shorten(event)
        assert isinstance(short, ModelRequested)
        sizes.append(len(short.messages))
    assert sizes == [1_000, 50, 50]


def test_a_message_of_many_parts_is_shortened() -> None:
    message = {f"part {number}": "x" for number in range(20_000)}
    event = ModelRequested(node=0, call=0, model="m", iteration=1, messages=(message,))
    short, cut = Shortener().shorten(event)
    assert cut and isinstance(short, ModelRequested) and len(short.messages[0]) == 10_000
