"""The command palette: all that the viewer can do now, with its keys."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial

from textual.command import CommandPalette, DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from rlm_runtime._printable import one_line
from rlm_runtime._tui.actions.going import GoActions
from rlm_runtime._tui.keys import INTERRUPT, KeyInUse, keys_in_use
from rlm_runtime._tui.record.entry import Entry

_NUMBER = re.compile(r"(?:node|go to node|n)?\s*(\d{1,12})$", re.IGNORECASE)


class Palette(CommandPalette):
    """A palette whose keys do nothing where there is no room for its list."""

    BINDINGS = [INTERRUPT]

    def _action_command_list(self, action: str) -> None:
        # Textual's list cannot be paged through where none of it was ever drawn
        with suppress(LookupError):
            super()._action_command_list(action)


class ViewerCommands(Provider):
    """Every action that has a key, every theme, and every node by its number."""

    async def discover(self) -> Hits:
        """Give all actions."""
        for key in self._actions():
            yield DiscoveryHit(Content(_title(key)), self._do(key), _title(key), key.group)

    async def search(self, query: str) -> Hits:
        """Give what a query may mean."""
        entry = self._node(query)
        if entry is not None:
            title = f"Go to node {entry.number}"
            # What a hit has as its help is read as markup
            shown = Content(f"{title}\n{one_line(entry.query, 60)}")
            yield Hit(2.0, shown, self._go_to(entry), title)
        matcher = self.matcher(query)
        for key in self._actions():
            title = _title(key)
            if (score := matcher.match(title)) > 0:
                yield Hit(score, Content(title), self._do(key), title, key.group)
        for name in self.app.available_themes:
            title = f"Theme: {name}"
            if (score := matcher.match(title)) > 0:
                yield Hit(score / 2, Content(title), partial(self._wear, name), title)

    def _actions(self) -> Iterator[KeyInUse]:
        return (
            key for key in keys_in_use(self.app, self.screen) if key.action != "command_palette"
        )

    def _do(self, key: KeyInUse) -> Callable[[], Awaitable[bool]]:
        return partial(self.app.run_action, key.action, key.node)

    def _node(self, query: str) -> Entry | None:
        found = _NUMBER.match(query.strip())
        if found is None or not isinstance(self.app, GoActions):
            return None
        entry = self.app.record.node(int(found[1]))
        # What has no number at the moment is not there to go to
        if entry is None or entry.number_at(self.app.position) is None:
            return None
        return entry

    def _go_to(self, entry: Entry) -> Callable[[], None]:
        assert isinstance(self.app, GoActions)
        return partial(self.app.select_in_sight, entry)

    def _wear(self, theme: str) -> None:
        self.app.theme = theme


def _title(key: KeyInUse) -> str:
    return f"{key.description}  ({' '.join(key.keys)})"
