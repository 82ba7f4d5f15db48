"""Help, looks and exports."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread
from textual.binding import Binding
from textual.events import Load
from textual.theme import ThemeProvider

from rlm_runtime._errors import TraceError
from rlm_runtime._printable import one_line, reason
from rlm_runtime._tui.base import ViewerBase
from rlm_runtime._tui.details.pane import Details
from rlm_runtime._tui.help_screen import HelpScreen
from rlm_runtime._tui.keymap import check_keys
from rlm_runtime._tui.keys import keys_in_use, remappable
from rlm_runtime._tui.palette import Palette, ViewerCommands
from rlm_runtime._tui.saving import PageWriter, save, self_contained
from rlm_runtime._tui.settings import ViewerSettings
from rlm_runtime._tui.themes import DEFAULT_THEME, THEMES

_PANES = ("tree", "lanes", "details")
_ENLARGED = ("run", *_PANES)
"""What looks different where a pane is enlarged."""
_MOST_PROBLEMS = 5


class HabitActions(ViewerBase):
    """Help, looks and exports."""

    COMMANDS = {ViewerCommands}
    BINDINGS = [
        Binding("b", "enlarge", "Big", id="enlarge", tooltip="The focused pane alone"),
        Binding("s", "save_screen", "Save the screen as SVG", id="save.screen", show=False),
        Binding("H", "save_page", "Save the run as HTML", id="save.page", show=False),
        Binding("T", "change_theme", "Theme", id="theme", show=False),
        Binding("question_mark", "help", "Help", id="help", key_display="?"),
        Binding("ctrl+p", "command_palette", "Commands", id="palette", show=False, priority=True),
    ]

    settings = ViewerSettings()
    """To be set before the viewer is run."""

    def on_load(self, _event: Load) -> None:
        """Put on the looks, and take what else is set."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DEFAULT_THEME
        if self.settings.theme in self.available_themes:
            self.theme = self.settings.theme
        self.heat, self.speed = self.settings.heat, self.settings.speed
        self.tracking = self.settings.track

    def on_mount(self) -> None:
        """Take the user's keys, and tell what of the settings does not hold."""
        keymap, problems = check_keys(self.settings.keys, remappable())
        self.set_keymap(keymap)
        self.call_after_refresh(self._wrap)
        theme = self.settings.theme
        if theme is not None and theme not in self.available_themes:
            problems.append(f"There is no theme {one_line(theme, 40)!r}")
        for problem in (*self.settings.problems, *problems)[:_MOST_PROBLEMS]:
            self.notify(problem, title="Settings", severity="warning", markup=False, timeout=10)

    def _wrap(self) -> None:
        details, wrap = self.query_one(Details), self.settings.wrap
        if wrap is not None and details.toggle_wrap() is not wrap:
            details.toggle_wrap()

    def action_enlarge(self) -> None:
        """Give the focused pane all the room, or take it back."""
        self.enlarge("" if self._enlarged() else self._focused_pane())

    def enlarge(self, pane: str) -> None:
        """Give a pane all the room; the empty name stands for none."""
        for name in _PANES:
            self.screen.set_class(name == pane, f"-big-{name}", update=False)
        # By itself the screen would work out the looks of all that is on it
        self.stylesheet.update_nodes(self.screen.query_one(f"#{name}") for name in _ENLARGED)

    def _enlarged(self) -> str:
        return next((name for name in _PANES if self.screen.has_class(f"-big-{name}")), "")

    def _focused_pane(self) -> str:
        """Name the pane that has the focus; the tree where none has it."""
        focused = self.screen.focused
        around = () if focused is None else focused.ancestors_with_self
        return next((node.id for node in around if node.id in _PANES), "tree")

    def action_command_palette(self) -> None:
        """Offer all that can be done now."""
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def search_themes(self) -> None:
        """Offer the themes."""
        self.push_screen(Palette(providers=[ThemeProvider]))

    def action_help(self) -> None:
        """Tell the keys that hold now, and what glyphs and colours mean."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(keys_in_use(self, self.screen)))

    def action_save_screen(self) -> None:
        """Save the screen as SVG."""
        self.run_worker(self._save_screen(), group="save")

    def action_save_page(self) -> None:
        """Save the run as an HTML page."""
        self.run_worker(self._save_page(), group="save-page", exclusive=True)

    async def _save_screen(self) -> None:
        svg = self_contained(self.export_screenshot(title="rlm view")).encode("utf-8", "replace")
        await self._save(".svg", lambda out: out.write(svg))

    async def _save_page(self) -> None:
        self.tell("Writing the page of the run")
        writer = PageWriter(self.source.path)
        try:
            await self._save(".html", writer.write)
        finally:
            writer.stop()

    async def _save(self, suffix: str, write: Callable[[BinaryIO], object]) -> None:
        save_it = partial(save, Path(), self.record.run, suffix, write)
        try:
            path = await anyio.to_thread.run_sync(save_it)
        except OSError as exc:
            self.tell(f"Cannot save {suffix[1:].upper()}: {exc.strerror or exc}", is_error=True)
        except TraceError as exc:
            self.tell(f"Cannot save {suffix[1:].upper()}: {exc}", is_error=True)
        else:
            self.tell(f"Saved {path.name}")

    def tell(self, message: str, *, is_error: bool = False) -> None:
        """Notify the user; the message may hold text from a trace."""
        self.notify(reason(message), severity="error" if is_error else "information", markup=False)
