"""The end of a run, told on stdout, in a file, and as JSON."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from rlm_runtime._cli.execute import Outcome
from rlm_runtime._cli.report import deliver, make_report
from rlm_runtime._cli.status import ExitStatus
from rlm_runtime._cli.tally import Tally
from rlm_runtime._errors import LimitExceededError, ModelError, RLMError, SandboxError
from rlm_runtime._runner import RunResult
from rlm_runtime._types import StopReason, Usage
from tests._cli.events import SMALL_RUN, run_ended


def answered(answer: object) -> Outcome:
    return Outcome(
        result=RunResult(
            answer=answer,
            stop_reason="answered",
            usage=Usage(calls=3, prompt_tokens=5, cost=None),
            run_id="r2",
            trace_path=Path("/t/r2/trace.msgpack"),
            seconds=1.25,
            nodes=4,
        )
    )


def ended(
    error: Exception | None = None, signum: int | None = None, stop_reason: StopReason = "error"
) -> Outcome:
    tally = Tally()
    for event in (*SMALL_RUN[:-1], run_ended(stop_reason, "so far", "str")):
        tally.add(event)
    return Outcome(error=error, signum=signum, tally=tally)


def printed(
    outcome: Outcome, capfdbinary: pytest.CaptureFixture[bytes], *, as_json: bool = False
) -> tuple[int, bytes]:
    status = deliver(make_report(outcome, None), as_json=as_json, file=None)
    return status, capfdbinary.readouterr().out


@pytest.mark.parametrize(
    ("answer", "out"),
    [
        ("text", b"text\n"),
        ("text\n", b"text\n"),
        ("", b"\n"),
        (None, b"null\n"),
        ({"r": 1}, b'{"r": 1}\n'),
    ],
)
def test_answer_goes_to_stdout(
    answer: object, out: bytes, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert printed(answered(answer), capfdbinary) == (0, out)


def test_the_summary_shows_the_cost_against_its_limit() -> None:
    outcome = ended(LimitExceededError("x", stop_reason="max_cost"), stop_reason="max_cost")
    outcome.tally.max_cost = 0.5
    assert "$0.5000 of $0.5, " in make_report(outcome, None).summary()
    outcome = answered(1)
    outcome.tally.max_cost = 0.5
    assert "cost unknown of $0.5, " in make_report(outcome, None).summary()


LIMIT = LimitExceededError("Cannot go on", stop_reason="max_calls", partial=[1])


@pytest.mark.parametrize(
    ("outcome", "status", "out"),
    [
        (ended(LIMIT), 30, b"[1]\n"),
        (ended(LimitExceededError("x", stop_reason="max_calls")), 30, b""),
        (ended(LimitExceededError("x", stop_reason="max_cost", partial="p")), 30, b"p\n"),
        (ended(LimitExceededError("x", stop_reason="max_tokens", partial="p")), 30, b"p\n"),
        (ended(signum=signal.SIGINT), 130, b"so far\n"),
        (ended(signum=signal.SIGTERM), 143, b"so far\n"),
        (ended(ModelError("x"), signum=signal.SIGINT), 130, b"so far\n"),
        (ended(ModelError("x")), 20, b""),
        (ended(SandboxError("x")), 21, b""),
        (ended(ValueError("x")), 1, b""),
    ],
)
def test_partial_answer_is_printed_where_the_run_was_stopped(
    outcome: Outcome, status: int, out: bytes, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert printed(outcome, capfdbinary) == (status, out)


def test_json_of_an_answered_run(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    status, out = printed(answered({"r": {1}}), capfdbinary, as_json=True)
    assert status == 0
    assert json.loads(out) == {
        "answer": {"r": [1]},
        "usage": {
            "calls": 3,
            "prompt_tokens": 5,
            "cached_tokens": 0,
            "completion_tokens": 0,
            "reasoning_tokens": 0,
            "cost": None,
        },
        "recalled": {
            "calls": 0,
            "prompt_tokens": 0,
            "cached_tokens": 0,
            "completion_tokens": 0,
            "reasoning_tokens": 0,
            "cost": 0.0,
        },
        "stop_reason": "answered",
        "trace": "/t/r2/trace.msgpack",
        "run": "r2",
        "mode": "rlm",
        "nodes": 4,
        "seconds": 1.25,
    }


@pytest.mark.parametrize(
    ("outcome", "stop_reason", "answer", "error"),
    [
        (ended(LIMIT, stop_reason="max_calls"), "max_calls", [1], "Cannot go on"),
        (
            ended(signum=signal.SIGINT, stop_reason="interrupted"),
            "interrupted",
            "so far",
            "Interrupted",
        ),
        (ended(ModelError("gone"), stop_reason="model_error"), "model_error", "so far", "gone"),
        (
            ended(SandboxError("lost"), stop_reason="sandbox_error"),
            "sandbox_error",
            "so far",
            "lost",
        ),
        (ended(ValueError("odd")), "error", "so far", "odd"),
    ],
)
def test_json_of_a_failed_run_has_all_it_had(
    outcome: Outcome,
    stop_reason: str,
    answer: object,
    error: str,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    record = json.loads(printed(outcome, capfdbinary, as_json=True)[1])
    assert (record["stop_reason"], record["answer"], record["error"]) == (
        stop_reason,
        answer,
        error,
    )
    assert (record["run"], record["nodes"], record["usage"]["calls"]) == ("r1", 2, 2)


def test_usage_and_trace_of_the_error_are_believed_first() -> None:
    error = RLMError("x")
    error.usage, error.trace_path = Usage(calls=9), Path("/t/trace")
    report = make_report(ended(error), Path("/other"))
    assert (report.usage.calls, report.trace) == (9, Path("/t/trace"))
    assert make_report(ended(RLMError("x")), Path("/other")).trace == Path("/other")


def test_file_gets_the_exact_text_and_stdout_nothing(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    file = tmp_path / "answer"
    assert deliver(make_report(answered("exact"), None), as_json=False, file=file) == 0
    assert file.read_bytes() == b"exact"
    assert capfdbinary.readouterr() == (b"", b"")


def test_answer_that_the_file_cannot_take_is_not_lost(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    status = deliver(make_report(answered([1]), None), as_json=False, file=tmp_path / "no" / "x")
    captured = capfdbinary.readouterr()
    assert status is ExitStatus.FAILED
    assert captured.out == b"[1]\n"
    assert b"no such file or directory\nrlm: The answer goes to stdout instead" in captured.err


def test_loss_is_a_warning(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    deliver(make_report(answered([float("nan")]), None), as_json=False, file=None)
    captured = capfdbinary.readouterr()
    assert captured.out == b"[null]\n"
    assert captured.err == b"rlm: warning: nan and inf have no form in JSON: 1 became null\n"


def test_summary_names_what_was_spent_and_the_trace() -> None:
    assert make_report(answered(1), None).summary() == (
        "4 nodes, 3 calls, 5 tokens, cost unknown, 1.2 s, trace /t/r2/trace.msgpack"
    )
    assert make_report(ended(ValueError()), None).summary().endswith(", no trace")


@pytest.mark.parametrize(
    ("outcome", "more"),
    [
        (ended(signum=signal.SIGINT, stop_reason="interrupted"), ""),
        (ended(ModelError("x"), stop_reason="model_error"), ""),
        (ended(LIMIT, stop_reason="max_calls"), " --max-calls N"),
    ],
)
def test_summary_of_a_run_without_an_end_says_how_to_go_on(outcome: Outcome, more: str) -> None:
    summary = make_report(outcome, Path("/t/r1/trace.msgpack")).summary()
    assert summary.endswith(
        f", trace /t/r1/trace.msgpack\nrlm: hint: rlm resume /t/r1{more} goes on from here"
    )
    assert "resume" not in make_report(outcome, None).summary()
