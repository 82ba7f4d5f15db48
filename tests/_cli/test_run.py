"""What `rlm run` refuses before anything is paid for."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rlm_runtime._cli import main

FREE = ("-m", "m", "--base-url", "http://127.0.0.1:9/v1")


@pytest.fixture(autouse=True)
def empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in os.environ:
        if name.startswith("RLM_") or name == "OPENAI_API_KEY":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RLM_TRACE_DIR", str(tmp_path / "traces"))
    return tmp_path


def run(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *args: str
) -> tuple[int, str]:
    """Run in this process; give the exit status and stderr, and see that stdout stays empty."""
    monkeypatch.setattr(sys, "argv", ["rlm", *args])
    with pytest.raises(SystemExit) as caught:
        main()
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert isinstance(caught.value.code, int)
    return caught.value.code, captured.err


@pytest.mark.parametrize(
    ("args", "status", "message"),
    [
        (["run"], 2, "rlm: Give the task as a file or with -p TEXT, one of the two"),
        (["run", "t.txt", "-p", "x"], 2, "rlm: Give the task as a file or with -p TEXT"),
        (["run", "-p", " "], 2, "rlm: The task given with -p is empty"),
        (["run", "-", "-c", "-"], 2, "rlm: Only one of task and context can come from stdin"),
        (["run", "-p", "x", "--max-speed", "9"], 2, "rlm: No such option"),
        (["run", "-p", "x", "--max-depth", "-1"], 2, "rlm: Cannot set max_depth to -1"),
        (["run", "-p", "x", "--spare-sandboxes", "-1"], 2, "rlm: Invalid value for '--spare-"),
        (["run", "-p", "x", "--prompts", "none"], 2, "rlm: Invalid value for '--prompts'"),
        (["run", "-p", "x", "-o", "no/f"], 2, "rlm: Cannot write to 'no/f': no such file"),
        (["fly"], 2, "rlm: No such command 'fly'"),
        (["run", "-p", "x"], 11, "rlm: Cannot run: no model is configured"),
        (["run", "-p", "x", *FREE, "--package", "a", "--package=-r x"], 11, "rlm: Cannot use pack"),
        (
            ["run", "-p", "x", *FREE, "--package", "a @ file:///a.whl"],
            11,
            "rlm: Cannot use package",
        ),
        (["run", "no.txt", "-m", "m"], 10, "rlm: Cannot read task 'no.txt': no such file"),
        (["run", "no.txt", "-m", "m"], 10, "rlm: hint: -p TEXT gives the task itself"),
        (["run", "-p", "x", "-m", "m", "-c", "no"], 10, "rlm: Cannot read context 'no': no such"),
        (["run", "-p", "x", "-m", "m", "-c", "."], 10, "rlm: Cannot read context '.': there is no"),
    ],
)
def test_refused(
    args: list[str],
    status: int,
    message: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, stderr = run(capfd, monkeypatch, *args)
    assert found == status
    assert any(line.startswith(message) for line in stderr.splitlines()), stderr


def test_packages_come_from_a_variable_too(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RLM_PACKAGE", "attrs>=25 --index-url=x")
    status, stderr = run(capfd, monkeypatch, "run", "-p", "x", *FREE)
    assert (status, "Cannot use package '--index-url=x'" in stderr) == (11, True)


def test_no_model_names_the_three_ways(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stderr = run(capfd, monkeypatch, "run", "-p", "x")[1]
    for way in ("OPENAI_API_KEY", "--base-url", "-m scripted/letter_counts"):
        assert way in stderr


def test_skipped_files_are_warned_of_but_not_all(
    empty_place: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = empty_place / "data"
    folder.mkdir()
    for number in range(15):
        (folder / f"{number:02}.bin").write_bytes(b"\xff")
    (folder / "ok.txt").write_text("ok")
    # This model ends the command after the context was read
    status, stderr = run(capfd, monkeypatch, "run", "-p", "x", "-c", "data", "-m", "scripted/none")
    warnings = [line for line in stderr.splitlines() if line.startswith("rlm: warning: ")]
    assert status == 11
    assert len(warnings) == 11
    assert warnings[0].endswith("00.bin' out of the context: it is not UTF-8 text (byte 0)")
    assert warnings[-1] == "rlm: warning: Left 5 more out of the context"


def test_unexpected_error_is_one_line_unless_debugging(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", object())
    status, stderr = run(capfd, monkeypatch, "run", "-", "-m", "m")
    assert status == 1
    assert stderr.splitlines() == [
        "rlm: Unexpected AttributeError: 'object' object has no attribute 'buffer'",
        "rlm: hint: --debug shows where it happened",
    ]
    monkeypatch.setattr(sys, "argv", ["rlm", "run", "-", "-m", "m", "--debug"])
    with pytest.raises(SystemExit):
        main()
    assert "Traceback (most recent call last)" in capfd.readouterr().err
