"""What a record says of the order and the output of a node's code."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rlm_runtime._engine.past import NodePast
from rlm_runtime._engine.sequencer import Milestone, Name
from rlm_runtime._events import CodeExecuted
from rlm_runtime._excerpt import excerpt
from rlm_runtime._sandbox.base import ExecutionResult

# Code takes about as long as it did, but the machine may be busier
_SLOWER, _MORE_SECONDS = 2.0, 1.0
_MOST_SECONDS = 120.0
_SHOWN_CHARS = 200


def milestones(past: NodePast, skipped: int) -> Iterator[Milestone]:
    """Give all that a node's code did and got, in order; `skipped` are iterations left out."""
    found: list[tuple[int, float, Name, bool]] = []
    for number, iteration in past.iterations.items():
        for block, one in iteration.blocks.items() if number > skipped else ():
            # That a block begins is ours to see to, all else is the code's
            found.append((one.started.seq, one.started.mono, ("began", number, block), False))
            if (event := one.executed) is not None:
                found.append((event.seq, event.mono, ("ended", number, block), True))
    for call in past.sub_calls:
        if call.started.iteration > skipped:
            n = call.started.sub_call
            found.append((call.started.seq, call.started.mono, ("called", n, 0), True))
            if call.ended is not None:
                found.append((call.ended.seq, call.ended.mono, ("answered", n, 0), True))
    for tool in past.tool_calls:
        if tool.called.iteration > skipped:
            n = tool.called.call
            found.append((tool.called.seq, tool.called.mono, ("used", n, 0), True))
            if tool.ended is not None:
                found.append((tool.ended.seq, tool.ended.mono, ("returned", n, 0), True))
    found.sort()
    last = found[0][1] if found else 0.0
    for seq, mono, name, is_codes in found:
        seconds = max(0.0, mono - last) * _SLOWER + _MORE_SECONDS
        yield Milestone(seq, name, min(seconds, _MOST_SECONDS) if is_codes else math.inf)
        last = mono


def difference(recorded: CodeExecuted, result: ExecutionResult) -> str | None:
    """Say in a line how what a block gave differs from what it gave before; None: not at all."""
    pairs = (
        ("its output", recorded.stdout, result.stdout),
        ("its output on stderr", recorded.stderr, result.stderr),
        ("its error", recorded.error or "", result.error or ""),
    )
    return next((_show(*pair) for pair in pairs if pair[1] != pair[2]), None)


def _show(what: str, then: str, now: str) -> str:
    """Show two texts from where they part."""
    same = next((n for n, (a, b) in enumerate(zip(then, now, strict=False)) if a != b), None)
    start = max(0, (min(len(then), len(now)) if same is None else same) - 20)
    shown = [excerpt(text[start : start + 500], _SHOWN_CHARS) or "nothing" for text in (then, now)]
    return f"{what} was {shown[0]!r}, and is {shown[1]!r}"
