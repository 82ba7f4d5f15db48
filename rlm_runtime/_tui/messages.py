"""What panes report to the viewer."""

from __future__ import annotations

from textual.message import Message

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.rows import Row
from rlm_runtime._tui.tree.layout import GroupKey


class Selected(Message):
    """The user chose an entry."""

    def __init__(self, entry: Entry, group: GroupKey | None = None) -> None:
        self.entry = entry
        self.group = group
        """Its group, if the row of that was chosen."""
        super().__init__()


class Followed(Message):
    """The user wants to see an entry that is spoken of, wherever in the tree it is."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        super().__init__()


class Sought(Message):
    """The user chose a moment."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__()


class Toggled(Message):
    """The user folded a row, or opened it."""

    def __init__(self, row: Row) -> None:
        self.row = row
        super().__init__()


class TreeResized(Message):
    """The tree has another size, or any at all again: it may show other rows."""


class Scrolled(Message):
    """The user wants to see other rows."""

    def __init__(self, by: int) -> None:
        self.by = by
        super().__init__()
