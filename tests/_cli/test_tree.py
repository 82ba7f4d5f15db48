"""The tree of a run, drawn from events of any quality."""

from __future__ import annotations

from dataclasses import replace

from rlm_runtime._cli.tree import Tree
from rlm_runtime._events import (
    AnswerGiven,
    Event,
    SandboxLost,
    SubCallEnded,
    ToolCalled,
    ToolFailed,
    ToolReturned,
)
from rlm_runtime._types import StopReason
from tests._cli.events import (
    SMALL_RUN,
    attempt_failed,
    code,
    diverged,
    executed,
    failed,
    node_ended,
    node_started,
    rebuilt,
    replied,
    requested,
    resumed,
)


def lines(*events: Event) -> list[str]:
    tree = Tree()
    for event in events:
        tree.add(event)
    return list(tree.lines("running"))


def test_whole_run() -> None:
    assert lines(*SMALL_RUN) == [
        "0 answered, m, depth 0, 1 call, 1,200 tokens, 3.0 s: How many?",
        "│  iteration 0: 9 characters of code, 0.50 s",
        "└─ 1 answered, m, depth 1, 1 call, 1,200 tokens, 2.0 s: child \\x1b[31mred\\x1b[0m query",
        "      iteration 0: 1 character of code, 0.50 s, NameError: x",
    ]


def test_children_hang_in_order_with_what_befell_them() -> None:
    drawn = lines(
        node_started(0),
        node_started(1, 0),
        node_started(2, 0),
        failed(1, "429"),
        SandboxLost(node=1, reason="killed"),
        node_started(3, 1),
        node_ended(2, "max_iterations"),
    )
    assert [line.partition(",")[0] for line in drawn] == [
        "0 running",
        "├─ 1 running",
        "│  │  a model call failed: 429",
        "│  │  the sandbox is lost: killed",
        "│  └─ 3 running",
        "└─ 2 max_iterations",
    ]


def test_calls_that_took_several_attempts_tell_it_once() -> None:
    drawn = lines(
        node_started(0),
        attempt_failed(0, 4, 1, wait=1, error="429\x1b[2J slow\ndown"),
        attempt_failed(0, 4, 2, wait=2, error="503"),
        replied(0, 4, attempts=3),
        attempt_failed(0, 5, 1, wait=1),
        attempt_failed(0, 5, 2, wait=None),
        failed(0, "429 (2 attempts in 1.0 s)", call=5),
        attempt_failed(0, 6, 1, wait=1, error="429\x1b[2J slow\ndown"),
    )
    assert drawn[0].startswith("0 running, m, depth 0, 0 calls, 1,800 tokens")
    assert [line.strip() for line in drawn[1:]] == [
        "call 4 attempt 2 failed: 503; attempt 3 was answered",
        "a model call failed: 429 (2 attempts in 1.0 s)",
        "call 6 attempt 1 failed: 429\\x1b[2J slow down",
    ]


def test_events_that_do_not_fit_together_are_left_out() -> None:
    drawn = lines(
        executed(7, 0),
        node_started(1, 2),
        node_started(2, 1),
        node_started(1, 2),
        node_started(3, 3),
    )
    assert [line.partition(",")[0] for line in drawn] == ["1 running", "└─ 2 running", "3 running"]


def test_deep_tree_is_drawn() -> None:
    chain = [node_started(number, number - 1 if number else None) for number in range(2000)]
    drawn = lines(*chain)
    assert len(drawn) == 2000
    assert max(map(len, drawn)) < 200, "so that a chain of any length is no flood"


def test_calls_of_tools_are_counted_and_the_first_of_them_shown() -> None:
    events: list[Event] = [node_started(0)]
    for call in range(30):
        events.append(ToolCalled(node=0, call=call, tool="search", arguments="[]"))
        done = ToolReturned(
            node=0, call=call, tool="search", result="", result_type="str", seconds=0.5
        )
        failed = ToolFailed(node=0, call=call, tool="search", error="it\nbroke", seconds=1)
        events.append(failed if call == 1 else done)
    drawn = lines(*events)
    assert drawn[0] == "0 running, m, depth 0, 0 calls, 30 tool calls, 0 tokens, 0.0 s: q"
    assert drawn[1:3] == [
        "   tool search: 0.50 s",
        "   tool search: 1.00 s, failed: it broke",
    ]
    assert drawn[21:] == ["   more calls of tools"]


def sub_call_ended(sub_call: int, error: str | None, reason: StopReason = "max_nodes") -> Event:
    return SubCallEnded(
        node=0,
        sub_call=sub_call,
        stop_reason=reason,
        answer="",
        answer_type="str",
        error=error,
        seconds=0.0,
    )


def test_a_node_that_went_another_way_shows_the_newest() -> None:
    child = replace(node_started(2, 0, at=5), sub_call=1)
    drawn = lines(
        node_started(0),
        code(0, 1, "first"),
        node_started(1, 0),
        node_ended(1),
        executed(0, 1),
        code(0, 2, "second"),
        executed(0, 2, "ValueError: old"),
        code(0, 3, "third"),
        child,
        attempt_failed(0, 9, 1, wait=1),
        node_ended(0, "interrupted"),
        resumed(),
        diverged(0, 2),
        executed(0, 2, "KeyError: new"),
    )
    assert [line.split(",")[0] for line in drawn] == [
        "0 running",
        "│  iteration 1: 5 characters of code",
        "│  differs at iteration 2 from here on: stdout\\x1b[2J is not",
        "│  iteration 2: 6 characters of code",
        "└─ 1 answered",
    ]
    assert drawn[3].endswith("KeyError: new")


def test_what_a_diverging_block_had_started_stays() -> None:
    drawn = lines(
        node_started(0), code(0, 1, "x"), node_started(1, 0), executed(0, 1), diverged(0, 1)
    )
    assert drawn[-1].startswith("└─ 1 running")


def test_a_node_that_is_rebuilt_runs_again() -> None:
    drawn = lines(
        node_started(0, at=1), node_ended(0, "interrupted"), resumed(at=100), rebuilt(0, at=102.5)
    )
    # Two seconds until the end, none between the sessions, two and a half since
    assert drawn == ["0 running, m, depth 0, 0 calls, 0 tokens, 5.5 s: q"]


def test_failed_sub_calls_and_rejected_answers_are_shown_once() -> None:
    drawn = lines(
        node_started(0),
        replace(node_started(1, 0), sub_call=1),
        sub_call_ended(1, "the child tells it"),
        failed(0, "no reply"),
        sub_call_ended(2, "no reply"),
        sub_call_ended(3, "given up", "interrupted"),
        sub_call_ended(4, None, "answered"),
        sub_call_ended(5, "max_nodes is 1"),
        AnswerGiven(node=0, iteration=0, answer="x", rejected="not a\nlist"),
        AnswerGiven(node=0, iteration=0, answer="x"),
    )
    assert [line.strip("│ ") for line in drawn[1:-1]] == [
        "a model call failed: no reply",
        "sub-call 5 failed: max_nodes is 1",
        "an answer was rejected: not a list",
    ]
    many = lines(node_started(0), *(sub_call_ended(n, f"limit {n}") for n in range(300)))
    assert (len(many), many[-1].strip()) == (22, "more sub-calls failed")


def test_what_nobody_waited_for_is_no_failure() -> None:
    given_up = replace(failed(0, "cancelled"), cancelled=True)
    tool = ToolFailed(node=0, call=0, tool="t", error="cancelled", seconds=1, cancelled=True)
    assert len(lines(node_started(0), given_up, tool)) == 1


def test_replies_that_were_recalled_are_told_apart() -> None:
    (drawn,) = lines(
        node_started(0),
        requested(0, 0),
        replied(0, 0, recalled="r0"),
        requested(0, 1),
        replied(0, 1),
    )
    assert ", 1 call, 1 recalled, 1,200 tokens, " in drawn
