from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.from_thread
import pytest
from textual.pilot import Pilot

from rlm_runtime._events import CodeExecuted, Event, ModelRequested, NodeStarted, SubCallStarted
from rlm_runtime._trace.writer import open_trace_writer
from rlm_runtime._tui.beside import GivenUpError, run_beside
from rlm_runtime._tui.details import context_reading
from rlm_runtime._tui.details.context_reading import texts_in
from rlm_runtime._tui.record import text_matching
from rlm_runtime._tui.record.context_map import clip, draw, gaps, length_of, merge
from rlm_runtime._tui.record.text_matching import Matcher
from tests._cli.events import run_started
from tests._tui.viewing import open_viewer, screen_text, settle
from tests.hostile_text import ALL, OBEYED

LINES = [f"Line {number} of the book tells of the flood and the dam." for number in range(100)]
BOOK = "\n".join(LINES)


def found(parts: list[str], *texts: str) -> list[tuple[tuple[int, int], ...]]:
    matcher = Matcher(parts, texts, lambda: None)
    return [matcher.find(text) for text in texts]


def test_stretches_are_put_together() -> None:
    assert merge([(5, 7), (1, 3), (3, 4), (6, 9), (2, 2)]) == ((1, 4), (5, 9))
    assert length_of(((1, 4), (5, 9))) == 7
    assert clip(((1, 4), (5, 9), (10, 12)), 3, 10) == ((3, 4), (5, 9))
    assert gaps(((1, 4), (5, 9)), 0, 20) == [(9, 20), (0, 1), (4, 5)]
    assert gaps((), 0, 3) == [(0, 3)]


def test_the_map_is_to_scale() -> None:
    assert draw(((0, 10),), ((50, 100),), 0, 100, 10) == "▓····█████"
    assert draw((), (), 0, 0, 3) == "···"
    assert draw(((1, 2),), (), 0, 3, 6) == "··▓▓··"


def test_a_piece_is_found_as_it_is() -> None:
    at = BOOK.index("Line 17")
    assert found([BOOK], BOOK[at + 9 : at + 200]) == [((at + 9, at + 200),)]


def test_a_line_is_widened_to_where_the_texts_differ() -> None:
    start, end = 5, BOOK.index("Line 2 ") + 3
    assert found([BOOK], f"XX{BOOK[start:end]}YY") == [((start, end),)]


def test_short_lines_are_found_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_matching, "_SMALL", 0)
    table = "\n".join(f"row {number}" for number in range(100))
    start, end = table.index("row 17"), table.index("row 30") - 1
    assert found([table], table[start:end]) == [((start, end),)]


def test_a_part_is_found_as_a_whole() -> None:
    parts = ["short", BOOK, "other"]
    assert found(parts, BOOK, "other") == [
        ((5, 5 + len(BOOK)),),
        ((5 + len(BOOK), 10 + len(BOOK)),),
    ]


def test_lines_are_found_between_others() -> None:
    (intervals,) = found([BOOK], f"first:\n  {LINES[3]}\nsomething else entirely\n{LINES[50]}\n")
    assert [BOOK[start:end].strip("\n") for start, end in intervals] == [LINES[3], LINES[50]]


def test_what_is_quoted_is_found() -> None:
    (intervals,) = found([BOOK], f"0: {(LINES[8] + chr(10) + LINES[9])!r}")
    assert [BOOK[start:end] for start, end in intervals] == [LINES[8], LINES[9]]


def test_pieces_of_a_large_context_are_found_by_their_lines_and_widened() -> None:
    chance = random.Random(3)
    lines = [" ".join(str(chance.random()) for _ in range(6)) for _ in range(22_000)]
    large = "\n".join(lines)
    assert len(large) > 2 * 2**20
    at = large.index(lines[15_000])
    assert found([large], large[at - 30 : at + 500]) == [((at - 30, at + 500),)]


def test_short_and_other_texts_are_not_found() -> None:
    assert found([BOOK], "the flood", "", "nothing of this is in the book, I say") == [(), (), ()]


def test_so_much_is_looked_through_and_no_more() -> None:
    looks = 0

    def check() -> None:
        nonlocal looks
        looks += 1

    parts = [f"part {number} of very many" for number in range(20_000)]
    texts = [f"nowhere in any of the parts {number}" for number in range(3000)]
    matcher = Matcher(parts, texts, check)
    matcher._left = 1_000_000
    for text in texts:
        matcher.find(text)
    assert looks < 100_000


@pytest.mark.anyio
async def test_work_that_nobody_waits_for_ends() -> None:
    begun, ended = anyio.Event(), anyio.Event()

    def look(check: object) -> None:
        anyio.from_thread.run_sync(begun.set)
        try:
            Matcher([BOOK] * 10**6, [], check)  # type: ignore[arg-type] # run_beside gives a function
        except GivenUpError:
            anyio.from_thread.run_sync(ended.set)
            raise

    with anyio.fail_after(50):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run_beside, look)
            await begun.wait()
            tasks.cancel_scope.cancel()
        await ended.wait()


def test_the_texts_in_a_value_have_names() -> None:
    value = {"a.txt": "one", "sub": {"b": "two", 3: ["three", 4]}, "n": None}
    assert texts_in(value) == [("a.txt", "one"), ("sub.b", "two"), ("sub.3.0", "three")]
    assert texts_in("text") == [("", "text")]
    deep: object = "x"
    for _ in range(1000):
        deep = [deep]
    assert texts_in(deep) == []


def printed(iteration: int, text: str) -> tuple[Event, Event]:
    asked = ModelRequested(node=0, call=iteration, model="m", iteration=iteration, messages=())
    ran = CodeExecuted(
        node=0, iteration=iteration, stdout=text, stderr="", error=None, pending=(), seconds=0.1
    )
    return asked, ran


def sent(number: int, ref: str) -> SubCallStarted:
    return SubCallStarted(
        node=0,
        sub_call=number,
        iteration=2,
        key=str(number),
        prompt="Summarise",
        context="str",
        recursive=False,
        model="m",
        context_ref=ref,
    )


async def write_run(folder: Path, context: object, child: object) -> Path:
    """Write a run that prints ten lines first, and sends something to a child then."""
    async with open_trace_writer(folder, "run") as writer:
        ref, child_ref = await writer.keep(context), await writer.keep(child)
        started = NodeStarted(
            node=0, parent=None, depth=0, model="m", query="q", context="c", context_ref=ref
        )
        for event in (run_started(), started, *printed(1, "\n".join(LINES[:10]))):
            writer.write(event)
        for event in (*printed(2, "nothing of it"), sent(0, child_ref)):
            writer.write(event)
        return writer.path


async def shown(pilot: Pilot[None], text: str) -> str:
    with anyio.fail_after(20):
        while text not in (screen := screen_text(pilot)):
            await pilot.pause(0.01)
    return screen


@pytest.mark.anyio
async def test_the_map_is_that_of_the_moment(tmp_path: Path) -> None:
    path = await write_run(tmp_path, BOOK, "\n".join(LINES[50:]))
    async with open_viewer(path, size=(120, 60)) as pilot:
        await pilot.press("0")
        screen = await shown(pilot, "█ sent 50 %")
        assert "▓ printed 10 %" in screen and "· neither 40 %" in screen
        assert "not a proof" in screen
        assert "completion 0" in screen and "iteration 1" in screen
        await pilot.press("left")
        screen = await shown(pilot, "█ sent 0 %")
        assert "▓ printed 10 %" in screen and "completion 0" not in screen.split("By whom")[1]
        await pilot.press("home", "right")
        await shown(pilot, "· neither 100 %")


@pytest.mark.anyio
async def test_a_child_has_the_number_that_the_tree_gives_it(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "run") as writer:
        ref = await writer.keep(BOOK)
        root = NodeStarted(
            node=0, parent=None, depth=0, model="m", query="q", context="c", context_ref=ref
        )
        child = replace(root, node=7, parent=0, depth=1, sub_call=0)
        asked = replace(sent(0, ref), recursive=True)
        for event in (run_started(), root, *printed(1, "nothing of it"), asked, child):
            writer.write(event)
    async with open_viewer(writer.path, size=(120, 60)) as pilot:
        await pilot.press("g", "0")
        screen = (await shown(pilot, "█ sent 100 %")).split("By whom")[1]
        assert "node 7" in screen and "node 0" not in screen
        await pilot.press("left")
        await settle(pilot)
        assert "node 7" not in screen_text(pilot)


@pytest.mark.anyio
async def test_only_so_many_texts_are_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_reading, "_MOST_TEXTS", 1)
    path = await write_run(tmp_path, BOOK, BOOK[:-5])
    async with open_viewer(path, size=(120, 60)) as pilot:
        await pilot.press("0")
        screen = await shown(pilot, "3 more texts were not looked at")
        assert "█ sent 0 %" in screen


@pytest.mark.anyio
async def test_a_text_that_is_too_large_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_reading, "_MOST_CHARS", 2000)
    path = await write_run(tmp_path, BOOK, BOOK[:-5])
    async with open_viewer(path, size=(120, 60)) as pilot:
        await pilot.press("0")
        screen = await shown(pilot, "1 more texts were not looked at")
        assert "▓ printed 10 %" in screen and "█ sent 0 %" in screen


@pytest.mark.anyio
async def test_each_part_of_a_context_has_a_line(tmp_path: Path) -> None:
    context = {"a.txt": "\n".join(LINES[:10]), f"b{ALL}.txt": BOOK[-2000:], "c.txt": "x" * 99}
    path = await write_run(tmp_path, context, [BOOK[-1000:]])
    async with open_viewer(path, size=(120, 60)) as pilot:
        await pilot.press("0")
        screen = await shown(pilot, "in 3 parts")
        assert "Untouched: 1 of 3 parts: c.txt" in screen
        assert not OBEYED.search(screen.replace("\n", ""))
        assert any("a.txt" in line and "100 %" in line for line in screen.splitlines())


@pytest.mark.anyio
async def test_what_was_sent_as_a_whole_is_all_of_it(tmp_path: Path) -> None:
    path = await write_run(tmp_path, BOOK, BOOK)
    async with open_viewer(path, size=(120, 60)) as pilot:
        await pilot.press("0")
        await shown(pilot, "█ sent 100 %")


@pytest.mark.anyio
@pytest.mark.parametrize(("context", "told"), [(b"bytes", "There is no text"), ("", "no text")])
async def test_a_context_without_text_is_no_problem(
    tmp_path: Path, context: object, told: str
) -> None:
    path = await write_run(tmp_path, context, "x")
    async with open_viewer(path) as pilot:
        await pilot.press("0")
        await shown(pilot, told)


@pytest.mark.anyio
async def test_a_context_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "run") as writer:
        started = NodeStarted(
            node=0, parent=None, depth=0, model="m", query="q", context="c", context_ref="ab" * 16
        )
        for event in (run_started(), started):
            writer.write(event)
    async with open_viewer(writer.path) as pilot:
        await pilot.press("0")
        await shown(pilot, "cannot be read")
        await settle(pilot)
