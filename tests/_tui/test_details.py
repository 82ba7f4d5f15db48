from __future__ import annotations

import os
import signal
import stat
from pathlib import Path

import anyio
import pytest
from textual.drivers.headless_driver import HeadlessDriver
from textual.pilot import Pilot

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import Event
from rlm_runtime._tui.details.document import Code
from rlm_runtime._tui.details.editor import edit, editor_of
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.details.tabs import PageTabs
from rlm_runtime._tui.details.text_view import TextView
from tests._tui.moments import asked, called, code, ended, ran, replied, started, sub_ended
from tests._tui.viewing import open_viewer, screen_text, settle, viewer_of, write

pytestmark = pytest.mark.anyio

LONG = "".join(f"x{number} = {number}\n" for number in range(5_000)) + "END = 'of it'\n"


async def trace(folder: Path, *more: Event) -> Path:
    events = (started(), asked(0, 1, "why?"), replied(0, "THE REPLY"), code("x = 1", 1))
    return await write(folder, *events, *more)


def details_of(pilot: Pilot[None]) -> Details:
    return pilot.app.query_one(Details)


def named(name: str) -> str:
    return str(next(n for n, page in enumerate(PAGES, 1) if page.name == name) % 10)


async def until(pilot: Pilot[None], text: str) -> None:
    """Wait until a text is on the screen."""
    with anyio.fail_after(20):
        while text not in screen_text(pilot):
            await pilot.pause(0.01)


def notices(pilot: Pilot[None]) -> str:
    return "\n".join(one.message for one in pilot.app._notifications)


async def until_told(pilot: Pilot[None], text: str) -> None:
    """Wait until a notice has a text in it."""
    with anyio.fail_after(20):
        while text not in notices(pilot):
            await pilot.pause(0.01)


async def test_each_page_has_a_number(tmp_path: Path) -> None:
    path = await trace(tmp_path, ran(1, stdout="THE OUTPUT"), ended())
    async with open_viewer(path) as pilot:
        assert "1 x = 1" in screen_text(pilot)
        for name, text in [
            ("Now", "Node 0 ended"),
            ("Output", "THE OUTPUT"),
            ("Messages", "THE REPLY"),
            ("Answer", "✓ answered"),
            ("Usage", "Spent so far"),
            ("Error", "Nothing has gone wrong"),
            ("Calls", "asked for nothing yet"),
            ("Code", "1 x = 1"),
        ]:
            await pilot.press(named(name))
            await settle(pilot)
            assert text in screen_text(pilot), name


async def test_pages_can_be_turned(tmp_path: Path) -> None:
    async with open_viewer(await trace(tmp_path)) as pilot:
        pane = details_of(pilot)
        first = pane.page
        await pilot.press("greater_than_sign")
        assert pane.page == first + 1
        await pilot.press("less_than_sign", "less_than_sign")
        assert pane.page == first - 1
        for _ in PAGES:
            await pilot.press("greater_than_sign")
        assert pane.page == first - 1


async def test_a_click_on_a_sub_call_shows_its_answer(tmp_path: Path) -> None:
    path = await trace(tmp_path, called(0), called(1), sub_ended(1, "Paris"))
    async with open_viewer(path) as pilot:
        viewer, root = viewer_of(pilot), viewer_of(pilot).record.entries[0]
        await pilot.press("enter", named("Calls"))
        await settle(pilot)
        assert viewer.folded == {root.id}
        await pilot.click("#page", offset=(30, 0))
        await pilot.click("#page", offset=(30, 9))
        await settle(pilot)
        assert viewer.entry is root
        await pilot.click("#page", offset=(30, 3))
        await settle(pilot)
        assert viewer.entry is viewer.record.entries[2]
        assert not viewer.folded
        assert "✓ answered  str" in screen_text(pilot) and "Paris" in screen_text(pilot)


async def test_the_page_stays_where_the_user_put_it(tmp_path: Path) -> None:
    more = (called(0), asked(1, None, "capital?", sub_call=0), replied(1, "Paris"))
    path = await trace(tmp_path, *more, sub_ended(0, "Paris"))
    async with open_viewer(path) as pilot:
        pane, viewer = details_of(pilot), viewer_of(pilot)
        assert PAGES[pane.page].name == "Code"
        viewer.select(viewer.record.entries[1])
        await settle(pilot)
        assert PAGES[pane.page].name == "Answer"
        await pilot.press(named("Usage"))
        viewer.select(viewer.record.entries[0])
        await settle(pilot)
        assert PAGES[pane.page].name == "Usage"


@pytest.mark.parametrize("width", [56, 63, 80, 120])
async def test_names_of_pages_fit_and_can_be_clicked(tmp_path: Path, width: int) -> None:
    async with open_viewer(await trace(tmp_path), size=(width, 24)) as pilot:
        pane, tabs = details_of(pilot), pilot.app.query_one(PageTabs)
        assert len(tabs._ends) == len(PAGES)
        assert tabs._ends[-1] <= tabs.size.width
        for number in (0, len(PAGES) - 1, 2):
            assert await pilot.click(tabs, offset=(tabs._ends[number] - 2, 0))
            await settle(pilot)
            assert pane.page == number


async def test_pages_without_news_are_dimmed(tmp_path: Path) -> None:
    async with open_viewer(await trace(tmp_path)) as pilot:
        tabs = pilot.app.query_one(PageTabs)
        told = dict(zip([page.name for page in PAGES], tabs._news, strict=True))
        assert told["Code"] and told["Messages"] and told["Now"]
        assert not told["Output"] and not told["Calls"] and not told["Answer"]


async def test_an_entry_that_has_not_begun_is_told_so(tmp_path: Path) -> None:
    async with open_viewer(await trace(tmp_path, called(0))) as pilot:
        viewer = viewer_of(pilot)
        viewer.select(viewer.record.entries[1])
        viewer.move_to(1, track=False)
        await settle(pilot)
        assert "completion 0 has not begun yet" in screen_text(pilot)


async def test_a_page_is_made_anew_only_when_its_entry_has_news(tmp_path: Path) -> None:
    path = await trace(tmp_path, called(0), called(1), replied(1, "?"))
    async with open_viewer(path) as pilot:
        viewer, pane = viewer_of(pilot), details_of(pilot)
        await pilot.press(named("Messages"))
        viewer.move_to(4, track=False)
        await settle(pilot)
        before = pane.document
        viewer.move_to(5, track=False)
        await settle(pilot)
        assert pane.document is before
        viewer.move_to(2, track=False)
        await settle(pilot)
        assert pane.document is not before


async def test_cut_texts_are_read_in_whole(tmp_path: Path) -> None:
    path = await write(tmp_path, started(), asked(0, 1, "why?"), code(LONG, 1))
    async with open_viewer(path) as pilot:
        pane = details_of(pilot)
        with anyio.fail_after(20):
            while "END" not in pane.document.main:
                await pilot.pause(0.01)
        block = pane.document.blocks[1]
        assert isinstance(block, Code) and block.text == LONG


async def test_a_text_that_cannot_be_read_is_told_so(tmp_path: Path) -> None:
    path = await trace(tmp_path, ended(answer="cut", answer_ref="0" * 32))
    async with open_viewer(path) as pilot:
        await pilot.press(named("Answer"))
        await until(pilot, "The whole text cannot be read")
        assert "cut" in screen_text(pilot)


async def test_w_wraps_long_lines_or_not(tmp_path: Path) -> None:
    path = await write(tmp_path, started(), asked(0, 1, "why?"), code("x = 1 # " + "y" * 200, 1))
    async with open_viewer(path, size=(80, 30)) as pilot:
        text = pilot.app.query_one(TextView)
        assert text.wraps and text.virtual_size.height == 4
        await pilot.press("w")
        await settle(pilot)
        assert not text.wraps and text.virtual_size.height == 2


async def test_y_copies_the_whole_text_and_says_how_much(tmp_path: Path) -> None:
    path = await write(tmp_path, started(), asked(0, 1, "why?"), code(LONG + "\x1b[31m", 1))
    async with open_viewer(path) as pilot:
        await pilot.press("y")
        await until_told(pilot, f"Copied {len(LONG) + 8:,} characters")
        # What would steer a terminal that it is pasted into is visible instead
        assert pilot.app.clipboard == LONG + "\\x1b[31m"


async def test_y_copies_no_more_than_a_terminal_takes(tmp_path: Path) -> None:
    path = await write(tmp_path, started(), asked(0, 1, "why?"), code("x" * 1_500_000, 1))
    async with open_viewer(path) as pilot:
        await pilot.press("y")
        await until_told(pilot, "Copied the first 1,000,000 of 1,500,000 characters")
        assert len(pilot.app.clipboard) == 1_000_000


async def test_y_and_o_say_when_there_is_no_text(tmp_path: Path) -> None:
    async with open_viewer(await trace(tmp_path)) as pilot:
        await pilot.press(named("Error"), "y")
        await until_told(pilot, "no text to copy")
        await pilot.press("o")
        await until_told(pilot, "no text to open")


async def test_o_says_when_no_editor_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)
    async with open_viewer(await trace(tmp_path)) as pilot:
        await pilot.press("o")
        await until_told(pilot, "neither VISUAL nor EDITOR")


async def test_o_says_when_the_terminal_cannot_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISUAL", "true")
    async with open_viewer(await trace(tmp_path)) as pilot:
        await pilot.press("o")
        await until_told(pilot, "this terminal cannot be left")


def make_editor(folder: Path, *commands: str) -> str:
    editor = folder / "my editor"
    editor.write_text("#!/bin/sh\n" + "\n".join(commands) + "\n")
    editor.chmod(0o700)
    return f"'{editor}' --wait"


async def test_o_opens_the_whole_text_in_the_editor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HeadlessDriver, "can_suspend", True)
    told = tmp_path / "told"
    editor = make_editor(
        tmp_path, f"cat \"$2\" > '{told}'", f"echo \"$1 $2\" >> '{told}'", "exit 3"
    )
    monkeypatch.setenv("VISUAL", editor)
    path = await write(tmp_path, started(), asked(0, 1, "why?"), code(LONG, 1))
    async with open_viewer(path) as pilot:
        await pilot.press("o")
        await until_told(pilot, "ended with status 3")
        text = told.read_text()
        assert text.startswith(LONG)
        flag, name = text.splitlines()[-1].split(" ", 1)
        assert flag == "--wait" and name.endswith(".py")
        assert not await anyio.Path(name).parent.exists()
        await pilot.press(named("Messages"))
        await until(pilot, "why?")


async def test_o_says_when_the_editor_cannot_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HeadlessDriver, "can_suspend", True)
    monkeypatch.setenv("VISUAL", str(tmp_path / "no such"))
    async with open_viewer(await trace(tmp_path)) as pilot:
        await pilot.press("o")
        await until_told(pilot, "Cannot open")


async def test_the_file_for_the_editor_is_private(tmp_path: Path) -> None:
    told = tmp_path / "told"
    show = f'stat -c %a "$2" "$(dirname "$2")" > \'{told}\''
    text = "a\r\n\ud800\x00"
    keep = f"cp \"$2\" '{tmp_path}/kept'"
    editor = editor_of({"EDITOR": make_editor(tmp_path, show, keep)})
    old = os.umask(0)
    try:
        assert await edit(text, ".txt", editor) == 0
    finally:
        os.umask(old)
    assert told.read_text().split() == ["600", "700"]
    assert (tmp_path / "kept").read_bytes() == b"a\r\n\\ud800\x00"
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) & 0o077 == 0


async def test_an_editor_does_not_outlive_its_viewer(tmp_path: Path) -> None:
    told = tmp_path / "told"
    os.mkfifo(told)
    editor = editor_of({"EDITOR": make_editor(tmp_path, f"echo $$ > '{told}'", "exec sleep 100")})
    async with anyio.create_task_group() as group:
        group.start_soon(edit, "text", ".txt", editor)
        process = int(await anyio.Path(told).read_text())
        group.cancel_scope.cancel()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


async def test_an_interrupt_in_the_editor_ends_nothing_else(tmp_path: Path) -> None:
    kills = ("kill -INT $PPID", "kill -USR1 $PPID", "exit 7")
    editor = editor_of({"EDITOR": make_editor(tmp_path, *kills)})
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGUSR1) as signals, anyio.fail_after(10):
        assert await edit("text", ".txt", editor) == 7
        assert await anext(signals) == signal.SIGUSR1
        os.kill(os.getpid(), signal.SIGINT)
        assert await anext(signals) == signal.SIGINT


@pytest.mark.parametrize(
    ("environment", "editor"),
    [
        ({}, []),
        ({"EDITOR": "vi"}, ["vi"]),
        ({"EDITOR": "vi", "VISUAL": "code --wait"}, ["code", "--wait"]),
        ({"EDITOR": "vi", "VISUAL": ""}, ["vi"]),
        ({"EDITOR": "'open"}, []),
    ],
)
def test_the_editor_is_named_by_the_environment(
    environment: dict[str, str], editor: list[str]
) -> None:
    assert editor_of(environment) == editor


async def test_what_is_read_while_the_viewer_closes_goes_nowhere(tmp_path: Path) -> None:
    path = await write(tmp_path, *synthetic_events(1))
    async with open_viewer(path) as pilot:
        viewer = viewer_of(pilot)
        details = viewer.query_one(Details)
    await viewer._read_calmly([0, "no such value"])
    await viewer._copy(details)
