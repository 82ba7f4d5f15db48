"""The rows of a comparison: entries and steps, with long stretches of equal ones folded."""

from __future__ import annotations

from dataclasses import dataclass

from rlm_runtime._tui.comparing.align import Alignment, Pair, Verdict
from rlm_runtime._tui.comparing.steps import Place

_SHOWN_ALIKE = 2
"""More equal rows in sequence than this are folded into one."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row: an entry, a step of one, or a stretch of what is the same."""

    level: int
    pair: int
    """Its index; of a stretch, of the entry that it is in."""
    step: int = -1
    """The index of the step in the pair; -1 for an entry."""
    alike: int = 0
    """How many steps and entries a stretch stands for; 0 for what is no stretch."""
    verdict: Verdict = "same"
    is_open: bool = False
    """Whether what is below the entry is shown."""

    @property
    def is_difference(self) -> bool:
        """Tell whether the runs differ in just this, and not in what is below it alone."""
        return self.verdict != "same" and (self.step >= 0 or self.verdict != "different")


def make_lines(alignment: Alignment, *, everything: bool = False) -> list[Line]:
    """Make the rows of a comparison.

    Args:
        alignment: What is compared.
        everything: Whether all that is the same is shown too.
    """
    pairs = alignment.pairs
    lines: list[Line] = []
    tops = [number for number, pair in enumerate(pairs) if pair.parent <= 0 and number > 0]
    # A stack of its own: a trace from elsewhere may be as deep as it likes
    stack: list[Line] = _fold(pairs, [Line(0, number) for number in [0, *tops]], everything)[::-1]
    while stack:
        line = stack.pop()
        if line.alike or line.step >= 0:
            lines.append(line)
            continue
        pair = pairs[line.pair]
        is_one_sided = pair.verdict in ("only a", "only b")
        is_open = everything or (pair.below > 0 and not is_one_sided)
        is_open = is_open and bool(pair.steps or pair.children)
        lines.append(Line(line.level, line.pair, verdict=pair.verdict, is_open=is_open))
        if is_open:
            stack += _fold(pairs, _inside(pairs, line), everything)[::-1]
    return lines


def _inside(pairs: list[Pair], line: Line) -> list[Line]:
    """Give the steps of a pair and the pairs below it, in the order in which they come."""
    pair = pairs[line.pair]
    level = line.level + 1
    placed: list[tuple[Place, Line]] = [
        (step.place, Line(level, line.pair, step=number, verdict=step.verdict))
        for number, step in enumerate(pair.steps)
    ]
    placed += [(pairs[child].place, Line(level, child)) for child in pair.children]
    return [one for _, one in sorted(placed, key=lambda each: each[0])]


def _fold(pairs: list[Pair], lines: list[Line], everything: bool) -> list[Line]:
    """Fold what is the same, where there is much of it in sequence."""
    if everything:
        return lines
    folded: list[Line] = []
    alike: list[Line] = []
    for line in [*lines, None]:
        if line is not None and _is_alike(pairs, line):
            alike.append(line)
            continue
        if len(alike) > _SHOWN_ALIKE:
            first = alike[0]
            owner = first.pair if first.step >= 0 else pairs[first.pair].parent
            alike = [Line(first.level, max(0, owner), alike=len(alike))]
        folded += alike
        alike = []
        folded += [] if line is None else [line]
    return folded


def _is_alike(pairs: list[Pair], line: Line) -> bool:
    if line.step >= 0:
        return line.verdict == "same"
    return pairs[line.pair].below == 0
