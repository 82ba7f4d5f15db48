"""The rows of the tree: entries in order, with many alike siblings folded into one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record

FOLDED_FROM = 12
"""So many alike siblings are shown as one row."""

GroupKey = tuple[int, tuple[int, int], str, str]
"""The parent's id, the place in its work, kind and model: what alike siblings share."""


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


def make_rows(
    record: Record,
    position: int,
    *,
    folded: Collection[int] = (),
    opened: Collection[GroupKey] = (),
    zoom: Entry | None = None,
    matches: Collection[int] | None = None,
) -> tuple[Row, ...]:
    """Make the rows for a moment.

    Args:
        record: The run.
        position: The moment.
        folded: The ids of entries whose children are not shown.
        opened: The groups whose members are shown.
        zoom: The entry that is shown as the root; None for all.
        matches: The ids of the entries that a filter lets through, with those above them;
            None for all.
    """
    rows: list[Row] = []
    roots: Iterable[Entry] = record.roots if zoom is None else [zoom]
    # A stack of its own: a trace from elsewhere may be as deep as it likes
    stack = [(entry, 0) for entry in reversed(list(roots)) if entry.began <= position]
    while stack:
        entry, level = stack.pop()
        if matches is not None and entry.id not in matches:
            continue
        below = [child for child in entry.children if child.began <= position]
        is_folded = entry.id in folded and bool(below)
        rows.append(Row(entry, level, is_folded=is_folded, has_below=bool(below)))
        if not is_folded:
            stack += [(child, level + 1) for child in reversed(below)]
    return tuple(rows)
