"""Choosing what is told of the selected entry, and taking it out of the viewer."""

from __future__ import annotations

from rlm_runtime._tui.base import ViewerBase


class DetailsActions(ViewerBase):
    """Choosing what is told of the selected entry, and taking it out of the viewer."""
