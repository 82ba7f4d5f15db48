"""What the panes show: a moment of a record, and how the user looks at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from rlm_runtime._tui.finding.state import Finding
from rlm_runtime._tui.record.critical_path import CriticalPath
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.rows import Row, Rows
from rlm_runtime._tui.source import State

Heat = Literal["off", "cost", "time"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that a pane needs to draw itself; every pane gets the same one."""

    record: Record
    position: int
    """The moment that is shown: after the event at this position; -1 where there is none yet."""
    entry: Entry | None
    """The selected one."""
    rows: Rows | tuple[Row, ...] = ()
    """The rows of tree and timeline, the same in both."""
    row: int = 0
    """The row of the selected entry, or of what it is folded into."""
    state: State = "reading"
    part_read: float = 1.0
    """How much of what is on disk has been read; from 0 to 1."""
    damage: str = ""
    following: bool = False
    """Whether the moment stays at the newest event."""
    playing: bool = False
    speed: float = 1.0
    skip_idle: bool = False
    heat: Heat = "off"
    critical: Mapping[int, float] = field(default_factory=dict)
    """Seconds on the critical path by id of entry; empty where it is not asked for."""
    path: CriticalPath = CriticalPath()
    """The critical path; empty where it is not asked for."""
    zoom: Entry | None = None
    filter: str = ""
    search: str = ""
    """What is looked for, to be marked in texts."""
    found: Sequence[int] = ()
    """The positions where it is found."""
    finding: Finding = field(default_factory=Finding)
    """What else search and filter have found."""

    @property
    def seconds(self) -> float:
        """The seconds of the run at the moment that is shown."""
        return self.record.time(self.position)

    def state_of(self, entry: Entry) -> str:
        """Tell in one word what an entry is at the moment; a crash shows as soon as it is known."""
        state = entry.state(self.position)
        if state in ("queued", "running") and self.is_over:
            return "crashed"
        return state

    def finds_in(self, row: Row) -> bool:
        """Tell whether what is looked for is in a row, as far as it has come at the moment."""
        first = self.finding.entries
        return any(
            first.get(entry.id, self.position + 1) <= self.position
            for entry in row.group or (row.entry,)
        )

    @property
    def is_over(self) -> bool:
        """Whether the moment is the last one of a trace that nobody writes any more."""
        return self.state == "still" and self.position >= self.record.last
