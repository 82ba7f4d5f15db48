from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks._synthetic_run import synthetic_events
from rlm_runtime._errors import TraceError
from rlm_runtime._events import NodeEnded
from rlm_runtime._export.html import write_html
from rlm_runtime._export.page_texts import TEXT_CHARS, Texts
from rlm_runtime._trace.reader import open_trace
from rlm_runtime._trace.values import pack_value
from rlm_runtime._trace.writer import open_trace_writer
from tests._cli.events import node_ended, node_started, run_ended, run_started
from tests._export.pages import (
    HOSTILE,
    data_of,
    embedded,
    hostile_events,
    page_of,
    page_of_trace,
)
from tests.traces import growing_trace, write_trace


def test_a_page_holds_what_a_run_did(tmp_path: Path) -> None:
    data = data_of(page_of(tmp_path, *synthetic_events(3)))
    assert data["run"]["status"] == "answered"
    assert [node["node"] for node in data["nodes"]] == [0, 1, 2]
    block = data["nodes"][0]["steps"][1]["blocks"][0]
    assert [sub["child"] for sub in block["subs"]] == [1]
    assert "asyncio.gather" in data["texts"][block["code"]]


def test_hostile_text_ends_no_element(tmp_path: Path) -> None:
    page = page_of(tmp_path, *hostile_events())
    assert not re.search(rb"[<>&]", embedded(page))
    assert page.count(b"<script") == page.count(b"</script>") == 2
    assert b"<!--" not in page
    page.decode("utf-8")


def test_hostile_text_is_in_the_data_as_it_was(tmp_path: Path) -> None:
    events = [run_started(query=HOSTILE), node_started(0, query=HOSTILE)]
    data = data_of(page_of(tmp_path, *events))
    text = data["texts"][data["run"]["query"]]
    # As UTF-16: halves of a pair that stand side by side are one letter in JSON
    assert text.encode("utf-16", "surrogatepass") == HOSTILE.encode("utf-16", "surrogatepass")


def test_numbers_that_json_has_not_are_left_out(tmp_path: Path) -> None:
    page = page_of(tmp_path, run_started(), replace(run_ended(), cost=float("inf")))
    assert data_of(page)["run"]["ended"]["cost"] is None


def test_scripts_and_styles_are_named_by_their_hashes(tmp_path: Path) -> None:
    page = page_of(tmp_path, run_started()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; ")
    assert "unsafe" not in policy[1]
    script = page.partition('<script type="module">')[2].partition("</script>")[0]
    style = page.partition("<style>")[2].partition("</style>")[0]
    for text in (script, style):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]


def test_the_page_names_no_other_place(tmp_path: Path) -> None:
    page = page_of(tmp_path, run_started()).decode()
    found = re.findall(r"https?://[^\"\s]*", page)
    assert found == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"\b(?:src=|innerHTML|outerHTML|insertAdjacentHTML|eval\()", page)


def test_the_script_is_one_and_imports_nothing(tmp_path: Path) -> None:
    page = page_of(tmp_path, run_started()).decode()
    assert not re.search(r"^(?:import|export) ", page, re.M)


def test_a_long_text_keeps_its_ends() -> None:
    texts = Texts(text_chars=100)
    number = texts.add("a" * 200 + "b" * 200)
    assert texts.all[number] == ["a" * 75, 300, "b" * 25]
    assert texts.left_out == 300
    assert texts.add("a" * 200 + "b" * 200) == number


def test_a_page_has_no_more_text_than_it_may() -> None:
    texts = Texts(text_chars=1000, all_chars=5000)
    for number in range(1000):
        texts.add(f"{number:04}" * 1000)
    kept = sum(len(part) for text in texts.all for part in text if isinstance(part, str))
    assert kept <= 6000 + 1000 * 400
    assert texts.left_out == 1000 * 4000 - kept


def test_a_text_is_there_once(tmp_path: Path) -> None:
    page = page_of(tmp_path, *synthetic_events(30))
    system = data_of(page)["texts"][3]
    assert "REPL" in system
    assert page.count(system[:40].encode()) == 1


@pytest.mark.anyio
async def test_what_an_event_cuts_is_taken_from_its_value(tmp_path: Path) -> None:
    whole = "x" * 9000 + "the end"
    async with open_trace_writer(tmp_path, "r1") as writer:
        ref = await writer.keep(whole)
        assert ref == pack_value(whole).ref
        writer.write(run_started())
        cut = f"{whole[:4000]}… (5,007 characters more)"
        writer.write(replace(run_ended(), answer=cut, answer_ref=ref))
        await writer.wait_written()
    data = data_of(page_of_trace(writer.path))
    assert data["texts"][data["run"]["answer"]] == whole


@pytest.mark.anyio
async def test_a_value_that_is_missing_leaves_what_is_told(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r1") as writer:
        writer.write(run_started())
        writer.write(replace(run_ended(), answer="some…", answer_ref="0" * 32))
        await writer.wait_written()
    data = data_of(page_of_trace(writer.path))
    assert data["texts"][data["run"]["answer"]] == "some…"


@pytest.mark.anyio
async def test_a_page_takes_no_more_values_than_it_may(tmp_path: Path) -> None:
    async with open_trace_writer(tmp_path, "r1") as writer:
        ref = await writer.keep("whole")
        writer.write(run_started())
        for number in range(510):
            writer.write(node_started(number))
            ended = node_ended(number)
            assert isinstance(ended, NodeEnded)
            writer.write(replace(ended, answer="cut…", answer_ref=ref))
        await writer.wait_written()
    data = data_of(page_of_trace(writer.path))
    answers = [data["texts"][node["answer"]] for node in data["nodes"]]
    assert answers == ["whole"] * 500 + ["cut…"] * 10


def test_a_very_long_query_is_cut(tmp_path: Path) -> None:
    data = data_of(page_of(tmp_path, run_started(query="q" * 50_000)))
    head, left_out, tail = data["texts"][data["run"]["query"]]
    assert len(head) + len(tail) == TEXT_CHARS
    assert left_out == data["left_out"]["characters"] == 50_000 - TEXT_CHARS


def test_a_run_that_goes_on_is_running(tmp_path: Path) -> None:
    with growing_trace(tmp_path, "r1", run_started()) as path:
        assert data_of(page_of_trace(path))["run"]["status"] == "running"
    assert data_of(page_of_trace(path))["run"]["status"] == "crashed"


def test_a_trace_that_is_damaged_later_on_gives_a_page(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r1", *synthetic_events(2))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + b"\xc1" * 40 + whole[len(whole) // 2 :])
    data = data_of(page_of_trace(path))
    assert data["run"]["query"] > 0
    assert [type(node["node"]) for node in data["nodes"]] == [int] * len(data["nodes"])


def test_a_trace_without_any_event_that_can_be_read_is_an_error(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r1")
    path.write_bytes(b"\xc1" * 100)
    with pytest.raises(TraceError), open_trace(path) as trace:
        write_html(trace, io.BytesIO())


def test_a_title_is_text(tmp_path: Path) -> None:
    path = write_trace(tmp_path, "r</title><b>1".replace("/", "\N{DIVISION SLASH}"))
    assert b"<title>rlm run r&lt;?title&gt;&lt;b&gt;1</title>" in page_of_trace(path)
