"""Searching, filtering, and going from one entry to the next."""

from __future__ import annotations

from rlm_runtime._tui.base import ViewerBase


class FindActions(ViewerBase):
    """Searching, filtering, and going from one entry to the next."""
