"""What is in a row of a comparison, in words."""

from __future__ import annotations

import os
from dataclasses import dataclass

from rlm_runtime._printable import one_line
from rlm_runtime._tui.amounts import short_cost, short_time
from rlm_runtime._tui.comparing.align import Alignment, StepPair, Verdict
from rlm_runtime._tui.comparing.rows import Line
from rlm_runtime._tui.comparing.steps import LAST
from rlm_runtime._tui.comparing.told import text_of
from rlm_runtime._tui.comparing.whole import name_of_pair
from rlm_runtime._tui.record.entry import Entry
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.states import look_of

SIGNS: dict[Verdict, str] = {"same": "=", "different": "≠", "only a": "−", "only b": "+"}
_DEEPEST = 12
"""Levels that are indented; what is deeper stands below them."""
_CHARS_BEFORE = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two runs that have been compared."""

    a: Record
    b: Record
    alignment: Alignment
    lines: list[Line]


def describe(compared: Compared, line: Line, width: int) -> tuple[str, str, str]:
    """Give what is in a row: what it is, and what each run has there."""
    indent = " " * min(line.level, _DEEPEST)
    pair = compared.alignment.pairs[line.pair]
    if line.alike:
        return f"{indent}{line.alike:,} the same", "", ""
    if line.step >= 0:
        step = pair.steps[line.step]
        return f"{indent}{_name_of_step(step)}", *_tell_step(compared, step, width)
    name = name_of_pair(compared.alignment, pair)
    if not name:
        return f"{indent}the run", one_line(compared.a.run), one_line(compared.b.run)
    return (
        f"{indent}{name}",
        _tell_entry(compared.a, pair.a, compared.alignment.last_a),
        _tell_entry(compared.b, pair.b, compared.alignment.last_b),
    )


def _name_of_step(step: StepPair) -> str:
    iteration, block = step.place[:2]
    if iteration in (0, LAST):
        return step.kind
    return f"{iteration}{f'.{block}' if block > 0 else ''} {step.kind}"


def _tell_step(compared: Compared, step: StepPair, width: int) -> tuple[str, str]:
    """Tell what each run has, from shortly before the first difference on."""
    texts = [
        "" if position is None else text_of(record.events[position], step.kind)
        for record, position in ((compared.a, step.a), (compared.b, step.b))
    ]
    start = 0
    if step.verdict == "different":
        start = max(0, len(os.path.commonprefix(texts)) - _CHARS_BEFORE)
    told = [f"{'…' if start else ''}{one_line(text[start:], max(20, width))}" for text in texts]
    return ("·" if step.a is None else told[0]), ("·" if step.b is None else told[1])


def _tell_entry(record: Record, entry: Entry | None, last: int) -> str:
    if entry is None:
        return "·"
    look = look_of(entry.state(last))
    cost = short_cost(entry.below.cost(last), entry.below.known_cost(last))
    took = short_time(record.seconds_of(entry, last))
    return f"{look.glyph} {look.word}  {cost}  {took}  {entry.query}"
