"""What the code of the iteration printed, and how it failed."""

from __future__ import annotations

from rlm_runtime._events import CodeExecuted
from rlm_runtime._tui.details.code_page import blocks_of, state_of
from rlm_runtime._tui.details.document import Block, Document, Heading, Words
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page


def _make(moment: Moment) -> Document:
    blocks: list[Block] = []
    main = []
    for ran in blocks_of(moment):
        event = moment.event(ran.ended) if ran.ended is not None else None
        state, style = state_of(moment, ran)
        title = f"Iteration {moment.iteration}, block {ran.number + 1}"
        blocks.append(Heading(title, state, style if style == "bad" else "heading"))
        if isinstance(event, CodeExecuted):
            blocks += _told(event)
            main += [text for text in (event.stdout, event.stderr, event.error) if text]
        else:
            blocks.append(Words("What it prints is on record when it has ended.", "dim"))
    if not blocks:
        blocks.append(Words(f"No code has run in iteration {moment.iteration} yet.", "dim"))
    return Document(tuple(blocks), "\n".join(main))


def _told(event: CodeExecuted) -> list[Block]:
    blocks: list[Block] = []
    if event.stdout:
        blocks.append(Words(event.stdout))
    if event.stderr:
        blocks += [Heading("stderr", style="warning"), Words(event.stderr)]
    if event.error is not None:
        blocks += [Heading("✗ error", style="bad"), Words(event.error)]
    if event.pending:
        names = ", ".join(event.pending[:40])
        blocks += [Heading("Nobody awaits yet", style="warning"), Words(names[:4000])]
    return blocks or [Words("It printed nothing.", "dim")]


def _has_news(moment: Moment) -> bool:
    return any(isinstance(event, CodeExecuted) for _, event in moment.events_of_iteration())


OUTPUT = Page(name="Output", short="Out", has_news=_has_news, make=_make, changes=True)
