"""`rlm runs delete` and `prune` delete what is meant, and nothing else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli import cli
from rlm_runtime._cli.output import OutputError
from rlm_runtime._cli.removal import delete_run
from tests._cli.events import SMALL_RUN, run_ended, run_started
from tests.traces import growing_trace, write_trace

DAY = 86_400


def invoke(trace_dir: Path, *args: str) -> Result:
    return CliRunner().invoke(cli, ["runs", "--trace-dir", str(trace_dir), *args])


@pytest.fixture
def trace_dir(tmp_path: Path) -> Path:
    """Make a folder of four runs, written to 30, 20, 10 and 0 days ago; the last one goes on."""
    folder = tmp_path / "traces"
    write_trace(folder, "run-1", run_started(), run_ended())
    write_trace(folder, "run-2", *SMALL_RUN[:3])
    write_trace(folder, "run-3", run_started(), run_ended("max_calls"))
    for number in (1, 2, 3):
        when = time.time() - DAY * (40 - 10 * number)
        os.utime(folder / f"run-{number}" / "trace.msgpack", (when, when))
    return folder


def left(trace_dir: Path) -> list[str]:
    return sorted(os.listdir(trace_dir))


def test_named_runs_are_deleted_and_what_it_frees_is_told(trace_dir: Path) -> None:
    result = invoke(trace_dir, "delete", "run-1", "run-2", "run-1", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr.startswith("rlm: 2 runs, ")
    assert result.stderr.endswith("B deleted\n")
    assert left(trace_dir) == ["run-3"]


@pytest.mark.parametrize("place", ["group", "command", "variable"])
def test_folder_that_is_named_wins_over_the_variable(
    trace_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    other = write_trace(tmp_path / "other", "run-1")
    named = trace_dir if place == "variable" else other.parent.parent
    monkeypatch.setenv("RLM_TRACE_DIR", str(named))
    given = ["--trace-dir", str(trace_dir)]
    before = given if place == "group" else []
    after = given if place == "command" else []
    args = ["runs", "--debug", *before, "delete", *after, "run-1", "--yes"]
    assert CliRunner().invoke(cli, args).exit_code == 0
    assert left(trace_dir) == ["run-2", "run-3"]
    assert other.exists()


def test_nothing_is_deleted_where_nobody_can_be_asked(trace_dir: Path) -> None:
    for args in (["delete", "run-1"], ["prune", "--older-than", "1d"]):
        result = invoke(trace_dir, *args)
        assert result.exit_code == 2
        assert "--yes deletes without asking" in result.stderr
    assert left(trace_dir) == ["run-1", "run-2", "run-3"]


@pytest.mark.parametrize("named", ["run-9", "run-", "..", "", "run-1/../run-2"])
def test_one_name_that_is_none_deletes_nothing(trace_dir: Path, named: str) -> None:
    assert invoke(trace_dir, "delete", "run-1", named, "--yes").exit_code == 10
    assert left(trace_dir) == ["run-1", "run-2", "run-3"]


def test_a_run_elsewhere_is_not_deleted(trace_dir: Path, tmp_path: Path) -> None:
    path = write_trace(tmp_path / "other", "run-5")
    result = invoke(trace_dir, "delete", str(path), "--yes")
    assert result.exit_code == 10
    assert "it is not in " in result.stderr
    assert path.exists()
    here = str(trace_dir / "run-1" / "trace.msgpack")
    assert invoke(trace_dir, "delete", here, "--yes").exit_code == 0
    assert left(trace_dir) == ["run-2", "run-3"]


def test_a_running_run_is_never_deleted(trace_dir: Path) -> None:
    with growing_trace(trace_dir, "run-4", *SMALL_RUN[:2]) as path:
        os.utime(path, (0, 0))
        result = invoke(trace_dir, "delete", "run-4", "--yes")
        assert result.exit_code == 10
        assert "it is running" in result.stderr
        result = invoke(trace_dir, "prune", "--older-than", "1d", "--larger-than", "0", "--yes")
        assert result.exit_code == 0
        # One that began to run after it was asked for
        with pytest.raises(OutputError, match="it is running"):
            delete_run(trace_dir, "run-4")
        assert left(trace_dir) == ["run-4"]
    assert invoke(trace_dir, "prune", "--status", "running", "--yes").exit_code == 2


@pytest.mark.parametrize(
    ("args", "deleted"),
    [
        (["--older-than", "15d"], ["run-2", "run-1"]),
        (["--older-than", "15d", "--status", "crashed"], ["run-2"]),
        (["--status", "stopped", "--status", "answered"], ["run-3", "run-1"]),
        (["--larger-than", "1TB"], []),
        (["--larger-than", "0"], ["run-3", "run-2", "run-1"]),
        (["--older-than", "60d"], []),
    ],
)
def test_prune_takes_what_all_its_options_choose(
    trace_dir: Path, args: list[str], deleted: list[str]
) -> None:
    would = invoke(trace_dir, "prune", *args, "--dry-run")
    assert would.exit_code == 0
    assert left(trace_dir) == ["run-1", "run-2", "run-3"]
    assert [line.split()[0] for line in would.stdout.splitlines()[:-1]] == deleted
    assert would.stdout.endswith("B would be deleted\n")
    result = invoke(trace_dir, "prune", *args, "--yes", "--json")
    assert result.exit_code == 0
    assert [row["id"] for row in json.loads(result.stdout)] == deleted
    assert left(trace_dir) == sorted({"run-1", "run-2", "run-3"} - set(deleted))


def test_prune_by_size_takes_the_oldest_until_the_rest_fits(trace_dir: Path) -> None:
    sizes = [(trace_dir / f"run-{n}" / "trace.msgpack").stat().st_size for n in (1, 2, 3)]
    fits = ["prune", "--yes", "--larger-than", str(sum(sizes))]
    assert invoke(trace_dir, *fits).exit_code == 0
    assert left(trace_dir) == ["run-1", "run-2", "run-3"]
    assert invoke(trace_dir, *fits[:-1], str(sum(sizes) - 1)).exit_code == 0
    assert left(trace_dir) == ["run-2", "run-3"]
    assert invoke(trace_dir, *fits[:-1], str(sizes[2])).exit_code == 0
    assert left(trace_dir) == ["run-3"]


def test_prune_must_be_told_what(trace_dir: Path) -> None:
    assert invoke(trace_dir, "prune", "--yes").exit_code == 2
    assert len(left(trace_dir)) == 3


def test_no_link_is_followed(trace_dir: Path, tmp_path: Path) -> None:
    outside = write_trace(tmp_path / "outside", "run")
    (trace_dir / "link").symlink_to(outside.parent)
    (trace_dir / "file").mkdir()
    (trace_dir / "file" / "trace.msgpack").symlink_to(outside)
    for name in ("link", "file"):
        with pytest.raises(OutputError, match=f"Cannot delete run '{name}': "):
            delete_run(trace_dir, name)
        result = invoke(trace_dir, "delete", name, "--yes")
        assert result.exit_code == 1
        assert "Cannot delete 1 run of 1" in result.stderr
    assert outside.exists()
    assert (trace_dir / "file" / "trace.msgpack").is_symlink()


def test_a_folder_that_holds_more_than_a_trace_is_kept(trace_dir: Path) -> None:
    (trace_dir / "run-1" / "notes.txt").write_text("mine")
    result = invoke(trace_dir, "prune", "--older-than", "1d", "--yes")
    assert result.exit_code == 1
    assert "there is more in its folder: 'notes.txt'" in result.stderr
    assert left(trace_dir) == ["run-1"]
    assert len(os.listdir(trace_dir / "run-1")) == 2
    # What could be deleted is told all the same
    assert [line.split()[0] for line in result.stdout.splitlines()[:2]] == ["run-3", "run-2"]


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "none", "\0"])
def test_what_is_no_run_is_not_deleted(trace_dir: Path, name: str) -> None:
    write_trace(trace_dir, "a/b")
    (trace_dir / "trace.msgpack").write_bytes(b"")
    before = sorted(trace_dir.rglob("*"))
    with pytest.raises(OutputError, match="Cannot delete"):
        delete_run(trace_dir, name)
    assert sorted(trace_dir.rglob("*")) == before


def test_a_pipe_in_place_of_a_trace_holds_nothing_up(trace_dir: Path) -> None:
    (trace_dir / "pipe").mkdir()
    os.mkfifo(trace_dir / "pipe" / "trace.msgpack")
    delete_run(trace_dir, "pipe")
    assert not (trace_dir / "pipe").exists()
