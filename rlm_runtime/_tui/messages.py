"""What panes report to the viewer."""

from __future__ import annotations

from textual.message import Message

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.rows import Row


class Selected(Message):
    """The user chose an entry."""

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
