"""A real run's exports agree with each other, and with what was sent while it went on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.otlp_receiver import open_receiver

pytestmark = [pytest.mark.deno, pytest.mark.usefixtures("assets"), pytest.mark.slow]

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "rlm_runtime" / "examples" / "letter_counts.txt"


def rlm(*args: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "rlm_runtime", *args],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
    )
    return done.stdout


def test_spans_chats_and_lines_of_a_run_agree(tmp_path: Path) -> None:
    traces = {"RLM_TRACE_DIR": str(tmp_path)}
    with open_receiver() as receiver:
        sent = {**traces, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        rlm("run", str(EXAMPLE), "-m", "scripted/letter_counts", "--otel", **sent)
        live = list(receiver.spans)
        receiver.spans.clear()
        rlm("export", "--to", "otel", **sent)
        assert sorted(live, key=repr) == sorted(receiver.spans, key=repr)
    assert len(receiver.tree()) == 19
    known = {span.id: span for span in live}
    for span in live:
        parent = known.get(span.parent, span)
        assert parent.start <= span.start <= span.end <= parent.end
    chats = [json.loads(line) for line in rlm("export", "--to", "chat", **traces).splitlines()]
    assert [len(one["messages"]) for one in chats] == [3, 5, 5, 5]
    assert chats[0]["usage"]["subtree"]["calls"] == 7
    lines = [json.loads(line) for line in rlm("export", "--to", "jsonl", **traces).splitlines()]
    replies = [line["text"] for line in lines if line["kind"] == "model_replied"]
    said = [one["content"] for chat in chats for one in chat["messages"]]
    assert len(replies) == 7 and set(replies) <= set(said)
    assert sum(span.name.startswith("chat ") for span in live) == 7
