"""Whatever stands in a trace, the terminal gets nothing of it but letters to show."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio
import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from rlm_runtime._events import CodeExecuted, Event, NodeStarted
from rlm_runtime._tui.keymap import split_keys
from rlm_runtime._tui.keys import remappable
from tests._tui.hostile_run import MARKUP, TEXT, chain, circle, hostile_events, siblings
from tests._tui.recorded_terminal import OWN, record
from tests._tui.viewing import open_viewer, settle, viewer_of, write
from tests.hostile_text import OBEYED

pytestmark = pytest.mark.anyio

LEAVING = {"quit", "interrupt"}
FOCUSED = {"tree": (120, 40), "lanes": (80, 24), "details": (200, 60)}
_SPACES = re.compile("[\n\r\t]")


def leaked(sent: str) -> list[str]:
    """Find what the toolkit would not send by itself."""
    rest = _SPACES.sub("", OWN.sub("", sent))
    return [rest[max(0, found.start() - 20) : found.end() + 20] for found in OBEYED.finditer(rest)]


def all_keys() -> list[str]:
    return [key for one in remappable() if one.id not in LEAVING for key in split_keys(one.keys)]


async def press_all(pilot: Pilot[object], pane: str) -> None:
    """Press every key there is, with a pane focused."""
    pilot.app.query_one("#page" if pane == "details" else f"#{pane}").focus()
    for key in all_keys():
        await pilot.press(key)
        while len(pilot.app.screen_stack) > 1:
            pilot.app.pop_screen()
        if isinstance(pilot.app.focused, Input):
            await pilot.press("escape")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("VISUAL", raising=False)


@pytest.mark.parametrize("pane", FOCUSED)
async def test_nothing_from_a_trace_steers_the_terminal(tmp_path: Path, pane: str) -> None:
    path = await write(tmp_path / "runs", *hostile_events(), run="run")
    sent = await record(path, partial(press_all, pane=pane), size=FOCUSED[pane])
    assert leaked(sent) == []
    assert "\x1b]8;" not in sent
    assert r"\x1b" in OWN.sub("", sent), "it is shown, but as letters"


async def test_a_leak_would_be_found() -> None:
    assert leaked("\x1b[1;1H\x1b[38;2;1;2;3mplain\x1b[0m\n") == []
    assert leaked("\x1b[1;1H\x1b]0;pwned\x07") and leaked("\x1b[6n") and leaked("\u202e")


async def test_the_same_at_every_moment(tmp_path: Path) -> None:
    events = list(hostile_events())
    path = await write(tmp_path / "runs", *events, run="run")

    async def step(pilot: Pilot[object]) -> None:
        viewer = viewer_of(pilot)  # type: ignore[arg-type]  # the viewer gives nothing back
        for position in range(len(events)):
            viewer.move_to(position)
            await pilot.pause()

    assert leaked(await record(path, step, size=(120, 40))) == []


@pytest.mark.parametrize("where", ["search", "filter", "palette"])
async def test_what_is_typed_is_no_markup(tmp_path: Path, where: str) -> None:
    path = await write(tmp_path / "runs", *hostile_events(), run="run")
    key = {"search": "slash", "filter": "ampersand", "palette": "ctrl+p"}[where]

    async def type_it(pilot: Pilot[object]) -> None:
        await pilot.press(key)
        await pilot.pause()
        if isinstance(pilot.app.focused, Input):
            pilot.app.focused.value = MARKUP
        await pilot.press("enter")
        await pilot.pause()

    assert leaked(await record(path, type_it, size=(80, 24))) == []


@pytest.mark.parametrize(
    "query", [MARKUP, "[@click=app.quit]", "[/]", "[link=http://evil.example]x"]
)
async def test_no_query_is_markup_in_the_palette(tmp_path: Path, query: str) -> None:
    node = NodeStarted(node=0, parent=None, depth=0, model="m", query=query, context="")
    path = await write(tmp_path / "runs", node, run="run")

    async def find_it(pilot: Pilot[object]) -> None:
        await pilot.press("ctrl+p")
        pilot.app.screen.query_one(Input).value = "0"
        options = pilot.app.screen.query_one(OptionList)
        with anyio.fail_after(20):
            while not (found := [str(one.prompt) for one in options.options if _is_node(one)]):
                await pilot.pause(0.01)
        assert query[:50] in found[0]
        await pilot.pause()

    sent = await record(path, find_it, size=(120, 40))
    assert leaked(sent) == [] and "\x1b]8;" not in sent


def _is_node(option: Option) -> bool:
    return str(option.prompt).startswith("Go to node 0")


@pytest.mark.parametrize("key", ["pageup", "pagedown"])
async def test_a_palette_without_room_for_its_list_breaks_nothing(tmp_path: Path, key: str) -> None:
    path = await write(tmp_path / "runs", *hostile_events(), run="run")
    async with open_viewer(path, size=(80, 2)) as pilot:
        await pilot.press("ctrl+p")
        with anyio.fail_after(20):
            while not pilot.app.screen.query_one(OptionList).option_count:
                await pilot.pause(0.01)
        await pilot.press(key, key, "escape")
        assert viewer_of(pilot).is_running


def deep() -> list[Event]:
    return list(chain(3_000))


def backwards() -> list[Event]:
    """Times that jump, and repeat, and are none."""
    times = (5.0, float("nan"), -1.0, float("inf"), 1e300, 0.0, float("-inf"))
    return [replace(one, mono=times[n % 7], time=times[-n % 7]) for n, one in enumerate(chain(50))]


def long_lines() -> list[Event]:
    line = (TEXT.replace("\n", "") * 20_000)[:10_000_000]
    return [
        NodeStarted(node=0, parent=None, depth=0, model="m", query=line, context=line),
        CodeExecuted(
            node=0, iteration=1, stdout=line, stderr=line, error=line, pending=(), seconds=1.0
        ),
    ]


@pytest.mark.parametrize(
    "events",
    [deep, lambda: list(circle()), lambda: list(siblings(20_000)), backwards, long_lines],
    ids=["deep", "circle", "siblings", "times", "long"],
)
async def test_no_shape_of_a_trace_breaks_the_viewer(tmp_path: Path, events: object) -> None:
    assert callable(events)
    path = await write(tmp_path / "runs", *events(), run="run")
    keys = ["home", "end", "right", "down", "down", "G", "g", "enter", "z", "Z", "m", "x", "J", "p"]
    async with open_viewer(path) as pilot:
        await pilot.press(*keys, *"123456789", "escape")
        await settle(pilot)
        assert viewer_of(pilot).is_running
