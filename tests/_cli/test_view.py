"""`rlm view` shows a trace in whatever state it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli import cli
from tests._cli.events import (
    SMALL_RUN,
    attempt_failed,
    attempt_started,
    diverged,
    forked,
    rebuilt,
    resumed,
)
from tests.traces import growing_trace, write_trace


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, ["view", *args])


@pytest.fixture
def trace_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RLM_TRACE_DIR", str(tmp_path))
    for run, count in (("r1", 2), ("r2", len(SMALL_RUN))):
        write_trace(tmp_path, run, *SMALL_RUN[:count])
    return tmp_path


def test_newest_run_is_shown_without_an_argument(trace_dir: Path) -> None:
    result = invoke()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "r1 answered: 2 nodes, 2 calls, 2,400 tokens, $0.5000, 4.0 s"
    assert lines[1].startswith("0 answered, m, depth 0, ")
    assert lines[3].startswith("└─ 1 answered, m, depth 1, ")


@pytest.mark.parametrize("form", ["r1", "{dir}/r1", "{dir}/r1/trace.msgpack"])
def test_run_is_found_by_id_folder_or_file(trace_dir: Path, form: str) -> None:
    result = invoke(form.format(dir=trace_dir))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1].startswith("0 crashed, m")


def test_growing_trace_is_shown(trace_dir: Path) -> None:
    with growing_trace(trace_dir, "r3", *SMALL_RUN[:2]):
        assert "0 running, m" in invoke("r3").stdout


def test_failed_attempts_are_told(trace_dir: Path) -> None:
    write_trace(trace_dir, "r3", *SMALL_RUN[:3], attempt_failed(0, 0, 1, wait=2.0))
    first, _, last, hint = invoke().stdout.splitlines()
    assert first.endswith(", 1 failed attempt")
    assert last.strip() == "call 0 attempt 1 failed: 429"
    assert hint == "rlm resume r3 goes on from here"


def test_torn_trace_is_shown_as_far_as_it_goes(trace_dir: Path) -> None:
    path = trace_dir / "r2" / "trace.msgpack"
    path.write_bytes(path.read_bytes()[:-3])
    result = invoke("r2")
    assert result.exit_code == 0
    assert result.stdout.startswith("r1 crashed: 2 nodes, ")


def test_trace_with_garbage_is_shown_up_to_there_and_is_exit_10(trace_dir: Path) -> None:
    path = trace_dir / "r2" / "trace.msgpack"
    whole = path.read_bytes()
    path.write_bytes(whole + b"\xc1" * 20)
    result = invoke("r2")
    assert result.exit_code == 10
    assert result.stdout.startswith("r1 answered: 2 nodes, ")
    damaged = f"it is damaged at byte {len(whole)}"
    assert result.stderr == f"rlm: Cannot read trace {str(path)!r}: {damaged}\n"


def test_what_is_no_trace_is_exit_10(trace_dir: Path) -> None:
    file = trace_dir / "file"
    file.write_text("hello")
    result = invoke(str(file))
    assert (result.exit_code, result.stdout) == (10, "")
    assert (
        result.stderr == f"rlm: Cannot read trace {str(file)!r}: it does not begin like a trace\n"
    )


def test_unknown_run_is_exit_10(trace_dir: Path) -> None:
    result = invoke("r9")
    assert result.exit_code == 10
    assert result.stderr.startswith("rlm: Cannot find run 'r9': none in ")


def test_sessions_of_a_run_are_told(trace_dir: Path) -> None:
    lost = (attempt_started(0, 7), attempt_started(0, 8))
    again = (resumed(), rebuilt(0), resumed(at=500), diverged(0, 0), attempt_started(0, 9))
    write_trace(trace_dir, "r4", *SMALL_RUN[:2], *lost, *again)
    lines = invoke("r4").stdout.splitlines()
    assert lines[0].startswith("r1 crashed: 1 node, ")
    assert lines[1:3] == [
        "resumed 2 times",
        "3 attempts at model calls were under way when it crashed",
    ]
    assert lines[-1] == "rlm resume r4 goes on from here"
    with growing_trace(trace_dir, "r5", *SMALL_RUN[:2], *lost[:1]):
        assert len(invoke("r5").stdout.splitlines()) == 2
    told = "1 attempt at a model call was under way when it crashed"
    assert invoke("r5").stdout.splitlines()[1] == told


def test_a_fork_names_the_other_run(trace_dir: Path) -> None:
    write_trace(trace_dir, "r6", *SMALL_RUN[:2], forked())
    lines = invoke("r6").stdout.splitlines()
    assert lines[0].startswith("r2 crashed: ")
    spent = "0 calls, 0 tokens, $0.0000"
    told = f"forked from r1 at node 0, iteration 2, which had spent {spent} of it"
    assert lines[1] == told
