"""Heat, the critical path, and comparing runs."""

from __future__ import annotations

from rlm_runtime._tui.base import ViewerBase


class InsightActions(ViewerBase):
    """Heat, the critical path, and comparing runs."""
