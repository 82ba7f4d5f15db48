"""What search and filter have found so far, as the panes show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a filter or a pattern cannot be read."""

    message: str
    place: int
    """Where in its text."""
    possible: str
    """What could be there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What has been found."""

    text: str = ""
    """What is looked for, as it was typed."""
    number: int = 0
    """Which match is at the moment, from 1; 0 where none is."""
    where: str = ""
    """What the match at the moment is in, with some of the text around it."""
    is_searching: bool = False
    """Whether there are events that were not looked through yet."""
    search_error: Unreadable | None = None
    entries: Mapping[int, int] = field(default_factory=dict)
    """By id of each entry with a match: the position of the first one."""
    let_through: int = 0
    """How many entries match the filter."""
    filter_error: Unreadable | None = None
