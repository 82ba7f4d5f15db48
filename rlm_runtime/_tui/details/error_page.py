"""What went wrong: how the entry ended, and every error of its iteration."""

from __future__ import annotations

from rlm_runtime._events import (
    AnswerGiven,
    CodeExecuted,
    Event,
    ModelAttemptFailed,
    ModelFailed,
    NodeEnded,
    ReplayDiverged,
    SandboxLost,
    SubCallEnded,
    ToolFailed,
)
from rlm_runtime._tui.amounts import short_time
from rlm_runtime._tui.details.document import Block, Document, Heading, Rule, Words
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.record.marks import is_error
from rlm_runtime._tui.states import look_of

_MOST_ERRORS = 100
_OF_STATUS = {
    401: "The endpoint does not take the key: see that the right one is set.",
    403: "The key may not use this model.",
    404: "The endpoint does not know this model: see its name and the base URL.",
    413: "The request was too large for the endpoint.",
    429: "The endpoint asks to send less: lower max_concurrency, or wait.",
}
_OF_REASON = {
    "no_answer": "It stopped without calling FINAL.",
    "repetition": "The model said the same again and again: another model may get further.",
    "sandbox_error": "Its sandbox could not go on: `rlm doctor` tells whether sandboxes work here.",
    "model_error": "A model call failed for good; `rlm resume` goes on from here.",
    "interrupted": "It was given up; `rlm resume` goes on from here.",
}
_OF_CRASH = "The run ended without a word: it was killed. `rlm resume` goes on from here."


def _make(moment: Moment) -> Document:
    blocks = _end(moment)
    found = _errors(moment)
    if blocks and found:
        blocks.append(Rule(is_empty=True))
    main = ""
    for position in reversed(found[-_MOST_ERRORS:]):
        title, text = _tell(moment.event(position))
        main = main or text
        blocks += [Heading(f"✗ {title}", style="bad"), Words(text)]
        blocks += _hint(moment.view.record.events[position])
    if not blocks:
        blocks.append(Words("Nothing has gone wrong in this iteration.", "dim"))
    return Document(tuple(blocks), main or _end_text(moment))


def _errors(moment: Moment) -> list[int]:
    return [
        position
        for position, event in moment.events_of_iteration()
        if is_error(event) and not isinstance(event, NodeEnded | SubCallEnded)
    ]


def _end(moment: Moment) -> list[Block]:
    """Tell why the entry ended, if it is not that it has answered."""
    state = moment.view.state_of(moment.entry)
    if state in ("answered", "running", "queued"):
        return []
    look = look_of(state)
    blocks: list[Block] = [Heading(f"{look.glyph} {look.word}", moment.name(), "bad")]
    text = _end_text(moment)
    if text:
        blocks.append(Words(text))
    hint = _OF_CRASH if state == "crashed" else _OF_REASON.get(state, "")
    if state.startswith("max_"):
        hint = f"`rlm resume --{state.replace('_', '-')[:40]} …` goes on with a higher limit."
    return [*blocks, Words(hint, "accent")] if hint else blocks


def _end_text(moment: Moment) -> str:
    ended = moment.entry.ended(moment.position)
    event = moment.event(ended) if ended is not None else None
    return (event.error or "") if isinstance(event, NodeEnded | SubCallEnded) else ""


def _tell(event: Event) -> tuple[str, str]:
    match event:
        case CodeExecuted():
            return f"block {event.block + 1} of iteration {event.iteration}", event.error or ""
        case ModelAttemptFailed():
            again = "the last one" if event.wait is None else f"again in {short_time(event.wait)}"
            status = "" if event.status is None else f", status {event.status}"
            return f"attempt {event.attempt} of a model call{status}, {again}", event.error
        case ModelFailed():
            return f"model call, after {event.attempts} attempts", event.error
        case ToolFailed():
            return f"tool {event.tool[:60]}", event.error
        case SandboxLost():
            return "sandbox lost", event.reason
        case AnswerGiven():
            return "answer rejected", event.rejected or ""
        case ReplayDiverged():
            title = f"block {event.block + 1} of iteration {event.iteration} ran differently"
            return title, event.reason
    return "", ""


def _hint(event: Event) -> list[Block]:
    status = event.status if isinstance(event, ModelAttemptFailed) else None
    hint = _OF_STATUS.get(status or 0, "")
    return [Words(hint, "accent")] if hint else []


def _has_news(moment: Moment) -> bool:
    state = moment.view.state_of(moment.entry)
    return state not in ("answered", "running", "queued") or bool(_errors(moment))


ERROR = Page(name="Error", short="Err", has_news=_has_news, make=_make, changes=True)
