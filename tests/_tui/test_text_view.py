from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection

from rlm_runtime._tui.details.document import Code, Document, Heading, Table, Words
from rlm_runtime._tui.details.text_view import TextView
from tests._tui.viewing import screen_text, settle
from tests.hostile_text import ALL, OBEYED

pytestmark = pytest.mark.anyio


class OneText(App[None]):
    def compose(self) -> ComposeResult:
        yield TextView(id="page")


@asynccontextmanager
async def showing(
    document: Document, *, search: str = "", size: tuple[int, int] = (40, 10)
) -> AsyncIterator[tuple[Pilot[None], TextView]]:
    async with OneText().run_test(size=size) as pilot:
        view = pilot.app.query_one(TextView)
        view.focus()
        view.show(document, key="page", search=search)
        await settle(pilot)
        yield pilot, view


def numbered(count: int) -> Document:
    return Document((Words("\n".join(f"line {number}" for number in range(count))),))


async def test_keys_scroll() -> None:
    async with showing(numbered(100)) as (pilot, _):
        assert screen_text(pilot).startswith(" line 0")
        for keys, first in [
            ("down down down", "line 3"),
            ("up", "line 2"),
            ("pagedown", "line 12"),
            ("pageup", "line 2"),
            ("G", "line 90"),
            ("g", "line 0"),
        ]:
            await pilot.press(*keys.split())
            await settle(pilot)
            assert screen_text(pilot).split("\n")[0][1:].split("  ")[0] == first, keys


async def test_the_wheel_scrolls() -> None:
    async with showing(numbered(100)) as (pilot, view):
        await pilot._post_mouse_events([_wheel()], TextView)
        await pilot.wait_for_animation()
        await settle(pilot)
        assert view.scroll_y > 0


def _wheel() -> type:
    from textual.events import MouseScrollDown

    return MouseScrollDown


async def test_long_lines_wrap_or_go_beyond_the_side() -> None:
    async with showing(Document((Words("word " * 20 + "end"),))) as (pilot, view):
        assert "end" in screen_text(pilot)
        view.toggle_wrap()
        await settle(pilot)
        assert "end" not in screen_text(pilot)
        await pilot.press("ctrl+right", "ctrl+right", "ctrl+right", "ctrl+right")
        await settle(pilot)
        assert "end" in screen_text(pilot)
        await pilot.press("ctrl+left")
        await settle(pilot)
        assert "end" not in screen_text(pilot)
        view.toggle_wrap()
        await settle(pilot)
        assert "end" in screen_text(pilot)


async def test_a_text_that_grows_keeps_its_place_and_another_one_does_not() -> None:
    async with showing(numbered(100)) as (pilot, view):
        view.scroll_to(y=50, animate=False)
        view.show(numbered(200), key="page")
        await settle(pilot)
        assert screen_text(pilot).startswith(" line 50")
        view.show(numbered(200), key="another")
        await settle(pilot)
        assert screen_text(pilot).startswith(" line 0")


async def test_a_place_beyond_the_end_of_a_shorter_text_shows_its_end() -> None:
    async with showing(numbered(100)) as (pilot, view):
        view.scroll_to(y=80, animate=False)
        view.show(numbered(20), key="page")
        await settle(pilot)
        assert "line 19" in screen_text(pilot)


async def test_matches_are_marked_and_gone_to() -> None:
    async with showing(numbered(300), search="LINE 27") as (pilot, view):
        assert view.go_to_match()
        await settle(pilot)
        assert "line 27" in screen_text(pilot)
        looks = [
            segment.style
            for segment in view.render_line(27 - round(view.scroll_y))
            if segment.text == "line 27"
        ]
        assert looks and looks[0] is not None and looks[0].reverse
        assert view.go_to_match()
        await settle(pilot)
        assert "line 270" in screen_text(pilot)
        assert view.go_to_match(forward=False)
        await settle(pilot)
        assert "line 27 " in screen_text(pilot).replace("\n", " ")
        assert not view.go_to_match(forward=False)


async def test_a_huge_text_can_be_scrolled_to_its_end() -> None:
    text = "".join(f"{number} {'word ' * 20}\n" for number in range(100_000))
    async with showing(Document((Words(text), Heading("below")))) as (pilot, _):
        await pilot.press("G")
        await settle(pilot)
        assert "below" in screen_text(pilot)
        assert "99999 word" in screen_text(pilot)


async def test_what_is_selected_with_the_mouse_can_be_copied() -> None:
    async with showing(numbered(20)) as (pilot, view):
        selection = Selection(Offset(2, 1), Offset(4, 3))
        pilot.app.screen.selections = {view: selection}
        await settle(pilot)
        assert view.get_selection(selection) == ("ne 1\nline 2\nline", "\n")
        assert pilot.app.screen.get_selected_text() == "ne 1\nline 2\nline"


@pytest.mark.parametrize("wraps", [True, False])
async def test_nothing_hostile_reaches_the_screen(wraps: bool) -> None:
    blocks = (Heading(ALL), Words(ALL), Code(ALL), Table((), [(ALL,)]))
    async with showing(Document(blocks), search="[", size=(60, 40)) as (pilot, view):
        if not wraps:
            view.toggle_wrap()
            await settle(pilot)
        assert not OBEYED.search(screen_text(pilot).replace("\n", ""))
        assert not wraps or "[bold]x[/b]" in screen_text(pilot).replace("\n", "")


async def test_wide_characters_stay_in_their_columns() -> None:
    document = Document((Words("日本語" * 30),))
    async with showing(document, size=(21, 8)) as (pilot, view):
        for y in range(5):
            assert view.render_line(y).cell_length == view.size.width
        view.toggle_wrap()
        view.scroll_to(x=3, animate=False)
        await settle(pilot)
        assert view.render_line(0).cell_length == view.size.width


async def test_a_pane_of_no_size_is_drawn() -> None:
    async with showing(numbered(3), size=(6, 1)) as (pilot, _):
        assert "line" in screen_text(pilot)


async def test_a_selection_of_a_huge_text_is_copied_in_part() -> None:
    async with showing(numbered(8_000)) as (_, view):
        text, _ = view.get_selection(Selection(None, None)) or ("", "")
        assert text.count("\n") == 4_999
