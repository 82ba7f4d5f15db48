"""What the model was sent in the iteration, and what it said."""

from __future__ import annotations

from rlm_runtime._events import (
    HistoryTrimmed,
    ModelAttemptFailed,
    ModelFailed,
    ModelReplied,
    ModelRequested,
)
from rlm_runtime._printable import reason
from rlm_runtime._tui.amounts import short_count, short_time
from rlm_runtime._tui.details.document import Block, Document, Heading, Rule, Words
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page

_MOST_MESSAGES = 200


def _make(moment: Moment) -> Document:
    blocks: list[Block] = []
    main = ""
    # The newest first: the system message is long, and always the same
    for position, event in reversed(list(moment.events_of_iteration())):
        match event:
            case ModelRequested():
                whole = moment.event(position)
                assert isinstance(whole, ModelRequested)
                blocks += _sent(whole)
            case ModelReplied():
                reply = moment.event(position)
                assert isinstance(reply, ModelReplied)
                blocks += _said(reply)
                main = main or reply.text
            case ModelAttemptFailed():
                again = "" if event.wait is None else f", again in {short_time(event.wait)}"
                title = f"✗ attempt {event.attempt} failed{again}"
                blocks.append(Heading(title, reason(event.error), "warning"))
            case ModelFailed() if not event.cancelled:
                blocks += [Heading("✗ no reply", style="bad"), Words(event.error)]
            case HistoryTrimmed():
                told = f"{event.messages:,} older messages were left out"
                blocks.append(Words(told, "warning"))
    if moment.iteration > 1 and blocks:
        blocks += [Rule(), Words("What came before is in the iterations before this one.", "dim")]
    return Document(tuple(blocks), main, ".md")


def _said(event: ModelReplied) -> list[Block]:
    note = f"{short_time(event.seconds)}, {short_count(max(0, event.completion_tokens))} tokens"
    if event.recalled:
        note = f"from the record of {event.recalled[:60]}"
    if event.finish_reason not in (None, "stop"):
        note += f", ended by {(event.finish_reason or '')[:40]}"
    blocks: list[Block] = [Heading("→ reply", note, "accent"), Words(event.text)]
    if event.reasoning:
        blocks += [Heading("→ reasoning, before it", style="second"), Words(event.reasoning, "dim")]
    return blocks


def _sent(event: ModelRequested) -> list[Block]:
    blocks: list[Block] = []
    for message in reversed(event.messages[-_MOST_MESSAGES:]):
        content = message.get("content", "")
        title = f"← {message.get('role', '')}"
        blocks += [Heading(title, f"{len(content):,} characters"), Words(content)]
    left_out = len(event.messages) - _MOST_MESSAGES
    if left_out > 0:
        blocks.append(Words(f"… {left_out:,} messages more, before these", "dim"))
    return blocks


def _has_news(moment: Moment) -> bool:
    return any(isinstance(event, ModelRequested) for _, event in moment.events_of_iteration())


MESSAGES = Page(name="Messages", short="Msgs", has_news=_has_news, make=_make)
