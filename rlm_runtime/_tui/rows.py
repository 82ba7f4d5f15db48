"""The rows of the tree: entries in order, with many alike siblings folded into one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import overload

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.tree.layout import GroupKey, Layout


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the tree: an entry, or a group of alike siblings."""

    entry: Entry
    """It, or the first one of the group."""
    level: int
    """How far it is indented."""
    group: tuple[Entry, ...] = ()
    """The members of a group that is a row of its own; empty for an entry."""
    key: GroupKey | None = None
    """Of a group."""
    is_folded: bool = False
    """Whether there is more below it that is not shown."""
    has_below: bool = False
    whole: Sequence[Entry] = field(default=(), compare=False, repr=False)
    """The members of a group with those that begin after the moment."""

    def member(self, entry: Entry | None) -> Entry | None:
        """Find the member of a group that an entry is, or is below."""
        while entry is not None and self.group:
            if entry.parent is self.entry.parent:
                return entry if entry in self.group else None
            entry = entry.parent
        return None


class Rows(Sequence[Row]):
    """The rows for a moment; each one is made when it is looked at."""

    def __init__(self, layout: Layout, begun: int, folded: Collection[int] = ()) -> None:
        self._layout = layout
        self._begun = begun
        self._folded = folded
        spans = enumerate(zip(layout.begins, layout.ends, strict=True))
        self._shown = [slot for slot, (first, last) in spans if first <= begun < last]
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self._shown)

    @overload
    def __getitem__(self, number: int) -> Row: ...

    @overload
    def __getitem__(self, number: slice) -> Sequence[Row]: ...

    def __getitem__(self, number: int | slice) -> Row | Sequence[Row]:
        if isinstance(number, slice):
            return [self._row(slot) for slot in self._shown[number]]
        return self._row(self._shown[number])

    def find(self, entry: Entry | None, key: GroupKey | None = None) -> int:
        """Find the row of an entry, or of what it is folded into; 0 where there is none.

        Args:
            entry: It.
            key: A group that the entry is in, whose own row is looked for even if it is open.
        """
        layout = self._layout
        while entry is not None:
            found = -1
            for slot in layout.slots.get(entry.id, ()):
                if layout.begins[slot] <= self._begun < layout.ends[slot]:
                    found = slot
                    group = layout.groups[slot]
                    if group is not None and group.key == key:
                        break
            if found >= 0:
                return bisect_left(self._shown, found)
            entry = entry.parent
        return 0

    def guides(self, number: int, most: int) -> list[bool]:
        """Tell for a row and those above it, from the outermost on, whether a sibling follows.

        Args:
            number: Of the row.
            most: How many of them at most: the innermost ones.
        """
        follows: list[bool] = []
        slot = self._shown[number]
        while len(follows) < most and self._layout.above[slot] >= 0:
            follows.append(self._has_next(slot))
            slot = self._layout.above[slot]
        follows.reverse()
        return follows

    def _has_next(self, slot: int) -> bool:
        number = bisect_left(self._shown, self._layout.after[slot])
        above = self._layout.above
        return number < len(self._shown) and above[self._shown[number]] == above[slot]

    def _row(self, slot: int) -> Row:
        row = self._made.get(slot)
        if row is None:
            row = self._made[slot] = self._make(slot)
        return row

    def _make(self, slot: int) -> Row:
        layout = self._layout
        entry, level, group = layout.entries[slot], layout.levels[slot], layout.groups[slot]
        if group is not None:
            last = bisect_right(group.members, self._begun - 1, key=lambda one: one.id)
            members = tuple(group.members[:last])
            return Row(entry, level, members, group.key, not group.is_open, True, group.members)
        has_below = bool(entry.children) and entry.children[0].id < self._begun
        return Row(
            entry, level, is_folded=has_below and entry.id in self._folded, has_below=has_below
        )


class RowMaker:
    """Makes the rows for one moment after the other; what does not change is made once."""

    def __init__(self) -> None:
        self._layout: Layout | None = None
        self._asked: tuple[object, ...] = ()
        self._built = 0
        self._rows: Rows | None = None
        self._begun = -1

    def rows(
        self,
        record: Record,
        position: int,
        *,
        folded: Collection[int] = (),
        opened: Collection[GroupKey] = (),
        zoom: Entry | None = None,
        matches: Collection[int] | None = None,
    ) -> Rows:
        """Give the rows for a moment.

        Args:
            record: The run.
            position: The moment.
            folded: The ids of entries whose children are not shown.
            opened: The groups whose members are shown.
            zoom: The entry that is shown as the root; None for all.
            matches: The ids of the entries that a filter lets through, with those above them;
                None for all.
        """
        begun = record.begun(position)
        asked = (record, frozenset(folded), frozenset(opened), zoom, matches)
        # What has begun since does not show at a moment before
        if self._layout is None or begun > self._built or asked != self._asked:
            self._asked, self._built, self._rows = asked, len(record.entries), None
            self._layout = Layout(
                record.roots if zoom is None else [zoom],
                folded=asked[1],
                opened=asked[2],
                matches=matches,
            )
        if self._rows is None or begun != self._begun:
            self._begun = begun
            self._rows = Rows(self._layout, begun, asked[1])
        return self._rows
