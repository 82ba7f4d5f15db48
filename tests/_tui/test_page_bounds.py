from __future__ import annotations

from dataclasses import fields, replace

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._events import (
    EVENT_TYPES,
    AnswerGiven,
    Event,
    RunStarted,
    ToolCalled,
)
from rlm_runtime._tui.details.moment import Loaded, Moment, Value
from rlm_runtime._tui.details.pages import PAGES
from rlm_runtime._tui.details.telling import tell
from rlm_runtime._tui.details.values import write_value
from rlm_runtime._tui.record.record import Record
from rlm_runtime._tui.view import View
from tests._tui.moments import (
    QUERY,
    asked,
    called,
    code,
    moment_of,
    page,
    ran,
    replied,
    started,
    text_of,
)
from tests._tui.viewing import record_of
from tests.hostile_text import ALL, OBEYED


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


def test_code_that_calls_a_tool_often_keeps_its_pages() -> None:
    call = ToolCalled(node=0, call=0, tool="grep", arguments="", iteration=1)
    early = asked(0, 1, QUERY), replied(0, "one"), code("x = 1", 1)
    now = moment_of(started(), *early, *[call] * 6_000, ran(1, stdout="that is it"))
    assert "x = 1" in page("Code", now) and "that is it" in page("Output", now)
    assert QUERY in page("Messages", now)


def test_usage_sums_up_calls_however_much_is_between_them() -> None:
    call = ToolCalled(node=0, call=0, tool="grep", arguments="", iteration=1)
    rest = [call] * 2_000
    calls = [(asked(n, n + 1), replied(n, "one")) for n in range(4)]
    now = moment_of(started(), *(event for pair in calls for event in (*pair, *rest)))
    assert "4,800, of them 1,600 cached" in page("Usage", now)


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
