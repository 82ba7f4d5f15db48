"""`rlm runs` lists what is in the folder of traces, in whatever state."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli import cli
from rlm_runtime._cli.runs import summarize
from rlm_runtime._events import Event
from tests._cli.events import SMALL_RUN, run_started
from tests.traces import growing_trace, write_trace


def write(trace_dir: Path, run: str, *events: Event) -> Path:
    return write_trace(trace_dir, run, *events)


def invoke(trace_dir: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["runs", "--trace-dir", str(trace_dir), *args])


def test_newest_run_is_first_with_all_it_took(tmp_path: Path) -> None:
    write(tmp_path, "20261120-130405-00000000", *SMALL_RUN)
    write(tmp_path, "20261120-130406-00000000", *SMALL_RUN[:4])
    result = invoke(tmp_path, "--json")
    assert result.exit_code == 0
    newest, oldest = json.loads(result.stdout)
    assert (newest["id"], newest["status"]) == ("20261120-130406-00000000", "crashed")
    started = oldest.pop("started")
    assert started[4] == "-" and started[-6] in "+-"
    assert oldest == {
        "id": "20261120-130405-00000000",
        "status": "answered",
        "nodes": 2,
        "calls": 2,
        "tokens": 2400,
        "cost": 0.5,
        "seconds": 4.0,
        "query": "How many?",
    }


def test_table_has_a_line_for_each_run(tmp_path: Path) -> None:
    write(tmp_path, "20261120-130405-00000000", run_started("a\x1b[31m\nb" + "c" * 300))
    head, row = invoke(tmp_path).stdout.splitlines()
    assert head.split() == [
        "id",
        "started",
        "status",
        "nodes",
        "calls",
        "tokens",
        "seconds",
        "query",
    ]
    assert row.startswith("20261120-130405-00000000  20")
    assert row.endswith("a\\x1b[31m b" + "c" * 48 + "…")
    assert "\x1b" not in row


def test_run_that_goes_on_is_running(tmp_path: Path) -> None:
    with growing_trace(tmp_path, "r") as path:
        assert summarize(path).status == "running"
    assert summarize(path).status == "crashed"


def test_garbage_is_unreadable_and_hides_no_other_run(tmp_path: Path) -> None:
    write(tmp_path, "a", *SMALL_RUN)
    write(tmp_path, "b").write_bytes(b"garbage")
    rows = json.loads(invoke(tmp_path, "--json").stdout)
    assert [(row["id"], row["status"]) for row in rows] == [("b", "unreadable"), ("a", "answered")]


@pytest.mark.parametrize(("args", "out"), [(["--json"], "[]\n"), ([], None)])
def test_no_runs_are_an_empty_list(tmp_path: Path, args: list[str], out: str | None) -> None:
    result = invoke(tmp_path / "none", *args)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == 1
    assert out is None or result.stdout == out
