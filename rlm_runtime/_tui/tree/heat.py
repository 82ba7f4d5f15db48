"""The bar that tells which share of the run a row is."""

from __future__ import annotations

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_WARM, _HOT = 0.1, 1 / 3


def heat_bar(own: float, whole: float, width: int) -> tuple[str, str]:
    """Draw a bar: the part of the entry itself, then the part of all below it.

    Args:
        own: The share of the entry itself, from 0 to 1.
        whole: Its share with all below it.
        width: How many cells are the whole run.
    """
    eighths = round(whole * width * 8)
    if whole > 0:
        eighths = max(1, eighths)
    full, rest = divmod(eighths, 8)
    bar = "█" * full + (_EIGHTHS[rest] if rest else "")
    own_cells = len(bar) if own >= whole else min(round(own * width), len(bar))
    return bar[:own_cells], bar[own_cells:]


def heat_level(share: float) -> int:
    """Tell how hot a share of the run is: 0, 1 or 2."""
    return 2 if share >= _HOT else 1 if share >= _WARM else 0
