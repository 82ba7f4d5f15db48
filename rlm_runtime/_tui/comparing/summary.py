"""The lines that sum up two runs, and what lies between them."""

from __future__ import annotations

from rich.text import Text

from rlm_runtime._events import RunStarted
from rlm_runtime._printable import one_line
from rlm_runtime._tui.amounts import short_cost, short_money, short_time
from rlm_runtime._tui.comparing.align import Alignment
from rlm_runtime._tui.comparing.steps import LAST
from rlm_runtime._tui.comparing.whole import name_of_pair
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.states import look_of


def summarise_run(name: str, record: Record, last: int) -> Text:
    """Sum up a run in a line, up to a position."""
    ended = record.ended(last)
    started = next(
        (one for one in record.events[: min(1, last + 1)] if isinstance(one, RunStarted)), None
    )
    look = look_of(one_line(ended.stop_reason, 40) if ended else "running")
    cost = short_cost(record.total.cost(last), record.total.known_cost(last))
    parts = [
        f"{name}  {one_line(record.run, 60)}",
        one_line(started.model, 40) if started else "?",
        f"{look.glyph} {look.word if ended else 'has not ended'}",
        f"{record.total.tokens(last):,} tokens",
        cost,
        short_time(record.time(last)),
    ]
    answer = one_line(ended.answer, 200) if ended else ""
    return _line("  ".join([*parts, f"→ {answer}" if answer else ""]))


def summarise_difference(a: Record, b: Record, alignment: Alignment, left: int) -> Text:
    """Sum up what lies between two runs in a line."""
    last_a, last_b = alignment.last_a, alignment.last_b
    tokens = b.total.tokens(last_b) - a.total.tokens(last_a)
    seconds = b.time(last_b) - a.time(last_a)
    cost_a, cost_b = a.total.cost(last_a), b.total.cost(last_b)
    cost = "cost unknown"
    if cost_a is not None and cost_b is not None:
        cost = f"{'-' if cost_b < cost_a else '+'}{short_money(abs(cost_b - cost_a))}"
    time = f"{'-' if seconds < 0 else '+'}{short_time(abs(seconds))}"
    entries = len(alignment.pairs) - 1
    parts = [
        f"B−A  {tokens:+,} tokens  {cost}  {time}",
        f"{alignment.differing:,} of {entries:,} differ" if alignment.differing else "",
        f"first: {name_difference(alignment, *alignment.first)}"
        if alignment.first
        else "no difference",
        f"the ends of {left:,} long texts were not compared" if left else "",
    ]
    return _line("  ·  ".join(part for part in parts if part))


def name_difference(alignment: Alignment, index: int, number: int) -> str:
    """Name a difference: the entry, the iteration, and what it is."""
    pair = alignment.pairs[index]
    name = name_of_pair(alignment, pair)
    if not name:
        return f"the run's {pair.steps[number].kind}"
    if number < 0:
        return f"{name} is in run {pair.verdict[-1].upper()} alone"
    step = pair.steps[number]
    iteration = "" if step.place[0] in (0, LAST) else f", iteration {step.place[0]}"
    return f"{name}{iteration}: {step.kind}"


def _line(text: str) -> Text:
    return Text(f" {text}", no_wrap=True, overflow="ellipsis")
