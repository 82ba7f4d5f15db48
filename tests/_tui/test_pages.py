from __future__ import annotations

from dataclasses import replace

from rlm_runtime._events import (
    AnswerGiven,
    HistoryTrimmed,
    LimitsTold,
    ModelAttemptFailed,
    ModelAttemptStarted,
    ModelFailed,
    SandboxLost,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._tui.amounts import short_cost, short_money
from rlm_runtime._tui.details.layout import Layout
from rlm_runtime._tui.details.moment import Loaded, Moment, Value
from rlm_runtime._tui.details.pages import PAGES
from tests._tui.moments import (
    QUERY,
    TRACEBACK,
    asked,
    called,
    code,
    ended,
    moment_of,
    news,
    page,
    ran,
    replied,
    started,
    sub_ended,
    text_of,
)


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


def test_a_sub_call_has_the_number_of_its_node() -> None:
    child = started(5, parent=0, depth=1, sub_call=0)
    events = (started(), asked(0, 1, QUERY), called(0, recursive=True), called(1), child)
    lines = page("Calls", moment_of(*events)).split("\n")
    assert [line.split()[:2] for line in lines[2:]] == [["5", "▶"], ["○", "queued"]]
    assert lines[1].split()[0] == "node"
    before = page("Calls", moment_of(*events, position=3)).split("\n")
    assert before[2].split()[:2] == ["○", "queued"]


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


def test_all_of_the_query_is_below_the_answer() -> None:
    long = f"{QUERY} {'all ' * 100}of them"
    begun = started(query=f"{QUERY} all …", query_ref="q")
    loaded = Loaded()
    assert f"Query\n{QUERY} all …" in page("Answer", moment_of(begun, loaded=loaded))
    loaded.add_value("q", Value(long, is_json=False))
    text = page("Answer", moment_of(begun, ended(), loaded=loaded))
    assert text.startswith("✓ answered  int\n42\n\nQuery\n") and text.endswith("of them")
    sub = moment_of(started(), called(0), sub_ended(0, "Paris"), entry=1)
    assert page("Answer", sub).endswith("Paris\n\nQuery\nprompt 0")


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
    assert "seq" not in text and "mono" not in text and "time " not in text
