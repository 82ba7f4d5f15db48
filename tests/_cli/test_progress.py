"""Progress is one live line on a terminal and plain lines elsewhere."""

from __future__ import annotations

import io
import re
import sys
import time
from dataclasses import replace

import anyio
import pytest

from rlm_runtime._cli.progress import EventLines, LiveLine, NoProgress, make_progress
from rlm_runtime._cli.tally import Tally
from rlm_runtime._events import (
    AnswerGiven,
    HistoryTrimmed,
    SandboxLost,
    ToolFailed,
    TraceRecovered,
    TraceStalled,
    WorstCaseExceeded,
)
from tests._cli.events import (
    SMALL_RUN,
    attempt_failed,
    diverged,
    failed,
    forked,
    node_ended,
    rebuilt,
    replied,
    resumed,
)

pytestmark = pytest.mark.anyio


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def put_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    # Not a fixture: pytest replaces sys.stderr again after the fixtures ran
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    return terminal


def test_form_fits_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    put_terminal(monkeypatch)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(make_progress(quiet=False), LiveLine)
    assert isinstance(make_progress(quiet=True), NoProgress)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress(quiet=False), EventLines)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(make_progress(quiet=False), EventLines)
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(make_progress(quiet=False), NoProgress)


def test_lines_tell_the_events_of_note(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = put_terminal(monkeypatch)
    progress = EventLines()
    for event in (
        *SMALL_RUN,
        attempt_failed(0, 12, 2, wait=4.06, error="429\x1b]0;x\x07 slow\ndown"),
        attempt_failed(0, 12, 3, wait=None),
        failed(0, "429\x1b]0;x\x07 slow\ndown"),
        HistoryTrimmed(node=1, iteration=3, messages=4, characters=900, exceeded=True),
        SandboxLost(node=1, reason="killed"),
        WorstCaseExceeded(
            node=1, call=1, model="m\x1b[2J", allowed_tokens=9000, tokens=12_000, cost=None
        ),
        node_ended(1, "max_calls", error="Cannot call: max_calls is 3"),
        resumed(spent_seconds=3.04),
        forked(),
        rebuilt(3),
        diverged(3, 2),
        AnswerGiven(node=0, iteration=0, answer="x"),
        AnswerGiven(node=0, iteration=0, answer="x", rejected="not a\x1b[2J\nlist"),
        TraceStalled(error="Cannot write to trace 't': no space left\x1b[2J"),
        TraceRecovered(seconds=3.21),
        replace(failed(0, "given up"), cancelled=True),
        ToolFailed(node=0, call=0, tool="t", error="given up", seconds=1, cancelled=True),
    ):
        progress.show(event)
    assert stderr.getvalue().splitlines() == [
        "node 0 started at depth 0: How many?",
        "node 1 started at depth 1: child \\x1b[31mred\\x1b[0m query",
        "node 1 ended: answered",
        "node 0 ended: answered",
        "node 0: call 12 attempt 2 failed: 429\\x1b]0;x\\x07 slow down, again in 4.1 s",
        "node 0: a model call failed: 429\\x1b]0;x\\x07 slow down",
        "node 1: 4 older messages were left out",
        "node 1: the sandbox is lost: killed",
        "rlm: warning: m\\x1b[2J counted 12,000 tokens where 9,000 were allowed;"
        " limits cannot hold it to less",
        "node 1 ended: max_calls: Cannot call: max_calls is 3",
        "going on; it had run for 3.0 s",
        "forked from r1 at node 0, iteration 2",
        "node 3 rebuilt (4 blocks, 1.2 s)",
        "node 3 differs at iteration 2: stdout\\x1b[2J is not",
        "node 0: an answer was rejected: not a\\x1b[2J list",
        "rlm: warning: Cannot write to trace 't': no space left\\x1b[2J;"
        " model calls wait until it can be written",
        "rlm: The trace is written again after 3.2 s, nothing is missing",
    ]


def test_a_line_that_comes_over_and_over_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = put_terminal(monkeypatch)
    progress = EventLines()
    for event in (*[failed(0, "max_calls is 3")] * 200, failed(1, "x"), failed(1, "x")):
        progress.show(event)
    progress.clear()
    progress.clear()
    assert stderr.getvalue().splitlines() == [
        "node 0: a model call failed: max_calls is 3",
        "(the last line came 199 more times)",
        "node 1: a model call failed: x",
        "(the last line came 1 more time)",
    ]


def test_a_line_holds_what_is_behind_model_and_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = put_terminal(monkeypatch)
    error = (
        "Cannot complete with 'anthropic/claude-sonnet-4-5' at https://gateway.example.org/llm/v1:"
        " the endpoint answered 429 Too Many Requests: slow down"
    )
    EventLines().show(attempt_failed(0, 1, 1, wait=1.0, error=error))
    assert stderr.getvalue() == f"node 0: call 1 attempt 1 failed: {error}, again in 1.0 s\n"


async def test_live_line_moves_without_events_and_is_cleared_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stderr = put_terminal(monkeypatch)
    progress = LiveLine()
    for event in SMALL_RUN[:8]:
        progress.show(event)
    assert stderr.getvalue() == ""
    with anyio.move_on_after(0.25):
        await progress.animate()
    frames = stderr.getvalue().split("\r\x1b[2K")[1:]
    assert frames[-1] == ""
    drawn = frames[:-1]
    assert 2 <= len(drawn) <= 4
    assert len(set(drawn)) == len(drawn)
    assert re.fullmatch(
        r"\| 2 nodes running, 0 done, 2 calls, 2,400 tokens, \$0\.5000, 0\.\d s", drawn[0]
    )


async def test_live_line_tells_that_it_waits_for_the_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stderr = put_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")

    async def draw() -> str:
        with anyio.move_on_after(0.01):
            await progress.animate()
        return stderr.getvalue().split("\r\x1b[2K")[-2]

    progress, now = LiveLine(), time.monotonic()
    for call, wait in ((0, 4000.2), (1, 9000.0)):
        progress.show(attempt_failed(0, call, 1, wait=wait, at=now))
    # One whose next attempt is under way waits no more
    progress.show(attempt_failed(0, 2, 1, wait=1.0, at=now - 5))
    assert re.search(r" s, waiting (3\d{3}|4000) s \(429\) for the endpoint$", await draw())
    progress.show(replied(0, 0))
    assert re.search(r", waiting (8\d{3}|9000) s \(429\) for the endpoint$", await draw())
    progress.show(replied(0, 1))
    assert "waiting" not in await draw()


async def test_live_line_never_wraps(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = put_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "20")
    with anyio.move_on_after(0.01):
        await LiveLine().animate()
    assert len(stderr.getvalue().split("\r\x1b[2K")[1]) == 19


def test_note_takes_the_place_of_the_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = put_terminal(monkeypatch)
    LiveLine().note("fetching\x1b[2J")
    assert stderr.getvalue() == "\r\x1b[2Kfetching\\x1b[2J\n"


async def test_live_line_of_a_resumed_run_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = put_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")
    progress = LiveLine()
    for event in (resumed(spent_seconds=5000.0), rebuilt(0), TraceStalled(error="full")):
        progress.show(event)
    with anyio.move_on_after(0.01):
        await progress.animate()
    told = stderr.getvalue()
    assert "\r\x1b[2Kgoing on; it had run for 5000.0 s\n" in told
    assert "\r\x1b[2Krlm: warning: full; model calls wait until it can be written\n" in told
    assert re.search(r"1 node running, 0 done, .*, 50\d\d\.\d s\r", told)


async def test_live_line_counts_what_the_run_had_spent_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stderr = put_terminal(monkeypatch)
    before = Tally()
    for event in SMALL_RUN[:8]:
        before.add(event)
    progress = LiveLine(before)
    progress.show(resumed())
    with anyio.move_on_after(0.01):
        await progress.animate()
    assert ", 2 calls, 2,400 tokens, $0.5000 of $9, " in stderr.getvalue()
    # What is shown is no other's sum
    assert before.resumes == 0


async def test_live_line_begins_to_count_seconds_when_the_run_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stderr = put_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "200")
    progress = LiveLine()
    # As if all that was to be prepared had taken that long
    monkeypatch.setattr(progress, "_started", time.monotonic() - 1000)
    progress.show(SMALL_RUN[0])
    with anyio.move_on_after(0.01):
        await progress.animate()
    (seconds,) = re.findall(r", (\d+\.\d) s", stderr.getvalue())[:1]
    assert float(seconds) < 900
