"""`rlm runs`: list the runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import click

from rlm_runtime._cli.answers import render_json
from rlm_runtime._cli.command import Command
from rlm_runtime._cli.output import write_stdout
from rlm_runtime._cli.printable import one_line
from rlm_runtime._cli.tally import Tally
from rlm_runtime._errors import TraceError
from rlm_runtime._paths import default_trace_dir
from rlm_runtime._trace.places import is_being_written, list_runs
from rlm_runtime._trace.reader import read_trace

_COLUMNS = "{:24}  {:19}  {:14}  {:>5}  {:>5}  {:>10}  {:>8}  {}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """What a listing tells of one run."""

    id: str
    started: datetime | None
    """None if the trace does not say."""
    status: str
    """Why it ended, or `running`, `crashed`, `unreadable`."""
    nodes: int
    calls: int
    tokens: int
    cost: float | None
    seconds: float
    query: str
    """The beginning of the query."""

    def as_json(self) -> dict[str, object]:
        """Give the object that `--json` prints."""
        return {
            "id": self.id,
            "started": None if self.started is None else self.started.isoformat(),
            "status": self.status,
            "nodes": self.nodes,
            "calls": self.calls,
            "tokens": self.tokens,
            "cost": self.cost,
            "seconds": round(self.seconds, 3),
            "query": self.query,
        }

    def as_row(self) -> str:
        """Give the line that a person reads."""
        started = f"{self.started:%Y-%m-%d %H:%M:%S}" if self.started else ""
        return _COLUMNS.format(
            one_line(self.id, 40),
            started,
            self.status,
            self.nodes,
            self.calls,
            self.tokens,
            f"{self.seconds:.1f}",
            one_line(self.query, 60),
        ).rstrip()


def summarize(path: Path) -> RunSummary:
    """Read the trace of a run and sum it up."""
    # Asked first: a run that ends meanwhile is then in the trace as ended
    unfinished = "running" if is_being_written(path) else "crashed"
    tally = Tally()
    try:
        for event in read_trace(path):
            tally.add(event)
    except TraceError:
        unfinished = "unreadable"
    usage = tally.usage
    return RunSummary(
        id=path.parent.name,
        started=None if tally.started is None else _local_time(tally.started),
        status=one_line(tally.stop_reason or unfinished, 14),
        nodes=tally.nodes,
        calls=usage.calls,
        tokens=usage.prompt_tokens + usage.completion_tokens,
        cost=usage.cost,
        seconds=tally.seconds,
        query=one_line(tally.query, 200),
    )


@click.command("runs", cls=Command)
@click.option("--json", "as_json", envvar="RLM_JSON", is_flag=True, help="Print a JSON list.")
@click.option(
    "--trace-dir",
    envvar="RLM_TRACE_DIR",
    type=click.Path(path_type=Path),
    help="The folder that holds a folder for each run.",
)
def command(as_json: bool, trace_dir: Path | None) -> None:
    """List the runs, newest first."""
    folder = trace_dir or default_trace_dir()
    summaries = map(summarize, list_runs(folder))
    if as_json:
        write_stdout(render_json([summary.as_json() for summary in summaries]).chunks)
    else:
        write_stdout(f"{row}\n".encode() for row in _table(summaries))


def _table(summaries: Iterator[RunSummary]) -> Iterator[str]:
    yield _COLUMNS.format("id", "started", "status", "nodes", "calls", "tokens", "seconds", "query")
    yield from (summary.as_row() for summary in summaries)


def _local_time(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        return None
