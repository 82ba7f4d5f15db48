"""What is told of a run that ended: the answer, its cost, the exit status."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from rlm_runtime._cli.answers import Rendered, render, render_json
from rlm_runtime._cli.execute import Outcome
from rlm_runtime._cli.going_on import resume_command
from rlm_runtime._cli.output import OutputError, with_final_newline, write_file, write_stdout
from rlm_runtime._cli.status import ExitStatus, describe_error, exit_status
from rlm_runtime._cli.stderr import tell
from rlm_runtime._cli.tally import count, describe_spending
from rlm_runtime._errors import LimitExceededError, RLMError
from rlm_runtime._modes import Mode
from rlm_runtime._types import StopReason, Usage

_WITH_ANSWER = frozenset(
    {
        ExitStatus.ANSWERED,
        ExitStatus.STOPPED,
        ExitStatus.INTERRUPTED,
        ExitStatus.TERMINATED,
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The end of a run, as all forms of output tell it."""

    status: ExitStatus
    answer: object
    """The answer, or the partial one; None if there is none."""
    stop_reason: StopReason
    usage: Usage
    recalled: Usage
    """What replies from the record of other runs would have cost."""
    run: str | None
    mode: Mode
    nodes: int
    seconds: float
    trace: Path | None
    error: str | None
    max_cost: float | None = None
    """What it may cost."""

    def as_json(self) -> dict[str, object]:
        """Give the object that `--json` prints."""
        record: dict[str, object] = {
            "answer": self.answer,
            "usage": dataclasses.asdict(self.usage),
            "recalled": dataclasses.asdict(self.recalled),
            "stop_reason": self.stop_reason,
            "trace": None if self.trace is None else str(self.trace),
            "run": self.run,
            "mode": self.mode,
            "nodes": self.nodes,
            "seconds": round(self.seconds, 3),
        }
        return record if self.error is None else {**record, "error": self.error}

    def summary(self) -> str:
        """Say what the run took, in one line, and in another one how to go on with it."""
        spent = describe_spending(
            self.usage, self.seconds, max_cost=self.max_cost, recalled=self.recalled.calls
        )
        trace = "no trace" if self.trace is None else f"trace {self.trace}"
        how = "direct, " if self.mode == "direct" else ""
        return f"{how}{count(self.nodes, 'node')}, {spent}, {trace}{self._going_on()}"

    def _going_on(self) -> str:
        """Say how to go on, where the run did not come to its end."""
        command = None if self.trace is None else resume_command(self.trace, self.stop_reason)
        return f"\nrlm: hint: {command} goes on from here" if command else ""


def make_report(outcome: Outcome, trace: Path | None) -> Report:
    """Gather how a run ended from its result, its error and its events.

    Args:
        outcome: How it ended.
        trace: Its trace, where the result and the error do not name it.
    """
    tally, result, error = outcome.tally, outcome.result, outcome.error
    if result is not None:
        return Report(
            status=ExitStatus.ANSWERED if result.stop_reason == "answered" else ExitStatus.STOPPED,
            answer=result.answer,
            stop_reason=result.stop_reason,
            usage=result.usage,
            recalled=result.recalled,
            run=result.run_id,
            mode=result.mode,
            nodes=result.nodes,
            seconds=result.seconds,
            trace=result.trace_path,
            error=None,
            max_cost=tally.max_cost,
        )
    known = error if isinstance(error, RLMError) else RLMError()
    return Report(
        status=_failure_status(outcome),
        answer=_partial(outcome),
        stop_reason="interrupted" if outcome.signum else tally.stop_reason or "error",
        usage=known.usage or tally.usage,
        recalled=tally.recalled,
        run=tally.run,
        mode=tally.mode,
        nodes=tally.nodes,
        seconds=tally.seconds,
        trace=known.trace_path or trace,
        error=f"{error}" if error and not outcome.signum else "Interrupted",
        max_cost=tally.max_cost,
    )


def deliver(report: Report, *, as_json: bool, file: Path | None) -> ExitStatus:
    """Write the answer to its place; one that the file cannot take goes to stdout.

    Raises:
        OutputError: It can be written nowhere.
    """
    if not as_json and report.status not in _WITH_ANSWER:
        return report.status
    if not as_json and report.status is not ExitStatus.ANSWERED and report.answer is None:
        return report.status
    rendered = _render(report, as_json=as_json)
    for warning in rendered.warnings:
        tell(f"rlm: warning: {warning}")
    try:
        if file is not None:
            write_file(file, rendered.chunks)
            return report.status
    except OutputError as exc:
        tell(f"{describe_error(exc)}\nrlm: The answer goes to stdout instead")
        write_stdout(with_final_newline(_render(report, as_json=as_json).chunks))
        return ExitStatus.FAILED
    write_stdout(with_final_newline(rendered.chunks))
    return report.status


def _render(report: Report, *, as_json: bool) -> Rendered:
    return render_json(report.as_json()) if as_json else render(report.answer)


def _failure_status(outcome: Outcome) -> ExitStatus:
    if outcome.signum is not None:
        return ExitStatus(128 + outcome.signum)
    return ExitStatus.FAILED if outcome.error is None else exit_status(outcome.error)


def _partial(outcome: Outcome) -> object:
    if isinstance(outcome.error, LimitExceededError):
        return outcome.error.partial
    ended = outcome.tally.ended
    return ended.answer if ended and ended.answer_type != "NoneType" and ended.answer else None
