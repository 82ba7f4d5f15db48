"""A run is found by whatever names it, and by nothing that names several."""

from __future__ import annotations

from pathlib import Path

import pytest

from rlm_runtime._cli.finding import find_trace
from rlm_runtime._errors import InputError
from tests.traces import write_trace

IDS = ("20261119-120000-0001aaaa", "20261120-120000-0001bbbb", "20261120-120000-0001bbcc")


@pytest.fixture
def trace_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runs"
    for run in IDS:
        write_trace(folder, run)
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("named", "found"),
    [
        (None, IDS[2]),
        (IDS[1], IDS[1]),
        ("20261119", IDS[0]),
        ("2026111", IDS[0]),
        ("20261120-120000-0001bbb", IDS[1]),
        ("{dir}/" + IDS[1], IDS[1]),
        ("{dir}/" + IDS[1] + "/trace.msgpack", IDS[1]),
        ("runs/" + IDS[1] + "/", IDS[1]),
    ],
)
def test_run_is_found(trace_dir: Path, named: str | None, found: str) -> None:
    path = find_trace(named and named.format(dir=trace_dir), trace_dir)
    assert path.resolve() == trace_dir / found / "trace.msgpack"


def test_an_id_wins_over_a_path_and_a_whole_id_over_longer_ones(trace_dir: Path) -> None:
    Path(IDS[0]).write_bytes(b"")
    write_trace(trace_dir, IDS[0] + "-2")
    assert find_trace(IDS[0], trace_dir) == trace_dir / IDS[0] / "trace.msgpack"


def test_fewer_than_four_characters_name_no_run(trace_dir: Path) -> None:
    write_trace(trace_dir, "abcd-1")
    assert find_trace("abcd", trace_dir) == trace_dir / "abcd-1" / "trace.msgpack"
    with pytest.raises(InputError, match="Cannot find run 'abc': none"):
        find_trace("abc", trace_dir)


def test_what_names_several_runs_names_none(trace_dir: Path) -> None:
    with pytest.raises(InputError, match="'20261120': 2 runs begin like this") as error:
        find_trace("20261120", trace_dir)
    assert error.value.__notes__ == [f"say more of it: {IDS[2]}, {IDS[1]}"]
    for number in range(9):
        write_trace(trace_dir, f"20261120-2{number}")
    with pytest.raises(InputError, match="11 runs") as error:
        find_trace("20261120", trace_dir)
    assert error.value.__notes__[0].endswith("20261120-24, …")


@pytest.mark.parametrize(
    "named",
    ["r9999", "", "..", ".", "a\0b", "x" * 5000, "no/such", "202", "../runs"],
)
def test_what_names_no_run_is_said(trace_dir: Path, named: str) -> None:
    with pytest.raises(InputError, match="Cannot find run"):
        find_trace(named, trace_dir)


def test_two_dots_name_no_run_beside_the_folder(trace_dir: Path) -> None:
    write_trace(trace_dir.parent, ".")
    with pytest.raises(InputError):
        find_trace("..", trace_dir)


def test_an_empty_folder_has_no_newest_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Cannot find the newest run: there is none in"):
        find_trace(None, tmp_path)
