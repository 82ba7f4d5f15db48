"""`rlm runs` lists what is in the folder of traces, in whatever state."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli import cli
from rlm_runtime._cli.quantities import describe_size
from rlm_runtime._cli.summary import summarize
from rlm_runtime._events import Event
from rlm_runtime._types import StopReason
from tests._cli.events import SMALL_RUN, forked, resumed, run_ended, run_started
from tests.traces import growing_trace, write_trace

OLD, NEW = "20261120-130405-00000000", "20261120-130406-00000000"


def invoke(trace_dir: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["runs", "--trace-dir", str(trace_dir), *args])


def listed(trace_dir: Path, *args: str) -> list[dict[str, Any]]:
    result = invoke(trace_dir, "--json", *args)
    assert result.exit_code == 0
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


def test_newest_run_is_first_with_all_it_took(tmp_path: Path) -> None:
    path = write_trace(tmp_path, OLD, *SMALL_RUN)
    write_trace(tmp_path, NEW, *SMALL_RUN[:4])
    newest, oldest = listed(tmp_path)
    assert (newest["id"], newest["status"]) == (NEW, "crashed")
    started = oldest.pop("started")
    assert started[4] == "-" and started[-6] in "+-"
    assert oldest == {
        "id": OLD,
        "status": "answered",
        "stop_reason": "answered",
        "model": "m",
        "sub_model": "s",
        "nodes": 2,
        "calls": 2,
        "recalled": 0,
        "tokens": 2400,
        "cost": 0.5,
        "seconds": 4.0,
        "size": path.stat().st_size,
        "resumes": 0,
        "parent": None,
        "shared_cost": None,
        "query": "How many?",
    }


def test_table_has_a_line_for_each_run_and_a_sum(tmp_path: Path) -> None:
    path = write_trace(tmp_path, OLD, run_started("a\x1b[31m\nb" + "c" * 300))
    write_trace(tmp_path, NEW, *SMALL_RUN[:-1], run_ended("max_cost"))
    head, newer, older, total = invoke(tmp_path).stdout.splitlines()
    assert " ".join(head.split()) == (
        "id started status nodes calls tokens cost seconds size query"
    )
    assert newer.split()[3:9] == ["stopped", "max_cost", "2", "2", "2,400", "$0.5000"]
    assert older.startswith(f"{OLD}  20")
    assert older.endswith("a\\x1b[31m b" + "c" * 48 + "…")
    assert " crashed " in older
    size = path.stat().st_size + (tmp_path / NEW / "trace.msgpack").stat().st_size
    assert total == f"2 runs, {describe_size(size)}"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("answered", "answered"),
        ("interrupted", "interrupted"),
        ("max_calls", "stopped"),
        ("no_answer", "stopped"),
        ("model_error", "failed"),
        ("sandbox_error", "failed"),
        ("error", "failed"),
    ],
)
def test_status_is_one_word(tmp_path: Path, reason: StopReason, status: str) -> None:
    path = write_trace(tmp_path, "r", run_started(), run_ended(reason))
    assert summarize(path).status == status


def test_run_that_goes_on_is_running(tmp_path: Path) -> None:
    with growing_trace(tmp_path, "r") as path:
        assert summarize(path).status == "running"
    assert summarize(path).status == "crashed"
    with growing_trace(tmp_path, "again", *SMALL_RUN, resumed()) as path:
        assert summarize(path).status == "running"


def test_sessions_and_forks_are_told(tmp_path: Path) -> None:
    again = (resumed(), replace(run_ended(), cost=0.75, seconds=9.0))
    write_trace(tmp_path, "r1", *SMALL_RUN, *again)
    write_trace(tmp_path, "r2", *SMALL_RUN[:4], forked())
    fork, first = listed(tmp_path)
    assert (first["status"], first["resumes"], first["cost"]) == ("answered", 1, 0.75)
    assert (fork["status"], fork["parent"], fork["calls"]) == ("crashed", "r1", 1)


def test_garbage_is_unreadable_and_hides_no_other_run(tmp_path: Path) -> None:
    write_trace(tmp_path, "a", *SMALL_RUN)
    write_trace(tmp_path, "b").write_bytes(b"garbage")
    (tmp_path / "c").mkdir()
    os.mkfifo(tmp_path / "c" / "trace.msgpack")
    rows = listed(tmp_path)
    assert [(row["id"], row["status"]) for row in rows] == [("b", "unreadable"), ("a", "answered")]


def begun(when: float, query: str = "q", model: str = "m") -> Event:
    return replace(run_started(query), time=when, model=model)


@pytest.mark.parametrize(
    ("args", "ids"),
    [
        (["--status", "answered"], ["r1"]),
        (["--status", "answered", "--status", "stopped"], ["r2", "r1"]),
        (["--model", "GPT-5"], ["r3", "r2"]),
        (["--query", "flood"], ["r3"]),
        (["--since", "90m"], ["r3", "r2"]),
        (["--before", "1.5h"], ["r1"]),
        (["--since", "2d", "--before", "30 m"], ["r2", "r1"]),
        (["--before", "2001-01-01"], []),
        (["--since", "2001-01-01T00:00:00+01:00", "-n", "2"], ["r3", "r2"]),
        (["-n", "1", "--status", "stopped"], ["r2"]),
    ],
)
def test_filters_choose(tmp_path: Path, args: list[str], ids: list[str]) -> None:
    now = time.time()
    write_trace(tmp_path, "r1", begun(now - 7200), run_ended())
    write_trace(tmp_path, "r2", begun(now - 3600, model="x/gpt-5"), run_ended("max_calls"))
    write_trace(tmp_path, "r3", begun(now, "the Flood", "gpt-5"), run_ended("error"))
    assert [row["id"] for row in listed(tmp_path, *args)] == ids


@pytest.mark.parametrize(
    "args",
    [
        ["--since", "yesterday"],
        ["--before", "2026-13-01"],
        ["--status", "odd"],
        ["-n", "0"],
        ["--status", "crashed", "prune", "--older-than", "1d"],
        ["odd"],
    ],
)
def test_what_makes_no_sense_is_exit_2(tmp_path: Path, args: list[str]) -> None:
    assert invoke(tmp_path, *args).exit_code == 2


@pytest.mark.parametrize(("args", "out"), [(["--json"], "[]\n"), ([], None)])
def test_no_runs_are_an_empty_list(tmp_path: Path, args: list[str], out: str | None) -> None:
    result = invoke(tmp_path / "none", *args)
    assert result.exit_code == 0
    assert result.stdout == out if out else result.stdout.endswith("0 runs, 0 B\n")
