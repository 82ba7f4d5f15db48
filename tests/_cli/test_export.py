"""`rlm export` gives a run in each form, as far as its trace can be read."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rlm_runtime._cli import cli
from tests._cli.events import SMALL_RUN, code
from tests._export.played import damage
from tests.otlp_receiver import open_receiver
from tests.traces import write_trace


@pytest.fixture(autouse=True)
def trace_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "traces"
    monkeypatch.setenv("RLM_TRACE_DIR", str(folder))
    monkeypatch.chdir(tmp_path)
    write_trace(folder, "older", *SMALL_RUN[:4])
    write_trace(folder, "r1-newest", *SMALL_RUN)
    return folder


def invoke(*args: str) -> Result:
    return CliRunner().invoke(cli, ["export", *args])


def test_the_newest_run_is_written_to_stdout() -> None:
    result = invoke("--to", "jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    kinds = [json.loads(line)["kind"] for line in result.stdout.splitlines()]
    assert (kinds[0], kinds[-1], len(kinds)) == ("run_started", "run_ended", len(SMALL_RUN))


def test_a_run_is_found_by_the_beginning_of_its_id() -> None:
    assert len(invoke("olde", "--to", "jsonl").stdout.splitlines()) == 4


def test_chats_are_of_nodes_and_can_be_of_those_with_an_answer() -> None:
    assert invoke("older", "--to", "chat").exit_code == 0
    assert invoke("older", "--to", "chat", "--answered-only").stdout == ""


def test_a_file_is_replaced_when_all_is_there(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("old")
    result = invoke("--to", "jsonl", "-o", "out")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "rlm: Wrote 'out'\n"
    assert len((tmp_path / "out").read_text().splitlines()) == len(SMALL_RUN)
    assert sorted(os.listdir(tmp_path)) == ["out", "traces"]


def test_a_page_goes_to_a_pipe_or_a_file(tmp_path: Path) -> None:
    assert invoke("--to", "html").stdout.startswith("<!doctype html>")
    assert invoke("--to", "html", "-o", "page.html").exit_code == 0
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_a_page_for_a_terminal_goes_to_a_file_named_after_the_run(tmp_path: Path) -> None:
    primary, secondary = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "rlm_runtime", "export", "--to", "html"],
        stdout=secondary,
        stderr=subprocess.PIPE,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    os.close(secondary)
    os.close(primary)
    assert (done.returncode, done.stderr) == (0, b"rlm: Wrote 'r1-newest.html'\n")
    assert (tmp_path / "r1-newest.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("form", ["jsonl", "html"])
def test_of_a_damaged_trace_what_can_be_read_is_written_and_it_is_exit_10(
    form: str, trace_dir: Path, tmp_path: Path
) -> None:
    events = [*SMALL_RUN[:4], code(0, 0, "damaged"), *SMALL_RUN[4:]]
    damage(write_trace(trace_dir, "r2", *events), b"damaged")
    result = invoke("r2", "--to", form, "-o", "out")
    assert result.exit_code == 10
    assert "rlm: Cannot read trace " in result.stderr
    assert "How many?" in (tmp_path / "out").read_text()


def test_no_such_run_is_exit_10() -> None:
    result = invoke("nothing", "--to", "chat")
    assert (result.exit_code, result.stdout) == (10, "")


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ((), "Missing option '--to'"),
        (("--to", "otel", "-o", "x"), "-o does not go with --to otel"),
        (("--to", "html", "--content"), "--content does not go with --to html"),
        (("--to", "jsonl", "--answered-only"), "--answered-only goes with --to chat only"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(
    args: tuple[str, ...], reason: str
) -> None:
    result = invoke(*args)
    assert result.exit_code == 2
    assert reason in result.stderr


def test_spans_are_sent_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_receiver() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        result = invoke("--to", "otel")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"rlm: Sent 7 spans to {receiver.url}/v1/traces\n"
    assert len(receiver.spans) == 7


def test_a_collector_that_refuses_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    with open_receiver() as receiver:
        receiver.statuses = [400]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        result = invoke("--to", "otel")
    assert result.exit_code == 1
    assert result.stderr.startswith("rlm: Cannot send spans to ")


def test_a_collector_that_is_not_there_is_told_in_few_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:  # it listens to nobody
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        # Time for one more try
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3")
        result = invoke("--to", "otel")
    assert result.exit_code == 1
    assert result.stderr == f"rlm: Cannot send spans to '{url}/v1/traces': connection refused\n"
