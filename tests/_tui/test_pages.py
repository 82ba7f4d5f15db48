from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    EVENT_TYPES,
    AnswerGiven,
    CodeExecuted,
    CodeStarted,
    Event,
    HistoryTrimmed,
    LimitsTold,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NodeEnded,
    NodeStarted,
    RunStarted,
    SandboxLost,
    SubCallEnded,
    SubCallStarted,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._tui.amounts import short_cost, short_money
from rlm_runtime._tui.details.document import Document
from rlm_runtime._tui.details.layout import Layout
from rlm_runtime._tui.details.moment import Loaded, Moment, Value
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.details.telling import tell
from rlm_runtime._tui.details.values import write_value
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.view import View
from tests._tui.viewing import record_of
from tests.hostile_text import ALL, OBEYED

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


def test_the_code_of_the_iteration_is_shown_with_how_it_fares() -> None:
    events = (
        started(),
        asked(0, 1, QUERY),
        replied(0, "look"),
        code("x = 1", 1),
        ran(1),
        asked(1, 2),
        code("a\nf()\n", 2),
        ran(2, error=TRACEBACK),
        code("while True: pass", 2, block=1),
    )
    assert page("Code", moment_of(*events, position=4)) == (
        "Iteration 1, block 1  ✓ ran 0.5 s\n1 x = 1"
    )
    text = page("Code", moment_of(*events))
    assert "Iteration 2, block 1  ✗ failed after 0.5 s" in text
    assert "2✗f()" in text
    assert "1 a" in text
    assert "Iteration 2, block 2  ▶ runs for 0.0 s" in text
    assert "x = 1" not in text


def test_nothing_that_comes_later_is_shown() -> None:
    events = (started(), asked(0, 1, QUERY), code("x", 1), ran(1, stdout="LATER"), ended())
    now = moment_of(*events, position=2)
    for one in PAGES:
        assert "LATER" not in text_of(one.make(now))
        assert "42" not in text_of(one.make(now))
    assert not news("Output", now)
    assert "on record when it has ended" in page("Output", now)


def test_code_that_was_broken_off_is_not_told_to_run() -> None:
    now = moment_of(started(), asked(0, 1, QUERY), code("x", 1))
    crashed = Moment(replace(now.view, state="still"), now.entry)
    assert "⚠ broken off" in page("Code", crashed)
    assert "☠ crashed" in page("Error", crashed)
    assert "rlm resume" in page("Error", crashed)


def test_output_errors_and_what_is_not_awaited() -> None:
    now = moment_of(
        started(),
        asked(0, 1, QUERY),
        code("x", 1),
        ran(1, stdout="out\n", stderr="careful", error=TRACEBACK, pending=("llm_query",)),
    )
    text = page("Output", now)
    for part in ("out", "stderr", "careful", "ZeroDivisionError", "Nobody awaits yet"):
        assert part in text


def test_messages_are_those_of_the_iteration_with_the_newest_first() -> None:
    events = (
        started(),
        asked(0, 1, "FIRST"),
        replied(0, "one"),
        HistoryTrimmed(node=0, iteration=2, messages=3, characters=9, exceeded=False),
        asked(1, 2, "SECOND", "THIRD"),
        ModelAttemptFailed(
            node=0,
            call=1,
            attempt=1,
            error="429: slow down",
            status=429,
            seconds=0.1,
            wait=2.0,
            prompt_tokens=0,
            cached_tokens=0,
            completion_tokens=0,
            reasoning_tokens=0,
            cost=0.0,
        ),
        replied(1, "two", finish_reason="length"),
    )
    text = page("Messages", moment_of(*events))
    order = [text.index(part) for part in ("→ reply", "two", "I think", "429", "THIRD", "SECOND")]
    assert order == sorted(order)
    assert "ended by length" in text
    assert "FIRST" not in text
    assert "again in 2.0 s" in text
    assert "FIRST" in page("Messages", moment_of(*events, position=2))


def test_sub_calls_are_listed_with_those_of_the_iteration_first() -> None:
    events = (
        started(),
        asked(0, 1, QUERY),
        code("x", 1),
        called(0),
        asked(1, None, "prompt 0", sub_call=0),
        sub_ended(0, "yes"),
        asked(2, 2),
        code("y", 2),
        called(1, 2, recursive=True),
        called(2, 2),
        sub_ended(2, error="no key"),
    )
    text = page("Calls", moment_of(*events))
    before, after = text.split("Before  1 sub-call")
    assert "Iteration 2  2 sub-calls" in before
    assert "○ queued" in before and "✗ model_error" in before and "no key" in before
    assert "✓ answered" in after and "prompt 0" in after and "yes" in after
    assert "mini" in after and "openai" not in after
    assert "yes" not in page("Calls", moment_of(*events, position=4))


def test_ten_thousand_sub_calls_are_made_as_they_are_seen() -> None:
    now = moment_of(
        started(), asked(0, 1, QUERY), code("x", 1), *(called(number) for number in range(10_000))
    )
    layout = Layout(next(one for one in PAGES if one.name == "Calls").make(now), 100)
    assert layout.height == 10_002
    line = layout.line(10_001)
    assert line is not None and "prompt 9999" in line.text


def test_tools_are_listed() -> None:
    def call(number: int) -> ToolCalled:
        return ToolCalled(node=0, call=number, tool="search", arguments=f"({number})", iteration=1)

    text = page(
        "Calls",
        moment_of(
            started(),
            asked(0, 1, QUERY),
            code("x", 1),
            call(0),
            call(1),
            call(2),
            ToolReturned(node=0, call=0, tool="search", result="7 hits", result_type="", seconds=1),
            ToolFailed(node=0, call=1, tool="search", error="timeout", seconds=1),
        ),
    )
    for part in ("3 calls", "(0)", "7 hits", "✗ timeout", "▶ running"):
        assert part in text


def test_the_answer_is_its_whole_value_when_that_is_loaded() -> None:
    end = ended(answer="{'a': …", answer_type="dict", answer_ref="ref")
    loaded = Loaded()
    now = moment_of(started(), end, loaded=loaded)
    assert "{'a': …" in page("Answer", now)
    assert now.wanted == ["ref"]
    loaded.add_value("ref", Value('{\n  "a": 1\n}', is_json=True))
    now = moment_of(started(), end, loaded=loaded)
    assert '  "a": 1' in page("Answer", now)
    assert now.wanted == []


def test_rejected_answers_are_told_with_the_reason() -> None:
    given = AnswerGiven(node=0, iteration=1, answer="maybe", rejected="it is no int")
    now = moment_of(started(), asked(0, 1, QUERY), given)
    assert "✗ Given in iteration 1, but rejected\nit is no int\nmaybe" in page("Answer", now)
    assert "answer rejected" in page("Error", now)
    last = AnswerGiven(node=0, iteration=1, answer="7")
    assert "7" in page("Answer", moment_of(started(), asked(0, 1, QUERY), given, last))


def test_a_completion_shows_its_reply_until_its_answer_is_on_record() -> None:
    events = (started(), called(0), asked(0, None, "prompt 0", sub_call=0), replied(0, "Paris"))
    now = moment_of(*events, entry=1)
    assert "Reply\nParis" in page("Answer", now)
    assert news("Answer", now) and news("Messages", now) and not news("Code", now)
    assert "✓ answered  str\nParis!" in page(
        "Answer", moment_of(*events, sub_ended(0, "Paris!"), entry=1)
    )


def test_usage_tells_itself_and_all_below_and_each_attempt() -> None:
    now = moment_of(
        started(),
        asked(0, 1, QUERY),
        replied(0, "one", counted=False),
        called(0),
        asked(1, None, "prompt 0", sub_call=0),
        replied(1, "two", cost=None),
        LimitsTold(node=0, iteration=1, limits={"calls": 900, "cost": None}),
        asked(2, 2),
        ModelFailed(node=0, call=2, error="401", seconds=0.5),
    )
    text = page("Usage", now)
    for part in (
        f"itself             {short_money(0.25)}  1,290 tokens  2 calls",
        f"with all below     {short_cost(None, 0.25)}  2,580 tokens  3 calls",
        "1,200, of them 400 cached",
        "90, of them 30 for reasoning",
        "A part of it is an estimate",
        "✗ 401",
        "✓ stop",
        "Left, as its code was told",
        "calls  900",
        "cost   no limit",
    ):
        assert part in text


def test_errors_are_told_with_what_can_be_done() -> None:
    events = (
        started(),
        asked(0, 1, QUERY),
        ModelAttemptStarted(node=0, call=0, attempt=1, prompt_tokens=1, completion_tokens=None),
        ModelAttemptFailed(
            node=0,
            call=0,
            attempt=1,
            error="Unauthorized",
            status=401,
            seconds=0.1,
            wait=None,
            prompt_tokens=0,
            cached_tokens=0,
            completion_tokens=0,
            reasoning_tokens=0,
            cost=0.0,
        ),
        ModelFailed(node=0, call=0, error="No reply", seconds=0.1),
        SandboxLost(node=0, reason="too much memory"),
        ended("model_error", error="Cannot get a reply", answer=""),
    )
    text = page("Error", moment_of(*events))
    for part in (
        "✗ model_error",
        "Cannot get a reply",
        "status 401",
        "The endpoint does not take the key",
        "too much memory",
        "No reply",
    ):
        assert part in text
    assert not news("Error", moment_of(*events, position=2))
    limit = moment_of(started(), ended("max_cost"))
    assert "■ max_cost" in page("Error", limit)
    assert "--max-cost" in page("Error", limit)


def test_now_tells_the_event_in_words_and_fields() -> None:
    now = moment_of(started(), asked(0, 1, QUERY), code("x = 1", 1))
    text = page("Now", now)
    assert text.startswith("Block 1 of iteration 1 began to run.\nnode 0, event 3 at 2.000 s")
    assert "1 x = 1" in text
    assert "iteration  1" in text


def _forged(kind: type[Event], text: str, number: int) -> Event:
    """Make an event with the same in all its fields."""
    values: dict[str, object] = {}
    for field in fields(kind):
        told = str(field.type)
        if field.name in ("kind", "seq", "time", "mono"):
            continue
        if field.name == "messages" and "tuple" in told:
            values[field.name] = ({"role": text, "content": text, text: text},)
        elif "tuple" in told:
            values[field.name] = (text, text)
        elif "dict" in told:
            values[field.name] = {text: float("nan"), "b": None}
        elif "bool" in told:
            values[field.name] = True
        elif "float" in told:
            values[field.name] = float("-inf") if number < 0 else float("nan")
        elif "int" in told:
            values[field.name] = number
        else:
            values[field.name] = text
    return kind(**values)  # type: ignore[arg-type]  # forged on purpose


@pytest.mark.parametrize("number", [0, -(2**63), 2**64 - 1])
def test_every_page_bears_every_event_with_anything_in_it(number: int) -> None:
    record = Record()
    for event in (started(), asked(0, 1, ALL), called(0), asked(1, None, sub_call=0)):
        record.add(event)
    for kind in EVENT_TYPES.values():
        record.add(_forged(kind, ALL, number))
        record.add(replace(_forged(kind, ALL, 0)))
    for entry in record.entries:
        for position in range(entry.began, record.last + 1):
            view = View(record=record, position=position, entry=entry, state="still")
            moment = Moment(view, entry)
            for one in PAGES:
                one.has_news(moment)
                shown = text_of(one.make(moment), 60).replace("\n", "")
                assert not OBEYED.search(shown)


@pytest.mark.parametrize("kind", EVENT_TYPES.values(), ids=EVENT_TYPES)
def test_every_event_is_told_in_a_sentence(kind: type[Event]) -> None:
    told = tell(_forged(kind, "word", 1))
    assert told.endswith(".")
    assert "_" not in told


def test_every_page_is_made_at_every_moment_of_a_run() -> None:
    record = record_of(*synthetic_events(4))
    for position in range(0, record.last + 1, 3):
        for entry in record.entries[: record.begun(position)]:
            moment = Moment(View(record=record, position=position, entry=entry), entry)
            for one in PAGES:
                assert one.make(moment).blocks or not one.has_news(moment)


def test_cut_texts_are_wanted_until_they_are_loaded() -> None:
    record = Record()
    record.add(RunStarted(run="r", version="1", query="", model="m", sub_model="m", limits={}))
    record.add(started())
    record.add(asked(0, 1, QUERY))
    record.add(code("x = ", 1), cut=True)
    entry = record.entries[0]
    loaded = Loaded()
    moment = Moment(View(record=record, position=3, entry=entry), entry, loaded)
    assert "x =" in page("Code", moment)
    assert moment.wanted == [3]
    loaded.add_event(3, code("x = 'whole'", 1))
    moment = Moment(View(record=record, position=3, entry=entry), entry, loaded)
    assert "x = 'whole'" in page("Code", moment)
    assert moment.wanted == []


def test_what_is_loaded_is_bounded() -> None:
    loaded = Loaded()
    for number in range(500):
        loaded.add_event(number, started())
        loaded.add_value(str(number), Value("", is_json=False))
    assert len(loaded.events) < 100
    assert len(loaded.values) < 10
    assert 499 in loaded.events


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ({"a": [1, {"é"}]}, '{\n  "a": [\n    1,\n    [\n      "é"\n    ]\n  ]\n}'),
        (b"ab", '"YWI="'),
        (float("nan"), "null"),
        (None, "null"),
    ],
)
def test_values_are_written_out(value: object, text: str) -> None:
    assert write_value(value).text == text


def test_a_huge_value_is_written_in_part() -> None:
    written = write_value(list(range(100_000)), most=5_000)
    assert len(written.text) < 5_200
    assert written.text.endswith("… more than 5,000 characters")


def test_an_iteration_of_any_length_is_told_of_in_bounded_time() -> None:
    given = AnswerGiven(node=0, iteration=1, answer="maybe", rejected="no")
    now = moment_of(started(), asked(0, 1, QUERY), *[given] * 6_000)
    assert len(list(now.events_of_iteration())) == len(list(now.events())) == 5_000
    assert page("Error", now).count("answer rejected") == 100
    assert page("Answer", now).count("but rejected") == 20


def test_a_request_of_any_length_is_told_of_in_part() -> None:
    now = moment_of(started(), asked(0, 1, *(f"message {number}" for number in range(300))))
    text = page("Messages", now)
    assert text.count("← user") == 200
    assert "message 299" in text
    assert "… 100 messages more, before these" in text


def test_no_more_is_read_for_a_page_than_it_can_keep() -> None:
    record = Record()
    record.add(started())
    record.add(asked(0, 1, QUERY))
    for number in range(100):
        record.add(code("x", 1, block=number), cut=True)
    entry = record.entries[0]
    now = Moment(View(record=record, position=record.last, entry=entry), entry)
    page("Code", now)
    assert len(now.wanted) == 24
