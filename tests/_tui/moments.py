"""Events of one node, and what a page says of it at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rlm_runtime._events import (
    CodeExecuted,
    CodeStarted,
    Event,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    SubCallEnded,
    SubCallStarted,
)
from rlm_runtime._tui.details.document import Document
from rlm_runtime._tui.details.layout import Layout
from rlm_runtime._tui.details.moment import Loaded, Moment
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.view import View
from tests._tui.viewing import record_of

QUERY = "Which chapters have a flood?"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "<cell 3>", line 2, in <module>\n    f()\n'
    '  File "<cell 1>", line 9, in f\n    1 / 0\nZeroDivisionError: division by zero\n'
)


def started(node: int = 0, **more: object) -> NodeStarted:
    event = NodeStarted(node=node, parent=None, depth=0, model="m", query=QUERY, context="a str")
    return replace(event, **more)  # type: ignore[arg-type]  # the tests name fields of the class


def asked(call: int, iteration: int | None, *texts: str, sub_call: int | None = None) -> Event:
    messages = tuple({"role": "user", "content": text} for text in texts)
    return ModelRequested(
        node=0, call=call, model="m", iteration=iteration, messages=messages, sub_call=sub_call
    )


def replied(call: int, text: str, **more: object) -> ModelReplied:
    event = ModelReplied(
        node=0,
        call=call,
        text=text,
        reasoning="I think",
        finish_reason="stop",
        prompt_tokens=1200,
        cached_tokens=400,
        completion_tokens=90,
        reasoning_tokens=30,
        cost=0.25,
        seconds=1.5,
        seconds_to_first_token=0.3,
    )
    return replace(event, **more)  # type: ignore[arg-type]  # the tests name fields of the class


def code(text: str, iteration: int, block: int = 0) -> CodeStarted:
    return CodeStarted(node=0, iteration=iteration, code=text, block=block)


def ran(iteration: int, block: int = 0, **more: object) -> CodeExecuted:
    event = CodeExecuted(
        node=0,
        iteration=iteration,
        stdout="",
        stderr="",
        error=None,
        pending=(),
        seconds=0.5,
        block=block,
    )
    return replace(event, **more)  # type: ignore[arg-type]  # the tests name fields of the class


def called(sub_call: int, iteration: int = 1, *, recursive: bool = False) -> SubCallStarted:
    return SubCallStarted(
        node=0,
        sub_call=sub_call,
        iteration=iteration,
        key="k",
        prompt=f"prompt {sub_call}",
        context="",
        recursive=recursive,
        model="openai/mini",
    )


def sub_ended(sub_call: int, answer: str = "", error: str | None = None) -> SubCallEnded:
    return SubCallEnded(
        node=0,
        sub_call=sub_call,
        stop_reason="model_error" if error else "answered",
        answer=answer,
        answer_type="str",
        error=error,
        seconds=0.2,
    )


def ended(stop_reason: str = "answered", **more: object) -> NodeEnded:
    event = NodeEnded(node=0, stop_reason="answered", answer="42", answer_type="int", error=None)
    return replace(event, stop_reason=stop_reason, **more)  # type: ignore[arg-type]  # as above


def moment_of(
    *events: Event, position: int | None = None, entry: int = 0, loaded: Loaded | None = None
) -> Moment:
    timed = [replace(event, mono=float(at)) for at, event in enumerate(events)]
    record = record_of(*timed)
    at = record.last if position is None else position
    view = View(record=record, position=at, entry=record.entries[entry], state="growing")
    return Moment(view, record.entries[entry], loaded or Loaded())


def page(name: str, moment: Moment) -> str:
    found = next(one for one in PAGES if one.name == name)
    return text_of(found.make(moment))


def news(name: str, moment: Moment) -> bool:
    return next(one for one in PAGES if one.name == name).has_news(moment)


def text_of(document: Document, width: int = 100) -> str:
    return "\n".join(line.rstrip() for line in lines_of(document, width))


def lines_of(document: Document, width: int) -> Iterator[str]:
    layout = Layout(document, width)
    y = 0
    while (line := layout.line(y)) is not None:
        yield line.text
        y += 1
