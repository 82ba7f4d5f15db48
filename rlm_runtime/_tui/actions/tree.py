"""Folding and unfolding the tree."""

from __future__ import annotations

from rlm_runtime._tui.base import ViewerBase


class TreeActions(ViewerBase):
    """Folding and unfolding the tree."""
