"""What the entry answered: what was given, what was rejected, and its end; and to what."""

from __future__ import annotations

from rlm_runtime._events import (
    AnswerGiven,
    ModelReplied,
    NodeEnded,
    NodeStarted,
    SubCallEnded,
    SubCallStarted,
)
from rlm_runtime._tui.details.calls_page import STYLES
from rlm_runtime._tui.details.document import Block, Code, Document, Heading, Rule, Words
from rlm_runtime._tui.details.moment import Moment
from rlm_runtime._tui.details.page import Page
from rlm_runtime._tui.states import look_of

_MOST_GIVEN = 20


def _make(moment: Moment) -> Document:
    ended = _end(moment)
    given = [
        (position, event) for position, event in moment.events() if isinstance(event, AnswerGiven)
    ]
    blocks: list[Block] = []
    main, suffix = "", ".txt"
    if ended is not None:
        event = moment.event(ended)
        assert isinstance(event, NodeEnded | SubCallEnded)
        look = look_of(event.stop_reason)
        note = event.answer_type[:80]
        blocks.append(Heading(f"{look.glyph} {look.word}", note, STYLES[look.kind]))
        if event.error:
            blocks.append(Words(event.error, "bad"))
        main, suffix = _written(moment, event.answer, event.answer_ref)
        blocks.append(_shown(main, suffix))
    for position, _ in given[-_MOST_GIVEN:]:
        one = moment.event(position)
        assert isinstance(one, AnswerGiven)
        blocks += _given(moment, one, is_final=ended is not None)
        if not main:
            main, suffix = _written(moment, one.answer, one.answer_ref)
    if not blocks:
        blocks, main = _partial(moment)
    return Document((*blocks, *_query(moment)), main, suffix)


def _query(moment: Moment) -> list[Block]:
    """Show all of what was asked, of which the tree has the beginning."""
    match moment.event(moment.entry.began):
        case (
            NodeStarted(query=preview, query_ref=ref)
            | SubCallStarted(prompt=preview, prompt_ref=ref)
        ):
            text, _ = _written(moment, preview, ref)
            return [Rule(is_empty=True), Heading("Query"), Words(text)]
    return []


def _end(moment: Moment) -> int | None:
    """Find the event that tells of the end with the answer."""
    ended = moment.entry.ended(moment.position)
    if ended is None:
        return None
    is_told = isinstance(moment.view.record.events[ended], NodeEnded | SubCallEnded)
    return ended if is_told else None


def _given(moment: Moment, event: AnswerGiven, *, is_final: bool) -> list[Block]:
    title = f"Given in iteration {event.iteration}"
    if event.rejected is None:
        if is_final:
            return []
        return [Heading(title), _shown(*_written(moment, event.answer, event.answer_ref))]
    rejected = Heading(f"✗ {title}, but rejected", style="bad")
    return [rejected, Words(event.rejected, "bad"), Words(event.answer)]


def _partial(moment: Moment) -> tuple[list[Block], str]:
    """Show the reply of a completion of whose end nothing is on record yet."""
    for position, event in moment.events():
        if isinstance(event, ModelReplied) and moment.entry.kind == "completion":
            whole = moment.event(position)
            assert isinstance(whole, ModelReplied)
            return [Heading("Reply"), Words(whole.text)], whole.text
    return [Words("It has not answered yet.", "dim")], ""


def _written(moment: Moment, preview: str, ref: str) -> tuple[str, str]:
    value = moment.value(ref)
    if value is None:
        return preview, ".txt"
    return value.text, ".json" if value.is_json else ".txt"


def _shown(text: str, suffix: str) -> Block:
    return Code(text, "json") if suffix == ".json" else Words(text)


def _has_news(moment: Moment) -> bool:
    if moment.entry.ended(moment.position) is not None:
        return True
    kinds = ModelReplied if moment.entry.kind == "completion" else AnswerGiven
    return any(isinstance(event, kinds) for _, event in moment.events_of_iteration())


ANSWER = Page(name="Answer", short="Answ", has_news=_has_news, make=_make)
