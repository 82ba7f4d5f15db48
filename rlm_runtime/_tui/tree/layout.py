"""The order of the rows of a tree, made once for all moments of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from rlm_runtime._tui.record.entry import Entry

FOLDED_FROM = 12
"""So many alike siblings are shown as one row."""
_NEVER = 2**62

GroupKey = tuple[int, tuple[int, int], str, str]
"""The parent's id (-1: none), the place in its work, kind and model: what alike siblings share."""


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Alike siblings."""

    key: GroupKey
    members: Sequence[Entry]
    is_open: bool

    @property
    def forms(self) -> int:
        """How many entries have begun in the run when there are enough members for a row."""
        return self.members[FOLDED_FROM - 1].id + 1


@dataclass(frozen=True, slots=True)
class _Item:
    """A slot to be, on the stack."""

    entry: Entry
    level: int
    above: int
    begins: int
    ends: int
    group: Group | None = None


class Layout:
    """The slots that rows can be in, in the order of the tree.

    A slot is there while the number of entries that have begun is from `begins` to below `ends`.
    An entry has several slots if it becomes the member of a group: one for before, one for after.
    """

    def __init__(
        self,
        roots: Sequence[Entry],
        *,
        folded: Collection[int],
        opened: Collection[GroupKey],
        matches: Collection[int] | None,
    ) -> None:
        self.entries: list[Entry] = []
        self.levels: list[int] = []
        self.groups: list[Group | None] = []
        self.above: list[int] = []
        """The slot of the parent; -1 at the top."""
        self.begins: list[int] = []
        self.ends: list[int] = []
        self.slots: dict[int, list[int]] = {}
        """By the id of an entry: where it is, or the group that it is in."""
        self._folded, self._opened, self._matches = folded, opened, matches
        self._fill(roots)
        self.after = self._find_after()
        """For each slot: the first one behind all that is below it."""

    def _fill(self, roots: Sequence[Entry]) -> None:
        # A stack of its own: a trace from elsewhere may be as deep as it likes
        stack = list(self._items(roots, 0, -1, 0, _NEVER))
        stack.reverse()
        while stack:
            item = stack.pop()
            slot = self._add(item)
            entry, group, level = item.entry, item.group, item.level + 1
            if group is not None:
                below = self._members(group, level, slot, item) if group.is_open else iter(())
            elif entry.children and entry.id not in self._folded:
                below = self._items(entry.children, level, slot, item.begins, item.ends)
            else:
                continue
            new = list(below)
            new.reverse()
            stack += new

    def _add(self, item: _Item) -> int:
        slot = len(self.entries)
        self.entries.append(item.entry)
        self.levels.append(item.level)
        self.groups.append(item.group)
        self.above.append(item.above)
        self.begins.append(item.begins)
        self.ends.append(item.ends)
        for one in (item.entry,) if item.group is None else item.group.members:
            self.slots.setdefault(one.id, []).append(slot)
        return slot

    def _items(
        self, siblings: Sequence[Entry], level: int, above: int, begins: int, ends: int
    ) -> Iterator[_Item]:
        """Give the slots of siblings."""
        if self._matches is not None:
            siblings = [one for one in siblings if one.id in self._matches]
        groups = self._find_groups(siblings) if len(siblings) >= FOLDED_FROM else {}
        for one in siblings:
            if one.id >= ends:
                return
            group = groups.get(one.id)
            last = ends
            if group is not None:
                if group.members[0] is one and group.forms < ends:
                    yield _Item(one, level, above, max(begins, group.forms), ends, group)
                last = min(ends, group.forms)
            first = max(begins, one.id + 1)
            if first < last:
                yield _Item(one, level, above, first, last)

    def _members(self, group: Group, level: int, above: int, item: _Item) -> Iterator[_Item]:
        """Give the slots of the members of an open group."""
        for one in group.members:
            first = max(item.begins, one.id + 1)
            if first < item.ends:
                yield _Item(one, level, above, first, item.ends)

    def _find_groups(self, siblings: Sequence[Entry]) -> dict[int, Group]:
        """Find those of siblings that are alike, by the ids of their members."""
        alike: dict[GroupKey, list[Entry]] = {}
        for one in siblings:
            parent = -1 if one.parent is None else one.parent.id
            alike.setdefault((parent, one.place, one.kind, one.model), []).append(one)
        groups = [
            Group(key, members, key in self._opened)
            for key, members in alike.items()
            if len(members) >= FOLDED_FROM
        ]
        return {one.id: group for group in groups for one in group.members}

    def _find_after(self) -> list[int]:
        after = list(range(1, len(self.above) + 1))
        for slot in range(len(after) - 1, -1, -1):
            above = self.above[slot]
            if above >= 0 and after[above] < after[slot]:
                after[above] = after[slot]
        return after
