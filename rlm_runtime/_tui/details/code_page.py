"""The code of the iteration, and how each block of it fared."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from rlm_runtime._events import CodeExecuted, CodeStarted
from rlm_runtime._tui.amounts import short_time
from rlm_runtime._tui.details.document import Block, Code, Document, Heading, Style, Words
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page

_FRAME = re.compile(r'File "(<[^"\n]{1,40}>)", line (\d{1,7})')
_MOST_OF_ERROR = 20_000


@dataclass(frozen=True, slots=True)
class Ran:
    """A block of code at the moment."""

    number: int
    started: int
    """The position where it began."""
    ended: int | None
    """The position where it ended; None while it runs."""


def blocks_of(moment: Moment) -> list[Ran]:
    """Find the blocks of the iteration, each as it ran last."""
    blocks: dict[int, Ran] = {}
    for position, event in moment.events_of_iteration():
        if isinstance(event, CodeStarted):
            blocks[event.block] = Ran(event.block, position, None)
        elif isinstance(event, CodeExecuted) and event.block in blocks:
            blocks[event.block] = Ran(event.block, blocks[event.block].started, position)
    return list(blocks.values())


def state_of(moment: Moment, ran: Ran) -> tuple[str, Style]:
    """Tell how a block fares."""
    events = moment.view.record.events
    if ran.ended is None:
        if moment.view.state_of(moment.entry) != "running":
            return "⚠ broken off", "warning"
        sessions = moment.view.record.sessions
        if bisect_right(sessions, moment.position) > bisect_right(sessions, ran.started):
            # Nothing tells when that began
            return "▶ runs again", "accent"
        seconds = moment.seconds - moment.view.record.time(ran.started)
        return f"▶ runs for {short_time(seconds)}", "accent"
    event = events[ran.ended]
    assert isinstance(event, CodeExecuted)
    took = short_time(event.seconds)
    if event.error is not None:
        return f"✗ failed after {took}", "bad"
    if event.completed:
        return f"✓ ran {took}", "good"
    return f"✓ ended the node after {took}", "good"


def failed_lines(error: str | None) -> tuple[int, ...]:
    """Find the lines of a block that a traceback names."""
    frames = _FRAME.findall((error or "")[:_MOST_OF_ERROR])
    # Deeper frames may be of functions that earlier blocks defined
    return tuple(int(line) for name, line in frames if name == frames[0][0])


def _make(moment: Moment) -> Document:
    blocks: list[Block] = []
    codes = []
    for ran in blocks_of(moment):
        event = moment.event(ran.started)
        ended = moment.view.record.events[ran.ended] if ran.ended is not None else None
        assert isinstance(event, CodeStarted)
        state, style = state_of(moment, ran)
        error = ended.error if isinstance(ended, CodeExecuted) else None
        title = f"Iteration {event.iteration}, block {ran.number + 1}"
        blocks += [Heading(title, state, style if style == "bad" else "heading")]
        blocks.append(Code(event.code, "python", marked=failed_lines(error)))
        codes.append(event.code)
    return Document(tuple(blocks), "\n\n".join(codes), ".py") if codes else _nothing(moment)


def _nothing(moment: Moment) -> Document:
    text = f"No code has run in iteration {moment.iteration} yet."
    return Document((Words(text, "dim"),))


def _has_news(moment: Moment) -> bool:
    return any(isinstance(event, CodeStarted) for _, event in moment.events_of_iteration())


CODE = Page(name="Code", short="Code", has_news=_has_news, make=_make, changes=True)
