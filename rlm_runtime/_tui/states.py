"""How the state of an entry looks: a glyph, a word, and a kind that has a colour."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, NamedTuple

StateKind = Literal[
    "answered", "running", "queued", "limit", "error", "interrupted", "crashed", "aside"
]

_GLYPHS: dict[StateKind, str] = {
    "answered": "✓",
    "running": "▶",
    "queued": "○",
    "limit": "■",
    "error": "✗",
    "interrupted": "‖",
    "crashed": "☠",
    "aside": "~",
}


class StateLook(NamedTuple):
    """What tells of a state; never the colour alone."""

    kind: StateKind
    glyph: str
    word: str


@lru_cache(maxsize=256)
def look_of(state: str) -> StateLook:
    """Tell how a state looks.

    Args:
        state: A stop reason, or `queued`, `running`, `crashed`, `aside`.
    """
    kind = _kind_of(state)
    return StateLook(kind, _GLYPHS[kind], "put aside" if kind == "aside" else state)


def _kind_of(state: str) -> StateKind:
    match state:
        case "answered" | "running" | "queued" | "interrupted" | "crashed" | "aside" | "error":
            return state
        case "repetition" | "no_answer" | "limit":
            return "limit"
    return "limit" if state.startswith("max_") else "error"
