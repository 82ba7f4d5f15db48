"""What the row of a group says of its members, in the room that there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len

from rlm_runtime._tui.states import StateKind, look_of

Part = tuple[str, str]
"""A text, and the name of the style it has."""

_NEWS: tuple[StateKind, ...] = (
    "error",
    "limit",
    "crashed",
    "interrupted",
    "running",
    "queued",
    "answered",
    "aside",
)
"""What counts the most first: what there is no room for is left out from the end."""


def tell_members(
    word: str, many: int, counts: Sequence[tuple[StateKind, int]], room: int
) -> list[Part]:
    """Say how many members a group has, and how many of them are what.

    Where there is little room the word goes first, then what tells the least.

    Args:
        word: What the members are.
        many: How many there are.
        counts: How many are what.
        room: How many cells there are.
    """
    told = [(kind, f"{count}{look_of(kind).glyph}") for kind, count in counts]
    name, number = f"{word} ×{many}", f"×{many}"
    forms = [(name, "  "), (name, " "), (number, " ")]
    # Of one kind alone the glyph of the row tells, too: better the word
    for title, gap in forms if len(told) > 1 else forms[:2]:
        parts = list(_join(title, gap, told))
        if _cells(parts) <= room:
            return parts
    if len(told) <= 1:
        return [(name, "title")]
    kept = sorted(told, key=lambda one: _NEWS.index(one[0]))
    while len(kept) > 1 and _cells(_join(number, " ", kept)) >= room:
        kept.pop()
    return [*_join(number, " ", [one for one in told if one in kept]), ("…", "query")]


def _join(title: str, gap: str, told: Sequence[tuple[StateKind, str]]) -> Iterator[Part]:
    yield title, "title"
    for number, (kind, text) in enumerate(told):
        yield f"{' ' if number else gap}{text}", kind


def _cells(parts: Sequence[Part] | Iterator[Part]) -> int:
    return sum(cell_len(text) for text, _ in parts)
