"""Help, looks and exports."""

from __future__ import annotations

from rlm_runtime._tui.base import ViewerBase


class HabitActions(ViewerBase):
    """Help, looks and exports."""
