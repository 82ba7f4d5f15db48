"""What a listing tells of one run."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from rlm_runtime._cli.quantities import describe_size
from rlm_runtime._cli.tally import Tally
from rlm_runtime._errors import TraceError
from rlm_runtime._printable import one_line
from rlm_runtime._trace.places import is_being_written
from rlm_runtime._trace.reader import read_trace

Status = Literal["running", "answered", "stopped", "crashed", "interrupted", "failed", "unreadable"]
STATUSES: tuple[Status, ...] = get_args(Status)

_COLUMNS = "{:24}  {:16}  {:22}  {:>5}  {:>6}  {:>10}  {:>9}  {:>8}  {:>7}  {}"
_FAILURES = ("model_error", "sandbox_error", "error")

HEADINGS = _COLUMNS.format(
    "id", "started", "status", "nodes", "calls", "tokens", "cost", "seconds", "size", "query"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a listing tells of one run."""

    path: Path
    """Its trace."""
    written: float
    """When its trace was last written to, in seconds since the epoch."""
    size: int
    """Bytes of its folder."""
    status: Status
    tally: Tally

    @property
    def id(self) -> str:
        """Name the run as all commands do."""
        return self.path.parent.name

    @property
    def started(self) -> float:
        """Tell when it began; where the trace does not say, when it was last written to."""
        return self.written if self.tally.started is None else self.tally.started

    def as_json(self) -> dict[str, object]:
        """Give the object that `--json` prints."""
        tally, started = self.tally, _local_time(self.tally.started)
        return {
            "id": self.id,
            "started": None if started is None else started.isoformat(),
            "status": self.status,
            "stop_reason": tally.stop_reason,
            "model": tally.model,
            "sub_model": tally.sub_model,
            "nodes": tally.nodes,
            "calls": tally.usage.calls,
            "recalled": tally.recalled.calls,
            "tokens": tally.usage.prompt_tokens + tally.usage.completion_tokens,
            "cost": tally.usage.cost,
            "seconds": round(tally.seconds, 3),
            "size": self.size,
            "resumes": tally.resumes,
            "parent": None if tally.fork is None else tally.fork.parent,
            "shared_cost": None if tally.fork is None else tally.shared.cost,
            "query": one_line(tally.query, 200),
        }

    def as_row(self) -> str:
        """Give the line that a person reads."""
        usage, started = self.tally.usage, _local_time(self.tally.started)
        reason = self.tally.stop_reason
        status = f"{self.status} {reason}" if reason and reason != self.status else self.status
        return _COLUMNS.format(
            one_line(self.id, 40),
            f"{started:%Y-%m-%d %H:%M}" if started else "",
            one_line(status, 22),
            self.tally.nodes,
            usage.calls,
            f"{usage.prompt_tokens + usage.completion_tokens:,}",
            "unknown" if usage.cost is None else f"${usage.cost:.4f}",
            f"{self.tally.seconds:.1f}",
            describe_size(self.size),
            one_line(self.tally.query, 60),
        ).rstrip()


def summarize(path: Path) -> RunSummary:
    """Read the trace of a run and sum it up."""
    # Asked first: a run that ends meanwhile is then in the trace as ended
    unfinished: Status = "running" if is_being_written(path) else "crashed"
    tally = Tally()
    try:
        for event in read_trace(path):
            tally.add(event)
    except TraceError:
        unfinished = "unreadable"
    size, written = _measure(path)
    return RunSummary(
        path=path, written=written, size=size, status=_status(tally, unfinished), tally=tally
    )


def _status(tally: Tally, unfinished: Status) -> Status:
    reason = tally.stop_reason
    if reason is None:
        return unfinished
    if reason == "answered" or reason == "interrupted":
        return reason
    return "failed" if reason in _FAILURES else "stopped"


def _measure(path: Path) -> tuple[int, float]:
    """Give the bytes in a run's folder, and when its trace was written to."""
    try:
        with os.scandir(path.parent) as entries:
            size = sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
        return size, path.stat().st_mtime
    except OSError:  # it is being deleted
        return 0, 0.0


def _local_time(seconds: float | None) -> datetime | None:
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
