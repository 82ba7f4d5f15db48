"""What a page is: a name, whether it has anything to tell, and how its document is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rlm_runtime._tui.details.document import Document
from rlm_runtime._tui.details.moment import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One side of the selected entry."""

    name: str
    short: str
    """The name where there is little room."""
    has_news: Callable[[Moment], bool]
    """Tells, quickly, whether it has anything to tell; it is asked at every moment."""
    make: Callable[[Moment], Document]
    """Makes it for a moment at which the entry has begun."""
    changes: bool = False
    """Whether it may change though the entry had no event: it is made anew at every moment then."""
